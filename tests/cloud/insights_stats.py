"""The `stats` command of Logs Insights and the computed values of `fields`, over rows of text.

Knows the arithmetic of numbers, `coalesce`, `strcontains`, `count`, `max`, `pct` and `bin(1d)`: what the project asks.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from tests.cloud.errors import AwsError

Row = Mapping[str, str]
Value = str | float | None
DAY_S = 86_400
_NAMES = re.compile(r"\"[^\"]*\"|[@A-Za-z_][\w.@]*\b(?!\()")
_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
}


@dataclass(frozen=True, slots=True)
class Column:
    """A value and its name, such as `@memorySize / 1000000 as size_mb`."""

    text: str
    name: str

    @classmethod
    def of(cls, text: str) -> Column:
        value, _, name = text.strip().partition(" as ")
        return cls(value.strip(), (name or value).strip())

    def value(self, row: Row) -> Value:
        """Its value in a row; None: a field of it is missing."""
        if self.text == "bin(1d)":
            return row["@timestamp"][:10] + " 00:00:00.000"
        return _value(_parsed(self.text), row)


@dataclass(frozen=True, slots=True)
class Stats:
    """A `stats` command: aggregates of groups."""

    aggregates: tuple[Column, ...]
    keys: tuple[Column, ...]

    @classmethod
    def of(cls, text: str) -> Stats:
        aggregates, _, keys = text.partition(" by ")
        columns = tuple(map(Column.of, split(aggregates)))
        if any(_call(_parsed(column.text))[0] == "F" for column in columns):
            raise AwsError("MalformedQueryException", f"unexpected symbol found {aggregates}")
        return cls(columns, tuple(map(Column.of, split(keys))))

    def run(self, rows: Sequence[Row]) -> list[dict[str, str]]:
        """A row a group."""
        groups: dict[tuple[str | None, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(shown(key.value(row)) for key in self.keys), []).append(row)
        return [
            {
                name: value
                for name, value in (
                    *zip((key.name for key in self.keys), found, strict=True),
                    *((column.name, shown(_aggregate(_parsed(column.text), members))) for column in self.aggregates),
                )
                if value is not None
            }
            for found, members in groups.items()
        ]


def split(text: str) -> list[str]:
    """The parts between commas that are in no parentheses."""
    return [part for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def shown(value: Value) -> str | None:
    """A value as the API writes it."""
    return f"{value:g}" if isinstance(value, float) and value == round(value) else None if value is None else str(value)


@functools.cache
def _parsed(text: str) -> ast.expr:
    quoted = _NAMES.sub(lambda found: found[0] if found[0][0] == '"' else f'F("{found[0]}")', text)
    try:
        return ast.parse(quoted.replace("count(*)", "count()"), mode="eval").body
    except SyntaxError:
        raise AwsError("MalformedQueryException", f"unexpected symbol found in {text}") from None


def _value(node: ast.expr, row: Row) -> Value:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else float(str(node.value))
    if isinstance(node, ast.BinOp):
        left, right = (_number(_value(side, row)) for side in (node.left, node.right))
        return None if left is None or right is None else _ARITHMETIC[type(node.op)](left, right)
    name, arguments = _call(node)
    if name == "F":
        return row.get(ast.literal_eval(arguments[0]))
    values = [_value(argument, row) for argument in arguments]
    if name == "coalesce":
        return next((value for value in values if value is not None), None)
    if name == "strcontains":
        return float(str(values[1]) in str(values[0]))
    raise AwsError("MalformedQueryException", f"unknown function {name}")


def _aggregate(node: ast.expr, rows: Sequence[Row]) -> Value:
    name, arguments = _call(node)
    if name == "count":
        return float(len(rows))
    numbers = [n for n in (_number(_value(arguments[0], row)) for row in rows) if n is not None]
    if not numbers:
        return None
    if name == "max":
        return max(numbers)
    if name == "pct":
        percent = int(float(str(_value(arguments[1], {}))))
        return numbers[0] if len(numbers) == 1 else quantiles(numbers, n=100, method="inclusive")[percent - 1]
    raise AwsError("MalformedQueryException", f"unknown function {name}")


def _call(node: ast.expr) -> tuple[str, list[ast.expr]]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id, node.args
    raise AwsError("MalformedQueryException", f"unexpected symbol found {ast.unparse(node)}")


def _number(value: Value) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None
