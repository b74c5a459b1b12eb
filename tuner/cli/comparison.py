"""What `tuner compare` and `tuner duet` share: their flags, where the answer goes, and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tuner.api.files import write_text
from tuner.cli.exit_codes import EXIT_NOT_DECIDED, EXIT_OK, EXIT_THRESHOLD
from tuner.cli.flags import Topic, option
from tuner.cli.output import say, say_exact, say_json
from tuner.cli.values import OneOf, ending_fault, read_share, terminal_width
from tuner.comparison.question import CHOICES
from tuner.comparison.verdicts import Verdict
from tuner.errors import Fault, TunerError

if TYPE_CHECKING:
    from tuner.api.comparing.results import ComparisonResult

FORMATS = ("text", "json", "markdown", "junit", "html")
SUFFIXES = {".json": "json", ".md": "markdown", ".xml": "junit", ".html": "html", ".txt": "text"}
_SAY: Mapping[str, Callable[[str], None]] = {"json": say_json, "html": say_exact}
THRESHOLDS = {"exclusiveMinimum": 0, "exclusiveMaximum": 10}
CONFIDENCES = {"exclusiveMinimum": 0.5, "exclusiveMaximum": 1}
"""Bounds of the shares, as a JSON Schema writes them."""
F = TypeVar("F", bound=Callable[..., Any])


def comparison_flags(function: F) -> F:
    """Declare the flags that say what to compare and where the answer goes."""
    metrics = OneOf([metric.value for metric in CHOICES])
    declared = [
        option("--threshold", group=Topic.VERDICT, metavar="PERCENT", default="5%", show_default=True,
               help="Changes up to this count as the same."),
        option("--confidence", group=Topic.VERDICT, metavar="PERCENT", default="95%", show_default=True,
               help="1 minus the chance of a false alarm."),
        option("--metric", "metrics", group=Topic.VERDICT, type=metrics, multiple=True,
               help="Compare this metric alone. May be repeated. [default: all; duration and tail decide]"),
        option("--strict", group=Topic.VERDICT, is_flag=True, help="Exit 4 when a decisive metric is not decided."),
        option("--format", "format_", group=Topic.OUTPUT, type=OneOf(FORMATS),
               help="Form of the answer. [default: text]"),
        option("--output", "outputs", group=Topic.OUTPUT, metavar="FILE", multiple=True,
               help=f"Write the answer here. May be repeated. Without --format by ending: {', '.join(SUFFIXES)}."),
    ]  # fmt: skip
    for flag in reversed(declared):
        function = flag(function)
    return function


def comparison_question(options: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """Threshold, confidence and metrics, as `tuner.compare` takes them. Faults of percentages and files are added."""
    threshold = read_share("--threshold", options["threshold"], faults, bounds=THRESHOLDS)
    confidence = read_share("--confidence", options["confidence"], faults, bounds=CONFIDENCES, example="95%")
    if not options["format_"]:
        faults += filter(None, (ending_fault(output, SUFFIXES) for output in options["outputs"]))
    return {"threshold": threshold, "confidence": confidence, "metrics": options["metrics"]}


def deliver(found: ComparisonResult, options: Mapping[str, Any]) -> int:
    """Print or write the answer, and choose the exit code.

    Raises:
        TunerError: a file cannot be written. The others are, and the answer is printed.
    """
    strict, chosen = options["strict"], options["format_"]
    failures: list[TunerError] = []
    for name in options["outputs"]:
        path = Path(name)
        try:
            write_text(path, render(found, chosen or SUFFIXES.get(path.suffix.lower(), "text"), strict=strict))
        except TunerError as error:
            failures.append(error)
    shown = "text" if options["outputs"] else chosen or "text"
    if failures or not (options["outputs"] and options["quiet"]):
        _SAY.get(shown, partial(say, nl=False, fit=False))(render(found, shown, strict=strict))
    if failures:
        raise failures[0]
    return exit_code(found, strict=strict)


def render(found: ComparisonResult, form: str, *, strict: bool) -> str:
    """A comparison in one of `FORMATS`."""
    forms: dict[str, Callable[[], str]] = {
        "text": partial(found.to_text, width=terminal_width()),
        "json": found.to_json,
        "markdown": found.to_markdown,
        "html": found.to_html,
        "junit": partial(found.to_junit, strict=strict),
    }
    return forms[form]()


def exit_code(found: ComparisonResult, *, strict: bool) -> int:
    """0, 3 when something got worse, 4 under `strict` when it is not decided."""
    if found.verdict is Verdict.WORSE:
        return EXIT_THRESHOLD
    return EXIT_NOT_DECIDED if strict and found.verdict is Verdict.NOT_DECIDED else EXIT_OK
