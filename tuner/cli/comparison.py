"""What `tuner compare` and `tuner duet` share: their flags, where the answer goes, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tuner.cli.options import EXIT_NOT_DECIDED, EXIT_THRESHOLD, fraction, write_text
from tuner.comparison.comparison_document import comparison_document
from tuner.comparison.question import CHOICES, Metric, Question
from tuner.comparison.verdicts import Comparison, Verdict
from tuner.errors import Fault, InputError

FORMATS = ("text", "json", "markdown", "junit")
SUFFIXES = {".json": "json", ".md": "markdown", ".xml": "junit"}
F = TypeVar("F", bound=Callable[..., Any])


def comparison_options(function: F) -> F:
    """Flags that say what to compare and where the answer goes."""
    metrics = click.Choice([metric.value for metric in CHOICES])
    for option in reversed(
        [
            click.option("--threshold", metavar="PERCENT", default="5%", help="Changes up to this count as the same."),
            click.option("--confidence", metavar="PERCENT", default="95%", help="1 minus the chance of a false alarm."),
            click.option(
                "--metric", "metrics", type=metrics, multiple=True, help="Compare this alone; may be repeated."
            ),
            click.option("--strict", is_flag=True, help="Exit 4 when a decisive metric is not decided."),
            click.option("--format", "format_", type=click.Choice(FORMATS), help="Of the answer. Default: text."),
            click.option(
                "--output",
                "outputs",
                metavar="FILE",
                multiple=True,
                help="Write the answer here; may be repeated. Without --format by suffix: .json, .md, .xml.",
            ),
        ]
    ):
        function = option(function)
    return function


def read_question(options: dict[str, Any]) -> Question:
    """The question that the flags ask.

    Raises:
        InputError: a percentage is none, or out of range.
    """
    faults = []
    threshold, confidence = (fraction(options[name]) for name in ("threshold", "confidence"))
    if isinstance(threshold, str) or not 0 < threshold < 10:
        faults.append(Fault("--threshold", f"{options['threshold']} is not a percentage above 0", "write it as 5%"))
    if isinstance(confidence, str) or not 0.5 < confidence < 1:
        problem = f"{options['confidence']} is not a percentage from 50% to 100%"
        faults.append(Fault("--confidence", problem, "write it as 95%"))
    if faults:
        raise InputError(faults)
    return Question.of(float(threshold), float(confidence), [Metric(name) for name in options["metrics"]])


def deliver(comparison: Comparison, options: dict[str, Any]) -> int:
    """Print or write the answer, and choose the exit code."""
    strict, chosen = options["strict"], options["format_"]
    for name in options["outputs"]:
        path = Path(name)
        write_text(path, render(comparison, chosen or SUFFIXES.get(path.suffix, "text"), strict=strict))
    shown = "text" if options["outputs"] else chosen or "text"
    if not (options["outputs"] and options["quiet"]):
        click.echo(render(comparison, shown, strict=strict), nl=False)
    return exit_code(comparison, strict=strict)


def render(comparison: Comparison, form: str, *, strict: bool) -> str:
    """A comparison in one of `FORMATS`."""
    if form == "json":
        return json.dumps(comparison_document(comparison), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if form == "junit":
        from reports.junit import render_junit

        return render_junit(comparison, strict=strict)
    from reports.comparison import render_markdown, render_text

    return render_markdown(comparison) if form == "markdown" else render_text(comparison)


def exit_code(comparison: Comparison, *, strict: bool) -> int:
    """0, 3 when something got worse, 4 under `strict` when it is not decided."""
    if comparison.verdict is Verdict.WORSE:
        return EXIT_THRESHOLD
    return EXIT_NOT_DECIDED if strict and comparison.verdict is Verdict.NOT_DECIDED else 0
