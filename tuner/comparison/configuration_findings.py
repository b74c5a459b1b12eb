"""What two results say of every metric, at each configuration and over all of them.

Environments are the unit. Decides from both sides of each configuration; knows nothing of documents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tuner.comparison.failures import failure_finding
from tuner.comparison.metrics import CENSORED, resolution, run_values, values, why_missing
from tuner.comparison.question import SLOW_FACTOR, Metric, Question
from tuner.comparison.result_pairs import ConfigurationPair
from tuner.comparison.run_series import RunSeries, Tally
from tuner.comparison.slow_runs import SlowCounts, tail_finding
from tuner.comparison.statistics.differences import Difference, Units, differences, overall_difference
from tuner.comparison.statistics.strata import (
    Stratum,
    chance_of_fewer,
    chance_of_more,
    quantile_bounds,
    quantile_shift,
)
from tuner.comparison.verdicts import (
    OUT_OF_REACH,
    Finding,
    Verdict,
    distance_to_decision,
    effect_interval,
    judge,
    reachable,
)
from tuner.model import Configuration
from tuner.pricing.price_list import PriceList

LEAST_ENVIRONMENTS = 3
"""Environments on each side from which one configuration gets a verdict of its own. Two tell their spread so
badly that over six configurations a change of the threshold itself is called worse too often."""
HIGH_QUANTILE = 0.95
FEW_ENVIRONMENTS = "a configuration needs 3 environments on each side for a verdict: use --environments 4 or more"
DRIFTS_TOO_FAR = "what may have moved between the sessions leaves it open, whatever the runs; a duet has no such drift"
ALL_UNITS = 1e6
"""Times as many units as there are: with so many, only the drift is left."""


def judge_configurations(
    pairs: Sequence[ConfigurationPair], prices: PriceList, question: Question, *, drift_sd: float = 0.0
) -> list[Finding]:
    """The findings of all metrics: those over all configurations first, then one for each.

    Args:
        pairs: both sides of each configuration.
        prices: what a run costs.
        question: metrics, threshold and confidence.
        drift_sd: spread between two sessions of measuring, in log units; it widens every interval.
    """
    findings: list[Finding] = []
    backed = [pair for pair in pairs if pair.measurable]
    for metric in question.metrics:
        if metric is Metric.TAIL:
            findings.append(_tail_finding(backed, question, drift_sd))
        elif metric is Metric.P95:
            findings.extend(_p95_findings(backed, question, drift_sd))
        else:
            findings.extend(_metric_findings(metric, backed, prices, question, drift_sd))
    findings.extend(_failure_findings(pairs, question))
    return sorted(findings, key=lambda finding: finding.configuration is not None)


def _metric_findings(
    metric: Metric, pairs: Sequence[ConfigurationPair], prices: PriceList, question: Question, drift_sd: float
) -> list[Finding]:
    """The finding over all configurations and, where there are several, one for each."""
    grouped = [(pair, _groups(metric, pair, prices)) for pair in pairs]
    grouped = [(pair, (b, c)) for pair, (b, c) in grouped if b.values and c.values]
    if not grouped:
        return [_missing(metric, usable=bool(pairs))]
    groups = [pair_groups for _, pair_groups in grouped]
    several = len(grouped) > 1
    alpha = question.alpha(metric) / (2 if several else 1)
    units = sum(len(b.values) + len(c.values) for b, c in groups)
    runs = sum(_runs(pair) for pair, _ in grouped)
    alone = not several and _few(*groups[0])
    whole = _finding(
        metric, None, None if alone else overall_difference(groups, drift_sd), alpha, question, units, runs
    )
    if not several:
        return [_with_values(whole, *groups[0])]
    found = differences(groups, drift_sd)
    singles = []
    for index, (pair, (b, c)) in enumerate(grouped):
        difference = None if found is None or _few(b, c) else found[index]
        size = (len(b.values) + len(c.values), _runs(pair))
        single = _finding(metric, pair.configuration, difference, alpha / len(grouped), question, *size)
        singles.append(_with_values(single, b, c))
    return [whole, *singles]


def _few(baseline: Units, candidate: Units) -> bool:
    """Whether one configuration has too few environments for a verdict of its own."""
    return min(len(baseline.values), len(candidate.values)) < LEAST_ENVIRONMENTS


def _groups(metric: Metric, pair: ConfigurationPair, prices: PriceList) -> tuple[Units, Units]:
    def group(series: RunSeries) -> Units:
        found = values(series, metric, prices)
        rounding = resolution(metric, found[0], pair.configuration, prices) if found else 0.0
        return Units(found, rounding)

    return group(pair.baseline), group(pair.candidate)


def _finding(
    metric: Metric,
    configuration: Configuration | None,
    difference: Difference | None,
    alpha: float,
    question: Question,
    units: int,
    runs: int,
) -> Finding:
    if difference is None:
        return Finding(metric, configuration, Verdict.NOT_DECIDED, FEW_ENVIRONMENTS, units=units, runs=runs)
    low, high = difference.bounds(alpha)
    verdict = judge(low, high, question.log_threshold)
    undecided = verdict is Verdict.NOT_DECIDED
    hopeless = undecided and _drifts_too_far(difference, alpha, question.log_threshold)
    return Finding(
        metric,
        configuration,
        verdict,
        DRIFTS_TOO_FAR if hopeless else "",
        effect=effect_interval(difference.estimate, low, high, alpha),
        units=units,
        runs=runs,
        runs_to_decide=_runs_to_decide(difference, alpha, question.log_threshold, units, runs) if undecided else None,
        leans_worse=undecided and difference.estimate > question.log_threshold,
    )


def _with_values(finding: Finding, baseline: Units, candidate: Units) -> Finding:
    return replace(finding, baseline=math.exp(baseline.mean), candidate=math.exp(candidate.mean))


def _drifts_too_far(difference: Difference, alpha: float, threshold: float) -> bool:
    """Whether what moved between the sessions leaves the effect open, however many runs there are."""
    low, high = difference.with_units(ALL_UNITS, ALL_UNITS).bounds(alpha)
    return difference.drift_sd > 0 and (high - low) / 2 >= distance_to_decision(difference.estimate, threshold)


def _runs_to_decide(difference: Difference, alpha: float, threshold: float, units: int, runs: int) -> int | None:
    """Runs of both sides that would decide at the effect and spread seen; None: out of reach.

    What drifts between two sessions does not shrink with more runs.
    """
    distance = distance_to_decision(difference.estimate, threshold)
    factor = 1.0
    while factor < OUT_OF_REACH:
        factor *= 1.1
        low, high = difference.with_units(factor, units * (factor - 1)).bounds(alpha)
        if (high - low) / 2 < distance:
            return reachable(runs, factor)
    return None


def _missing(metric: Metric, *, usable: bool = False) -> Finding:
    return Finding(metric, None, Verdict.NOT_DECIDED, why_missing(metric, usable=usable))


def _runs(pair: ConfigurationPair) -> int:
    return pair.baseline.tally.runs + pair.candidate.tally.runs


def _stratum(pair: ConfigurationPair, *, cold: bool, before: float, after: float) -> Stratum | None:
    """The log durations of both sides; `before` and `after` are added to runs that were cut off."""
    sides = [
        tuple(
            runs
            for group in series.environments
            if (runs := run_values(group, Metric.DURATION, cold=cold, censored=censored))
        )
        for series, censored in ((pair.baseline, before), (pair.candidate, after))
    ]
    return Stratum(*sides) if all(sides) else None


def _tail_finding(pairs: Sequence[ConfigurationPair], question: Question, drift_sd: float) -> Finding:
    """Whether more runs are slow, over all configurations. Warm and cold runs count, each by its own median."""
    kinds = [(pair, cold) for pair in pairs for cold in ((True,) if pair.baseline.cold else (False, True))]
    sides = [_stratum(pair, cold=cold, before=CENSORED, after=CENSORED) for pair, cold in kinds]
    strata = [stratum for stratum in sides if stratum]
    if not strata:
        return _missing(Metric.TAIL)
    shift = question.log_threshold + drift_sd
    chances = []
    for chance, moved in ((chance_of_more, shift), (chance_of_fewer, -shift)):
        plain = [stratum.scaled_back(moved) for stratum in strata]
        chances.append(chance(plain, _slow_cuts(plain), 0.0))
    plain = [stratum.scaled_back(shift) for stratum in strata]
    found = [stratum.counts(cut, 0.0) for stratum, cut in zip(plain, _slow_cuts(plain), strict=True)]
    slow = np.array(found).sum(axis=0)
    units = [sum(len(side.environments) for side in sides) for sides in _sides(pairs)]
    finding = tail_finding(
        None,
        SlowCounts(*map(int, slow)),
        (chances[0], chances[1]),
        question.alpha(Metric.TAIL),
        units=sum(units),
        runs=sum(map(_runs, pairs)),
    )
    if finding.verdict is Verdict.SAME and min(units) < LEAST_ENVIRONMENTS:
        # The runs of one environment agree: however many they are, they tell nothing of others.
        return replace(finding, verdict=Verdict.NOT_DECIDED, reason=f"{finding.reason}; {FEW_ENVIRONMENTS}")
    return finding


def _slow_cuts(strata: Sequence[Stratum]) -> list[float]:
    """The log value beyond which a run is slow, for each stratum."""
    return [float(np.median(stratum.together(0.0))) + math.log(SLOW_FACTOR) for stratum in strata]


def _sides(pairs: Sequence[ConfigurationPair]) -> tuple[list[RunSeries], list[RunSeries]]:
    """The series of either side."""
    return [pair.baseline for pair in pairs], [pair.candidate for pair in pairs]


def _p95_findings(pairs: Sequence[ConfigurationPair], question: Question, drift_sd: float) -> list[Finding]:
    """The 95th percentile over all configurations and, where there are several, at each."""
    backed = [pair for pair in pairs if _stratum(pair, cold=pair.baseline.cold, before=0.0, after=0.0)]
    if not backed:
        return [_missing(Metric.P95)]
    several = len(backed) > 1
    alpha = question.alpha(Metric.P95) / (2 if several else 1)
    whole = _p95_finding(None, backed, alpha, question, drift_sd)
    if not several:
        return [whole]
    share = alpha / len(backed)
    return [whole, *(_p95_finding(pair.configuration, [pair], share, question, drift_sd) for pair in backed)]


def _p95_finding(
    configuration: Configuration | None,
    pairs: Sequence[ConfigurationPair],
    alpha: float,
    question: Question,
    drift_sd: float,
) -> Finding:
    """The shift of the 95th percentile. A run that was cut off never speaks for the side that it is of."""
    slower = [s for p in pairs if (s := _stratum(p, cold=p.baseline.cold, before=CENSORED, after=0.0))]
    quicker = [s for p in pairs if (s := _stratum(p, cold=p.baseline.cold, before=0.0, after=CENSORED))]
    low = quantile_bounds(slower, HIGH_QUANTILE, alpha)[0]
    high = quantile_bounds(quicker, HIGH_QUANTILE, alpha)[1]
    centre = quantile_shift(slower, HIGH_QUANTILE)
    widened = _z(alpha) * drift_sd
    low, high = centre - math.hypot(centre - low, widened), centre + math.hypot(high - centre, widened)
    verdict = judge(low, high, question.log_threshold)
    finding = Finding(
        Metric.P95,
        configuration,
        verdict,
        effect=effect_interval(centre, low, high, alpha),
        units=sum(len(s.baseline) + len(s.candidate) for s in slower),
        runs=sum(map(_runs, pairs)),
        too_few=math.isinf(low),
    )
    if len(pairs) == 1:
        before, after = (
            float(np.exp(np.quantile([value for runs in side for value in runs], HIGH_QUANTILE)))
            for side in (slower[0].baseline, slower[0].candidate)
        )
        finding = replace(finding, baseline=min(before, after) if before > 1e8 else before, candidate=after)
    if verdict is not Verdict.NOT_DECIDED:
        return finding
    if math.isinf(low) or math.isinf(high):
        least = _least_p95_runs(alpha)
        too_few = f"a 95th percentile needs about {least:,} runs"
        unclear = "too few runs lie beyond the 95th percentile to bound its change on both sides"
        return replace(finding, reason=too_few if finding.runs < least else unclear)
    half, distance = (high - low) / 2, distance_to_decision(centre, question.log_threshold)
    return replace(finding, runs_to_decide=reachable(finding.runs, (half / distance) ** 2 if distance else math.inf))


def _least_p95_runs(alpha: float) -> int:
    """Runs of both sides from which a 95th percentile can be decided: all beyond it are of one side."""
    return math.ceil(math.log(1 / alpha) / math.log(2) / (1 - HIGH_QUANTILE))


def _z(alpha: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(1 - alpha))


def _failure_findings(pairs: Sequence[ConfigurationPair], question: Question) -> list[Finding]:
    """Whether the candidate fails more often, over all configurations and at each."""
    several = len(pairs) > 1
    alpha = question.alpha(Metric.FAILURES) / (2 if several else 1)
    before = Tally.of(run for pair in pairs for run in pair.baseline.runs)
    after = Tally.of(run for pair in pairs for run in pair.candidate.runs)
    whole = failure_finding(None, before, after, alpha)
    if not several:
        return [whole]
    share = alpha / len(pairs)
    return [whole, *(failure_finding(p.configuration, p.baseline.tally, p.candidate.tally, share) for p in pairs)]
