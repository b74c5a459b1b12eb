"""Exact tests of counts.

Knows nothing of functions or metrics.
"""

from __future__ import annotations

import math


def fisher_exact(failed: tuple[int, int], ran: tuple[int, int]) -> float:
    """Chance that the candidate fails at least so much more often by accident (Fisher's exact test, one-sided).

    Args:
        failed: failed runs of baseline and candidate.
        ran: their runs.
    """
    total, failures = sum(ran), sum(failed)
    ways = math.comb(total, failures)
    most = min(failures, ran[1])
    return sum(math.comb(ran[1], k) * math.comb(ran[0], failures - k) for k in range(failed[1], most + 1)) / ways
