"""The question that a run answered, as the flags that ask it again: every command that is suggested takes them here.

A result keeps its question. What is not known of it, such as the payload, is no part of this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from tuner.vocabulary import (
    DEFAULT_DISCARD_TOP_BOTTOM,
    DEFAULT_MAX_ERROR_RATE,
    DEFAULT_TOLERANCE,
    StopReason,
    StrategyName,
)

_NUMBERS = {
    "max_p95_ms": "--max-p95-ms",
    "max_cost_per_million_usd": "--max-cost-per-million",
    "min_memory_mb": "--min-memory",
    "invocations_per_month": "--invocations-per-month",
}
PROCESSORS = {"pre_processor": "--pre-processor", "post_processor": "--post-processor"}
"""Functions that are called around each run, by their part of the request."""
_EFFORT = {
    "runs": "--runs",
    "environments": "--environments",
    "concurrency": "--concurrency",
    "max_invocations": "--max-invocations",
    "max_usd": "--max-usd",
    "max_seconds": "--max-seconds",
}
_SPENT = {StopReason.INVOCATIONS: "invocations", StopReason.USD: "cost_usd", StopReason.SECONDS: "seconds"}
"""What is spent of each budget, as a result names it."""


class FlagValue(NamedTuple):
    """A flag with its value as text; empty: it takes none."""

    flag: str
    value: str = ""


def question_flags(request: Mapping[str, Any], *, tolerance: float | None = None) -> list[FlagValue]:
    """What is to be found: the strategy, its bounds, and what counts as good enough. Defaults are left out.

    Args:
        request: of a result document.
        tolerance: in the place of that of the request.
    """
    found = [FlagValue("--strategy", request["strategy"])] if request["strategy"] != StrategyName.COST else []
    if request["strategy"] == "balanced":
        found.append(FlagValue("--balanced-weight", plain(request["balanced_weight"])))
    values = {**request, **request["constraints"]}
    found += [FlagValue(flag, plain(values[name])) for name, flag in _NUMBERS.items() if values.get(name)]
    accepted = request["tolerance"] if tolerance is None else tolerance
    found += [FlagValue("--tolerance", as_percent(accepted))] if accepted != DEFAULT_TOLERANCE else []
    limit = request.get("max_error_rate", DEFAULT_MAX_ERROR_RATE)
    found += [FlagValue("--max-error-rate", as_percent(limit))] if limit != DEFAULT_MAX_ERROR_RATE else []
    share = values["cold_start_share"]
    if share != float(request["only_cold_starts"]):  # its default
        found.append(FlagValue("--cold-start-share", as_percent(share)))
    found += [FlagValue("--discount", as_percent(values["discount"]))] if values["discount"] else []
    if allowed := values.get("allowed_exceptions"):
        found.append(FlagValue("--allowed-exceptions", ",".join(allowed)))
    if request["only_cold_starts"]:
        found.append(FlagValue("--only-cold-starts"))
    return found


def invocation_flags(request: Mapping[str, Any]) -> list[FlagValue]:
    """What is invoked beside the function, how, and what may be shown of it. Defaults are left out.

    Args:
        request: of a result document. Where payload logs are off, it tells nothing of the payload.
    """
    found = [FlagValue(flag, request[name]) for name, flag in PROCESSORS.items() if request.get(name)]
    if pause_ms := request["sleep_between_runs_ms"]:
        found.append(FlagValue("--sleep-between-runs-ms", plain(pause_ms)))
    found += [FlagValue("--code-for", f"{name}={place}") for name, place in request.get("code_for", {}).items()]
    found += [FlagValue("--isolation", request["isolation"])] if request["isolation"] != "auto" else []
    found += [FlagValue("--disable-payload-logs")] if request["payload"] is None else []
    return found


def search_flags(request: Mapping[str, Any]) -> list[FlagValue]:
    """How the search went about it: what a run that is to go the same way takes beside its question.

    Args:
        request: of a result document.
    """
    values = {**request, **request["budget"]}
    found = [FlagValue("--sampler", request["sampler"])]
    found += [FlagValue(flag, plain(values[name])) for name, flag in _EFFORT.items() if values.get(name)]
    discarded = request["discard_top_bottom"]
    if not request["only_cold_starts"] and discarded != DEFAULT_DISCARD_TOP_BOTTOM:
        found.append(FlagValue("--discard-top-bottom", plain(discarded)))
    found += [FlagValue("--evidence", "off")] if request.get("evidence") == "off" else []
    return [*found, FlagValue("--seed", str(request["seed"]))]


def raised_budget(result: Mapping[str, Any]) -> FlagValue | None:
    """The budget that ended a run, doubled until it is more than what was spent; None: none ended it.

    A run that goes on with the same budget would end at once.
    """
    stopped = StopReason(result["stopped_by"])
    if stopped not in _SPENT:
        return None
    spent = result["tuning"][_SPENT[stopped]]
    bound = 2 * (result["request"]["budget"][stopped] or spent)
    while 0 < bound <= spent:
        bound *= 2
    if bound <= 0:
        return None
    whole = bound if stopped is StopReason.USD else math.ceil(bound)
    return FlagValue(f"--{stopped.replace('_', '-')}", plain(whole))


def plain(value: float) -> str:
    """A number without exponent, to the last digit that it has: `20000000`, `0.25`."""
    return _digits(Decimal(repr(value)))


def as_percent(share: float) -> str:
    """A share as a flag takes it, to the last digit that it has: `2%`."""
    return f"{_digits(100 * Decimal(repr(share)))}%"


def _digits(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
