"""How often a trend of results shows a change of its level, and how often the result after it is called worse.

Run: python -m benchmarks.regression.trends --runs FILE [FILE …] [--family NAME …] [--repetitions 50] [--format json]

A trend is eight results, each built from runs of one curve. A session as a whole is longer or shorter at random.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.regression.intervals import result_of
from benchmarks.regression.on_real_runs import families
from benchmarks.regression.real_runs import Curve, read_curves
from tuner.comparison.change_points import change_points, compare_with_level
from tuner.comparison.question import Question
from tuner.comparison.verdicts import Verdict
from tuner.documents.result import ResultDocument

RESULTS, RUNS, ENVIRONMENTS = 8, 20, 4
CHANGED_AT = 5
"""The result from which on a slowdown holds."""
SESSION_SDS = (0.0, 0.01, 0.03)
"""Spread of sessions, in log units."""
SLOWDOWNS = (1.0, 1.05, 1.3)
"""No change, the threshold itself, and a change that is worth a mark."""
FURTHER = 1.25
"""A further slowdown, after one that was accepted."""


@dataclass(frozen=True, slots=True)
class TrendRow:
    """Trends of one family.

    Attributes:
        marked: share of trends with any change before the slowdown, or anywhere without one.
        found: share of trends in which the first result with the slowdown or the one after it is marked as worse.
        alarms: share of trends whose next result, at the level of the last one, is called worse.
        further: the same where it is `FURTHER` times as long.
    """

    family: str
    session_sd: float
    slowdown: float
    trends: int
    marked: float
    found: float
    alarms: float
    further: float

    @property
    def error(self) -> float:
        """Standard error of `marked` and `alarms` by chance, at 5%."""
        return math.sqrt(0.05 * 0.95 / self.trends)


def marks(curve: Curve, session_sd: float, slowdown: float, rng: np.random.Generator) -> tuple[bool, ...]:
    """Whether a trend is marked where nothing changed, and where the slowdown begins; whether what follows is worse."""

    def made(number: int, factor: float) -> ResultDocument:
        session = math.exp(session_sd * rng.standard_normal())
        created_at = f"2026-09-{number + 1:02}T10:00:00Z"
        return result_of(curve, RUNS, rng, environments=ENVIRONMENTS, factor=session * factor, created_at=created_at)

    results = [made(number, slowdown if number >= CHANGED_AT else 1.0) for number in range(RESULTS)]
    following = (made(RESULTS, slowdown * further) for further in (1.0, FURTHER))
    worse = [compare_with_level(results, later, Question()).verdict is Verdict.WORSE for later in following]
    found = change_points(results, Question())
    marked = any(change.number < CHANGED_AT or slowdown <= 1 + Question().threshold for change in found)
    at_once = any(change.number in (CHANGED_AT, CHANGED_AT + 1) and change.verdict is Verdict.WORSE for change in found)
    return marked, at_once, *worse


def rows(curves: Sequence[Curve], repetitions: int, seed: int) -> Iterator[TrendRow]:
    """Every family with every spread of sessions and every slowdown."""
    for family, own in families(curves).items():
        for session_sd in SESSION_SDS:
            for slowdown in SLOWDOWNS:
                rng = np.random.default_rng([seed, *family.encode(), round(1000 * session_sd), round(100 * slowdown)])
                order = rng.permutation(len(own))
                found = [marks(own[order[n % len(own)]], session_sd, slowdown, rng) for n in range(repetitions)]
                shares = np.array(found, dtype=float).mean(axis=0)
                yield TrendRow(family, session_sd, slowdown, repetitions, *map(float, shares))


def main() -> None:
    """Count the marks and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="Files of single runs.")
    parser.add_argument("--repetitions", type=int, default=50, help="Trends of each family and case.")
    parser.add_argument("--family", action="append", help="Name of a family; may be repeated. Default: all.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    arguments = parser.parse_args()
    found = []
    curves = [curve for path in arguments.runs for curve in read_curves(path)]
    asked = [curve for curve in curves if not arguments.family or curve.family in arguments.family]
    for row in rows(asked, arguments.repetitions, arguments.seed):
        found.append(row)
        if arguments.format == "text":
            print(
                f"{row.family:18s} sessions {row.session_sd:.0%}  x{row.slowdown:.2f}  marked {row.marked:.3f} "
                f"+- {row.error:.3f}  found {row.found:.3f}  next: alarms {row.alarms:.3f}  "
                f"x{FURTHER:.2f} found {row.further:.3f}",
                flush=True,
            )
    if arguments.format == "json":
        print(json.dumps([asdict(row) for row in found], indent=1))


if __name__ == "__main__":
    main()
