"""The input document (Power Tuning's fields and ours) to `Settings`, all faults at once.

The only place in the core where the document's names exist. The command line builds
the same document from its flags, so that both are checked by the same schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, Required, TypedDict, cast

from tuner.documents.result import ArchitectureText
from tuner.documents.validation import find_faults, published_schema
from tuner.errors import Fault, InputError
from tuner.model import (
    DEFAULT_MAX_ERROR_RATE,
    DEFAULT_TOLERANCE,
    MAX_MEMORY_MB,
    MIN_MEMORY_MB,
    Architecture,
    Budget,
    Constraints,
    Notice,
    Objective,
    SamplerName,
    StrategyName,
)
from tuner.payloads import Payloads
from tuner.settings import Isolation, LocalOptions, MemorySizes, Settings
from tuner.vocabulary import DEFAULT_DISCARD_TOP_BOTTOM

INPUT_SCHEMA_VERSION = 1
DEFAULT_CONCURRENCY = 10
"""Invocations at once where nothing else is asked for."""
MOST_AT_ONCE = 300
"""Most invocations at once that `parallelInvocation` asks for by itself: 50 runs of 6 sizes."""


class BudgetInput(TypedDict, total=False):
    """Bounds on the search."""

    maxInvocations: int
    maxUsd: float
    maxSeconds: float


class ConstraintsInput(TypedDict, total=False):
    """What the recommendation must satisfy."""

    maxP95Ms: float
    maxCostPerMillion: float
    minMemory: int


class LocalInput(TypedDict, total=False):
    """How a handler on this machine is run."""

    root: str
    handler: str
    python: str
    node: str
    environment: Mapping[str, str]
    timeoutSeconds: float
    ephemeralStorageMb: int
    memoryInUseMb: int
    architectureInUse: ArchitectureText
    log: str


class InputDocument(TypedDict, total=False):
    """The input of a tuning: fields of AWS Lambda Power Tuning, and those that this tool adds."""

    lambdaARN: Required[str]
    powerValues: list[int] | str
    num: int
    payload: Any
    payloadS3: str
    parallelInvocation: bool
    strategy: str
    balancedWeight: float
    autoOptimize: bool
    autoOptimizeAlias: str
    autoOptimizeForce: bool
    dryRun: bool
    preProcessorARN: str
    postProcessorARN: str
    discardTopBottom: float
    sleepBetweenRunsMs: int
    disablePayloadLogs: bool
    includeOutputResults: bool
    onlyColdStarts: bool
    allowedExceptions: list[str]
    architectures: Literal["current", "both", "x86_64", "arm64"] | list[ArchitectureText]
    sampler: str
    environments: int
    concurrency: int
    tolerance: float
    budget: BudgetInput
    constraints: ConstraintsInput
    maxErrorRate: float
    invocationsPerMonth: float
    discount: float
    coldStartShare: float
    isolation: Literal["auto", "versions", "copy"]
    codeFor: Mapping[str, str]
    seed: int
    local: LocalInput


def input_schema() -> dict[str, Any]:
    """The JSON Schema of the input."""
    return published_schema(f"input-{INPUT_SCHEMA_VERSION}")


def decode_input(document: object) -> Settings:
    """Check an input document and read it.

    Raises:
        InputError: with every fault, each with its JSONPath, value and remedy.
    """
    faults = input_faults(document)
    if faults or not isinstance(document, Mapping):
        raise InputError(faults)
    return decode_valid(document)


def input_faults(document: object) -> tuple[Fault, ...]:
    """Every fault of an input document; empty when it is valid."""
    if isinstance(document, Mapping):
        document = _normalised(document)
    faults = list(find_faults(document, input_schema()))
    if not isinstance(document, Mapping):
        return tuple(faults)
    memory = document.get("powerValues")
    if isinstance(memory, str) and "-" in memory and not any(f.path == "$.powerValues" for f in faults):
        low, high = map(int, memory.split("-"))
        if not MIN_MEMORY_MB <= low <= high <= MAX_MEMORY_MB:
            remedy = f"use a range within {MIN_MEMORY_MB}-{MAX_MEMORY_MB}, smaller size first"
            faults.append(Fault("$.powerValues", f'"{memory}" is not a range of memory sizes', remedy))
    try:
        Payloads.decode(document.get("payload", {}))
    except InputError as exc:
        faults.extend(exc.faults)
    return tuple(faults)


def decode_valid(document: Mapping[str, Any]) -> Settings:
    """Settings of a document that was checked before; the schema is not consulted again."""
    document = cast("InputDocument", _normalised(document))
    dry_run = document.get("dryRun", False)
    sampler = document.get("sampler") or ("grid" if "num" in document or dry_run else "adaptive")
    runs = 1 if dry_run else document.get("num", 10)
    environments = document.get("environments", 2)
    if "parallelInvocation" in document and "environments" not in document:
        environments = runs if document["parallelInvocation"] else 1
    budget, constraints = document.get("budget", {}), document.get("constraints", {})
    return Settings(
        target=document["lambdaARN"],
        payloads=Payloads.decode(document.get("payload", {})),
        payload_s3=document.get("payloadS3"),
        memory=_memory(document.get("powerValues")),
        architectures=_architectures(document.get("architectures", "current")),
        objective=Objective(
            strategy=StrategyName(document.get("strategy", "cost")),
            balanced_weight=document.get("balancedWeight", 0.5),
            constraints=Constraints(
                max_p95_ms=constraints.get("maxP95Ms"),
                max_cost_per_million_usd=constraints.get("maxCostPerMillion"),
                min_memory_mb=constraints.get("minMemory"),
            ),
            tolerance=document.get("tolerance", DEFAULT_TOLERANCE),
            max_error_rate=document.get("maxErrorRate", DEFAULT_MAX_ERROR_RATE),
            cold_start_share=document.get("coldStartShare", float(document.get("onlyColdStarts", False))),
        ),
        sampler=SamplerName(sampler),
        runs=runs,
        environments=environments,
        concurrency=document.get("concurrency", _default_concurrency(document, runs)),
        budget=Budget(budget.get("maxInvocations"), budget.get("maxUsd"), budget.get("maxSeconds")),
        seed=document.get("seed", 0),
        invocations_per_month=document.get("invocationsPerMonth"),
        discount=document.get("discount", 0.0),
        discard_top_bottom=_discarded(document),
        only_cold_starts=document.get("onlyColdStarts", False),
        pre_processor=document.get("preProcessorARN"),
        post_processor=document.get("postProcessorARN"),
        allowed_exceptions=tuple(document.get("allowedExceptions", ())),
        sleep_between_runs_ms=document.get("sleepBetweenRunsMs", 0),
        disable_payload_logs=document.get("disablePayloadLogs", False),
        include_output_results=document.get("includeOutputResults", False),
        isolation=Isolation(document.get("isolation", "auto")),
        code_for={Architecture(name): address for name, address in document.get("codeFor", {}).items()},
        auto_optimize=document.get("autoOptimize", False) and not dry_run,
        auto_optimize_alias=document.get("autoOptimizeAlias"),
        auto_optimize_force=document.get("autoOptimizeForce", False),
        dry_run=dry_run,
        local=local_options(document),
        document=_without_secrets(document),
        notices=tuple(_payload_notices(document.get("payload"))),
    )


def _payload_notices(payload: Any) -> Iterator[Notice]:
    """That a list which looks weighted is one payload, since a weight is missing."""
    items = payload if isinstance(payload, list) else []
    looks_weighted = bool(items) and all(isinstance(item, dict) and "payload" in item for item in items)
    if looks_weighted and not all("weight" in item for item in items):
        yield Notice("input_read", "The list of payloads is sent as one event: not every item of it has a `weight`.")


def _discarded(document: InputDocument) -> float:
    """The fraction that a trimmed mean leaves out on each side: nothing of cold starts alone, as in Power Tuning."""
    return 0.0 if document.get("onlyColdStarts") else document.get("discardTopBottom", DEFAULT_DISCARD_TOP_BOTTOM)


def _default_concurrency(document: InputDocument, runs: int) -> int:
    """All runs of all listed sizes at once with `parallelInvocation`. The account's limit bounds it later."""
    sizes = document.get("powerValues")
    if not document.get("parallelInvocation") or not isinstance(sizes, list):
        return DEFAULT_CONCURRENCY
    return max(DEFAULT_CONCURRENCY, min(runs * len(sizes), MOST_AT_ONCE))


def local_options(document: Mapping[str, Any]) -> LocalOptions:
    """How a handler on this machine is to be run; defaults where that part of the document is at fault."""
    given, defaults = document.get("local", {}), LocalOptions()
    if any(find_faults({"lambdaARN": "f", "local": given}, input_schema())):
        return defaults
    return LocalOptions(
        root=given.get("root"),
        handler=given.get("handler", ""),
        interpreters={name: str(given[name]) for name in ("python", "node") if name in given},
        environment=given.get("environment", {}),
        timeout_s=given.get("timeoutSeconds", defaults.timeout_s),
        tmp_mb=given.get("ephemeralStorageMb", defaults.tmp_mb),
        log=given.get("log"),
        memory_mb=given.get("memoryInUseMb"),
        architecture=given.get("architectureInUse"),
    )


def with_configuration_in_use(settings: Settings, memory_mb: int | None, architecture: str) -> Settings:
    """The settings of a function whose configuration in use is known, as if its input document had told it.

    A run that goes on reads that document, and so compares with the same configuration.

    Args:
        settings: of a handler on this machine.
        memory_mb: memory size in use. None, or no size that Lambda has: it is not known.
        architecture: in use.
    """
    size = memory_mb if memory_mb in range(MIN_MEMORY_MB, MAX_MEMORY_MB + 1) else None
    known = {"architectureInUse": architecture, **({} if size is None else {"memoryInUseMb": size})}
    return replace(
        settings,
        local=replace(settings.local, memory_mb=size, architecture=architecture),
        document={**settings.document, "local": {**settings.document.get("local", {}), **known}},
    )


def _without_secrets(document: InputDocument) -> dict[str, Any]:
    """The document without payload and environment variables."""
    kept: dict[str, Any] = {name: value for name, value in document.items() if name != "payload"}
    if "local" in document:
        kept["local"] = {name: value for name, value in document["local"].items() if name != "environment"}
    return kept


def _memory(value: Any) -> MemorySizes:
    if value is None:
        return MemorySizes()
    if isinstance(value, list):
        return MemorySizes(listed=tuple(sorted(value)))
    if value.strip().lower() == "all":
        return MemorySizes(every_64=True)
    low, high = map(int, value.split("-"))
    return MemorySizes(low_mb=low, high_mb=high)


def _architectures(value: Any) -> tuple[Architecture, ...] | None:
    if value == "current":
        return None
    if value == "both":
        return tuple(Architecture)
    return tuple(map(Architecture, [value] if isinstance(value, str) else value))


def _normalised(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with null as "not given", and `10.0` as 10."""
    return {
        name: value if name == "payload" else _whole_numbers(value)
        for name, value in document.items()
        if value is not None
    }


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _whole_numbers(item) for name, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value
