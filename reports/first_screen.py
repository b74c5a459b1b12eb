"""The figures of the first screen: now and recommended side by side, and what an on-call engineer asks first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from reports.words.numbers import (
    DURATION,
    Interval,
    Unit,
    memory,
    milliseconds,
    milliseconds_range,
    money,
    money_range,
    money_unit,
    percent,
    seconds,
)
from reports.words.origin import kind_of_run
from reports.words.rows import Result, key
from reports.words.verdict import Kind, kind
from tuner.plain_numbers import plural

if TYPE_CHECKING:
    from tuner.documents.result import MeasurementDocument

_DURATIONS = {"a warm run": "warm duration", "a cold run": "cold duration"}
_MONTHS = 12
LEAST_ROOM = 0.1
"""Less free memory than this share is a reason to look closer: it is the floor that the search keeps."""


class Line(NamedTuple):
    """One figure of both configurations; empty where it is not known. `interval` is that of the recommended one."""

    label: str
    now: str
    recommended: str
    interval: str = ""


class Fact(NamedTuple):
    """What somebody on call wants to know of the recommendation, and whether it is a reason to look closer."""

    label: str
    value: str
    note: str = ""
    alarming: bool = False


def pair(result: Result) -> tuple[Line, ...]:
    """Now against recommended; nothing without a recommendation."""
    return tuple(_pair(result)) if result["recommendation"] is not None else ()


class Saved(NamedTuple):
    """What changing saves or costs in a period, with its interval. `meaning` is `saves`, `loses` or `unclear`."""

    label: str
    amount: str
    ends: str
    meaning: str


def savings(result: Result) -> tuple[Saved, ...]:
    """What changing saves a month and a year; empty where the traffic or the saving is not known."""
    saved = result["saving"] and result["saving"]["per_month_usd"]
    if not saved or kind(result) is Kind.UNMET:
        return ()
    currency = result["prices"]["currency"]
    more, proved = saved["mean"] < 0, saved["low"] > 0 or saved["high"] < 0
    label = ("costs more" if more else "saves") + ("" if proved else ", if anything,")
    mean = abs(saved["mean"])
    ends = (-saved["high"], -saved["low"]) if more else (saved["low"], saved["high"])

    meaning = "unclear" if not proved else "loses" if more else "saves"

    def told(period: str, months: int) -> Saved:
        low, high = (end * months for end in ends)
        return Saved(f"{label} a {period}", money(mean * months, currency), money_range(low, high, currency), meaning)

    return told("month", 1), told("year", _MONTHS)


def on_call(result: Result) -> tuple[Fact, ...]:
    """Slow calls against the timeout, errors, memory headroom and cold starts of the recommended configuration."""
    return tuple(_on_call(result)) if result["recommendation"] is not None else ()


def _pair(result: Result) -> Iterator[Line]:
    recommended, current = result["recommendation"], result["current"]
    assert recommended is not None
    cost = money_unit(result["prices"]["currency"], factor=1e6)
    yield Line("memory", memory(current["memory_mb"]) if current else "not known", memory(recommended["memory_mb"]))
    yield Line("architecture", current["architecture"] if current else "", recommended["architecture"])

    def figure(label: str, before: Interval | None, now: Interval, unit: Unit) -> Line:
        ends = unit.range(now["low"], now["high"])
        return Line(label, unit.tell(before["mean"]) if before else "", unit.tell(now["mean"]), ends)

    yield figure("cost per million", current and current["cost_usd"], recommended["cost_usd"], cost)
    label = _DURATIONS.get(kind_of_run(result), "average duration")
    yield figure(label, current and current["duration_ms"], recommended["duration_ms"], DURATION)


def _on_call(result: Result) -> Iterator[Fact]:
    recommended = result["recommendation"]
    assert recommended is not None
    measured = next((m for m in result["measurements"] if key(m) == key(recommended) and m["runs"]), None)
    yield _slow_calls(result)
    yield _errors(measured)
    yield _headroom(result, measured)
    start = recommended["init_duration_ms"]
    if start:
        ends = milliseconds_range(start["low"], start["high"])
        yield Fact("extra wait on a cold start", milliseconds(start["mean"]), ends)


def _slow_calls(result: Result) -> Fact:
    recommended, advice, timeout_s = result["recommendation"], result["timeout_advice"], result["function"]["timeout_s"]
    assert recommended is not None
    p95 = recommended["p95_ms"]["mean"]
    p99 = advice["p99_ms"]["mean"] if advice else None
    slowest = p99 or p95
    value = f"p95 {milliseconds(p95)}" + (f", p99 {milliseconds(p99)}" if p99 else "")
    note = f"timeout {seconds(timeout_s)}" if timeout_s else "timeout not known"
    return Fact("slow calls", value, note, alarming=bool(timeout_s and slowest > 500 * timeout_s))


def _errors(measured: MeasurementDocument | None) -> Fact:
    if measured is None:
        return Fact("errors", "not measured", "no test call at this size")
    outcomes = measured["outcomes"]
    failed = outcomes["error"] + outcomes["timeout"] + outcomes["out_of_memory"]
    share = percent(failed / measured["runs"]) if failed else "none"
    return Fact(
        "errors", share, f"{failed:,} of {plural(measured['runs'], 'test call')} at this size", alarming=failed > 0
    )


def _headroom(result: Result, measured: MeasurementDocument | None) -> Fact:
    recommended = result["recommendation"]
    assert recommended is not None
    used = [m["max_memory_used_mb"] for m in result["measurements"] if m["max_memory_used_mb"]]
    most = (measured and measured["max_memory_used_mb"]) or max(used, default=None)
    if most is None:
        return Fact("memory used", "not known")
    room = 1 - most / recommended["memory_mb"]
    return Fact(
        "memory used",
        f"{most:,} of {memory(recommended['memory_mb'])}",
        f"{percent(max(room, 0))} free",
        alarming=room < LEAST_ROOM,
    )
