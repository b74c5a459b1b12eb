"""What the user asked for, as typed values, and the search space that follows from it.

Does not know whether it was said by flags or by an input document (see `tuner.inputs`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tuner.errors import Fault, InputError
from tuner.model import (
    DEFAULT_MEMORY_SIZES_MB,
    MAX_MEMORY_MB,
    MB_PER_VCPU,
    MIN_MEMORY_MB,
    Architecture,
    Budget,
    FunctionIdentity,
    Notice,
    Objective,
    SearchSpace,
)
from tuner.payloads import Payload, Payloads

if TYPE_CHECKING:
    from tuner.pricing import PriceList
    from tuner.samplers import Sampler
    from tuner.study import Study

ALL_STEP_MB = 64
"""Distance of the sizes that "all" stands for, as in the peer."""
NODE_STEPS_MB = ((256, 16), (512, 32), (1024, 64), (2048, 128), (4096, 256), (MAX_MEMORY_MB, 512))
"""Up to a size, the distance of the nodes of a range: 6 to 12% of the size everywhere."""

MOST_NAMED = 6
"""Sizes that a message names one by one."""


@dataclass(frozen=True, slots=True)
class MemorySizes:
    """Which memory sizes are open: a list, or all sizes from `low_mb` to `high_mb`.

    `every_64` asks for every 64 MB between the bounds ("ALL").
    """

    listed: tuple[int, ...] | None = None
    low_mb: int = MIN_MEMORY_MB
    high_mb: int = MAX_MEMORY_MB
    every_64: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a user may choose; defaults are those of the documentation.

    Attributes:
        target: function name, ARN, or `FILE:HANDLER`.
        payloads: what to invoke with.
        payload_s3: where the payloads are to be read from instead, by whoever begins a run.
        memory: sizes that are open.
        architectures: architectures to measure; None: the current one.
        objective: what to minimise.
        sampler: "adaptive" or "grid".
        runs: invocations of each configuration (grid).
        environments: lanes of a trial.
        concurrency: invocations at once.
        budget: bounds on the search.
        seed: source of every random choice.
        invocations_per_month: traffic, for the money shown.
        discount: fraction off the duration price.
        discard_top_bottom: for the trimmed mean.
        only_cold_starts: every invocation in a new environment.
        pre_processor, post_processor: functions called around each invocation.
        allowed_exceptions: error types that count as normal runs.
        sleep_between_runs_ms: pause in a lane.
        disable_payload_logs: nothing of the payload in logs, errors and results.
        include_output_results: the averages of every size in the output.
        isolation: "versions" or "copy".
        code_for: for an architecture, where its package is when it is not the function's own.
        auto_optimize, auto_optimize_alias: apply the recommendation.
        dry_run: the peer's: one invocation per size, nothing applied.
        document: the input document that this was read from, without any payload.
    """

    target: str
    payloads: Payloads = field(default_factory=lambda: Payloads((Payload(b"{}"),)))
    payload_s3: str | None = None
    memory: MemorySizes = field(default_factory=MemorySizes)
    architectures: tuple[Architecture, ...] | None = None
    objective: Objective = field(default_factory=Objective)
    sampler: str = "adaptive"
    runs: int = 10
    environments: int = 2
    concurrency: int = 10
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    invocations_per_month: float | None = None
    discount: float = 0.0
    discard_top_bottom: float = 0.2
    only_cold_starts: bool = False
    pre_processor: str | None = None
    post_processor: str | None = None
    allowed_exceptions: tuple[str, ...] = ()
    sleep_between_runs_ms: int = 0
    disable_payload_logs: bool = False
    include_output_results: bool = False
    isolation: str = "versions"
    code_for: Mapping[Architecture, str] = field(default_factory=dict)
    auto_optimize: bool = False
    auto_optimize_alias: str | None = None
    dry_run: bool = False
    document: Mapping[str, Any] = field(default_factory=dict)


def search_space(settings: Settings, identity: FunctionIdentity) -> SearchSpace:
    """The configurations that may be measured.

    Args:
        settings: what the user asked for.
        identity: what can be measured; the size in use joins a range.

    Raises:
        InputError: nothing is left.
    """
    supported, current = identity.architectures, identity.current
    architectures = settings.architectures or supported[:1]
    usable = tuple(a for a in Architecture if a in architectures and a in supported)
    memory = settings.memory
    low, high = memory.low_mb, min(memory.high_mb, identity.max_memory_mb)
    if memory.listed is not None:
        sizes = [m for m in memory.listed if m <= identity.max_memory_mb]
    elif memory.every_64:
        sizes = list(all_sizes(low, high))
    elif settings.sampler == "grid":
        sizes = [m for m in DEFAULT_MEMORY_SIZES_MB if low <= m <= high] or [m for m in (low, high) if low <= high]
    else:
        sizes = memory_nodes(low, high, [current.memory_mb] if current else [])
    faults = []
    if not sizes:
        wanted = ", ".join(map(str, memory.listed)) if memory.listed else f"{low} to {memory.high_mb}"
        allowed = f"allowed are {MIN_MEMORY_MB} to {identity.max_memory_mb} MB"
        faults.append(Fault("$.powerValues", f"no size of {wanted} MB can be measured", allowed))
    if not usable:
        allowed = f"use one of {', '.join(supported)}" if supported else "tune it in AWS"
        faults.append(Fault("$.architectures", f"{', '.join(architectures) or 'none'} cannot be measured", allowed))
    if faults:
        raise InputError(faults)
    listed = memory.listed is not None or memory.every_64 or settings.sampler == "grid"
    return SearchSpace(tuple(sorted(set(sizes))), usable, listed=listed)


def left_out(settings: Settings, identity: FunctionIdentity) -> list[Notice]:
    """What was asked for, by name or by default, and cannot be measured."""
    most = identity.max_memory_mb
    wanted = search_space(settings, replace(identity, max_memory_mb=MAX_MEMORY_MB))
    beyond = [size for size in wanted.memory_sizes_mb if size > most]
    notices = []
    if beyond:
        named = wanted.listed and len(beyond) <= MOST_NAMED
        sizes = ", ".join(map(str, beyond)) if named else f"{most + 1} to {beyond[-1]}"
        notices.append(Notice("sizes_left_out", f"Left out {sizes} MB: more than {most} MB cannot be measured here."))
    missing = [a for a in settings.architectures or () if a not in identity.architectures]
    if missing:
        notices.append(Notice("architecture_left_out", f"Left out {', '.join(missing)}: it cannot be measured here."))
    return notices


def all_sizes(low_mb: int = MIN_MEMORY_MB, high_mb: int = MAX_MEMORY_MB) -> tuple[int, ...]:
    """Every 64 MB within bounds: what "all" stands for."""
    return tuple(range(-(-low_mb // ALL_STEP_MB) * ALL_STEP_MB, high_mb + 1, ALL_STEP_MB))


def memory_nodes(low_mb: int, high_mb: int, extra: Iterable[int] = ()) -> list[int]:
    """Sizes that stand for a whole range: its bounds, one vCPU, and steps of 6 to 12%."""
    nodes = {low_mb, high_mb, MB_PER_VCPU, *extra}
    start = MIN_MEMORY_MB
    for limit, step in NODE_STEPS_MB:
        nodes.update(range(start, limit + 1, step))
        start = limit
    return sorted(node for node in nodes if low_mb <= node <= high_mb)


def make_sampler(settings: Settings) -> Sampler:
    """The sampler that the settings ask for."""
    # Imported when called: samplers need numpy, and handlers that only invoke do not.
    if settings.sampler == "grid":
        from tuner.samplers import GridSampler

        return GridSampler(settings.runs, settings.environments, fresh=settings.only_cold_starts)
    from tuner.adaptive import AdaptiveSampler

    return AdaptiveSampler()


def make_study(settings: Settings, identity: FunctionIdentity, prices: PriceList) -> Study:
    """The study that the settings ask for on this function."""
    from tuner.study import Study

    return Study(
        search_space(settings, identity),
        make_sampler(settings),
        settings.objective,
        prices,
        budget=settings.budget,
        current=identity.current,
        environments=settings.environments,
        seed=settings.seed,
        invocations_per_month=settings.invocations_per_month,
    )


def request_document(settings: Settings, space: SearchSpace) -> dict[str, Any]:
    """The settings in the form of the result document, without any payload."""
    payload = {"count": len(settings.payloads.items), "sha256": settings.payloads.digest()}
    objective = settings.objective
    return {
        "strategy": objective.strategy.value,
        "balanced_weight": objective.balanced_weight,
        "tolerance": objective.tolerance,
        "cold_start_share": objective.cold_start_share,
        "constraints": asdict(objective.constraints),
        "sampler": settings.sampler,
        "runs": settings.runs if settings.sampler == "grid" else None,
        "environments": settings.environments,
        "concurrency": settings.concurrency,
        "seed": settings.seed,
        "memory_sizes_mb": list(space.memory_sizes_mb),
        "listed": space.listed,
        "architectures": [a.value for a in space.architectures],
        "budget": asdict(settings.budget),
        "invocations_per_month": settings.invocations_per_month,
        "discount": settings.discount,
        "discard_top_bottom": settings.discard_top_bottom,
        "only_cold_starts": settings.only_cold_starts,
        "allowed_exceptions": list(settings.allowed_exceptions),
        "sleep_between_runs_ms": settings.sleep_between_runs_ms,
        "isolation": settings.isolation,
        "payload": None if settings.disable_payload_logs else payload,
    }
