"""Turns an input of AWS Lambda Power Tuning into one of this tool, and says what it changed.

Power Tuning reads its fields leniently: by parsing, by truthiness, by clamping. What it accepts is accepted here with
the same meaning; what is odd about it becomes a notice. Flags of the command line never pass through here: they stay
strict. What the input asks for is decided by `tuner.documents.input`.
"""

from __future__ import annotations

import difflib
import functools
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tuner.documents.input import input_schema
from tuner.documents.javascript import add, as_number, as_text, parse_integer, rewrite, truthy
from tuner.documents.validation import find_faults
from tuner.errors import Fault, InputError
from tuner.model import Notice
from tuner.plain_numbers import plural
from tuner.plain_text import shortened

ALL_SIZES_MB = tuple(range(128, 3009, 64))
"""What `"ALL"` means in Power Tuning (4.4.0): 46 sizes."""
MAX_TRIM = 0.4
"""Largest `discardTopBottom` (Power Tuning 4.4.0)."""
MAX_SLEEP_MS = 900_000
"""Longest `sleepBetweenRunsMs` of this tool: as long as a handler lives."""
NULL_PAYLOAD = "null"
"""A string that holds JSON is sent as it is."""
BOOLEANS = ("parallelInvocation", "autoOptimize", "disablePayloadLogs", "includeOutputResults", "onlyColdStarts")
NULL_IS_ZERO = ("balancedWeight", "discardTopBottom")
"""Numbers for which null means 0 in Power Tuning, and not that they were not given."""
TEXTS = ("lambdaARN", "strategy", "autoOptimizeAlias", "preProcessorARN", "postProcessorARN", "payloadS3")
FALSE_WORDS = frozenset({"false", "no", "off", "0", "null", "undefined"})
SHOWN_CHARACTERS = 60
_EXACT = 2**53
"""Whole numbers up to this one are exact as a float."""
_WORD = re.compile(r"[^\s,;|]+")


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
    kept = NULL_IS_ZERO if document.get("num") is not None else ()
    reader = _Reader({name: value for name, value in document.items() if value is not None or name in kept})
    reader.drop_unknown()
    for name in TEXTS:
        reader.drop_empty(name)
    reader.read_booleans()
    reader.read_dry_run()
    reader.read_strategy()
    reader.read_alias()
    reader.read_sizes()
    reader.read_numbers()
    reader.read_exceptions()
    reader.read_parts()
    reader.read_payload()
    return Translation(reader.fields, tuple(reader.notices), tuple(reader.faults))


@dataclass(slots=True)
class _Reader:
    """The fields as far as they are translated. A null is left only where it has a meaning."""

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

    def read_strategy(self) -> None:
        value = self.fields.get("strategy")
        if isinstance(value, list) and as_text(value):
            self._set("strategy", as_text(value))

    def read_alias(self) -> None:
        """Where nothing is applied nothing looks at the alias, so it may be anything."""
        alias = self.fields.get("autoOptimizeAlias")
        applied = self.fields.get("autoOptimize") and not self.fields.get("dryRun")
        if alias is None or applied:
            return
        if any(find_faults(alias, input_schema()["properties"]["autoOptimizeAlias"])):
            del self.fields["autoOptimizeAlias"]
            message = f"autoOptimizeAlias {_show(alias)} is no name of an alias. It is ignored, as nothing is applied."
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
            self._set("powerValues", [_whole(item) for item in value])

    def read_numbers(self) -> None:
        if self.fields.get("num") == "":
            del self.fields["num"]
        self._convert("num", _whole)
        self._convert("balancedWeight", lambda value: clamp(_number(value, 0.5), 0.0, 1.0))
        self._convert("discardTopBottom", lambda value: clamp(_number(value, 0.0), 0.0, MAX_TRIM))
        self._convert("sleepBetweenRunsMs", _pause_ms)

    def read_exceptions(self) -> None:
        """A text allows every error type that it contains, so its words are names too."""
        value = self.fields.get("allowedExceptions")
        if isinstance(value, str) and value:
            self._set("allowedExceptions", list(dict.fromkeys([value, *_WORD.findall(value)])))
        elif isinstance(value, list):
            self._set("allowedExceptions", [name for name in value if isinstance(name, str) and name])
        elif truthy(value):
            self._set("allowedExceptions", [])
        else:
            self.fields.pop("allowedExceptions", None)

    def read_parts(self) -> None:
        """Drop nulls within fields that have parts: they were not given either."""
        for name in ("budget", "constraints", "codeFor"):
            if isinstance(self.fields.get(name), Mapping):
                parts = {part: value for part, value in self.fields[name].items() if value is not None}
                self.fields[name] = parts

    def read_payload(self) -> None:
        if isinstance(self.fields.get("payloadS3"), str):
            self._set("payloadS3", _s3_address(self.fields["payloadS3"]))
            self.fields.pop("payload", None)
            return
        runs = None if self.fields.get("dryRun") else self.fields.get("num")
        try:
            self.fields["payload"] = payload_of(self.fields.get("payload"), runs=runs)
        except InputError as refused:
            self.faults.extend(refused.faults)

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

    Raises:
        InputError: `num` is too small for the weights.
    """
    return weighted(value, runs=runs) if truthy(value) else NULL_PAYLOAD


def read_object(content: bytes, *, runs: Any = None, path: str = "$.payloadS3") -> Any:
    """Return the payload that Power Tuning sends for an object in S3, for `Payloads.decode`.

    Content that is no JSON is a text.

    Raises:
        InputError: `num` is too small for the weights.
    """
    text = content.decode("utf-8", "replace")
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        value = text
    sent = weighted(value, runs=runs, path=path)
    return NULL_PAYLOAD if sent is None else sent


def weighted(value: Any, *, runs: Any = None, path: str = "$.payload") -> Any:
    """Return a payload as it is sent: a weighted list with the weights that give Power Tuning's counts.

    A list counts as weighted only when every item has a truthy payload and a truthy weight. Any other list is one
    payload. With `runs` R each payload is sent floor(weight * R / total) times, and the last one takes the rest.

    Raises:
        InputError: `runs` is too small for the weights.
    """
    value = rewrite(value)
    if not isinstance(value, list):
        return value
    if not value or not all(_is_weighted(item) for item in value):
        return json.dumps(value, separators=(",", ":"))
    counts = _counts([item["weight"] for item in value], runs, path)
    return [{"payload": item["payload"], "weight": count} for item, count in zip(value, counts, strict=True)]


def clamp(value: float, low: float, high: float) -> float:
    """Return the nearest number within bounds."""
    return min(max(value, low), high)


def _whole(value: Any) -> Any:
    """Return the whole number that a value begins with; the value itself, which the schema refuses, without one."""
    number = parse_integer(value)
    return value if number is None else number


def _number(value: Any, otherwise: float) -> float:
    number = as_number(value)
    return otherwise if math.isnan(number) else number


def _pause_ms(value: Any) -> int:
    """Return a pause: no number is none, and a number is parsed as a whole one."""
    return 0 if math.isnan(as_number(value)) else int(clamp(parse_integer(value) or 0, 0, MAX_SLEEP_MS))


def _s3_address(text: str) -> str:
    """Return an address with its percents decoded and its bucket in the lower case that every bucket has."""
    scheme, slashes, rest = text.strip().partition("://")
    bucket, slash, key = rest.partition("/")
    return f"{scheme}{slashes}{bucket.lower()}{slash}{unquote(key)}"


def _is_weighted(item: Any) -> bool:
    return isinstance(item, dict) and truthy(item.get("payload")) and truthy(item.get("weight"))


def _counts(weights: Sequence[Any], runs: Any, path: str) -> list[float]:
    """Return how often each payload is sent in `runs` runs; the weights themselves without a usable `num`.

    One payload is always sent, whatever its weight. Weights that are texts are joined, not summed, as in JavaScript.

    Raises:
        InputError: a payload would be sent in less than one run, so that sizes would get different payloads.
    """
    if len(weights) == 1:
        return [1.0]
    numbers = [as_number(weight) for weight in weights]
    total = as_number(functools.reduce(add, weights, 0))
    if isinstance(runs, bool) or not isinstance(runs, int) or abs(runs) > _EXACT or not total:
        return numbers
    shares = [number * runs / total for number in numbers]
    if not all(map(math.isfinite, shares)):
        return numbers
    if min(shares) < 1:
        least = numbers[shares.index(min(shares))]
        problem = f"a payload of weight {least:g} of {total:g} would be sent in less than one of {plural(runs, 'run')}"
        enough = f"a num of at least {math.ceil(total / least):,}, or " if least > 0 and total > 0 else ""
        raise InputError.single(path, problem, f"use {enough}larger weights, as numbers")
    counts = [math.floor(share) for share in shares]
    return list(map(float, [*counts[:-1], runs - sum(counts[:-1])]))


def _refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(name)


def _show(value: Any) -> str:
    return shortened(json.dumps(value, ensure_ascii=False, default=str), SHOWN_CHARACTERS)
