"""Publisher: a version or a copy for each configuration of the round that has none yet.

Writes each down as soon as it exists. Stops in time and asks to be called again when there is not
enough time for all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from statemachine.contract import Document, Work, decode_folder, decode_trials, encode_plan
from statemachine.ids import place_key
from statemachine.pieces import at_once, keys, pieces
from statemachine.record import Measured, Record, Stop
from statemachine.wiring import Wiring, framed, wire
from tuner.aws.api.function_reference import parse_target
from tuner.aws.backend import refused_sample
from tuner.aws.changes.copies import CopyMaker
from tuner.aws.changes.journal import Journal
from tuner.aws.changes.latest import restore_latest
from tuner.aws.changes.markers import CopyMarker, VersionMarker
from tuner.aws.changes.packages import Packages
from tuner.aws.changes.versions import Refusal, VersionPublisher
from tuner.aws.measure.invoke import Place
from tuner.aws.measure.provisioning import Bench, Key
from tuner.errors import FunctionChangedError
from tuner.model import Notice, StopReason, Trial

AT_A_TIME = 10
"""Configurations between two looks at the clock; publishing one takes a few seconds."""
MARGIN_S = 120.0
SNAPSTART_MARGIN_S = 600.0
"""Time that must be left to begin: a snapshot takes minutes."""


@framed
def handler(event: Mapping[str, Any], context: Any) -> Document:
    """Make the versions of a round."""
    remaining_s = lambda: context.get_remaining_time_in_millis() / 1000  # noqa: E731
    return publish(decode_folder(event), decode_trials(event), wire(), remaining_s)


def publish(folder: str, trials: Sequence[Trial], wiring: Wiring, remaining_s: Callable[[], float]) -> Document:
    """Make what is missing; then the plan of what to measure.

    A function that was deployed meanwhile ends the study with what it has.
    """
    record = wiring.record(folder)
    wanted = list(dict.fromkeys(key for trial in trials for key in keys(trial, record.header)))
    places = record.places()
    missing = [key for key in wanted if place_key(*key) not in places]
    if missing:
        try:
            missing = _make(missing, places, record, wiring, remaining_s)
        except FunctionChangedError as exc:
            record.end(Stop(StopReason.FUNCTION_CHANGED, Notice("function_changed", f"{exc.message}.")))
            return encode_plan("done")
    if missing:
        return encode_plan("publish", map(Work, trials))
    return _plan(trials, places, record)


def _make(
    missing: Sequence[Key],
    places: dict[str, Place | Refusal],
    record: Record,
    wiring: Wiring,
    remaining_s: Callable[[], float],
) -> list[Key]:
    """Make places until all are made or the time is up; what is still missing is returned."""
    header, rest = record.header, list(missing)
    bench = _bench(record, wiring)
    snapstart = bool(header.identity.details.get("snapstart"))
    size, margin = (1, SNAPSTART_MARGIN_S) if snapstart else (AT_A_TIME, MARGIN_S)
    copies = [CopyMarker(VersionMarker(header.run, *key), header.identity.name) for key in rest if bench.copied(key[0])]
    if copies:
        record.intend_copies([*record.copies(), *(marker.name for marker in copies)])
    while rest and (len(rest) == len(missing) or remaining_s() > margin):
        made = bench.places(rest[:size], threading.Event())
        places.update({place_key(*key): place for key, place in made.items()})
        record.add_places(places)
        rest = rest[size:]
    return rest


def _bench(record: Record, wiring: Wiring) -> Bench:
    """The bench of this execution on the function as it was found.

    Raises:
        FunctionChangedError: it is not as it was found.
    """
    header, api = record.header, wiring.api
    journal = Journal(header.run)
    name = str(header.identity.arn)
    # An attempt that was cut off may have left $LATEST with the marker.
    restore_latest(api, name, journal, run=header.run)
    latest = api.wait_ready(name)
    header.refuse_changed(latest)
    details = api.details(name, parse_target(header.settings.target).qualifier)
    packages = Packages(api, details, header.settings.code_for)
    return Bench(
        api,
        VersionPublisher(api, name, latest, journal),
        CopyMaker(api, packages, journal),
        journal,
        copies_only=header.identity.details["isolation"] == "copy",
        room=api.account().code_bytes_free // max(1, latest.code_size),
        cap_mb=header.identity.max_memory_mb,
    )


def _plan(trials: Sequence[Trial], places: Mapping[str, Place | Refusal], record: Record) -> Document:
    """What can be measured; refused configurations are samples at once."""
    header = record.header
    work: list[Work] = []
    for trial in trials:
        found = [places[place_key(*key)] for key in keys(trial, header)]
        refusal = next((place for place in found if isinstance(place, Refusal)), None)
        if refusal is not None:
            record.add_measured(trial.id, "refused", Measured((refused_sample(trial, refusal),)))
        elif header.direct:
            work.extend(_lanes(trial, places, record))
        else:
            work.append(Work(trial))
    if header.direct:
        return encode_plan("measureDirectly", work, at_once=header.concurrency)
    return encode_plan("measure", work, at_once=at_once(trials, header))


def _lanes(trial: Trial, places: Mapping[str, Place | Refusal], record: Record) -> list[Work]:
    """The lanes of a trial, for the state machine to invoke."""
    work: list[Work] = []
    for piece in pieces(trial, record.header, record.payloads()):
        name = place_key(*piece.key)
        place = places[name]
        assert isinstance(place, Place), "refused places are sorted out before"
        arn = f"{str(record.header.identity.arn).rpartition(':')[0]}:{place.function}:{place.qualifier}"
        first = len(work)
        work.extend(Work(trial, first + lane, arn, name) for lane in range(len(piece.payloads)))
    return work
