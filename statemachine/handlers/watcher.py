"""Watcher: looks at the logs of all watched functions, and tells what was found and what tuning them again gave.

Both steps may be repeated: money is reserved once for an execution, and a message may arrive twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reports.words.watching import digest
from statemachine.deputy import refuse_own_object
from statemachine.fleet.request import DEFAULT_CONCURRENCY, FleetInput, read_list
from statemachine.identifiers import folder_of, parse_time, run_id
from statemachine.services import Services, shared_services, with_readable_errors
from statemachine.watch.messages import Findings, Looked, decode_findings, decode_looked, encode_findings, encode_looked
from statemachine.watch.request import WatchRequest, read_watch
from statemachine.watch.tunings import Document, reserve, settle
from tuner.aws.api.announcements import Announcer
from tuner.aws.api.function import FunctionState
from tuner.aws.api.function_reference import parse_function_reference
from tuner.aws.api.s3 import Objects, parse_address
from tuner.aws.evidence.reader import EvidenceReader, ReadingLimits, changed_s
from tuner.errors import InputError
from tuner.evidence.known_function import Selection
from tuner.watch.ceiling import Ledger
from tuner.watch.decision import Watched
from tuner.watch.messages import event, metrics
from tuner.watch.watched import DEFAULT_DAYS, DEFAULT_THRESHOLD, WatchedLog, judge
from tuner.watch.weeks import SECONDS_PER_DAY

READING_USD = 0.10
"""What the log queries of one execution may cost. It is within the month's ceiling."""
RESULT = "/result.json"


@with_readable_errors
def handler(step: Mapping[str, Any], _context: Any) -> Document:
    """Look, or tell."""
    services = shared_services()
    request = read_watch(services.environment)
    if step["step"] == "look":
        return look(step["execution"], step["startedAt"], services, request)
    return tell(decode_looked(step["watch"]), services, request)


def look(execution: str, started_at: str, services: Services, request: WatchRequest) -> Document:
    """Judge all functions, reserve money for the slower ones, and write the list of those that are tuned again.

    Raises:
        InputError: the list is wrong, with every fault.
        AwsError: functions or logs cannot be read.
    """
    now = parse_time(started_at)
    looked = Looked(run_id(execution, started_at), f"{now:%Y-%m}")
    objects = services.objects
    # What an earlier attempt found stays: logs are read, and paid for, once.
    if objects.read(looked.findings_key) is None:
        ledger = Ledger(objects, looked.month, request.ceiling_usd)
        inputs = _inputs(services, request)
        found = _judged(services, request.selection or _named(inputs), ledger, looked, now.timestamp())
        reports, tunings = reserve(found.reports, inputs, ledger, looked, tuning_usd=request.tuning_usd)
        if tunings:
            objects.write(looked.list_key, json.dumps(tunings).encode())
        objects.write(looked.findings_key, encode_findings(Findings(tuple(reports), found.unread)))
    if objects.read(looked.list_key) is None:
        return encode_looked(looked)
    return encode_looked(Looked(looked.run, looked.month, str(objects.address(looked.list_key))))


def tell(looked: Looked, services: Services, request: WatchRequest) -> Document:
    """Book what was spent, and tell what was found: events, a message, metrics.

    Raises:
        AwsError: an event or the message was refused.
    """
    ledger = Ledger(services.objects, looked.month, request.ceiling_usd)
    found = decode_findings(services.objects.read(looked.findings_key) or b"")
    reports = settle(found.reports, _summary(looked, services), _listed(looked, services), ledger, looked)
    services.objects.write(looked.findings_key, encode_findings(Findings(tuple(reports), found.unread)))
    for report in reports:
        services.log(json.dumps(metrics(report, services.now().timestamp(), stack=request.stack)))
    slower = [report for report in reports if report.decision.outcome is Watched.TUNE]
    if slower:
        announcer = Announcer(services.clients)
        announcer.put_events([event(report) for report in slower])
        announcer.publish(request.topic, *digest(reports, found.unread, page=looked.page))
    return {
        "functions": len(reports),
        "slower": [report.function for report in slower],
        "unread": list(found.unread),
        "leftUsd": ledger.left_usd(),
        "findings": str(services.objects.address(looked.findings_key)),
    }


def _inputs(services: Services, request: WatchRequest) -> dict[str, Document]:
    """The inputs of the list, by the name of their function."""
    if not request.list_address:
        return {}
    refuse_own_object(request.list_address, bucket=services.bucket, path="watch")
    address = parse_address(request.list_address, path="watch")
    content = Objects(services.clients.s3, address.bucket).read(address.key)
    if content is None:
        raise InputError.single("watch", f"{address} does not exist", "upload the list to this address")
    fleet = FleetInput(request.list_address, {}, DEFAULT_CONCURRENCY, 100.0)
    return _by_name(read_list(content.decode("utf-8", "replace"), fleet))


def _by_name(inputs: Iterable[Document]) -> dict[str, Document]:
    return {parse_function_reference(str(item["lambdaARN"])).name.rpartition(":")[2]: item for item in inputs}


def _named(inputs: Mapping[str, Document]) -> Selection:
    return Selection(tuple(str(item["lambdaARN"]) for item in inputs.values()))


def _judged(services: Services, selection: Selection, ledger: Ledger, looked: Looked, now_s: float) -> Findings:
    """Read all logs at once, within the money that is left, and judge every function that could be read."""
    booking = looked.booking("log queries")
    max_usd = READING_USD if ledger.reserve(booking, READING_USD) else 0.0
    limits = ReadingLimits(DEFAULT_DAYS, max_usd, with_opinions=False)
    reader = EvidenceReader(services.clients, services.api_in(None), limits, now_s, lambda _: None)
    unread: list[str] = []
    states = list(reader.states(selection, lambda error: unread.append(f"Not read: {error.message}.")))
    found = reader.read_days(states)
    if max_usd:
        ledger.settle(booking, found.usd)
    unread += (f"Not read: the log of {name} may cost more than ${max_usd:.2f}." for name in found.left_out)
    end_s = now_s // SECONDS_PER_DAY * SECONDS_PER_DAY
    reports = (
        judge(
            state.name,
            WatchedLog(found.days.get(state.name, ()), changed_s(state)),
            since_s=_tuned_s(services, state),
            threshold=DEFAULT_THRESHOLD,
            now_s=end_s,
        )
        for state in states
        if state.name not in found.left_out
    )
    return Findings(tuple(reports), tuple(unread))


def _tuned_s(services: Services, state: FunctionState) -> float:
    """When the stack tuned a function last, in seconds since 1970; long ago: its results hold none."""
    keys = services.objects.keys(folder_of(state.name, ""))
    runs = sorted(key.removesuffix(RESULT).rpartition("/")[2] for key in keys if key.endswith(RESULT))
    return _began_s(runs[-1]) if runs else 0.0


def _began_s(run: str) -> float:
    return datetime.strptime(run.partition("-")[0], "%Y%m%dt%H%M%Sz").replace(tzinfo=UTC).timestamp()


def _summary(looked: Looked, services: Services) -> Mapping[str, Any] | None:
    if not looked.summary:
        return None
    content = services.objects.read(parse_address(looked.summary, path="$.fleet.summary").key)
    return None if content is None else dict(json.loads(content))


def _listed(looked: Looked, services: Services) -> Mapping[str, str]:
    """By function, how the list of the tunings names it."""
    if not looked.list_address:
        return {}
    items: Sequence[Document] = json.loads(services.objects.read(looked.list_key) or b"[]")
    return {name: str(item["lambdaARN"]) for name, item in _by_name(items).items()}
