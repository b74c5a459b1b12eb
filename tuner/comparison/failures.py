"""Whether the candidate fails more often than the baseline.

Runs are the unit here: an environment that crashed is replaced, and what a handler raises
depends on its code and payload, not on its host.
"""

from __future__ import annotations

from tuner.comparison.question import Metric
from tuner.comparison.run_series import Tally
from tuner.comparison.statistics.counts import fisher_exact
from tuner.comparison.verdicts import Finding, Verdict
from tuner.model import Configuration

CRASH_RUNS = 4
"""Runs of either side from which a candidate that always fails can be called broken."""
CRASH_CHANCE = 0.004
"""It is broken when chance shows that at most so often. For a baseline that never failed in as many runs this
is 4^-4: of two functions that are alike, whatever their share of failures, chance shows that less often."""
LIKELY_BY_CHANCE = 0.2
"""More failures than before are put down to chance when it gives as many at least so often …"""
FAILURE_MARGIN = 0.05
"""… and when their share has grown by no more than this."""


def crash(before: Tally, after: Tally) -> str:
    """Why the candidate counts as broken, which needs no further statistics; empty: it does not.

    It failed in every one of `CRASH_RUNS` runs or more. The baseline never failed in as many, or so seldom that
    chance hardly explains it (Fisher's exact test).
    """
    if after.usable or after.failed < CRASH_RUNS or before.usable < CRASH_RUNS:
        return ""
    if before.failed and fisher_exact((before.failed, after.failed), (before.runs, after.runs)) > CRASH_CHANCE:
        return ""
    seldom = f"{before.failed} of {before.runs} before" if before.failed else "the baseline succeeded"
    return f"{after.failed} of {after.runs} runs failed ({after.error}); {seldom}"


def failure_finding(configuration: Configuration | None, before: Tally, after: Tally, alpha: float) -> Finding:
    """Compare the shares of failed runs of baseline and candidate.

    More failures than before are worse when chance (Fisher's exact test) hardly gives so many. They
    are the same when the baseline failed now and then as well, and they are few and likely enough
    to be chance. A candidate that fails where the baseline never did is never called the same.
    """
    shares = [tally.failed / tally.runs if tally.runs else 0.0 for tally in (before, after)]
    more = shares[1] > shares[0]
    runs, failures = (before.runs, after.runs), (before.failed, after.failed)
    reason = f"{after.failed} of {after.runs} runs failed, {before.failed} of {before.runs} before"
    reason = reason + (f" ({after.error})" if more else "") if any(failures) else ""
    if crashed := crash(before, after):
        verdict, reason = Verdict.WORSE, crashed
    elif not all(runs):
        verdict, reason = Verdict.NOT_DECIDED, "nothing ran on one of the sides"
    elif more:
        chance = fisher_exact(failures, runs)
        likely = before.failed > 0 and chance > LIKELY_BY_CHANCE and shares[1] - shares[0] <= FAILURE_MARGIN
        verdict = Verdict.WORSE if chance <= alpha else Verdict.SAME if likely else Verdict.NOT_DECIDED
    else:
        fewer = shares[1] < shares[0] and fisher_exact(failures[::-1], runs[::-1]) <= alpha
        verdict = Verdict.BETTER if fewer else Verdict.SAME
    return Finding(
        Metric.FAILURES,
        configuration,
        verdict,
        reason=reason,
        baseline=shares[0],
        candidate=shares[1],
        units=sum(runs),
        runs=sum(runs),
    )
