"""What the user asked for, as typed values.

Does not know whether flags, an input document or a Python caller said it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuner.model import (
    MAX_MEMORY_MB,
    MIN_MEMORY_MB,
    Architecture,
    Budget,
    Objective,
    SamplerName,
)
from tuner.payloads import Payload, Payloads


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
        sampler: how trials are chosen.
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
    sampler: SamplerName = SamplerName.ADAPTIVE
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
