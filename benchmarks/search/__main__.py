"""Command line of the search benchmark: `python -m benchmarks.search --help`."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from benchmarks.search.families import generated_records
from benchmarks.search.observers import OBSERVERS
from benchmarks.search.paired import Pair, PairedQuality, paired_quality, paired_table
from benchmarks.search.run import ADAPTIVE, TUNERS, WITH_LOGS, Conditions, run_all
from benchmarks.search.staircases import staircase_functions
from tuner.errors import InputError
from tuner.model import Architecture, Objective, StrategyName
from tuner.pricing.price_list import DEFAULT_REGION, PriceList, price_list
from tuner.settings import Settings
from tuner.simulated.backend import SimulatedFunction
from tuner.simulated.curve_file import CurveRecord, decode_records, paired_functions, single_functions
from tuner.simulated.curves import TruthKind
from tuner.simulated.noise import NOISE_WORLDS, NoiseWorld, SimulatedFaults
from tuner.simulated.quality import quality
from tuner.simulated.search import SimulatedSearch
from tuner.simulated.truth import truth_of


class Failing(StrEnum):
    """Where the handlers of a world fail."""

    NEVER = "never"
    SELDOM = "seldom"
    """2% of the runs at every size: below the limit, so that nothing is ruled out."""
    SMALL = "small"
    """A quarter of the runs below a size in the middle of the range: those sizes are ruled out."""
    MOSTLY = "mostly"
    """Seven runs in eight at every size: nothing can be recommended with confidence."""


class Half(StrEnum):
    """Every second family, in the order of their names: one half to work on, the other to look at once."""

    FIRST = "first"
    OTHER = "other"


SELDOM, OFTEN, MOSTLY = 0.02, 0.25, 0.875
"""Shares of the runs that fail."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print a table or JSON."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.paired and not options.current_size:
        parser.error("--paired needs --current-size")
    if len(options.current_size) > 1 and not options.paired:
        parser.error("several sizes in use need --paired")
    if options.free_size and options.current_size:
        parser.error("--free-size and --current-size both name the size in use: give one of them")
    if options.arch == "both" and set(OBSERVERS) & set(_tuners(options)):
        parser.error(f"{' and '.join(OBSERVERS)} know one architecture: leave them or --arch both out")
    try:
        functions = _functions(options)
    except InputError as exc:
        parser.error(str(exc))
    settings = Settings(
        "simulated", objective=Objective(StrategyName(options.strategy), balanced_weight=options.balanced_weight)
    )
    if options.paired:
        _compare_pairs(options, functions, settings)
        return
    found: dict[str, list[SimulatedSearch]] = {}
    families: dict[str, dict[str, list[SimulatedSearch]]] = {}
    for tuner, search in run_all(
        functions,
        Conditions(settings, price_list(options.region), _size_in_use(options), options.past_factor, functions),
        seeds=range(options.seed, options.seed + options.seeds),
        tuners=_tuners(options),
        processes=options.processes,
    ):
        name = ADAPTIVE if options.free_size and tuner == WITH_LOGS else tuner
        found.setdefault(name, []).append(search)
        families.setdefault(search.family, {}).setdefault(name, []).append(search)
    tolerance = settings.objective.tolerance
    if options.format == "json":
        print(json.dumps(_document(options, functions, found, families, tolerance), indent=1))
        return
    conditions = f"strategy {options.strategy}, arch {options.arch}, noise {options.noise}, truth {options.truth}"
    print(f"{len(functions)} functions, {options.seeds} seeds, {conditions}")
    print(_table(_rows(found, tolerance)))
    if options.families:
        for family, by_tuner in sorted(families.items()):
            print(f"\n{family}")
            print(_table(_rows(by_tuner, tolerance)))


def _size_in_use(options: argparse.Namespace) -> int | None:
    size: int | None = options.free_size or next(iter(options.current_size), None)
    return size


def _tuners(options: argparse.Namespace) -> list[str]:
    """The tuners to compare; where runs of the size in use are free, the adaptive one is that which knows them."""
    names = options.tuners.split(",")
    return list(dict.fromkeys(WITH_LOGS if options.free_size and name == ADAPTIVE else name for name in names))


def _compare_pairs(options: argparse.Namespace, functions: Sequence[SimulatedFunction], settings: Settings) -> None:
    """Search with and without a log at each size in use, and print what the log changes."""
    prices, tolerance = price_list(options.region), settings.objective.tolerance
    rows: list[tuple[int, PairedQuality]] = []
    for size in options.current_size:
        covering = [f for f in functions if f.bounds_mb[0] <= size <= f.bounds_mb[1]]
        if not covering:
            print(f"left out: {size} MB, which no curve covers", file=sys.stderr)
            continue
        searches = run_all(
            covering,
            Conditions(settings, prices, size, options.past_factor),
            seeds=range(options.seed, options.seed + options.seeds),
            tuners=(ADAPTIVE, WITH_LOGS),
            processes=options.processes,
        )
        pairs = []
        for (_, without), (_, logged) in zip(searches, searches, strict=True):
            pairs.append(Pair(without, logged))
            if options.pairs:
                _append(options.pairs, {"current_size_mb": size, **asdict(pairs[-1])})
        rows.append((size, paired_quality(pairs, tolerance)))
        if options.format == "text":
            print(paired_table(rows) if len(rows) == 1 else paired_table(rows).splitlines()[-1], flush=True)
    if options.format == "json":
        print(json.dumps([{"current_size_mb": size, **asdict(row)} for size, row in rows], indent=1))


def _append(path: Path, record: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, default=str) + "\n")


def _functions(options: argparse.Namespace) -> list[SimulatedFunction]:
    """The functions to search, with the noise and the faults that were asked for."""
    known = staircase_functions(options.staircases, options.seed) or _published(options)
    noise = NOISE_WORLDS[NoiseWorld(options.noise)]
    found = [replace(f, noise=noise, faults=_faults(f, Failing(options.failing))) for f in known]
    if options.optimum_usd is None:
        return found
    prices = price_list(options.region)
    return [_stretched(function, options.optimum_usd, prices) for function in found]


def _stretched(function: SimulatedFunction, optimum_usd: float, prices: PriceList) -> SimulatedFunction:
    """The function with durations so much longer that its cheapest configuration costs what was asked for."""
    truth = truth_of(function, Objective(StrategyName.COST), prices)
    more = math.log(optimum_usd / truth.best_cost_usd)
    curves = {name: replace(curve, log_duration=curve.log_duration + more) for name, curve in function.curves.items()}
    return replace(function, curves=curves)


def _published(options: argparse.Namespace) -> list[SimulatedFunction]:
    documents = [json.loads(path.read_text("utf-8")) for path in options.curves]
    records: list[CurveRecord] = []
    for document in documents or [generated_records(options.seed, options.per_family)]:
        decoded, faults = decode_records(document)
        records += decoded
        for fault in faults:
            print(f"left out: {fault}", file=sys.stderr)
    kept = _of_families(records, options.only, options.without)
    if options.half:
        kept = _half(kept, Half(options.half))
    if options.most_per_family:
        kept = _drawn(kept, options.most_per_family, options.seed)
    kind = TruthKind(options.truth)
    if options.arch == "both":
        return paired_functions(kept, kind, seed=options.seed)
    return single_functions(kept, kind, architecture=None if options.arch == "own" else Architecture(options.arch))


def _of_families(records: Iterable[CurveRecord], only: str, without: str) -> list[CurveRecord]:
    kept, left_out = (set(filter(None, names.split(","))) for names in (only, without))
    return [r for r in records if (not kept or r.family in kept) and r.family not in left_out]


def _half(records: Sequence[CurveRecord], half: Half) -> list[CurveRecord]:
    """The curves of every second family."""
    families = sorted({record.family for record in records})[half is Half.OTHER :: 2]
    return [record for record in records if record.family in families]


def _drawn(records: Sequence[CurveRecord], most: int, seed: int) -> list[CurveRecord]:
    """At most so many curves of each family, drawn by the seed: a draw does not move with the other curves."""
    by_draw = sorted(records, key=lambda record: zlib.crc32(f"{record.id}/{seed}".encode()))
    counts: dict[str, int] = {}
    kept = set()
    for record in by_draw:
        counts[record.family] = counts.get(record.family, 0) + 1
        if counts[record.family] <= most:
            kept.add(record.id)
    return [record for record in records if record.id in kept]


def _faults(function: SimulatedFunction, failing: Failing) -> SimulatedFaults:
    low, high = function.bounds_mb
    middle_mb = round((low * high) ** 0.5)
    return {
        Failing.NEVER: SimulatedFaults(),
        Failing.SELDOM: SimulatedFaults(error_share=SELDOM),
        Failing.SMALL: SimulatedFaults(small_error_share=OFTEN, small_mb=middle_mb),
        Failing.MOSTLY: SimulatedFaults(error_share=MOSTLY),
    }[failing]


def _document(
    options: argparse.Namespace,
    functions: Sequence[SimulatedFunction],
    found: dict[str, list[SimulatedSearch]],
    families: dict[str, dict[str, list[SimulatedSearch]]],
    tolerance: float,
) -> dict[str, Any]:
    return {
        "tuners": _rows(found, tolerance),
        "functions": len(functions),
        "seeds": options.seeds,
        "strategy": options.strategy,
        "arch": options.arch,
        "noise": options.noise,
        "truth": options.truth,
        "failing": options.failing,
        "current_size_mb": _size_in_use(options),
        "past_factor": options.past_factor,
        "families": {family: _rows(by_tuner, tolerance) for family, by_tuner in families.items()},
    }


def _rows(by_tuner: dict[str, list[SimulatedSearch]], tolerance: float) -> list[dict[str, Any]]:
    return [{"tuner": tuner, **asdict(quality(searches, tolerance))} for tuner, searches in by_tuner.items()]


COLUMNS = {
    "regret_mean": ("regret mean", ".2%"),
    "regret_p90": ("p90", ".2%"),
    "expected_regret_mean": ("expected", ".2%"),
    "regret_after_ties_mean": ("after ties", ".2%"),
    "regret_after_ties_p90": ("p90", ".2%"),
    "cost_ratio": ("cost over best", ".2f"),
    "search_cost": ("cost (C*)", ".1f"),
    "invocations": ("invocations", ".1f"),
    "rounds": ("rounds", ".1f"),
    "cost_coverage": ("coverage", ".1%"),
    "cost_coverage_recommended": ("recommended", ".1%"),
    "high_confidence_share": ("high", ".1%"),
    "high_confidence_right": ("right", ".1%"),
    "past_taken": ("past taken", ".1%"),
    "past_unsure": ("unsure", ".1%"),
    "cpu_seconds_per_decision": ("CPU s/decision", ".3f"),
}
"""Columns of the table: field, heading, form."""


def _table(rows: Sequence[dict[str, Any]]) -> str:
    lines = ["  ".join([f"{'tuner':<12}", *(f"{heading:>7}" for heading, _ in COLUMNS.values())])]
    for row in rows:
        cells = [
            f"{'-' if row[name] is None else format(row[name], form):>{max(7, len(heading))}}"
            for name, (heading, form) in COLUMNS.items()
        ]
        lines.append("  ".join([f"{row['tuner']:<12}", *cells]))
    return "\n".join(lines)


def _sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search",
        description="How good the search is on functions whose truth is known.",
        epilog="Regrets are fractions of the true optimum, costs are in invocations at it (C*).",
    )
    add = parser.add_argument
    add("--curves", type=Path, nargs="+", default=[], metavar="FILE",
        help="JSON files of published curves; without them, made-up families")  # fmt: skip
    add("--staircases", type=int, default=0, metavar="N", help="search N made-up short functions instead")
    add("--per-family", type=int, default=12, help="made-up curves of each family (default 12)")
    add("--only", default="", metavar="FAMILY,…", help="keep the curves of these families alone")
    add("--without", default="", metavar="FAMILY,…", help="leave the curves of these families out")
    add("--half", choices=list(Half), help="keep every second family, in the order of names")
    add("--most-per-family", type=int, metavar="N", help="keep at most N curves of each family, drawn by the seed")
    add("--truth", choices=list(TruthKind), default=TruthKind.SMOOTHED, help="how points become the truth")
    add("--noise", choices=list(NoiseWorld), default=NoiseWorld.PLAIN, help="how runs scatter (default plain)")
    add("--failing", choices=list(Failing), default=Failing.NEVER, help="where handlers fail (default never)")
    add("--current-size", type=_sizes, default=[], metavar="MB[,MB…]",
        help="the size in use, of which `logs` knows 100 runs; several with --paired")  # fmt: skip
    add("--free-size", type=int, metavar="MB",
        help="the size in use, of which `adaptive` itself knows 100 runs, which cost nothing")  # fmt: skip
    add("--paired", action="store_true",
        help="search with and without 100 past runs: ratio of prices, difference of regrets")  # fmt: skip
    add("--pairs", type=Path, metavar="FILE", help="append each pair of searches to this file, a JSON line each")
    add("--past-factor", type=float, default=1.0, metavar="X",
        help="past runs are of a payload that takes so many times as long (default 1: the same)")  # fmt: skip
    add("--optimum-usd", type=float, metavar="USD", help="stretch each function until its best size costs this much")
    add("--seeds", type=int, default=1, help="searches of each function (default 1)")
    add("--seed", type=int, default=0, help="the first seed, also of made-up curves (default 0)")
    add("--strategy", choices=list(StrategyName), default=StrategyName.COST)
    add("--balanced-weight", type=float, default=0.5)
    add(
        "--arch",
        choices=["own", *Architecture, "both"],
        default="own",
        help="own: each curve for itself (default); both: pairs, the missing partner made up",
    )
    add(
        "--tuners",
        default=",".join(TUNERS),
        help=f"comma-separated, also logs, aws, {', '.join(OBSERVERS)} (default {','.join(TUNERS)})",
    )
    add("--processes", type=int, default=min(2, os.cpu_count() or 1), help="parallel searches (default 2)")
    add("--families", action="store_true", help="a table for each family as well")
    add("--region", default=DEFAULT_REGION)
    add("--format", choices=["text", "json"], default="text")
    return parser


if __name__ == "__main__":
    main()
