"""Publisher: a version or a copy for each configuration of the round that has none yet.

Writes each down as soon as it exists. Stops in time and asks to be called again when there is not
enough time for all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from statemachine.execution_store import ExecutionStore, Measured, Stop
from statemachine.execution_study import prices_of
from statemachine.identifiers import target_key
from statemachine.lane_groups import at_once, keys, lane_groups
from statemachine.messages import Document, MapItem, decode_folder, decode_trials, encode_plan
from statemachine.services import Services, shared_services, with_readable_errors
from tuner.aws.api.function_reference import parse_function_reference
from tuner.aws.backend import refused_sample
from tuner.aws.changes.copies import CopyMaker
from tuner.aws.changes.journal import Journal
from tuner.aws.changes.latest import restore_latest
from tuner.aws.changes.markers import CopyMarker, VersionMarker
from tuner.aws.changes.packages import Packages
from tuner.aws.changes.versions import Refusal, VersionPublisher
from tuner.aws.measure.invocation_targets import InvocationTargets, TargetKey
from tuner.aws.measure.invoke import InvocationTarget
from tuner.errors import FunctionChangedError
from tuner.model import Notice, StopReason, Trial

AT_A_TIME = 10
"""Configurations between two looks at the clock; publishing one takes a few seconds."""
MARGIN_S = 120.0
SNAPSTART_MARGIN_S = 600.0
"""Time that must be left to begin: a snapshot takes minutes."""


@with_readable_errors
def handler(event: Mapping[str, Any], context: Any) -> Document:
    """Make the versions of a round."""
    remaining_s = lambda: context.get_remaining_time_in_millis() / 1000  # noqa: E731
    return publish(decode_folder(event), decode_trials(event), shared_services(), remaining_s)


def publish(folder: str, trials: Sequence[Trial], services: Services, remaining_s: Callable[[], float]) -> Document:
    """Make what is missing; then the plan of what to measure.

    A function that was deployed meanwhile ends the study with what it has.
    """
    store = services.store(folder)
    wanted = list(dict.fromkeys(key for trial in trials for key in keys(trial, store.execution)))
    places = store.places()
    missing = [key for key in wanted if target_key(*key) not in places]
    if missing:
        try:
            missing = _make(missing, places, store, services, remaining_s)
        except FunctionChangedError as exc:
            store.end(Stop(StopReason.FUNCTION_CHANGED, Notice("function_changed", f"{exc.message}.")))
            return encode_plan("done")
    if missing:
        return encode_plan("publish", map(MapItem, trials))
    return _plan(trials, places, store)


def _make(
    missing: Sequence[TargetKey],
    places: dict[str, InvocationTarget | Refusal],
    store: ExecutionStore,
    services: Services,
    remaining_s: Callable[[], float],
) -> list[TargetKey]:
    """Make places until all are made or the time is up; what is still missing is returned."""
    execution, rest = store.execution, list(missing)
    bench = _bench(store, services)
    snapstart = bool(execution.identity.details.get("snapstart"))
    size, margin = (1, SNAPSTART_MARGIN_S) if snapstart else (AT_A_TIME, MARGIN_S)
    copies = [
        CopyMarker(VersionMarker(execution.run, *key), execution.identity.name) for key in rest if bench.copied(key[0])
    ]
    if copies:
        store.intend_copies([*store.copies(), *(marker.name for marker in copies)])
    while rest and (len(rest) == len(missing) or remaining_s() > margin):
        made = bench.provide(rest[:size], threading.Event())
        places.update({target_key(*key): place for key, place in made.items()})
        store.add_places(places)
        rest = rest[size:]
    return rest


def _bench(store: ExecutionStore, services: Services) -> InvocationTargets:
    """The bench of this execution on the function as it was found.

    Raises:
        FunctionChangedError: it is not as it was found.
    """
    execution, api = store.execution, services.api
    journal = Journal(execution.run)
    name = str(execution.identity.arn)
    # An attempt that was cut off may have left $LATEST with the marker.
    restore_latest(api, name, journal, run=execution.run)
    latest = api.wait_ready(name)
    execution.refuse_changed(latest)
    details = api.details(name, parse_function_reference(execution.settings.target).qualifier)
    packages = Packages(api, details, execution.settings.code_for)
    return InvocationTargets(
        api,
        VersionPublisher(api, name, latest, journal),
        CopyMaker(api, packages, journal),
        journal,
        prices_of(execution),
        copies_only=execution.identity.details["isolation"] == "copy",
        room=api.account().code_bytes_free // max(1, latest.code_size),
        cap_mb=execution.identity.max_memory_mb,
    )


def _plan(trials: Sequence[Trial], places: Mapping[str, InvocationTarget | Refusal], store: ExecutionStore) -> Document:
    """What can be measured; refused configurations are samples at once."""
    execution = store.execution
    work: list[MapItem] = []
    for trial in trials:
        found = [places[target_key(*key)] for key in keys(trial, execution)]
        refusal = next((place for place in found if isinstance(place, Refusal)), None)
        if refusal is not None:
            store.add_measured(trial.id, "refused", Measured((refused_sample(trial, refusal),)))
        elif execution.direct:
            work.extend(_lanes(trial, places, store))
        else:
            work.append(MapItem(trial))
    if execution.direct:
        return encode_plan("measureDirectly", work, at_once=execution.concurrency)
    return encode_plan("measure", work, at_once=at_once(trials, execution))


def _lanes(trial: Trial, places: Mapping[str, InvocationTarget | Refusal], store: ExecutionStore) -> list[MapItem]:
    """The lanes of a trial, for the state machine to invoke."""
    work: list[MapItem] = []
    for group in lane_groups(trial, store.execution, store.payloads()):
        name = target_key(*group.key)
        place = places[name]
        assert isinstance(place, InvocationTarget), "refused places are sorted out before"
        arn = f"{str(store.execution.identity.arn).rpartition(':')[0]}:{place.function}:{place.qualifier}"
        first = len(work)
        work.extend(MapItem(trial, first + lane, arn, name) for lane in range(len(group.payloads)))
    return work
