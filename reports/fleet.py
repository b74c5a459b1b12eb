"""The page of a fleet: what can be saved, function by function, and which could not be tuned.

The same summary gives the same bytes. One file, no request to anywhere, readable without JavaScript.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from reports.wording import money, visible


def render(summary: Mapping[str, Any]) -> str:
    """The page of a fleet's summary (`statemachine.fleet.summarize`)."""
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
    environment.filters |= {"money": money, "visible": visible, "percent": _percent}
    return environment.get_template("fleet.html")


def _percent(ratio: float | None) -> str:
    return "" if ratio is None else f"{100 * ratio:.0f}%"
