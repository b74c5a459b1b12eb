"""Holds every claim of comparisons and intervals against real runs, with one command.

Run: python -m benchmarks.regression --runs FILE [FILE …] [--repetitions 25] [--output FILE.json]

Prints each claim with its figure, the standard error by chance, and its bound. A figure beyond its bound by at most two
standard errors leaves the claim open. The file holds the cases as well. It is
written after each case, so that a run which is cut off keeps what it found.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.regression import claims
from benchmarks.regression.claims import Check, State
from benchmarks.regression.exit_codes import exit_codes
from benchmarks.regression.intervals import coverage
from benchmarks.regression.on_real_runs import run_all
from benchmarks.regression.real_runs import Curve, read_curves

PARTS = ("exit codes", "duet", "documents", "intervals")


@dataclass(slots=True)
class Table:
    """What was found so far."""

    repetitions: int
    output: Path | None
    checks: list[Check] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)

    def add(self, case: dict[str, Any], checks: Iterator[Check]) -> None:
        """Print the claims that a case speaks of, and keep both."""
        self.cases.append(case)
        for check in checks:
            self.checks.append(check)
            print(_line(check), flush=True)
        if self.output:
            told = [asdict(check) | {"state": check.state} for check in self.checks]
            document = {"repetitions": self.repetitions, "claims": told, "cases": self.cases}
            self.output.write_text(json.dumps(document, indent=1) + "\n")


def fill(
    table: Table, curves: Sequence[Curve], parts: Sequence[str], seed: int, *, everything: bool, results: int
) -> None:
    """Run the parts.

    Args:
        table: takes what is found.
        curves: real runs.
        parts: of `PARTS`.
        seed: of all randomness.
        everything: whether to run cases that no claim speaks of as well.
        results: behind each interval's share.
    """
    if "exit codes" in parts:
        found = exit_codes(curves[0], seed)
        table.add({"method": "exit codes", "found": [asdict(one) for one in found]}, claims.of_exit_codes(found))
    methods = [part for part in parts if part in ("duet", "documents")]
    for entry in run_all(curves, table.repetitions, lambda name: everything or claims.wanted(name), methods, seed):
        table.add(asdict(entry), claims.of_entry(entry))
    if "intervals" in parts:
        for row in coverage(curves, results, seed, leave_out=True):
            table.add({"method": "intervals"} | asdict(row), claims.of_coverage(row))


def main() -> int:
    """Run everything and print it; 1 when a claim fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="Files of single runs.")
    parser.add_argument("--repetitions", type=int, default=25, help="Of each case in each family.")
    parser.add_argument("--results", type=int, default=400, help="Of each family and number of runs, for intervals.")
    parser.add_argument("--part", choices=PARTS, action="append", help="Default: all.")
    parser.add_argument("--everything", action="store_true", help="Cases that no claim speaks of as well.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file of claims and cases.")
    arguments = parser.parse_args()
    curves = [curve for path in arguments.runs for curve in read_curves(path)]
    table = Table(arguments.repetitions, arguments.output)
    options = {"everything": arguments.everything, "results": arguments.results}
    fill(table, curves, arguments.part or PARTS, arguments.seed, **options)
    states = Counter(check.state for check in table.checks)
    print(", ".join(f"{states[state]} {state}" for state in State))
    return 1 if states[State.FAILS] else 0


def _line(check: Check) -> str:
    sign = "<=" if check.at_most else ">="
    figure = f"{check.figure:7.3f} +- {check.error:.3f} {sign} {check.bound:.3f}"
    return f"{check.state:5s} {figure}  n {check.count:5d}  {check.claim}"


if __name__ == "__main__":
    raise SystemExit(main())
