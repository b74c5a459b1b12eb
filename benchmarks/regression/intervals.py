"""How often the intervals of mean duration and cost in results hold the truth, on real runs.

Run: python -m benchmarks.regression.intervals --runs FILE [FILE …] [--leave-out] [--repetitions 40] [--format json]

The intervals are those that a result states of a few runs of one curve, drawn with replacement. Where a file tells
environments, each environment of a result is one of them, and its runs are neighbours there. The truth is the mean of
all its runs. With --leave-out, what is known of slow runs comes from the other sources alone.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.regression.real_runs import Curve, Floats, configuration, read_curves
from benchmarks.slow_runs import FACTORS, SHARES, SPREADS, fit
from tuner.documents.result import ResultDocument
from tuner.documents.result_builder import build_result
from tuner.estimation.robust_statistics import MEASURED_UNSEEN, fit_noise, slow_runs_of_others, statistics
from tuner.estimation.slow_runs import SlowRuns, usual_slow_runs, with_missed_cells
from tuner.model import (
    BackendKind,
    Configuration,
    FunctionIdentity,
    Invocation,
    Objective,
    Outcome,
    Sample,
    SamplerName,
    SearchSpace,
    Trial,
)
from tuner.pricing.price_list import price_list
from tuner.search.grid import GridSampler
from tuner.search.study import Study
from tuner.settings import Settings

RUNS = (3, 6, 12, 24)
PRICES = price_list("us-east-1")
LEAST_ENVIRONMENTS, RUNS_IN_EACH = 3, 4


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often the intervals of one family hold the truth, and their width as a fraction of it."""

    family: str
    runs: int
    results: int
    duration: float
    cost: float
    width: float

    @property
    def error(self) -> float:
        """Standard error of the shares by chance."""
        return math.sqrt(0.95 * 0.05 / self.results)


def sampled(trial: Trial, curve: Curve, rng: np.random.Generator, factor: float = 1.0) -> Sample:
    """The runs that a trial asks for, drawn from a curve, all of them `factor` times as long."""
    runs = []
    for number in range(trial.environments):
        for ms in factor * environment(curve, trial.runs_per_environment, rng):
            run = Invocation(Outcome.OK, f"e{number}", round(float(ms), 2), math.ceil(ms), max_memory_used_mb=70)
            runs.append(run)
    return Sample(trial.id, trial.configuration, tuple(runs))


def environment(curve: Curve, runs: int, rng: np.random.Generator) -> Floats:
    """So many runs of one environment: neighbours where the file tells environments, else any."""
    if not curve.environments:
        return rng.choice(curve.duration_ms, runs)
    labels = np.array(curve.environments)
    first = int(rng.integers(len(labels)))
    own = np.flatnonzero(labels == labels[first])
    return np.asarray(curve.duration_ms[own[(np.searchsorted(own, first) + np.arange(runs)) % len(own)]])


def result_of(
    curve: Curve,
    runs: int,
    rng: np.random.Generator,
    *,
    environments: int,
    factor: float = 1.0,
    created_at: str = "2026-09-01T10:00:00Z",
) -> ResultDocument:
    """A result that was built from a few runs of a curve, all of them `factor` times as long."""
    where = configuration(curve)
    space = SearchSpace((where.memory_mb,), (where.architecture,), listed=True)
    study = Study(space, GridSampler(runs, environments), Objective(), PRICES)
    while trials := study.ask():
        for trial in trials:
            study.tell(sampled(trial, curve, rng, factor))
    identity = FunctionIdentity("function", BackendKind.SIMULATED)
    settings = Settings("function", sampler=SamplerName.GRID, runs=runs, environments=environments)
    return build_result(study, identity, settings, created_at=created_at, seconds=1.0)


def source(family: str) -> str:
    """What a family shares with others of the same publisher, such as its cold runs."""
    found = re.match(r"[a-z]+", family)
    return found[0] if found else family


def slow_runs_without(curves: Sequence[Curve], left_out: str) -> SlowRuns:
    """What the curves of all other sources tell of slow runs."""
    weights = fit([curve for curve in curves if source(curve.family) != left_out])
    spreads, shares, factors = (np.array(values) for values in (SPREADS, SHARES, FACTORS))
    unseen, unusual = MEASURED_UNSEEN
    return with_missed_cells(spreads, shares, factors, weights, unseen=unseen, unusual=unusual)


def holds(curve: Curve, runs: int, usual: SlowRuns, rng: np.random.Generator) -> tuple[bool, bool, float]:
    """Whether the intervals of duration and cost hold the truth, and the width of the first."""
    where = configuration(curve)
    environments = min(runs, max(LEAST_ENVIRONMENTS, runs // RUNS_IN_EACH))
    drawn = sampled(Trial(1, where, environments, runs // environments), curve, rng).invocations
    noise, (slow,) = fit_noise([drawn]), slow_runs_of_others([drawn], usual)
    labels = [run.environment for run in drawn]
    durations = [run.duration_ms or 0.0 for run in drawn]
    duration = statistics(durations, labels, noise, slow)
    cost = statistics([_bill(where, ms) for ms in durations], labels, noise, slow)
    mean = float(curve.duration_ms.mean())
    bill = float(np.mean([_bill(where, ms) for ms in curve.duration_ms]))
    inside = duration.low <= mean <= duration.high, cost.low <= bill <= cost.high
    return *inside, (duration.high - duration.low) / mean


def _bill(where: Configuration, ms: float) -> float:
    return PRICES.invocation_cost(where, math.ceil(ms))


def coverage(
    curves: Sequence[Curve], repetitions: int, seed: int, *, leave_out: bool, wanted: Collection[str] = ()
) -> Iterator[Coverage]:
    """The coverage of every family at every number of runs.

    Args:
        curves: of all families; those of the others tell of slow runs.
        repetitions: results of each family and number of runs.
        seed: of all draws.
        leave_out: whether what is known of slow runs comes from the other sources alone.
        wanted: families to measure; empty: all.
    """
    grouped: dict[str, list[Curve]] = defaultdict(list)
    for curve in curves:
        grouped[curve.family].append(curve)
    for family, own in sorted(grouped.items()):
        if wanted and family not in wanted:
            continue
        usual = slow_runs_without(curves, source(family)) if leave_out else usual_slow_runs(*MEASURED_UNSEEN)
        for runs in RUNS:
            rng = np.random.default_rng([seed, runs, *family.encode()])
            order = rng.permutation(len(own))
            found = np.array([holds(own[order[n % len(own)]], runs, usual, rng) for n in range(repetitions)], float)
            means = found.mean(axis=0)
            width = float(np.median(found[:, 2]))
            yield Coverage(family, runs, repetitions, float(means[0]), float(means[1]), width)


def main() -> None:
    """Measure the coverage and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="Files of single runs.")
    parser.add_argument("--repetitions", type=int, default=40, help="Results of each family and number of runs.")
    parser.add_argument(
        "--family", action="append", default=[], help="Measure this one; may be repeated. Default: all."
    )
    parser.add_argument("--leave-out", action="store_true", help="Learn slow runs from the other sources alone.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    arguments = parser.parse_args()
    found = []
    curves = [curve for path in arguments.runs for curve in read_curves(path)]
    options = {"leave_out": arguments.leave_out, "wanted": arguments.family}
    for row in coverage(curves, arguments.repetitions, arguments.seed, **options):
        found.append(row)
        if arguments.format == "text":
            print(
                f"{row.family:18s} {row.runs:3d} runs  duration {row.duration:.3f}  cost {row.cost:.3f} "
                f"+- {row.error:.3f}  width {row.width:.1%}",
                flush=True,
            )
    if arguments.format == "json":
        print(json.dumps([asdict(row) for row in found], indent=1))


if __name__ == "__main__":
    main()
