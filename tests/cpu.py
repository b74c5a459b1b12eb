"""CPU time of some work beside that of work that is known: a slow or a busy machine slows both."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

REFERENCE_S = 0.037
"""CPU seconds of `_reference` on a quiet core of 2026, on which the bounds of the tests were found."""
TRIES = 5
"""What else the machine does can only add: the quickest of a few counts."""


def cpu_s(work: Callable[[], object]) -> float:
    """The CPU seconds that some work takes here and now."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def assert_takes_at_most(bound_s: float, work: Callable[[], object]) -> None:
    """Hold some work to so many CPU seconds of a quiet core, on a machine of any speed."""
    found_s = []
    for _ in range(TRIES):
        found_s.append(REFERENCE_S * cpu_s(work) / cpu_s(_reference))
        if found_s[-1] < bound_s:
            return
    raise AssertionError(f"takes {min(found_s):.3f} s of CPU, and may take {bound_s} s")


def _reference() -> None:
    """As much of Python as of arrays, roughly."""
    sum(n * n for n in range(250_000))
    for _ in range(2):
        np.sort(np.exp(np.random.default_rng(0).standard_normal(200_000)))
