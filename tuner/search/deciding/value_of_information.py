"""What a further trial is worth: expected fall of the regret per dollar, over every size and effort.

A trial is imagined many times over from the joint draws; each time the draws are weighed by
what would have been seen, and the best choice is made anew. Knows nothing of rounds,
budgets or reasons to stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.belief import Belief
from tuner.model import Configuration, Objective
from tuner.pricing.price_list import PriceList, gb_seconds
from tuner.pricing.rounds import NOTHING, RoundPrice
from tuner.search.recommendation import weigh_cold_starts
from tuner.search.strategies import objective_values

Floats = NDArray[np.float64]
SingleFloats = NDArray[np.float32]

WORST_REGRET = 3.0
"""Regrets are capped here: what is four times the best is out of the question, however bad."""
INFEASIBLE = 10.0
"""A violated constraint counts as so many times its relative excess, on top of the objective."""
FANTASIES = 96
"""Imagined outcomes per trial."""
BY_LOSS = 0.5
"""Part of the outcomes of a set that is imagined where there is most to lose: elsewhere they tell of no gain."""
MOST_BESIDE = 12
"""Trials that are considered beside the first one: those that are worth most by themselves for their price."""
VARIANCES = 3
"""Variances for which gains are worked out."""
NEIGHBOURS = 4
"""Draws that count as one where a single place is measured: the outcomes that are imagined lie farther apart."""
LEAST_REGRET = 1e-6
"""Below it no share of a round is counted as saved."""
DEFAULT_INIT_MS = 300.0
"""Init duration that is reckoned with before a cold start was seen."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What is believed before the trial.

    Attributes:
        belief: of the candidates, G of them.
        log_ms: log of the location that a trial would measure, shape (S, G).
        regret: of each candidate in each draw, capped, shape (S, G).
        best: the candidate with the least expected regret.
        expected_regret: of that one.
        prices: of invocations.
    """

    belief: Belief
    log_ms: Floats
    regret: Floats
    best: int
    expected_regret: float
    prices: PriceList

    @cached_property
    def expected_ms(self) -> Floats:
        """How long a cold start and a warm run of each candidate are expected to take, shape (G, 2)."""
        warm, init = self.belief.duration_ms.mean(axis=0), self.belief.init_ms
        return np.stack([np.full_like(warm, DEFAULT_INIT_MS) if init is None else init.mean(axis=0), warm], axis=1)

    @cached_property
    def contenders(self) -> SingleFloats:
        """Regrets of the candidates that may turn out to be the best, and a column of ones, shape (S, K + 1).

        The best one so far comes first. Left out is what some other candidate is as good as in every draw: whatever is
        seen, there is no need to choose it.
        """
        regrets = np.ascontiguousarray(self.regret.T, dtype=np.float32)
        kept = np.empty((len(regrets) + 1, regrets.shape[1]), np.float32)
        count = 0
        for own in regrets[np.argsort(self.regret.mean(axis=0), kind="stable")]:
            if not (kept[:count] <= own).all(axis=1).any():
                kept[count] = own
                count += 1
        kept[count] = 1
        return np.ascontiguousarray(kept[: count + 1].T)

    @cached_property
    def neighbours(self) -> list[tuple[SingleFloats, SingleFloats]]:
        """Draws in the order of each location, neighbours taken together: its mean in each group of them, shape (N,),
        and their contenders summed up, shape (N, K + 1); for each candidate.
        """
        draws = len(self.log_ms)
        together = NEIGHBOURS if draws % NEIGHBOURS == 0 else 1
        order = np.argsort(self.log_ms, axis=0, kind="stable").T
        return [
            (
                own[ranks].reshape(-1, together).mean(axis=1).astype(np.float32),
                self.contenders[ranks].reshape(draws // together, together, -1).sum(axis=1),
            )
            for own, ranks in zip(self.log_ms.T, order, strict=True)
        ]

    @property
    def best_cost_usd(self) -> float:
        """What an invocation of the best candidate is expected to cost."""
        return float(self.belief.cost_usd[:, self.best].mean())


@dataclass(frozen=True, slots=True)
class Precision:
    """Noise of one trial, log units: spread of runs and environments, of first runs, and doubt about their offset."""

    run_sd: float
    environment_sd: float
    cold_sd: float
    cold_offset_sd: float
    cold_offset: float

    def variance(self, environments: int, runs: int) -> float:
        """Variance of the location that a trial would give; its first runs are cold."""
        cold = 1 / (self.run_sd**2 + self.cold_sd**2 + self.cold_offset_sd**2)
        per_environment = self.environment_sd**2 + 1 / (cold + (runs - 1) / self.run_sd**2)
        shared = self.cold_offset_sd**2 * (1 - 1 / environments) if runs == 1 else 0.0
        return per_environment / environments + shared


@dataclass(frozen=True, slots=True)
class Offer:
    """A trial with what it is worth.

    Attributes:
        candidate: column of the belief.
        environments, runs: size of the trial.
        gain: expected fall of the regret.
        usd: expected price of its invocations.
        overhead_usd: what measuring it alone costs besides: a round, and a trial in it.
    """

    candidate: int
    environments: int
    runs: int
    gain: float
    usd: float
    overhead_usd: float = 0.0

    @property
    def rate(self) -> float:
        """Gain per dollar of the whole bill."""
        return self.gain / (self.usd + self.overhead_usd)

    def profit(self, worth_usd: float) -> float:
        """What the gain is worth beyond the price, in USD, where a regret of 1 costs `worth_usd`."""
        return self.gain * worth_usd - self.usd


def scene_of(belief: Belief, log_ms: Floats, objective: Objective, prices: PriceList) -> Scene:
    """Regrets in every draw, constraints counted in.

    Args:
        belief: of the candidates, G of them.
        log_ms: log of their locations in the same draws, shape (S, G).
        objective: what to minimise.
        prices: of invocations.
    """
    weighed = weigh_cold_starts(belief, objective.cold_start_share, prices)
    values = objective_values(weighed.duration_ms, weighed.cost_usd, objective)
    values = values * (1 + INFEASIBLE * _violation(weighed, objective))
    regret = np.minimum(values / values.min(axis=1, keepdims=True) - 1, WORST_REGRET)
    expected = regret.mean(axis=0)
    best = int(expected.argmin())
    return Scene(belief, log_ms, regret, best, float(expected[best]), prices)


def offers(
    scene: Scene,
    precision: Precision,
    where: NDArray[np.int64],
    efforts: list[tuple[int, int]],
    rng: np.random.Generator,
    *,
    round_price: RoundPrice = NOTHING,
    worth_usd: float | None = None,
) -> list[Offer]:
    """The best effort at each place, the best of them first.

    Args:
        scene: what is believed.
        precision: noise of a trial.
        where: candidates that may be measured, shape (P,).
        efforts: (environments, runs) to consider.
        rng: source of the imagined outcomes.
        round_price: what a round costs besides: where it is dearer than invocations, larger trials pay.
        worth_usd: what a regret of 1 costs: the best gains most beyond its price; None: the best has the best rate.
    """

    def value(offer: Offer) -> float:
        return offer.rate if worth_usd is None else offer.profit(worth_usd)

    variances = [precision.variance(environments, runs) for environments, runs in efforts]
    # The gain is smooth in the variance, so that a few variances tell those of all efforts.
    grid = np.geomspace(min(variances), max(variances), VARIANCES)
    gains = np.array([_gains(where, scene, variance, rng) for variance in grid])
    found: dict[int, Offer] = {}
    for (environments, runs), variance in zip(efforts, variances, strict=True):
        for column, place in enumerate(where):
            gain = float(np.interp(np.log(variance), np.log(grid), gains[:, column]))
            usd = price(scene, precision, int(place), environments, runs)
            overhead_usd = round_price.of([lane_seconds(scene, precision, int(place), runs)])
            offer = Offer(int(place), environments, runs, gain, usd, overhead_usd)
            if place not in found or value(offer) > value(found[int(place)]):
                found[int(place)] = offer
    return sorted(found.values(), key=lambda offer: (-value(offer), offer.candidate))


def price(scene: Scene, precision: Precision, candidate: int, environments: int, runs: int) -> float:
    """Expected price of a trial, cold starts included, in USD."""
    configuration = scene.belief.candidates[candidate]
    init_ms, warm_ms = scene.expected_ms[candidate]
    billed_ms = init_ms + warm_ms * (np.exp(precision.cold_offset) + runs - 1)
    per_ms = gb_seconds(configuration.memory_mb, 1.0) * scene.prices.gb_second_usd(configuration.architecture)
    return float(environments * (billed_ms * per_ms + runs * scene.prices.request_usd))


def lane_seconds(scene: Scene, precision: Precision, candidate: int, runs: int) -> float:
    """Expected seconds of a lane: a cold start, and its runs one after the other."""
    init_ms, warm_ms = scene.expected_ms[candidate]
    return float(init_ms + warm_ms * (np.exp(precision.cold_offset) + runs - 1)) / 1000


def efforts(environments: int) -> list[tuple[int, int]]:
    """(environments, runs) of the trials that are considered: few and many, cold alone or warm as well."""
    lanes = sorted({1, environments, 2 * environments})
    return list(product(lanes, (1, 2, 3)))


def together(
    scene: Scene,
    precision: Precision,
    where: NDArray[np.int64],
    first: Offer,
    rng: np.random.Generator,
    *,
    most: int,
    least_rate: float,
    round_price: RoundPrice = NOTHING,
    by_loss: bool = False,
) -> list[Offer]:
    """The set of trials, begun by an offer, that is worth most beyond its price when measured together in one round.

    A single trial may be worth little where several candidates are close, and all of them
    together much: this looks further ahead than one trial. The gains of the offers add up
    to that of the set. What is not learned now is learned by a later round: so the share of the
    expected regret that a set removes is worth that share of a round.

    Args:
        scene: what is believed.
        precision: noise of a trial.
        where: candidates that may be measured, shape (P,).
        first: the offer to begin with.
        rng: source of the imagined outcomes.
        most: trials in the set at most.
        least_rate: gain per dollar that a trial beside the first one must have.
        round_price: what a round costs beside its invocations.
        by_loss: whether outcomes are imagined where there is most to lose, which few draws may hold where hardly any
            size was measured.
    """
    log_ms = scene.log_ms[:, where]
    picked, shares = _imagined(scene, 2 * FANTASIES, rng, by_loss=by_loss)
    variance = precision.variance(first.environments, first.runs)
    outcomes = log_ms[picked] + np.sqrt(variance) * rng.standard_normal((len(picked), len(where)))
    usd = np.array([price(scene, precision, int(p), first.environments, first.runs) for p in where])
    seconds = np.array([lane_seconds(scene, precision, int(p), first.runs) for p in where])
    alone = _gains_alone(outcomes, where, scene, variance, shares)
    place = int(np.flatnonzero(where == first.candidate)[0])
    chain, gained = [place], [float(alone[place])]
    (known,) = _distances(outcomes[:, [place]], log_ms[:, [place]], variance)
    # Lanes run in parallel: a trial that joins costs the user's time only as far as it takes longer than the others.
    longest_s = np.maximum(seconds, seconds[place])
    whole_usd = usd + round_price.trial_usd + (longest_s - seconds[place]) * round_price.second_usd
    beside = np.argsort(-alone / whole_usd)[:MOST_BESIDE]
    evidence = list(_distances(outcomes[:, beside], log_ms[:, beside], variance))
    paid = [float(usd[place] + round_price.trial_usd + seconds[place] * round_price.second_usd)]
    if round_price.lanes is not None:
        most = min(most, max(1, round_price.lanes // first.environments))
    for _ in range(min(most, len(where)) - 1):
        longest_s = seconds[chain].max()
        whole_usd = usd + round_price.trial_usd + np.maximum(0, seconds - longest_s) * round_price.second_usd
        gains = _gains_of((own + known for own in evidence), scene, shares)
        rates = np.where(np.isin(beside, chain), -np.inf, (gains - gained[-1]) / whole_usd[beside])
        if not np.isfinite(rates).any():
            break
        best = int(rates.argmax())
        place = int(beside[best])
        chain.append(place)
        gained.append(float(gains[best]))
        paid.append(float(whole_usd[place]))
        known = known + evidence[best]
    saved = 1 + least_rate * round_price.round_usd / max(scene.expected_regret, LEAST_REGRET)
    size = int(np.argmax(np.array(gained) * saved - least_rate * np.cumsum(paid))) + 1
    gain = gained[size - 1] / size
    return [Offer(int(where[p]), first.environments, first.runs, gain, float(usd[p])) for p in chain[:size]]


def _gains(where: NDArray[np.int64], scene: Scene, variance: float, rng: np.random.Generator) -> Floats:
    """Expected fall of the least regret after an observation at each place, shape (P,).

    The outcomes are evenly spaced quantiles of what would be seen, not random ones: a search
    for the largest of many gains would find the largest error otherwise.
    """
    log_ms = scene.log_ms[:, where]
    noise = rng.permutation(_normal_scores(len(log_ms)))[:, None]
    outcomes = _quantiles((log_ms + np.sqrt(variance) * noise).T, FANTASIES).T  # (M, P)
    return _gains_alone(outcomes, where, scene, variance, np.full(FANTASIES, 1 / FANTASIES))


def _gains_alone(outcomes: Floats, where: NDArray[np.int64], scene: Scene, variance: float, shares: Floats) -> Floats:
    """Gains of an observation at each place by itself, shape (P,).

    Args:
        outcomes: imagined at each place, shape (M, P).
        where: the places, shape (P,).
        scene: what is believed.
        variance: of the observation.
        shares: of the outcomes, shape (M,).
    """
    gains = []
    for seen, place in zip(outcomes.T, where, strict=True):
        located, contenders = scene.neighbours[place]
        (own,) = _distances(seen[:, None], located[:, None], variance)
        gains.append(_gain(own, contenders, shares))
    return np.array(gains, dtype=np.float64)


def _imagined(scene: Scene, count: int, rng: np.random.Generator, *, by_loss: bool) -> tuple[NDArray[np.int64], Floats]:
    """Draws that outcomes are imagined from, shape (count,), and the share of all draws that each stands for.

    A gain may lie in a few draws, in which the best choice loses much. Random ones would miss these, or count them
    many times over. So every second one is picked by that loss, if asked for, and stands for less in return.
    """
    if not by_loss:
        return rng.integers(len(scene.log_ms), size=count), np.full(count, 1 / count)
    loss = scene.regret[:, scene.best] + LEAST_REGRET
    draws = len(loss)
    chance = (1 - BY_LOSS) / draws + BY_LOSS * loss / loss.sum()
    order = np.argsort(loss, kind="stable")
    levels = (np.arange(count) + rng.random()) / count
    places = np.searchsorted(np.cumsum(chance[order]), levels)
    picked = order[np.minimum(places, draws - 1)]
    return picked, 1 / (count * draws * chance[picked])


def _distances(outcomes: Floats, log_ms: Floats, variance: float) -> Iterator[SingleFloats]:
    """How far draws, shape (S, P), are from outcomes, shape (M, P): minus the log of their weights, up to a constant.

    For each place an array of its own, shape (M, S).
    """
    scale = np.sqrt(0.5 / variance)
    seen, drawn = ((scale * values.T).astype(np.float32) for values in (outcomes, log_ms))
    for own, possible in zip(seen, drawn, strict=True):
        apart = own[:, None] - possible
        yield np.square(apart, out=apart)


def _gains_of(evidence: Iterable[SingleFloats], scene: Scene, shares: Floats) -> Floats:
    """Gains where outcomes weigh the draws by exp(-evidence), an array of shape (M, S) for each place; shape (P,)."""
    return np.array([_gain(own, scene.contenders, shares) for own in evidence], dtype=np.float64)


def _gain(evidence: SingleFloats, contenders: SingleFloats, shares: Floats) -> float:
    """Gain where outcomes, with their shares (shape (M,)), weigh the draws by exp(-evidence), shape (M, S).

    The weights take the place of the evidence, so that they stay in the processor's cache.
    """
    weights = np.subtract(evidence.min(axis=1, keepdims=True), evidence, out=evidence)
    sums = np.exp(weights, out=weights) @ contenders
    after = sums[:, :-1] / sums[:, -1:]
    return float((after[:, 0] - after.min(axis=1)) @ shares)


def _violation(belief: Belief, objective: Objective) -> Floats:
    """Relative excess over the constraints, summed, shape (S, G)."""
    bounds = objective.constraints
    total = np.zeros_like(belief.cost_usd)
    if bounds.max_p95_ms:
        total += np.maximum(0, belief.p95_ms / bounds.max_p95_ms - 1)
    if bounds.max_cost_per_million_usd:
        total += np.maximum(0, belief.cost_usd * 1e6 / bounds.max_cost_per_million_usd - 1)
    if bounds.min_memory_mb:
        total += np.maximum(0, bounds.min_memory_mb / _memory(belief.candidates) - 1)
    return total


def _memory(candidates: tuple[Configuration, ...]) -> Floats:
    return np.array([c.memory_mb for c in candidates], dtype=np.float64)


def _quantiles(rows: Floats, count: int) -> Floats:
    """Quantiles of each row at the middle of equal shares, shape (rows, count), as `np.quantile` gives them.

    Sorting once is faster where quantiles are many.
    """
    ordered = np.sort(rows, axis=1)
    at = (np.arange(count) + 0.5) / count * (ordered.shape[1] - 1)
    below = at.astype(np.int64)
    above = np.minimum(below + 1, ordered.shape[1] - 1)
    return np.asarray(ordered[:, below] + (ordered[:, above] - ordered[:, below]) * (at - below))


@lru_cache(maxsize=4)
def _normal_scores(count: int) -> Floats:
    """Standard normal quantiles in the middle of equal shares, shape (count,)."""
    quantile = NormalDist().inv_cdf
    return np.array([quantile((place + 0.5) / count) for place in range(count)])
