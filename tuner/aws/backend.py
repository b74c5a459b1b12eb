"""Measures a function in AWS: a version for each configuration, or a copy, and no trace afterwards.

Ties the parts of `tuner.aws` to the `Backend` protocol: what is read before, what is made for
a batch, and what is undone at the end, however the end comes about.
"""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.function_reference import Target, parse_target
from tuner.aws.api.logs import LogLookup
from tuner.aws.api.session import Clients, connect
from tuner.aws.changes.cleanup import left_behind, sweep
from tuner.aws.changes.copies import CopyMaker
from tuner.aws.changes.journal import JournalFile, Leftover, state_dir
from tuner.aws.changes.markers import new_run_id
from tuner.aws.changes.versions import Refusal, VersionPublisher
from tuner.aws.measure import preconditions as guards
from tuner.aws.measure.concurrency import Gate
from tuner.aws.measure.inspection import Survey, make_survey
from tuner.aws.measure.invoke import Invoker, Place
from tuner.aws.measure.provisioning import Bench, Key
from tuner.aws.measure.scheduling import LaneRunner, Wave, split_lanes
from tuner.errors import FunctionChangedError
from tuner.model import (
    MAX_MEMORY_MB,
    Configuration,
    FunctionError,
    FunctionIdentity,
    Invocation,
    Notice,
    Outcome,
    Sample,
    Trial,
)
from tuner.settings import Settings


def open_aws(settings: Settings, connection: Connection) -> AwsBackend:
    """Connect to AWS for one function. Nothing is read or changed yet.

    Raises:
        InputError: the target is no function name or ARN, or there is no region or profile.
        AwsError: the role cannot be assumed.
    """
    target = parse_target(settings.target)
    clients = connect(connection, region=target.region)
    return AwsBackend(settings, target, clients, LambdaApi(clients.control), state_dir(os.environ))


@dataclass(slots=True)
class AwsBackend:
    """Measures one function in AWS.

    Attributes:
        settings: what the user asked for.
        target: the function.
        clients: how to reach AWS.
        api: Lambda's control plane.
        journals: where records of runs are kept.
        run_id: the id that everything the run makes carries.
        candidate: whether this is a duet's candidate, entered after its baseline.
        before_runs: called when all places of a batch are ready; its first run waits until it returns.
    """

    settings: Settings
    target: Target
    clients: Clients
    api: LambdaApi
    journals: Path
    run_id: str = field(default_factory=lambda: new_run_id(datetime.now(UTC)))
    candidate: bool = False
    before_runs: Callable[[], object] = lambda: None
    _survey: Survey | None = field(default=None, init=False)
    _notices: list[Notice] = field(default_factory=list, init=False)
    _lock: JournalFile | None = field(default=None, init=False)
    _leftovers: list[Leftover] = field(default_factory=list, init=False)
    _bench: Bench | None = field(default=None, init=False)
    _logs: LogLookup | None = field(default=None, init=False)
    _lanes: LaneRunner | None = field(default=None, init=False)
    _used: list[Key] = field(default_factory=list, init=False)
    _generations: dict[Configuration, Iterator[int]] = field(init=False)

    def __post_init__(self) -> None:
        self._generations = defaultdict(lambda: itertools.count(1))

    def __enter__(self) -> AwsBackend:
        """Read, check, and take the function for this run.

        Raises:
            InputError: the function cannot be tuned.
            AnotherRunError: another run is at work on it.
            AwsError: a permission is missing, or AWS cannot be reached.
        """
        arn = self.api.state(self.target.name).arn
        self._lock = JournalFile(self.journals, arn, self.clients.endpoint_url, candidate=self.candidate)
        self._leftovers = self._lock.acquire()
        try:
            self._recover()
            self._begin(arn)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """Undo everything.

        Raises:
            LeftBehindError: something could not be undone; says how to finish.
        """
        self._leave()

    def describe(self) -> FunctionIdentity:
        """The function as it was found, and what of it can be measured."""
        return self.survey.identity(max_memory_mb=self._bench.cap_mb if self._bench else MAX_MEMORY_MB)

    def plan(self) -> str:
        """What a run would do, the permissions it needs, and what it costs at most; changes nothing."""
        return self.survey.plan()

    @property
    def survey(self) -> Survey:
        """What was found out about the function; read once."""
        if self._survey is None:
            region = self.clients.region
            self._survey = make_survey(self.settings, self.target, self.api, region=region, run=self.run_id)
        return self._survey

    def notices(self) -> Sequence[Notice]:
        """What the user should know of this function and of the measuring so far."""
        problem = self._logs.problem if self._logs else None
        return tuple(dict.fromkeys([*self.survey.notices, *self._notices, *([problem] if problem else [])]))

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        """Publish what is missing, put $LATEST back, then invoke; see `Backend.measure`."""
        assert self._bench is not None, "enter the backend first"
        assert self._lanes is not None
        bench, obstacles = self._bench, {t.id: self.survey.obstacle(t.configuration.architecture) for t in trials}
        for trial in trials:
            if obstacle := obstacles[trial.id]:
                yield refused_sample(trial, Refusal("Architecture", obstacle))
        wanted = {trial.id: self._chunks(trial) for trial in trials if not obstacles[trial.id]}
        try:
            if bench.copies_only:
                self._watch()  # a version in place is published only after the same look
            places = bench.places([key for chunks in wanted.values() for key, _, _ in chunks], stop)
            # Those of the batch before stood until now, so that other machines see a run at work.
            bench.retire(self._used)
            self._used = list(places)
            waves: list[Wave] = []
            for trial in trials:
                made = [(places[key], runs, first) for key, runs, first in wanted.get(trial.id, ()) if key in places]
                refusal = next((place for place, _, _ in made if isinstance(place, Refusal)), None)
                if refusal is not None:
                    yield refused_sample(trial, refusal)
                else:
                    waves.extend(Wave(trial, p, runs, first) for p, runs, first in made if isinstance(p, Place))
            self.before_runs()
            yield from self._lanes.run(waves, stop, self._watch)
            if not stop.is_set():
                self._watch()
        except FunctionChangedError as exc:
            self._notices.append(Notice("function_changed", f"{exc.message}."))
            raise

    def _begin(self, arn: str) -> None:
        """Check everything that can stand in the way, then open the journal and the bench."""
        assert self._lock is not None
        survey, latest = self.survey, self.survey.check()
        facts = survey.facts
        journal = self._lock.begin(self.run_id, arn=arn, began=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        self._bench = Bench(
            self.api,
            VersionPublisher(self.api, self.target.name, latest, journal),
            CopyMaker(self.api, survey.packages, journal),
            journal,
            copies_only=facts.copies_only,
            room=facts.account.code_bytes_free // max(1, latest.code_size),
        )
        self._bench.cap_mb = survey.memory_cap_mb(self._bench.publisher)
        concurrency, notice = guards.concurrency(facts, self.settings.concurrency)
        self._notices.extend([notice] if notice else [])
        self._logs = LogLookup(self.clients.logs)
        self._lanes = LaneRunner(
            self._invoker(facts, concurrency),
            self.settings.payloads,
            concurrency,
            self.settings.sleep_between_runs_ms / 1000,
            random.Random(self.settings.seed),
        )

    def _watch(self) -> None:
        """Look whether what is measured was deployed meanwhile.

        Raises:
            FunctionChangedError: it was.
        """
        if self._bench and not self.survey.is_of_published:
            self._bench.publisher.check_unchanged()

    def _invoker(self, facts: guards.Facts, concurrency: int) -> Invoker:
        timeout_s = facts.details.state.timeout_s
        return Invoker(
            self.clients.invoker(timeout_s=timeout_s, concurrency=concurrency),
            Gate(concurrency),
            self._logs,
            frozenset(self.settings.allowed_exceptions),
            self.settings.pre_processor,
            self.settings.post_processor,
            hide_payload=self.settings.disable_payload_logs,
        )

    def _recover(self) -> None:
        """Undo what killed runs left, by their journals.

        Raises:
            LeftBehindError: something could not be undone.
        """
        for left in self._leftovers:
            _, failures = sweep(self.api, self.target.name, run=left.run, copies=left.copies)
            if failures:
                raise left_behind(self.target.name, failures)
            self._notices.append(Notice("recovered", f"Run {left.run} had been killed: what it left was undone."))
        self._leftovers = []

    def _leave(self) -> None:
        bench, self._bench = self._bench, None
        lock, self._lock = self._lock, None
        failures = bench.undo() if bench else []
        if lock is not None:
            lock.release(remove=not self._leftovers and not failures)
        self.clients.close()
        if failures:
            raise left_behind(self.target.name, failures)

    def _chunks(self, trial: Trial) -> list[tuple[Key, tuple[tuple[int, ...], ...], int]]:
        """The parts of a trial, each with a place of its own, so that its environments are new ones.

        Returns:
            For each part its place, the payloads of its lanes, and the number of the first of them.
        """
        assert self._lanes is not None
        cold, width, seed = self.settings.only_cold_starts, self._lanes.concurrency, self.settings.seed
        parts = split_lanes(trial, self._lanes.payloads, width=width, seed=seed, cold=cold)
        generations = self._generations[trial.configuration]
        return [((trial.configuration, next(generations)), part, n * width) for n, part in enumerate(parts)]


def refused_sample(trial: Trial, refusal: Refusal) -> Sample:
    """The sample of a trial whose configuration AWS refuses."""
    error = FunctionError(refusal.code, refusal.message)
    return Sample(trial.id, trial.configuration, (Invocation(Outcome.REFUSED, error=error),))
