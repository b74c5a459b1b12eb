"""The posterior over curves: particles weighed by the runs, plus a smooth discrepancy, exactly.

A run is log y = scale + mechanism(x) + discrepancy(x) + environment + cold offset + noise.
Given a particle, the noise level and the size of the discrepancy, everything is Gaussian
and is integrated in closed form; those three are summed over. Heavy tails come in by
reweighting single runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tuner.curves.layout import Layout
from tuner.curves.mechanisms import Particles, draw_particles
from tuner.curves.observations import Runs
from tuner.model import MB_PER_VCPU

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NoiseLevel:
    """Spread of runs and of environments, and how the first run of an environment differs; log units."""

    run_sd: float
    environment_sd: float
    cold_mean: float = 0.08
    cold_mean_sd: float = 0.15
    cold_sd: float = 0.05


@dataclass(frozen=True, slots=True)
class Prior:
    """Everything that is assumed before the first run.

    Attributes:
        discrepancies: (sd, weight) of the smooth departure from the mechanism.
        length: its correlation length in log memory.
        nugget: sd of a departure without smoothness.
        architecture_correlation: of the departures of the two architectures.
        noise: (level, weight).
        outlier_z: from how many sd on a run counts less.
        scale_sd: of the log scale of a curve whose scale is free.
        absolute_scale_sd: of one whose scale is known.
    """

    discrepancies: tuple[tuple[float, float], ...] = ((0.02, 0.3), (0.06, 0.4), (0.15, 0.3))
    length: float = 1.0
    nugget: float = 0.01
    architecture_correlation: float = 0.5
    noise: tuple[tuple[NoiseLevel, float], ...] = tuple(
        (NoiseLevel(run, environment, *cold), weight * cold_weight)
        for run, environment, weight in (
            (0.01, 0.015, 0.08),
            (0.03, 0.03, 0.2),
            (0.05, 0.05, 0.4),
            (0.10, 0.07, 0.2),
            (0.20, 0.12, 0.08),
            (0.50, 0.25, 0.04),
        )
        for cold, cold_weight in (((0.08, 0.15, 0.05), 0.75), ((0.5, 1.0, 0.1), 0.15), ((0.5, 1.0, 0.35), 0.1))
    )
    outlier_z: float = 2.0
    scale_sd: float = 3.0
    absolute_scale_sd: float = 0.2
    particles: int = 20_000


_FLAT_SD = 10.0
"""A free scale is integrated over this, around the data; the evidence is corrected to `Prior.scale_sd`."""
_ORDINARY_COLD_SD = 0.1
"""Outliers are looked for where first runs are taken to be alike: otherwise one outlier passes for a cold start."""
_SCREENING = 8
"""Hypotheses are screened on every n-th particle first."""
_NEGLIGIBLE = 0.002
"""Hypotheses with less weight than this after screening are dropped."""
_MANY_RUNS = 150
"""With more runs than this, residuals are taken within locations rather than leave-one-out."""


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """What all runs say at one noise level: log t at the locations is N(centre, covariance), times a constant."""

    centre: Floats
    covariance: Floats
    log_constant: float
    cold_offset_variance: float


@dataclass(frozen=True, slots=True, eq=False)
class Hypothesis:
    """One noise level and one size of discrepancy, for particles with or without a known scale."""

    level: NoiseLevel
    kernel: Floats
    absolute: bool
    log_prior: float


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Joint draws of the posterior.

    Attributes:
        log_ms: log of the median duration at the nodes, shape (S, G).
        run_sd, environment_sd: noise of each draw, shape (S,).
        cold_offset: mean log offset of first runs; cold_sd, and the variance of that mean.
    """

    log_ms: Floats
    run_sd: Floats
    environment_sd: Floats
    cold_offset: float
    cold_sd: float
    cold_offset_variance: float
    weights: Floats


def draw_posterior(runs: Runs, layout: Layout, prior: Prior, count: int, rng: np.random.Generator) -> Draws:
    """Draw curves given the runs (at least one).

    Raises:
        FloatingPointError, numpy.linalg.LinAlgError: the numbers do not allow it.
    """
    particles = draw_particles(layout, prior.particles)
    hypotheses = _hypotheses(layout, prior)
    throttling = _throttling_variance(runs, layout)
    weights = np.ones(runs.count)
    few = Particles(particles.curves[::_SCREENING], particles.absolute[::_SCREENING])
    for _ in range(2):
        scores = _scores(hypotheses, runs, weights, throttling, few)
        ordinary = [score for score in scores if score.hypothesis.level.cold_sd <= _ORDINARY_COLD_SD]
        best = max(ordinary, key=lambda score: score.total)
        weights = _student_weights(best, runs, weights, throttling, few, prior.outlier_z)
    scores = _scores(hypotheses, runs, weights, throttling, few)
    top = max(score.total for score in scores)
    bar = top + math.log(_NEGLIGIBLE)
    kept = [score.hypothesis for score in scores if score.total > bar]
    scores = _scores(kept, runs, weights, throttling, particles)
    return _draw(scores, runs, particles, count, rng, weights)


@dataclass(frozen=True, slots=True, eq=False)
class _Score:
    """Log weights of the particles under one hypothesis, and what is needed to draw from it."""

    hypothesis: Hypothesis
    summary: Summary
    members: NDArray[np.int64]
    log_weights: Floats
    precision: Floats
    offset: float

    @property
    def total(self) -> float:
        top = float(self.log_weights.max())
        return top + math.log(float(np.exp(self.log_weights - top).sum()))


def _hypotheses(layout: Layout, prior: Prior) -> list[Hypothesis]:
    log_memory = np.log(layout.memory_mb)
    distance = math.sqrt(3) * np.abs(log_memory[:, None] - log_memory[None, :]) / prior.length
    own = np.repeat(np.arange(len(layout.architectures)), len(layout.sizes_mb))
    same = np.where(own[:, None] == own[None, :], 1.0, prior.architecture_correlation)
    smooth = (1 + distance) * np.exp(-distance) * same
    nugget = prior.nugget**2 * np.eye(len(log_memory))
    found = []
    for (sd, weight), (level, level_weight), absolute in product(prior.discrepancies, prior.noise, (False, True)):
        scale_sd = prior.absolute_scale_sd if absolute else _FLAT_SD
        correction = 0.0 if absolute else math.log(_FLAT_SD / prior.scale_sd)
        kernel = sd**2 * smooth + nugget + scale_sd**2
        found.append(Hypothesis(level, kernel, absolute, math.log(weight * level_weight) + correction))
    return found


def _throttling_variance(runs: Runs, layout: Layout) -> Floats:
    """Variance, per run, that 20 ms periods add to short runs below one vCPU (uniform phase), capped."""
    share = np.minimum(1, layout.memory_mb[runs.nodes[runs.location]] / MB_PER_VCPU)
    duration = np.exp(runs.log_ms)
    relative = np.where(duration < 200, 20 * (1 - share) / duration, 0.0)
    return np.minimum(relative**2 / 12, 0.1)


def _scores(
    hypotheses: list[Hypothesis], runs: Runs, weights: Floats, throttling: Floats, particles: Particles
) -> list[_Score]:
    summaries: dict[NoiseLevel, Summary] = {}
    members = {flag: np.flatnonzero(particles.absolute == flag) for flag in (False, True)}
    curves = {flag: particles.curves[np.ix_(rows, runs.nodes)] for flag, rows in members.items()}
    found = []
    for hypothesis in hypotheses:
        level = hypothesis.level
        if level not in summaries:
            summaries[level] = summarise(runs, level, weights, throttling)
        summary = summaries[level]
        kernel = hypothesis.kernel[np.ix_(runs.nodes, runs.nodes)]
        root = np.linalg.cholesky(kernel + summary.covariance)
        inverse_root = np.linalg.inv(root)
        block = curves[hypothesis.absolute]
        offset = 0.0 if hypothesis.absolute else float(summary.centre.mean())
        whitened = ((summary.centre - offset).astype(np.float32) - block) @ inverse_root.T.astype(np.float32)
        log_weights = -0.5 * np.einsum("ij,ij->i", whitened, whitened).astype(np.float64)
        log_weights += hypothesis.log_prior + summary.log_constant - float(np.log(np.diag(root)).sum())
        precision = inverse_root.T @ inverse_root
        found.append(_Score(hypothesis, summary, members[hypothesis.absolute], log_weights, precision, offset))
    return found


def summarise(runs: Runs, level: NoiseLevel, weights: Floats, throttling: Floats) -> Summary:
    """Integrate environments and the cold offset out of the runs.

    Args:
        runs: n runs at L locations.
        level: noise.
        weights: Student weights, shape (n,).
        throttling: extra variance, shape (n,).
    """
    cold = runs.cold.astype(np.float64)
    y = runs.log_ms
    precision = weights / (level.run_sd**2 + throttling + level.cold_sd**2 * cold)
    count = int(runs.environment.max()) + 1

    def per_environment(values: Floats) -> Floats:
        return np.asarray(np.bincount(runs.environment, precision * values, count), dtype=np.float64)

    s, sc, sy, scy = (per_environment(v) for v in (np.ones_like(y), cold, y, cold * y))
    syy = float(precision @ y**2)
    shrink = 1 / (1 / level.environment_sd**2 + s)
    at, locations = runs.environment_location, len(runs.nodes)
    ff = np.bincount(at, s - shrink * s * s, locations)
    fc = np.bincount(at, sc - shrink * s * sc, locations)
    fy = np.bincount(at, sy - shrink * s * sy, locations)
    prior_precision = 1 / level.cold_mean_sd**2
    cc = float((sc - shrink * sc**2).sum()) + prior_precision
    cy = float((scy - shrink * sc * sy).sum()) + prior_precision * level.cold_mean
    yy = syy - float((shrink * sy**2).sum()) + prior_precision * level.cold_mean**2
    log_det = -float(np.log(precision).sum()) + float(np.log1p(level.environment_sd**2 * s).sum())
    log_det += math.log(cc / prior_precision)
    information = np.diag(ff) - np.outer(fc, fc) / cc
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    shifted = fy - fc * cy / cc
    centre: Floats = covariance @ shifted
    fit = yy - cy**2 / cc - float(centre @ shifted)
    log_constant = -0.5 * (fit + log_det + np.linalg.slogdet(information)[1])
    return Summary(centre, covariance, log_constant, 1 / max(cc - float((fc**2 / ff).sum()), prior_precision * 0.1))


def _student_weights(
    score: _Score, runs: Runs, weights: Floats, throttling: Floats, particles: Particles, outlier_z: float
) -> Floats:
    """Weights min(1, (outlier_z / z)^3) of the runs, z from what all other runs predict.

    Runs within `outlier_z` count fully, so that ordinary noise is not underestimated.
    """
    z2 = (_left_out if runs.count <= _MANY_RUNS else _within)(score, runs, weights, throttling, particles)
    return np.clip((outlier_z**2 / np.maximum(z2, 1e-12)) ** 1.5, 0.02, 1.0)


def _left_out(score: _Score, runs: Runs, weights: Floats, throttling: Floats, particles: Particles) -> Floats:
    level = score.hypothesis.level
    cold = runs.cold.astype(np.float64)
    nodes = runs.nodes[runs.location]
    own = np.diag((level.run_sd**2 + throttling + level.cold_sd**2 * cold) / weights)
    same = (runs.environment[:, None] == runs.environment[None, :]) * level.environment_sd**2
    total = score.hypothesis.kernel[np.ix_(nodes, nodes)] + own + same
    total += level.cold_mean_sd**2 * np.outer(cold, cold)
    chance = np.exp(score.log_weights - score.log_weights.max())
    chance /= chance.sum()
    curves = particles.curves[np.ix_(score.members, nodes)].astype(np.float64) + score.offset
    expected = chance @ curves
    spread = np.maximum(chance @ curves**2 - expected**2, 0)
    inverse = np.linalg.inv(total)
    variance = 1 / np.diag(inverse)
    residual = (inverse @ (runs.log_ms - level.cold_mean * cold - expected)) * variance
    return np.asarray(residual**2 / (variance + spread))


def _within(score: _Score, runs: Runs, weights: Floats, throttling: Floats, particles: Particles) -> Floats:
    level = score.hypothesis.level
    residual = np.empty(runs.count)
    for location in range(len(runs.nodes)):
        for cold in (False, True):
            rows = (runs.location == location) & (runs.cold == cold)
            if rows.any():
                residual[rows] = runs.log_ms[rows] - np.median(runs.log_ms[rows])
    return residual**2 / (level.run_sd**2 + level.environment_sd**2 + throttling)


def _draw(
    scores: list[_Score],
    runs: Runs,
    particles: Particles,
    count: int,
    rng: np.random.Generator,
    weights: Floats,
) -> Draws:
    log_totals = np.array([score.total for score in scores])
    shares = np.exp(log_totals - log_totals.max())
    shares /= shares.sum()
    counts = _systematic(shares, count)
    blocks, run_sd, environment_sd = [], [], []
    size = particles.curves.shape[1]
    for score, number in zip(scores, counts, strict=True):
        if number == 0:
            continue
        chance = np.exp(score.log_weights - score.log_weights.max())
        cumulated = np.cumsum(chance)
        positions = (np.arange(number) + rng.random()) / number * cumulated[-1]
        picked = score.members[np.minimum(np.searchsorted(cumulated, positions), len(chance) - 1)]
        curves = particles.curves[picked].astype(np.float64) + score.offset
        cross = score.hypothesis.kernel[:, runs.nodes] @ score.precision
        mean = curves + (score.summary.centre - curves[:, runs.nodes]) @ cross.T
        variance = score.hypothesis.kernel - cross @ score.hypothesis.kernel[runs.nodes]
        root = np.linalg.cholesky(variance + 1e-8 * np.eye(size))
        blocks.append(mean + rng.standard_normal((number, size)) @ root.T)
        run_sd.append(np.full(number, score.hypothesis.level.run_sd))
        environment_sd.append(np.full(number, score.hypothesis.level.environment_sd))
    best = scores[int(shares.argmax())]
    log_ms = np.concatenate(blocks)
    if not np.isfinite(log_ms).all():
        raise FloatingPointError("the posterior has no finite draws")
    return Draws(
        log_ms,
        np.concatenate(run_sd),
        np.concatenate(environment_sd),
        best.hypothesis.level.cold_mean,
        float(sum(s * score.hypothesis.level.cold_sd for s, score in zip(shares, scores, strict=True))),
        float(sum(s * score.summary.cold_offset_variance for s, score in zip(shares, scores, strict=True))),
        weights,
    )


def _systematic(shares: Floats, count: int) -> list[int]:
    """Whole numbers that add up to `count`, as close to the shares as can be."""
    edges = np.round(np.concatenate([[0.0], np.cumsum(shares)]) * count).astype(int)
    edges[-1] = count
    return [int(n) for n in np.diff(edges)]
