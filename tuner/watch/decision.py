"""Decides whether a function has become so much slower at the same size that it should be tuned again.

Hosts alone make a function faster or slower from week to week, so one slow week proves nothing: two in a row have to
lie above the threshold, and the chance that the function itself changed has to be high. It knows no logs and no money.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist, fmean

from tuner.model import Interval
from tuner.watch.weeks import Week

LATEST_WEEKS = 2
"""Weeks in a row that have to be slower."""
FEWEST_EARLIER_WEEKS = 2
"""Weeks before them that say what the function took until then."""
FEWEST_WEEKS = LATEST_WEEKS + FEWEST_EARLIER_WEEKS
"""Weeks below which nothing can be told."""
HOST_SD = 0.061
"""Standard deviation of a week's log duration by its hosts alone. A quarter of arm64 functions that compute differ by
more than 10% from one month to another: ln 1.1 / 1.15 / sqrt 2."""
LEAST_DAY_SD = 0.01
"""Days differ by at least this much in their log median: less is chance in few days."""
CHANGE_SD = 0.4
"""Standard deviation of the log duration ratio of a change: most lie between a third less and half as much again."""
CHANCE_OF_CHANGE, CHANCE_AFTER_RELEASE = 0.02, 0.5
"""Chance before looking that a function changed in two weeks: rarely by itself, as likely as not by a release."""
ENOUGH = 0.9
"""Chance that the excess is above the threshold from which on a function is tuned again."""


class Watched(StrEnum):
    """What becomes of a function."""

    TUNE = "tune"
    """It is tuned again."""
    LEAVE = "leave"
    """It is left alone."""
    TOO_FEW_WEEKS = "too_few_weeks"
    """Its log shows too few weeks to tell."""


@dataclass(frozen=True, slots=True)
class WatchDecision:
    """What becomes of a function, and why.

    Attributes:
        outcome: what becomes of it.
        chance: that the excess is above the threshold; 0: nothing is known.
        excess: how much slower it is than before, as a fraction with its 95% interval; None: nothing is known.
        weeks: that the log shows.
    """

    outcome: Watched
    chance: float
    excess: Interval | None
    weeks: int


def decide(weeks: Sequence[Week], *, threshold: float, released: bool) -> WatchDecision:
    """Compare the last two weeks with those before.

    The prior holds a function that did not change and one that changed by a normal log ratio. Its evidence is the
    difference of means, whose variance is that of the hosts of each week and of its days.

    Args:
        weeks: of one size and one tuning, oldest first.
        threshold: excess that is accepted, as a fraction, e.g. 0.1.
        released: whether the code changed in the last two weeks or shortly before.
    """
    if len(weeks) < FEWEST_WEEKS:
        return WatchDecision(Watched.TOO_FEW_WEEKS, 0.0, None, len(weeks))
    earlier, latest = weeks[:-LATEST_WEEKS], weeks[-LATEST_WEEKS:]
    day_variance = _day_variance(weeks)
    before, before_variance = _mean(earlier, day_variance)
    after, after_variance = _mean(latest, day_variance)
    change, changed = _posterior(after - before, before_variance + after_variance, released=released)
    limit = math.log1p(threshold)
    chance = changed * (1.0 - change.cdf(limit))
    slower = all(fmean(week.log_medians) - before > limit for week in latest)
    outcome = Watched.TUNE if slower and chance >= ENOUGH else Watched.LEAVE
    return WatchDecision(outcome, chance, _excess(after - before, before_variance + after_variance), len(weeks))


def _mean(weeks: Sequence[Week], day_variance: float) -> tuple[float, float]:
    """Mean of weeks weighted by their certainty, and its variance."""
    weights = [1.0 / (HOST_SD**2 + day_variance / len(week.log_medians)) for week in weeks]
    total = math.fsum(weights)
    means = (weight * fmean(week.log_medians) for weight, week in zip(weights, weeks, strict=True))
    return math.fsum(means) / total, 1.0 / total


def _day_variance(weeks: Sequence[Week]) -> float:
    """Variance of days within their weeks, pooled."""
    freedom = sum(len(week.log_medians) - 1 for week in weeks)
    squares = math.fsum(
        (day - mean) ** 2 for week in weeks for mean in [fmean(week.log_medians)] for day in week.log_medians
    )
    return max(squares / freedom if freedom else 0.0, LEAST_DAY_SD**2)


def _posterior(difference: float, noise: float, *, released: bool) -> tuple[NormalDist, float]:
    """The change if there is one, and the chance that there is one."""
    prior = CHANCE_AFTER_RELEASE if released else CHANCE_OF_CHANGE
    same = NormalDist(0.0, math.sqrt(noise)).pdf(difference)
    other = NormalDist(0.0, math.sqrt(noise + CHANGE_SD**2)).pdf(difference)
    weight = prior * other
    share = CHANGE_SD**2 / (CHANGE_SD**2 + noise)
    return NormalDist(difference * share, math.sqrt(noise * share)), weight / (weight + (1.0 - prior) * same)


def _excess(difference: float, noise: float) -> Interval:
    spread = NormalDist().inv_cdf(0.975) * math.sqrt(noise)
    return Interval(math.expm1(difference), math.expm1(difference - spread), math.expm1(difference + spread))
