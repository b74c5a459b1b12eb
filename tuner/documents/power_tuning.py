"""Turns an input of AWS Lambda Power Tuning into one of this tool, and says what it changed.

Power Tuning reads its fields leniently: by parsing, by truthiness, by clamping. What it accepts is accepted here with
the same meaning; what is odd about it becomes a notice. Flags of the command line never pass through here: they stay
strict. What the input asks for is decided by `tuner.documents.input`.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tuner.documents.input import input_schema
from tuner.errors import Fault
from tuner.model import Notice

ALL_SIZES_MB = tuple(range(128, 3009, 64))
"""What `"ALL"` means in Power Tuning (4.4.0): 46 sizes."""
MAX_TRIM = 0.4
"""Largest `discardTopBottom` (Power Tuning 4.4.0)."""
MAX_SLEEP_MS = 900_000
"""Longest `sleepBetweenRunsMs` of this tool: as long as a handler lives."""
NULL_PAYLOAD = "null"
"""A string that holds JSON is sent as it is."""
BOOLEANS = ("parallelInvocation", "autoOptimize", "disablePayloadLogs", "includeOutputResults", "onlyColdStarts")
TEXTS = ("lambdaARN", "strategy", "autoOptimizeAlias", "preProcessorARN", "postProcessorARN", "payloadS3")
FALSE_WORDS = frozenset({"false", "no", "off", "0", "null", "undefined"})
SHOWN_CHARACTERS = 60
_EXACT = 2**53
"""Whole numbers up to this one are exact as a float."""
_INTEGER = re.compile(r"\s*([+-]?[0-9]{1,18})(?![0-9])")


@dataclass(frozen=True, slots=True)
class Translation:
    """An input of this tool.

    Attributes:
        document: what the schema of the input judges next; whatever was given when it was no object.
        notices: what was read differently from what was written.
        faults: what is refused because reading it leniently would change something unsafe.
    """

    document: Any
    notices: tuple[Notice, ...] = ()
    faults: tuple[Fault, ...] = ()


def translate(document: Any) -> Translation:
    """Return the input of this tool that an input of Power Tuning means. Never raises; the schema finds the faults."""
    if not isinstance(document, Mapping):
        return Translation(document)
    reader = _Reader({name: value for name, value in document.items() if value is not None})
    reader.drop_unknown()
    for name in TEXTS:
        reader.drop_empty(name)
    reader.read_booleans()
    reader.read_dry_run()
    reader.read_sizes()
    reader.read_numbers()
    reader.read_exceptions()
    reader.read_parts()
    reader.read_payload()
    return Translation(reader.fields, tuple(reader.notices), tuple(reader.faults))


@dataclass(slots=True)
class _Reader:
    """The fields as far as they are translated. A given null is a field that was not given."""

    fields: dict[str, Any]
    notices: list[Notice] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def drop_unknown(self) -> None:
        known = input_schema()["properties"]
        for name in [name for name in self.fields if name not in known]:
            del self.fields[name]
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            message = f"The input has the unknown field {_show(name)}, which is ignored.{hint}"
            self.notices.append(Notice("unknown_field", message))

    def drop_empty(self, name: str) -> None:
        """A falsy value of a text field means that it was not given."""
        if name in self.fields and not truthy(self.fields[name]):
            del self.fields[name]

    def read_booleans(self) -> None:
        for name in BOOLEANS:
            if name not in self.fields:
                continue
            value = self.fields[name]
            if name == "autoOptimize" and isinstance(value, str) and value.strip().lower() in FALSE_WORDS:
                problem = f"{_show(value)} is a text, which Power Tuning reads as true, and it says false"
                self.faults.append(Fault(f"$.{name}", problem, "use true or false without quotes"))
            self._set(name, truthy(value))
        if "num" in self.fields and "environments" not in self.fields:
            self.fields.setdefault("parallelInvocation", False)

    def read_dry_run(self) -> None:
        """Only `true` itself makes a dry run. Any other truthy value measures all, and applies nothing."""
        if "dryRun" not in self.fields:
            return
        value = self.fields["dryRun"]
        if value is True or not truthy(value):
            self.fields["dryRun"] = value is True
            return
        del self.fields["dryRun"]
        self.fields["autoOptimize"] = False
        message = f"dryRun {_show(value)} is not true: every run is made, and nothing is applied."
        self.notices.append(Notice("input_read", message))

    def read_sizes(self) -> None:
        value = self.fields.get("powerValues")
        if value is None:
            return
        if not truthy(value) or value == []:
            del self.fields["powerValues"]
        elif value == "ALL":
            self.fields["powerValues"] = list(ALL_SIZES_MB)
        elif isinstance(value, list):
            self._set("powerValues", [parse_integer(item) for item in value])

    def read_numbers(self) -> None:
        for name in ("num", "balancedWeight", "discardTopBottom"):
            if self.fields.get(name) == "":
                del self.fields[name]
        self._convert("num", parse_integer)
        self._convert("balancedWeight", lambda value: clamp(as_number(value, 0.5), 0.0, 1.0))
        self._convert("discardTopBottom", lambda value: clamp(as_number(value, 0.0), 0.0, MAX_TRIM))
        self._convert("sleepBetweenRunsMs", lambda value: int(clamp(as_number(value, 0.0), 0.0, MAX_SLEEP_MS)))

    def read_exceptions(self) -> None:
        value = self.fields.get("allowedExceptions")
        if value is None:
            return
        if not truthy(value):
            del self.fields["allowedExceptions"]
        elif isinstance(value, str):
            self._set("allowedExceptions", [value])
        elif isinstance(value, list):
            self._set("allowedExceptions", [name for name in value if isinstance(name, str) and name])

    def read_parts(self) -> None:
        """Drop nulls within fields that have parts: they were not given either."""
        for name in ("budget", "constraints", "codeFor"):
            if isinstance(self.fields.get(name), Mapping):
                parts = {part: value for part, value in self.fields[name].items() if value is not None}
                self.fields[name] = parts

    def read_payload(self) -> None:
        if isinstance(self.fields.get("payloadS3"), str):
            self._set("payloadS3", unquote(self.fields["payloadS3"]))
            self.fields.pop("payload", None)
            return
        self.fields["payload"] = payload_of(self.fields.get("payload"), runs=self.fields.get("num"))

    def _convert(self, name: str, convert: Callable[[Any], Any]) -> None:
        if name in self.fields:
            self._set(name, convert(self.fields[name]))

    def _set(self, name: str, value: Any) -> None:
        """Set a field, and say so when its meaning is not what was written."""
        before = self.fields[name]
        self.fields[name] = value
        if before != value or isinstance(before, bool) != isinstance(value, bool):
            self.notices.append(Notice("input_read", f"{name} {_show(before)} is read as {_show(value)}."))


def payload_of(value: Any, *, runs: Any = None) -> Any:
    """Return the payload that Power Tuning sends for a value of `payload`, for `Payloads.decode`.

    Args:
        value: any JSON; None when it was not given.
        runs: `num`, which decides how often each payload of a weighted list is sent.
    """
    return weighted(value, runs=runs) if truthy(value) or isinstance(value, (list, dict)) else NULL_PAYLOAD


def weighted(value: Any, *, runs: Any = None) -> Any:
    """Return a payload as it is sent: a weighted list with the weights that give Power Tuning's counts.

    A list counts as weighted only when every item has a truthy payload and a truthy weight. Any other list is one
    payload. With `runs` R each payload is sent floor(weight * R / total) times, and the last one takes the rest.
    """
    if not isinstance(value, list):
        return value
    if not value or not all(_is_weighted(item) for item in value):
        return json.dumps(value, separators=(",", ":"))
    weights = [as_number(item["weight"], math.nan) for item in value]
    counts = _counts(weights, runs)
    return [{"payload": item["payload"], "weight": count} for item, count in zip(value, counts, strict=True)]


def truthy(value: Any) -> bool:
    """Return whether JavaScript takes a JSON value for true: empty lists and objects are, empty texts and 0 are not."""
    return bool(value) or isinstance(value, (list, dict))


def parse_integer(value: Any) -> Any:
    """Return the whole number at the beginning of a value, as JavaScript's parseInt; the value itself without one."""
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return int(value)
    found = _INTEGER.match(value) if isinstance(value, str) else None
    return int(found[1]) if found else value


def as_number(value: Any, otherwise: float) -> float:
    """Return the number that a value holds, as JavaScript's Number; `otherwise` when it holds none."""
    if isinstance(value, str) and not value.strip():
        return 0.0
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return otherwise
    return otherwise if math.isnan(number) else number


def clamp(value: float, low: float, high: float) -> float:
    """Return the nearest number within bounds."""
    return min(max(value, low), high)


def _is_weighted(item: Any) -> bool:
    return isinstance(item, dict) and truthy(item.get("payload")) and truthy(item.get("weight"))


def _counts(weights: Sequence[float], runs: Any) -> list[float]:
    """Return how often each payload is sent in `runs` runs; the weights themselves where that leaves one out."""
    if isinstance(runs, bool) or not isinstance(runs, int) or abs(runs) > _EXACT:
        return list(weights)
    total = sum(weights)
    if not (total > 0 and math.isfinite(total * runs)):
        return list(weights)
    counts = [math.floor(weight * runs / total) for weight in weights]
    counts[-1] = runs - sum(counts[:-1])
    return list(map(float, counts)) if min(counts) >= 1 else list(weights)


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
