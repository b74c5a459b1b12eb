"""What a caller may ask for beside the target, and how it becomes settings.

Every keyword is the flag of the same name: `max_p95_ms` is `--max-p95-ms`. Shares are fractions here.
One schema checks keywords, flags and files, so that all faults come at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypedDict

from tuner.aws.api.connection import Connection
from tuner.backend import BackendFactory
from tuner.documents.input import decode_valid, input_faults
from tuner.errors import Fault, InputError
from tuner.model import BackendKind
from tuner.settings import Settings


class Options(TypedDict, total=False):
    """Keywords of `tuner.tune` and `tuner.duet`. docs/command-line.md describes each under the flag of its name."""

    payload_s3: str
    power_values: Sequence[int] | str
    arch: Literal["current", "x86_64", "arm64", "both"]
    strategy: str
    balanced_weight: float
    max_p95_ms: float
    max_cost_per_million: float
    min_memory: int
    max_error_rate: float
    sampler: str
    runs: int
    environments: int
    concurrency: int
    tolerance: float
    max_invocations: int
    max_usd: float
    max_seconds: float
    only_cold_starts: bool
    pre_processor: str
    post_processor: str
    allowed_exceptions: Sequence[str]
    sleep_between_runs_ms: int
    disable_payload_logs: bool
    discard_top_bottom: float
    invocations_per_month: float
    discount: float
    cold_start_share: float
    isolation: Literal["auto", "versions", "copy"]
    code_for: Mapping[str, str]
    seed: int
    root: str
    handler: str
    python: str
    node: str
    env: Mapping[str, str]
    timeout: float
    ephemeral_storage: int
    memory_in_use: int
    log: str


FIELDS: Mapping[str, str] = {
    "payload": "payload",
    "payload_s3": "payloadS3",
    "power_values": "powerValues",
    "arch": "architectures",
    "strategy": "strategy",
    "balanced_weight": "balancedWeight",
    "max_p95_ms": "constraints.maxP95Ms",
    "max_cost_per_million": "constraints.maxCostPerMillion",
    "min_memory": "constraints.minMemory",
    "max_error_rate": "maxErrorRate",
    "sampler": "sampler",
    "runs": "num",
    "environments": "environments",
    "concurrency": "concurrency",
    "tolerance": "tolerance",
    "max_invocations": "budget.maxInvocations",
    "max_usd": "budget.maxUsd",
    "max_seconds": "budget.maxSeconds",
    "only_cold_starts": "onlyColdStarts",
    "pre_processor": "preProcessorARN",
    "post_processor": "postProcessorARN",
    "allowed_exceptions": "allowedExceptions",
    "sleep_between_runs_ms": "sleepBetweenRunsMs",
    "disable_payload_logs": "disablePayloadLogs",
    "discard_top_bottom": "discardTopBottom",
    "invocations_per_month": "invocationsPerMonth",
    "discount": "discount",
    "cold_start_share": "coldStartShare",
    "isolation": "isolation",
    "code_for": "codeFor",
    "seed": "seed",
    "root": "local.root",
    "handler": "local.handler",
    "python": "local.python",
    "node": "local.node",
    "env": "local.environment",
    "timeout": "local.timeoutSeconds",
    "ephemeral_storage": "local.ephemeralStorageMb",
    "memory_in_use": "local.memoryInUseMb",
    "log": "local.log",
}
"""Field of the input document that each option sets. A dot leads into an object."""


def input_document(
    target: str, options: Mapping[str, Any], base: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The input document that options stand for.

    Args:
        target: what to tune.
        options: values by the name of the option. None and False: not given.
        base: a document to start from. Options win.

    Returns:
        The document, and the names of the options that it holds.
    """
    document: dict[str, Any] = {**(base or {}), "lambdaARN": target}
    given = []
    for name, value in options.items():
        if name not in FIELDS or value is None or value is False or value == ():
            continue
        plain = list(value) if isinstance(value, tuple) else value
        if _put(document, FIELDS[name].split("."), plain):
            given.append(name)
    return document, given


def read_settings(
    document: Mapping[str, Any],
    factory: BackendFactory,
    names: Mapping[str, str],
    *,
    found: Iterable[Fault] = (),
) -> Settings:
    """Check an input document and read it.

    Args:
        document: the input document.
        factory: of the backend that measures its target; it is asked for faults too.
        names: what to call fields of the document in faults, by JSONPath.
        found: faults that are known already.

    Raises:
        InputError: with every fault.
    """
    form = input_faults(document)
    settings = None if form else decode_valid(document)
    faults = [*found, *renamed([*form, *factory.faults(document, settings)], names)]
    if faults or settings is None:
        raise InputError(dict.fromkeys(faults))
    return settings


def renamed(faults: Iterable[Fault], names: Mapping[str, str]) -> list[Fault]:
    """The faults under the names that the caller knows: a keyword or a flag in the place of a JSONPath."""
    found = []
    for fault in faults:
        path = fault.path
        for field, name in names.items():
            if path == field or path.startswith((field + ".", field + "[")):
                path = name + path[len(field) :]
                break
        found.append(Fault(path, fault.problem, fault.remedy))
    return found


def keyword_names(given: Iterable[str]) -> dict[str, str]:
    """Names of keywords by the JSONPath of the field that each sets, and by the flag of the same name."""
    fields = {f"$.{FIELDS[name]}": name for name in given}
    return {"$.lambdaARN": "target"} | fields | {f"--{name.replace('_', '-')}": name for name in fields.values()}


def refuse_unknown(call: str, options: Iterable[str], own: Iterable[str] = ()) -> None:
    """Refuse keywords that nothing would read, as Python does for a misspelt argument.

    Raises:
        TypeError: one is not known; it names the nearest.
    """
    known = [*FIELDS, *own]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f". Did you mean {near[0]}?" if near else ""
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}{meant}")


def with_payloads(settings: Settings, connection: Connection, kind: BackendKind) -> Settings:
    """The settings with their payloads, those in S3 read.

    Raises:
        InputError: no S3 address, no payload there, or no region to reach it.
        AwsError: it cannot be read.
    """
    if settings.payload_s3 is None:
        return settings
    from tuner.aws.api.function_reference import parse_function_reference
    from tuner.aws.api.session import connect
    from tuner.aws.measure.payloads import read_payloads

    in_aws = kind is BackendKind.AWS
    region = parse_function_reference(settings.target).region if in_aws else None
    return replace(settings, payloads=read_payloads(settings, connect(connection, region=region)))


def _put(document: dict[str, Any], path: list[str], value: Any) -> bool:
    """Set a field, which may lie in an object. False: what lies above is no object, which the schema tells."""
    parent, *rest = path
    if not rest:
        document[parent] = value
        return True
    known = document.get(parent, {})
    if not isinstance(known, Mapping):
        return False
    document[parent] = dict(known)
    return _put(document[parent], rest, value)
