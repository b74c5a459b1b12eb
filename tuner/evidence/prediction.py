"""What past runs at one or a few sizes say of all sizes, and whether that allows a recommendation.

A recommendation is made only where a saving of more than 5% is likely. Everything else is told as
chances and bounds. Knows nothing of where the runs were read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.belief import LEVEL, Belief
from tuner.estimation.estimate import candidates, fit
from tuner.estimation.measured_belief import measured_belief
from tuner.estimation.observations import hardly_waits
from tuner.model import Configuration, Interval, Objective, Sample, SearchSpace
from tuner.pricing.price_list import PriceList
from tuner.search.recommendation import objective_best, regret
from tuner.search.strategies import objective_values

WORTH_CHANGING = 0.05
"""A smaller saving is not worth a change that was never measured."""
LIKELY = 0.8
"""Chance of such a saving from which on a size is recommended without a trial."""
LIKELY_BY_PRIOR = 0.95
"""The same where one size was seen: the runs say nothing of the slope, and the chance is that of functions in
general. CPU time tells it of a function that works, but not whether one that waits does so longer with less memory.
Between 0.8 and 0.9 such chances came true for 0.82 of the published curves."""
SMALL_MB = 512
"""One size of up to so many MB tells less than its curve says: functions slow down at small sizes for more reasons than
their CPU share, and gain by more of it in more ways."""
MISLED = 2 / 3
"""Share of the published curves whose saving was then as likely as that of any function. By likelihood over 92 of them,
with CPU time, it is 0.66, and 0.55 to 0.76 with any family left out; for larger sizes it is 0."""
SMALL_SAVES, SMALL_COSTS = 0.24, 0.21
"""Shares of published functions at 256 and 512 MB that save more than 5% with half the memory, and that cost more."""
SMALL_SAVINGS = (
    *(-0.17, -0.10, -0.06, -0.05, -0.05, -0.03, -0.03, -0.02, -0.02, -0.01),
    *(-0.01, 0.00, 0.00, 0.01, 0.01, 0.02, 0.03, 0.05, 0.08, 0.18),
)
"""What they save: 20 functions that stand for 313 pairs of sizes of the published curves, each family alike."""
HARMLESS = 0.05
"""Chance at most that a recommended size costs more than 5% more."""
ALIKE = 0.005
"""Expected regrets that are told by so little are taken for equal: the fastest size is then the best guess."""
UNFIT = (ArithmeticError, ValueError, np.linalg.LinAlgError)
"""What a fit may end in."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What is believed of every size from past runs, and what follows.

    Attributes:
        belief: joint draws of every candidate.
        current: the configuration in use.
        best: the candidate with the smallest expected regret; where several are alike, the fastest.
        recommended: of the candidates that are likely to save more than 5% over `current` and hardly ever cost more,
            the one with the smallest expected regret. Without CPU time it lies between sizes that ran. None: no one.
        chance_of_saving: that `recommended`, or else `best`, saves more than 5% under the objective.
        saving: of the same over `current` under the objective, a fraction with its interval.
        chances: of each candidate of the belief, that it saves more than 5%.
    """

    belief: Belief
    current: Configuration
    best: Configuration
    recommended: Configuration | None
    chance_of_saving: float
    saving: Interval
    chances: tuple[float, ...]


def predict(
    samples: Sequence[Sample],
    space: SearchSpace,
    current: Configuration,
    objective: Objective,
    prices: PriceList,
    *,
    seed: int = 0,
) -> Prediction | None:
    """What the samples say of every size of the space; None where nothing can be said.

    Args:
        samples: past runs, at `current` and wherever else there are any.
        space: the configurations to judge.
        current: the configuration in use.
        objective: what to minimise.
        prices: of an invocation.
        seed: of the draws.
    """
    belief = _belief(samples, space, current, prices, seed)
    index = belief.index(current)
    if index is None:
        return None
    values = objective_values(belief.duration_ms, belief.cost_usd, objective)
    saved = 1 - values / values[:, [index]]
    chance, harm = (saved > WORTH_CHANGING).mean(axis=0), (saved < -WORTH_CHANGING).mean(axis=0)
    small = _is_one_small_size(samples)
    if small:
        others = np.arange(len(chance)) != index
        chance[others] = (1 - MISLED) * chance[others] + MISLED * SMALL_SAVES
        harm[others] = (1 - MISLED) * harm[others] + MISLED * SMALL_COSTS
    likely = LIKELY if _shows_a_slope(samples) else LIKELY_BY_PRIOR
    safe = (chance >= likely) & (harm <= HARMLESS)
    if not _knows_cpu_time(samples):
        safe &= _is_between(belief.candidates, samples)
    best = objective_best(belief, objective, alike=ALIKE)
    chosen = int(np.where(safe, regret(belief, objective).mean(axis=0), np.inf).argmin()) if safe.any() else None
    told = best if chosen is None else chosen
    return Prediction(
        belief,
        current,
        belief.candidates[best],
        None if chosen is None else belief.candidates[chosen],
        float(chance[told]),
        _interval(saved[:, told], misled=MISLED if small and told != index else 0.0),
        tuple(map(float, chance)),
    )


def _belief(
    samples: Sequence[Sample], space: SearchSpace, current: Configuration, prices: PriceList, seed: int
) -> Belief:
    possible, _ = candidates(samples, space, prices, current)
    try:
        return fit(samples, space, prices, seed=seed, current=current).belief(possible)
    except UNFIT:
        return measured_belief(samples, prices, seed=seed, space=space)


def _shows_a_slope(samples: Sequence[Sample]) -> bool:
    """Whether runs tell how the duration changes with memory: several sizes do, and CPU time of a busy function."""
    usable = {sample.configuration for sample in samples if any(run.usable for run in sample.invocations)}
    return len(usable) > 1 or hardly_waits(samples)


def _is_one_small_size(samples: Sequence[Sample]) -> bool:
    """Whether the only size that runs are known of is a small one."""
    usable = {sample.configuration for sample in samples if any(run.usable for run in sample.invocations)}
    return len(usable) == 1 and all(one.memory_mb <= SMALL_MB for one in usable)


def _knows_cpu_time(samples: Sequence[Sample]) -> bool:
    """Whether CPU time tells work from waiting."""
    return any(run.usable and run.cpu_ms for sample in samples for run in sample.invocations)


def _is_between(candidates: Sequence[Configuration], samples: Sequence[Sample]) -> NDArray[np.bool_]:
    """Which candidates are not beyond the smallest and the largest size with a usable run.

    Beyond them a curve is the prior's: short functions, whose CPU quota makes steps, differ most from it.
    """
    seen = [s.configuration.memory_mb for s in samples if any(run.usable for run in s.invocations)]
    sizes = np.array([candidate.memory_mb for candidate in candidates])
    return np.asarray((min(seen) <= sizes) & (sizes <= max(seen)))


def _interval(saved: NDArray[np.float64], *, misled: float) -> Interval:
    """Mean and interval of a saving which, with the chance `misled`, is that of any function instead."""
    others = np.array(SMALL_SAVINGS if misled else ())
    values = np.concatenate([saved, others])
    weights = np.repeat([(1 - misled) / len(saved), misled / max(1, len(others))], [len(saved), len(others)])
    order = np.argsort(values, kind="stable")
    middle = np.cumsum(weights[order]) - weights[order] / 2
    low, high = np.interp([(1 - LEVEL) / 2, (1 + LEVEL) / 2], middle, values[order])
    return Interval(float(weights @ values), float(low), float(high), LEVEL)
