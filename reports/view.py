"""Everything that the page shows, ready to print: the template only places it.

Turns a result document into sentences, tiles, tables and charts, and into the few numbers
that the page's script needs to follow a changed wish.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from reports import csv
from reports.charts import over_memory, trade_off
from reports.charts import runs as charts_runs
from reports.charts.chart import Chart
from reports.first_screen import on_call, pair, savings
from reports.words import bill, snippets, verdict
from reports.words.bounds import constraints_told, strategies_told
from reports.words.confidence import confidence
from reports.words.escape import clip, visible, visible_json, whole
from reports.words.flat_zone import worth_knowing
from reports.words.numbers import (
    DURATION,
    Interval,
    Unit,
    configuration,
    count,
    memory,
    milliseconds,
    money,
    money_unit,
    number,
    per_million,
    percent,
    seconds,
    sign_of,
)
from reports.words.origin import figures_of, origin
from reports.words.rows import Key, ReportRow, Result, left_out, rows
from reports.words.stops import ended
from reports.words.warnings import warned
from tuner.documents.decision import backend_kind
from tuner.documents.visualization import PlottedFunction, visualization_url
from tuner.plain_numbers import joined, plural
from tuner.vocabulary import BackendKind

if TYPE_CHECKING:
    from tuner.documents.result import PointDocument, RecommendationDocument

PRINTED_ROWS = 10
"""Measured configurations in the printed table; the file has them all."""


class Cell(NamedTuple):
    """A table cell: what it shows, and the number it sorts by."""

    text: str
    value: float | None = None
    note: str = ""


class Failure(NamedTuple):
    """An error of the function itself, and where it was seen."""

    type: str
    message: str
    stack: str
    times: int
    where: str


def view(result: Result) -> dict[str, Any]:
    """The names that the template uses."""
    table = rows(result)
    badge, estimate = origin(result)
    return {
        "title": f"{memory_title(result)} · {visible(clip(result['function']['name'], 80))}",
        "function": result["function"],
        "backend": result["function"]["backend"],
        "badge": badge,
        "estimate": estimate,
        "partial": verdict.partial(result),
        "trouble": verdict.trouble(result),
        "headline": verdict.headline(result),
        "confidence": confidence(result),
        "why": verdict.why(result),
        "next_step": verdict.next_step(result),
        "snippets": snippets.snippets(result),
        "timeout_advice": result["timeout_advice"]["message"] if result["timeout_advice"] else "",
        "kind": verdict.kind(result),
        "chosen": verdict.recommended_name(result),
        "pair": pair(result),
        "savings": savings(result),
        "worth_knowing": worth_knowing(result),
        "on_call": on_call(result),
        "identity": tuple(_identity(result)),
        "warnings": tuple(warned(result)),
        "figures_of": figures_of(result, table),
        "overview": over_memory.draw(result, table) if table else None,
        "trade_off": trade_off.draw(result, table) if any(row.candidate for row in table) else None,
        "charts": tuple(chart for chart in _charts(result, table) if chart),
        "strategies": tuple(_strategies(result)),
        "strategies_told": strategies_told(result),
        "columns": _columns(result),
        "table": tuple((row, _cells(row, result)) for row in sorted(table, key=lambda row: bool(row.reason))),
        "brief": _brief(table),
        "csv": base64.b64encode(csv.render(result).encode("utf-8", "replace")).decode(),
        "failures": _failures(result),
        "excluded": left_out(table),
        "method": tuple(_method(result)),
        "prices": tuple(_prices(result)),
        "tuning": tuple(_tuning(result)),
        "reproduce": snippets.reproduce(result),
        "fill_in": snippets.to_fill_in(snippets.reproduce(result)),
        "request": visible_json(json.dumps(result["request"], indent=2, ensure_ascii=False)),
        "details": visible_json(json.dumps(result["function"]["details"], indent=2, ensure_ascii=False)),
        "visualization": _visualization(result),
        "explore": explore(result),
        "created": result["created_at"],
        "tool": result["tool"],
    }


def memory_title(result: Result) -> str:
    """The answer in a few words, for the title of the window."""
    recommended = result["recommendation"]
    return configuration(recommended) if recommended else "No recommendation"


def explore(result: Result) -> str:
    """What the page's script recomputes the recommendation from, as JSON that is safe inside a script element."""
    request, current, recommended = result["request"], result["current"], result["recommendation"]
    saving = result["saving"]
    data = {
        "rows": [_numbers(point) for point in result["curve"]],
        "strategy": request["strategy"],
        "weight": request["balanced_weight"],
        "tolerance": request["tolerance"],
        "constraints": request["constraints"],
        "month": request["invocations_per_month"],
        "current": current and [current["memory_mb"], current["architecture"]],
        "recommended": recommended and [recommended["memory_mb"], recommended["architecture"]],
        "saving": saving and [saving["ratio"]["mean"], saving["duration_ratio"]["mean"]],
        "sign": sign_of(result["prices"]["currency"]),
    }
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _numbers(point: PointDocument) -> list[Any]:
    """One row for the script: memory, architecture, duration and cost with their ends, p95, measured."""
    duration, cost = point["duration_ms"], point["cost_usd"]
    return [
        point["memory_mb"],
        point["architecture"],
        *(duration["mean"], duration["low"], duration["high"]),
        *(cost["mean"], cost["low"], cost["high"]),
        point["p95_ms"]["mean"],
        point["measured"],
    ]


def _identity(result: Result) -> Iterator[tuple[str, str]]:
    function, current = result["function"], result["current"]
    yield "Function", function["name"]
    known = {
        "ARN": function["arn"],
        "Version": function["version"],
        "Runtime": function["runtime"],
        "Region": function["region"],
    }
    yield from ((label, text) for label, text in known.items() if text and text != function["name"])
    yield "Now", configuration(current) if current else "not known"
    if function["timeout_s"]:
        yield "Timeout", seconds(function["timeout_s"])
    if function["code_sha256"]:
        yield "Code SHA-256", function["code_sha256"]
    yield "Tuned", result["created_at"].replace("T", " ").replace("Z", " UTC")


def _charts(result: Result, table: Sequence[ReportRow]) -> Iterator[Chart | None]:
    """The charts below the first screen and the trade-off."""
    if not table:
        return
    yield charts_runs.distribution(result, table)
    yield charts_runs.init(result, table)
    yield charts_runs.search(result)


def _strategies(result: Result) -> Iterator[tuple[str, RecommendationDocument, str, str, str]]:
    """What each strategy recommends; for a grid also what the fitted curve would choose."""
    recommended, currency = result["recommendation"], result["prices"]["currency"]
    if recommended is None:
        return
    found: list[tuple[str, RecommendationDocument]] = [
        (item["strategy"], item) for item in (recommended, *result["alternatives"])
    ]
    if result["curve_choice"]:
        found.append((f"{result['curve_choice']['strategy']}, fitted curve", result["curve_choice"]))
    for name, item in found:
        cost, duration, where = item["cost_usd"], item["duration_ms"], configuration(item)
        if bool(item["unmet"]) != bool(recommended["unmet"]):  # by the fitted curve
            where += f", which {'misses' if item['unmet'] else 'meets'} the bounds"
        yield name, item, where, milliseconds(duration["mean"]), per_million(cost["mean"], currency)


def _columns(result: Result) -> tuple[str, ...]:
    month = result["request"]["invocations_per_month"]
    last = (f"At {count(month)} a month",) if month else ()
    return ("Memory", "Architecture", "Duration", "p95", "Cost per million", *last, "Init", "Memory used", "Runs", "")


def _cells(row: ReportRow, result: Result) -> tuple[Cell, ...]:
    currency, month = result["prices"]["currency"], result["request"]["invocations_per_month"]
    cost = row.cost_usd
    monthly = (_cell(cost, money_unit(currency, factor=month)),) if month else ()
    return (
        Cell(memory(row.memory_mb), row.memory_mb),
        Cell(row.architecture),
        _cell(row.duration_ms, DURATION, ends=True),
        _cell(row.p95_ms, DURATION),
        _cell(cost, money_unit(currency, factor=1e6), ends=True),
        *monthly,
        _cell(row.init_duration_ms, DURATION),
        Cell(memory(row.max_memory_used_mb), row.max_memory_used_mb) if row.max_memory_used_mb else Cell("–"),
        Cell(f"{row.runs:,}", row.runs) if row.measured else Cell("–", 0),
        Cell(
            ", ".join([*_roles(row, verdict.recommended_name(result)), *([clip(row.reason, 64)] if row.reason else [])])
        ),
    )


def _brief(table: Sequence[ReportRow]) -> set[Key]:
    """The rows that are printed: current and recommended, and some of the measured ones."""
    roles = [row.key for row in table if row.recommended or row.current]
    measured = [row.key for row in table if row.measured and row.duration_ms and row.key not in roles]
    step = -(-len(measured) // PRINTED_ROWS) or 1
    return {*roles, *measured[::step]}


def _cell(interval: Interval | None, unit: Unit, *, ends: bool = False) -> Cell:
    if interval is None:
        return Cell("–")
    note = unit.range(interval["low"], interval["high"]) if ends else ""
    return Cell(unit.tell(interval["mean"]), interval["mean"], note)


def _roles(row: ReportRow, called: str) -> Iterator[str]:
    if row.recommended:
        yield called
    if row.current:
        yield "now"
    if row.frontier:
        yield "best trade-off"
    if row.candidate and not row.measured:
        yield "estimated"


def _failures(result: Result) -> tuple[Failure, ...]:
    """Errors that are the same, told once with all their configurations."""
    found: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    for measurement in result["measurements"]:
        where = f"{memory(measurement['memory_mb'])} {measurement['architecture']}"
        for error in measurement["errors"]:
            stack = whole("\n".join(line.rstrip("\n") for line in error["stack"]))
            found.setdefault((error["type"], error["message"], stack), []).append((where, error["count"]))
    return tuple(
        Failure(*identity, sum(n for _, n in places), ", ".join(where for where, _ in places))
        for identity, places in found.items()
    )


def _method(result: Result) -> Iterator[tuple[str, str]]:
    request = result["request"]
    yield "Sampler", request["sampler"] + (f", {request['runs']} runs each" if request["runs"] else "")
    yield (
        "Strategy",
        request["strategy"] + (f", weight {request['balanced_weight']:g}" if request["strategy"] == "balanced" else ""),
    )
    sizes = request["memory_sizes_mb"]
    if sizes:
        span = plural(len(sizes), "size") if request["listed"] else "any size"
        yield (
            "Searched",
            f"{span} from {memory(sizes[0])} to {memory(sizes[-1])} on {joined(request['architectures'])}",
        )
    if request["cold_start_share"]:
        yield (
            "Cold starts",
            f"{percent(request['cold_start_share'])} of the invocations, weighed into duration and cost",
        )
    if request["tolerance"]:
        yield "Tolerance", percent(request["tolerance"])
    if asked := constraints_told(result):
        yield "Constraints", "; ".join(asked)
    payload = request["payload"]
    if payload:
        yield "Payloads", f"{payload['count']}" + (f", SHA-256 {payload['sha256']}" if payload["sha256"] else "")
    else:
        yield "Payloads", "not told (payload logs are off)"
    yield "Ended", ended(result)
    if result["saving"]:
        pairs = result["saving"]["paired_environments"]
        yield "Saving", f"compared over {plural(pairs, 'pair')} of environments" if pairs else "from the fitted curves"


def _prices(result: Result) -> Iterator[tuple[str, str]]:
    prices = result["prices"]
    yield "Region", prices["region"]
    for architecture, price in prices["gb_second_usd"].items():
        yield f"GB-second, {architecture}", f"{price:.10f}".rstrip("0") + f" {prices['currency']}"
    yield "Million requests", money(prices["request_usd"] * 1e6, prices["currency"])
    yield "Discount", percent(prices["discount"]) if prices["discount"] else "none"
    yield "As of", prices["as_of"]
    yield "Source", prices["source"]
    if prices["unconfirmed"]:
        yield "Not confirmed", ", ".join(prices["unconfirmed"])


def _tuning(result: Result) -> Iterator[tuple[str, str]]:
    tuning, currency = result["tuning"], result["prices"]["currency"]
    paid = backend_kind(result) is BackendKind.AWS
    yield "Invocations", f"{tuning['invocations']:,}"
    yield "Billed", f"{number(tuning['billed_gb_seconds'])} GB-seconds"
    yield ("Cost of the invocations" if paid else "Would have cost in AWS"), money(tuning["cost_usd"], currency)
    yield from bill.facts(result)
    yield "Time", seconds(tuning["seconds"])


def _visualization(result: Result) -> str:
    """Power Tuning's page with the measured means, one curve per architecture; empty without any.

    Its numbers have 32 bits: what does not fit is damage, and is left out.
    """
    found: dict[str, list[tuple[int, float, float]]] = {"x86_64": [], "arm64": []}
    for measurement in result["measurements"]:
        duration, cost = measurement["duration_ms"], measurement["cost_usd"]
        if duration and cost and max(duration["mean"], cost["mean"]) < 1e38:
            point = (measurement["memory_mb"], duration["mean"], cost["mean"])
            found[measurement["architecture"]].append(point)
    functions = [
        PlottedFunction(sizes, durations, costs, architecture)
        for architecture, points in found.items()
        if points
        for sizes, durations, costs in [tuple(zip(*points, strict=True))]
    ]
    return visualization_url(*functions) if functions else ""
