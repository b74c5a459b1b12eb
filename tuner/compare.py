"""Two results, and what got worse: configuration by configuration, and over all of them.

Decides from the runs of two result documents, environments being the unit. Refuses to
read files (see `tuner.baselines`) and to measure anything (see `tuner.duet`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tuner.errors import InputError
from tuner.figures import Series, resolution, values
from tuner.inference import Difference, Group, differences, fisher_exact, overall_difference
from tuner.model import Architecture, Configuration, FunctionError, Invocation, Notice, Outcome
from tuner.pricing import PriceList, Tier
from tuner.verdicts import (
    Comparison,
    Finding,
    Metric,
    Question,
    Verdict,
    distance_to_decision,
    effect_interval,
    judge,
)

MOST_RUNS = 1_000_000
"""Beyond so many runs a decision counts as out of reach."""
OLD_BASELINE_DAYS = 7
"""From here on a notice tells that hosts may have changed: published curves of the same function moved
by more than 10% within a month in a quarter of the cases."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides at one configuration."""

    configuration: Configuration
    baseline: Series
    candidate: Series

    @property
    def crashed(self) -> str:
        """Why the candidate counts as broken here: it never succeeded where the baseline did."""
        runs = self.candidate.runs
        if self.baseline.usable and runs and not self.candidate.usable and self.candidate.failed:
            return f"{self.candidate.failed} of {runs} runs failed ({self.candidate.error}); the baseline succeeded"
        return ""

    @property
    def measurable(self) -> bool:
        """Whether both sides have runs of the same kind of start."""
        both = self.baseline.usable and self.candidate.usable
        return bool(both) and self.baseline.only_cold == self.candidate.only_cold


def compare(
    baseline: Mapping[str, Any],
    candidate: Mapping[str, Any],
    question: Question,
    *,
    drift_sd: float = 0.0,
    names: tuple[str, str] = ("baseline", "candidate"),
    notices: Iterable[Notice] = (),
) -> Comparison:
    """Compare two result documents that are comparable (see `tuner.baselines`).

    Args:
        baseline, candidate: result documents, valid under the schema.
        question: metrics, threshold and confidence.
        drift_sd: spread between two sessions of measuring, in log units; it widens every interval.
        names: what to call the documents in errors.
        notices: what is known already.

    Raises:
        InputError: no configuration was measured in both, or the baseline has no usable run.
    """
    pairs, prices = matched(baseline, candidate, names), document_prices(candidate)
    return Comparison(
        "documents",
        question,
        describe(baseline),
        describe(candidate),
        tuple(judge_pairs(pairs, prices, question, drift_sd=drift_sd)),
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
    return Comparison("documents", question, names[0], describe(candidate), (), (told,))


def judge_pairs(
    pairs: Sequence[Pair], prices: PriceList, question: Question, *, drift_sd: float = 0.0
) -> list[Finding]:
    """The findings of all metrics: those over all configurations first, then one for each."""
    findings: list[Finding] = []
    for metric in question.metrics:
        findings.extend(_metric_findings(metric, pairs, prices, question, drift_sd))
    findings.extend(_failure_findings(pairs, question))
    return sorted(findings, key=lambda finding: finding.configuration is not None)


def describe(document: Mapping[str, Any]) -> str:
    """A result document in a few words: function, version, where, when."""
    function = document["function"]
    version = f":{function['version']}" if function["version"] else ""
    where = function["region"] or function["backend"]
    return f"{function['name']}{version} ({where}, {document['created_at']})"


def document_prices(document: Mapping[str, Any]) -> PriceList:
    """The prices of a result document. Both sides are priced alike, so that a new price is no regression."""
    prices = document["prices"]
    return PriceList(
        region=prices["region"],
        currency=prices["currency"],
        as_of=prices["as_of"],
        source=prices["source"],
        tiers={a: (Tier(None, prices["gb_second_usd"][a.value]),) for a in Architecture},
        request_usd=prices["request_usd"],
        ephemeral_usd_per_gb_second=0.0,
    )


def document_series(document: Mapping[str, Any]) -> dict[Configuration, Series]:
    """The runs of a result document by configuration."""
    return {
        configuration: Series.of(configuration, _invocations(measurement["data"], measurement["errors"]))
        for configuration, measurement in zip(_configurations(document), document["measurements"], strict=True)
    }


def matched(baseline: Mapping[str, Any], candidate: Mapping[str, Any], names: tuple[str, str]) -> list[Pair]:
    """Both sides of every configuration that both documents tried.

    Raises:
        InputError: there is none, the baseline has no usable run in any of them, or nothing of
            the candidate ever ran.
    """
    before = document_series(baseline)
    after = document_series(candidate)
    if not any(series.usable for series in before.values()):
        remedy = "give a baseline whose runs succeeded"
        raise InputError.single(names[0], "has no usable run: nothing can be compared with it", remedy)
    if not any(series.runs for series in after.values()):
        raise InputError.single(names[1], "holds no run at all", "tune again; see its warnings for the cause")
    common = sorted(set(before) & set(after))
    if not common:
        problem = f"no configuration was measured in both ({_listed(before)}; {_listed(after)})"
        remedy = "tune both with the same --power-values and --arch, or use `tuner duet`"
        raise InputError.single(f"{names[0]}, {names[1]}", problem, remedy)
    pairs = [Pair(c, before[c], after[c]) for c in common]
    if not any(pair.measurable or pair.crashed for pair in pairs):
        problem = "no configuration has usable runs of the same kind of start in both"
        raise InputError.single(f"{names[0]}, {names[1]}", problem, "tune both in the same way")
    return pairs


def _listed(series: Mapping[Configuration, Series]) -> str:
    return ", ".join(str(configuration) for configuration in sorted(series)) or "none"


def _configurations(document: Mapping[str, Any]) -> list[Configuration]:
    return [Configuration(m["memory_mb"], Architecture(m["architecture"])) for m in document["measurements"]]


def _invocations(data: Mapping[str, Sequence[Any]], errors: Sequence[Mapping[str, Any]]) -> list[Invocation]:
    """Rebuild runs from the columns of a measurement; what failed has the most frequent error."""
    error = FunctionError(errors[0]["type"], errors[0]["message"]) if errors else None
    runs = []
    rows = zip(*(data[name] for name in sorted(data)), strict=True)
    for row in rows:
        cell = dict(zip(sorted(data), row, strict=True))
        outcome = Outcome(cell["outcome"])
        start = cell["init_duration_ms"]
        runs.append(
            Invocation(
                outcome,
                environment=str(cell["environment"]),
                duration_ms=cell["duration_ms"],
                billed_duration_ms=cell["billed_duration_ms"],
                # A cold run whose start is not known is still a cold one.
                init_duration_ms=(start or 0.0) if cell["cold"] else None,
                max_memory_used_mb=cell["max_memory_used_mb"],
                allowed=outcome is Outcome.ERROR and cell["usable"],
                error=None if cell["usable"] else error,
            )
        )
    return runs


def _metric_findings(
    metric: Metric, pairs: Sequence[Pair], prices: PriceList, question: Question, drift_sd: float
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
    runs = sum(pair.baseline.runs + pair.candidate.runs for pair, _ in grouped)
    whole = _finding(metric, None, overall_difference(groups, drift_sd), alpha, question, units, runs)
    found = differences(groups, drift_sd) if several else None
    singles = []
    for index, (pair, (b, c)) in enumerate(grouped):
        size = (len(b.values) + len(c.values), pair.baseline.runs + pair.candidate.runs)
        difference = found[index] if found else (None if several else overall_difference(groups, drift_sd))
        share = alpha / len(grouped) if several else alpha
        single = _finding(metric, pair.configuration, difference, share, question, *size)
        singles.append(_with_values(single, math.exp(b.mean), math.exp(c.mean)))
    return [whole, *singles]


def _groups(metric: Metric, pair: Pair, prices: PriceList) -> tuple[Group, Group]:
    def group(series: Series) -> Group:
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


def _failure_findings(pairs: Sequence[Pair], question: Question) -> list[Finding]:
    """Whether the candidate fails more often.

    Runs are the unit here: an environment that crashed is replaced, and what a handler raises
    depends on its code and payload, not on its host.
    """
    several = len(pairs) > 1
    alpha = question.alpha(Metric.FAILURES) / (2 if several else 1)
    whole = failure_finding(
        None,
        (sum(p.baseline.failed for p in pairs), sum(p.candidate.failed for p in pairs)),
        (sum(p.baseline.runs for p in pairs), sum(p.candidate.runs for p in pairs)),
        alpha,
        error=next((p.candidate.error for p in pairs if p.candidate.error), ""),
    )
    singles = []
    for pair in pairs:
        counts = (pair.baseline.failed, pair.candidate.failed), (pair.baseline.runs, pair.candidate.runs)
        share = alpha / len(pairs) if several else alpha
        single = failure_finding(pair.configuration, *counts, share, error=pair.candidate.error, crashed=pair.crashed)
        singles.append(single)
    return [whole, *singles]


def failure_finding(
    configuration: Configuration | None,
    failures: tuple[int, int],
    runs: tuple[int, int],
    alpha: float,
    *,
    error: str = "",
    crashed: str = "",
) -> Finding:
    """Compare shares of failed runs of baseline and candidate.

    A candidate that never succeeded where the baseline did is worse without any statistics.
    """
    shares = [count / total if total else 0.0 for count, total in zip(failures, runs, strict=True)]
    more = shares[1] > shares[0]
    reason = f"{failures[1]} of {runs[1]} runs failed, {failures[0]} of {runs[0]} before" if any(failures) else ""
    if more and error:
        reason += f" ({error})"
    if crashed:
        verdict, reason = Verdict.WORSE, crashed
    elif not all(runs):
        verdict, reason = Verdict.NOT_DECIDED, "nothing ran on one of the sides"
    elif more:
        verdict = Verdict.WORSE if fisher_exact(failures, runs) <= alpha else Verdict.NOT_DECIDED
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


def _notices(baseline: Mapping[str, Any], candidate: Mapping[str, Any], pairs: Sequence[Pair]) -> list[Notice]:
    found = []
    configurations = {pair.configuration for pair in pairs}
    for document, which in ((baseline, "baseline"), (candidate, "candidate")):
        alone = sorted(set(_configurations(document)) - configurations)
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
