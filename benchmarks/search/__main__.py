"""Command line of the search benchmark: `python -m benchmarks.search --help`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.search.families import generated_records
from benchmarks.search.run import GRID_RUNS, run_all
from benchmarks.search.truth import Function, paired_functions, read_curves, single_functions
from tuner.model import Architecture, Objective, StrategyName
from tuner.pricing.price_list import price_list
from tuner.simulated.regret import SearchRun, quality


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print a table or JSON."""
    options = _parser().parse_args(arguments)
    functions = _functions(options)
    objective = Objective(StrategyName(options.strategy), balanced_weight=options.balanced_weight)
    found: dict[str, list[SearchRun]] = {}
    families: dict[str, dict[str, list[SearchRun]]] = {}
    for tuner, _, run in run_all(
        functions,
        objective,
        price_list(options.region),
        seeds=range(options.seed, options.seed + options.seeds),
        names=options.tuners.split(","),
    ):
        found.setdefault(tuner, []).append(run)
        families.setdefault(run.family, {}).setdefault(tuner, []).append(run)
    rows = [{"tuner": tuner, **asdict(quality(runs))} for tuner, runs in found.items()]
    if options.format == "json":
        document = {
            "tuners": rows,
            "functions": len(functions),
            "seeds": options.seeds,
            "strategy": options.strategy,
            "arch": options.arch,
            "families": {
                family: [{"tuner": tuner, **asdict(quality(runs))} for tuner, runs in by_tuner.items()]
                for family, by_tuner in families.items()
            },
        }
        print(json.dumps(document, indent=1))
        return
    print(f"{len(functions)} functions, {options.seeds} seeds, strategy {options.strategy}, arch {options.arch}")
    print(_table(rows))
    if options.families:
        for family, by_tuner in sorted(families.items()):
            print(f"\n{family}")
            print(_table([{"tuner": tuner, **asdict(quality(runs))} for tuner, runs in by_tuner.items()]))


def _functions(options: argparse.Namespace) -> list[Function]:
    records = read_curves(options.curves) if options.curves else generated_records(options.seed, options.per_family)
    if options.arch == "both":
        return paired_functions(records, options.seed)
    return single_functions(records, None if options.arch == "own" else Architecture(options.arch))


def _table(rows: Sequence[dict[str, Any]]) -> str:
    header = "tuner       regret mean  median     p90  expected  after ties  cost (C*)  invocations  coverage"
    lines = [f"{header}  CPU s/decision"]
    for row in rows:
        coverage, expected = row["coverage"], row["expected_regret_mean"]
        held = "-" if coverage is None else f"{coverage:.1%}"
        reckoned = "-" if expected is None else f"{expected:.2%}"
        lines.append(
            f"{row['tuner']:<10} {row['regret_mean']:12.2%} {row['regret_median']:7.2%} {row['regret_p90']:7.2%} "
            f"{reckoned:>9} {row['regret_after_ties_mean']:11.2%} {row['search_cost']:10.1f} "
            f"{row['invocations']:12.1f} {held:>9} {row['cpu_seconds_per_decision']:15.3f}"
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search",
        description="How good the search is on functions whose truth is known.",
        epilog="Regrets are fractions of the true optimum, costs are in invocations at it (C*).",
    )
    parser.add_argument("--curves", type=Path, help="JSON file of published curves; without it, made-up families")
    parser.add_argument("--seeds", type=int, default=1, help="searches of each function (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed, also of made-up curves (default 0)")
    parser.add_argument("--strategy", choices=[str(name) for name in StrategyName], default="cost")
    parser.add_argument("--balanced-weight", type=float, default=0.5)
    parser.add_argument(
        "--arch",
        choices=["own", *(str(a) for a in Architecture), "both"],
        default="own",
        help="own: each curve for itself (default); both: pairs, the missing partner made up",
    )
    names = ["adaptive", *(f"grid-{runs}" for runs in GRID_RUNS)]
    parser.add_argument("--tuners", default=",".join(names), help=f"comma-separated (default {','.join(names)})")
    parser.add_argument("--per-family", type=int, default=12, help="made-up curves of each family (default 12)")
    parser.add_argument("--families", action="store_true", help="a table for each family as well")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    return parser


if __name__ == "__main__":
    main()
