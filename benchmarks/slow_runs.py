"""Fits the table of slow runs (`tuner/estimation/slow_runs.json`) to published single runs.

Run: python -m benchmarks.slow_runs --runs FILE [FILE …] [--without FAMILY] > slow_runs.json

Expectation maximisation over cells of (spread of ordinary runs, share of slow runs, their factor). A family weighs
as the square root of its groups. What no group of some hundred runs can show, very rare slow runs, is taken to be
the less likely the more it would add to the mean.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.regression.real_runs import Curve, Floats, read_curves
from tuner.estimation.robust_statistics import robust_mean
from tuner.estimation.slow_runs import SlowRuns

SPREADS = (0.006, 0.012, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
SHARES = (0.0, 0.001, 0.002, 0.004, 0.007, 0.012, 0.02, 0.03, 0.045, 0.07, 0.1, 0.14, 0.2, 0.3, 0.45)
FACTORS = (1.4, 2.0, 3.0, 5.0, 8.0, 13.0, 22.0, 40.0, 80.0, 160.0, 320.0)
ROUNDS = 25
SHOWN = 0.005
"""Shares from which a group of some hundred runs shows its slow runs."""
USUAL_EXCESS = 0.1
"""What very rare slow runs add to the mean, as a fraction, at most as a rule."""
MOST_RUNS = 300


def log_likelihood(curve: Curve, cells: SlowRuns, rng: np.random.Generator) -> Floats:
    """How well each cell explains the runs of a group, shape (K,)."""
    logs = np.log(curve.duration_ms)
    scale = max(1.4826 * float(np.median(np.abs(logs - np.median(logs)))), 0.003)
    residuals = logs - robust_mean(logs, scale)
    some = rng.choice(residuals, MOST_RUNS, replace=False) if len(residuals) > MOST_RUNS else residuals
    return cells.log_likelihood(some)


def fit(curves: Sequence[Curve]) -> Floats:
    """The weight of each cell, shape (spreads, shares, factors), summing to one."""
    cells = SlowRuns.grid(np.array(SPREADS), np.array(SHARES), np.array(FACTORS))
    rng = np.random.default_rng(0)
    seen = np.array([log_likelihood(curve, cells, rng) for curve in curves])
    seen = np.exp(seen - seen.max(axis=1, keepdims=True))
    groups = Counter(curve.family for curve in curves)
    weight = np.array([1 / math.sqrt(groups[curve.family]) for curve in curves])
    excess = np.array(SHARES)[:, None] * (np.array(FACTORS) - 1)
    allowed = np.where(np.array(SHARES)[:, None] >= SHOWN, 1.0, np.exp(-excess / USUAL_EXCESS))
    allowed[0, 1:] = 0.0  # without slow runs their factor means nothing
    base = np.broadcast_to(allowed, (len(SPREADS), *allowed.shape)).ravel()
    chance = base / base.sum()
    for _ in range(ROUNDS):
        parts = seen * chance
        chance = (weight[:, None] * parts / parts.sum(axis=1, keepdims=True)).sum(axis=0)
        chance /= chance.sum()
    return np.asarray(chance.reshape(len(SPREADS), *allowed.shape))


def main() -> None:
    """Fit the table and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="Files of single runs.")
    parser.add_argument("--without", default="", help="A family to leave out.")
    arguments = parser.parse_args()
    curves = [c for path in arguments.runs for c in read_curves(path) if c.family != arguments.without]
    families = ", ".join(sorted({curve.family for curve in curves}))
    source = f"Published single runs of AWS Lambda functions ({families}), {len(curves)} groups of runs"
    weights = [[[round(float(w), 6) for w in row] for row in table] for table in fit(curves)]
    document = {"source": source, "spreads": SPREADS, "shares": SHARES, "factors": FACTORS, "weights": weights}
    print(json.dumps(document, separators=(",", ":")))


if __name__ == "__main__":
    main()
