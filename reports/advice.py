"""Advice from logs for a terminal: the figures of the current size, then the findings with their commands."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from reports.words.numbers import visible
from tuner.evidence.advice import Advice
from tuner.evidence.findings import Insight
from tuner.model import Interval

WIDTH = 100


def render(advice: Advice, *, width: int = WIDTH) -> str:
    """Plain text without colours, which can be piped and pasted."""
    evidence = advice.evidence
    head = f"{visible(advice.function)}: {evidence.current} in {evidence.runs:,} runs"
    lines = [head, *_figures(advice), ""]
    for finding in advice.findings:
        lines += [*_finding(finding, width), ""]
    return "\n".join(lines).rstrip()


def _figures(advice: Advice) -> Iterator[str]:
    evidence = advice.evidence
    for name, interval, unit in (
        ("duration", evidence.duration_ms, "ms"),
        ("p99", evidence.p99_ms, "ms"),
        ("init", evidence.init_ms, "ms"),
        ("per million", evidence.cost_per_million_usd, "USD"),
    ):
        if interval is not None:
            yield f"  {name:<12} {_told(interval)} {unit}"


def _finding(finding: Insight, width: int) -> list[str]:
    lines = textwrap.wrap(visible(finding.title), width, initial_indent="- ", subsequent_indent="  ")
    lines += textwrap.wrap(visible(finding.evidence), width, initial_indent="  ", subsequent_indent="  ")
    return [*lines, f"  $ {visible(finding.command)}"] if finding.command else lines


def _told(interval: Interval) -> str:
    return f"{interval.mean:,.4g} ({interval.low:,.4g} to {interval.high:,.4g})"
