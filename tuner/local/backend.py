"""Measures a real handler on this machine, under Lambda's CPU share and memory limit.

Runs are made in worker processes (`tuner.local`), and their REPORT lines are read as those
of AWS are. What it measures is an estimate: this machine is not one of Lambda's.
"""

from __future__ import annotations

import math
import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf
from pathlib import Path

import psutil

from tuner.errors import BackendError, Fault, InputError
from tuner.local.answers import AnswerMeter
from tuner.local.arguments import arguments
from tuner.local.handler import LocalHandler, load_faults, parse_handler
from tuner.local.host import architecture, busy_slots, cores, cpu_model, max_memory_mb
from tuner.local.host_noise import NoiseMeter, fixed_work_ms
from tuner.local.limits.cpu import PERIOD_S
from tuner.local.limits.governor import Governor
from tuner.local.limits.memory import MB
from tuner.local.scheduling import Lane, LocalScheduler, interleave
from tuner.local.worker.environment import ExecutionEnvironment
from tuner.local.worker.output import Log, last_lines
from tuner.local.worker.spec import LocalInvocationResult
from tuner.model import (
    BackendKind,
    Configuration,
    FunctionError,
    FunctionIdentity,
    Invocation,
    Notice,
    Outcome,
    Sample,
    Trial,
)
from tuner.payloads import without_payload, without_values
from tuner.redaction import Redaction
from tuner.report_line import classify, ended_at_full_heap, parse_log
from tuner.search.setup import budget_of
from tuner.settings import LOCAL_TIMEOUT_S, LocalOptions, Settings
from tuner.vocabulary import NOISY_HOST

PROCESSOR_MEMORY_MB = 1769


def handler_faults(target: str, options: LocalOptions | None = None) -> tuple[Fault, ...]:
    """Everything that is wrong with a target. The handler is loaded in a worker to find out.

    Args:
        target: as the user gave it.
        options: how it is to be run.
    """
    parsed, faults = parse_handler(target, options)
    return faults if parsed is None else load_faults(parsed)


def beside(options: LocalOptions) -> LocalOptions:
    """Options of a processor: those of the function, but for the place of its code."""
    return replace(options, root=None, handler="")


def declared_elsewhere(options: LocalOptions) -> Iterator[Notice]:
    """That a template declares the function for another architecture than that of this machine, if it does."""
    declared, here = options.architecture, architecture()
    if here is not None and declared not in (None, here.value):
        message = f"The function is declared for {declared}. This machine measures {here} alone."
        yield Notice("architecture_left_out", message, lasting=True)


def describe_local(settings: Settings) -> FunctionIdentity:
    """Which handler it is and what of it can be measured here; nothing is started.

    Raises:
        InputError: the target is not a handler on this machine.
    """
    return LocalBackend(settings).describe()


def open_local(settings: Settings) -> LocalBackend:
    """The backend for a handler on this machine; entered by the caller.

    Raises:
        InputError: the target or a processor is not a handler on this machine.
    """
    return LocalBackend(settings)


@dataclass(frozen=True, slots=True)
class _Handlers:
    function: LocalHandler
    pre: LocalHandler | None
    post: LocalHandler | None


class _Deadline(threading.Event):
    """Is set when another event is, or when the time is up."""

    def __init__(self, stop: threading.Event, ends_at: float) -> None:
        super().__init__()
        self._stop, self._ends_at = stop, ends_at

    def is_set(self) -> bool:
        return self._stop.is_set() or time.monotonic() >= self._ends_at


class LocalBackend:
    """Measures the handler that `settings.target` names in worker processes.

    Args:
        settings: target, payloads, processors, allowed exceptions, pauses, concurrency, seed.
        current: the configuration in use, where the user knows it.

    Raises:
        InputError: with every fault of the target and the processors.
    """

    def __init__(self, settings: Settings, *, current: Configuration | None = None) -> None:
        self._settings = settings
        self._handlers = _parse_handlers(settings)
        self._current = current or _in_use(settings.local)
        self._noise = NoiseMeter()
        self._hide_variables = Redaction.of_local_variables(settings.local.environment, os.environ)
        self._answers = AnswerMeter(shows=not settings.disable_payload_logs, hide=self._hide_variables)
        self._log: Log | None = None
        self._refused: set[Configuration] = set()
        self._resources = ExitStack()
        self._processor_lock = threading.Lock()
        self._pre: ExecutionEnvironment | None = None
        self._post: ExecutionEnvironment | None = None

    def __enter__(self) -> LocalBackend:
        with ExitStack() as resources:
            self._governor = resources.enter_context(Governor())
            if self._settings.local.log:
                self._log = resources.enter_context(Log(Path(self._settings.local.log)))
            self._pre = self._open_processor(self._handlers.pre, resources)
            self._post = self._open_processor(self._handlers.post, resources)
            self._resources = resources.pop_all()
        max_seconds = budget_of(self._settings, free=True).max_seconds
        self._ends_at = inf if max_seconds is None else time.monotonic() + max_seconds
        return self

    def __exit__(self, *exc: object) -> None:
        self._resources.close()

    def describe(self) -> FunctionIdentity:
        """The handler, its code, and the sizes that this machine has the cores for."""
        target, here = self._handlers.function, architecture()
        timeout_s = target.options.timeout_s
        return FunctionIdentity(
            name=target.name,
            backend=BackendKind.LOCAL,
            architectures=(here,) if here else (),
            max_memory_mb=max_memory_mb(),
            runtime=target.runtime_identifier,
            code_sha256=target.code_sha256(),
            region=target.region,
            timeout_s=timeout_s if timeout_s != LOCAL_TIMEOUT_S else None,
            current=self._current,
            free=True,
            details={"cores": cores(), "cpu": cpu_model(), "arguments": arguments(self._settings)},
        )

    def notices(self) -> Sequence[Notice]:
        """That it is an estimate, how steady the machine was, and what was left out."""
        noise = self._noise.read()
        notices = [Notice("local_estimate", f"A local estimate. {noise}")]
        notices += self._answers.notices()
        notices += declared_elsewhere(self._settings.local)
        if noise.noisy:
            advice = "Waiting is left out of durations. Close other programs for a more exact answer."
            notices.append(Notice(NOISY_HOST, f"The machine was busy or unsteady while measuring. {advice}"))
        if not self._governor.isolates:
            message = "This system gives no worker its own /tmp and /dev/shm: each got its own TMPDIR instead."
            notices.append(Notice("shared_tmp", message, lasting=True))
        if cores() < 2:
            message = f"This machine has {describe_host()}: the tuner's own work disturbs what it measures."
            notices.append(Notice("one_core", message, lasting=True))
        if not self._governor.limits_cpu:
            message = "This system does not tell the CPU time of other processes: the CPU share was not limited."
            notices.append(Notice("cpu_not_limited", message, lasting=True))
        if self._refused:
            message = (
                f"This machine has {describe_host()}: {', '.join(map(str, sorted(self._refused)))} were not tried."
            )
            notices.append(Notice("sizes_left_out", message))
        return notices

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        """Samples of the environments of each trial as they complete, of long runs in parts."""
        possible = []
        for trial in trials:
            if self.can_measure(trial.configuration):
                possible.append(trial)
            else:
                self._refused.add(trial.configuration)
                error = FunctionError("LocalLimit", f"this machine has {describe_host()}")
                yield Sample(trial.id, trial.configuration, (Invocation(Outcome.REFUSED, error=error),))
        slots, at_once = busy_slots(), min(math.ceil(cores()), self._settings.concurrency)
        open_mb = int(psutil.virtual_memory().available / MB / 2)
        scheduler = LocalScheduler(self.lanes(possible), self.make_run, slots=slots, at_once=at_once, open_mb=open_mb)
        yield from scheduler.samples(_Deadline(stop, self._ends_at))

    def can_measure(self, configuration: Configuration) -> bool:
        """Whether this machine has the architecture and the cores for a configuration."""
        return configuration.architecture is architecture() and configuration.memory_mb <= max_memory_mb()

    def lanes(self, trials: Sequence[Trial]) -> list[Lane]:
        """The lanes of trials in the order in which they are opened, with the payload of each run."""
        rng = random.Random(f"{self._settings.seed}/{trials[0].id if trials else 0}")
        payloads, seed = self._settings.payloads, self._settings.seed
        schedules = {t.id: list(payloads.schedule(t.invocations, seed=seed, trial=t.id)) for t in trials}
        lanes = []
        for trial in interleave(trials, rng):
            left = schedules[trial.id]
            lanes.append(Lane(trial, left[: trial.runs_per_environment]))
            del left[: trial.runs_per_environment]
        return lanes

    def make_run(self, lane: Lane) -> None:
        """Make one run of a lane, in its environment or, where that has ended, in a new one."""
        index = lane.payloads[len(lane.done)]
        body = self._settings.payloads.items[index].body
        payload = self._preprocess(lane, body)
        fixed_ms: list[float] = []
        environment = lane.environment(lambda: self._open(lane.trial.configuration, fixed_ms))
        started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        result = environment.invoke(payload)
        read = self._read(result, started_at, index, body, payload)
        if lane.cut and not read.usable:
            return
        invocation = replace(self._answers.read(read, result.payload), fixed_work_ms=next(iter(fixed_ms), None))
        lane.done.append(invocation)
        self._saw(invocation)
        if self._post and (result.error is None or invocation.allowed):
            self._process(lane, self._post, result.payload, "post-processor", body, payload)
        if self._settings.only_cold_starts or not environment.usable:
            lane.close()
        # The next run would find the CPU quota of the period used up by this one. Invocations that come over a network
        # are further apart.
        lane.ready_at = time.monotonic() + max(self._settings.sleep_between_runs_ms / 1000, PERIOD_S)

    def recall(self, samples: Sequence[Sample]) -> None:
        """Take in runs of earlier sessions: how steady the machine was during them, what they answered."""
        for invocation in (run for sample in samples for run in sample.invocations):
            self._saw(invocation)

    def answers_otherwise(self, candidate: LocalBackend) -> str:
        """How a candidate answers payloads otherwise than this baseline, in words; empty: it does not."""
        return self._answers.difference(candidate._answers)

    def _saw(self, invocation: Invocation) -> None:
        self._answers.saw(invocation)
        self._noise.saw(invocation)

    def _open(self, configuration: Configuration, fixed_ms: list[float]) -> ExecutionEnvironment:
        """Open an environment after some fixed work, whose CPU time is added to `fixed_ms`."""
        fixed_ms.append(fixed_work_ms())
        spec = self._handlers.function.spec(configuration.memory_mb)
        return ExecutionEnvironment(spec, self._governor, copy=self._log.write if self._log else None)

    def _read(self, result: LocalInvocationResult, started_at: str, payload: int, *bodies: bytes) -> Invocation:
        """What the log says of a run, as one of AWS would be read.

        Args:
            result: of the run.
            started_at: UTC ISO 8601 time.
            payload: which one it was.
            bodies: the payload as it was given, and as it was sent.
        """
        report = parse_log(result.log.decode("utf-8", "replace"), result.request_id)
        outcome = classify(report, result.error)
        allowed = result.error is not None and result.error.type in self._settings.allowed_exceptions
        kind, message = (result.error.type, result.error.message) if result.error else ("", "")
        if allowed or (kind == "Runtime.ExitError" and not ended_at_full_heap(report, message)):
            outcome = Outcome.ERROR  # here it is known who killed it: memory has its own type
        error = _with_output(result)
        if error:
            error = self._without_secrets(error, *bodies)
        return Invocation(
            outcome=outcome,
            environment=result.environment,
            duration_ms=report.duration_ms if report else None,
            billed_duration_ms=report.billed_duration_ms if report else None,
            init_duration_ms=report.init_duration_ms if report else None,
            max_memory_used_mb=report.max_memory_used_mb if report else None,
            allowed=allowed,
            error=error,
            request_id=result.request_id,
            cpu_ms=result.cpu_ms,
            waited_ms=result.waited_ms,
            payload=payload,
            started_at=started_at,
        )

    def _without_secrets(self, error: FunctionError, *bodies: bytes) -> FunctionError:
        """An error that says nothing of environment variables, and of payloads where they are hidden."""
        error = without_values(error, self._hide_variables)
        return without_payload(error, *bodies) if self._settings.disable_payload_logs else error

    def _open_processor(self, target: LocalHandler | None, resources: ExitStack) -> ExecutionEnvironment | None:
        if target is None:
            return None
        spec = target.spec(PROCESSOR_MEMORY_MB, timeout_s=LOCAL_TIMEOUT_S, throttled=False)
        return resources.enter_context(ExecutionEnvironment(spec, self._governor))

    def _preprocess(self, lane: Lane, payload: bytes) -> bytes:
        """The payload, or what the pre-processor makes of it."""
        if self._pre is None:
            return payload
        return self._process(lane, self._pre, payload, "pre-processor")

    def _process(self, lane: Lane, processor: ExecutionEnvironment, payload: bytes, what: str, *bodies: bytes) -> bytes:
        """What a processor makes of a payload or an answer; `bodies` are payloads that its error may hold as well."""
        with self._processor_lock, lane.waiting_for(processor):
            result = processor.invoke(payload)
        if result.error:
            error = self._without_secrets(result.error, payload, *bodies)
            stack = "".join(f"\n{line.rstrip()}" for line in error.stack)
            raise BackendError(f"The {what} failed: {error.type}: {error.message}{stack}")
        return result.payload


def _with_output(result: LocalInvocationResult) -> FunctionError | None:
    """The error of a run; one that the platform tells of, with the end of the function's output in place of a stack."""
    if result.error is None or result.error.stack:
        return result.error
    return replace(result.error, stack=tuple(last_lines(result.output)))


def _in_use(options: LocalOptions) -> Configuration | None:
    """The configuration in use, where it is known and can be measured here."""
    here = architecture()
    if options.memory_mb is None or here is None or options.architecture not in (None, here.value):
        return None
    return Configuration(options.memory_mb, here) if options.memory_mb <= max_memory_mb() else None


def describe_host() -> str:
    """Cores, architecture and the largest memory size, for messages."""
    here, count = architecture() or "an architecture that Lambda has not", cores()
    return f"{count:g} core{'s' * (count != 1)} ({here}), enough for {max_memory_mb():,} MB"


def _parse_handlers(settings: Settings) -> _Handlers:
    """Every target of the settings.

    Raises:
        InputError: with all faults together.
    """
    function, faults = parse_handler(settings.target, settings.local)
    everything = list(faults)
    processors: list[LocalHandler | None] = []
    for flag, text in (("--pre-processor", settings.pre_processor), ("--post-processor", settings.post_processor)):
        processor, faults = parse_handler(text, beside(settings.local), path=flag) if text else (None, ())
        processors.append(processor)
        everything += faults
    if everything or function is None:
        raise InputError(everything)
    return _Handlers(function, *processors)
