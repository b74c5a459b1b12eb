"""Samples and search rounds as JSON, one object per line of `samples.jsonl` or per object in S3.

Fields that have their default are left out, so that a line stays short and a later
version may add fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, NotRequired, Required, TypedDict, cast

from tuner.documents.result import ConfigurationDocument, OutcomeText
from tuner.model import Architecture, Configuration, FunctionError, Invocation, Outcome, Round, Sample, Trial


class FunctionErrorDocument(TypedDict):
    """The function's own error."""

    type: str
    message: str
    stack: list[str]


class InvocationDocument(TypedDict, total=False):
    """An invocation as `tuner.model.Invocation` describes it; a field that is missing has its default."""

    outcome: Required[OutcomeText]
    environment: str
    duration_ms: float | None
    billed_duration_ms: int | None
    init_duration_ms: float | None
    restore_duration_ms: float | None
    max_memory_used_mb: int | None
    allowed: bool
    error: FunctionErrorDocument | None
    request_id: str
    cpu_ms: float | None
    waited_ms: float | None
    payload: int
    started_at: str
    extra_cost_usd: float
    fixed_work_ms: float | None
    answer: str
    failed_answer: str


class SampleDocument(ConfigurationDocument):
    """Invocations of one trial, or of some of its lanes; `free` where they are known from a log."""

    trial_id: int
    invocations: list[InvocationDocument]
    free: NotRequired[bool]


class TrialDocument(ConfigurationDocument):
    """A trial as the search asks for it."""

    id: int
    environments: int
    runs_per_environment: int
    fresh: bool


class RoundDocument(TypedDict):
    """One round of the search: its trials, and the expected regret before them."""

    trials: list[TrialDocument]
    expected_regret: float | None


def encode_sample(sample: Sample) -> SampleDocument:
    """A sample as JSON."""
    document: SampleDocument = {
        "trial_id": sample.trial_id,
        "memory_mb": sample.configuration.memory_mb,
        "architecture": sample.configuration.architecture.value,
        "invocations": [_encode_invocation(invocation) for invocation in sample.invocations],
    }
    if sample.free:
        document["free"] = True
    return document


def decode_sample(document: Mapping[str, Any]) -> Sample:
    """A sample from JSON.

    Raises:
        KeyError, TypeError, ValueError: the document is not a sample.
    """
    _check_type("trial_id", document["trial_id"], "int")
    _check_type("free", document.get("free", False), "bool")
    return Sample(
        trial_id=document["trial_id"],
        configuration=_decode_configuration(document),
        invocations=tuple(_decode_invocation(item) for item in document["invocations"]),
        free=document.get("free", False),
    )


def encode_trial(trial: Trial) -> TrialDocument:
    """A trial as JSON."""
    return {
        "id": trial.id,
        **_encode_configuration(trial.configuration),
        "environments": trial.environments,
        "runs_per_environment": trial.runs_per_environment,
        "fresh": trial.fresh,
    }


def decode_trial(document: Mapping[str, Any]) -> Trial:
    """A trial from JSON; raises as `decode_sample` does."""
    for name, kind in (("id", "int"), ("environments", "int"), ("runs_per_environment", "int"), ("fresh", "bool")):
        _check_type(name, document[name], kind)
    return Trial(
        id=document["id"],
        configuration=_decode_configuration(document),
        environments=document["environments"],
        runs_per_environment=document["runs_per_environment"],
        fresh=document["fresh"],
    )


def encode_round(round_: Round) -> RoundDocument:
    """A round of the search as JSON."""
    return {"trials": [encode_trial(trial) for trial in round_.trials], "expected_regret": round_.expected_regret}


def decode_round(document: Mapping[str, Any]) -> Round:
    """A round of the search from JSON; raises as `decode_sample` does."""
    _check_type("expected_regret", document["expected_regret"], "float | None")
    return Round(tuple(decode_trial(trial) for trial in document["trials"]), document["expected_regret"])


def _encode_configuration(configuration: Configuration) -> ConfigurationDocument:
    return {"memory_mb": configuration.memory_mb, "architecture": configuration.architecture.value}


def _decode_configuration(document: Mapping[str, Any]) -> Configuration:
    _check_type("memory_mb", document["memory_mb"], "int")
    return Configuration(document["memory_mb"], Architecture(document["architecture"]))


def _encode_invocation(invocation: Invocation) -> InvocationDocument:
    document: dict[str, Any] = {}
    for field in fields(invocation):
        value = getattr(invocation, field.name)
        if field.default is not MISSING and value == field.default:
            continue
        if isinstance(value, FunctionError):
            value = {"type": value.type, "message": value.message, "stack": list(value.stack)}
        document[field.name] = value.value if isinstance(value, Outcome) else value
    return cast("InvocationDocument", document)


def _decode_invocation(document: Mapping[str, Any]) -> Invocation:
    values = dict(document)
    values["outcome"] = Outcome(values["outcome"])
    if error := values.get("error"):
        values["error"] = FunctionError(error["type"], error["message"], tuple(error["stack"]))
    known = {field.name: str(field.type) for field in fields(Invocation) if field.name in values}
    for name, kind in known.items():
        _check_type(name, values[name], kind)
    return Invocation(**{name: values[name] for name in known})


LARGEST = 1e9
"""Beyond every duration in ms, size, count and cost of one invocation or trial."""
_TYPES: Mapping[str, tuple[type, ...]] = {"str": (str,), "bool": (bool,), "int": (int,), "float": (int, float)}


def _check_type(name: str, value: object, kind: str) -> None:
    """Refuse a value that is not of its field's type, so that a damaged line is told when it is read."""
    plain, _, optional = kind.partition(" | ")
    if plain not in _TYPES or (value is None and optional):
        return
    if not isinstance(value, _TYPES[plain]) or isinstance(value, bool) != (plain == "bool"):
        raise TypeError(f"{name} {value!r} is not of type {kind}")
    if isinstance(value, (int, float)) and not 0 <= value <= LARGEST:
        raise ValueError(f"{name} {value!r} is not within 0 to {LARGEST:.0f}")
