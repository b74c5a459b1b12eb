"""Initializer: finds every fault before anything is changed.

It reads the input, the function and the account's quotas. It takes the lock, and undoes what a killed execution
left behind. It stores the facts and decisions that all other handlers read.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from statemachine.deployment import Deployment
from statemachine.execution import Execution, content_hash
from statemachine.function_lock import FunctionLock, Holder, is_running
from statemachine.identifiers import folder_of, run_id
from statemachine.messages import Document, Start, decode_start, encode_begun
from statemachine.services import Services, shared_services, with_readable_errors
from tuner.aws.api.function_reference import FunctionReference, parse_function_reference
from tuner.aws.changes.cleanup import left_behind, undo_leftovers
from tuner.aws.changes.journal import Journal
from tuner.aws.changes.versions import VersionPublisher
from tuner.aws.measure import preconditions
from tuner.aws.measure.inspection import Inspection, inspect_function
from tuner.aws.measure.payloads import read_payloads
from tuner.documents.input import decode_valid, input_faults
from tuner.errors import BackendError, Fault, InputError
from tuner.model import Notice
from tuner.payloads import Payloads
from tuner.pricing.price_list import price_list
from tuner.settings import Settings

SHORTEST_ROOM_S = 60
"""Seconds that a handler needs around an invocation: its start, the store, and a late reply."""
LONGEST_WAIT_S = 840
"""The state machine itself invokes functions that may run longer: a handler lives for 900 s."""
MAX_DIRECT_PAYLOAD_BYTES = 200_000
"""Bytes of a payload that fit into the state beside the rest (262,144 bytes, Step Functions quotas, 2026-09)."""


@with_readable_errors
def handler(event: Mapping[str, Any], _context: Any) -> Document:
    """Begin an execution."""
    return begin(decode_start(event), shared_services())


def begin(start: Start, services: Services) -> Document:
    """Check the input and the function, take the lock, and store the facts and decisions.

    Raises:
        InputError: every fault of the input, or every reason why the function cannot be tuned.
        AnotherRunError: another run tunes the function now.
    """
    document = with_defaults(start.input, services.deployment)
    settings, target = check(document, services.clients.region)
    run = run_id(start.execution, start.started_at)
    arn = services.api.state(target.name).arn
    holder = Holder(start.execution, run, folder_of(arn.rpartition(":")[2], run))
    lock = FunctionLock(services.objects, arn, lambda execution: is_running(services.clients.states, execution))
    swept = lock.take(holder, lambda left: _undo(services, arn, left))
    try:
        found = inspect_function(settings, target, services.api, region=services.clients.region, run=run)
        payloads = read_payloads(settings, services.clients)
        execution = _decide(start, document, found, payloads, services.deployment, swept)
        services.store(holder.folder).begin(execution, payloads)
    except BaseException:
        with suppress(BackendError):  # what went wrong first is what the user must read
            lock.release(start.execution)
        raise
    return encode_begun(holder.folder)


def with_defaults(document: Any, deployment: Deployment) -> Any:
    """Return the input with the defaults and ceilings of the deployment. The check refuses what is no object."""
    if not isinstance(document, Mapping):
        return document
    filled = dict(document)
    if "num" in filled and deployment.power_values:
        filled.setdefault("powerValues", list(deployment.power_values))
    if deployment.architectures != "current":
        filled.setdefault("architectures", deployment.architectures)
    budget = filled.get("budget", {})
    if deployment.budget_usd is not None and isinstance(budget, Mapping):
        asked = budget.get("maxUsd", deployment.budget_usd)
        if isinstance(asked, (int, float)):
            filled["budget"] = {**budget, "maxUsd": min(asked, deployment.budget_usd)}
    return filled


def check(document: Any, region: str) -> tuple[Settings, FunctionReference]:
    """Read the input.

    Raises:
        InputError: every fault at once.
    """
    faults = list(input_faults(document))
    name = document.get("lambdaARN") if isinstance(document, Mapping) else None
    target = None
    if isinstance(name, str) and name:
        try:
            target = parse_function_reference(name)
        except InputError as exc:
            faults.extend(Fault("$.lambdaARN", fault.problem, fault.remedy) for fault in exc.faults)
        else:
            if target.region not in (None, region):
                problem = f"is in {target.region}, and this state machine in {region}"
                faults.append(Fault("$.lambdaARN", problem, f"deploy the state machine in {target.region} too"))
    if faults or target is None:
        raise InputError(faults)
    return decode_valid(document), target


def _decide(
    start: Start,
    document: Mapping[str, Any],
    found: Inspection,
    payloads: Payloads,
    deployment: Deployment,
    swept: Holder | None,
) -> Execution:
    """Check that the function can be measured, and decide how."""
    settings, facts = found.settings, found.facts
    latest = found.check()
    cap_mb = found.memory_cap_mb(VersionPublisher(found.api, found.reference.name, latest, Journal(found.run)))
    concurrency, notice = preconditions.allowed_concurrency(facts, settings.concurrency)
    direct = facts.details.state.timeout_s > min(LONGEST_WAIT_S, deployment.batch_seconds - SHORTEST_ROOM_S)
    if direct:
        _check_direct(settings, payloads)
    notices = [*found.notices, *([notice] if notice else [])]
    if swept:
        message = f"Execution {swept.execution} did not end by itself. This execution undid what it left behind."
        notices.append(Notice("recovered", message))
    return Execution(
        run=found.run,
        arn=start.execution,
        started_at=start.started_at,
        document={key: value for key, value in document.items() if key != "payload"},
        identity=found.identity(max_memory_mb=cap_mb),
        content_sha256="" if found.is_of_published else content_hash(latest.content()),
        prices=price_list(found.region).with_discount(settings.discount),
        concurrency=concurrency,
        direct=direct,
        notices=tuple(notices),
    )


def _check_direct(settings: Settings, payloads: Payloads) -> None:
    """Refuse what the state machine cannot do for functions that it invokes itself."""
    faults = []
    for index, item in enumerate(payloads.items):
        if len(item.body) > MAX_DIRECT_PAYLOAD_BYTES:
            problem = f"payload {index} has {len(item.body):,} bytes, too many for a function with such a long timeout"
            faults.append(Fault("$.payload", problem, f"use at most {MAX_DIRECT_PAYLOAD_BYTES:,} bytes"))
    if settings.disable_payload_logs and settings.payload_s3:
        problem = "cannot be kept with a function with such a long timeout: the execution's history holds what is sent"
        faults.append(
            Fault("$.disablePayloadLogs", problem, f"lower its timeout to {LONGEST_WAIT_S} s, or leave it out")
        )
    if settings.post_processor:
        problem = "cannot be used with a function with such a long timeout"
        faults.append(Fault("$.postProcessorARN", problem, f"lower its timeout to {LONGEST_WAIT_S} s, or leave it out"))
    if faults:
        raise InputError(faults)


def _undo(services: Services, arn: str, left: Holder) -> None:
    """Undo what an aborted or timed-out execution left behind."""
    copies = services.store(left.folder).copies()
    _, failures = undo_leftovers(services.api, arn, run=left.run, copies=copies)
    if failures:
        raise left_behind(arn, failures)
