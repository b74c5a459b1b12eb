"""Measures a function in AWS on published versions or copies, and removes them afterwards.

Connects the parts of `tuner.aws` to the `Backend` protocol: it reads the function, creates what a batch
needs, invokes, and undoes everything at the end. It does not decide what to measure.
"""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.function_reference import FunctionReference, parse_function_reference
from tuner.aws.api.logs import LogLookup
from tuner.aws.api.session import Clients, connect
from tuner.aws.changes.cleanup import left_behind, undo_leftovers
from tuner.aws.changes.copies import CopyMaker
from tuner.aws.changes.journal import JournalFile, Leftover, state_dir
from tuner.aws.changes.markers import new_run_id
from tuner.aws.changes.versions import Refusal, VersionPublisher
from tuner.aws.measure import preconditions
from tuner.aws.measure.concurrency import ConcurrencyLimiter
from tuner.aws.measure.inspection import Inspection, inspect_function
from tuner.aws.measure.invocation_targets import InvocationTargets, TargetKey
from tuner.aws.measure.invoke import InvocationTarget, Invoker
from tuner.aws.measure.scheduling import AwsScheduler, TargetLanes, group_lanes
from tuner.errors import BackendError, FunctionChangedError
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
from tuner.pricing.price_list import PriceList
from tuner.redaction import Redaction
from tuner.settings import Settings
from tuner.vocabulary import REFUSED_ARCHITECTURE


def open_aws(settings: Settings, connection: Connection, prices: Callable[[str], PriceList]) -> AwsBackend:
    """Connect to AWS for one function. Nothing is read or changed yet.

    Args:
        settings: what the user asked for.
        connection: how to reach AWS.
        prices: the run's price list for a region.

    Raises:
        InputError: the target is no function name or ARN, or the region or profile is missing.
        AwsError: the role cannot be assumed.
    """
    reference = parse_function_reference(settings.target)
    clients = connect(connection, region=reference.region)
    api, journals = LambdaApi(clients.control), state_dir(os.environ)
    return AwsBackend(settings, reference, clients, api, journals, prices(clients.region))


@dataclass(slots=True)
class AwsBackend:
    """Measures one function in AWS.

    Attributes:
        settings: what the user asked for.
        reference: the function.
        clients: the service clients.
        api: Lambda's control plane.
        journals: the folder of the journals.
        prices: the run's price list.
        run_id: the id of the run, which marks everything that it creates.
        candidate: whether this is a duet's candidate, which is entered after the baseline.
        before_runs: called when every invocation target of a batch is ready, before the first invocation.
    """

    settings: Settings
    reference: FunctionReference
    clients: Clients
    api: LambdaApi
    journals: Path
    prices: PriceList
    run_id: str = field(default_factory=lambda: new_run_id(datetime.now(UTC)))
    candidate: bool = False
    before_runs: Callable[[], object] = lambda: None
    _inspection: Inspection | None = field(default=None, init=False)
    _notices: list[Notice] = field(default_factory=list, init=False)
    _lock: JournalFile | None = field(default=None, init=False)
    _leftovers: list[Leftover] = field(default_factory=list, init=False)
    _targets: InvocationTargets | None = field(default=None, init=False)
    _logs: LogLookup | None = field(default=None, init=False)
    _scheduler: AwsScheduler | None = field(default=None, init=False)
    _likely: Sequence[Configuration] = field(default=(), init=False)
    _used: list[TargetKey] = field(default_factory=list, init=False)
    _pool: ThreadPoolExecutor = field(init=False)
    _retirement: Future[None] | None = field(default=None, init=False)
    _numbers: dict[Configuration, Iterator[int]] = field(init=False)

    def __post_init__(self) -> None:
        self._numbers = defaultdict(lambda: itertools.count(1))
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="retire")

    def __enter__(self) -> AwsBackend:
        """Read and check the function, and lock it for this run.

        Raises:
            InputError: the function cannot be tuned.
            AnotherRunError: another run works on it.
            AwsError: a permission is missing, or AWS cannot be reached.
        """
        arn = self.api.state(self.reference.name).arn
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
            LeftBehindError: something could not be undone; the hint says how to finish.
        """
        self._leave()

    def describe(self) -> FunctionIdentity:
        """The function as it was found, and what can be measured."""
        return self.inspection.identity(max_memory_mb=self._targets.cap_mb if self._targets else MAX_MEMORY_MB)

    def plan(self) -> str:
        """What a run would do, the permissions it needs, and its cost at most. Changes nothing."""
        return self.inspection.plan(self.prices)

    @property
    def inspection(self) -> Inspection:
        """What was read of the function; read once."""
        if self._inspection is None:
            region, run = self.clients.region, self.run_id
            self._inspection = inspect_function(self.settings, self.reference, self.api, region=region, run=run)
        return self._inspection

    def notices(self) -> Sequence[Notice]:
        """What the user should know about the function and the measurements so far."""
        problem = self._logs.problem if self._logs else None
        made = self._targets.notices if self._targets else []
        found = [*self.inspection.notices, *self._notices, *made, *([problem] if problem else [])]
        return tuple(dict.fromkeys(found))

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        """Create the invocation targets that are missing, restore $LATEST, then invoke; see `Backend.measure`."""
        assert self._scheduler is not None, "enter the backend first"
        possible: list[Trial] = []
        for trial in trials:
            if obstacle := self.inspection.obstacle(trial.configuration.architecture):
                yield refused_sample(trial, Refusal(REFUSED_ARCHITECTURE, obstacle))
            else:
                possible.append(trial)
        try:
            wanted = {trial: self._group(trial) for trial in possible}
            together = sum(len(lanes) for groups in wanted.values() for _, lanes, _ in groups)
            keys = [key for groups in wanted.values() for key, _, _ in groups]
            targets = self._provide(keys, stop, shared=together <= self._scheduler.concurrency)
            groups: list[TargetLanes] = []
            for trial, keyed in wanted.items():
                found = self._lane_groups(trial, keyed, targets)
                if isinstance(found, Refusal):
                    yield refused_sample(trial, found)
                else:
                    groups.extend(found)
            self.before_runs()
            yield from self._scheduler.run(groups, stop, self._check_unchanged)
            if not stop.is_set():
                self._check_unchanged()
        except FunctionChangedError as exc:
            self._notices.append(Notice("function_changed", f"{exc.message}."))
            raise

    def control_calls(self) -> int:
        """Requests to the Lambda control plane so far."""
        return self.api.retry.pacer.calls

    def expect(self, likely: Sequence[Configuration]) -> None:
        """Begin copies of these configurations while the next batch is measured."""
        self._likely = likely

    def past_runs(self) -> Sequence[Sample]:
        """Runs of the configuration in use that its log knows; none where it may not be read."""
        from tuner.aws.evidence.past_runs import PastRunsReader  # loads numpy, which most handlers never need

        return PastRunsReader(self.clients, self.api).read(self.inspection.facts.details.state)

    def target_arn(self, configuration: Configuration, stop: threading.Event) -> str | None:
        """ARN of a version or copy at a configuration, for somebody else to invoke. None: AWS refuses it."""
        assert self._targets is not None, "enter the backend first"
        key = (configuration, next(self._numbers[configuration]))
        target = self._targets.provide([key], stop).get(key)
        if not isinstance(target, InvocationTarget):
            return None
        return f"{self.api.state(target.function, target.qualifier).arn}:{target.qualifier}"

    def _begin(self, arn: str) -> None:
        """Check every precondition, then open the journal and prepare the measurement."""
        assert self._lock is not None
        inspection, latest = self.inspection, self.inspection.check()
        facts = inspection.facts
        journal = self._lock.begin(self.run_id, arn=arn, began=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        self._targets = InvocationTargets(
            self.api,
            VersionPublisher(self.api, self.reference.name, latest, journal),
            CopyMaker(self.api, inspection.packages, journal),
            journal,
            self.prices,
            copies_only=facts.copies_only,
            room=facts.account.code_bytes_free // max(1, latest.code_size),
            may_publish=facts.may_publish,
        )
        self._targets.cap_mb = inspection.memory_cap_mb(self._targets.publisher)
        concurrency, notice = preconditions.allowed_concurrency(facts, self.settings.concurrency)
        self._notices.extend([notice] if notice else [])
        self._logs = LogLookup(self.clients.logs)
        self._scheduler = AwsScheduler(
            self._invoker(facts, concurrency),
            self.settings.payloads,
            concurrency,
            self.settings.sleep_between_runs_ms / 1000,
            random.Random(self.settings.seed),
        )

    def _invoker(self, facts: preconditions.FunctionFacts, concurrency: int) -> Invoker:
        state = facts.details.state
        hidden = Redaction.of_environment(state.raw.get("Environment"))
        return Invoker(
            self.clients.invoker(timeout_s=state.timeout_s, concurrency=concurrency),
            ConcurrencyLimiter(concurrency),
            self._logs,
            frozenset(self.settings.allowed_exceptions),
            self.settings.pre_processor,
            self.settings.post_processor,
            emulated=self.clients.emulated,
            hide_payload=self.settings.disable_payload_logs,
            hide_variables=lambda: hidden,
        )

    def _check_unchanged(self) -> None:
        """Look whether somebody has deployed the function meanwhile.

        Raises:
            FunctionChangedError: somebody has.
        """
        if self._targets and not self.inspection.is_of_published:
            self._targets.publisher.check_unchanged()

    def _provide(
        self, keys: Sequence[TargetKey], stop: threading.Event, *, shared: bool
    ) -> dict[TargetKey, InvocationTarget | Refusal]:
        """Create the invocation targets of a batch, then delete those of the batch before.

        Those of the batch before exist until now, so that other machines see that a run works on the function.
        """
        assert self._targets is not None
        if self._targets.copies_only:
            self._check_unchanged()  # the publisher checks by itself before each version
        self._await_retirement()
        spares = self._targets.likely_spares(self._likely)
        targets = self._targets.provide(keys, stop, ahead=spares, shared=shared)
        self._retirement = self._pool.submit(self._targets.retire, self._used)
        self._used = list(targets)
        return targets

    def _await_retirement(self) -> None:
        """Wait until the targets of the batch before are deleted, which goes on while the next batch is measured."""
        retirement, self._retirement = self._retirement, None
        if retirement is not None:
            retirement.result()

    def _group(self, trial: Trial) -> list[tuple[TargetKey, tuple[tuple[int, ...], ...], int]]:
        """The lanes of a trial in groups. Each group has an invocation target of its own, so that it starts cold.

        Returns:
            For each group the key of its target, the payload indices of its lanes, and the number of its first lane.
        """
        assert self._scheduler is not None
        cold, width, seed = self.settings.only_cold_starts, self._scheduler.concurrency, self.settings.seed
        groups = group_lanes(trial, self._scheduler.payloads, width=width, seed=seed, cold=cold)
        numbers = self._numbers[trial.configuration]
        return [((trial.configuration, next(numbers)), lanes, n * width) for n, lanes in enumerate(groups)]

    @staticmethod
    def _lane_groups(
        trial: Trial,
        keyed: Sequence[tuple[TargetKey, tuple[tuple[int, ...], ...], int]],
        targets: Mapping[TargetKey, InvocationTarget | Refusal],
    ) -> list[TargetLanes] | Refusal:
        """The lane groups of a trial that have a target, or why AWS refuses its configuration."""
        groups: list[TargetLanes] = []
        for key, lanes, first in keyed:
            match targets.get(key):
                case Refusal() as refusal:
                    return refusal
                case InvocationTarget() as target:
                    groups.append(TargetLanes(trial, target, lanes, first))
        return groups

    def _recover(self) -> None:
        """Undo what killed runs left, according to their journals.

        Raises:
            LeftBehindError: something could not be undone.
        """
        for left in self._leftovers:
            _, failures = undo_leftovers(self.api, self.reference.name, run=left.run, copies=left.copies)
            if failures:
                raise left_behind(self.reference.name, failures)
            self._notices.append(Notice("recovered", f"Run {left.run} was killed earlier. Its changes are undone."))
        self._leftovers = []

    def _leave(self) -> None:
        targets, self._targets = self._targets, None
        lock, self._lock = self._lock, None
        with suppress(BackendError):  # `undo` tries again what was not deleted
            self._await_retirement()
        self._pool.shutdown()
        failures = targets.undo() if targets else []
        self._notices.extend(targets.notices if targets else [])
        if lock is not None:
            lock.release(remove=not self._leftovers and not failures)
        self.clients.close()
        if failures:
            raise left_behind(self.reference.name, failures)


def refused_sample(trial: Trial, refusal: Refusal) -> Sample:
    """The sample of a trial whose configuration AWS refuses."""
    error = FunctionError(refusal.code, refusal.message)
    return Sample(trial.id, trial.configuration, (Invocation(Outcome.REFUSED, error=error),))
