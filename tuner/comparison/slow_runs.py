"""Whether more runs of the candidate are slow: what the counts say, and what so many runs could have shown.

Knows nothing of pairs or documents, which decide how the chances are computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tuner.comparison.question import SLOW_FACTOR, SLOW_SHARE_TOLERANCE, Metric
from tuner.comparison.verdicts import Finding, Verdict, reachable
from tuner.model import Configuration

SAME_ERROR = 0.02
"""Chance that a tail is called the same although more runs are slow than `SLOW_SHARE_TOLERANCE`. That takes 194 runs
of either side without a slow one, which the default of 400 invocations in AWS just allows."""


@dataclass(frozen=True, slots=True)
class SlowCounts:
    """Slow runs and all runs of baseline and candidate."""

    slow_before: int
    before: int
    slow_after: int
    after: int

    @property
    def shares(self) -> tuple[float, float]:
        """Shares of slow runs, of baseline and candidate."""
        return self.slow_before / max(1, self.before), self.slow_after / max(1, self.after)

    def highest_excess(self, alpha: float) -> float:
        """Upper bound, wrong with the chance `alpha`, of how much the share has grown.

        Newcombe (1998), Statistics in Medicine 17, 873: Clopper-Pearson bounds of both shares combined.
        """
        from scipy.special import betaincinv

        before, after = self.shares
        low = float(betaincinv(self.slow_before, self.before - self.slow_before + 1, alpha)) if self.slow_before else 0
        high = 1.0
        if self.slow_after < self.after:
            high = float(betaincinv(self.slow_after + 1, self.after - self.slow_after, 1 - alpha))
        return after - before + math.hypot(high - after, before - low)


def least_runs_without_slow(alpha: float) -> int:
    """Runs of either side that prove a tail the same when none of them is slow."""
    return math.ceil(math.log(alpha) / math.log1p(-SLOW_SHARE_TOLERANCE))


def tail_finding(
    configuration: Configuration | None,
    counts: SlowCounts,
    chances: tuple[float, float],
    level: float,
    *,
    units: int,
    runs: int,
) -> Finding:
    """The finding of the tail.

    Args:
        configuration: where; None: over all.
        counts: slow runs.
        chances: of so many more, and of so many fewer, slow runs if nothing changed.
        level: chance from which a change is proved.
        units: environments of both sides.
        runs: invocations of both sides.
    """
    alpha = SAME_ERROR
    excess = counts.highest_excess(alpha)
    worse, better = chances
    verdict = Verdict.NOT_DECIDED
    if worse <= level:
        verdict = Verdict.WORSE
    elif better <= level:
        verdict = Verdict.BETTER
    elif excess <= SLOW_SHARE_TOLERANCE:
        verdict = Verdict.SAME
    before, after = counts.shares
    undecided = verdict is Verdict.NOT_DECIDED
    return Finding(
        Metric.TAIL,
        configuration,
        verdict,
        _told(counts, excess, verdict),
        baseline=before,
        candidate=after,
        units=units,
        runs=runs,
        runs_to_decide=_runs_to_decide(counts, excess, alpha, runs) if undecided else None,
        leans_worse=undecided and after - before > SLOW_SHARE_TOLERANCE,
    )


def _told(counts: SlowCounts, excess: float, verdict: Verdict) -> str:
    """The counts in words, and what they could have shown; of a change that is proved, why it is where they do not."""
    slow = f"{counts.slow_after} of {counts.after} runs took over {SLOW_FACTOR:g} times the median"
    slow = f"{slow}, {counts.slow_before} of {counts.before} before"
    before, after = counts.shares
    if (verdict is Verdict.WORSE and after <= before) or (verdict is Verdict.BETTER and after >= before):
        return f"{slow}; those that did lie {'further' if verdict is Verdict.WORSE else 'less far'} above it"
    return f"{slow}; their share grew by at most {100 * max(0.0, excess):.1f} points"


def _runs_to_decide(counts: SlowCounts, excess: float, alpha: float, runs: int) -> int | None:
    """Runs of both sides that would prove the tail the same, or worse, at the shares seen."""
    before, after = counts.shares
    gap = SLOW_SHARE_TOLERANCE - (after - before)
    if not runs or not gap:
        return None
    if not counts.slow_after and not counts.slow_before:
        least = least_runs_without_slow(alpha)
        return reachable(runs, least / max(1, min(counts.before, counts.after)))
    return reachable(runs, ((excess - (after - before)) / gap) ** 2)
