"""The page of a fleet: what can be saved, function by function, and which could not be tuned.

The same summary gives the same bytes. One file, no request to anywhere, readable without JavaScript.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from reports.words.escape import visible
from reports.words.numbers import configuration, money, span


def render(summary: Mapping[str, Any]) -> str:
    """The page of a fleet's summary (`statemachine.fleet.summary.summarize`)."""
    return _template().render(summary=summary)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "money": money,
        "spread": _spread,
        "visible": visible,
        "percent": _percent,
        "clear": _clear,
        "uncompared": _uncompared,
    }
    return environment.get_template("fleet.html")


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.0f}%"


def _clear(interval: Sequence[float]) -> bool:
    """Whether an interval tells better from worse."""
    low, high = interval
    return not low <= 0 <= high


def _spread(interval: Sequence[float], currency: str) -> str:
    return span(*(money(end, currency) for end in interval))


def _uncompared(item: Mapping[str, Any]) -> str:
    """Why a function has no saving."""
    current = item["current"]
    if current is None:
        return "the configuration in use is not known"
    if (current["power"], current["architecture"]) == (item["power"], item["architecture"]):
        return "is what it has now"
    in_use = configuration({"memory_mb": current["power"], "architecture": current["architecture"]})
    return f"not compared: {in_use}, in use now, failed or was not measured"
