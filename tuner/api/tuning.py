"""Tunes a function: opens its backend, drives the search, and returns what was found as a `Result`.

The one place where backend, study, loop and document meet. Clock, stop signal, prices, observers and
backend are arguments. Whatever happens, what was measured is in the error, and in the output folder.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack

from tuner.api.backends import Prices, default_factories, discounted, factory_of
from tuner.api.files import make_folder, write_bytes
from tuner.api.options import Options, input_document, keyword_names, read_settings, refuse_unknown, with_payloads
from tuner.api.past_evidence import PastEvidence, begin_with_past_runs, judge_past_runs, past_evidence
from tuner.api.price_cache import current_prices
from tuner.api.records.open_record import without_payloads
from tuner.api.records.run_folder import (
    FILES,
    SAMPLES_FILE,
    SEAL,
    FolderLock,
    HearsOfEarlierRun,
    Recorded,
    Recorder,
    decode_record,
    read_record_to_resume,
    refuse_other_run,
    run_header,
)
from tuner.api.result import Result
from tuner.aws.api.connection import Connection
from tuner.backend import Backend, BackendFactory, CountsCalls, TellsOfRuns
from tuner.documents.result import ResultDocument, function_errors
from tuner.documents.result_builder import build_result
from tuner.errors import (
    AllFailedError,
    BackendError,
    InterruptedRunError,
    LeftBehindError,
    NotRecordedError,
    TunerError,
)
from tuner.model import BackendKind, FunctionIdentity, Notice, StopReason
from tuner.plain_numbers import plural
from tuner.pricing.bill import Bill, logs_usd
from tuner.pricing.price_list import DEFAULT_REGION
from tuner.search.loop import Observer, run
from tuner.search.setup import make_study
from tuner.search.space import left_out
from tuner.search.study import Study
from tuner.settings import Settings


def utc_now() -> datetime:
    """The time of day, UTC."""
    return datetime.now(UTC)


def tune(
    target: str | Settings,
    payload: Any = None,
    *,
    output: str | Path | None = None,
    resume: bool = False,
    connection: Connection | None = None,
    prices: Prices = current_prices,
    backend: Backend | None = None,
    evidence: str = PastEvidence.LOGS,
    factories: Sequence[BackendFactory] | None = None,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = utc_now,
    observers: Sequence[Observer] = (),
    **options: Unpack[Options],
) -> Result:
    """Tune a function, and return what was found.

    Args:
        target: `FILE:HANDLER` on this machine, or the name or ARN of a function in AWS; or complete settings.
        payload: what to invoke it with: anything that JSON holds, or a weighted list of payloads.
        output: a folder. It gets `samples.jsonl` as samples arrive, then `result.json` and `report.html`. What an
            earlier run left there is moved to its folder `earlier`.
        resume: go on with the run in `output`.
        connection: region, profile and role for AWS. None: as the AWS configuration says.
        prices: the price list of a region, before the discount that the settings name.
        backend: what measures. None: the backend that opens the target.
        factories: of backends, the first one that accepts the target opens it. None: those of the tool.
        evidence: `logs` lets the search begin with runs that the log of the function knows, where it may be read.
            `off` reads no log.
        stop: set it to end the run in order.
        clock: seconds of a monotonic clock.
        now: the time of day, UTC.
        observers: told of every batch and every sample.
        options: see `Options`.

    Raises:
        InputError: every fault of the arguments. Nothing was started.
        AllFailedError: no configuration gave a usable run.
        InterruptedRunError: `stop` was set, or Ctrl-C was pressed.
        TunerError: the work failed, or another run works in `output`. `error.result` holds what was measured until
            then; None: nothing.
    """
    connection, stop = connection or Connection(), stop or threading.Event()
    past = past_evidence(evidence)
    asked = {"payload": payload, **options}
    settings, factory = _asked(target, asked, connection, prices, factories)
    settings = with_payloads(settings, connection, factory.kind)
    folder = None if output is None else Path(output)
    with FolderLock(folder) as lock:
        lock.acquire()
        job = _Job(settings, connection, discounted(prices, settings), stop, clock, now, observers, folder, lock, past)
        return job.conclude(job.measure(backend or factory.open(settings), resume=resume))


def plan(
    target: str | Settings,
    *,
    connection: Connection | None = None,
    prices: Prices = current_prices,
    **options: Unpack[Options],
) -> str:
    """What a run would do and cost at most, in words. Changes and invokes nothing.

    Raises:
        InputError: every fault of the arguments.
    """
    connection = connection or Connection()
    settings, _ = _asked(target, options, connection, prices, None)
    factories = default_factories(connection, discounted(prices, settings))
    return factory_of(settings.target, factories).plan(settings)


def _asked(
    target: str | Settings,
    options: Mapping[str, Any],
    connection: Connection,
    prices: Prices,
    factories: Sequence[BackendFactory] | None,
) -> tuple[Settings, BackendFactory]:
    """The settings that a caller asks for, and the factory of the backend that measures them."""

    def factory_for(settings: Settings | None, name: object) -> BackendFactory:
        own = discounted(prices, settings) if settings else prices
        return factory_of(name, factories or default_factories(connection, own))

    refuse_unknown("tune", options)
    if not isinstance(target, Settings):
        document, names = input_document(target, options)
        target = read_settings(document, factory_for(None, target), keyword_names(names))
    return target, factory_for(target, target.target)


@dataclass(slots=True)
class _Measured:
    """What was measured, and what ended it early."""

    study: Study
    identity: FunctionIdentity
    notices: list[Notice]
    evidence: PastEvidence = PastEvidence.LOGS
    failure: TunerError | None = None
    interrupted: bool = False
    seconds: float = 0.0
    control_calls: int | None = None

    def bill(self) -> Bill | None:
        """What the run has cost, by part; None outside AWS."""
        if self.identity.backend is not BackendKind.AWS:
            return None
        used = self.study.spent
        return Bill(used.usd, logs_usd=logs_usd(used.invocations), control_calls=self.control_calls)


@dataclass(frozen=True, slots=True)
class _Job:
    """One run, from an opened backend to the result."""

    settings: Settings
    connection: Connection
    prices: Prices
    stop: threading.Event
    clock: Callable[[], float]
    now: Callable[[], datetime]
    observers: Sequence[Observer]
    folder: Path | None
    lock: FolderLock
    evidence: PastEvidence

    def measure(self, backend: Backend, *, resume: bool) -> _Measured:
        """Enter the backend and drive the study. What fails after the first trial is kept beside what was measured."""
        recorded = read_record_to_resume(self.folder) if resume and self.folder else None
        before_s, began = recorded.elapsed_s if recorded else 0.0, self.clock()
        measured: _Measured | None = None

        def elapsed_s() -> float:
            return before_s + self.clock() - began

        try:
            with backend:
                identity = backend.describe()
                evidence = self._evidence(recorded)
                header = run_header(self.settings, identity, recorded, evidence) if self.folder else {}
                if recorded:
                    refuse_other_run(recorded, header)
                    recorded, closed = self._without_payloads(recorded)
                    header |= {name: recorded.header.get(name) for name in SEAL}
                study = self._study(backend, identity, recorded)
                if recorded and closed is not None:
                    told = recorded.with_notices(backend.notices())
                    so_far = _Measured(study, identity, told, evidence, seconds=elapsed_s())
                    self._close_files(closed, so_far)
                with ExitStack() as resources:
                    recorder = self._recorder(backend, header, recorded, elapsed_s, resources)
                    measured = _Measured(study, identity, [], evidence)
                    self._drive(measured, backend, elapsed_s, [*recorder, *self.observers], recorded)
        except LeftBehindError as exc:
            # What had failed before is told too, whether or not it was noticed here.
            earlier = measured.failure if measured and measured.failure else exc.__context__
            failure = exc.after(earlier if isinstance(earlier, TunerError) else None)
            if measured is None:
                raise failure from exc
            measured.failure = failure
        measured.seconds = elapsed_s()
        measured.control_calls = backend.control_calls() if isinstance(backend, CountsCalls) else None
        return measured

    def conclude(self, measured: _Measured) -> Result:
        """The result, written to the output folder. An error carries it where it is not the answer.

        Raises:
            AllFailedError, InterruptedRunError, TunerError: see `tune`.
        """
        study = measured.study
        if study.all_failed and study.stopped_by is not StopReason.INTERRUPTED:
            study.interrupt(StopReason.ALL_FAILED)
        result = self._result(measured)
        if self.folder:
            try:
                result.save(self.folder)
            except TunerError as exc:
                raise _not_recorded(exc, self.folder, measured.failure) from exc
        if error := self._error(measured, result):
            error.result = result
            raise error
        return result

    def _result(self, measured: _Measured) -> Result:
        """The result of what was measured until now."""
        document = build_result(
            measured.study,
            measured.identity,
            self.settings,
            created_at=f"{self.now():%Y-%m-%dT%H:%M:%SZ}",
            seconds=measured.seconds,
            notices=[*self.settings.notices, *measured.notices, *left_out(self.settings, measured.identity)],
            bill=measured.bill(),
            evidence="logs" if measured.evidence is PastEvidence.LOGS else "off",
        )
        return Result(document)

    def _study(self, backend: Backend, identity: FunctionIdentity, recorded: Recorded | None) -> Study:
        """The study of the run, which knows what earlier sessions measured. So does the backend."""
        region = identity.region or self.connection.region or DEFAULT_REGION
        study = make_study(self.settings, identity, self.prices(region))
        if recorded:
            study.replay(recorded.samples, recorded.rounds)
            if isinstance(backend, TellsOfRuns):
                backend.recall(recorded.samples)
        return study

    def _without_payloads(self, recorded: Recorded) -> tuple[Recorded, bytes | None]:
        """What was recorded, as far as this session may tell it.

        Returns:
            It, and the record to write in place of the one in the folder. None: that one may stay.
        """
        if self.folder is None or not self.settings.disable_payload_logs:
            return recorded, None
        path = self.folder / SAMPLES_FILE
        record = path.read_bytes()[: recorded.length]
        closed = without_payloads(record, self.settings)
        return (recorded, None) if closed == record else (decode_record(closed, path), closed)

    def _close_files(self, record: bytes, so_far: _Measured) -> None:
        """Take payloads and answers out of the files that earlier sessions left.

        Each file is replaced whole. The record comes last: a session that ends before has it all done by the next one.

        Raises:
            NotRecordedError: a file cannot be written. Those that were not replaced are as they were.
        """
        assert self.folder is not None
        folder = self.folder
        try:
            if any((folder / name).exists() for name in FILES if name != SAMPLES_FILE):
                self._result(so_far).save(folder)
            write_bytes(folder / SAMPLES_FILE, record)
        except TunerError as exc:
            raise NotRecordedError(exc, folder) from exc

    def _recorder(
        self,
        backend: Backend,
        header: dict[str, Any],
        recorded: Recorded | None,
        elapsed_s: Callable[[], float],
        resources: ExitStack,
    ) -> list[Observer]:
        """What writes samples to the output folder as they arrive, if there is one."""
        if self.folder is None:
            return []
        make_folder(self.folder)
        self.lock.acquire()
        recorder = Recorder(self.folder, header, recorded, clock=elapsed_s, notices=backend.notices)
        for observer in self.observers:
            if recorder.set_aside and isinstance(observer, HearsOfEarlierRun):
                observer.set_aside(recorder.set_aside)
        return [resources.enter_context(recorder)]

    def _drive(
        self,
        measured: _Measured,
        backend: Backend,
        elapsed_s: Callable[[], float],
        observers: Sequence[Observer],
        recorded: Recorded | None,
    ) -> None:
        try:
            if recorded is None and self._wants_past_runs(measured.study):
                begin_with_past_runs(measured.study, backend, observers)
            run(measured.study, backend, stop=self.stop, clock=elapsed_s, observers=observers)
        except BackendError as exc:
            measured.failure = exc
            measured.study.interrupt()
        except KeyboardInterrupt:
            measured.interrupted = True
            measured.study.interrupt()
        finally:
            found = backend.notices()
            measured.notices.extend(recorded.with_notices(found) if recorded else found)
        measured.notices.extend(judge_past_runs(measured.study))

    def _evidence(self, recorded: Recorded | None) -> PastEvidence:
        """What the search could begin with. A run that goes on began long ago, and a record may be older than this."""
        began = recorded.header.get("evidence") if recorded else None
        return PastEvidence(began) if began in tuple(PastEvidence) else self.evidence

    def _wants_past_runs(self, study: Study) -> bool:
        """Whether past runs help: curves are fitted, and a warm run can be compared with them."""
        curves = study.sampler.fits_curves and not study.free
        return self.evidence is PastEvidence.LOGS and curves and not self.settings.only_cold_starts

    def _hint(self, said: str) -> str:
        """What to try, by what the function said of its failures."""
        if "read-only file system" in said.lower():
            return "Nothing can be written where the code lies, as in Lambda: write to /tmp."
        return self.settings.payloads.hint

    def _error(self, measured: _Measured, result: Result) -> TunerError | None:
        """Why a result is not the answer; None: it is."""
        kept = f" It is in {self.folder}." if self.folder else ""
        if measured.failure:
            return measured.failure
        if measured.study.stopped_by is StopReason.INTERRUPTED:
            runs = measured.study.spent.invocations
            return InterruptedRunError(
                f"Interrupted after {plural(runs, 'run')}.{kept.replace('It is', 'They are kept')}"
            )
        if self.stop.is_set() or measured.interrupted:
            return InterruptedRunError(f"Interrupted when all was measured.{kept.replace('It', 'The result')}")
        if result.recommendation is None:
            said = function_errors(result.document) or _reasons(result.document) or _no_run(result.document)
            hints = [
                self._hint(said) if measured.study.spent.invocations else "",
                f"See {self.folder}." if self.folder else "",
            ]
            return AllFailedError(f"No configuration can be recommended.\n{said}", "\n".join(filter(None, hints)))
        return None


def _not_recorded(cause: TunerError, folder: Path, earlier: TunerError | None) -> NotRecordedError:
    """That a result is not written, after what had failed before it."""
    if earlier is None:
        return NotRecordedError(cause, folder)
    error = NotRecordedError(type(cause)(f"{earlier.message}\n{cause.message}"), folder)
    error.hint = "\n".join(filter(None, [earlier.hint, error.hint]))
    return error


def _no_run(document: ResultDocument) -> str:
    """That a bound ended the tuning before any test call did."""
    bound = {
        StopReason.SECONDS: f"within {document['tuning']['seconds']:.0f} s: raise --max-seconds if calls last so long",
        StopReason.USD: "within the money that was allowed: raise --max-usd",
        StopReason.INVOCATIONS: "within the invocations that were allowed: raise --max-invocations",
    }.get(StopReason(document["stopped_by"]), "")
    return f"No test call ended {bound}." if bound else ""


def _reasons(document: ResultDocument) -> str:
    return "\n".join(f"{e['memory_mb']:,} MB {e['architecture']}: {e['reason']}" for e in document["excluded"])
