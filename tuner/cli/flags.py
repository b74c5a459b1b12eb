"""Flags of `tuner tune` as fields of the input document, and faults back to flags.

One schema checks what is said by flags and what a file says. Values that the flags
cannot convert are handed on as they are, so that every fault is told at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.cli.options import fraction
from tuner.documents.validation import as_number
from tuner.errors import Fault, InputError


def _sizes(text: str) -> Any:
    parts = text.split(",")
    if len(parts) == 1 and not text.strip().isdigit():
        return text.strip()
    return [as_number(part.strip()) for part in parts]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    parts = (text.partition("=") for text in texts)
    return {name: value for name, _, value in parts}


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag, the field of the input document that it sets, and how its text becomes a value."""

    name: str
    field: str
    convert: Callable[[Any], Any] = _same

    @property
    def parameter(self) -> str:
        """Its name as a Python parameter."""
        return self.name.removeprefix("--").replace("-", "_")


FLAGS = (
    Flag("--payload-s3", "payloadS3"),
    Flag("--power-values", "powerValues", _sizes),
    Flag("--arch", "architectures"),
    Flag("--strategy", "strategy"),
    Flag("--balanced-weight", "balancedWeight", as_number),
    Flag("--max-p95-ms", "constraints.maxP95Ms", as_number),
    Flag("--max-cost-per-million", "constraints.maxCostPerMillion", as_number),
    Flag("--min-memory", "constraints.minMemory", as_number),
    Flag("--sampler", "sampler"),
    Flag("--runs", "num", as_number),
    Flag("--environments", "environments", as_number),
    Flag("--concurrency", "concurrency", as_number),
    Flag("--tolerance", "tolerance", fraction),
    Flag("--max-invocations", "budget.maxInvocations", as_number),
    Flag("--max-usd", "budget.maxUsd", as_number),
    Flag("--max-seconds", "budget.maxSeconds", as_number),
    Flag("--only-cold-starts", "onlyColdStarts"),
    Flag("--pre-processor", "preProcessorARN"),
    Flag("--post-processor", "postProcessorARN"),
    Flag("--allowed-exceptions", "allowedExceptions", _names),
    Flag("--sleep-between-runs-ms", "sleepBetweenRunsMs", as_number),
    Flag("--disable-payload-logs", "disablePayloadLogs"),
    Flag("--discard-top-bottom", "discardTopBottom", as_number),
    Flag("--invocations-per-month", "invocationsPerMonth", as_number),
    Flag("--discount", "discount", fraction),
    Flag("--cold-start-share", "coldStartShare", fraction),
    Flag("--isolation", "isolation"),
    Flag("--code-for", "codeFor", _pairs),
    Flag("--seed", "seed", as_number),
)


def input_document(
    target: str, options: Mapping[str, Any], base: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The input document that the flags stand for.

    Args:
        target: the TARGET argument.
        options: values of the flags by parameter name; None or False: not given.
        base: a document to start from (`--input`, `--resume`); flags win.

    Returns:
        The document, and for each JSONPath that a flag set, the flag's name.
    """
    document = {**base, "lambdaARN": target}
    origins = {"$.lambdaARN": "TARGET"}
    for flag in FLAGS:
        value = options.get(flag.parameter)
        if value is None or value is False or value == ():
            continue
        if _put(document, flag.field.split("."), flag.convert(value)):
            origins[f"$.{flag.field}"] = flag.name
    return document, origins


def _put(document: dict[str, Any], path: list[str], value: Any) -> bool:
    """Set a field, which may lie within another; False where what lies above is no object (the schema says so)."""
    parent, *rest = path
    if not rest:
        document[parent] = value
        return True
    known = document.get(parent, {})
    if not isinstance(known, Mapping):
        return False
    document[parent] = dict(known)
    return _put(document[parent], rest, value)


def name_flags(faults: Iterable[Fault], origins: Mapping[str, str]) -> list[Fault]:
    """The faults with the flag's name in place of the path, where a flag set the value."""
    renamed = []
    for fault in faults:
        path = fault.path
        for origin, flag in origins.items():
            if path == origin or path.startswith((origin + ".", origin + "[")):
                path = flag + path[len(origin) :]
                break
        renamed.append(Fault(path, fault.problem, fault.remedy))
    return renamed


@contextmanager
def flags_named(origins: Mapping[str, str]) -> Iterator[None]:
    """What is found out to be at fault later on is told under its flag as well."""
    try:
        yield
    except InputError as exc:
        raise InputError(name_flags(exc.faults, origins), exc.hint) from exc


def read_json_file(path: Path, flag: str, faults: list[Fault]) -> Any:
    """The JSON of a file; a fault is added and None returned when it cannot be read."""
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as exc:
        faults.append(Fault(flag, f"{path} cannot be read: {exc.strerror}", "give the path of a JSON file"))
    except (ValueError, RecursionError) as exc:
        faults.append(Fault(flag, f"{path} is not JSON: {exc}", "correct the file"))
    return None


def read_payload(text: str, faults: list[Fault], *, show: bool = True) -> Any:
    """The payload of `--payload JSON` or `--payload @FILE`; None with a fault when there is none.

    `show` lets the fault quote the beginning of what is wrong.
    """
    if text.startswith("@"):
        return read_json_file(Path(text[1:]), "--payload", faults)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        shown = "what was given" if not show else text if len(text) <= 60 else text[:60] + "…"
        faults.append(Fault("--payload", f"{shown} is not JSON: {exc}", "quote it for the shell, or use @FILE"))
    return None
