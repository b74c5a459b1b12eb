"""Belief in the measured configurations alone, from plain statistics.

Used by a grid, and where no curve can be fitted. It says nothing of sizes that were not measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.adjustment.own_percentiles import OwnRuns, with_own_percentiles
from tuner.estimation.belief import Belief, cost_of_billed
from tuner.estimation.failures.exclusions import failed, without_usable_run
from tuner.estimation.robust_statistics import (
    PRIOR_SD,
    SHORTEST_MS,
    Location,
    Noise,
    fit_noise,
    locate,
    numbered,
    steady_runs,
)
from tuner.estimation.slow_runs import Tails, usual_slow_runs
from tuner.model import DEFAULT_MAX_ERROR_RATE, Configuration, Invocation, Sample, SearchSpace, invocations_of
from tuner.pricing.price_list import PriceList

Floats = NDArray[np.float64]

DRAWS = 400
"""Joint draws of a belief: enough for 95% intervals to two digits."""


def measured_belief(
    samples: Sequence[Sample],
    prices: PriceList,
    *,
    seed: int,
    draws: int = DRAWS,
    space: SearchSpace | None = None,
    max_error_rate: float = DEFAULT_MAX_ERROR_RATE,
) -> Belief:
    """Belief in the measured configurations alone, from plain statistics.

    Args:
        samples: what was measured.
        prices: for the cost.
        seed: of the draws.
        draws: how many, the S of `Belief`.
        space: what may be recommended; None: everything that was measured.
        max_error_rate: share of failed runs that is accepted.

    Returns:
        A belief whose candidates are the configurations of the space with usable runs,
        sorted; no candidate at all when nothing was usable.
    """
    grouped = invocations_of(samples)
    excluded = without_usable_run(samples) | failed(samples, max_error_rate=max_error_rate)
    steady = {c: steady_runs(runs) for c, runs in grouped.items() if c not in excluded}
    candidates = tuple(sorted(c for c, runs in steady.items() if runs and (space is None or c in space)))
    noise = fit_noise(steady[c] for c in candidates)
    locations = [locate(steady[c], noise) for c in candidates]
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(noise.dof, size=(draws, len(candidates)))
    logs = np.array([loc.log_ms for loc in locations]) + shocks * np.array([loc.standard_error for loc in locations])
    median = np.exp(logs)
    tails = _pooled_tails(steady, candidates, locations, noise, rng, draws)
    duration = median * tails.mean[:, None]
    billed = duration + np.array([loc.billed_excess_ms for loc in locations])
    believed = Belief(
        candidates=candidates,
        duration_ms=duration,
        cost_usd=cost_of_billed(candidates, billed, prices),
        p95_ms=median * tails.p95[:, None],
        p99_ms=median * tails.p99[:, None],
        measured=np.ones(len(candidates), dtype=np.bool_),
        init_ms=_init_draws(grouped, candidates, rng, draws),
        excluded=excluded,
    )
    return with_own_percentiles(believed, {c: _own_runs(steady[c]) for c in candidates})


def _own_runs(runs: Sequence[Invocation]) -> OwnRuns:
    return OwnRuns(_logs_of(runs), numbered(run.environment or f"?{n}" for n, run in enumerate(runs)))


def _logs_of(runs: Sequence[Invocation]) -> Floats:
    return np.log([max(run.duration_ms or 0.0, SHORTEST_MS) for run in runs])


def _pooled_tails(
    steady: Mapping[Configuration, Sequence[Invocation]],
    candidates: Sequence[Configuration],
    locations: Sequence[Location],
    noise: Noise,
    rng: np.random.Generator,
    draws: int,
) -> Tails:
    """Factors over the location that all candidates share, so that they cancel where candidates are compared."""
    residuals = [_logs_of(steady[c]) - location.log_ms for c, location in zip(candidates, locations, strict=True)]
    slow = usual_slow_runs().given(np.concatenate([*residuals, []]))
    return slow.draw(np.full(draws, noise.total_sd), rng)


def _init_draws(
    grouped: Mapping[Configuration, Sequence[Invocation]],
    candidates: Sequence[Configuration],
    rng: np.random.Generator,
    draws: int,
) -> Floats | None:
    """Mean init duration of every candidate; sizes without a cold start are interpolated in log memory."""
    seen: dict[str, list[tuple[float, float, int]]] = {}
    for configuration, runs in grouped.items():
        starts = [run.start_ms for run in runs if run.usable and run.start_ms]
        if starts:
            point = (math.log(configuration.memory_mb), float(np.mean(np.log(starts))), len(starts))
            seen.setdefault(configuration.architecture, []).append(point)
    if not seen or not candidates:
        return None
    columns = []
    for candidate in candidates:
        points = sorted(seen.get(candidate.architecture) or next(iter(seen.values())))
        x = math.log(candidate.memory_mb)
        centre = float(np.interp(x, [p[0] for p in points], [p[1] for p in points]))
        count = min(points, key=lambda p: abs(p[0] - x))[2]
        columns.append(np.exp(centre + rng.standard_normal(draws) * 2 * PRIOR_SD / math.sqrt(count)))
    return np.stack(columns, axis=1)
