"""`tuner simulate`: tunes known curves and prints what is lost against the truth."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.api.options import input_document, renamed
from tuner.cli.flags import Topic, converted, flag_names, format_flag, option, settings_flags
from tuner.cli.flags import command as declare
from tuner.cli.output import say, say_json
from tuner.cli.request import search_faults
from tuner.cli.values import WholeNumber, read_json_file, terminal_width
from tuner.documents.input import decode_valid, input_faults
from tuner.documents.strict_json import parse_strictly
from tuner.errors import Fault, InputError

if TYPE_CHECKING:
    from tuner.model import Configuration
    from tuner.settings import Settings
    from tuner.simulated.backend import SimulatedFunction
    from tuner.simulated.quality import SearchQuality
    from tuner.simulated.search import SimulatedSearch

HEADER = ("curve", "recommended", "true best", "regret", "cost (C*)", "invocations")
BELOW_FIRST = (4, 5)
"""Columns that a narrow terminal shows below their row."""


@declare(
    adds_faults=True,
    epilog="""Examples:

\b
  tuner simulate curves.json --seeds 3
  tuner simulate curves.json --sampler grid --runs 10 --strategy balanced

CURVES is a JSON list of {"id", "memory_mb": […], "duration_ms": […], "arch"}.
The figures are those of the project's own benchmark for the same curves and seeds.""",
)
@click.argument("curves")
@settings_flags(
    "--strategy",
    "--balanced-weight",
    "--sampler",
    "--runs",
    "--tolerance",
    "--max-invocations",
    "--invocations-per-month",
    "--discount",
)
@option(
    "--seeds",
    group=Topic.SEARCH,
    metavar="N",
    type=WholeNumber(min=1),
    default=1,
    show_default=True,
    help="Repetitions, each with other noise.",
)
@format_flag("text", "json")
def command(curves: str, *, seeds: int, faults: list[Fault], format_: str, quiet: bool, **options: Any) -> None:
    """Tune known CURVES with the noise of real functions; print regret and search cost."""
    before = len(faults)
    loaded = read_json_file(Path(curves), "CURVES", faults, parse=parse_strictly)
    readable = len(faults) == before
    document, parameters = input_document("simulated", converted(options, faults))
    faults.extend(renamed(input_faults(document), flag_names(parameters)))
    faults.extend(search_faults(options, document))
    known = _functions(curves, loaded, faults) if readable else []
    if faults:
        raise InputError(faults)
    settings = decode_valid(document)
    searches = []
    for seed in range(seeds):
        for number, function in enumerate(known, start=1):
            if not quiet:
                say(f"seed {seed + 1}/{seeds}  curve {number}/{len(known)}  {function.name}", err=True)
            searches.append(_search(function, settings, seed))
    summary = _summary(searches, settings.objective.tolerance)
    if format_ == "json":
        say_json(_as_json(searches, summary))
    else:
        say(_as_text(searches, summary))


def _functions(file: str, document: object, faults: list[Fault]) -> list[SimulatedFunction]:
    """The functions of a curve file; what cannot be used is named and left out, unless that is all of it."""
    from tuner.simulated.curve_file import decode_records, single_functions
    from tuner.simulated.curves import TruthKind

    try:
        records, unusable = decode_records(document)
    except InputError as exc:
        faults.extend(_in_file(file, exc.faults))
        return []
    for fault in _in_file(file, unusable):
        say(f"left out: {fault}", err=True)
    return single_functions(records, TruthKind.SMOOTHED)


def _in_file(file: str, faults: Iterable[Fault]) -> list[Fault]:
    """Faults with the file beside the field: `curves.json: $[0].duration_ms`."""
    return [Fault(f"{file}: {fault.path}", fault.problem, fault.remedy) for fault in faults]


def _search(function: SimulatedFunction, settings: Settings, seed: int) -> SimulatedSearch:
    from tuner.pricing.price_list import DEFAULT_REGION, price_list
    from tuner.simulated.search import simulate

    return simulate(function, settings, seed, price_list(DEFAULT_REGION).with_discount(settings.discount))


def _as_json(searches: Sequence[SimulatedSearch], summary: SearchQuality) -> str:
    rows = [
        {
            "id": search.function,
            "seed": search.seed,
            "recommended_mb": search.recommended.memory_mb if search.recommended else None,
            "best_mb": search.best.memory_mb,
            "regret": search.regret,
            "regret_after_ties": search.regret_after_ties,
            "search_cost": search.search_cost,
            "invocations": search.invocations,
            "rounds": search.rounds,
        }
        for search in searches
    ]
    return json.dumps({"runs": rows, "summary": asdict(summary)}, indent=1)


def _as_text(searches: Sequence[SimulatedSearch], summary: SearchQuality) -> str:
    from reports.words.lines import wide_table

    rows = [
        (s.function, _size(s.recommended), _size(s.best), f"{s.regret_after_ties:.1%}", f"{s.search_cost:.1f}",
         f"{s.invocations:,}")
        for s in searches
    ]  # fmt: skip
    lines = wide_table([HEADER, *rows], terminal_width(), right=range(1, len(HEADER)), below=BELOW_FIRST, notes=False)
    last = (
        f"regret mean {summary.regret_after_ties_mean:.2%}, "
        f"p90 {summary.regret_after_ties_p90:.2%}; search cost {summary.search_cost:.1f} C*, "
        f"{summary.invocations:.1f} invocations in {summary.rounds:.1f} rounds"
    )
    return "\n".join([*lines, "", last])


def _size(configuration: Configuration | None) -> str:
    return f"{configuration.memory_mb:,} MB" if configuration else "none"


def _summary(searches: Sequence[SimulatedSearch], tolerance: float) -> SearchQuality:
    from tuner.simulated.quality import quality

    return quality(searches, tolerance)
