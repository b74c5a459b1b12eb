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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tuner.aws import guards
from tuner.aws.bench import Bench, Key
from tuner.aws.client import LambdaApi
from tuner.aws.copies import CopyMaker, refuse_other_copies
from tuner.aws.function import FunctionState
from tuner.aws.gate import Gate
from tuner.aws.invoke import Invoker, Place
from tuner.aws.journal import JournalFile, Leftover, state_dir
from tuner.aws.lanes import LaneRunner, Wave, split_lanes
from tuner.aws.logs import LogLookup
from tuner.aws.marker import fits, new_run_id
from tuner.aws.packages import Packages
from tuner.aws.payloads import read_payloads
from tuner.aws.plan import plan_text
from tuner.aws.session import Clients, Connection, connect
from tuner.aws.sweep import left_behind, sweep
from tuner.aws.target import Target, parse_target
from tuner.aws.versions import Refusal, VersionPublisher, refuse_marked, refuse_other_runs
from tuner.errors import FunctionChangedError
from tuner.model import (
    MAX_MEMORY_MB,
    Architecture,
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

EVERY_ACCOUNT_MB = 3008
"""Memory that every account may use; about more the account is asked (Lambda quotas, 2026-09)."""


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
    """

    settings: Settings
    target: Target
    clients: Clients
    api: LambdaApi
    journals: Path
    run_id: str = field(default_factory=lambda: new_run_id(datetime.now(UTC)))
    candidate: bool = False
    _facts: guards.Facts | None = field(default=None, init=False)
    _packages: Packages | None = field(default=None, init=False)
    _obstacles: dict[Architecture, str] = field(default_factory=dict, init=False)
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
        facts = self.facts
        state = facts.details.state
        asked = self.settings.architectures or ()
        others = [a for a in asked if a is not state.architecture and not self._obstacle(a)]
        return FunctionIdentity(
            name=state.name,
            backend="aws",
            architectures=(state.architecture, *others),
            max_memory_mb=self._bench.cap_mb if self._bench else MAX_MEMORY_MB,
            arn=state.arn,
            version=self.target.qualifier or state.version,
            runtime=state.runtime,
            code_sha256=state.code_sha256,
            region=self.clients.region,
            current=state.configuration,
            timeout_s=float(state.timeout_s),
            details={
                "run": self.run_id,
                "isolation": "copy" if facts.copies_only else "versions",
                "package_type": str(state.raw.get("PackageType", "Zip")),
                "snapstart": state.has_snapstart,
                "ephemeral_mb": state.ephemeral_mb,
            },
        )

    def notices(self) -> Sequence[Notice]:
        """What the user should know of this function and of the measuring so far."""
        problem = self._logs.problem if self._logs else None
        return tuple(dict.fromkeys([*self._notices, *([problem] if problem else [])]))

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        """Publish what is missing, put $LATEST back, then invoke; see `Backend.measure`."""
        assert self._bench is not None, "enter the backend first"
        assert self._lanes is not None
        bench, watch = self._bench, self._bench.publisher.check_unchanged
        allowed = self.describe().architectures
        for trial in trials:
            if trial.configuration.architecture not in allowed:
                why = self._obstacle(trial.configuration.architecture) or "It was not asked for when the run began."
                yield refused_sample(trial, Refusal("Architecture", why))
        wanted = {t.id: self._chunks(t) for t in trials if t.configuration.architecture in allowed}
        try:
            if bench.copies_only:
                watch()  # a version in place is published only after the same look
            places = bench.places([key for chunks in wanted.values() for key, _ in chunks], stop)
            # Those of the batch before stood until now, so that other machines see a run at work.
            bench.retire(self._used)
            self._used = list(places)
            waves: list[Wave] = []
            for trial in trials:
                made = [(places[key], payloads) for key, payloads in wanted.get(trial.id, ()) if key in places]
                refusal = next((place for place, _ in made if isinstance(place, Refusal)), None)
                if refusal is not None:
                    yield refused_sample(trial, refusal)
                else:
                    waves.extend(Wave(trial, place, runs) for place, runs in made if isinstance(place, Place))
            yield from self._lanes.run(waves, stop, watch)
            if not stop.is_set():
                watch()
        except FunctionChangedError as exc:
            self._notices.append(Notice("function_changed", f"{exc.message}."))
            raise

    def check(self) -> FunctionState:
        """Make sure that nothing stands in the way of measuring; changes nothing.

        Returns:
            $LATEST as it is.

        Raises:
            InputError: the function cannot be tuned.
            AnotherRunError: another run is at work on it.
        """
        facts = self.facts
        assert self._packages is not None
        guards.refuse(facts)
        latest = self.api.wait_ready(self.target.name)
        refuse_marked(latest.name, latest)
        refuse_other_runs(latest.name, self.api.versions(latest.name))
        architectures = self.describe().architectures
        copied = architectures if facts.copies_only else architectures[1:]
        if copied:
            self._packages.check(copied)
            refuse_other_copies(self.api, latest.name)
        return latest

    def plan(self) -> str:
        """What a run would do, the permissions it needs, and what it costs at most; changes nothing."""
        identity, facts = self.describe(), self.facts
        guards.refuse(facts)
        return plan_text(self.settings, identity, facts, self.notices(), self.run_id)

    @property
    def facts(self) -> guards.Facts:
        """Everything that is read before a decision; read once."""
        if self._facts is None:
            details = self.api.details(self.target.name, self.target.qualifier)
            latest = self.api.state(self.target.name) if self.target.qualifier else details.state
            self._facts = guards.Facts(
                details=details,
                account=self.api.account(),
                provisioned=self.api.provisioned_concurrency(
                    self.target.name, needed=details.reserved_concurrency is not None
                ),
                copies_only=self._copies_only(details.state, latest),
            )
            self._notices.extend(guards.notices(self._facts))
            self._packages = Packages(self.api, details, self.settings.code_for)
        return self._facts

    def _copies_only(self, state: FunctionState, latest: FunctionState) -> bool:
        """Whether $LATEST must be left alone: on request, or because it cannot serve."""
        if self.settings.isolation == "copy":
            return True
        if not state.same_deployment(latest):
            message = f"{self.target.qualifier} differs from $LATEST in code or settings: it is measured on copies."
        elif not fits(latest.description, self.run_id):
            message = "Its description leaves no room to note how $LATEST was: it is measured on copies."
        else:
            return False
        self._notices.append(Notice("copies", message))
        return True

    def _obstacle(self, architecture: Architecture) -> str:
        """Why the function cannot run on an architecture; said once."""
        if architecture not in self._obstacles:
            assert self._packages is not None
            found = self._packages.obstacle(architecture)
            self._obstacles[architecture] = found
            if found:
                self._notices.append(Notice("architecture", f"{architecture} is left out: {found}."))
        return self._obstacles[architecture]

    def _begin(self, arn: str) -> None:
        """Check everything that can stand in the way, then open the journal and the bench."""
        assert self._lock is not None
        latest, facts = self.check(), self.facts
        assert self._packages is not None
        payloads = read_payloads(self.settings, self.clients)
        journal = self._lock.begin(self.run_id, arn=arn, began=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        self._bench = Bench(
            self.api,
            VersionPublisher(self.api, self.target.name, latest, journal),
            CopyMaker(self.api, self._packages, journal),
            journal,
            copies_only=facts.copies_only,
            room=facts.account.code_bytes_free // max(1, latest.code_size),
        )
        self._bench.cap_mb = memory_cap_mb(self.settings, self._bench.publisher, copies_only=facts.copies_only)
        concurrency, notice = guards.concurrency(facts, self.settings.concurrency)
        self._notices.extend([notice] if notice else [])
        self._logs = LogLookup(self.clients.logs)
        self._lanes = LaneRunner(
            self._invoker(facts, concurrency),
            payloads,
            concurrency,
            self.settings.sleep_between_runs_ms / 1000,
            random.Random(self.settings.seed),
        )

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

    def _chunks(self, trial: Trial) -> list[tuple[Key, tuple[tuple[int, ...], ...]]]:
        """The parts of a trial, each with a place of its own, so that its environments are new ones."""
        assert self._lanes is not None
        cold, width, seed = self.settings.only_cold_starts, self._lanes.concurrency, self.settings.seed
        parts = split_lanes(trial, self._lanes.payloads, width=width, seed=seed, cold=cold)
        generations = self._generations[trial.configuration]
        return [((trial.configuration, next(generations)), part) for part in parts]


def memory_cap_mb(settings: Settings, publisher: VersionPublisher, *, copies_only: bool) -> int:
    """The largest memory size that the account allows, as far as the settings can lead to it.

    Copies are refused one by one instead: asking would need a write to the function.
    """
    wanted = _largest(settings)
    return MAX_MEMORY_MB if copies_only or wanted <= EVERY_ACCOUNT_MB else publisher.memory_cap_mb(wanted)


def _largest(settings: Settings) -> int:
    """The largest memory size that the settings can lead to."""
    memory = settings.memory
    if memory.listed is not None:
        return max(memory.listed)
    return memory.high_mb if memory.every_64 or settings.sampler != "grid" else EVERY_ACCOUNT_MB


def refused_sample(trial: Trial, refusal: Refusal) -> Sample:
    """The sample of a trial whose configuration AWS refuses."""
    error = FunctionError(refusal.code, refusal.message)
    return Sample(trial.id, trial.configuration, (Invocation(Outcome.REFUSED, error=error),))
