"""Decides whether a recommendation has enough evidence to change a function.

Knows the rule and its thresholds. It does not know documents, AWS, or how a change is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tuner.errors import TunerError
from tuner.estimation.failures.error_rates import BELIEVABLE, ErrorRate, rate_of_all
from tuner.plain_numbers import plural
from tuner.vocabulary import DEFAULT_MAX_ERROR_RATE, NO_CURVE, NOISY_HOST, Configuration, StopReason

HIGH_TOLERANCES, MEDIUM_TOLERANCES = 1, 3
"""Confidence is high up to this many tolerances of expected regret, and medium up to that many."""
HIGH_CHANCE, MEDIUM_CHANCE = 0.1, 0.3
"""Confidence is high up to this chance of losing more than twice the tolerance, and medium up to that."""
FEWEST_WARM_RUNS, FEWEST_ENVIRONMENTS = 2, 2
"""Warm runs, and environments, of the recommended configuration that high confidence needs."""
WIDEST_MEAN = 1.3
"""High confidence needs a mean duration whose middle two thirds of what is believed lie within this factor. Of
simulated functions with 8 runs that spread by 7% hardly any has more. One whose every eighth run takes a hundred times
as long has 1.4 after 300 runs. A wider interval would tell mostly of slow runs that were not seen, which are told
apart."""
SLOW_PART, WIDEST_MEAN_OF_SLOW = 0.5, 1.15
"""The same where more than half of the mean is what slow runs make of it: they were seen, and enough of them must be.
Then the mean is known to about 15%."""
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


class Doubt(StrEnum):
    """Why the confidence is not high. The values are codes of the result document."""

    UNMET_CONSTRAINT = "unmet_constraint"
    """No configuration satisfies the constraints."""
    EXPECTED_LOSS = "expected_loss"
    """The expected regret, beside what was given away on purpose, is above the tolerance."""
    CHANCE_OF_LOSS = "chance_of_loss"
    """It may well lose more than twice the tolerance."""
    FEW_WARM_RUNS = "few_warm_runs"
    """The recommended configuration has too few warm runs, or all in one environment."""
    ERRORS = "errors"
    """Its runs fail, and the rate may be above the limit."""
    UNCERTAIN_MEAN = "uncertain_mean"
    """Slow or scattered runs decide its mean, and too few were seen to know it."""
    FAILING_SIZES = "failing_sizes"
    """Some configurations fail too often by errors of the function, or all that may be recommended do together."""
    NOISY_HOST = "noisy_host"
    """The host was busy while it measured."""
    TOO_NOISY = "too_noisy"
    """The noise is so large that more runs of a sensible number would not decide."""
    UNFINISHED = "unfinished"
    """The search ended before the question was settled."""
    ONLY_CANDIDATE = "only_candidate"
    """There is nothing to compare it with."""
    NO_CURVE = "no_curve"
    """The curves could not be fitted; plain statistics stand in for them."""


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
        warm: usable invocations that were not cold.
        environments: environments that ran them.
        failed: invocations that ended in an error that is not allowed, or in a timeout.
        timeouts: those of them that ended in a timeout.
        throttled: invocations that AWS throttled, so that nothing ran.
    """

    configuration: Configuration
    requested: int
    usable: int
    failure: str = ""
    warm: int = 0
    environments: int = 0
    failed: int = 0
    timeouts: int = 0
    throttled: int = 0

    @property
    def started(self) -> int:
        """Invocations that ran: what people read as its runs."""
        return self.requested - self.throttled

    @property
    def error_rate(self) -> ErrorRate:
        """How often its runs fail."""
        return ErrorRate(self.failed, self.failed + self.usable)

    @property
    def own_error_rate(self) -> ErrorRate:
        """The same without timeouts, whose plain cause is too little memory: errors of the function itself."""
        return ErrorRate(self.failed - self.timeouts, self.failed + self.usable)

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
        recommended: the configuration in question; None: no recommendation.
        chance_of_miss: chance that it loses more than twice the tolerance; None: not known.
        max_error_rate: share of failed runs that is accepted.
        mean_width: its mean duration, the high end of the middle two thirds of what is believed over the low one.
        slow_part: what part of the mean duration of all sizes lies beyond their medians, as a fraction.
        notices: codes of what went wrong around the measuring.
        excluded: configurations that cannot be recommended.
    """

    doubt: float | None
    tolerance: float
    stopped_by: StopReason
    candidates: int
    unmet: str | None
    current: Configuration | None
    measured: tuple[MeasuredRuns, ...]
    recommended: Configuration | None = None
    chance_of_miss: float | None = None
    max_error_rate: float = DEFAULT_MAX_ERROR_RATE
    mean_width: float = 1.0
    slow_part: float = 0.0
    notices: frozenset[str] = frozenset()
    excluded: frozenset[Configuration] = frozenset()

    @property
    def knows_mean(self) -> bool:
        """Whether the mean duration of the recommended configuration is known well enough for high confidence."""
        return self.mean_width <= (WIDEST_MEAN_OF_SLOW if self.slow_part > SLOW_PART else WIDEST_MEAN)

    @property
    def own_runs(self) -> MeasuredRuns | None:
        """The runs of the recommended configuration; None: it was not measured."""
        return next((runs for runs in self.measured if runs.configuration == self.recommended), None)

    @property
    def left(self) -> tuple[MeasuredRuns, ...]:
        """The runs of every measured configuration that is not excluded."""
        return tuple(runs for runs in self.measured if runs.configuration not in self.excluded)

    @property
    def fails_alike(self) -> bool:
        """Whether these fail too often, taken together. One that failed more often than others would be excluded."""
        return rate_of_all(runs.error_rate for runs in self.left).believably_above(self.max_error_rate)

    @property
    def failing(self) -> tuple[MeasuredRuns, ...]:
        """The runs of every measured configuration, excluded or not, that fails too often by errors of the function."""
        return tuple(runs for runs in self.measured if runs.own_error_rate.believably_above(self.max_error_rate))


def confidence(evidence: DecisionEvidence) -> Confidence:
    """How certain the recommendation is: the lowest level that one of its doubts leaves."""
    if evidence.doubt is None:
        return Confidence.NONE
    levels = {level for _, level in _doubts(evidence)}
    return next((level for level in (Confidence.LOW, Confidence.MEDIUM) if level in levels), Confidence.HIGH)


def doubts(evidence: DecisionEvidence) -> tuple[Doubt, ...]:
    """Why the confidence is not high, the gravest first; empty when it is, or when nothing is recommended."""
    if evidence.doubt is None:
        return ()
    found = sorted(_doubts(evidence), key=lambda one: one[1] is not Confidence.LOW)
    return tuple(doubt for doubt, _ in found)


def _doubts(evidence: DecisionEvidence) -> Iterator[tuple[Doubt, Confidence]]:
    """Every doubt with the confidence that it leaves."""
    assert evidence.doubt is not None
    medium, low = Confidence.MEDIUM, Confidence.LOW
    if evidence.unmet:
        yield Doubt.UNMET_CONSTRAINT, low
    if not evidence.doubt <= HIGH_TOLERANCES * evidence.tolerance:
        yield Doubt.EXPECTED_LOSS, medium if evidence.doubt <= MEDIUM_TOLERANCES * evidence.tolerance else low
    chance = evidence.chance_of_miss or 0.0
    if chance > HIGH_CHANCE:
        yield Doubt.CHANCE_OF_LOSS, medium if chance <= MEDIUM_CHANCE else low
    yield from _doubts_of_runs(evidence)
    if not evidence.knows_mean:
        yield Doubt.UNCERTAIN_MEAN, medium
    if evidence.stopped_by is StopReason.CANNOT_TELL:
        # The loss is judged above. Low only where the runs do not even tell the mean that the loss rests on.
        yield Doubt.TOO_NOISY, low if evidence.mean_width > WIDEST_MEAN else medium
    if evidence.stopped_by in UNFINISHED:
        yield Doubt.UNFINISHED, medium
    if evidence.candidates == 1:
        yield Doubt.ONLY_CANDIDATE, medium
    if evidence.fails_alike or evidence.failing:
        yield Doubt.FAILING_SIZES, low if evidence.fails_alike else medium
    if NOISY_HOST in evidence.notices:
        yield Doubt.NOISY_HOST, medium
    if NO_CURVE in evidence.notices:
        yield Doubt.NO_CURVE, medium


def _doubts_of_runs(evidence: DecisionEvidence) -> Iterator[tuple[Doubt, Confidence]]:
    """Doubts about the runs of the recommended configuration, where it is known which one that is."""
    if evidence.recommended is None:
        return
    own = evidence.own_runs
    if own is None or own.warm < FEWEST_WARM_RUNS or own.environments < FEWEST_ENVIRONMENTS:
        yield Doubt.FEW_WARM_RUNS, Confidence.MEDIUM
    if own is not None and own.failed and not evidence.fails_alike:
        limit = evidence.max_error_rate
        if own.error_rate.chance_above(limit) > 1 - BELIEVABLE:
            yield Doubt.ERRORS, Confidence.LOW if own.error_rate.believably_above(limit) else Confidence.MEDIUM


def explain(doubt: Doubt, evidence: DecisionEvidence) -> str:
    """A doubt in words with its numbers, without a capital letter or a full stop."""
    tolerance, own = evidence.tolerance, evidence.own_runs
    loss = _beside(evidence.doubt or 0.0, tolerance)
    warm = f"{plural(own.warm, 'warm run')} in {plural(own.environments, 'environment')}" if own and own.warm else ""
    failed, started = (own.failed, own.started) if own else (0, 0)
    return {
        Doubt.UNMET_CONSTRAINT: "no configuration meets the constraints",
        Doubt.EXPECTED_LOSS: f"the expected loss is {loss}, above the {tolerance:.1%} accepted",
        Doubt.CHANCE_OF_LOSS: (
            f"the chance of losing more than {2 * tolerance:.1%} is {evidence.chance_of_miss or 0.0:.0%}"
        ),
        Doubt.FEW_WARM_RUNS: (f"the recommended configuration has {warm or 'no warm run'}"),
        Doubt.ERRORS: f"{failed} of its {plural(started, 'run')} failed",
        Doubt.UNCERTAIN_MEAN: (
            f"slow or scattered runs decide its mean duration, which is known to a factor of {evidence.mean_width:.2g}"
        ),
        Doubt.FAILING_SIZES: _failing_sizes(evidence),
        Doubt.NOISY_HOST: "the machine was busy while it measured",
        Doubt.TOO_NOISY: "the runs vary too much for more of them to decide",
        Doubt.UNFINISHED: "the search ended before the question was settled",
        Doubt.ONLY_CANDIDATE: "there is no other configuration to compare it with",
        Doubt.NO_CURVE: "the curves could not be fitted, and plain statistics stand in for them",
    }[doubt]


def _failing_sizes(evidence: DecisionEvidence) -> str:
    """How many runs failed at all sizes that are left, or at how many sizes runs fail too often."""
    if not evidence.fails_alike:
        of = f"{len(evidence.failing)} of {plural(len(evidence.measured), 'configuration')}"
        return f"runs fail too often at {of}, and not for lack of memory or time"
    left = evidence.left
    runs = f"{sum(runs.failed for runs in left)} of {plural(sum(runs.started for runs in left), 'run')}"
    where = "" if len(left) == len(evidence.measured) else " at the sizes that are left"
    return f"{runs}{where} failed{', at no size believably more often than at others' if len(left) > 1 else ''}"


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
        grave = (doubt for doubt, level in _doubts(evidence) if level is Confidence.LOW)
        found.append(f"the confidence is low: {_joined(explain(doubt, evidence) for doubt in grave)}")
    failing = [runs for runs in evidence.measured if runs.failing]
    found.extend(
        f"the current configuration, {runs.configuration}, has only {runs.usable} usable of "
        f"{plural(runs.started, 'run')}{_throttled(runs)}{_most(runs)}"
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
            "Tune again, or apply it all the same: --force, or autoOptimizeForce in the input."
            if evidence.doubt is not None
            else "Tune again.",
        )


def _throttled(runs: MeasuredRuns) -> str:
    return f" and {plural(runs.throttled, 'throttled call')}" if runs.throttled else ""


def _most(runs: MeasuredRuns) -> str:
    return f" (most others: {runs.failure})" if runs.failure else ""


def _joined(reasons: Iterable[str]) -> str:
    return "; ".join(reasons)


def _beside(loss: float, tolerance: float) -> str:
    """A loss in per cent: with one decimal, or with two where it would read as the tolerance."""
    told = f"{loss:.1%}"
    return told if told != f"{tolerance:.1%}" else f"{loss:.2%}"
