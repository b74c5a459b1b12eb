"""Makes the versions or copies that the trials of a round run on, and begins copies of what probably follows.

It stores each as soon as it exists. When the time does not suffice for all, it says which are missing. What it read
and made serves all rounds of a handler. It does not know which handler asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from statemachine.execution_store import ExecutionStore, Measured, Stop
from statemachine.identifiers import target_key
from statemachine.measuring.lane_groups import version_keys
from statemachine.messages import NextState
from statemachine.services import Services
from tuner.aws.api.function_reference import parse_function_reference
from tuner.aws.backend import refused_sample
from tuner.aws.changes.copies import CopyMaker
from tuner.aws.changes.journal import Journal
from tuner.aws.changes.latest import restore_latest
from tuner.aws.changes.markers import CopyMarker
from tuner.aws.changes.packages import Packages
from tuner.aws.changes.versions import Refusal, VersionPublisher
from tuner.aws.measure.invocation_targets import FIRST_SPARE, InvocationTargets, TargetKey
from tuner.aws.measure.invoke import InvocationTarget
from tuner.errors import FunctionChangedError
from tuner.model import Configuration, Notice, StopReason, Trial

AT_A_TIME = 10
"""Configurations between two looks at the clock. Publishing one takes a few seconds."""
MARGIN_S = 120.0
SNAPSTART_MARGIN_S = 600.0
"""Seconds that must be left to begin another one: a snapshot takes minutes."""


@dataclass(slots=True)
class TargetMaking:
    """Makes the targets of the rounds that one handler measures.

    Attributes:
        store: of the execution.
        services: what handlers are given.
        remaining_s: seconds until the handler ends.
    """

    store: ExecutionStore
    services: Services
    remaining_s: Callable[[], float]
    _maker: InvocationTargets | None = field(default=None, init=False)
    _begun: bool = field(default=False, init=False)

    def make(
        self, trials: Sequence[Trial], likely: Sequence[Configuration] = (), *, together: bool = False
    ) -> tuple[NextState, Sequence[Trial]]:
        """Make the missing versions and copies of trials, and begin copies of what is likely to follow.

        When somebody deploys the function during the execution, the study ends with its samples so far.

        Args:
            trials: the round.
            likely: configurations that later rounds probably measure.
            together: whether all lanes of the round start together, so that trials may share a target.

        Returns:
            What happens next, and the trials to do it with: those that can be measured, or all when the time is up.
        """
        store = self.store
        wanted = list(dict.fromkeys(key for trial in trials for key in version_keys(trial, store.execution)))
        targets = store.targets()
        missing = [key for key in wanted if target_key(*key) not in targets]
        if missing:
            self._begin()
            try:
                missing = self._make(missing, targets, likely, together=together)
            except FunctionChangedError as exc:
                store.end(Stop(StopReason.FUNCTION_CHANGED, Notice("function_changed", f"{exc.message}.")))
                return NextState.DONE, ()
        if store.stop() is not None:
            return NextState.DONE, ()
        if missing:
            return NextState.PUBLISH, trials
        return _ready(trials, targets, store)

    def _begin(self) -> None:
        """Write once that a handler is at work: a Cleaner of an aborted execution waits for its end."""
        if not self._begun:
            self.store.begin_publishing(self.services.now().timestamp() + self.remaining_s())
            self._begun = True

    def end(self) -> None:
        """Write that the handler ends, and which copies were certainly created: the Cleaner need not look at those."""
        if self._begun:
            self.store.end_publishing(self._maker.copies.created if self._maker is not None else ())

    def _make(
        self,
        missing: Sequence[TargetKey],
        targets: dict[str, InvocationTarget | Refusal],
        likely: Sequence[Configuration],
        *,
        together: bool,
    ) -> list[TargetKey]:
        """Make invocation targets until all exist or the time is up. Returns the missing keys."""
        store, rest = self.store, list(missing)
        maker = self._current_maker(targets)
        snapstart = bool(store.execution.identity.details.get("snapstart"))
        size, margin = (1, SNAPSTART_MARGIN_S) if snapstart else (AT_A_TIME, MARGIN_S)
        ahead = _intend_copies(maker, rest, likely, store)
        try:
            while rest and store.stop() is None and (len(rest) == len(missing) or self.remaining_s() > margin):
                made = maker.provide(rest[:size], threading.Event(), ahead=ahead, shared=together)
                targets.update({target_key(*key): target for key, target in made.items()})
                store.add_targets(targets)
                rest, ahead = rest[size:], []
        finally:
            maker.settle()
        for notice in maker.notices:
            store.note(notice)
        return rest

    def _current_maker(self, targets: Mapping[str, InvocationTarget | Refusal]) -> InvocationTargets:
        """Return the maker of this handler, once it is certain that the function is as it was found.

        Raises:
            FunctionChangedError: somebody changed the function.
        """
        if self._maker is None:
            self._maker = _target_maker(self.store, targets, self.services)
        else:
            execution = self.store.execution
            api = self.services.api_in(execution.identity.region)
            execution.refuse_changed(api.wait_ready(str(execution.identity.arn)))
        return self._maker


def _intend_copies(
    maker: InvocationTargets, keys: Sequence[TargetKey], likely: Sequence[Configuration], store: ExecutionStore
) -> list[CopyMarker]:
    """Write the names of all copies that are about to be begun. Returns the spares among them."""
    ahead = maker.likely_spares(likely)
    copies = maker.copies_without_spare(keys)
    if copies or ahead:
        spares = [marker.made.configuration for marker in ahead]
        store.intend_copies((marker.name for marker in (*copies, *ahead)), spares)
    return ahead


def _target_maker(
    store: ExecutionStore, targets: Mapping[str, InvocationTarget | Refusal], services: Services
) -> InvocationTargets:
    """Return the maker of versions and copies of the function as it was found.

    Raises:
        FunctionChangedError: somebody changed the function.
    """
    execution = store.execution
    api = services.api_in(execution.identity.region)
    journal = Journal(execution.run)
    name = str(execution.identity.arn)
    # An attempt that was killed may have left its marker on $LATEST.
    restore_latest(api, name, journal, run=execution.run)
    latest = api.wait_ready(name)
    execution.refuse_changed(latest)
    details = api.details(name, parse_function_reference(execution.settings.target).qualifier)
    packages = Packages(api, details, execution.settings.code_for)
    making = store.making()
    maker = InvocationTargets(
        api,
        VersionPublisher(api, name, latest, journal),
        CopyMaker(api, packages, journal, expected=set(making.copies)),
        journal,
        execution.prices,
        copies_only=execution.identity.details["isolation"] == "copy",
        room=api.account().code_bytes_free // max(1, latest.code_size),
        cap_mb=execution.identity.max_memory_mb,
        may_publish=bool(execution.identity.details.get("may_publish")) and not _are_copies(targets, latest.name),
    )
    taken = {target.function for target in targets.values() if isinstance(target, InvocationTarget)}
    for configuration in making.spares:
        spare = maker.marker((configuration, FIRST_SPARE + maker.begun[configuration]))
        maker.begun[configuration] += 1
        if spare.name not in taken:
            maker.spares.append(spare)
    return maker


def _are_copies(targets: Mapping[str, InvocationTarget | Refusal], function: str) -> bool:
    """Return whether Lambda has allowed a copy: what was measured once on copies never falls back to versions."""
    return any(isinstance(target, InvocationTarget) and target.function != function for target in targets.values())


def _ready(
    trials: Sequence[Trial], targets: Mapping[str, InvocationTarget | Refusal], store: ExecutionStore
) -> tuple[NextState, list[Trial]]:
    """Return the trials that can be measured. A configuration that AWS refuses becomes a sample at once."""
    execution = store.execution
    ready: list[Trial] = []
    for trial in trials:
        found = [targets[target_key(*key)] for key in version_keys(trial, execution)]
        refusal = next((target for target in found if isinstance(target, Refusal)), None)
        if refusal is not None:
            store.add_measured(trial.id, "refused", Measured((refused_sample(trial, refusal),)))
        else:
            ready.append(trial)
    return (NextState.MEASURE_LONG if execution.long else NextState.MEASURE), ready
