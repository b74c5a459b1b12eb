"""The fixed words of the domain: configurations, intervals, and every kind that has a name on the wire.

Everything that speaks of a result needs these, and a report nothing else: they load quickly, and know of no
measurement. `tuner.model` has them too, beside the values that measuring is made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MIN_MEMORY_MB = 128
"""Smallest memory size of AWS Lambda (Lambda quotas, 2026-09)."""
MAX_MEMORY_MB = 10_240
"""Largest memory size of AWS Lambda (Lambda quotas, 2026-09)."""
MB_PER_VCPU = 1769
"""Memory size at which a function has one vCPU (Lambda developer guide, "Configure memory")."""
DEFAULT_TOLERANCE = 0.02
"""Loss against the best that is accepted where nothing else is asked for."""
DEFAULT_MAX_ERROR_RATE = 0.05
"""Share of failed runs that a recommended configuration may have, unless told otherwise."""
DEFAULT_DISCARD_TOP_BOTTOM = 0.2
"""Fraction of runs left out on each side of a trimmed mean, unless told otherwise (Power Tuning)."""
NOISY_HOST, NO_CURVE = "noisy_host", "curve_fallback"
"""Codes of notices that lower the confidence of a result."""
DEFAULT_CONCURRENCY = 10
"""Invocations at once, unless told otherwise."""
COPY_PREFIX = "tuner_"
"""Prefix of the names of the temporary copies that runs measure, which policies use too. Stacks make no name with an
underscore. Copies write to the log group of their function, where their streams carry their names."""
DEFAULT_MEMORY_SIZES_MB = (128, 256, 512, 1024, 1536, 3008)
"""Sizes that AWS Lambda Power Tuning measures unless told otherwise (its PowerValues default)."""


class Architecture(StrEnum):
    """Instruction set of a function, spelt as the Lambda API spells it."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


class BackendKind(StrEnum):
    """What sort of place runs the invocations. It decides what a result may claim."""

    AWS = "aws"
    LOCAL = "local"
    """This machine, under Lambda's limits: an estimate, not paid for."""
    SIMULATED = "simulated"
    """Known curves: no invocation is real."""


class SamplerName(StrEnum):
    """How trials are chosen. `tuner.search.registry` declares what each name stands for."""

    ADAPTIVE = "adaptive"
    GRID = "grid"


class StrategyName(StrEnum):
    """What the recommendation minimises. `tuner.search.strategies` declares what each name stands for."""

    COST = "cost"
    SPEED = "speed"
    BALANCED = "balanced"


@dataclass(frozen=True, slots=True, order=True)
class Configuration:
    """What a user chooses: memory in MB (128 to 10,240) and architecture."""

    memory_mb: int
    architecture: Architecture

    def __post_init__(self) -> None:
        if not MIN_MEMORY_MB <= self.memory_mb <= MAX_MEMORY_MB:
            raise ValueError(f"memory_mb {self.memory_mb} is not within {MIN_MEMORY_MB}..{MAX_MEMORY_MB}")

    def __str__(self) -> str:
        return f"{self.memory_mb:,} MB {self.architecture}"


class Outcome(StrEnum):
    """How one invocation ended."""

    OK = "ok"
    ERROR = "error"
    """The function raised. `Invocation.usable` still holds when the error is an allowed one."""
    TIMEOUT = "timeout"
    """Ran into the function's timeout: its duration is a lower bound."""
    OUT_OF_MEMORY = "out_of_memory"
    THROTTLED = "throttled"
    """Never ran: no concurrency was free, also after retries."""
    REFUSED = "refused"
    """Never ran: the configuration was refused (memory cap, unsupported architecture)."""
    NO_REPORT = "no_report"
    """Ran, but no REPORT line could be had: nothing is known of its duration."""


REFUSED_ARCHITECTURE = "Architecture"
"""Error type of a refusal that holds for every size of its architecture."""


class StopReason(StrEnum):
    """Why a study stopped asking."""

    COMPLETE = "complete"
    """The grid was measured as asked for."""
    TOLERANCE = "tolerance"
    """The expected regret is within the tolerance."""
    ECONOMY = "economy"
    """A further trial costs more than it can be expected to save."""
    CANNOT_TELL = "cannot_tell"
    """The noise is so large that more trials of a sensible number would not decide."""
    INVOCATIONS = "max_invocations"
    USD = "max_usd"
    SECONDS = "max_seconds"
    INTERRUPTED = "interrupted"
    ALL_FAILED = "all_failed"
    FUNCTION_CHANGED = "function_changed"
    """The function was deployed meanwhile: what was measured before is kept."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval: mean, low and high at `level` (0.95 is 95%)."""

    mean: float
    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know.

    Attributes:
        code: stable, for programs.
        message: a sentence.
        lasting: it holds for the runs made until now, whatever a later session of the same run finds.
    """

    code: str
    message: str
    lasting: bool = False
