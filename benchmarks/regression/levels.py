"""Chooses the levels of the intervals of measured means on real runs, and tells what they cover where they had no part.

Run: python -m benchmarks.regression.levels --runs FILE [FILE …] [--repetitions 400] [--output FILE.json]

For each source of runs, the levels are chosen on the other sources alone: those whose worst family and number of runs
lies farthest inside 90 to 99%, among those that keep the intervals of steady functions narrow. The coverage that is
printed of a family is of levels, and of a table of slow runs, that were chosen without its source.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.regression.intervals import (
    RUNS,
    STEADY,
    drawn_runs,
    error_by_functions,
    slow_runs_without,
    source,
    steady_width,
)
from benchmarks.regression.real_runs import Curve, Floats, read_curves
from tuner.estimation.means.skewness import Levels
from tuner.estimation.robust_statistics import MEASURED_LEVELS, draw_means, fit_noise, slow_runs_of_others
from tuner.estimation.slow_runs import SlowRuns

CANDIDATES = tuple(
    Levels(below, steady, above)
    for below, steady, above in product(
        (0.03, 0.035, 0.04, 0.0425, 0.045, 0.0475, 0.05, 0.055, 0.06),
        (0.015, 0.02, 0.025, 0.03, 0.035),
        (0.003, 0.005, 0.0075, 0.01, 0.015),
    )
)
LEAST, MOST = 0.9, 0.99
WIDEST = 2.0
"""How many times as wide they may be."""


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """Results of one family at one number of runs.

    Attributes:
        family, runs: whose they are.
        curve: number of the curve of each result, shape (R,).
        below, above: whether each interval ends below the truth, or begins above it, shape (levels, R).
        width: of each interval over the truth, shape (levels, R).
        steady: whether the function of each result is, shape (R,).
    """

    family: str
    runs: int
    curve: NDArray[np.intp]
    below: NDArray[np.bool_]
    above: NDArray[np.bool_]
    width: Floats
    steady: NDArray[np.bool_]

    @property
    def held(self) -> Floats:
        """Share of intervals that hold the truth, at each of the levels."""
        return np.asarray(1 - (self.below | self.above).mean(axis=1))

    @property
    def margin(self) -> Floats:
        """How far inside its bounds the share lies."""
        return np.minimum(self.held - LEAST, MOST - self.held)

    @property
    def steady_width(self) -> Floats:
        """Median width of the steady functions over the former one; 0 where most are not steady."""
        return np.array([steady_width(width, self.steady, self.runs) or 0.0 for width in self.width])

    def error(self, at: int) -> tuple[float, float]:
        """Standard errors of the share by the draws and by the functions."""
        holds = np.asarray(~(self.below | self.above)[at], dtype=np.float64)
        share = float(holds.mean())
        return math.sqrt(share * (1 - share) / len(holds)), error_by_functions(holds, self.curve) or math.inf


def cell(
    own: Sequence[Curve], runs: int, usual: SlowRuns, repetitions: int, seed: int, levels: Sequence[Levels]
) -> Cell:
    """Draw results of the curves of one family."""
    rng = np.random.default_rng([seed, runs, *own[0].family.encode()])
    numbers = np.arange(repetitions) % len(own)
    found, truth = [], []
    for number in numbers:
        curve = own[int(number)]
        drawn = drawn_runs(curve, runs, rng)
        noise, (slow,) = fit_noise([drawn]), slow_runs_of_others([drawn], usual)
        durations = [run.duration_ms or 0.0 for run in drawn]
        found.append(draw_means(durations, [run.environment for run in drawn], noise, slow).intervals(levels))
        truth.append(float(curve.duration_ms.mean()))
    low, high = np.moveaxis(np.array(found), (0, 1, 2), (2, 1, 0))
    steady = np.array([curve.spread <= STEADY for curve in own])[numbers]
    mean = np.array(truth)
    return Cell(own[0].family, runs, numbers, high < mean, low > mean, (high - low) / mean, steady)


def chosen(cells: Sequence[Cell]) -> int:
    """The levels whose worst cell lies farthest inside its bounds, of those that keep steady intervals narrow."""
    margin = np.min([one.margin for one in cells], axis=0)
    widest = np.max([one.steady_width for one in cells], axis=0)
    narrow = widest <= max(WIDEST, float(widest.min()))
    return int(np.argmax(np.where(narrow, margin, -np.inf)))


def main() -> None:
    """Choose the levels without each source, and print what they cover there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="Files of single runs.")
    parser.add_argument("--repetitions", type=int, default=400, help="Results of each family and number of runs.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="JSON file of the cells.")
    arguments = parser.parse_args()
    grouped: dict[str, list[Curve]] = defaultdict(list)
    curves = [curve for path in arguments.runs for curve in read_curves(path)]
    for curve in curves:
        grouped[curve.family].append(curve)
    levels = (*CANDIDATES, MEASURED_LEVELS)
    usual = {name: slow_runs_without(curves, name) for name in sorted({source(family) for family in grouped})}
    cells = [
        cell(own, runs, usual[source(family)], arguments.repetitions, arguments.seed, levels)
        for family, own in sorted(grouped.items())
        for runs in RUNS
    ]
    rows = []
    for name in usual:
        at = chosen([one for one in cells if source(one.family) != name])
        print(f"without {name}: {levels[at]}")
        for one in (one for one in cells if source(one.family) == name):
            by_draws, by_functions = one.error(at)
            row = {
                "family": one.family,
                "runs": one.runs,
                "levels": asdict(levels[at]),
                "held": float(one.held[at]),
                "below": float(one.below[at].mean()),
                "above": float(one.above[at].mean()),
                "error_by_draws": by_draws,
                "error_by_functions": by_functions,
                "steady_width_over_former": float(one.steady_width[at]),
                "held_at_levels_in_use": float(one.held[-1]),
            }
            rows.append(row)
            print(
                f"  {one.family:15s} {one.runs:2d} runs: {row['held']:.3f} +- {by_draws:.3f} by draws, "
                f"+- {by_functions:.3f} by functions; truth above {row['below']:.3f}, below {row['above']:.3f}; "
                f"steady width {row['steady_width_over_former']:.2f} of the former; in use {one.held[-1]:.3f}"
            )
    print(f"with all: {levels[chosen(cells)]}")
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
