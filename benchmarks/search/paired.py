"""Searches with and without a log, held against each other function by function: the same function, noise and seed.

A difference of two averages hides how far it is chance. Here each search with 100 past runs of the size in use
is held against the search of the same function and seed without them, so that the difference has an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tuner.simulated.curves import Floats
from tuner.simulated.quality import family_weights, is_right
from tuner.simulated.search import SimulatedSearch


@dataclass(frozen=True, slots=True)
class Pair:
    """Two searches of one function with one seed."""

    without: SimulatedSearch
    logged: SimulatedSearch


@dataclass(frozen=True, slots=True)
class PairedQuality:
    """What a log changes; regrets are fractions, prices in invocations of the true optimum (C*).

    Errors (`_se`) are standard errors over functions: searches of one function with several seeds count as one
    value. Families weigh by the square root of their size.

    Attributes:
        functions, pairs: how many; a pair is a function with a seed.
        price_without, price_with: of a search.
        price_ratio, price_ratio_se: of the two.
        regret_without, regret_with: of what is recommended.
        regret_difference, regret_difference_se: of the two, positive where the log makes it worse.
        best_regret_without, best_regret_with, best_regret_difference, best_regret_difference_se: the same of the
            objective's own best, before ties are given to the other goal.
        rounds_without, rounds_with: of a search.
        high_without, high_with: results that say high confidence, a share.
        right_without, right_with: of those, the share that is right; None without any.
    """

    functions: int
    pairs: int
    price_without: float
    price_with: float
    price_ratio: float
    price_ratio_se: float
    regret_without: float
    regret_with: float
    regret_difference: float
    regret_difference_se: float
    best_regret_without: float
    best_regret_with: float
    best_regret_difference: float
    best_regret_difference_se: float
    rounds_without: float
    rounds_with: float
    high_without: float
    high_with: float
    right_without: float | None
    right_with: float | None


def paired_quality(pairs: Sequence[Pair], tolerance: float) -> PairedQuality:
    """Averages and paired differences over pairs (at least one)."""
    names = sorted({pair.without.function for pair in pairs})
    own = {name: [pair for pair in pairs if pair.without.function == name] for name in names}
    weights = family_weights([own[name][0].without.family for name in names])

    def each(of: Callable[[Pair], float]) -> Floats:
        return np.array([np.mean([of(pair) for pair in own[name]]) for name in names])

    def mean(values: Floats) -> float:
        return float(np.average(values, weights=weights))

    def high(searches: Callable[[Pair], SimulatedSearch]) -> tuple[float, float | None]:
        said = each(lambda pair: bool(searches(pair).high_confidence))
        right = each(lambda pair: bool(searches(pair).high_confidence) and is_right(searches(pair), tolerance))
        return mean(said), mean(right) / mean(said) if said.any() else None

    price = each(lambda p: p.without.search_cost), each(lambda p: p.logged.search_cost)
    regret = each(lambda p: p.without.regret_after_ties), each(lambda p: p.logged.regret_after_ties)
    best = each(lambda p: p.without.regret), each(lambda p: p.logged.regret)
    ratio = mean(price[1]) / mean(price[0])
    (high_without, right_without), (high_with, right_with) = high(lambda p: p.without), high(lambda p: p.logged)
    return PairedQuality(
        functions=len(names),
        pairs=len(pairs),
        price_without=mean(price[0]),
        price_with=mean(price[1]),
        price_ratio=ratio,
        price_ratio_se=standard_error(price[1] - ratio * price[0], weights) / mean(price[0]),
        regret_without=mean(regret[0]),
        regret_with=mean(regret[1]),
        regret_difference=mean(regret[1] - regret[0]),
        regret_difference_se=standard_error(regret[1] - regret[0], weights),
        best_regret_without=mean(best[0]),
        best_regret_with=mean(best[1]),
        best_regret_difference=mean(best[1] - best[0]),
        best_regret_difference_se=standard_error(best[1] - best[0], weights),
        rounds_without=mean(each(lambda p: p.without.rounds)),
        rounds_with=mean(each(lambda p: p.logged.rounds)),
        high_without=high_without,
        high_with=high_with,
        right_without=right_without,
        right_with=right_with,
    )


def standard_error(values: Floats, weights: Floats) -> float:
    """Standard error of a weighted mean of independent values, both of shape (N,); 0 for a single one."""
    count = len(values)
    if count < 2:
        return 0.0
    apart = weights * (values - np.average(values, weights=weights))
    return float(np.sqrt(count / (count - 1) * np.sum(apart**2)) / np.sum(weights))


PAIRED_COLUMNS = (
    ("in use", 8),
    ("pairs", 5),
    ("C*", 6),
    ("with", 6),
    ("ratio", 14),
    ("regret", 7),
    ("with", 6),
    ("difference", 13),
    ("of own best", 13),
    ("rounds", 9),
    ("high", 9),
    ("right", 11),
)
"""Headings and widths of the table: searches without a log, then `with` one."""


def paired_table(rows: Sequence[tuple[int, PairedQuality]]) -> str:
    """One line for each size in use."""
    headings = [f"{heading:>{width}}" for heading, width in PAIRED_COLUMNS]
    lines = ["  ".join(headings)]
    for size, row in rows:
        cells = [
            f"{size} MB",
            str(row.pairs),
            f"{row.price_without:.1f}",
            f"{row.price_with:.1f}",
            f"{row.price_ratio:.1%} ± {row.price_ratio_se:.1%}",
            f"{row.regret_without:.2%}",
            f"{row.regret_with:.2%}",
            _points(row.regret_difference, row.regret_difference_se),
            _points(row.best_regret_difference, row.best_regret_difference_se),
            f"{row.rounds_without:.1f}, {row.rounds_with:.1f}",
            f"{row.high_without:.0%}, {row.high_with:.0%}",
            ", ".join("-" if right is None else f"{right:.0%}" for right in (row.right_without, row.right_with)),
        ]
        lines.append("  ".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, PAIRED_COLUMNS, strict=True)))
    return "\n".join(lines)


def _points(difference: float, error: float) -> str:
    return f"{100 * difference:+.2f} ± {100 * error:.2f}"
