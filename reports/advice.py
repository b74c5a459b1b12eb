"""Advice on one or several functions: text for a terminal, Markdown, CSV and a page. Money at stake comes first.

Foreign text is made visible, and stands in code spans in Markdown. The page makes no request and needs no script.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reports.html import STYLES, page_of
from reports.words.escape import code_cell, code_span, csv_cell, visible
from reports.words.lines import table as in_columns
from reports.words.lines import wrapped
from reports.words.numbers import UNKNOWN, money, money_range
from tuner.evidence.advice import Advice
from tuner.evidence.findings import Insight, mean_words, percentile_words
from tuner.evidence.function_evidence import FunctionEvidence
from tuner.evidence.shares import FEWEST_FOR_INTERVAL
from tuner.plain_numbers import chance_words, plural
from tuner.shell_lines import command_lines
from tuner.vocabulary import Interval

WIDTH = 100
LEAST_A_MONTH_USD = 0.01
"""Less money of a month is not told as a number: it would read as nothing."""
COLUMNS = (
    "function", "memory_mb", "architecture", "runs", "good_runs", "month_usd", "at_stake_usd", "recommended_mb",
    "chance_of_saving", "cold_start_share", "error_share", "duration_ms", "p99_ms", "p99_at_least_ms",
    "memory_floor_mb", "timeout_advice_s", "findings",
)  # fmt: skip
"""Columns of the CSV."""


def render(advice: Advice, *, width: int = WIDTH) -> str:
    """Plain text without colours, which can be piped and pasted."""
    lines = [*wrapped(_head(advice), width), *_figures(advice, width), ""]
    for finding in advice.findings:
        lines += [*_finding(finding, width), ""]
    return "\n".join(lines).rstrip()


def render_all(found: Sequence[Advice], *, width: int = WIDTH) -> str:
    """Plain text of several functions: a table in the order given, then each of them."""
    if len(found) == 1:
        return render(found[0], width=width)
    rows = [("function", "size", "runs", "a month", "at stake"), *(_row(advice) for advice in found)]
    return "\n\n".join(["\n".join(in_columns(rows, width)), *(render(advice, width=width) for advice in found)])


def markdown(found: Sequence[Advice]) -> str:
    """A table of all functions, then the findings of each."""
    lines = ["| function | size | runs | a month | at stake |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {code_cell(advice.function)} | {' | '.join(_row(advice)[1:])} |" for advice in found]
    for advice in found:
        lines += ["", f"### {code_span(advice.function)}", ""]
        lines += [f"- **{name}** {told}" for name, told in figures(advice)]
        for finding in advice.findings:
            command = f" {code_span(finding.command)}" if finding.command else ""
            lines.append(f"- {code_span(finding.title)}: {code_span(finding.evidence)}{command}")
    return "\n".join(lines) + "\n"


def table(found: Sequence[Advice]) -> str:
    """One row for each function as CSV (RFC 4180), raw numbers."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for advice in found:
        known, prediction = advice.evidence, advice.prediction
        recommended = prediction.recommended if prediction else None
        writer.writerow(
            [
                csv_cell(advice.function),
                advice.current.memory_mb,
                advice.current.architecture.value,
                known.runs if known else 0,
                known.good_runs if known else 0,
                advice.month_usd,
                advice.at_stake_usd,
                recommended.memory_mb if recommended else None,
                prediction.chance_of_saving if prediction else None,
                known.cold_start_share.mean if known else None,
                known.error_share.mean if known else None,
                known.duration_ms.mean if known and known.duration_ms else None,
                known.p99_ms.mean if known and known.p99_ms else None,
                known.p99_ms.low if known and known.p99_ms else None,
                known.memory_floor_mb if known else None,
                known.timeout_advice_s if known else None,
                " ".join(finding.code.value for finding in advice.findings),
            ]
        )
    return out.getvalue()


def page(found: Sequence[Advice]) -> str:
    """One HTML page of all functions."""
    stakes = [advice.at_stake_usd for advice in found if advice.at_stake_usd is not None]
    values = {
        "title": f"What the logs of {plural(len(found), 'function')} tell",
        "stake": _a_month(sum(stakes)) if stakes else "",
        "pages": [_Page.of(advice) for advice in found],
    }
    return page_of("advice.html", STYLES, (), values)


def _figures(advice: Advice, width: int) -> Iterator[str]:
    for name, told in figures(advice):
        yield from wrapped(told, width, f"  {name:<12} ")


def figures(advice: Advice) -> Iterator[tuple[str, str]]:
    """Names and values of what is known of the current size."""
    evidence = advice.evidence
    if evidence is None:
        return
    good, every = _which_runs(evidence)
    if evidence.duration_ms is not None:
        yield "duration", f"{mean_words(evidence.duration_ms, evidence.good_runs)}{good}"
    if evidence.p99_ms is not None:
        yield "p99", f"{percentile_words(evidence.p99_ms)}{good}"
    if evidence.init_ms is not None:
        yield "init", mean_words(evidence.init_ms, evidence.cold_starts)
    yield "per million", f"{_price(evidence.cost_per_million_usd, evidence.runs)}{every}"
    if advice.month_usd is not None:
        yield "a month", f"{_a_month(advice.month_usd)}, {_stake(advice)} at stake"


def _which_runs(evidence: FunctionEvidence) -> tuple[str, str]:
    """Which runs durations are of, and which ones money is of; nothing where no run failed."""
    if evidence.good_runs == evidence.runs:
        return "", ""
    return f", of {plural(evidence.good_runs, 'run')} that ended well", f", of all {plural(evidence.runs, 'run')}"


def _price(interval: Interval, runs: int) -> str:
    """A mean price with its interval, in words where the runs are too few for one."""
    ends = money_range(interval.low, interval.high) if runs >= FEWEST_FOR_INTERVAL else "too few runs for an interval"
    return f"{money(interval.mean)} ({ends})"


class _Page(NamedTuple):
    """A function as the page shows it."""

    name: str
    size: str
    runs: str
    month: str
    stake: str
    shown: tuple[tuple[str, str], ...]
    findings: tuple[Insight, ...]
    chances: tuple[tuple[str, float, str], ...]
    """Sizes, with the height of a bar (0 to 100) and what it stands for: the chance to save more than 5%."""

    @classmethod
    def of(cls, advice: Advice) -> _Page:
        name, size, runs, month, stake = _row(advice)
        return cls(name, size, runs, month, stake, tuple(figures(advice)), advice.findings, tuple(_chances(advice)))


def _chances(advice: Advice) -> Iterator[tuple[str, float, str]]:
    if advice.prediction is None:
        return
    candidates = advice.prediction.belief.candidates
    for candidate, chance in zip(candidates, advice.prediction.chances, strict=True):
        yield f"{candidate.memory_mb:,} MB", 100 * chance, chance_words(chance)


def _head(advice: Advice) -> str:
    runs = advice.evidence.runs if advice.evidence else 0
    return f"{visible(advice.function)}: {advice.current} in {plural(runs, 'run')}"


def _row(advice: Advice) -> tuple[str, str, str, str, str]:
    month = UNKNOWN if advice.month_usd is None else _a_month(advice.month_usd)
    runs = f"{advice.evidence.runs if advice.evidence else 0:,}"
    return visible(advice.function), str(advice.current), runs, month, _stake(advice)


def _stake(advice: Advice) -> str:
    return UNKNOWN if advice.at_stake_usd is None else _a_month(advice.at_stake_usd)


def _a_month(usd: float) -> str:
    """Money of a month, which nobody counts below a cent."""
    return "less than $0.01" if 0 < usd < LEAST_A_MONTH_USD else money(usd)


def _finding(finding: Insight, width: int) -> list[str]:
    lines = [*wrapped(finding.title, width, "- "), *wrapped(finding.evidence, width, "  ")]
    return [*lines, *command_lines(visible(finding.command), width, "    ")] if finding.command else lines
