"""Searches of known functions by several tuners, the same noise for all of them.

The adaptive tuner is the one that `tuner tune` uses, driven by the same study; the grids
are the peer's, with the peer's statistic and choice.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from benchmarks.search.peer import peer_choice, peer_space
from benchmarks.search.truth import Floats, Function
from benchmarks.search.world import Noise, World, truth_of
from tuner.estimation.belief import Belief
from tuner.model import Objective, SearchSpace
from tuner.pricing.price_list import PriceList
from tuner.search.adaptive import AdaptiveSampler
from tuner.search.recommendation import expected_regret, objective_best, recommend
from tuner.search.samplers import GridSampler
from tuner.search.study import Study
from tuner.simulated.regret import SearchRun, Truth

GRID_RUNS = (5, 10, 50)
"""Runs per size of the peer's grids (`num`)."""
Tuner = Callable[[Function, Objective, PriceList, World, Truth, int], SearchRun]


def tuners() -> dict[str, Tuner]:
    """Every tuner of the benchmark, by name."""
    return {"adaptive": adaptive, **{f"grid-{runs}": _grid(runs) for runs in GRID_RUNS}}


def run_all(
    functions: Sequence[Function],
    objective: Objective,
    prices: PriceList,
    *,
    seeds: Iterable[int],
    names: Sequence[str],
    noise: Noise | None = None,
) -> Iterator[tuple[str, str, SearchRun]]:
    """Search every function with every tuner and seed; yields (tuner, function, run)."""
    noise = noise or Noise()
    chosen = {name: tuner for name, tuner in tuners().items() if name in names}
    for seed in seeds:
        for function in functions:
            truth = truth_of(function, objective, prices, noise)
            for name, tuner in chosen.items():
                rng = np.random.default_rng((zlib.crc32(function.id.encode()), seed))
                yield name, function.id, tuner(function, objective, prices, World(function, noise, rng), truth, seed)


def adaptive(
    function: Function, objective: Objective, prices: PriceList, world: World, truth: Truth, seed: int
) -> SearchRun:
    """The tuner itself, over the whole range of sizes."""
    space = SearchSpace(function.bounds_mb, tuple(function.curves))
    study = Study(space, AdaptiveSampler(), objective, prices, seed=seed)
    decisions, cpu_seconds = _drive(study, world)
    begun = time.process_time()
    belief = study.belief()
    choice = recommend(belief, objective, prices)
    cpu_seconds += time.process_time() - begun
    best = objective_best(belief, objective)
    return SearchRun(
        family=function.family,
        regret=truth.regret(belief.candidates[best]),
        regret_after_ties=truth.regret(choice.configuration),
        expected_regret=expected_regret(belief, objective, best),
        search_cost=study.spent.usd / truth.best_cost_usd,
        invocations=study.spent.invocations,
        coverage=_coverage(belief, truth),
        decisions=decisions + 1,
        cpu_seconds=cpu_seconds,
    )


def _grid(runs: int) -> Tuner:
    def grid(
        function: Function, objective: Objective, prices: PriceList, world: World, truth: Truth, seed: int
    ) -> SearchRun:
        # One environment per size: the peer's default is to invoke in series.
        sampler = GridSampler(runs, environments=1)
        study = Study(peer_space(function.bounds_mb, function.curves), sampler, objective, prices, seed=seed)
        decisions, cpu_seconds = _drive(study, world)
        begun = time.process_time()
        chosen = peer_choice(study.samples, objective, prices)
        cpu_seconds += time.process_time() - begun
        regret = truth.regret(chosen)
        return SearchRun(
            family=function.family,
            regret=regret,
            regret_after_ties=regret,
            expected_regret=None,
            search_cost=study.spent.usd / truth.best_cost_usd,
            invocations=study.spent.invocations,
            coverage=None,
            decisions=decisions + 1,
            cpu_seconds=cpu_seconds,
        )

    return grid


def _drive(study: Study, world: World) -> tuple[int, float]:
    """Run a study to its end: decisions made, and their CPU time."""
    decisions, cpu_seconds = 0, 0.0
    while True:
        begun = time.process_time()
        trials = study.ask()
        cpu_seconds += time.process_time() - begun
        decisions += 1
        if not trials:
            return decisions, cpu_seconds
        for sample in world.measure(trials):
            study.tell(sample)


def _coverage(belief: Belief, truth: Truth) -> float:
    """Share of the intervals of duration and cost, of every candidate, that hold the true mean."""
    position = [truth.index(candidate) for candidate in belief.candidates]
    held = [
        _held(belief.duration_ms, truth.duration_ms[position]),
        _held(belief.cost_usd, truth.cost_usd[position]),
    ]
    return float(np.mean(held))


def _held(draws: Floats, true: Floats) -> Floats:
    low, high = np.quantile(draws, (0.025, 0.975), axis=0)
    return np.asarray((low <= true) & (true <= high), dtype=np.float64)
