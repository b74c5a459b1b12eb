"""How often the intervals of mean duration and cost in results hold the truth, on real runs.

Run: python -m benchmarks.regression.intervals --runs FILE [FILE …] [--leave-out] [--results 400] [--format json]
     python -m benchmarks.regression.intervals --short   (simulated functions of a few milliseconds)

The intervals are those that a result states of a few runs of one curve, drawn with replacement. Where a file tells
environments, each environment of a result is one of them, and its runs are neighbours there. Elsewhere runs are drawn
one by one, so that each has an environment of its own. The truth is the mean of all its runs. With --leave-out, what is
known of slow runs comes from the other sources alone (`levels.py` leaves a source out of the levels as well).

A share of results has two errors. That of the draws says how well it is known for these very runs; more results lower
it. That of the functions says how far other functions of the same kind may have another share.
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
from numpy.typing import NDArray

from benchmarks.regression.real_runs import Curve, Floats, configuration, read_curves
from benchmarks.regression.short_functions import short_functions
from benchmarks.slow_runs import FACTORS, SHARES, SPREADS, fit
from tuner.documents.result import ResultDocument
from tuner.documents.result_builder import build_result
from tuner.estimation.robust_statistics import (
    MEASURED_UNSEEN,
    billed_statistics,
    fit_noise,
    slow_runs_of_others,
    statistics,
)
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

RESAMPLES = 200
"""Behind the errors of a median width."""
STEADY = 0.05
"""Functions whose runs spread by at most this are steady (log units), and so are families of which most are."""
FORMER_WIDTH = {3: 0.165, 6: 0.094, 12: 0.062, 24: 0.042}
"""Width of the intervals of steady functions when they had no room for slow runs that were not seen (medians on these
families at 10a4c55)."""


@dataclass(frozen=True, slots=True)
class Share:
    """How often the intervals of one figure hold the truth, and on which side they miss it.

    Attributes:
        held: share of the intervals that hold it.
        low, high: 95% interval of that share by the draws (Clopper and Pearson).
        by_functions: standard error by which functions these are; None for one function.
        below, above: shares of the intervals that end below the truth, or begin above it.
    """

    held: float
    low: float
    high: float
    by_functions: float | None
    below: float
    above: float

    @classmethod
    def of(cls, below: Floats, above: Floats, functions: NDArray[np.intp]) -> Share:
        """Of misses on either side (0 or 1) and the number of the function, one for each result."""
        from scipy.stats import beta  # takes a second to import

        holds = 1 - below - above
        among, results = float(holds.sum()), len(holds)
        low = float(beta.ppf(0.025, among, results - among + 1)) if among > 0 else 0.0
        high = float(beta.ppf(0.975, among + 1, results - among)) if among < results else 1.0
        error = error_by_functions(holds, functions)
        return cls(among / results, low, high, error, float(below.mean()), float(above.mean()))


def error_by_functions(holds: Floats, functions: NDArray[np.intp]) -> float | None:
    """Standard error of a mean over functions, whose shares differ; None for one function.

    Args:
        holds: 1 or 0 for each result, shape (R,).
        functions: number of the function of each, shape (R,).
    """
    of_each = [float(holds[functions == number].mean()) for number in np.unique(functions)]
    return float(np.std(of_each, ddof=1) / math.sqrt(len(of_each))) if len(of_each) > 1 else None


def steady_width(width: Floats, steady: NDArray[np.bool_], runs: int) -> float | None:
    """Median width of results of steady functions over the former one; None where most functions are not steady."""
    return float(np.median(width[steady])) / FORMER_WIDTH[runs] if steady.mean() > 1 / 2 else None


@dataclass(frozen=True, slots=True)
class Width:
    """How wide the intervals of steady functions are.

    Attributes:
        over_former: see `steady_width`.
        error: standard error of that by the draws.
        by_functions: standard error by which functions these are.
    """

    over_former: float
    error: float
    by_functions: float

    @classmethod
    def of(cls, width: Floats, steady: NDArray[np.bool_], functions: NDArray[np.intp], runs: int) -> Width | None:
        """Of results with their widths; None where most functions are not steady. Both errors are bootstrapped."""
        over_former = steady_width(width, steady, runs)
        if over_former is None:
            return None
        rng = np.random.default_rng(runs)
        of_each = [width[steady & (functions == number)] for number in np.unique(functions[steady])]

        def median(drawn: Sequence[Floats]) -> float:
            return float(np.median(np.concatenate(drawn))) / FORMER_WIDTH[runs]

        by_draws = [median([rng.choice(one, len(one)) for one in of_each]) for _ in range(RESAMPLES)]
        chosen = rng.integers(len(of_each), size=(RESAMPLES, len(of_each)))
        by_functions = [median([of_each[number] for number in numbers]) for numbers in chosen]
        return cls(over_former, float(np.std(by_draws)), float(np.std(by_functions)))


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often the intervals of one family hold the truth.

    Attributes:
        family: of the curves.
        runs: of each result.
        results: that were drawn.
        functions: curves that they were drawn from.
        duration, cost: see `Share`.
        width: of the interval of duration, as a fraction of the truth; median.
        steady: see `Width`; None where most functions are not steady.
    """

    family: str
    runs: int
    results: int
    functions: int
    duration: Share
    cost: Share
    width: float
    steady: Width | None


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


def drawn_runs(curve: Curve, runs: int, rng: np.random.Generator) -> tuple[Invocation, ...]:
    """The runs of one result."""
    environments = min(runs, max(LEAST_ENVIRONMENTS, runs // RUNS_IN_EACH)) if curve.environments else runs
    return sampled(Trial(1, configuration(curve), environments, runs // environments), curve, rng).invocations


def misses(curve: Curve, runs: int, usual: SlowRuns, rng: np.random.Generator) -> tuple[float, ...]:
    """Whether the intervals of duration and cost end below the truth or begin above it, and the width of the first."""
    where, drawn = configuration(curve), drawn_runs(curve, runs, rng)
    noise, (slow,) = fit_noise([drawn]), slow_runs_of_others([drawn], usual)
    labels = [run.environment for run in drawn]
    durations = [run.duration_ms or 0.0 for run in drawn]
    duration = statistics(durations, labels, noise, slow)
    billed = [float(run.billed_duration_ms or 0) for run in drawn]
    bills = billed_statistics(durations, billed, labels, noise, slow)
    cost = bills.each(lambda billed_ms: PRICES.invocation_cost(where, billed_ms))
    mean = float(curve.duration_ms.mean())
    bill = float(np.mean([_bill(where, ms) for ms in curve.duration_ms]))
    sides = duration.high < mean, duration.low > mean, cost.high < bill, cost.low > bill
    return *map(float, sides), (duration.high - duration.low) / mean


def _bill(where: Configuration, ms: float) -> float:
    return PRICES.invocation_cost(where, math.ceil(ms))


def coverage(
    curves: Sequence[Curve], results: int, seed: int, *, leave_out: bool, wanted: Collection[str] = ()
) -> Iterator[Coverage]:
    """The coverage of every family at every number of runs.

    Args:
        curves: of all families; those of the others tell of slow runs.
        results: of each family and number of runs.
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
            numbers = np.arange(results) % len(own)
            found = np.array([misses(own[int(number)], runs, usual, rng) for number in numbers])
            duration, cost = (Share.of(found[:, at], found[:, at + 1], numbers) for at in (0, 2))
            steady = np.array([curve.spread <= STEADY for curve in own])[numbers]
            narrow = Width.of(found[:, 4], steady, numbers, runs)
            yield Coverage(family, runs, results, len(own), duration, cost, float(np.median(found[:, 4])), narrow)


def _shares(row: Coverage) -> tuple[tuple[str, Share], ...]:
    return ("duration", row.duration), ("cost", row.cost)


def main() -> None:
    """Measure the coverage and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--runs", type=Path, nargs="+", help="Files of single runs.")
    where.add_argument("--short", action="store_true", help="Simulated functions of a few milliseconds.")
    parser.add_argument("--results", type=int, default=400, help="Results of each family and number of runs.")
    parser.add_argument(
        "--family", action="append", default=[], help="Measure this one; may be repeated. Default: all."
    )
    parser.add_argument("--leave-out", action="store_true", help="Learn slow runs from the other sources alone.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    arguments = parser.parse_args()
    found = []
    curves = [curve for path in arguments.runs or () for curve in read_curves(path)]
    if arguments.short:
        curves = list(short_functions(arguments.seed))
    options = {"leave_out": arguments.leave_out, "wanted": arguments.family}
    for row in coverage(curves, arguments.results, arguments.seed, **options):
        found.append(row)
        if arguments.format == "text":
            shares = "  ".join(f"{n} {s.held:.3f} ({s.low:.3f} to {s.high:.3f})" for n, s in _shares(row))
            print(f"{row.family:15s} {row.runs:2d} runs  {shares}  width {row.width:.1%}", flush=True)
    if arguments.format == "json":
        print(json.dumps([asdict(row) for row in found], indent=1))


if __name__ == "__main__":
    main()
