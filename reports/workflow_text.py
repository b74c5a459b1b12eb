"""The answer for a workflow in words: for a terminal, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.words.escape import code_cell, code_span, visible
from reports.words.lines import table, wrapped
from reports.words.numbers import milliseconds, money, percent
from tuner.plain_numbers import significant
from tuner.workflows.document import ConfirmationDocument, TimeDocument, WorkflowDocument

if TYPE_CHECKING:
    from tuner.documents.result import ConfigurationDocument

WIDTH = 100
TIMES_FROM = 2.0
"""Changes from so many times on are told as a multiple."""
CONFIRMED_WITHIN = 0.1
"""A prediction this close to the measured time is said to hold."""


def render_text(document: WorkflowDocument, *, width: int = WIDTH) -> str:
    """The answer for a terminal of so many columns."""
    rows = [("function", "now", chosen_name(document), "runs", "cost", "slack"), *_rows(document)]
    told = [line for sentence in (headline(document), *facts(document)) for line in wrapped(sentence, width)]
    notes = [line for warning in document["warnings"] for line in wrapped(warning["message"], width, "note: ")]
    return "\n".join([*told, "", *table(rows, width), *(["", *notes] if notes else [])]) + "\n"


def render_markdown(document: WorkflowDocument) -> str:
    """The answer as Markdown."""
    lines = [f"## {code_span(document['workflow'])}", "", f"**{headline(document)}**", ""]
    lines += [f"- {fact}" for fact in facts(document)]
    lines += [
        "",
        f"| function | now | {chosen_name(document)} | runs | cost per million | slack |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    ]
    lines += [f"| {code_cell(name)} | " + " | ".join(row) + " |" for name, *row in _rows(document)]
    if document["warnings"]:
        lines += ["", *(f"- Note: {code_span(warning['message'])}" for warning in document["warnings"])]
    return "\n".join(lines) + "\n"


def headline(document: WorkflowDocument) -> str:
    """The answer in a sentence."""
    chosen, bound = document["chosen"], document["bound"]
    time, cost = milliseconds(chosen["duration_ms"]), money(chosen["cost_per_million_usd"], document["currency"])
    which = percentile_name(bound["percentile"])
    if bound["budget_per_million_usd"] is None:
        assert bound["deadline_ms"] is not None, "a bound is a deadline or a budget"
        deadline = milliseconds(bound["deadline_ms"])
        if not document["met"]:
            surely, up_to = ("surely ", "up to ") if _kept_as_expected(document) else ("", "")
            fastest = f"The fastest take {up_to}{time} and cost {cost} per million executions."
            return f"No sizes {surely}keep {deadline} ({which}). {fastest}"
        return f"{cost} per million executions keeps {deadline}: {which} is at most {time}."
    budget = money(bound["budget_per_million_usd"], document["currency"])
    if not document["met"]:
        cheapest = f"The cheapest cost {cost} per million executions and take {time} ({which})."
        return f"No sizes cost {budget} or less. {cheapest}"
    return f"{time} ({which}) is the fastest for {budget} per million executions: it costs {cost}."


def chosen_name(document: WorkflowDocument) -> str:
    """What the sizes of the answer are called: where nothing keeps to the bound they are the nearest."""
    return "recommended" if document["met"] else "nearest"


def facts(document: WorkflowDocument) -> list[str]:
    """What else a reader wants to know, a sentence each."""
    told = [_comparison(document), _binding(document), _times(document), _transitions(document), _trust(document)]
    confirmation = document["confirmation"]
    if confirmation:
        told.append(_confirmation(confirmation))
    return [fact for fact in told if fact]


def percentile_name(percentile: float | None) -> str:
    """What the bound is on."""
    if percentile is None:
        return "the mean"
    return "the median" if percentile == 50 else f"p{percentile:g}"


def size_name(size: ConfigurationDocument | None) -> str:
    """A configuration, or that it is not known."""
    return "not known" if size is None else f"{size['memory_mb']:,} MB {size['architecture']}"


def _rows(document: WorkflowDocument) -> list[Sequence[str]]:
    return [
        (
            visible(function["function"]),
            size_name(function["current"]),
            size_name(function["recommended"])
            + ("" if function["current"] != function["recommended"] else " (as now)"),
            f"{significant(function['invocations'], 3)}",
            money(function["cost_per_million_usd"], document["currency"]),
            milliseconds(function["slack_ms"]) if function["slack_ms"] > 0 else "none",
        )
        for function in document["functions"]
    ]


def _comparison(document: WorkflowDocument) -> str:
    current, chosen = document["current"], document["chosen"]
    if current is None:
        return ""
    which = percentile_name(document["bound"]["percentile"])
    money_now, time_now = (
        money(current["cost_per_million_usd"], document["currency"]),
        milliseconds(current["duration_ms"]),
    )
    now = f"cost {money_now}, and take {time_now} ({which})"
    cost = _change(
        chosen["cost_per_million_usd"] / current["cost_per_million_usd"],
        "cost {} less",
        "cost {} more",
        "cost {} times as much",
    )
    time = _change(
        chosen["duration_ms"] / current["duration_ms"],
        "take {} less time",
        "take {} more time",
        "take {} times as long",
    )
    return f"The sizes in use {now}. The {chosen_name(document)} ones {cost}, and {time}."


def _change(ratio: float, less: str, more: str, times: str) -> str:
    """A ratio in words: from twice on, shares are hard to read."""
    if ratio >= TIMES_FROM:
        return times.format(significant(ratio, 2))
    return (less if ratio <= 1 else more).format(percent(abs(1 - ratio)))


def _kept_as_expected(document: WorkflowDocument) -> bool:
    """Whether the expected curves keep the deadline, whatever is in doubt of them."""
    percentile, share = document["bound"]["percentile"], document["share_met"]
    return bool(percentile) and share is not None and 100 * share >= (percentile or 0)


def _binding(document: WorkflowDocument) -> str:
    if not document["met"] and _kept_as_expected(document):
        return "The expected curves keep the deadline, but what is in doubt of them does not: tune more precisely."
    return {
        "deadline": "The deadline binds: a looser one would be cheaper.",
        "budget": "The budget binds: a larger one would be faster.",
        "nothing": "Nothing binds: the best sizes of all keep to the bound.",
        "unmet": "The bound cannot be met: this comes closest.",
    }[document["binding"]]


def _times(document: WorkflowDocument) -> str:
    time: TimeDocument = document["time_ms"]
    p50, p95, p99 = milliseconds(time["p50"]), milliseconds(time["p95"]), milliseconds(time["p99"])
    told = f"Expected end to end: median {p50}, p95 {p95}, p99 {p99}"
    if document["share_met"] is None:
        return f"{told}."
    return f"{told}; {percent(document['share_met'])} of executions keep to the deadline."


def _transitions(document: WorkflowDocument) -> str:
    count = significant(document["transitions"]["per_execution"], 3)
    cost = money(document["transitions"]["cost_per_million_usd"], document["currency"])
    return f"Step Functions itself costs {cost} per million executions, {count} transitions each, whatever the sizes."


def _trust(document: WorkflowDocument) -> str:
    if document["excess"] is None:
        told = "Found by simulated executions; other sizes could be slightly better."
    elif document["excess"]:
        told = f"Other sizes are at most {percent(document['excess'])} better."
    else:
        told = "Exact: no other sizes are better."
    off = document["front_excess"]
    return f"{told} Other points of the front of means may cost {percent(off)} more than needed." if off else told


def _confirmation(confirmation: ConfirmationDocument) -> str:
    measured, predicted = milliseconds(confirmation["p50_ms"]), milliseconds(confirmation["predicted_p50_ms"])
    holds = "holds" if abs(confirmation["off_by"]) <= CONFIRMED_WITHIN else "does not hold"
    runs = f"{confirmation['executions']} executions took {measured} in the median"
    return f"Confirmed on copies: {runs}; the prediction of {predicted} {holds}."
