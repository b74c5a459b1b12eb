"""Compares two results, or the newest of a trend with those before it.

Returns a `ComparisonResult`: what got worse, what did not, and what is not decided yet.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TypeVar

from tuner.api.result import Result
from tuner.api.result_store import load_result, load_trend
from tuner.aws.api.connection import Connection
from tuner.comparison.baselines import Mismatch, check_comparable, refuse_unmeasured
from tuner.comparison.change_points import compare_with_level
from tuner.comparison.comparison_document import comparison_document
from tuner.comparison.question import Metric, Question
from tuner.comparison.results import compare as compare_documents
from tuner.comparison.results import first_baseline as first_document
from tuner.comparison.trend import latest, made_at, of_function
from tuner.comparison.verdicts import Comparison, Finding, Verdict
from tuner.documents.comparison import ComparisonDocument
from tuner.documents.result import ResultDocument
from tuner.errors import Fault, InputError, each_of
from tuner.model import Notice

Kind = TypeVar("Kind", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Whether a candidate got worse than its baseline.

    Attributes:
        comparison: findings with their verdicts, the question, and what was compared.
        sides: the results of baseline and candidate, the latest one of a trend. None: runs of a duet.
    """

    comparison: Comparison
    sides: tuple[ResultDocument, ResultDocument] | None = None

    @property
    def verdict(self) -> Verdict:
        """Worse when any metric is worse; decided when every decisive metric is."""
        return self.comparison.verdict

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Each metric over all configurations first, then at each of them."""
        return self.comparison.findings

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the user should know."""
        return self.comparison.notices

    @property
    def document(self) -> ComparisonDocument:
        """The comparison in the form of its published schema."""
        return comparison_document(self.comparison)

    def to_json(self) -> str:
        """The comparison document as JSON text."""
        return json.dumps(self.document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def to_text(self, *, width: int = 100) -> str:
        """Plain text for a terminal of so many columns."""
        from reports.comparison import render_text

        return render_text(self.comparison, width=width)

    def to_markdown(self) -> str:
        """Markdown for job summaries and pull requests."""
        from reports.comparison import render_markdown

        return render_markdown(self.comparison)

    def to_html(self) -> str:
        """A page in one file: verdict, metrics, and the curves of both results."""
        from reports.comparison_page import render_html

        return render_html(self.comparison, sides=self.sides)

    def to_junit(self, *, strict: bool = False) -> str:
        """JUnit XML, one test case for each finding. `strict`: not decided is a failure."""
        from reports.junit import render_junit

        return render_junit(self.comparison, strict=strict)

    def _repr_markdown_(self) -> str:
        """How a notebook shows it."""
        return self.to_markdown()


def compare(
    baseline: Result | str | Path,
    candidate: Result | str | Path | None = None,
    *,
    threshold: float = 0.05,
    confidence: float = 0.95,
    metrics: Sequence[Metric | str] | None = (),
    allow_different: Sequence[Mismatch | str] = (),
    drift: float | None = None,
    names: tuple[str, str] | None = None,
    connection: Connection | None = None,
) -> ComparisonResult:
    """Compare two results of one function.

    Args:
        baseline, candidate: results, or their files, folders or `s3://` addresses. A baseline that is a folder of
            several results, or an `s3://` prefix with a slash at its end, is a trend: the last results together.
            Without a candidate, the newest result of the trend is compared with those before it.
        threshold: a change up to this fraction counts as the same.
        confidence: 1 minus the chance of any false alarm.
        metrics: which metrics decide: duration, tail, p95, cost, init or memory; one, or several. None: all are
            compared, and duration and tail decide.
        allow_different: differences that are accepted: backend, region, payload, start or host.
        drift: spread between two sessions of measuring, as a fraction. It widens every interval. None: what
            the time between the two makes likely.
        names: what to call both in messages.
        connection: how to reach S3.

    Raises:
        InputError: some cannot be read (the faults of all), or they cannot be compared.
    """
    question = question_of(threshold, confidence, metrics)
    if drift is not None and drift != 0 and not within(drift, 0, math.inf):
        raise InputError.single("drift", f"{drift!r} is not a fraction from 0", "write 3% as 0.03")
    allowed = [_member(Mismatch, name, "allow_different") for name in allow_different]
    earlier, newest = each_of(
        (
            partial(_earlier, baseline, connection),
            partial(newest_result, baseline, connection)
            if candidate is None
            else partial(load_result, candidate, connection=connection),
        )
    )
    assert isinstance(newest, Result), "only a baseline is several results"
    after = newest.document
    if isinstance(earlier, list):
        return _with_trend(str(baseline), earlier, after, question, allowed, drift)
    before = earlier.document
    assert candidate is not None, "one result has no newest one"
    titles = names or (_name_of(baseline, "baseline"), _name_of(candidate, "candidate"))
    each_of(partial(refuse_unmeasured, one, name=name) for one, name in zip((before, after), titles, strict=True))
    notices = check_comparable(before, after, allowed)
    found = compare_documents(before, after, question, drift_sd=drift, names=titles, notices=notices)
    return ComparisonResult(found, (before, after))


def _earlier(baseline: Result | str | Path, connection: Connection | None) -> Result | list[Result]:
    """The result of a baseline, or all those of a trend."""
    trend = None if isinstance(baseline, Result) else load_trend(str(baseline), connection=connection)
    return load_result(baseline, connection=connection) if trend is None else trend


def newest_result(baseline: Result | str | Path, connection: Connection | None = None) -> Result:
    """The newest of several results of one function.

    Args:
        baseline: a folder of results, or an `s3://` prefix with a slash at its end.
        connection: how to reach S3.

    Raises:
        InputError: it is one result, holds no result, or holds those of several functions.
    """
    found = None if isinstance(baseline, Result) else load_trend(str(baseline), connection=connection)
    address = _name_of(baseline, "baseline")
    if found is None:
        if not isinstance(baseline, Result):
            load_result(baseline, connection=connection)  # what does not exist is told as such
        raise InputError.single("CANDIDATE", f"is missing: {address} is a single result", "give the result to compare")
    functions = sorted({result.document["function"]["name"] for result in found})
    if len(functions) > 1:
        problem = f"is missing: {address} holds results of several functions: {', '.join(functions)}"
        raise InputError.single("CANDIDATE", problem, "give one folder for each function")
    return max(found, key=lambda result: made_at(result.document["created_at"]))


def _with_trend(
    address: str,
    results: Sequence[Result],
    candidate: ResultDocument,
    question: Question,
    allowed: Sequence[Mismatch],
    drift: float | None,
) -> ComparisonResult:
    """Compare with the last results of a folder that were made before the candidate.

    Raises:
        InputError: there is none, or they cannot be compared.
    """
    own, left_out = of_function([result.document for result in results], candidate["function"]["name"])
    earlier = latest(own, candidate["created_at"])
    if not earlier:
        problem = "holds no result that is older than the candidate"
        raise InputError.single(address, problem, "give a folder of earlier results")
    notices = dict.fromkeys(left_out)
    for document in (*earlier, candidate):
        refuse_unmeasured(document, name=address)
        notices |= dict.fromkeys(check_comparable(document, candidate, allowed))
    names = (address, "candidate")
    found = compare_with_level(earlier, candidate, question, drift_sd=drift, names=names, notices=notices)
    return ComparisonResult(found, (earlier[-1], candidate))


def question_of(threshold: float, confidence: float, metrics: Sequence[Metric | str] | None) -> Question:
    """The question that a caller asks.

    Raises:
        InputError: with every fault.
    """
    faults = []
    named = [metrics] if isinstance(metrics, str) else list(metrics or ())
    if not within(threshold, 0, 10):
        faults.append(Fault("threshold", f"{threshold!r} is not a fraction above 0", "write 5% as 0.05"))
    if not within(confidence, 0.5, 1):
        faults.append(Fault("confidence", f"{confidence!r} is not a fraction from 0.5 to 1", "write 95% as 0.95"))
    if faults:
        raise InputError(faults)
    return Question.of(threshold, confidence, [_member(Metric, name, "metrics") for name in named])


def within(value: object, low: float, high: float) -> bool:
    """Whether a value is a number between two others."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low < value < high


def _member(kind: type[Kind], name: str, argument: str) -> Kind:
    """The member of an enum by its name.

    Raises:
        InputError: there is none.
    """
    try:
        return kind(name)
    except ValueError as exc:
        known = ", ".join(member.value for member in kind)
        raise InputError.single(argument, f"{name!r} is not known", f"use one of {known}") from exc


def _name_of(side: Result | str | Path, otherwise: str) -> str:
    return otherwise if isinstance(side, Result) else str(side)


def first_baseline(
    candidate: Result,
    *,
    names: tuple[str, str],
    threshold: float = 0.05,
    confidence: float = 0.95,
    metrics: Sequence[Metric | str] = (),
) -> ComparisonResult:
    """The comparison with a baseline that is not there yet. It holds no finding; see `compare` for the arguments.

    Raises:
        InputError: the candidate has no usable run, so that nothing could ever be compared with it.
    """
    question = question_of(threshold, confidence, metrics)
    return ComparisonResult(first_document(candidate.document, question, names=names))
