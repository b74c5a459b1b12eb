"""Reads what the stack's parameters say of watching: which functions, how much money, whom to tell.

Executions have no input, so that whoever may start one cannot raise the ceiling. Pure: reads texts alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tuner.errors import InputError
from tuner.evidence.known_function import Selection


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What the stack's parameters say.

    Attributes:
        selection: functions by tag or stack; empty: the list names them.
        list_address: address of the list that gives inputs, `s3://bucket/key`; empty: there is none.
        ceiling_usd: what a month may cost at most.
        tuning_usd: what one tuning may cost at most.
        topic: ARN of the SNS topic.
        stack: name of the stack, for its metrics.
    """

    selection: Selection
    list_address: str
    ceiling_usd: float
    tuning_usd: float
    topic: str
    stack: str


def read_watch(environment: Mapping[str, str]) -> WatchRequest:
    """Read the parameters from environment variables.

    Raises:
        InputError: what to watch is in no known form.
    """
    what = environment["TUNER_WATCH"]
    selection, address = _functions(what)
    return WatchRequest(
        selection,
        address or environment.get("TUNER_WATCH_INPUTS", ""),
        ceiling_usd=float(environment["TUNER_WATCH_CEILING_USD"]),
        tuning_usd=float(environment["TUNER_WATCH_TUNING_USD"]),
        topic=environment["TUNER_WATCH_TOPIC"],
        stack=environment["TUNER_STACK"],
    )


def _functions(what: str) -> tuple[Selection, str]:
    kind, _, value = what.partition(":")
    key, equals, wanted = value.partition("=")
    if kind == "s3":
        return Selection(), what
    if kind == "stack" and value:
        return Selection(stack=value), ""
    if kind == "tag" and key and equals:
        return Selection(tag=(key, wanted)), ""
    remedy = "use s3://bucket/functions.csv, tag:KEY=VALUE or stack:NAME"
    raise InputError.single("watch", f"{what!r} names no functions", remedy)
