"""Texts of the command line as values: sizes, shares, names, pairs, payloads and JSON files.

What cannot be converted is handed on as it is, or told as a fault: nothing here ends the program.
"""

from __future__ import annotations

import difflib
import math
import re
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tuner.api.files import read_text
from tuner.cli.output import width_of
from tuner.documents.strict_json import parse_json
from tuner.documents.validation import as_number, keeps_limits, limits
from tuner.errors import Fault
from tuner.plain_text import shortened
from tuner.redaction import HIDDEN

FILE_WIDTH = 100
NOT_NEGATIVE = {"minimum": 0.0}
"""Bounds of a share that can be any multiple."""
LONGEST_SHOWN = 60
"""Characters of a payload that a fault quotes."""
REGION = re.compile(r"[a-z]{2}(-[a-z]+)?-(central|(north|south)?(east|west)|north|south)-\d+")
"""An area, perhaps a partition, a direction and a number."""


class RefusedValue(click.BadParameter):
    """A value that an option or an argument does not take.

    Args:
        problem: what is wrong with it.
        remedy: what to give.
        context, parameter: where it was given.
    """

    def __init__(
        self, problem: str, remedy: str, context: click.Context | None, parameter: click.Parameter | None
    ) -> None:
        super().__init__(f"{problem} ({remedy})", context, parameter)
        self.problem = problem
        self.remedy = remedy


class AnyNumber(click.ParamType[float]):
    """A number, whose bounds the library checks together with everything else."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number.

        Raises:
            click.BadParameter: it is none.
        """
        try:
            return float(value)
        except ValueError:
            raise RefusedValue(f"{value} is not a number", "use a number", ctx, param) from None


NUMBER = AnyNumber()


class Number(click.FloatRange):
    """A finite number within bounds. The range of click alone lets NaN and infinity through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number.

        Raises:
            click.BadParameter: it is none, not finite, or out of bounds.
        """
        try:
            number = float(super().convert(value, param, ctx))
        except click.BadParameter:
            number = math.nan
        if not math.isfinite(number):
            raise RefusedValue(f"{value} is not allowed", f"use a number {_bounds_of(self)}", ctx, param)
        return number


class WholeNumber(click.IntRange):
    """A whole number within bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number.

        Raises:
            click.BadParameter: it is none, or out of bounds.
        """
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            remedy = f"use a whole number {_bounds_of(self)}"
            raise RefusedValue(f"{value} is not allowed", remedy, ctx, param) from None


def _bounds_of(range_: click.IntRange | click.FloatRange) -> str:
    low = "exclusiveMinimum" if range_.min_open else "minimum"
    high = "exclusiveMaximum" if range_.max_open else "maximum"
    bounds = {low: range_.min, high: range_.max}
    return limits({name: bound for name, bound in bounds.items() if bound is not None})


class OneOf(click.Choice[str]):
    """One of a few names. One that is not known gets the nearest, and all that are."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name.

        Raises:
            click.BadParameter: it is not known.
        """
        if value not in self.choices:
            near = difflib.get_close_matches(str(value), self.choices, 1)
            told = f"did you mean {near[0]}? known are" if near else "use one of"
            raise RefusedValue(f"{value} is not known", f"{told} {', '.join(self.choices)}", ctx, param)
        return str(value)


class Region(click.ParamType[str]):
    """The name of an AWS region. Its form is checked, so that a region that is newer than the tool is accepted."""

    name = "region"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name.

        Raises:
            click.BadParameter: no region has such a name.
        """
        if REGION.fullmatch(value):
            return str(value)
        raise RefusedValue(f"{value} is no AWS region", self._remedy(value), ctx, param)

    @staticmethod
    def _remedy(value: str) -> str:
        """The names that come nearest, or one as an example."""
        from tuner.pricing.price_list import shipped_document

        known = [*shipped_document()["default_regions"], *shipped_document()["regions"]]
        near = difflib.get_close_matches(value, known, 2)
        return f"did you mean {' or '.join(near)}?" if near else "use a name such as eu-west-1"


def terminal_width() -> int:
    """Columns that stdout has; where it does not tell them, those that a file is read at."""
    return width_of(sys.stdout) or FILE_WIDTH


def as_share(text: str) -> float | str:
    """A fraction from `5%` or `5`; the text itself when it is neither.

    A number below 1 without a sign could be a percentage or a fraction. It is handed on, to be refused.
    """
    plain = text.strip()
    try:
        value = float(plain.removesuffix("%"))
    except ValueError:
        return text
    if not plain.endswith("%") and 0 < value < 1:
        return text
    return value / 100


def read_share(
    flag: str, text: str, faults: list[Fault], *, bounds: Mapping[str, float] = NOT_NEGATIVE, example: str = "5%"
) -> float:
    """The fraction that a percentage stands for. NaN, and a fault is added, where it is none or outside the bounds.

    Args:
        flag: that it was given with.
        text: as it was given.
        faults: gets the fault.
        bounds: of the fraction, as a JSON Schema writes them.
        example: of a percentage.
    """
    share = as_share(text)
    if isinstance(share, str):
        faults.append(share_fault(flag, text, example))
        return math.nan
    if not keeps_limits(share, bounds):
        allowed = limits(bounds, lambda bound: f"{100 * bound:g}%")
        problem = f"{text.strip()} is out of range"
        faults.append(Fault(flag, problem, f"use a percentage {allowed}, for example {example}"))
        return math.nan
    return share


def share_fault(flag: str, text: str, example: str = "5%") -> Fault:
    """Why a text is not a share, with both readings where it has two."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if 0 < value < 1:
        problem = f"{text} can mean {value:g}% or {value:.0%}"
        return Fault(flag, problem, f"write {value:g}% or {value * 100:g}%")
    return Fault(flag, f"{text} is not a percentage", f"write it as {example}")


def as_sizes(text: str) -> Any:
    """Memory sizes: a list, or the text of a range or of all."""
    parts = text.split(",")
    if len(parts) == 1 and not text.strip().isdigit():
        return text.strip()
    return [as_number(part.strip()) for part in parts]


def as_names(text: str) -> list[str]:
    """Names that commas separate."""
    return [name.strip() for name in text.split(",") if name.strip()]


def before_equals(text: str) -> str:
    """The name in `name=value`; empty: there is none."""
    name, equals, _ = text.partition("=")
    return name if equals else ""


def before_last_equals(text: str) -> str:
    """The name in `name=value`, where the name may hold an equals sign itself, as the name of a state may."""
    return text.rpartition("=")[0].strip()


def as_pairs(texts: Sequence[str]) -> dict[str, str]:
    """Values by name, from `name=value`."""
    parts = (text.partition("=") for text in texts)
    return {name: value for name, _, value in parts}


def read_variables(path: Path, faults: list[Fault]) -> dict[str, str]:
    """Environment variables of a file with a line `KEY=VALUE` for each; a fault is added when it cannot be read.

    Empty lines and those that begin with # are left out, and so are an `export` before the key and quotes around the
    value.
    """
    try:
        lines = read_text(path).split("\n")
    except (OSError, ValueError) as exc:
        problem = f"{path} cannot be read: {why_unreadable(exc)}"
        faults.append(Fault("--env-file", problem, "give a file with KEY=VALUE lines"))
        return {}
    found = {}
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.removeprefix("export ").partition("=")
        if "\0" in line:
            faults.append(Fault("--env-file", f"line {number} of {path} has a NUL character", "leave it out"))
        elif not equals or not key.strip():
            faults.append(Fault("--env-file", f"line {number} of {path} is not KEY=VALUE", "write it as KEY=VALUE"))
        value = value.strip()
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        found[key.strip()] = value[1:-1] if quoted else value
    return found


def why_unreadable(error: OSError | ValueError) -> str:
    """Why a file cannot be read, without its name and the number of the error."""
    return (error.strerror if isinstance(error, OSError) else "") or str(error)


def read_json_file(path: Path, flag: str, faults: list[Fault], *, parse: Callable[[str], Any] = parse_json) -> Any:
    """The JSON of a file. None, and a fault is added, when it cannot be read."""
    try:
        return parse(read_text(path))
    except OSError as exc:
        faults.append(Fault(flag, f"{path} cannot be read: {exc.strerror}", "give the path of a JSON file"))
    except ValueError as exc:
        faults.append(Fault(flag, f"{path} is not JSON: {exc}", "correct the file"))
    return None


def read_payload(text: str, faults: list[Fault], *, show: bool = True) -> Any:
    """The payload of `--payload JSON` or `--payload @FILE`. None, and a fault is added, when there is none.

    `show` lets the fault quote the beginning of what is wrong.
    """
    if text.startswith("@"):
        if text == "@":
            faults.append(Fault("--payload", "@ names no file", "write @FILE"))
            return None
        return read_json_file(Path(text[1:]), "--payload", faults)
    if text == HIDDEN:
        faults.append(Fault("--payload", "the payload is not filled in", "put it there, or use @FILE"))
        return None
    try:
        return parse_json(text)
    except ValueError as exc:
        shown = ("what was given" if not show else shortened(text, LONGEST_SHOWN)) if text.strip() else "an empty text"
        remedy = f"did you mean @{text}?" if _is_file(text) else "quote it for the shell, or use @FILE"
        faults.append(Fault("--payload", f"{shown} is not JSON: {exc}", remedy))
    return None


def _is_file(text: str) -> bool:
    with suppress(OSError, ValueError):  # what no path can be
        return len(text) <= LONGEST_SHOWN and Path(text).is_file()
    return False


def unique_time(now: datetime) -> str:
    """A time for the name of a new folder or file, such as `20260918T041200Z-3f2a9c01`: two of one second differ."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def ending_fault(file: str | None, forms: Mapping[str, str]) -> Fault | None:
    """What is wrong with a file whose ending names no form of the answer; None: nothing. One without an ending is fine.

    Args:
        file: as it was given.
        forms: the form of each known ending.
    """
    suffix = Path(file or "").suffix.lower()
    if not suffix or suffix in forms:
        return None
    known = ", ".join(forms)
    return Fault("--output", f"{file}: no form is known by {suffix}", f"known are {known}; else name one with --format")
