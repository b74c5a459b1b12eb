"""Plain statistics of what was measured: robust location, tails, and honest intervals.

Says nothing of sizes that were not measured. Noise is pooled over all configurations
and environments are the unit, so that a few runs already have a sensible interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.means.bills import LEAST_BILL_MS, least_above, rounded_beyond
from tuner.estimation.means.environments import EnvironmentRatio, Squares, shared_variance
from tuner.estimation.means.skewness import Levels, least_means
from tuner.estimation.slow_runs import SlowRuns
from tuner.model import Invocation

Floats = NDArray[np.float64]

PRIOR_SD = 0.05
"""Run and environment spread (log units) expected before anything was measured: published
x86_64 CPU-bound functions vary by 2.5 to 5%, environments by about as much."""
PRIOR_WEIGHT = 4.0
"""Observations that the prior spread counts for."""
SHORTEST_MS = 0.01
"""Shorter durations are taken for this."""
OTHERS_STRENGTH = 0.5
"""How much the slow runs of other configurations tell of one configuration."""
MEASURED_UNSEEN = 0.01, 0.005
"""Weights of slow runs that published runs may have missed, in the interval of what was measured. They are less than
in a search: a warning beside the interval says what so few runs cannot show (`unseen_bound`)."""
BOOTSTRAP_DRAWS = 400
"""Draws behind the mean that the runs alone allow: no interval ends below it."""
RESAMPLED_ABOVE = 0.015
"""Share of the resampled means that may lie above an interval."""
MEASURED_LEVELS = Levels(below=0.05, above_steady=0.03, above=0.005)
"""Of intervals of measured means: what all published families together choose (`benchmarks/regression/levels.py`)."""
STATISTICS_DRAWS = 2000
"""Draws behind the interval of a mean."""
STUDENT_DOF = 4.0
"""Tail weight of single runs: outliers are weighed down by (dof + 1)/(dof + z^2), not dropped."""


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """Spread of single runs, pooled over configurations; log units.

    Attributes:
        run_sd: spread of runs within an environment.
        environment_sd: spread between environments of one configuration.
        dof: degrees of freedom behind the spread of environment means, prior included.
        ratio: how far environments differ, over the spread of runs.
    """

    run_sd: float
    environment_sd: float
    dof: float
    ratio: EnvironmentRatio

    @property
    def total_sd(self) -> float:
        """Spread of a run in an environment that is not known."""
        return math.hypot(self.run_sd, self.environment_sd)


@dataclass(frozen=True, slots=True)
class Location:
    """Robust location of one configuration: log of ms, its standard error, and the runs behind it."""

    log_ms: float
    standard_error: float
    billed_excess_ms: float
    runs: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """Mean with its 95% interval, and percentiles of the single runs, all in the unit of the values."""

    mean: float
    low: float
    high: float
    p50: float
    p95: float
    p99: float

    def each(self, value: Callable[[float], float]) -> Statistics:
        """The statistics of something that grows with the values in a straight line, such as their price."""
        return Statistics(*map(value, (self.mean, self.low, self.high, self.p50, self.p95, self.p99)))


def steady_runs(invocations: Iterable[Invocation]) -> list[Invocation]:
    """The runs that stand for the configuration: warm ones, or cold ones where none was warm."""
    usable = [invocation for invocation in invocations if invocation.usable]
    return [invocation for invocation in usable if not invocation.cold] or usable


def warm_billed_ms(run: Invocation) -> float:
    """What is billed for a usable run without its cold start.

    As reported for a warm run. For a cold one, whose billed duration holds the init or restore
    as well, the duration rounded up: no warm run was there to be read.
    """
    if run.cold or run.billed_duration_ms is None:
        return float(math.ceil(run.duration_ms or 0.0))
    return float(run.billed_duration_ms)


def robust_weights(z: Floats) -> Floats:
    """Student-t weights of standardised residuals."""
    return (STUDENT_DOF + 1) / (STUDENT_DOF + z**2)


def robust_mean(values: Floats, scale: float) -> float:
    """Location of values with heavy tails, by reweighting from the median.

    Args:
        values: shape (n,), n at least one.
        scale: their spread; at 0 the median is returned.
    """
    centre = float(np.median(values))
    if scale <= 0:
        return centre
    for _ in range(10):
        weights = robust_weights((values - centre) / scale)
        centre = float(weights @ values / weights.sum())
    return centre


def fit_noise(groups: Iterable[Sequence[Invocation]]) -> Noise:
    """Pool the noise of configurations: an analysis of variance, shrunk to the prior.

    Args:
        groups: the steady runs of each configuration, one sequence each.
    """
    spreads = [_spread(runs) for runs in groups if runs]
    within_dof = sum(spread.within_dof for spread in spreads)
    between_dof = sum(spread.between_dof for spread in spreads)
    prior = PRIOR_WEIGHT * PRIOR_SD**2
    run_variance = (prior + sum(spread.within for spread in spreads)) / (PRIOR_WEIGHT + within_dof)
    # Means of environments differ by the noise of their runs too.
    from_runs = sum(spread.between_dof * spread.mean_inverse for spread in spreads)
    between = sum(spread.between for spread in spreads) - run_variance * from_runs
    environment_variance = max(prior + between, 0.1 * prior) / (PRIOR_WEIGHT + between_dof)
    return Noise(
        run_sd=math.sqrt(run_variance),
        environment_sd=math.sqrt(environment_variance),
        dof=PRIOR_WEIGHT + between_dof,
        ratio=EnvironmentRatio.seen((spread.squares for spread in spreads), math.sqrt(run_variance)),
    )


def slow_runs_of_others(groups: Sequence[Sequence[Invocation]], usual: SlowRuns) -> list[SlowRuns]:
    """How frequent slow runs are, for each configuration, as the other ones show it at `OTHERS_STRENGTH`.

    Args:
        groups: the steady runs of each configuration, one sequence each; a group may be empty.
        usual: the cells before any run.
    """
    seen = np.array([usual.log_likelihood(_residuals(runs)) if runs else np.zeros(len(usual.share)) for runs in groups])
    return [
        replace(usual, log_weight=usual.log_weight + OTHERS_STRENGTH * others) for others in seen.sum(axis=0) - seen
    ]


def _residuals(runs: Sequence[Invocation]) -> Floats:
    """Log durations over their robust location."""
    logs = _log_durations(runs)
    return logs - robust_mean(logs, max(_mad(logs), 1e-3))


@dataclass(frozen=True, slots=True)
class _Spread:
    """Sums of squares of one configuration, within and between environments, in log units.

    `mean_inverse` is the mean of one over the runs of an environment. `squares` are those of an analysis of variance.
    """

    within: float
    within_dof: int
    between: float
    between_dof: int
    mean_inverse: float
    squares: Squares


def _spread(runs: Sequence[Invocation]) -> _Spread:
    logs = _log_durations(runs)
    scale = max(_mad(logs), 1e-3)
    environments = _by_environment(runs, logs)
    means = np.array([robust_mean(values, scale) for values in environments])
    # One slow run counts, but not for all; nor does the environment that holds it alone.
    widest, widest_mean = 3 * scale + PRIOR_SD, 3 * _mad(means) + PRIOR_SD
    residuals = np.concatenate([values - mean for values, mean in zip(environments, means, strict=True)])
    clipped = np.clip(logs - np.median(logs), -widest, widest)
    return _Spread(
        within=float(np.sum(np.clip(residuals, -widest, widest) ** 2)),
        within_dof=len(runs) - len(environments),
        between=float(np.sum(np.clip(means - np.median(means), -widest_mean, widest_mean) ** 2)),
        between_dof=len(environments) - 1,
        mean_inverse=float(np.mean([1 / len(values) for values in environments])),
        squares=Squares.of(clipped, numbered(run.environment for run in runs)),
    )


def locate(runs: Sequence[Invocation], noise: Noise) -> Location:
    """Robust location of one configuration's steady runs (at least one)."""
    logs = _log_durations(runs)
    total_sd = math.hypot(noise.run_sd, noise.environment_sd)
    per_environment = _by_environment(runs, logs)
    variances = [noise.environment_sd**2 + noise.run_sd**2 / len(values) for values in per_environment]
    centres = np.array([robust_mean(values, noise.run_sd) for values in per_environment])
    weights = robust_weights((centres - np.median(centres)) / total_sd) / np.array(variances)
    excess = [warm_billed_ms(run) - run.duration_ms for run in runs if run.duration_ms is not None]
    return Location(
        log_ms=float(weights @ centres / weights.sum()),
        standard_error=math.sqrt(1 / sum(1 / variance for variance in variances)),
        billed_excess_ms=float(np.mean(excess)) if excess else 0.5,
        runs=len(runs),
    )


@dataclass(frozen=True, slots=True, eq=False)
class MeanDraws:
    """What the mean of a few values may be, shapes (S,).

    Attributes:
        mean: of the values themselves.
        spread: of the values, log units.
        runs: how many values there are.
        modelled: with slow runs that were not seen.
        least: the mean and the geometric mean as the values alone allow them; none for one value.
        resampled: means of the values weighed at random.
        exact: whose quantiles bound the mean from below whatever the values are drawn from; None: not known.
    """

    mean: float
    spread: float
    runs: int
    modelled: Floats
    least: tuple[Floats, ...]
    resampled: Floats
    exact: Floats | None = None

    def intervals(self, levels: Sequence[Levels]) -> Floats:
        """The interval at each of the levels, shape (levels, 2).

        None begins above what the values alone allow, nor ends below it, nor begins below an exact bound.
        """
        below = np.array([one.below for one in levels])
        above = np.array([one.above_at(self.spread, self.runs) for one in levels])
        low = np.minimum(self.mean, np.quantile(self.modelled, below))
        if self.least:
            low = np.minimum(low, np.max([np.quantile(draws, below) for draws in self.least], axis=0))
        if self.exact is not None:
            low = np.maximum(low, np.minimum(self.mean, np.quantile(self.exact, below)))
        most = max(self.mean, float(np.quantile(self.resampled, 1 - RESAMPLED_ABOVE)))
        return np.stack([low, np.maximum(most, np.quantile(self.modelled, 1 - above))], axis=1)


def statistics(values: Sequence[float], environments: Sequence[str], noise: Noise, slow: SlowRuns) -> Statistics:
    """Statistics of single values of one configuration.

    Args:
        values: shape (n,), n at least one, positive.
        environments: label of the environment of each value.
        noise: the pooled noise.
        slow: how frequent slow runs are, before these.
    """
    return _statistics(draw_means(values, environments, noise, slow), values)


def billed_statistics(
    durations_ms: Sequence[float],
    billed_ms: Sequence[float],
    environments: Sequence[str],
    noise: Noise,
    slow: SlowRuns,
) -> Statistics:
    """Statistics of what runs of one configuration are billed, in ms.

    Args:
        durations_ms: of the runs, shape (n,), n at least one, positive.
        billed_ms: what was billed for them, shape (n,).
        environments, noise, slow: as `statistics` takes them.
    """
    draws = draw_bills(durations_ms, billed_ms, environments, noise, slow)
    return _statistics(draws, billed_ms)


def _statistics(draws: MeanDraws, values: Sequence[float]) -> Statistics:
    low, high = (float(end) for end in draws.intervals([MEASURED_LEVELS])[0])
    p50, p95, p99 = (float(q) for q in np.quantile(values, [0.5, 0.95, 0.99]))
    return Statistics(draws.mean, low, high, p50, p95, p99)


@dataclass(frozen=True, slots=True, eq=False)
class _Worlds:
    """What the runs of one configuration may be, in draws of shape (S,).

    Attributes:
        cell: of slow runs.
        run_sd: spread of ordinary runs, log units.
        location: of the configuration, log units, environments that were not met included.
        ratio: how far environments differ, see `EnvironmentRatio`.
        labels: number of the environment of each run, shape (n,).
        spread: of the runs themselves, log units.
        rng: source of further draws.
    """

    cell: NDArray[np.intp]
    run_sd: Floats
    location: Floats
    ratio: NDArray[np.intp]
    labels: NDArray[np.intp]
    spread: float
    rng: np.random.Generator

    @classmethod
    def given(cls, values: Floats, environments: Sequence[str], noise: Noise, slow: SlowRuns) -> _Worlds:
        """After some positive values."""
        logs = np.log(values)
        rng = np.random.default_rng(len(values))
        cell, location = slow.draw_located(logs, robust_mean(logs, max(noise.run_sd, 1e-3)), STATISTICS_DRAWS, rng)
        run_sd, labels = slow.core_sd[cell], numbered(environments)
        ratio = noise.ratio.draw(STATISTICS_DRAWS, rng)
        shared = np.sqrt(shared_variance(ratio, len(values), labels.max() + 1))
        shocks = run_sd * shared * rng.standard_normal(STATISTICS_DRAWS)
        spread = float(logs.std(ddof=1)) if len(values) > 1 else math.inf
        return cls(cell, run_sd, location + shocks, ratio, labels, spread, rng)

    def least_means(self, values: Floats) -> tuple[Floats, ...]:
        """See `MeanDraws.least`."""
        return least_means(values, self.labels, self.ratio, self.rng) if len(values) > 1 else ()

    def resampled(self, values: Floats) -> Floats:
        """See `MeanDraws.resampled`."""
        return np.asarray(self.rng.dirichlet(np.ones(len(values)), BOOTSTRAP_DRAWS) @ values)


def draw_means(values: Sequence[float], environments: Sequence[str], noise: Noise, slow: SlowRuns) -> MeanDraws:
    """What the mean may be; arguments as `statistics` takes them."""
    array = np.asarray(values, dtype=np.float64)
    positive = np.maximum(array, 1e-9)
    worlds = _Worlds.given(positive, environments, noise, slow)
    return MeanDraws(
        mean=float(array.mean()),
        spread=worlds.spread,
        runs=len(values),
        modelled=np.exp(worlds.location) * slow.mean(worlds.cell, worlds.run_sd),
        least=worlds.least_means(positive),
        resampled=worlds.resampled(array),
    )


def draw_bills(
    durations_ms: Sequence[float],
    billed_ms: Sequence[float],
    environments: Sequence[str],
    noise: Noise,
    slow: SlowRuns,
) -> MeanDraws:
    """What the mean bill may be: the durations tell, rounded up; arguments as `billed_statistics` takes them."""
    durations = np.maximum(np.asarray(durations_ms, dtype=np.float64), SHORTEST_MS)
    billed = np.asarray(billed_ms, dtype=np.float64)
    besides = float(np.mean(billed - np.ceil(durations)))
    worlds = _Worlds.given(durations, environments, noise, slow)
    rounded = slow.mean_rounded_up(worlds.cell, worlds.run_sd, worlds.location, rounded_beyond(durations))
    least = min(LEAST_BILL_MS, float(billed.min()))
    return MeanDraws(
        mean=float(billed.mean()),
        spread=worlds.spread,
        runs=len(billed),
        modelled=rounded + besides,
        least=worlds.least_means(np.maximum(billed, 1e-9)),
        resampled=worlds.resampled(billed),
        exact=least_above(billed, least, worlds.labels, worlds.rng),
    )


def trimmed_mean(values: Sequence[float], discard: float) -> float:
    """Mean without a fraction of the smallest and of the largest values (Power Tuning's statistic).

    Args:
        values: at least one.
        discard: fraction discarded on each side, 0 to 0.4.
    """
    ordered = sorted(values)
    cut = math.floor(len(ordered) * discard)
    kept = ordered[cut : len(ordered) - cut] or ordered
    return sum(kept) / len(kept)


def t_quantile(probability: float, dof: float) -> float:
    """Quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(dof, probability))


def _log_durations(runs: Sequence[Invocation]) -> Floats:
    return np.asarray(np.log([max(run.duration_ms or 0.0, SHORTEST_MS) for run in runs]))


def _by_environment(runs: Sequence[Invocation], logs: Floats) -> list[Floats]:
    labels = np.array([run.environment for run in runs])
    return [logs[labels == label] for label in dict.fromkeys(labels.tolist())]


def numbered(labels: Iterable[str]) -> NDArray[np.intp]:
    """Environments as numbers from 0."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(label, len(known)) for label in labels], dtype=np.intp)


def _mad(values: Floats) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
