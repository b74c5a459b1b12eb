"""Samples and search rounds as JSON, one object per line of `samples.jsonl` or per object in S3.

Fields that have their default are left out, so that a line stays short and a later
version may add fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from tuner.model import Architecture, Configuration, FunctionError, Invocation, Outcome, Round, Sample, Trial


def encode_sample(sample: Sample) -> dict[str, Any]:
    """A sample as JSON."""
    return {
        "trial_id": sample.trial_id,
        **_encode_configuration(sample.configuration),
        "invocations": [_encode_invocation(invocation) for invocation in sample.invocations],
    }


def decode_sample(document: Mapping[str, Any]) -> Sample:
    """A sample from JSON.

    Raises:
        KeyError, TypeError, ValueError: the document is not a sample.
    """
    _check_type("trial_id", document["trial_id"], "int")
    return Sample(
        trial_id=document["trial_id"],
        configuration=_decode_configuration(document),
        invocations=tuple(_decode_invocation(item) for item in document["invocations"]),
    )


def encode_trial(trial: Trial) -> dict[str, Any]:
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
    return Trial(
        id=document["id"],
        configuration=_decode_configuration(document),
        environments=document["environments"],
        runs_per_environment=document["runs_per_environment"],
        fresh=document["fresh"],
    )


def encode_round(round_: Round) -> dict[str, Any]:
    """A round of the search as JSON."""
    return {"trials": [encode_trial(trial) for trial in round_.trials], "expected_regret": round_.expected_regret}


def decode_round(document: Mapping[str, Any]) -> Round:
    """A round of the search from JSON; raises as `decode_sample` does."""
    return Round(tuple(decode_trial(trial) for trial in document["trials"]), document["expected_regret"])


def _encode_configuration(configuration: Configuration) -> dict[str, Any]:
    return {"memory_mb": configuration.memory_mb, "architecture": configuration.architecture.value}


def _decode_configuration(document: Mapping[str, Any]) -> Configuration:
    return Configuration(document["memory_mb"], Architecture(document["architecture"]))


def _encode_invocation(invocation: Invocation) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for field in fields(invocation):
        value = getattr(invocation, field.name)
        if field.default is not MISSING and value == field.default:
            continue
        if isinstance(value, FunctionError):
            value = {"type": value.type, "message": value.message, "stack": list(value.stack)}
        document[field.name] = value.value if isinstance(value, Outcome) else value
    return document


def _decode_invocation(document: Mapping[str, Any]) -> Invocation:
    values = dict(document)
    values["outcome"] = Outcome(values["outcome"])
    if error := values.get("error"):
        values["error"] = FunctionError(error["type"], error["message"], tuple(error["stack"]))
    known = {field.name: str(field.type) for field in fields(Invocation) if field.name in values}
    for name, kind in known.items():
        _check_type(name, values[name], kind)
    return Invocation(**{name: values[name] for name in known})


_TYPES: Mapping[str, tuple[type, ...]] = {"str": (str,), "bool": (bool,), "int": (int,), "float": (int, float)}


def _check_type(name: str, value: object, kind: str) -> None:
    """Refuse a value that is not of its field's type, so that a damaged line is told when it is read."""
    plain, _, optional = kind.partition(" | ")
    if plain in _TYPES and not isinstance(value, _TYPES[plain]) and not (value is None and optional):
        raise TypeError(f"{name} {value!r} is not of type {kind}")
