"""Decides whether a recommendation has enough evidence to change a function.

Knows the rule and its thresholds. It does not know documents, AWS, or how a change is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tuner.errors import TunerError
from tuner.model import Configuration, StopReason

HIGH_TOLERANCES, MEDIUM_TOLERANCES = 1, 3
"""Confidence is high up to this many tolerances of expected regret, and medium up to that many."""
USABLE_SHARE = 0.5
"""A configuration counts as failing when less than this share of its runs is usable."""
UNFINISHED = frozenset(
    {
        StopReason.INVOCATIONS,
        StopReason.USD,
        StopReason.SECONDS,
        StopReason.INTERRUPTED,
        StopReason.FUNCTION_CHANGED,
    }
)
"""Reasons to stop before the question was settled."""
_INVALIDATING = {
    StopReason.INTERRUPTED: "the run was interrupted",
    StopReason.FUNCTION_CHANGED: "the function was deployed during the run",
    StopReason.ALL_FAILED: "no configuration had a usable run",
}


class Confidence(StrEnum):
    """How certain a recommendation is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"
    """There is no recommendation."""


class WeakEvidenceError(TunerError):
    """A recommendation is not applied, because its evidence does not support a change."""


@dataclass(frozen=True, slots=True)
class MeasuredRuns:
    """What happened to the runs of one configuration.

    Attributes:
        configuration: the configuration.
        requested: invocations, including throttled ones.
        usable: invocations that count as normal runs and have a report.
        failure: the most frequent other outcome in words, such as `throttled`; empty when there is none.
    """

    configuration: Configuration
    requested: int
    usable: int
    failure: str = ""

    @property
    def failing(self) -> bool:
        """Whether most invocations are not usable."""
        return self.usable < self.requested * USABLE_SHARE


@dataclass(frozen=True, slots=True)
class DecisionEvidence:
    """What a decision to change a function depends on.

    Attributes:
        doubt: expected regret without what ties gave away on purpose, as a fraction; None: no recommendation.
        tolerance: the regret that the user accepts, as a fraction.
        stopped_by: why the search ended.
        candidates: number of configurations that can be recommended.
        unmet: which constraint no configuration satisfies; None: all are satisfied.
        current: the configuration in use; None: not known.
        measured: what happened to the runs of each configuration.
    """

    doubt: float | None
    tolerance: float
    stopped_by: StopReason
    candidates: int
    unmet: str | None
    current: Configuration | None
    measured: tuple[MeasuredRuns, ...]


def confidence(evidence: DecisionEvidence) -> Confidence:
    """How certain the recommendation is: high within the tolerance, medium up to three times that."""
    doubt, stopped = evidence.doubt, evidence.stopped_by
    if doubt is None:
        return Confidence.NONE
    if evidence.unmet or stopped is StopReason.CANNOT_TELL or not doubt <= MEDIUM_TOLERANCES * evidence.tolerance:
        return Confidence.LOW
    if evidence.candidates == 1 or doubt > HIGH_TOLERANCES * evidence.tolerance or stopped in UNFINISHED:
        return Confidence.MEDIUM
    return Confidence.HIGH


def objections(evidence: DecisionEvidence) -> tuple[str, ...]:
    """Every reason not to change a function on this evidence; empty when there is none."""
    if evidence.doubt is None:
        return ("there is no recommendation",)
    found: list[str] = []
    if reason := _INVALIDATING.get(evidence.stopped_by):
        found.append(reason)
    if evidence.unmet:
        found.append(f"a constraint is not met: {evidence.unmet}")
    elif confidence(evidence) is Confidence.LOW:
        found.append(f"the confidence is low: the expected loss is {evidence.doubt:.1%}")
    failing = [runs for runs in evidence.measured if runs.failing]
    found.extend(
        f"the current configuration, {runs.configuration}, has only {runs.usable} usable of {runs.requested} runs"
        f"{_most(runs)}"
        for runs in failing
        if runs.configuration == evidence.current
    )
    if 2 * len(failing) > len(evidence.measured):
        names = ", ".join(f"{runs.configuration}{_most(runs)}" for runs in failing)
        found.append(f"most runs are not usable at {len(failing)} of {len(evidence.measured)} configurations: {names}")
    return tuple(found)


def require_evidence(evidence: DecisionEvidence, *, force: bool = False) -> None:
    """Make sure that the evidence supports a change of the function.

    Raises:
        WeakEvidenceError: it does not, and `force` does not override that.
    """
    if not force and (found := objections(evidence)):
        raise WeakEvidenceError(
            f"The recommendation is not applied: {_joined(found)}.",
            "Tune again, or apply it all the same with --force.",
        )


def _most(runs: MeasuredRuns) -> str:
    return f" (most others: {runs.failure})" if runs.failure else ""


def _joined(reasons: Iterable[str]) -> str:
    return "; ".join(reasons)
