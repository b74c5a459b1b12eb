"""Searches of functions whose curve is known: what the tuner finds, and what it loses.

Runs the same study and the same loop as on a real function. Tests, benchmarks and
`tuner simulate` search through `simulate` alone.
"""

from __future__ import annotations

import math
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tuner.estimation.belief import interval_bounds
from tuner.evidence.past_runs import settle, take_in
from tuner.model import Configuration, FunctionIdentity, Sample, Trial
from tuner.pricing.price_list import PriceList
from tuner.pricing.rounds import IN_AWS
from tuner.search.loop import run
from tuner.search.recommendation import expected_regret, objective_best, recommend
from tuner.search.sampler import Sampler
from tuner.search.setup import make_study
from tuner.search.study import Study
from tuner.settings import MemorySizes, Settings
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.curves import Floats
from tuner.simulated.truth import Truth, truth_of

PAST_ENVIRONMENTS = 10
"""Environments that past runs come from, one cold start in each."""
PAST_RUNS_PER_ENVIRONMENT = 10
"""Runs in each of them: 100 past runs in all."""


@dataclass(frozen=True, slots=True)
class SimulatedSearch:
    """One search of a known function: what was found, and what that loses against the truth.

    Attributes:
        function, family: which function, and of what kind.
        seed: of the noise and of the search.
        recommended: what is recommended; None: nothing could be.
        best: the true optimum.
        regret: of the objective's own best, before ties are given away; a fraction.
        regret_after_ties: of what is recommended.
        given_to_ties: part of it that was given away on purpose, as the tuner reckons.
        cost_ratio: true cost of what is recommended over that of the true optimum; None: nothing is recommended.
        expected_regret: of the objective's own best, as the tuner reckons; None: it does not say.
        search_cost: money spent, in invocations of the true optimum (C*); free runs cost nothing.
        invocations, rounds: made by the search.
        coverage: share of the 95% intervals of duration and cost that hold the true mean; None: none stated.
        cost_coverage: the same of cost alone.
        recommended_cost_covered: whether the interval of the recommended configuration's cost holds it.
        high_confidence: whether the result says that its confidence is high; None: it does not say.
        allowed: whether what is recommended runs and fails seldom.
        past_taken: whether past runs were found to be of today's payload; None: there were none.
        past_chance: the chance that is stated for it; None: none is.
        decisions: fits and choices made.
        cpu_seconds: CPU time of the whole search, the simulated invocations included, the result document not.
    """

    function: str
    family: str
    seed: int
    recommended: Configuration | None
    best: Configuration
    regret: float
    regret_after_ties: float
    given_to_ties: float
    cost_ratio: float | None
    expected_regret: float | None
    search_cost: float
    invocations: int
    rounds: int
    coverage: float | None
    cost_coverage: float | None
    recommended_cost_covered: bool | None
    high_confidence: bool | None
    allowed: bool
    past_taken: bool | None
    past_chance: float | None
    decisions: int
    cpu_seconds: float


ChooseBySamples = Callable[[Study], Configuration]
"""A choice that another tool would make of the samples of a study."""
JudgeConfidence = Callable[[Study, FunctionIdentity], bool]
"""Whether the result of a study says that its confidence is high."""


def simulate(
    function: SimulatedFunction,
    settings: Settings,
    seed: int,
    prices: PriceList,
    *,
    current_mb: int | None = None,
    with_logs: bool = False,
    past_factor: float = 1.0,
    in_aws: bool = False,
    sampler: Sampler | None = None,
    choose: ChooseBySamples | None = None,
    judge: JudgeConfidence | None = None,
    cpu_clock: Callable[[], float] = time.process_time,
) -> SimulatedSearch:
    """Tune a known function, with its noise and its faults.

    Args:
        function: the truth.
        settings: sampler, strategy and bounds. Memory sizes that are not listed are those of the curves.
        seed: of the noise and of the search. Functions of different names have different noise.
        prices: of an invocation.
        current_mb: the size in use; None: there is none.
        with_logs: whether 100 runs of the size in use are known beforehand.
        past_factor: how many times as long they last as runs of the search's payload.
        in_aws: whether a round costs beside its invocations what it costs in AWS.
        sampler: chooses trials in the place of the one that the settings name.
        choose: recommends in the place of the tuner.
        judge: tells whether the confidence is high.
        cpu_clock: CPU seconds so far.
    """
    truth = truth_of(function, settings.objective, prices)
    begun = cpu_clock()
    if current_mb is not None:
        function = replace(function, current=_nearest(function, current_mb))
    backend = SimulatedBackend(function, seed=_noise_seed(function, seed))
    study = make_study(_over_the_curves(settings, function, seed), backend.describe(), prices)
    if sampler is not None:
        study.sampler = sampler
    if in_aws:
        study.round_price = IN_AWS
    stop = threading.Event()
    if with_logs and function.current:
        take_in(study, _past_runs(_longer(function, past_factor), seed))
    run(study, backend, stop=stop, clock=lambda: 0.0)
    past = settle(study)
    found = _by_choice(study, truth, choose) if choose else _by_belief(study, truth)
    cpu_seconds = cpu_clock() - begun
    high = judge(study, backend.describe()) if judge else None
    recommended = found.recommended
    used = study.spent
    return SimulatedSearch(
        function=function.name,
        family=function.family,
        seed=seed,
        recommended=recommended,
        best=truth.configurations[truth.best],
        regret=truth.regret(found.objective_best),
        regret_after_ties=truth.regret(recommended),
        given_to_ties=found.given_to_ties,
        cost_ratio=truth.cost_ratio(recommended),
        expected_regret=found.expected_regret,
        search_cost=used.usd / truth.best_cost_usd,
        invocations=used.invocations,
        rounds=sum(bool(one.trials) for one in study.rounds),
        coverage=found.coverage,
        cost_coverage=found.cost_coverage,
        recommended_cost_covered=found.recommended_cost_covered,
        high_confidence=high,
        allowed=recommended is not None and truth.is_allowed(recommended),
        past_taken=past.taken if past else None,
        past_chance=past.chance if past else None,
        decisions=len(study.rounds) + 1,
        cpu_seconds=cpu_seconds,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What a tuner says in the end."""

    recommended: Configuration | None
    objective_best: Configuration | None
    given_to_ties: float = 0.0
    expected_regret: float | None = None
    coverage: float | None = None
    cost_coverage: float | None = None
    recommended_cost_covered: bool | None = None


def _by_choice(study: Study, truth: Truth, choose: ChooseBySamples) -> _Found:
    chosen = None if study.all_failed else choose(study)
    return _Found(chosen, chosen)


def _by_belief(study: Study, truth: Truth) -> _Found:
    belief = study.belief()
    if not belief.candidates:
        return _Found(None, None)
    choice = recommend(belief, study.objective, study.prices)
    best = objective_best(belief, study.objective)
    position = [truth.index(candidate) for candidate in belief.candidates]
    cost = _covered(belief.cost_usd, truth.cost_usd[position])
    duration = _covered(belief.duration_ms, truth.duration_ms[position])
    return _Found(
        recommended=choice.configuration,
        objective_best=belief.candidates[best],
        given_to_ties=choice.given_to_ties,
        expected_regret=expected_regret(belief, study.objective, best),
        coverage=float(np.mean([duration, cost])),
        cost_coverage=float(cost.mean()),
        recommended_cost_covered=bool(cost[choice.index]),
    )


def _covered(draws: Floats, true: Floats) -> Floats:
    """Of each candidate 1 where the interval of its draws (shape (S, G)) holds the truth (shape (G,)), else 0."""
    low, high = interval_bounds(draws)
    return np.asarray((low <= true) & (true <= high), dtype=np.float64)


def _over_the_curves(settings: Settings, function: SimulatedFunction, seed: int) -> Settings:
    """The settings for one search: its seed, every architecture, and the sizes that the curves cover."""
    low, high = function.bounds_mb
    memory = settings.memory if settings.memory.listed else MemorySizes(low_mb=low, high_mb=high)
    return replace(settings, seed=seed, memory=memory, architectures=tuple(function.curves))


def _nearest(function: SimulatedFunction, memory_mb: int) -> Configuration:
    """A size, clipped to what the curves cover, on the function's first architecture."""
    low, high = function.bounds_mb
    return Configuration(min(max(memory_mb, low), high), next(iter(function.curves)))


def _longer(function: SimulatedFunction, factor: float) -> SimulatedFunction:
    """The function with a payload that takes so many times as long at every size."""
    more = math.log(factor)
    curves = {name: replace(curve, log_duration=curve.log_duration + more) for name, curve in function.curves.items()}
    return replace(function, curves=curves)


def _noise_seed(function: SimulatedFunction, seed: int) -> int:
    """Functions of one seed have noise of their own, so that averages over functions mean something."""
    return zlib.crc32(f"{function.name}/{seed}".encode())


def _past_runs(function: SimulatedFunction, seed: int) -> list[Sample]:
    """The runs of the current configuration that are known beforehand."""
    assert function.current is not None
    backend = SimulatedBackend(function, seed=_noise_seed(function, seed) ^ 1)
    known = Trial(0, function.current, PAST_ENVIRONMENTS, PAST_RUNS_PER_ENVIRONMENT)
    return list(backend.measure([known], threading.Event()))
