"""Compares two result documents, at each configuration and over all of them.

Environments are the unit. Reads no files (see `tuner.comparison.baselines`) and measures nothing
(see `tuner.comparison.duets.run`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tuner.comparison.configuration_findings import judge_configurations
from tuner.comparison.question import Question
from tuner.comparison.result_pairs import (
    ConfigurationPair,
    configurations,
    describe,
    document_prices,
    document_series,
    match_configurations,
)
from tuner.comparison.trend import made_at, step_spread, trend_of
from tuner.comparison.verdicts import Comparison, Drift, Method
from tuner.documents.result import ResultDocument
from tuner.errors import InputError
from tuner.model import Notice

LEAST_DRIFT = 0.01
"""Spread, in log units, between two sessions on one day: the halves of published series of runs differ by so much
beyond the noise of their runs. Without it a change of the threshold itself is called worse too often there."""
DRIFT_AT_30_DAYS = 0.03
"""Spread, in log units, between two sessions that lie 30 days apart …"""
DRIFT_GROWTH = 0.67
"""… and the power of the distance with which it grows, to 10% after 180 days. With these the false alarms between
sessions of published functions stayed within 5% (docs/regression.md)."""


def compare(
    baseline: ResultDocument,
    candidate: ResultDocument,
    question: Question,
    *,
    drift_sd: float | None = None,
    names: tuple[str, str] = ("baseline", "candidate"),
    notices: Iterable[Notice] = (),
) -> Comparison:
    """Compare two result documents that are comparable (see `tuner.comparison.baselines`).

    Args:
        baseline, candidate: result documents, valid under the schema.
        question: metrics, threshold and confidence.
        drift_sd: spread between two sessions of measuring, in log units, as the user gave it; it widens every
            interval. None: what the distance of the two in time makes likely.
        names: what to call the documents in errors.
        notices: what is known already.

    Raises:
        InputError: no configuration was measured in both, or the baseline has no usable run.
    """
    days = abs(_days_from(baseline, candidate))
    drift = Drift(days, usual_drift(days)) if drift_sd is None else Drift(days, drift_sd, given=True)
    pairs = match_configurations(document_series(baseline), document_series(candidate), names)
    told = (*notices, *_notices(baseline, candidate, pairs))
    return _compared(describe(baseline), candidate, pairs, question, drift, told)


def compare_with_trend(
    results: Sequence[ResultDocument],
    candidate: ResultDocument,
    question: Question,
    *,
    longer: Sequence[ResultDocument] = (),
    drift_sd: float | None = None,
    names: tuple[str, str] = ("baseline", "candidate"),
    notices: Iterable[Notice] = (),
) -> Comparison:
    """Compare a result with the last ones of the same function together.

    The spread between their sessions takes the place of the drift that is usual.

    Args:
        results: comparable with the candidate, the oldest first; at least one.
        longer: a longer series with changes of the function in it. Its steps tell how sessions differ where
            `results` are too few.
        candidate, question, drift_sd, names, notices: see `compare`.

    Raises:
        InputError: as in `compare`.
    """
    trend, days = trend_of(results), abs(_days_from(results[-1], candidate))
    if drift_sd is not None:
        drift = Drift(days, drift_sd, given=True)
    elif trend.drift_sd is not None:
        drift = Drift(days, trend.drift_sd, trend.sessions)
    elif (step := step_spread(longer)) is not None:
        drift = Drift(days, step, len(longer))
    else:
        drift = Drift(days, usual_drift(days))
    pairs = match_configurations(trend.series, document_series(candidate), names)
    name = f"{candidate['function']['name']}: {_told(results)}"
    told = (*notices, *_notices(results[-1], candidate, pairs))
    return _compared(name, candidate, pairs, question, drift, told)


def _told(results: Sequence[ResultDocument]) -> str:
    """Several results in words."""
    first, last = results[0]["created_at"], results[-1]["created_at"]
    return f"the last result ({last})" if len(results) == 1 else f"the last {len(results)} results ({first} to {last})"


def _compared(
    baseline: str,
    candidate: ResultDocument,
    pairs: Sequence[ConfigurationPair],
    question: Question,
    drift: Drift,
    notices: tuple[Notice, ...],
) -> Comparison:
    prices = document_prices(candidate)
    findings = tuple(judge_configurations(pairs, prices, question, drift_sd=drift.sd))
    return Comparison(
        Method.DOCUMENTS,
        question,
        baseline,
        describe(candidate),
        findings,
        notices,
        currency=prices.currency,
        drift=drift,
    )


def usual_drift(days: float) -> float:
    """The spread between two sessions so many days apart, in log units."""
    return max(LEAST_DRIFT, DRIFT_AT_30_DAYS * math.pow(days / 30, DRIFT_GROWTH))


def first_baseline(candidate: ResultDocument, question: Question, *, names: tuple[str, str]) -> Comparison:
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


def _notices(baseline: ResultDocument, candidate: ResultDocument, pairs: Sequence[ConfigurationPair]) -> list[Notice]:
    found = []
    if baseline == candidate:
        found.append(Notice("same_document", "Baseline and candidate are the same result: it is compared with itself."))
    elif _days_from(baseline, candidate) < 0:
        told = "The candidate was measured before the baseline: give the baseline first."
        found.append(Notice("candidate_is_older", told))
    common = {pair.configuration for pair in pairs}
    for document, which in ((baseline, "baseline"), (candidate, "candidate")):
        alone = sorted(set(configurations(document)) - common)
        if alone:
            listed = ", ".join(map(str, alone))
            found.append(Notice("unmatched", f"Only the {which} measured {listed}: not compared."))
        if document["stopped_by"] == "interrupted":
            found.append(Notice("interrupted", f"The {which} was interrupted: what it had measured is compared."))
    skipped = [str(pair.configuration) for pair in pairs if not pair.measurable and pair.candidate.tally.usable]
    if skipped:
        found.append(Notice("not_comparable", f"No usable runs of the same kind on both sides: {', '.join(skipped)}."))
    if baseline["function"]["name"] != candidate["function"]["name"]:
        found.append(Notice("other_function", "The two results are of functions with different names."))
    return found


def _days_from(baseline: ResultDocument, candidate: ResultDocument) -> float:
    """Days from the one result to the other; negative where the candidate is older."""
    times = [made_at(document["created_at"]).timestamp() for document in (baseline, candidate)]
    return (times[1] - times[0]) / 86_400
