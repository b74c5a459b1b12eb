"""Everything that samples say of a function: duration, cost, percentiles and cold starts at any size.

Fits the posterior over curves and turns it into a `Belief` of candidates or an
`FunctionEstimate` of one configuration. Knows nothing of what to measure next.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.adjustment.own_percentiles import OwnRuns, with_own_percentiles
from tuner.estimation.belief import Belief, cost_of_billed, interval_of
from tuner.estimation.cold_starts import draw_starts
from tuner.estimation.cpu_quota.stairs import Stairs, promising_sizes
from tuner.estimation.failures.exclusions import Exclusion, ruled_out
from tuner.estimation.layout import Layout, candidates_of, layout_of
from tuner.estimation.noise import throttling_variance
from tuner.estimation.observations import Runs, runs_of, start_points
from tuner.estimation.posterior import Draws, Prior, draw_posterior
from tuner.estimation.slow_runs import Tails, usual_slow_runs
from tuner.estimation.threads import one_thread
from tuner.model import DEFAULT_MAX_ERROR_RATE, Architecture, Configuration, Interval, Sample, SearchSpace
from tuner.pricing.price_list import PriceList

Floats = NDArray[np.float64]

DRAWS = 1000
"""Joint draws: enough for 95% intervals to two digits and for regrets of a fraction of a percent."""
P99_QUANTILE = 0.9
"""Chance with which a timeout that is advised lies above the 99th percentile, before its margin."""
PLAUSIBLE = 0.05
"""Chance of a staircase from which on sizes between the nodes are looked at."""
MOST_LEVERAGE = 0.75
"""A residual is scaled up to twofold at most for what its own run had to say about the curve."""
ORDINARY = 0.3
"""Weight of a run from which on it tells where most runs lie."""
FEWEST_WARM = 3
"""Warm runs that tell whether the location lies above most runs."""
DEFAULT_PRIOR = Prior()


class NothingUsableError(ValueError):
    """No run says anything about the curve."""


@dataclass(frozen=True, slots=True)
class FunctionEstimate:
    """Figures of one configuration, each with its interval."""

    configuration: Configuration
    duration_ms: Interval
    cost_usd: Interval
    p95_ms: Interval
    p99_ms: Interval
    init_ms: Interval | None


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """The fitted curves of a function, as joint draws at the nodes of a layout."""

    layout: Layout
    runs: Runs
    draws: Draws
    tails: Tails
    init_ms: Floats | None
    prices: PriceList

    def at(self, memory_mb: int, architecture: Architecture) -> FunctionEstimate:
        """Duration, billed cost, percentiles and init at any size between the outermost nodes (1 MB steps)."""
        configuration = Configuration(memory_mb, architecture)
        belief = self.belief((configuration,))
        return FunctionEstimate(
            configuration,
            interval_of(belief.duration_ms),
            interval_of(belief.cost_usd),
            interval_of(belief.p95_ms),
            interval_of(belief.p99_ms),
            None if belief.init_ms is None else interval_of(belief.init_ms),
        )

    def location(self, candidates: Sequence[Configuration]) -> Floats:
        """Joint draws of the log of the median duration of candidates, shape (S, G)."""
        log_ms = self.layout.interpolate(self.draws.log_ms, candidates)
        rows = np.flatnonzero(self.draws.stair >= 0)
        if len(rows):
            different, which = np.unique(self.draws.stair[rows], return_inverse=True)
            log_ms[rows] += self._between(self.draws.stairs.pick(different), candidates)[which]
        return log_ms

    @property
    def stair_chance(self) -> float:
        """Chance that the function is a staircase."""
        return float((self.draws.stair >= 0).mean())

    @property
    def promising_mb(self) -> tuple[int, ...]:
        """Sizes, any megabyte, at which the function may be cheapest because an edge lies just below them."""
        if self.stair_chance < PLAUSIBLE:
            return ()
        different, often = np.unique(self.draws.stair[self.draws.stair >= 0], return_counts=True)
        low_mb, high_mb = self.layout.sizes_mb[0], self.layout.sizes_mb[-1]
        return promising_sizes(self.draws.stairs.pick(different), often, low_mb, high_mb)

    def _between(self, stairs: Stairs, candidates: Sequence[Configuration]) -> Floats:
        """What staircases are beyond the straight line between the nodes, shape (n, G)."""
        layout = self.layout
        memory_mb = np.array([c.memory_mb for c in candidates], dtype=np.float64)
        rows = np.array([layout.architectures.index(c.architecture) for c in candidates], dtype=np.int64)
        straight = layout.interpolate(stairs.log_ms(layout.memory_mb, layout.architecture_rows), candidates)
        return np.asarray(stairs.log_ms(memory_mb, rows) - straight)

    def belief(self, candidates: Sequence[Configuration], *, location: Floats | None = None) -> Belief:
        """Joint draws of candidates.

        Args:
            candidates: G of them.
            location: their `location`, where it is at hand.
        """
        median = np.exp(self.location(candidates) if location is None else location)
        duration = median * self.tails.mean[:, None]
        measured = {self.layout.configurations[node] for node in self.runs.nodes}
        init = None
        if self.init_ms is not None:
            init = np.exp(self.layout.interpolate(np.log(self.init_ms), candidates))
        believed = Belief(
            candidates=tuple(candidates),
            duration_ms=duration,
            cost_usd=cost_of_billed(candidates, duration + self.runs.billed_excess_ms, self.prices),
            p95_ms=median * self.tails.p95[:, None],
            p99_ms=median * self.tails.p99[:, None],
            measured=np.array([c in measured for c in candidates], dtype=np.bool_),
            init_ms=init,
            same_payload=self.draws.same_payload,
        )
        return with_own_percentiles(believed, self._own_runs)

    @property
    def _own_runs(self) -> dict[Configuration, OwnRuns]:
        """The warm runs of each node that are of today's payload."""
        runs = self.runs
        own = {}
        for location in np.flatnonzero(~runs.logged):
            warm = (runs.location == location) & ~runs.cold
            own[self.layout.configurations[runs.nodes[location]]] = OwnRuns(runs.log_ms[warm], runs.environment[warm])
        return own


@one_thread()
def fit(
    samples: Sequence[Sample],
    space: SearchSpace,
    prices: PriceList,
    *,
    seed: int,
    current: Configuration | None = None,
    prior: Prior = DEFAULT_PRIOR,
    draws: int = DRAWS,
    doubts: Mapping[Configuration, float] | None = None,
) -> Posterior:
    """Fit the curves of a function.

    Args:
        samples: what was measured, every run as of the mean payload.
        space: bounds.
        prices: decide the order of the architectures.
        seed: of the draws.
        current: the configuration in use, where known.
        prior: what is believed before any run.
        draws: how many.
        doubts: how far the runs of a configuration may be from the mean payload, log units.

    Raises:
        NothingUsableError: no run says anything about the curve.
        ArithmeticError, numpy.linalg.LinAlgError: the numbers do not allow it.
    """
    also = {s.configuration.memory_mb for s in samples if any(i.usable for i in s.invocations)}
    also |= {current.memory_mb} if current is not None else set()
    layout = layout_of(space, prices, also)
    runs = runs_of(samples, layout, doubts)
    if not runs.count:
        raise NothingUsableError("no usable run")
    # The draws depend on what was measured where, not on the durations: scaled runs give scaled draws.
    design = zlib.crc32(np.concatenate([runs.nodes[runs.location], runs.environment, runs.cold]).tobytes())
    rng = np.random.default_rng((seed, design, runs.count))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        posterior = draw_posterior(runs, layout, prior, draws, rng)
        tails = _draw_tails(runs, posterior, throttling_variance(runs, layout), rng)
        init = draw_starts(start_points(samples, layout), layout, draws, rng)
    return Posterior(layout, runs, posterior, tails, init, prices)


def candidates(
    samples: Sequence[Sample],
    space: SearchSpace,
    prices: PriceList,
    current: Configuration | None,
    *,
    max_error_rate: float = DEFAULT_MAX_ERROR_RATE,
    between_mb: Sequence[int] = (),
) -> tuple[tuple[Configuration, ...], dict[Configuration, Exclusion]]:
    """What may be recommended, and what may not with the reason.

    Args:
        samples: what was measured.
        space: bounds.
        prices: decide the order of the architectures.
        current: the configuration in use, where known.
        max_error_rate: share of failed runs that is accepted.
        between_mb: sizes between the nodes that may be recommended as well.
    """
    measured = {s.configuration.memory_mb for s in samples}
    layout = layout_of(space, prices, {m for m in measured if _within(m, space)})
    everything = candidates_of(space, layout, current, between_mb)
    excluded = ruled_out(samples, everything, max_error_rate=max_error_rate)
    return tuple(c for c in everything if c not in excluded), excluded


def timeout_advice_ms(belief: Belief, index: int, *, margin: float = 1.5) -> float:
    """A timeout that a recommended configuration should not run into: a margin above what its p99 may be.

    Args:
        belief: of the candidates.
        index: the recommended one.
        margin: factor on top, for what no sample has shown.
    """
    p99 = float(np.quantile(belief.p99_ms[:, index], P99_QUANTILE))
    return p99 * margin


def _draw_tails(runs: Runs, draws: Draws, throttling: Floats, rng: np.random.Generator) -> Tails:
    """Factors of the mean and of percentiles over the location, given the runs of all configurations.

    Pooled, a slow run raises every estimate alike and cannot move one configuration by itself. First runs of an
    environment count once their usual offset is taken off; they scatter more.

    Args:
        runs: n runs.
        draws: the curves that they were drawn from.
        throttling: variance that 20 ms periods may add to each run, shape (n,).
        rng: source of the draws.
    """
    location = np.median(draws.observed, axis=0)[runs.location]
    core_sd = np.hypot(draws.run_sd, draws.environment_sd)
    other = throttling + (draws.cold_sd**2 + draws.cold_offset_variance) * runs.cold
    residuals = runs.log_ms - location - draws.cold_offset * runs.cold
    # Where slow runs pass for spread, they raise the location. What most warm runs lie below it is taken off again.
    # Where most warm runs are slow ones, they seem to lie above it: all runs together tell that.
    ordinary = draws.weights >= ORDINARY
    warm = residuals[~runs.cold & ordinary]
    few = len(warm) < FEWEST_WARM
    common = 0.0 if few else min(float(np.median(warm)), max(0.0, float(np.median(residuals[ordinary]))))
    # A curve comes closer to its own runs than to the next ones: studentised, residuals spread as runs do.
    # An outlier hardly had a say.
    doubt = draws.observed.var(axis=0)[runs.location]
    leverage = np.minimum(draws.weights * doubt / ((core_sd**2).mean() + other), MOST_LEVERAGE)
    residuals = (residuals - common) / np.sqrt(1 - leverage)
    tails = usual_slow_runs().draw_around(residuals, core_sd, rng, other_sd=np.sqrt(other))
    return replace(tails, mean=tails.mean * math.exp(common))


def _within(memory_mb: int, space: SearchSpace) -> bool:
    return space.memory_sizes_mb[0] <= memory_mb <= space.memory_sizes_mb[-1]
