"""Builds the result document: everything that a study found.

Turns core values into the form that `tuner/documents/result.py` reads and writes. Decides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tuner import __version__
from tuner.documents.decision import decision_evidence
from tuner.documents.request import request_document
from tuner.documents.result import (
    SCHEMA_VERSION,
    BargainDocument,
    BillDocument,
    ConfigurationDocument,
    CurrentDocument,
    ErrorDocument,
    EvidenceText,
    FunctionDocument,
    IntervalDocument,
    MeasurementDocument,
    OutcomesDocument,
    PlateauDocument,
    PointDocument,
    PricesDocument,
    RecommendationDocument,
    ResultDocument,
    SavingDocument,
    SearchRoundDocument,
    SearchTrialDocument,
    StatisticsDocument,
    TimeoutAdviceDocument,
    TuningDocument,
    WarningDocument,
)
from tuner.estimation.belief import Belief, Draws, interval_of
from tuner.estimation.failures.error_rates import error_rate
from tuner.estimation.robust_statistics import (
    MEASURED_UNSEEN,
    Noise,
    Statistics,
    billed_statistics,
    fit_noise,
    slow_runs_of_others,
    statistics,
    steady_runs,
    trimmed_mean,
    warm_billed_ms,
)
from tuner.estimation.slow_runs import SlowRuns, usual_slow_runs
from tuner.model import (
    Architecture,
    BackendKind,
    Configuration,
    FunctionIdentity,
    Interval,
    Invocation,
    Notice,
    Objective,
    Outcome,
    Sample,
    StopReason,
    StrategyName,
    Trial,
    invocations_of,
)
from tuner.payloads import Payloads
from tuner.plain_numbers import plural, significant
from tuner.pricing.bill import Bill
from tuner.pricing.price_list import PriceList
from tuner.pricing.spending import Spent, spent
from tuner.search.advice import advise_timeout, fitted_belief, unseen_slow_runs
from tuner.search.decision import confidence, doubts
from tuner.search.recommendation import Choice, bargain, frontier, plateau, recommend, regret, weigh_cold_starts
from tuner.search.study import Study
from tuner.settings import Settings
from tuner.vocabulary import NO_CURVE

Value = Callable[[Invocation], float]
ALL_COLD = (
    "Every run was the first of its environment, because all ran at once. Durations, means and intervals are those of "
    "cold runs without their initialization. Warm runs may be faster: without parallelInvocation most runs are warm."
)
UNEVEN_SPEED = 0.05
"""Spread of the machine's speed (log units) from which the reader is told."""
USD = "USD"
"""The currency of transitions and logs: what a region of another currency pays for them is not known."""


def build_result(
    study: Study,
    identity: FunctionIdentity,
    settings: Settings,
    *,
    created_at: str,
    seconds: float,
    notices: Iterable[Notice] = (),
    bill: Bill | None = None,
    evidence: EvidenceText = "logs",
) -> ResultDocument:
    """Build the result document of a study.

    Args:
        study: what was measured, finished or not.
        identity: which function, and where it ran.
        settings: what the user asked for.
        created_at: UTC ISO 8601 time.
        seconds: wall time of the tuning.
        notices: what the user should know.
        bill: what the run has cost, by part; None outside AWS.
        evidence: `logs` where the search could begin with runs that the log of the function knows, else `off`.
    """
    share, objective = study.objective.cold_start_share, replace(study.objective, cold_start_share=0.0)
    belief = weigh_cold_starts(study.belief(), share, study.prices)
    fitted = fitted_belief(study, belief)
    fitted = fitted and weigh_cold_starts(fitted, share, study.prices)
    choice = recommend(belief, objective, study.prices) if belief.candidates else None
    found = list(notices)
    if belief.fallback and belief.candidates:
        found.append(Notice(NO_CURVE, belief.fallback))
    if choice and choice.unmet:
        found.append(Notice("constraints_unmet", choice.unmet))
    if study.prices.unconfirmed:
        names = ", ".join(study.prices.unconfirmed)
        found.append(Notice("prices_unconfirmed", f"Prices of {study.prices.region} are not confirmed: {names}."))
    used = study.spent
    if used.untold:
        message = f"{used.untold} of {used.invocations} runs came without a report: their cost is not in the sum."
        found.append(Notice("cost_not_known", message))
    if identity.backend is not BackendKind.SIMULATED:  # which sends nothing
        found += _never_sent(study, settings.payloads)
    if (spread := study.speed_spread) > UNEVEN_SPEED:
        message = (
            f"It was about {spread:.0%} slower or faster from round to round. Durations and costs are brought to its "
            "mean speed, so that sizes compare. Their intervals are wide enough for other hours like this one."
        )
        found.append(Notice("uneven_speed", message))
    cost_usd = float(belief.cost_usd[:, choice.index].mean()) if choice else used.usd / max(1, used.invocations)
    if (unseen := unseen_slow_runs(study, cost_usd)) is not None:
        found.append(Notice("slow_runs_not_seen", unseen))
    if identity.backend is BackendKind.AWS and not settings.only_cold_starts and _all_cold(study):
        found.append(Notice("all_runs_cold", ALL_COLD))
    result: ResultDocument = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "lambda-tuner", "version": __version__},
        "created_at": created_at,
        "function": _function(identity),
        "request": request_document(settings, study.space, evidence=evidence),
        "prices": _prices(study.prices),
        "measurements": _measurements(study, settings.discard_top_bottom),
        "curve": [_point(belief, index) for index in range(len(belief.candidates))],
        "excluded": [
            {**_configuration(configuration), "reason": exclusion.reason}
            for configuration, exclusion in sorted(belief.excluded.items())
        ],
        "recommendation": _recommendation(belief, choice, objective) if choice else None,
        "alternatives": _alternatives(belief, objective, study.prices) if choice else [],
        "fitted": [] if fitted is None else [_point(fitted, index) for index in range(len(fitted.candidates))],
        "curve_choice": _curve_choice(fitted, objective, study.prices),
        "frontier": _frontier(belief, objective) if choice else [],
        "current": _current(belief, study.current),
        "saving": _saving(study, belief, choice),
        "timeout_advice": _timeout_advice(belief, choice, identity.timeout_s),
        "search": _search(study),
        "stopped_by": (study.stopped_by or StopReason.INTERRUPTED).value,
        "tuning": _tuning(used, seconds, bill, study.prices.currency),
        "warnings": [WarningDocument(code=notice.code, message=notice.message) for notice in found],
        "plateau": _plateau(belief, choice, objective),
        "bargain": _bargain(belief, choice, objective),
    }
    decided_by = decision_evidence(result)
    level, reasons = confidence(decided_by), doubts(decided_by)
    return {**result, "confidence": {"level": level.value, "reasons": [doubt.value for doubt in reasons]}}


def _never_sent(study: Study, payloads: Payloads) -> list[Notice]:
    """What to know where no run had some of the payloads."""
    runs = [run for sample in study.samples if not sample.free for run in sample.invocations if run.ran]
    sent = {run.payload for run in runs}
    missing = [item.weight for index, item in enumerate(payloads.items) if index not in sent]
    if not runs or not missing:
        return []
    largest = max(item.weight for item in payloads.items)  # sums of parts of it are finite, whatever the weights are
    share = sum(w / largest for w in missing) / sum(item.weight / largest for item in payloads.items)
    told = f"{len(missing)} of {len(payloads.items)} payloads, with {significant(100 * share, 2)}% of the weight, "
    told += f"{'was' if len(missing) == 1 else 'were'} never sent in {plural(len(runs), 'run')}. "
    return [Notice("payloads_not_sent", f"{told}Durations and costs are those of the others: give more runs.")]


def _all_cold(study: Study) -> bool:
    """Whether several runs are usable and each was the first of its environment."""
    usable = [run for sample in study.samples for run in sample.invocations if run.usable]
    return len(usable) > 1 and all(run.cold for run in usable)


def _tuning(used: Spent, seconds: float, bill: Bill | None, currency: str) -> TuningDocument:
    document: TuningDocument = {
        "invocations": used.invocations,
        "billed_gb_seconds": used.billed_gb_seconds,
        "cost_usd": used.usd,
        "seconds": seconds,
    }
    if bill is not None and currency == USD:
        document["bill"] = _bill(bill)
    return document


def _bill(bill: Bill) -> BillDocument:
    return {
        "invocations_usd": bill.invocations_usd,
        "transitions_usd": bill.transitions_usd,
        "handlers_usd": bill.handlers_usd,
        "logs_usd": bill.logs_usd,
        "storage_usd": bill.storage_usd,
        "total_usd": bill.total_usd,
        "control_calls": bill.control_calls,
    }


def _function(identity: FunctionIdentity) -> FunctionDocument:
    return {
        "name": identity.name,
        "arn": identity.arn,
        "version": identity.version,
        "runtime": identity.runtime,
        "code_sha256": identity.code_sha256,
        "region": identity.region,
        "backend": identity.backend.value,
        "timeout_s": identity.timeout_s,
        "details": dict(identity.details),
    }


def _prices(prices: PriceList) -> PricesDocument:
    return {
        "region": prices.region,
        "currency": prices.currency,
        "as_of": prices.as_of,
        "source": prices.source,
        "gb_second_usd": {
            "x86_64": prices.gb_second_usd(Architecture.X86_64),
            "arm64": prices.gb_second_usd(Architecture.ARM64),
        },
        "request_usd": prices.request_usd,
        "discount": prices.discount,
        "unconfirmed": list(prices.unconfirmed),
    }


def _measurements(study: Study, discard: float) -> list[MeasurementDocument]:
    grouped = invocations_of(study.samples)
    configurations = sorted(grouped)
    steady = [steady_runs(grouped[c]) for c in configurations]
    noise, slow = fit_noise(steady), slow_runs_of_others(steady, usual_slow_runs(*MEASURED_UNSEEN))
    return [
        _measurement(c, grouped[c], noise, others, study.prices, discard)
        for c, others in zip(configurations, slow, strict=True)
    ]


def _shown_statistics(found: Statistics, trimmed: float) -> StatisticsDocument:
    return {
        "mean": found.mean,
        "low": found.low,
        "high": found.high,
        "p50": found.p50,
        "p95": found.p95,
        "p99": found.p99,
        "trimmed_mean": trimmed,
    }


def _measurement(
    configuration: Configuration,
    runs: Sequence[Invocation],
    noise: Noise,
    slow: SlowRuns,
    prices: PriceList,
    discard: float,
) -> MeasurementDocument:
    ran = [run for run in runs if run.ran]
    usable = [run for run in runs if run.usable]
    steady = steady_runs(runs)
    cold = [run for run in usable if run.cold]
    labels = {label: number for number, label in enumerate(dict.fromkeys(run.environment for run in ran))}

    def figures(runs: Sequence[Invocation], value: Value, peers: Sequence[float]) -> StatisticsDocument | None:
        if not runs:
            return None
        found = statistics([value(run) for run in runs], [run.environment for run in runs], noise, slow)
        return _shown_statistics(found, trimmed_mean(peers, discard))

    billed = cost = None
    if steady:
        durations, billed_ms = [run.duration_ms or 0.0 for run in steady], [warm_billed_ms(run) for run in steady]
        bills = billed_statistics(durations, billed_ms, [run.environment for run in steady], noise, slow)
        costs = bills.each(lambda billed_ms: prices.invocation_cost(configuration, billed_ms))
        billed = _shown_statistics(bills, trimmed_mean([run.billed_duration_ms or 0.0 for run in usable], discard))
        paid = [
            prices.invocation_cost(configuration, run.billed_duration_ms or 0, extra_usd=run.extra_cost_usd)
            for run in usable
        ]
        cost = _shown_statistics(costs, trimmed_mean(paid, discard))

    return {
        **_configuration(configuration),
        "runs": len(ran),
        "environments": len(labels),
        "cold_starts": sum(1 for run in ran if run.cold),
        "outcomes": _outcomes(runs),
        "duration_ms": figures(steady, lambda run: run.duration_ms or 0.0, [run.duration_ms or 0.0 for run in usable]),
        "billed_duration_ms": billed,
        "init_duration_ms": figures(cold, lambda run: run.start_ms or 0.0, [run.start_ms or 0.0 for run in cold]),
        "max_memory_used_mb": max((run.max_memory_used_mb or 0 for run in ran), default=0) or None,
        "cost_usd": cost,
        "errors": _errors(runs),
        "error_rate": _shown(error_rate(runs).interval),
        "data": {
            "environment": [labels[run.environment] for run in ran],
            "cold": [run.cold for run in ran],
            "outcome": [run.outcome.value for run in ran],
            "duration_ms": [run.duration_ms for run in ran],
            "billed_duration_ms": [run.billed_duration_ms for run in ran],
            "init_duration_ms": [run.start_ms for run in ran],
            "max_memory_used_mb": [run.max_memory_used_mb for run in ran],
            "usable": [run.usable for run in ran],
        },
    }


def _outcomes(runs: Sequence[Invocation]) -> OutcomesDocument:
    counts = Counter(run.outcome for run in runs)
    return {
        "ok": counts[Outcome.OK],
        "error": counts[Outcome.ERROR],
        "timeout": counts[Outcome.TIMEOUT],
        "out_of_memory": counts[Outcome.OUT_OF_MEMORY],
        "throttled": counts[Outcome.THROTTLED],
        "refused": counts[Outcome.REFUSED],
        "no_report": counts[Outcome.NO_REPORT],
    }


def _errors(runs: Sequence[Invocation]) -> list[ErrorDocument]:
    """The function's own errors; runs that differ in the request id alone count as one."""
    counts: Counter[tuple[str, str]] = Counter()
    stacks: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        if run.error is None:
            continue
        message = run.error.message.replace(run.request_id, "…") if run.request_id else run.error.message
        key = (run.error.type, message)
        counts[key] += 1
        stacks.setdefault(key, list(run.error.stack))
    return [
        {"type": kind, "message": message, "stack": stacks[kind, message], "count": count}
        for (kind, message), count in counts.most_common()
    ]


def _point(belief: Belief, index: int) -> PointDocument:
    return {
        **_configuration(belief.candidates[index]),
        "duration_ms": _interval(belief.duration_ms[:, index]),
        "cost_usd": _interval(belief.cost_usd[:, index]),
        "p95_ms": _interval(belief.p95_ms[:, index]),
        "init_duration_ms": None if belief.init_ms is None else _interval(belief.init_ms[:, index]),
        "measured": bool(belief.measured[index]),
    }


def _recommendation(belief: Belief, choice: Choice, objective: Objective) -> RecommendationDocument:
    return {
        **_point(belief, choice.index),
        "strategy": objective.strategy.value,
        "expected_regret": max(0.0, choice.expected_regret),
        "given_to_ties": max(0.0, choice.given_to_ties),
        "chance_of_miss": choice.chance_of_miss,
        "mean_width": _width(belief.duration_ms[:, choice.index]),
        "reason": choice.reason,
        "unmet": choice.unmet,
    }


def _width(draws: Draws) -> float:
    """The middle two thirds of the draws, high over low."""
    low, high = np.quantile(draws, (1 / 6, 5 / 6))
    return float(high / low)


def _plateau(belief: Belief, choice: Choice | None, objective: Objective) -> PlateauDocument | None:
    if choice is None:
        return None
    ends = plateau(belief, objective, choice.index)
    low, high = (belief.candidates[end].memory_mb for end in ends)
    fast, slow = (float(belief.duration_ms[:, end].mean()) for end in reversed(ends))
    return {"low_mb": low, "high_mb": high, "duration_at_low_ms": slow, "duration_at_high_ms": fast}


def _bargain(belief: Belief, choice: Choice | None, objective: Objective) -> BargainDocument | None:
    if choice is None or choice.unmet is not None:
        return None
    found = bargain(belief, objective, choice.index)
    if found is None:
        return None
    cost, duration = belief.cost_usd.mean(axis=0), belief.duration_ms.mean(axis=0)
    return {
        **_configuration(belief.candidates[found]),
        "cost_ratio": float(cost[found] / cost[choice.index]),
        "duration_ratio": float(duration[found] / duration[choice.index]),
    }


def _curve_choice(fitted: Belief | None, objective: Objective, prices: PriceList) -> RecommendationDocument | None:
    """What the fitted curve would recommend where a fixed list was measured."""
    if fitted is None or not fitted.candidates:
        return None
    return _recommendation(fitted, recommend(fitted, objective, prices), objective)


def _timeout_advice(belief: Belief, choice: Choice | None, current_s: float | None) -> TimeoutAdviceDocument | None:
    if choice is None:
        return None
    advice = advise_timeout(belief, choice.index, current_s)
    return {
        "p99_ms": _interval(belief.p99_ms[:, choice.index]),
        "advised_s": advice.advised_s,
        "current_s": advice.current_s,
        "message": advice.message,
    }


def _alternatives(belief: Belief, objective: Objective, prices: PriceList) -> list[RecommendationDocument]:
    others = [replace(objective, strategy=name) for name in StrategyName if name is not objective.strategy]
    return [_recommendation(belief, recommend(belief, other, prices), other) for other in others]


def _frontier(belief: Belief, objective: Objective) -> list[ConfigurationDocument]:
    return [_configuration(belief.candidates[index]) for index in frontier(belief, objective.constraints)]


def _current(belief: Belief, current: Configuration | None) -> CurrentDocument | None:
    if current is None:
        return None
    index = belief.index(current)
    if index is None:
        return {**_configuration(current), "duration_ms": None, "cost_usd": None, "p95_ms": None}
    point = _point(belief, index)
    return {
        **_configuration(current),
        "duration_ms": point["duration_ms"],
        "cost_usd": point["cost_usd"],
        "p95_ms": point["p95_ms"],
    }


def _saving(study: Study, belief: Belief, choice: Choice | None) -> SavingDocument | None:
    """Recommended against current, from joint draws, so that what moves both cancels."""
    index = None if study.current is None else belief.index(study.current)
    if choice is None or index is None or index == choice.index:
        return None
    cost, duration = belief.cost_usd, belief.duration_ms
    saved = cost[:, index] - cost[:, choice.index]
    month = study.invocations_per_month
    lost = regret(belief, study.objective)
    pairs = min(_environments(study, belief.candidates[i]) for i in (index, choice.index))
    return {
        "ratio": _interval(saved / cost[:, index]),
        "duration_ratio": _interval(1 - duration[:, choice.index] / duration[:, index]),
        "objective_ratio": _interval(1 - (1 + lost[:, choice.index]) / (1 + lost[:, index])),
        "per_month_usd": None if month is None else _interval(saved * month),
        "paired_environments": pairs,
    }


def _environments(study: Study, configuration: Configuration) -> int:
    runs = invocations_of(study.samples).get(configuration, [])
    return len({run.environment for run in runs if run.usable})


def _search(study: Study) -> list[SearchRoundDocument]:
    rounds: list[SearchRoundDocument] = []
    by_trial: dict[int, list[Sample]] = {}
    for sample in study.samples:
        by_trial.setdefault(sample.trial_id, []).append(sample)
    before: list[Sample] = []
    for number, round_ in enumerate(study.rounds):
        used = spent(before, study.prices)
        rounds.append(
            {
                "round": number,
                "trials": [_trial(trial) for trial in round_.trials],
                "invocations": used.invocations,
                "cost_usd": used.usd,
                "expected_regret": round_.expected_regret,
            }
        )
        before.extend(sample for trial in round_.trials for sample in by_trial.get(trial.id, []))
    return rounds


def _trial(trial: Trial) -> SearchTrialDocument:
    return {
        **_configuration(trial.configuration),
        "environments": trial.environments,
        "runs_per_environment": trial.runs_per_environment,
    }


def _configuration(configuration: Configuration) -> ConfigurationDocument:
    return {"memory_mb": configuration.memory_mb, "architecture": configuration.architecture.value}


def _shown(interval: Interval) -> IntervalDocument:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "level": interval.level}


def _interval(draws: NDArray[np.float64]) -> IntervalDocument:
    return _shown(interval_of(draws))
