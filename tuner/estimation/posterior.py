"""The posterior over curves: particles weighed by the runs, plus a departure from them, exactly.

log t = scale + mechanism + departure. Given a particle (the mechanism), the noise level and
the kind of the departure, everything is Gaussian and is integrated in closed form; those
three are summed over. Heavy tails come in by reweighting single runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.belief import LIKELY_SAME
from tuner.estimation.cpu_quota.cpu_time import cpu_time_scores
from tuner.estimation.cpu_quota.stairs import Stairs
from tuner.estimation.layout import Layout
from tuner.estimation.mechanisms import Particles, draw_particles
from tuner.estimation.noise import (
    NoiseLevel,
    Summaries,
    residual_scores,
    residual_scores_of_many,
    summarise,
    throttling_variance,
)
from tuner.estimation.observations import Runs

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Departure:
    """How far a curve may be from its mechanism, in log units.

    Attributes:
        sd: of the smooth part.
        length: its correlation length in log memory.
        nugget: sd of the part without smoothness.
    """

    sd: float
    length: float = 1.0
    nugget: float = 0.01


@dataclass(frozen=True, slots=True)
class Prior:
    """Everything that is assumed before the first run.

    Attributes:
        departures: (departure from the mechanism, weight): a tilt over the whole range, a bend
            within two octaves, a kink of its own here and there, or every size a little off.
        architecture_correlation: of the departures of the two architectures.
        noise: (level, weight).
        outlier_z: from how many sd on a run counts less.
        trust: power of the likelihood when curves and hypotheses are weighed. No function is drawn from the
            mixture, and the curve of it that happens to fit best must not drive out the others too soon
            (a generalised posterior, as in Grünwald and van Ommen 2017).
        payloads: (spread in log units of how much longer runs known from a log last than runs of today, weight): those
            of the same payload on another day, and those of another one.
        scale_sd: of the log scale of a curve whose scale is free.
        absolute_scale_sd: of one whose scale is known.
        particles: how many curves stand for the mechanisms.
        curves: draws them at the nodes of a layout.
        quota: whether they become flat where a run fits into its quota; curves that were published are so already.
    """

    departures: tuple[tuple[Departure, float], ...] = (
        (Departure(0.02, length=2.5), 0.46),
        (Departure(0.06), 0.17),
        (Departure(0.15), 0.18),
        (Departure(0.15, length=2.5), 0.07),
        (Departure(0.30), 0.035),
        (Departure(0.30, length=0.4), 0.03),
        (Departure(0.06, length=0.4, nugget=0.03), 0.035),
        (Departure(0.02, nugget=0.06), 0.02),
    )
    architecture_correlation: float = 0.5
    noise: tuple[tuple[NoiseLevel, float], ...] = tuple(
        (NoiseLevel(run, environment, *cold, periods), weight * cold_weight)
        for run, environment, weight in (
            (0.01, 0.015, 0.08),
            (0.03, 0.03, 0.2),
            (0.05, 0.05, 0.4),
            (0.10, 0.07, 0.2),
            (0.20, 0.12, 0.08),
            (0.50, 0.25, 0.04),
        )
        for cold, cold_weight in (((0.08, 0.15, 0.05), 0.75), ((0.5, 1.0, 0.1), 0.15), ((0.5, 1.0, 0.35), 0.1))
        for periods in (1.0, 0.0)
    )
    outlier_z: float = 2.0
    trust: float = 0.8
    payloads: tuple[tuple[float, float], ...] = ((0.02, 0.8), (1.0, 0.2))
    scale_sd: float = 3.0
    absolute_scale_sd: float = 0.2
    particles: int = 20_000
    curves: Callable[[Layout, int], Particles] = draw_particles
    quota: bool = True


_FLAT_SD = 10.0
"""A free scale is integrated over this, around the data; the evidence is corrected to `Prior.scale_sd`."""
_ORDINARY_COLD_SD = 0.1
"""Outliers are looked for where first runs are taken to be alike: otherwise one outlier passes for a cold start."""
SCREENING = 16
"""Hypotheses are screened on every n-th particle first."""
_KEPT = 0.98
"""The likeliest hypotheses that have this chance together after screening are kept."""
_NUMBERS_AT_ONCE = 500_000
"""Particles are compared with so many hypotheses at once that their distances stay in the processor's cache."""
_HANGS = 0.05
"""Chance of a run that is cut off at its timeout, however short its work is: what waits for an answer that never comes
is cut off at every size. Of simulated functions that hang in 30% of their runs, 51% of the 95% intervals of duration
held the truth without it, and 98% do."""
_MANY_RUNS = 150
"""With more runs than this, residuals are taken within locations rather than leave-one-out."""


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Joint draws of the posterior.

    Attributes:
        log_ms: log of the median duration at the nodes, shape (S, G).
        run_sd, environment_sd: noise of each draw, shape (S,).
        cold_offset, cold_offset_variance: mean log offset of first runs, and the doubt about it.
        cold_sd: scatter of single first runs around it.
        stair: row in `stairs` of a draw that is a staircase; -1 of others, shape (S,).
        stairs: staircases, which tell more than the nodes.
        observed: log of what the runs at each location take as the median, shape (S, L): those that are known from a
            log may be of another payload.
        same_payload: chance that they are of the same payload. The draws are of the likelier case alone.
        weights: how much each run counted, shape (n,).
    """

    log_ms: Floats
    run_sd: Floats
    environment_sd: Floats
    cold_offset: float
    cold_offset_variance: float
    cold_sd: float
    stair: NDArray[np.int64]
    stairs: Stairs
    observed: Floats
    same_payload: float
    weights: Floats


def draw_posterior(runs: Runs, layout: Layout, prior: Prior, count: int, rng: np.random.Generator) -> Draws:
    """Draw curves given the runs (at least one).

    Raises:
        FloatingPointError, numpy.linalg.LinAlgError: the numbers do not allow it.
    """
    particles = prior.curves(layout, prior.particles)
    kernels = _kernels(layout, prior)
    throttling = throttling_variance(runs, layout)
    noise = [(level, weight) for level, weight in prior.noise if level.periods or throttling.any()]
    levels = [level for level, _ in noise]
    payloads = prior.payloads if runs.logged.any() else prior.payloads[:1]
    hypotheses = [
        Hypothesis(k, n, absolute, math.log(kernel_weight * level_weight * payload_weight), p)
        for k, (_, kernel_weight) in enumerate(prior.departures)
        for n, (_, level_weight) in enumerate(noise)
        for absolute in (False, True)
        for p, (_, payload_weight) in enumerate(payloads)
    ]
    weights = np.ones(runs.count)
    ordinary = [h for h in hypotheses if levels[h.level].cold_sd <= _ORDINARY_COLD_SD]

    def flat(particles: Particles, centre: Floats) -> Particles:
        return particles.unstopped(layout, runs.nodes, centre) if prior.quota else particles

    few = particles.every(SCREENING)
    drawn_few = few
    for _ in range(2):
        summaries = summarise(runs, levels, weights, throttling)
        posterior = _Posterior(runs, kernels, levels, prior, summaries)
        best = max(posterior.score(ordinary, few), key=lambda score: score.total)
        weights = _outlier_weights(posterior, best, few, weights, throttling)
        few = flat(drawn_few, summaries.centre[best.hypothesis.level])
    summaries = summarise(runs, levels, weights, throttling)
    posterior = _Posterior(runs, kernels, levels, prior, summaries)
    likeliest = _likeliest(posterior.score(hypotheses, few))
    particles = flat(particles, summaries.centre[best.hypothesis.level])
    drawn = posterior.draw(posterior.score(likeliest, particles), particles, count, rng)
    return replace(drawn, weights=weights)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A departure, a noise level, whether the scale is known, and how a log's payload differs; by their positions."""

    kernel: int
    level: int
    absolute: bool
    log_prior: float
    payload: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Score:
    """Weights of the particles under one hypothesis, up to a factor, and what is needed to draw from it.

    `whiten` is the inverse of the root of the covariance of what the locations show, shape (L, L).
    """

    hypothesis: Hypothesis
    members: NDArray[np.int64]
    weights: NDArray[np.float32]
    total: float
    whiten: Floats
    offset: float

    @property
    def chances(self) -> Floats:
        """Weights of the particles, adding up to one."""
        return np.asarray(self.weights / self.weights.sum(dtype=np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class _Posterior:
    """The runs at every noise level, ready to weigh particles."""

    runs: Runs
    kernels: Floats
    levels: Sequence[NoiseLevel]
    prior: Prior
    summaries: Summaries

    def score(self, hypotheses: Sequence[Hypothesis], particles: Particles) -> list[_Score]:
        """Weigh particles under each hypothesis."""
        found: list[_Score] = []
        for absolute in (False, True):
            own = [h for h in hypotheses if h.absolute is absolute]
            members = np.flatnonzero(particles.absolute == absolute)
            if own and len(members):
                found += self._score(own, members, particles)
        return found

    def _score(self, hypotheses: list[Hypothesis], members: NDArray[np.int64], particles: Particles) -> list[_Score]:
        absolute, nodes = hypotheses[0].absolute, self.runs.nodes
        curves = particles.curves[np.ix_(members, nodes)]
        by_cpu_time = cpu_time_scores(self.runs.cpu_times, particles.log_busy[members], particles.curves[members])
        log_prior = particles.log_weight[members]
        level = [h.level for h in hypotheses]
        kernel = self.kernels[[h.kernel for h in hypotheses]][:, nodes[:, None], nodes[None, :]]
        centre = self.summaries.centre[level]
        offset = np.zeros(len(level)) if absolute else centre.mean(axis=1)
        scale_sd = self.prior.absolute_scale_sd if absolute else _FLAT_SD
        payload = np.stack([np.diag(self.payload_variance(number)) for number in range(len(self.prior.payloads))])
        covariance = self.summaries.covariance[level] + payload[[h.payload for h in hypotheses]]
        root = np.linalg.cholesky(kernel + scale_sd**2 + covariance)
        inverse = np.linalg.inv(root)
        constant = self.summaries.log_constant[level] - np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
        constant += 0.0 if absolute else math.log(_FLAT_SD / self.prior.scale_sd)
        # Single precision: what matters are the differences of the likely particles, which are small.
        weights = _squared_distances(curves, inverse, centre - offset[:, None])
        weights *= np.float32(-0.5 * self.prior.trust)
        weights += (self.prior.trust * by_cpu_time + log_prior).astype(np.float32)
        top = weights.max(axis=1)
        weights -= top[:, None]
        np.exp(weights, out=weights)
        totals = top + np.log(weights.sum(axis=1, dtype=np.float64))
        totals += self.prior.trust * constant + [h.log_prior for h in hypotheses]
        return [
            _Score(h, members, weights[i], float(totals[i]), inverse[i], float(offset[i]))
            for i, h in enumerate(hypotheses)
        ]

    def prior_kernel(self, hypothesis: Hypothesis) -> Floats:
        """Prior covariance of the nodes, the scale included."""
        scale_sd = self.prior.absolute_scale_sd if hypothesis.absolute else _FLAT_SD
        return np.asarray(self.kernels[hypothesis.kernel] + scale_sd**2)

    def payload_variance(self, payload: int) -> Floats:
        """Variance, at each location, of how much longer its runs last than the mean payload of today, shape (L,).

        The payload of a log is one of those of the prior, by its position.
        """
        logged = np.where(self.runs.logged, self.prior.payloads[payload][0], 0.0)
        return np.asarray(logged**2 + self.runs.doubt**2)

    def draw(self, scores: Sequence[_Score], particles: Particles, count: int, rng: np.random.Generator) -> Draws:
        """Joint draws at the nodes."""
        totals = np.array([score.total for score in scores])
        shares = np.exp(totals - totals.max())
        shares /= shares.sum()
        same = np.array([score.hypothesis.payload == 0 for score in scores])
        same_payload = float(shares[same].sum())
        # A mixture of both would be so wide that few draws tell of either.
        shares = np.where(same == (same_payload >= LIKELY_SAME), shares, 0.0)
        shares /= shares.sum()
        numbers = _systematic(shares, count)
        blocks = [self._draw(s, particles, n, rng) for s, n in zip(scores, numbers, strict=True) if n]
        log_ms, observed = (np.concatenate([block[i] for block in blocks]) for i in (0, 1))
        stair = particles.stair[np.concatenate([members for *_, members in blocks])]
        if not np.isfinite(log_ms).all():
            raise FloatingPointError("the posterior has no finite draws")
        level = np.array([score.hypothesis.level for score in scores])
        drawn = [self.levels[i] for i in np.repeat(level, numbers)]
        run_sd = np.array([noise.run_sd for noise in drawn])
        environment_sd = np.array([noise.environment_sd for noise in drawn])
        if self.runs.censored:
            kept = _beyond_timeouts(log_ms, np.hypot(run_sd, environment_sd), self.runs, rng)
            log_ms, run_sd, environment_sd, stair = log_ms[kept], run_sd[kept], environment_sd[kept], stair[kept]
            observed = observed[kept]
        return Draws(
            log_ms,
            run_sd,
            environment_sd,
            float(shares @ self.summaries.cold_offset[level]),
            float(shares @ self.summaries.cold_offset_variance[level]),
            float(shares @ np.array([self.levels[i].cold_sd for i in level])),
            stair,
            particles.stairs,
            observed,
            same_payload,
            np.ones(self.runs.count),
        )

    def _draw(
        self, score: _Score, particles: Particles, number: int, rng: np.random.Generator
    ) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Draws under one hypothesis, what the runs at the locations take in them, and the particle of each."""
        cumulated = np.cumsum(score.weights, dtype=np.float64)
        positions = (np.arange(number) + rng.random()) / number * cumulated[-1]
        picked = score.members[np.minimum(np.searchsorted(cumulated, positions), len(cumulated) - 1)]
        curves = particles.curves[picked].astype(np.float64) + score.offset
        nodes, kernel = self.runs.nodes, self.prior_kernel(score.hypothesis)
        gain = kernel[:, nodes] @ (score.whiten.T @ score.whiten)
        mean = curves + (self.summaries.centre[score.hypothesis.level] - curves[:, nodes]) @ gain.T
        variance = kernel - gain @ kernel[nodes]
        root = np.linalg.cholesky(variance + 1e-8 * np.eye(len(kernel)))
        drawn = np.asarray(mean + rng.standard_normal(mean.shape) @ root.T)
        level, payload = score.hypothesis.level, self.payload_variance(score.hypothesis.payload)
        own = payload / (payload + np.diagonal(self.summaries.covariance[level]))
        at = drawn[:, nodes]
        return drawn, at + own * (self.summaries.centre[level] - at), picked


def _squared_distances(curves: NDArray[np.float32], inverse: Floats, centre: Floats) -> NDArray[np.float32]:
    """Squared distance of each curve to the centre of each hypothesis, once both are whitened.

    Curves are columns here, so that one product of matrices serves many hypotheses.

    Args:
        curves: shape (N, L).
        inverse: inverse of the root of the covariance, shape (H, L, L).
        centre: shape (H, L).

    Returns:
        Shape (H, N).
    """
    count, locations = curves.shape
    columns = np.concatenate([curves.T, np.ones((1, count), np.float32)])
    target = np.einsum("hij,hj->hi", inverse, centre)
    whiten = np.concatenate([inverse, -target[:, :, None]], axis=2).astype(np.float32)
    distances = np.empty((len(whiten), count), np.float32)
    at_once = max(1, _NUMBERS_AT_ONCE // (count * locations))
    for first in range(0, len(whiten), at_once):
        block = whiten[first : first + at_once]
        apart = (block.reshape(-1, locations + 1) @ columns).reshape(len(block), locations, count)
        distances[first : first + at_once] = np.einsum("hln,hln->hn", apart, apart)
    return distances


def _likeliest(scores: Sequence[_Score]) -> list[Hypothesis]:
    """The hypotheses that have most of the chance together, in the order of the scores."""
    totals = np.array([score.total for score in scores])
    chances = np.exp(totals - totals.max())
    order = np.argsort(-chances, kind="stable")
    before = np.cumsum(chances[order]) - chances[order]
    kept = set(order[before < _KEPT * chances.sum()].tolist())
    return [score.hypothesis for number, score in enumerate(scores) if number in kept]


def _kernels(layout: Layout, prior: Prior) -> Floats:
    """Covariance of each departure (Matern 3/2) at the nodes, shape (K, G, G)."""
    log_memory = np.log(layout.memory_mb)
    apart = math.sqrt(3) * np.abs(log_memory[:, None] - log_memory[None, :])
    own = np.repeat(np.arange(len(layout.architectures)), len(layout.sizes_mb))
    same = np.where(own[:, None] == own[None, :], 1.0, prior.architecture_correlation)

    def kernel(departure: Departure) -> Floats:
        distance = apart / departure.length
        smooth = departure.sd**2 * (1 + distance) * np.exp(-distance) * same
        return np.asarray(smooth + departure.nugget**2 * np.eye(len(log_memory)))

    return np.stack([kernel(departure) for departure, _ in prior.departures])


def _outlier_weights(
    posterior: _Posterior, best: _Score, particles: Particles, weights: Floats, throttling: Floats
) -> Floats:
    """Weights min(1, (outlier_z / z)^3) of the runs, z from what all other runs predict.

    Runs within `outlier_z` count fully, so that ordinary noise is not underestimated.
    """
    runs = posterior.runs
    level = posterior.levels[best.hypothesis.level]
    if runs.count > _MANY_RUNS:
        z2 = residual_scores_of_many(runs, level, throttling)
    else:
        nodes, chances = runs.nodes, best.chances
        curves = particles.curves[np.ix_(best.members, nodes)].astype(np.float64)
        mean = chances @ curves
        spread = (curves - mean).T @ ((curves - mean) * chances[:, None])
        prior = posterior.prior_kernel(best.hypothesis)[np.ix_(nodes, nodes)] + spread
        prior += np.diag(posterior.payload_variance(best.hypothesis.payload))
        at = runs.location
        expected = (mean + best.offset)[at]
        z2 = residual_scores(runs, level, throttling, weights, expected, prior[np.ix_(at, at)])
    outlier_z = posterior.prior.outlier_z
    return np.clip((outlier_z**2 / np.maximum(z2, 1e-12)) ** 1.5, 0.02, 1.0)


def _beyond_timeouts(log_ms: Floats, spread: Floats, runs: Runs, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draws, by their number, in proportion to the chance that they give to the runs that were cut off."""
    from scipy.special import log_ndtr

    chance = np.zeros(len(log_ms))
    for node, bound in runs.censored:
        chance += np.logaddexp(log_ndtr((log_ms[:, node] - bound) / spread), math.log(_HANGS))
    cumulated = np.cumsum(np.exp(chance - chance.max()))
    positions = (np.arange(len(log_ms)) + rng.random()) / len(log_ms) * cumulated[-1]
    return np.asarray(np.minimum(np.searchsorted(cumulated, positions), len(log_ms) - 1))


def _systematic(shares: Floats, count: int) -> NDArray[np.int64]:
    """Whole numbers that add up to `count`, as close to the shares as can be."""
    edges = np.round(np.concatenate([[0.0], np.cumsum(shares)]) * count).astype(np.int64)
    edges[-1] = count
    return np.diff(edges)
