"""The answer as Markdown, for pull requests and the job summaries of CI.

Foreign text stands in code spans: there it is no markup, no link and no mention.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reports.words import bill, snippets, verdict
from reports.words.bounds import strategies_told
from reports.words.confidence import confidence
from reports.words.escape import code_block, code_cell, code_span
from reports.words.flat_zone import worth_knowing
from reports.words.numbers import (
    UNKNOWN,
    configuration,
    memory,
    milliseconds,
    milliseconds_range,
    money,
    per_million,
    seconds,
)
from reports.words.origin import figures_of, origin
from reports.words.rows import ReportRow, Result, own_errors, rows
from reports.words.warnings import warned
from tuner.documents.decision import backend_kind
from tuner.plain_numbers import plural
from tuner.vocabulary import BackendKind

MOST_ROWS = 16
"""Rows of the table that is seen at once; the others are folded away."""


def render(result: Result) -> str:
    """Headline, certainty, table, other strategies, warnings and how it was measured."""
    answer, sure = verdict.headline(result), confidence(result)
    badge, estimate = origin(result)
    money_part = f"; {answer.money}" if answer.money else ""
    blocks = [
        f"### Memory and architecture of {code_span(result['function']['name'])}",
        f"**{answer.choice}**: {answer.claim}{money_part}.",
        f"> **{badge}.** {estimate}" if estimate else "",
        f"> {verdict.partial(result)}" if verdict.partial(result) else "",
        f"> {code_span(verdict.trouble(result))}" if verdict.trouble(result) else "",
        f"**{sure.label}.** {' '.join(sure.reasons)}",
        " ".join(worth_knowing(result)),
        *_tables(result),
        figures_of(result, rows(result)),
        _strategies(result),
        "\n".join(_warnings(result)),
        "\n".join(f"- {where}: {code_span(f'{kind}: {message}')}" for where, kind, message in own_errors(result)),
        _next(result),
        _foot(result),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _tables(result: Result) -> Iterator[str]:
    found = rows(result)
    first = [row for row in found if row.measured or row.recommended or row.current][:MOST_ROWS]
    if first:
        yield _table(result, first)
    rest = [row for row in found if row not in first]
    if rest:
        more = plural(len(rest), "more configuration")
        yield f"<details><summary>{more}</summary>\n\n{_table(result, rest)}\n\n</details>"


def _table(result: Result, shown: Iterable[ReportRow]) -> str:
    currency, month = result["prices"]["currency"], result["request"]["invocations_per_month"]
    last = " a month |" if month else ""
    lines = [
        f"| memory | architecture | duration | p95 | per million |{last} runs | |",
        f"| ---: | --- | ---: | ---: | ---: |{' ---: |' if month else ''} ---: | --- |",
    ]
    for row in shown:
        cells = [
            memory(row.memory_mb),
            row.architecture,
            _spread(row),
            milliseconds(row.p95_ms["mean"]) if row.p95_ms else UNKNOWN,
            per_million(row.cost_usd["mean"], currency) if row.cost_usd else UNKNOWN,
        ]
        if month:
            cells.append(money(row.cost_usd["mean"] * month, currency) if row.cost_usd else UNKNOWN)
        cells += [f"{row.runs:,}" if row.measured else UNKNOWN, _notes(row, verdict.recommended_name(result))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _spread(row: ReportRow) -> str:
    interval = row.duration_ms
    if interval is None:
        return UNKNOWN
    ends = milliseconds_range(interval["low"], interval["high"])
    return f"{milliseconds(interval['mean'])} ({ends})"


def _notes(row: ReportRow, called: str) -> str:
    notes = [f"**{called}**"] if row.recommended else []
    notes += ["now"] if row.current else []
    notes += ["estimated"] if row.candidate and not row.measured else []
    notes += [code_cell(row.reason)] if row.reason else []
    return ", ".join(notes)


def _strategies(result: Result) -> str:
    """What each strategy recommends, below the bounds that all of it was chosen under."""
    recommended, currency = result["recommendation"], result["prices"]["currency"]
    if recommended is None or not result["alternatives"]:
        return ""
    found = [
        f"- {code_span(item['strategy'])}: {configuration(item)}, {milliseconds(item['duration_ms']['mean'])}, "
        f"{per_million(item['cost_usd']['mean'], currency)} per million"
        for item in (recommended, *result["alternatives"])
    ]
    return "\n".join([f"{strategies_told(result)}:", "", *found])


def _warnings(result: Result) -> Iterator[str]:
    for warning in warned(result):
        mark = "" if warning.is_note else "⚠️ "
        title = f"**{warning.title}:**" if warning.is_known else code_span(warning.code)
        yield f"- {mark}{title} {code_span(warning.message)}"


def _next(result: Result) -> str:
    """What to do, with the command; the ways to apply only where applying is what to do."""
    step = verdict.next_step(result)
    blocks = [f"**What to do next:** {step.text}"]
    if step.command:
        blocks += [code_block(step.command), step.to_fill_in]
    if step.applies:
        ways = "\n\n".join(f"{snippet.tool}\n\n{code_block(snippet.text)}" for snippet in snippets.snippets(result))
        blocks.append(f"<details><summary>Apply it</summary>\n\n{ways}\n\n</details>" if ways else "")
    return "\n\n".join(filter(None, blocks))


def _foot(result: Result) -> str:
    tuning, prices = result["tuning"], result["prices"]
    paid = backend_kind(result) is BackendKind.AWS
    cost = money(tuning["cost_usd"], prices["currency"])
    spent = f"{cost}{bill.beside(result)}" if paid else f"would have cost {cost} in AWS"
    return (
        f"<sub>{plural(tuning['invocations'], 'invocation')}, {spent}, "
        f"{seconds(tuning['seconds'])}; prices of {code_span(prices['region'])} "
        f"as of {code_span(prices['as_of'])}; "
        f"{code_span(result['tool']['name'])} {code_span(result['tool']['version'])}</sub>"
    )
