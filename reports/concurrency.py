"""A plan of provisioned concurrency as text, as JSON and as a page with arrivals and environments over the week."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from reports.html import STYLES, page_of
from reports.words.escape import visible
from reports.words.lines import table, wrapped
from reports.words.numbers import UNKNOWN, money
from tuner.evidence.concurrency_plan import ConcurrencyPlan, Readiness, ReadinessOption
from tuner.plain_numbers import days_words, significant

WIDTH = 100
BAR, HEIGHT, NAMES = 5, 120, 22
"""Width of an hour, height of the picture, and height of the names of days below it, in pixels."""
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOURS = 24


def render(function: str, plan: ConcurrencyPlan, *, width: int = WIDTH) -> str:
    """Plain text for a terminal of so many columns."""
    rows = [("way", "environments", plan.target.thing, "at most", "a month", ""), *map(_row, plan.options)]
    lines = wrapped(f"{function}: {plan.requests:,} requests in {days_words(plan.days)}", width)
    lines += [*wrapped(_target(plan), width, "  "), "", *table(rows, width), ""]
    return "\n".join([*lines, *wrapped(headline(plan), width), *wrapped(_source(plan), width)]) + "\n"


def headline(plan: ConcurrencyPlan) -> str:
    """Which way is the cheapest that meets the target."""
    found = plan.cheapest
    if found is None:
        return "No way meets the target, as far as these requests tell."
    assert found.usd_per_month is not None
    if found.readiness is Readiness.NONE:
        return "The target is met without any provisioned concurrency."
    return f"The cheapest way that meets the target is {found.readiness}, at {money(found.usd_per_month)} a month."


def document(function: str, plan: ConcurrencyPlan) -> dict[str, Any]:
    """The plan as JSON values."""
    cheapest = plan.cheapest
    return {
        "function": function,
        "target": asdict(plan.target),
        "requests": plan.requests,
        "days": plan.days,
        "arrivals_by_hour_of_week": list(plan.arrivals),
        "options": [asdict(option) for option in plan.options],
        "cheapest": cheapest.readiness.value if cheapest else None,
        "prices": asdict(plan.prices),
    }


def page(function: str, plan: ConcurrencyPlan) -> str:
    """One HTML page."""
    values = {
        "title": f"Provisioned concurrency of {visible(function)}",
        "name": visible(function),
        "plan": plan,
        "target": _target(plan),
        "headline": headline(plan),
        "source": _source(plan),
        "rows": [_row(option) for option in plan.options],
        "bars": list(_bars(plan)),
        "span": days_words(plan.days),
        "steps": " ".join(_steps(plan)),
        "most": max(_shown(plan).provisioned),
        "busiest": significant(max(plan.arrivals), 2),
        "days": [(BAR * HOURS * (number + 0.5), day) for number, day in enumerate(DAYS)],
        "width": BAR * len(plan.arrivals),
        "height": HEIGHT + NAMES,
    }
    return page_of("concurrency.html", STYLES, (), values)


def _row(option: ReadinessOption) -> tuple[str, str, str, str, str, str]:
    least, most = min(option.provisioned), max(option.provisioned)
    environments = UNKNOWN if option.share is None else str(most) if least == most else f"{least} to {most}"
    share = UNKNOWN if option.share is None else _percent(option.share)
    misses = "" if option.meets else " (misses)"
    bound = UNKNOWN if option.upper_bound is None else f"{_percent(option.upper_bound)}{misses}"
    usd = UNKNOWN if option.usd_per_month is None else money(option.usd_per_month)
    return option.readiness.value, environments, share, bound, usd, visible(option.reason)


def _percent(share: float) -> str:
    """A share in per cent, with three decimals at most: rare cold starts are told apart."""
    return f"{100 * share:.3f}".rstrip("0").rstrip(".") + "%"


def _target(plan: ConcurrencyPlan) -> str:
    share, within_ms = _percent(plan.target.share), plan.target.within_ms
    told = f"are {plan.target.thing}" if within_ms is None else f"take over {within_ms:g} ms"
    return f"Target: at most {share} of the requests {told}, with 95% confidence."


def _source(plan: ConcurrencyPlan) -> str:
    return f"Without the price of requests. Provisioned concurrency: {plan.prices.source}, {plan.prices.as_of}."


def _shown(plan: ConcurrencyPlan) -> ReadinessOption:
    """The option whose environments the picture shows: the schedule, or else the fixed number."""
    scheduled = plan.option(Readiness.SCHEDULED)
    return scheduled if scheduled.share is not None else plan.option(Readiness.FIXED)


def _bars(plan: ConcurrencyPlan) -> Iterator[tuple[float, float, float]]:
    """Left edge, top and height of a bar for each hour."""
    most = max(plan.arrivals) or 1.0
    for slot, count in enumerate(plan.arrivals):
        height = HEIGHT * count / most
        yield BAR * slot, round(HEIGHT - height, 1), round(height, 1)


def _steps(plan: ConcurrencyPlan) -> Iterator[str]:
    counts = _shown(plan).provisioned
    most = max(counts) or 1
    for slot, count in enumerate(counts):
        y = HEIGHT - HEIGHT * count / most
        yield f"{BAR * slot},{y:.1f} {BAR * (slot + 1)},{y:.1f}"
