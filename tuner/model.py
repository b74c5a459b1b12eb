"""The words of the domain as frozen values: what to measure, and what came back.

Everything that exists here is valid: constructors refuse what makes no sense.
Nothing here knows about AWS, files, wire formats or time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tuner.vocabulary import (
    DEFAULT_MAX_ERROR_RATE,
    DEFAULT_MEMORY_SIZES_MB,
    DEFAULT_TOLERANCE,
    MAX_MEMORY_MB,
    MB_PER_VCPU,
    MIN_MEMORY_MB,
    Architecture,
    BackendKind,
    Configuration,
    Interval,
    Notice,
    Outcome,
    SamplerName,
    StopReason,
    StrategyName,
)

__all__ = [
    "DEFAULT_MAX_ERROR_RATE",
    "DEFAULT_MEMORY_SIZES_MB",
    "DEFAULT_TOLERANCE",
    "MAX_MEMORY_MB",
    "MB_PER_VCPU",
    "MIN_MEMORY_MB",
    "Architecture",
    "BackendKind",
    "Budget",
    "Configuration",
    "Constraints",
    "FunctionError",
    "FunctionIdentity",
    "Interval",
    "Invocation",
    "Notice",
    "Objective",
    "Outcome",
    "Round",
    "Sample",
    "SamplerName",
    "SearchSpace",
    "StopReason",
    "StrategyName",
    "Trial",
    "invocations_of",
]


@dataclass(frozen=True, slots=True)
class FunctionError:
    """The function's own error, shown as it is: type, message, stack lines."""

    type: str
    message: str
    stack: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # JSON can hold half a surrogate pair (an emoji that was cut), but no file in UTF-8 can.
        object.__setattr__(self, "type", _as_utf8(self.type))
        object.__setattr__(self, "message", _as_utf8(self.message))
        object.__setattr__(self, "stack", tuple(map(_as_utf8, self.stack)))


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of the function and what its REPORT line said.

    Attributes:
        outcome: how it ended.
        environment: label of the execution environment that ran it; two invocations
            with the same label shared one. Empty when it never ran.
        duration_ms: handler time. For TIMEOUT a lower bound. None: not known.
        billed_duration_ms: what is paid, as reported, never derived. None: not reported.
        init_duration_ms: cold start before the handler (Init). None: not reported, so warm.
        restore_duration_ms: SnapStart restore before the handler. None: not reported.
        max_memory_used_mb: as reported.
        allowed: an ERROR whose type the user allows; it counts as a normal run.
        error: the function's error, where there is one.
        request_id: the invocation's id.
        cpu_ms: CPU time of the handler, known to the local backend only.
        waited_ms: time that it was ready to run but had no core, known to the local backend only.
        payload: index of the payload in the request's list of payloads.
        started_at: UTC ISO 8601 time of the call, or empty.
        extra_cost_usd: paid beside duration and request (SnapStart restores).
        fixed_work_ms: CPU time of a fixed piece of work just before its environment was opened. None: not timed.
        answer: what the function answered, as far as it is shown: of one run alone.
        failed_answer: what in its answer tells of a failure; empty: nothing does.

    The last three are known to the local backend only.
    """

    outcome: Outcome
    environment: str = ""
    duration_ms: float | None = None
    billed_duration_ms: int | None = None
    init_duration_ms: float | None = None
    restore_duration_ms: float | None = None
    max_memory_used_mb: int | None = None
    allowed: bool = False
    error: FunctionError | None = None
    request_id: str = ""
    cpu_ms: float | None = None
    waited_ms: float | None = None
    payload: int = 0
    started_at: str = ""
    extra_cost_usd: float = 0.0
    fixed_work_ms: float | None = None
    answer: str = ""
    failed_answer: str = ""

    @property
    def cold(self) -> bool:
        """Whether a cold start came before it: told by Init or Restore, never by its duration."""
        return self.init_duration_ms is not None or self.restore_duration_ms is not None

    @property
    def start_ms(self) -> float | None:
        """Init or restore duration of a cold start; None for a warm one."""
        return self.init_duration_ms if self.init_duration_ms is not None else self.restore_duration_ms

    @property
    def usable(self) -> bool:
        """Whether its duration is that of a normal run."""
        normal = self.outcome is Outcome.OK or (self.outcome is Outcome.ERROR and self.allowed)
        return normal and self.duration_ms is not None and self.billed_duration_ms is not None

    @property
    def ran(self) -> bool:
        """Whether the function was started, and so was paid for."""
        return self.outcome not in (Outcome.THROTTLED, Outcome.REFUSED)


@dataclass(frozen=True, slots=True)
class Trial:
    """A request for runs at one configuration.

    `environments` lanes run in parallel, each in an execution environment of its own;
    each lane makes `runs_per_environment` invocations one after the other. The first
    of a fresh environment is cold. With `fresh` the environments must be new ones.
    """

    id: int
    configuration: Configuration
    environments: int = 2
    runs_per_environment: int = 2
    fresh: bool = False

    def __post_init__(self) -> None:
        if self.environments < 1 or self.runs_per_environment < 1:
            raise ValueError("a trial needs at least one environment and one run in it")

    @property
    def invocations(self) -> int:
        """How many invocations the trial asks for."""
        return self.environments * self.runs_per_environment


@dataclass(frozen=True, slots=True)
class Round:
    """One ask of a study: the batch of trials, and the expected regret before it (a fraction; None: not known)."""

    trials: tuple[Trial, ...]
    expected_regret: float | None


@dataclass(frozen=True, slots=True)
class Sample:
    """Invocations of one trial: all of them, or those of some of its environments.

    A backend may hand a trial over in several samples with the same `trial_id`, so that
    little is lost when it is stopped in the middle. `lane` tells which of the trial's
    environments it is, from 0, where a sample is one of them; records leave it out.
    `free` tells that the runs were made by others and are known from a log: nothing was paid for them.
    """

    trial_id: int
    configuration: Configuration
    invocations: tuple[Invocation, ...]
    lane: int | None = field(default=None, compare=False)
    free: bool = False

    @property
    def refused(self) -> bool:
        """Whether the configuration was refused before anything ran."""
        return any(i.outcome is Outcome.REFUSED for i in self.invocations)


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The configurations a study may measure and recommend.

    `memory_sizes_mb` is sorted and without repetition. `listed` tells that the user named
    these sizes one by one, so that nothing else may be recommended; otherwise they
    are the nodes of a range and stand for every size between them.
    """

    memory_sizes_mb: tuple[int, ...]
    architectures: tuple[Architecture, ...]
    listed: bool = False

    def __post_init__(self) -> None:
        if not self.memory_sizes_mb or not self.architectures:
            raise ValueError("a search space needs at least one memory size and one architecture")
        if list(self.memory_sizes_mb) != sorted(set(self.memory_sizes_mb)):
            raise ValueError("memory sizes must be sorted and without repetition")
        for memory_mb in (self.memory_sizes_mb[0], self.memory_sizes_mb[-1]):
            Configuration(memory_mb, self.architectures[0])

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """Every configuration, sizes outermost."""
        return tuple(Configuration(m, a) for m in self.memory_sizes_mb for a in self.architectures)

    def __contains__(self, configuration: object) -> bool:
        return (
            isinstance(configuration, Configuration)
            and configuration.architecture in self.architectures
            and self.memory_sizes_mb[0] <= configuration.memory_mb <= self.memory_sizes_mb[-1]
            and (not self.listed or configuration.memory_mb in self.memory_sizes_mb)
        )


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a recommendation must satisfy; None: no such bound."""

    max_p95_ms: float | None = None
    max_cost_per_million_usd: float | None = None
    min_memory_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Objective:
    """What to minimise, under which constraints, and how close is close enough.

    `balanced_weight`: 0 is speed, 1 is cost (as in Power Tuning). `tolerance`: a fraction.
    `cold_start_share`: fraction of invocations that are cold, weighed into cost and duration.
    `max_error_rate`: a configuration whose runs believably fail more often than this fraction is not recommended.
    """

    strategy: StrategyName = StrategyName.COST
    balanced_weight: float = 0.5
    constraints: Constraints = field(default_factory=Constraints)
    tolerance: float = DEFAULT_TOLERANCE
    cold_start_share: float = 0.0
    max_error_rate: float = DEFAULT_MAX_ERROR_RATE

    def __post_init__(self) -> None:
        if not 0 <= self.balanced_weight <= 1:
            raise ValueError(f"balanced_weight {self.balanced_weight} is not within 0..1")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"tolerance {self.tolerance} is not within 0..1")
        if not 0 <= self.max_error_rate <= 1:
            raise ValueError(f"max_error_rate {self.max_error_rate} is not within 0..1")
        if not 0 <= self.cold_start_share <= 1:
            raise ValueError(f"cold_start_share {self.cold_start_share} is not within 0..1")


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds on the search; None: no such bound."""

    max_invocations: int | None = None
    max_usd: float | None = None
    max_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class FunctionIdentity:
    """Which function is measured, where, and what of it can be measured.

    Attributes:
        name: function name, or file and handler.
        backend: what sort of place runs the invocations.
        architectures: those that can be measured, the current one first.
        max_memory_mb: largest size that the account or the host allows.
        current: the configuration in use, where known.
        free: whether invocations cost only time, as on the user's own machine.
        details: more about the function or the host, for the result document.
    """

    name: str
    backend: BackendKind
    architectures: tuple[Architecture, ...] = (Architecture.X86_64,)
    max_memory_mb: int = MAX_MEMORY_MB
    arn: str | None = None
    version: str | None = None
    runtime: str | None = None
    code_sha256: str | None = None
    region: str | None = None
    current: Configuration | None = None
    timeout_s: float | None = None
    free: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


def invocations_of(samples: Iterable[Sample]) -> dict[Configuration, list[Invocation]]:
    """Group the invocations of samples by configuration, in the order they came."""
    grouped: dict[Configuration, list[Invocation]] = {}
    for sample in samples:
        grouped.setdefault(sample.configuration, []).extend(sample.invocations)
    return grouped


def _as_utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
