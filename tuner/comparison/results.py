"""Compares two result documents, at each configuration and over all of them.

Environments are the unit. Reads no files (see `tuner.comparison.baselines`) and measures nothing
(see `tuner.comparison.duet`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tuner.comparison.failures import failure_finding
from tuner.comparison.metrics import resolution, values
from tuner.comparison.question import Metric, Question
from tuner.comparison.result_pairs import (
    ConfigurationPair,
    configurations,
    describe,
    document_prices,
    match_configurations,
)
from tuner.comparison.run_series import RunSeries, Tally
from tuner.comparison.statistics.differences import Difference, Group, differences, overall_difference
from tuner.comparison.verdicts import (
    Comparison,
    Finding,
    Method,
    Verdict,
    distance_to_decision,
    effect_interval,
    judge,
)
from tuner.errors import InputError
from tuner.model import Configuration, Notice
from tuner.pricing.price_list import PriceList

MOST_RUNS = 1_000_000
"""Beyond so many runs a decision counts as out of reach."""
OLD_BASELINE_DAYS = 7
"""From here on a notice tells that hosts may have changed: published curves of the same function moved
by more than 10% within a month in a quarter of the cases."""


def compare(
    baseline: Mapping[str, Any],
    candidate: Mapping[str, Any],
    question: Question,
    *,
    drift_sd: float = 0.0,
    names: tuple[str, str] = ("baseline", "candidate"),
    notices: Iterable[Notice] = (),
) -> Comparison:
    """Compare two result documents that are comparable (see `tuner.comparison.baselines`).

    Args:
        baseline, candidate: result documents, valid under the schema.
        question: metrics, threshold and confidence.
        drift_sd: spread between two sessions of measuring, in log units; it widens every interval.
        names: what to call the documents in errors.
        notices: what is known already.

    Raises:
        InputError: no configuration was measured in both, or the baseline has no usable run.
    """
    pairs, prices = match_configurations(baseline, candidate, names), document_prices(candidate)
    return Comparison(
        Method.DOCUMENTS,
        question,
        describe(baseline),
        describe(candidate),
        tuple(judge_configurations(pairs, prices, question, drift_sd=drift_sd)),
        (*notices, *_notices(baseline, candidate, pairs)),
        currency=prices.currency,
    )


def first_baseline(candidate: Mapping[str, Any], question: Question, *, names: tuple[str, str]) -> Comparison:
    """The comparison of a candidate with a baseline that is not there yet: it holds no finding.

    Args:
        candidate: result document, valid under the schema.
        question: what would have been asked.
        names: of baseline and candidate.

    Raises:
        InputError: the candidate has no usable run, so that nothing could ever be compared with it.
    """
    if not any(any(measurement["data"]["usable"]) for measurement in candidate["measurements"]):
        raise InputError.single(names[1], "has no usable run: it cannot be a baseline", "tune again when it works")
    told = Notice("first_baseline", f"{names[0]} did not exist: {names[1]} is the first baseline.")
    return Comparison(Method.DOCUMENTS, question, names[0], describe(candidate), (), (told,))


def judge_configurations(
    pairs: Sequence[ConfigurationPair], prices: PriceList, question: Question, *, drift_sd: float = 0.0
) -> list[Finding]:
    """The findings of all metrics: those over all configurations first, then one for each."""
    findings: list[Finding] = []
    for metric in question.metrics:
        findings.extend(_metric_findings(metric, pairs, prices, question, drift_sd))
    findings.extend(_failure_findings(pairs, question))
    return sorted(findings, key=lambda finding: finding.configuration is not None)


def _metric_findings(
    metric: Metric, pairs: Sequence[ConfigurationPair], prices: PriceList, question: Question, drift_sd: float
) -> list[Finding]:
    """The finding over all configurations and, where there are several, one for each."""
    backed = [pair for pair in pairs if pair.measurable]
    grouped = [(pair, _groups(metric, pair, prices)) for pair in backed]
    grouped = [(pair, (b, c)) for pair, (b, c) in grouped if b.values and c.values]
    if not grouped:
        return [Finding(metric, None, Verdict.NOT_DECIDED, reason=_missing(metric))]
    groups = [pair_groups for _, pair_groups in grouped]
    several = len(grouped) > 1
    alpha = question.alpha(metric) / (2 if several else 1)
    units = sum(len(b.values) + len(c.values) for b, c in groups)
    runs = sum(_runs(pair) for pair, _ in grouped)
    whole = _finding(metric, None, overall_difference(groups, drift_sd), alpha, question, units, runs)
    found = differences(groups, drift_sd) if several else None
    singles = []
    for index, (pair, (b, c)) in enumerate(grouped):
        size = (len(b.values) + len(c.values), _runs(pair))
        difference = found[index] if found else (None if several else overall_difference(groups, drift_sd))
        share = alpha / len(grouped) if several else alpha
        single = _finding(metric, pair.configuration, difference, share, question, *size)
        singles.append(_with_values(single, math.exp(b.mean), math.exp(c.mean)))
    return [whole, *singles]


def _groups(metric: Metric, pair: ConfigurationPair, prices: PriceList) -> tuple[Group, Group]:
    def group(series: RunSeries) -> Group:
        found = values(series, metric, prices)
        rounding = resolution(metric, found[0], pair.configuration, prices) if found else 0.0
        return Group(found, rounding)

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
        reason = "one environment on each side tells nothing of their spread: use --environments 4 or more"
        return Finding(metric, configuration, Verdict.NOT_DECIDED, reason=reason, units=units, runs=runs)
    low, high = difference.bounds(alpha)
    verdict = judge(low, high, question.log_threshold)
    needed = None
    if verdict is Verdict.NOT_DECIDED:
        needed = runs_to_decide(difference, alpha, question.log_threshold, units, runs)
    return Finding(
        metric,
        configuration,
        verdict,
        effect=effect_interval(difference.estimate, low, high, alpha),
        units=units,
        runs=runs,
        runs_to_decide=needed,
    )


def _with_values(finding: Finding, baseline: float, candidate: float) -> Finding:
    return replace(finding, baseline=baseline, candidate=candidate)


def runs_to_decide(difference: Difference, alpha: float, threshold: float, units: int, runs: int) -> int | None:
    """Runs of both sides that would decide at the effect and spread seen; None: out of reach."""
    distance = distance_to_decision(difference.estimate, threshold)
    factor = 1.0
    while runs * factor < MOST_RUNS:
        factor *= 1.1
        larger = Difference(
            difference.estimate, difference.standard_error / math.sqrt(factor), difference.dof + units * (factor - 1)
        )
        low, high = larger.bounds(alpha)
        if (high - low) / 2 < distance:
            return math.ceil(runs * factor)
    return None


def _missing(metric: Metric) -> str:
    return {
        Metric.P95: "a 95th percentile needs blocks of 20 warm runs, two on each side: use more runs or environments",
        Metric.INIT: "no cold start on one of the sides",
        Metric.MEMORY: "memory used was not reported on one of the sides",
    }.get(metric, "no usable runs on one of the sides")


def _runs(pair: ConfigurationPair) -> int:
    return pair.baseline.tally.runs + pair.candidate.tally.runs


def _failure_findings(pairs: Sequence[ConfigurationPair], question: Question) -> list[Finding]:
    """Whether the candidate fails more often.

    Runs are the unit here: an environment that crashed is replaced, and what a handler raises
    depends on its code and payload, not on its host.
    """
    several = len(pairs) > 1
    alpha = question.alpha(Metric.FAILURES) / (2 if several else 1)
    whole = [
        Tally.of(run for pair in pairs for run in pair.baseline.runs),
        Tally.of(run for pair in pairs for run in pair.candidate.runs),
    ]
    share = alpha / len(pairs) if several else alpha
    singles = [failure_finding(p.configuration, p.baseline.tally, p.candidate.tally, share) for p in pairs]
    return [failure_finding(None, whole[0], whole[1], alpha), *singles]


def _notices(
    baseline: Mapping[str, Any], candidate: Mapping[str, Any], pairs: Sequence[ConfigurationPair]
) -> list[Notice]:
    found = []
    common = {pair.configuration for pair in pairs}
    for document, which in ((baseline, "baseline"), (candidate, "candidate")):
        alone = sorted(set(configurations(document)) - common)
        if alone:
            listed = ", ".join(map(str, alone))
            found.append(Notice("unmatched", f"Only the {which} measured {listed}: not compared."))
        if document["stopped_by"] == "interrupted":
            found.append(Notice("interrupted", f"The {which} was interrupted: what it had measured is compared."))
    skipped = [str(pair.configuration) for pair in pairs if not pair.measurable and not pair.crashed]
    if skipped:
        found.append(Notice("not_comparable", f"No usable runs of the same kind on both sides: {', '.join(skipped)}."))
    if baseline["function"]["name"] != candidate["function"]["name"]:
        found.append(Notice("other_function", "The two results are of functions with different names."))
    if _days_between(baseline, candidate) > OLD_BASELINE_DAYS:
        message = (
            "The two results are more than a week apart: hosts may have changed meanwhile. `tuner duet` cancels it."
        )
        found.append(Notice("old_baseline", message))
    return found


def _days_between(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> float:
    times = [datetime.fromisoformat(str(d["created_at"]).replace("Z", "+00:00")) for d in (baseline, candidate)]
    aware = [time.timestamp() for time in times]
    return abs(aware[1] - aware[0]) / 86_400
