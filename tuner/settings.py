"""What the user asked for, as typed values.

Does not know whether flags, an input document or a Python caller said it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tuner.model import (
    MAX_MEMORY_MB,
    MIN_MEMORY_MB,
    Architecture,
    Budget,
    Notice,
    Objective,
    SamplerName,
)
from tuner.payloads import Payload, Payloads
from tuner.vocabulary import DEFAULT_CONCURRENCY, DEFAULT_DISCARD_TOP_BOTTOM


class Isolation(StrEnum):
    """What a run in AWS invokes."""

    AUTO = "auto"
    """Copies where they are as safe as versions, else versions."""
    VERSIONS = "versions"
    """Published versions of the function."""
    COPY = "copy"
    """Temporary copies of the function, whose $LATEST is never changed."""


@dataclass(frozen=True, slots=True)
class MemorySizes:
    """Which memory sizes may be chosen: a list, or all sizes from `low_mb` to `high_mb`.

    A size that is listed twice gets twice the runs of the grid. `every_64` asks for every 64 MB between the bounds.
    """

    listed: tuple[int, ...] | None = None
    low_mb: int = MIN_MEMORY_MB
    high_mb: int = MAX_MEMORY_MB
    every_64: bool = False

    @property
    def repeats(self) -> Mapping[int, int]:
        """How often each listed size is listed."""
        return Counter(self.listed or ())


LOCAL_TIMEOUT_S = 900.0
"""Lambda's longest timeout for functions: a local run is to show how long a function takes, not to cut it short."""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """What a user may choose for a handler on this machine.

    Attributes:
        root: folder of the function's code (LAMBDA_TASK_ROOT). None: that of the handler's file.
        handler: `_HANDLER` for a program that brings its own runtime.
        interpreters: program, or environment that has it, by runtime: "python", "node".
        environment: environment variables of the function.
        timeout_s: timeout of an invocation.
        tmp_mb: size of /tmp (ephemeral storage).
        region: AWS_REGION of the function. None: that of the shell, else us-east-1.
        log: file that gets all output of the function. None: no file does.
        memory_mb, architecture: configuration in use, where it is known. No architecture: that of this machine.
        excluded: folder from which no module of the function may be loaded: the working tree of which a
            revision is measured. None: there is none.
        checkout: folder that the revision is laid out in. None: there is none.
    """

    root: str | None = None
    handler: str = ""
    interpreters: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float = LOCAL_TIMEOUT_S
    tmp_mb: int = 512
    region: str | None = None
    log: str | None = None
    memory_mb: int | None = None
    architecture: str | None = None
    excluded: str | None = None
    checkout: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a user may choose; defaults are those of the documentation.

    Attributes:
        target: function name, ARN, or a handler on this machine, e.g. `FILE:HANDLER`.
        payloads: what to invoke with.
        payload_s3: where the payloads are to be read from instead, by whoever begins a run.
        payload_file: that they were read from, for commands that repeat the run. None: from none, or it is not known.
        memory: sizes that may be chosen.
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
        only_cold_starts: every invocation starts a new environment.
        pre_processor, post_processor: functions called around each invocation.
        allowed_exceptions: error types that count as normal runs.
        sleep_between_runs_ms: pause in a lane.
        disable_payload_logs: nothing of the payload in logs, errors and results.
        include_output_results: the averages of every size in the output.
        isolation: what is invoked: versions, copies, or what suits the function.
        code_for: location of the package of an architecture that needs another one than the function's own.
        auto_optimize, auto_optimize_alias: apply the recommendation.
        auto_optimize_force: apply it even where its evidence is weak.
        dry_run: Power Tuning's `dryRun`: one invocation per size, nothing applied.
        local: how a handler on this machine is run.
        document: the input document that this was read from, without any payload and environment variables.
        notices: what reading the document changed.
    """

    target: str
    payloads: Payloads = field(default_factory=lambda: Payloads((Payload(b"{}"),)))
    payload_s3: str | None = None
    payload_file: str | None = None
    memory: MemorySizes = field(default_factory=MemorySizes)
    architectures: tuple[Architecture, ...] | None = None
    objective: Objective = field(default_factory=Objective)
    sampler: SamplerName = SamplerName.ADAPTIVE
    runs: int = 10
    environments: int = 2
    concurrency: int = DEFAULT_CONCURRENCY
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    invocations_per_month: float | None = None
    discount: float = 0.0
    discard_top_bottom: float = DEFAULT_DISCARD_TOP_BOTTOM
    only_cold_starts: bool = False
    pre_processor: str | None = None
    post_processor: str | None = None
    allowed_exceptions: tuple[str, ...] = ()
    sleep_between_runs_ms: int = 0
    disable_payload_logs: bool = False
    include_output_results: bool = False
    isolation: Isolation = Isolation.AUTO
    code_for: Mapping[Architecture, str] = field(default_factory=dict)
    auto_optimize: bool = False
    auto_optimize_alias: str | None = None
    auto_optimize_force: bool = False
    dry_run: bool = False
    local: LocalOptions = field(default_factory=LocalOptions)
    document: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
