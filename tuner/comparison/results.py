"""Two results, and what got worse: configuration by configuration, and over all of them.

Decides from the runs of two result documents, environments being the unit. Refuses to
read files (see `tuner.comparison.baselines`) and to measure anything (see `tuner.comparison.duet`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tuner.comparison.inference import Difference, Group, differences, fisher_exact, overall_difference
from tuner.comparison.metrics import Series, Tally, resolution, values
from tuner.comparison.verdicts import (
    Comparison,
    Finding,
    Metric,
    Question,
    Verdict,
    distance_to_decision,
    effect_interval,
    judge,
)
from tuner.errors import InputError
from tuner.model import Architecture, Configuration, FunctionError, Invocation, Notice, Outcome
from tuner.pricing.price_list import PriceList, Tier

MOST_RUNS = 1_000_000
"""Beyond so many runs a decision counts as out of reach."""
CRASH_RUNS = 4
"""Runs of either side from which a candidate that always fails, where the baseline never did, is broken. Of two
functions that are alike, whatever their share of failures, chance shows that in less than 4^-4 = 0.4%."""
LIKELY_BY_CHANCE = 0.2
"""More failures than before are put down to chance when it gives as many at least so often …"""
FAILURE_MARGIN = 0.05
"""… and when their share has grown by no more than this."""
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
    def crashed(self) -> bool:
        """Whether the candidate is broken here."""
        return bool(crash(self.baseline.tally, self.candidate.tally))

    @property
    def measurable(self) -> bool:
        """Whether both sides have runs of the same kind of start."""
        both = self.baseline.tally.usable and self.candidate.tally.usable
        return bool(both) and self.baseline.cold == self.candidate.cold


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
    only_cold = bool(document["request"].get("only_cold_starts", False))
    return {
        configuration: Series.of(
            configuration, _invocations(measurement["data"], measurement["errors"]), only_cold=only_cold
        )
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
    if not any(series.tally.usable for series in before.values()):
        remedy = "give a baseline whose runs succeeded"
        raise InputError.single(names[0], "has no usable run: nothing can be compared with it", remedy)
    if not any(series.tally.runs for series in after.values()):
        raise InputError.single(names[1], "holds no run at all", "tune again; see its warnings for the cause")
    common = sorted(set(before) & set(after))
    if not common:
        problem = f"no configuration was measured in both ({_listed(before)}; {_listed(after)})"
        remedy = "tune both with the same --power-values and --arch, or use `tuner duet`"
        raise InputError.single(f"{names[0]}, {names[1]}", problem, remedy)
    pairs = [Pair(c, before[c], after[c]) for c in common]
    if not any(pair.measurable or pair.crashed for pair in pairs):
        errors = [pair.candidate.tally.error for pair in pairs if pair.candidate.tally.error]
        problem = "no configuration has usable runs of the same kind of start in both"
        problem += f"; the candidate failed: {errors[0]}" if errors else ""
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


def _runs(pair: Pair) -> int:
    return pair.baseline.tally.runs + pair.candidate.tally.runs


def _failure_findings(pairs: Sequence[Pair], question: Question) -> list[Finding]:
    """Whether the candidate fails more often.

    Runs are the unit here: an environment that crashed is replaced, and what a handler raises
    depends on its code and payload, not on its host.
    """
    several = len(pairs) > 1
    alpha = question.alpha(Metric.FAILURES) / (2 if several else 1)
    whole = [Tally.of(_all_runs(series)) for series in zip(*((p.baseline, p.candidate) for p in pairs), strict=True)]
    share = alpha / len(pairs) if several else alpha
    singles = [failure_finding(p.configuration, p.baseline.tally, p.candidate.tally, share) for p in pairs]
    return [failure_finding(None, whole[0], whole[1], alpha), *singles]


def _all_runs(series: Iterable[Series]) -> Iterator[Invocation]:
    return (run for one in series for group in one.environments for run in group)


def crash(before: Tally, after: Tally) -> str:
    """Why the candidate counts as broken, which needs no further statistics; empty: it does not.

    It failed in every one of `CRASH_RUNS` runs or more, and the baseline in none of as many.
    """
    if before.failed or before.usable < CRASH_RUNS or after.usable or after.failed < CRASH_RUNS:
        return ""
    return f"{after.failed} of {after.runs} runs failed ({after.error}); the baseline succeeded"


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
