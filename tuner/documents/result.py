"""The result document: its typed view, and its text as versioned JSON.

The view says what code may read; the published schema beside it says what a file may hold. A test
keeps the two equal. Knows nothing of how a result came about, so that reading one loads no numerics.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NotRequired, TypedDict, cast

from tuner.documents.strict_json import parse_strictly
from tuner.documents.validation import find_faults, published_schema
from tuner.errors import Fault, InputError
from tuner.plain_text import shortened

SCHEMA_VERSION: Final = 1
RESULT_FILE: Final = "result.json"
"""The result in the folder of a run. The folder, or a prefix in S3, stands for it."""
EARLIER_FOLDER: Final = "earlier"
"""Within the folder of a run, what earlier runs left in that folder."""
SUMMARY_FILE: Final = "summary.json"
"""The summary of a fleet, at the top of its folder."""
PLAN_FILE: Final = "workflow.json"
UNDO_FILE: Final = "undo.json"
"""The plan of a workflow, and the sizes before it was applied, at the top of its folder."""
NO_RESULTS: Final = frozenset({SUMMARY_FILE, PLAN_FILE, UNDO_FILE})
"""JSON files beside results that are none."""

ArchitectureText = Literal["x86_64", "arm64"]
BackendText = Literal["aws", "local", "simulated"]
EvidenceText = Literal["logs", "off"]
OutcomeText = Literal["ok", "error", "timeout", "out_of_memory", "throttled", "refused", "no_report"]
StopText = Literal[
    "complete",
    "tolerance",
    "economy",
    "cannot_tell",
    "max_invocations",
    "max_usd",
    "max_seconds",
    "interrupted",
    "all_failed",
    "function_changed",
]


class RangeDocument(TypedDict):
    """A mean with the ends of its interval: what estimates and statistics have in common."""

    mean: float
    low: float
    high: float


class IntervalDocument(RangeDocument):
    """An estimate with its interval at `level`, e.g. 0.95."""

    level: float


class StatisticsDocument(RangeDocument):
    """Mean of single runs with its interval, and percentiles. `trimmed_mean` is of all runs, but the outer ones."""

    p50: float
    p95: float
    p99: float
    trimmed_mean: float


class ConfigurationDocument(TypedDict):
    """Memory in MB, and architecture."""

    memory_mb: int
    architecture: ArchitectureText


class ToolDocument(TypedDict):
    """The program that wrote the document."""

    name: str
    version: str


class FunctionDocument(TypedDict):
    """Which function was measured, and where. `details` depends on the backend."""

    name: str
    arn: str | None
    version: str | None
    runtime: str | None
    code_sha256: str | None
    region: str | None
    backend: BackendText
    timeout_s: float | None
    details: Mapping[str, Any]


class ConstraintsDocument(TypedDict):
    """What a recommendation has to satisfy; None: no such bound."""

    max_p95_ms: float | None
    max_cost_per_million_usd: float | None
    min_memory_mb: int | None


class BudgetDocument(TypedDict):
    """Bounds on the search; None: no such bound."""

    max_invocations: int | None
    max_usd: float | None
    max_seconds: float | None


class PayloadDocument(TypedDict):
    """How many payloads there were, what identifies them, and the file or the object that they were read from."""

    count: int
    sha256: str | None
    file: NotRequired[str]
    s3: NotRequired[str]


class RequestDocument(TypedDict):
    """The settings that reproduce a run, without any payload."""

    strategy: str
    balanced_weight: float
    tolerance: float
    max_error_rate: NotRequired[float]
    cold_start_share: float
    constraints: ConstraintsDocument
    sampler: str
    runs: int | None
    environments: int
    concurrency: int
    seed: int
    memory_sizes_mb: list[int]
    listed: bool
    architectures: list[ArchitectureText]
    budget: BudgetDocument
    invocations_per_month: float | None
    discount: float
    discard_top_bottom: float
    only_cold_starts: bool
    allowed_exceptions: list[str]
    sleep_between_runs_ms: int
    isolation: str
    payload: PayloadDocument | None
    repeated_sizes_mb: NotRequired[list[int]]
    pre_processor: NotRequired[str | None]
    post_processor: NotRequired[str | None]
    code_for: NotRequired[Mapping[str, str]]
    evidence: NotRequired[EvidenceText]


class GbSecondDocument(TypedDict):
    """Price of a GB-second by architecture."""

    x86_64: float
    arm64: float


class PricesDocument(TypedDict):
    """The prices that serve every cost of the document."""

    region: str
    currency: str
    as_of: str
    source: str
    gb_second_usd: GbSecondDocument
    request_usd: float
    discount: float
    unconfirmed: list[str]


class OutcomesDocument(TypedDict):
    """Number of invocations by outcome."""

    ok: int
    error: int
    timeout: int
    out_of_memory: int
    throttled: int
    refused: int
    no_report: int


class ErrorDocument(TypedDict):
    """An error of the function itself, and how often it came."""

    type: str
    message: str
    stack: list[str]
    count: int


class RunsDocument(TypedDict):
    """Every invocation that ran, one column for each metric. Environments are numbered within the configuration."""

    environment: list[int]
    cold: list[bool]
    outcome: list[OutcomeText]
    duration_ms: list[float | None]
    billed_duration_ms: list[int | None]
    init_duration_ms: list[float | None]
    max_memory_used_mb: list[int | None]
    usable: list[bool]


class MeasurementDocument(ConfigurationDocument):
    """What was measured at one configuration."""

    runs: int
    environments: int
    cold_starts: int
    outcomes: OutcomesDocument
    duration_ms: StatisticsDocument | None
    billed_duration_ms: StatisticsDocument | None
    init_duration_ms: StatisticsDocument | None
    max_memory_used_mb: int | None
    cost_usd: StatisticsDocument | None
    errors: list[ErrorDocument]
    error_rate: NotRequired[IntervalDocument]
    data: RunsDocument


class PointDocument(ConfigurationDocument):
    """What is believed of one configuration: a point of the curve."""

    duration_ms: IntervalDocument
    cost_usd: IntervalDocument
    p95_ms: IntervalDocument
    init_duration_ms: IntervalDocument | None
    measured: bool


class RecommendationDocument(PointDocument):
    """The configuration to use under one strategy, and what it is expected to lose against the best one."""

    strategy: str
    expected_regret: float
    given_to_ties: float
    chance_of_miss: NotRequired[float]
    mean_width: NotRequired[float]
    reason: str
    unmet: str | None


class ExcludedDocument(ConfigurationDocument):
    """A configuration that cannot be recommended, and why."""

    reason: str


class CurrentDocument(ConfigurationDocument):
    """The configuration in use; None: not measured."""

    duration_ms: IntervalDocument | None
    p95_ms: IntervalDocument | None
    cost_usd: IntervalDocument | None


class SavingDocument(TypedDict):
    """What the recommendation saves against the configuration in use, as fractions; negative: it loses."""

    ratio: IntervalDocument
    duration_ratio: IntervalDocument
    objective_ratio: IntervalDocument
    per_month_usd: IntervalDocument | None
    paired_environments: int


class TimeoutAdviceDocument(TypedDict):
    """The timeout to set for the recommended configuration."""

    p99_ms: IntervalDocument
    advised_s: int
    current_s: float | None
    message: str


class SearchTrialDocument(ConfigurationDocument):
    """A trial of a round."""

    environments: int
    runs_per_environment: int


class SearchRoundDocument(TypedDict):
    """One round of the search. Invocations, cost and expected regret are those before it."""

    round: int
    trials: list[SearchTrialDocument]
    invocations: int
    cost_usd: float
    expected_regret: float | None


class BillDocument(TypedDict):
    """What a run in AWS has cost, by part."""

    invocations_usd: float
    transitions_usd: float
    handlers_usd: float
    logs_usd: float
    storage_usd: NotRequired[float]
    total_usd: float
    control_calls: int | None


class TuningDocument(TypedDict):
    """What the measuring took."""

    invocations: int
    billed_gb_seconds: float
    cost_usd: float
    seconds: float
    bill: NotRequired[BillDocument]


class WarningDocument(TypedDict):
    """Something the user should know: a stable code and a sentence."""

    code: str
    message: str


class ConfidenceDocument(TypedDict):
    """How certain the recommendation is, and the codes (`tuner.search.decision.Doubt`) of what lowers that."""

    level: Literal["high", "medium", "low", "none"]
    reasons: list[str]


class PlateauDocument(TypedDict):
    """Memory sizes around the recommended one that are as good within the tolerance, and how long runs take there."""

    low_mb: int
    high_mb: int
    duration_at_low_ms: float
    duration_at_high_ms: float


class BargainDocument(ConfigurationDocument):
    """A configuration that is a little worse than the recommended one under its goal, and much better otherwise."""

    cost_ratio: float
    duration_ratio: float


class ResultDocument(TypedDict):
    """Everything that a tuning found. Memory in MB, durations in ms, ratios as fractions, times in UTC."""

    schema_version: Literal[1]
    tool: ToolDocument
    created_at: str
    function: FunctionDocument
    request: RequestDocument
    prices: PricesDocument
    measurements: list[MeasurementDocument]
    curve: list[PointDocument]
    fitted: list[PointDocument]
    excluded: list[ExcludedDocument]
    recommendation: RecommendationDocument | None
    alternatives: list[RecommendationDocument]
    curve_choice: RecommendationDocument | None
    frontier: list[ConfigurationDocument]
    current: CurrentDocument | None
    saving: SavingDocument | None
    timeout_advice: TimeoutAdviceDocument | None
    search: list[SearchRoundDocument]
    stopped_by: StopText
    tuning: TuningDocument
    warnings: list[WarningDocument]
    confidence: NotRequired[ConfidenceDocument]
    plateau: NotRequired[PlateauDocument | None]
    bargain: NotRequired[BargainDocument | None]


def dumps(document: ResultDocument) -> str:
    """A result document as JSON text; the same document gives the same text."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def is_result_name(name: str) -> bool:
    """Whether a path below a folder of results names one: the folder's own JSON files, and the runs in its folders.

    What begins with a dot is hidden, such as the notes of macOS beside each file, or a file that is being written. What
    a later run has set aside is not of the folder any more.
    """
    *folders, last = name.split("/")
    if EARLIER_FOLDER in folders or any(part.startswith(".") for part in (*folders, last)):
        return False
    return last == RESULT_FILE if folders else last.endswith(".json") and last not in NO_RESULTS


def loads(text: str, *, name: str) -> ResultDocument:
    """Read a result document and check it against its schema.

    Args:
        text: JSON text.
        name: what to call the document in an error.

    Raises:
        InputError: not JSON, not a result document, a version from the future, or damaged.
    """
    if not text.strip():
        raise InputError.single(name, "is empty", "the run that wrote it did not finish: tune again")
    remedy = "give a result.json that `tuner tune` or the state machine wrote"
    try:
        document = parse_strictly(text)
    except ValueError as exc:
        raise InputError.single(name, f"is not JSON that a result can hold: {exc}", remedy) from exc
    if not isinstance(document, dict) or "schema_version" not in document:
        raise InputError.single(name, "is not a result document: it has no schema_version", remedy)
    version = document["schema_version"]
    if version != SCHEMA_VERSION:
        problem = f"has schema_version {version!r}; this version of the tool reads {SCHEMA_VERSION}"
        raise InputError.single(name, problem, "upgrade the tool, or tune again")
    if "findings" in document and "measurements" not in document:
        raise InputError.single(name, "is not a result document: it is the answer of a comparison", remedy)
    result: ResultDocument = document  # type: ignore[assignment]  # the schema is checked in the next line
    faults = find_faults(document, schema()) or (*_column_faults(result), *_contradictions(result))
    if faults:
        raise InputError(Fault(f"{name} {fault.path}", fault.problem, fault.remedy) for fault in faults)
    return result


def _column_faults(document: ResultDocument) -> Iterator[Fault]:
    """Columns of single runs that differ in length, which a schema cannot tell."""
    for index, measurement in enumerate(document["measurements"]):
        columns = cast("Mapping[str, Sequence[object]]", measurement["data"])
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {length}" for name, length in lengths.items())
            yield Fault(f"$.measurements[{index}].data", f"has columns of different lengths: {told}", "tune again")


def _contradictions(document: ResultDocument) -> Iterator[Fault]:
    """Parts that no run writes together, as where a file was changed by hand. A schema cannot tell them."""
    seen: set[tuple[int, str]] = set()
    for index, measurement in enumerate(document["measurements"]):
        size, path = (measurement["memory_mb"], measurement["architecture"]), f"$.measurements[{index}]"
        if size in seen:
            yield Fault(path, f"measures {size[0]} MB {size[1]} again", "tune again")
        seen.add(size)
        rows = len(measurement["data"]["outcome"])
        if rows != measurement["runs"]:
            yield Fault(f"{path}.runs", f"is {measurement['runs']}, and data has {rows} runs", "tune again")
    best = document["recommendation"]
    known = {(point["memory_mb"], point["architecture"]) for point in document["curve"]}
    if best and (best["memory_mb"], best["architecture"]) not in known:
        told = f"{best['memory_mb']} MB {best['architecture']} is not in the curve"
        yield Fault("$.recommendation", told, "tune again")


def schema() -> dict[str, Any]:
    """The JSON Schema of the result document."""
    return published_schema(f"result-{SCHEMA_VERSION}")


def function_errors(document: ResultDocument) -> str:
    """The function's own errors, most frequent first; of a very long text its beginning."""
    lines: list[str] = []
    seen: set[tuple[str, str]] = set()
    for measurement in document["measurements"]:
        where = f"{measurement['memory_mb']:,} MB {measurement['architecture']}"
        for error in measurement["errors"]:
            if (error["type"], error["message"]) in seen:
                continue
            seen.add((error["type"], error["message"]))
            lines.append(f"{where}: {shortened(error['type'])}: {shortened(error['message'])}")
            stack = "\n".join(line.rstrip("\n") for line in error["stack"])
            # The stack of Node.js begins with the error itself.
            lines += shortened(stack.removeprefix(f"{error['type']}: {error['message']}").lstrip("\n")).splitlines()
    return "\n".join(lines)
