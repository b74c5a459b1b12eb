"""What to recommend: cost, speed or balanced, under constraints, with ties given to the other goal.

The rule itself (`choose`) is a pure function of one summary row per candidate, so that a
page that knows nothing but those rows comes to the same answer. The joint draws add
what rows cannot tell: how much the choice is expected to lose. Nothing here knows where
a belief came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tuner.bounds import bounds_told, violations
from tuner.estimation.belief import Belief, Draws
from tuner.model import Configuration, Constraints, Objective
from tuner.plain_numbers import as_given, joined, significant
from tuner.pricing.currency import currency_sign
from tuner.pricing.price_list import PriceList, gb_seconds
from tuner.search.rows import CandidateRow, summarise
from tuner.search.strategies import objective_values, strategy_of

MOST_GIVEN = 0.1
"""More of cost than a tenth is no bargain, whatever it buys."""
LEAST_GAINED = 0.25
"""Less speed than a quarter more is not worth a sentence."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A recommendation.

    Attributes:
        index: column of the belief.
        configuration: what is recommended.
        expected_regret: expected excess of the objective over the true best, as a fraction.
        given_to_ties: the part of it that was given away for the other goal: the objective's own
            best would lose so much less.
        chance_of_miss: chance that it loses more than twice the tolerance, beside what was given away.
        reason: a sentence for people.
        ties: columns that count as equally good under the objective, the chosen one among them.
        unmet: which constraint no candidate satisfies, and by how much; None: all are met.
    """

    index: int
    configuration: Configuration
    expected_regret: float
    given_to_ties: float
    chance_of_miss: float
    reason: str
    ties: tuple[int, ...]
    unmet: str | None = None


def recommend(belief: Belief, objective: Objective, prices: PriceList | None = None) -> Choice:
    """The configuration to use, why, and what it may lose.

    Args:
        belief: joint draws of every candidate.
        objective: strategy, constraints, tolerance, share of cold starts.
        prices: needed to weigh cold starts into the cost; their currency is that of the sentences, else USD.
    """
    belief = weigh_cold_starts(belief, objective.cold_start_share, prices)
    rows = summarise(belief)
    index, ties = _decide(rows, objective)
    sign = currency_sign(prices.currency if prices else "USD")
    excess = regret(belief, objective)
    expected = excess.mean(axis=0)
    given = float(expected[index] - expected[objective_best(belief, objective)])
    missed = excess[:, index] - given > 2 * objective.tolerance
    unmet = _unmet(rows, index, objective.constraints, sign)
    return Choice(
        index,
        belief.candidates[index],
        float(expected[index]),
        given,
        float(missed.mean()),
        f"{rows[index].configuration} {_reason(objective, len(ties), sign, met=unmet is None)}.",
        ties,
        unmet,
    )


def choose(rows: Sequence[CandidateRow], objective: Objective) -> int:
    """Index of the recommended row. The rows' means (and the upper end of one interval) decide.

    Feasible are rows whose mean p95 and mean cost per million and whose memory satisfy the
    constraints. Without any, the rows that violate them least. Among the feasible the strategy says which
    tie (see `tuner.search.strategies`). Of these a measured one comes before one that was not, so that the answer
    rests on runs of its own where that costs nothing. Then the strategy says which comes first. What still ties
    goes to less memory, then to the name of the architecture.
    """
    return _decide(rows, objective)[0]


def weigh_cold_starts(belief: Belief, share: float, prices: PriceList | None) -> Belief:
    """The belief of an average invocation, a `share` of which wait and pay for their init.

    Percentiles stay those of warm runs. Without observed cold starts nothing changes.
    """
    if not share or belief.init_ms is None:
        return belief
    if prices is None:
        raise ValueError("weighing cold starts into the cost needs the prices")
    usd_per_ms = [gb_seconds(c.memory_mb, 1.0) * prices.gb_second_usd(c.architecture) for c in belief.candidates]
    waited = share * belief.init_ms
    return replace(
        belief, duration_ms=belief.duration_ms + waited, cost_usd=belief.cost_usd + waited * np.array(usd_per_ms)
    )


def regret(belief: Belief, objective: Objective) -> Draws:
    """Excess of each candidate over the best feasible one in each draw, as a fraction, shape (S, G)."""
    feasible = _feasible_in(belief, objective.constraints)
    values = objective_values(belief.duration_ms, belief.cost_usd, objective, feasible)
    excess: Draws = values / values[:, feasible].min(axis=1, keepdims=True) - 1
    return excess


def objective_best(belief: Belief, objective: Objective, *, alike: float = 0.0) -> int:
    """The feasible candidate with the smallest expected regret: the best before ties are given away.

    Args:
        belief: draws.
        objective: what to minimise.
        alike: expected regrets so near the smallest one count as equal; the fastest of their candidates is the best.
    """
    feasible = _feasible_in(belief, objective.constraints)
    expected = np.where(feasible, regret(belief, objective).mean(axis=0), np.inf)
    near = expected <= expected.min() + alike
    return int(np.where(near, belief.duration_ms.mean(axis=0), np.inf).argmin()) if alike else int(expected.argmin())


def expected_regret(belief: Belief, objective: Objective, index: int) -> float:
    """Mean excess of a candidate over the best feasible one, as a fraction."""
    return float(regret(belief, objective)[:, index].mean())


def frontier(belief: Belief, constraints: Constraints) -> tuple[int, ...]:
    """Candidates that no other beats in both mean cost and mean duration, cheapest first.

    Only candidates that meet the constraints count; where none does, all count.
    """
    cost, duration = belief.cost_usd.mean(axis=0), belief.duration_ms.mean(axis=0)
    meets = _violated(belief, constraints) == 0
    counts = meets if meets.any() else np.ones_like(meets)
    fastest_so_far = np.inf
    kept: list[int] = []
    for index in np.lexsort((duration, cost)):
        if counts[index] and duration[index] < fastest_so_far:
            kept.append(int(index))
            fastest_so_far = duration[index]
    return tuple(kept)


def plateau(belief: Belief, objective: Objective, index: int) -> tuple[int, int]:
    """Columns of the smallest and the largest size around a candidate that are as good within the tolerance.

    Only its architecture and feasible candidates count, and every size between the two is as good.
    """
    expected = regret(belief, objective).mean(axis=0)
    feasible = _feasible_in(belief, objective.constraints)
    limit = expected[feasible].min() + objective.tolerance
    own = belief.candidates[index].architecture
    row = sorted(
        (i for i, c in enumerate(belief.candidates) if c.architecture is own),
        key=lambda i: belief.candidates[i].memory_mb,
    )
    good = [i == index or bool(feasible[i] and expected[i] <= limit) for i in row]
    low = high = row.index(index)
    while low > 0 and good[low - 1]:
        low -= 1
    while high < len(row) - 1 and good[high + 1]:
        high += 1
    return row[low], row[high]


def bargain(belief: Belief, objective: Objective, index: int) -> int | None:
    """Column of a candidate that is a little worse under the goal and much better under the other one.

    It gives more than the tolerance and at most `MOST_GIVEN` of cost for at least `LEAST_GAINED` of speed. Where
    speed is the goal, it is the other way round. Of several the one that gains most; None: there is none.
    """
    cost, duration = belief.cost_usd.mean(axis=0), belief.duration_ms.mean(axis=0)
    given, gained = (duration, cost) if strategy_of(objective).cost_weight(objective) == 0 else (cost, duration)
    extra = given / given[index] - 1
    found = _feasible_in(belief, objective.constraints)
    found = found & (extra > objective.tolerance) & (extra <= MOST_GIVEN)
    found &= gained[index] / gained >= 1 + LEAST_GAINED
    return int(np.where(found, gained, np.inf).argmin()) if found.any() else None


def _decide(rows: Sequence[CandidateRow], objective: Objective) -> tuple[int, tuple[int, ...]]:
    """The chosen row, and the rows that count as equally good."""
    strategy = strategy_of(objective)
    among = [i for i, ok in enumerate(_feasible(rows, objective.constraints)) if ok]
    tied = strategy.ties(rows, among, objective)
    chosen = min(tied, key=lambda i: (not rows[i].measured, *strategy.order(rows[i]), rows[i].configuration))
    return chosen, tuple(tied)


def _feasible(rows: Sequence[CandidateRow], constraints: Constraints) -> NDArray[np.bool_]:
    """Rows that violate the constraints least: not at all, where that is possible."""
    return _least(np.array([sum(_violations(row, constraints).values()) for row in rows]))


def _feasible_in(belief: Belief, constraints: Constraints) -> NDArray[np.bool_]:
    """The same of the candidates of a belief, whose means are those of their rows."""
    return _least(_violated(belief, constraints))


def _violated(belief: Belief, constraints: Constraints) -> Draws:
    """By how much each candidate of a belief violates the constraints by its means, all together, shape (G,)."""
    means = belief.p95_ms.mean(axis=0), belief.cost_usd.mean(axis=0)
    columns = zip(belief.candidates, *means, strict=True)
    found = (violations(c.memory_mb, float(p95), float(cost), constraints) for c, p95, cost in columns)
    return np.array([sum(one.values()) for one in found])


def _least(violated: Draws) -> NDArray[np.bool_]:
    """Whose violations are the least."""
    least: NDArray[np.bool_] = violated <= violated.min()
    return least


def _violations(row: CandidateRow, constraints: Constraints) -> dict[str, float]:
    """By how much, as a fraction of the bound, a row violates each constraint that it violates."""
    return violations(row.configuration.memory_mb, row.p95_ms.mean, row.cost_usd.mean, constraints)


def _reason(objective: Objective, ties: int, sign: str, *, met: bool) -> str:
    """Why the chosen row is recommended, as the end of a sentence that names the bounds it was chosen under."""
    if not met:
        return "comes closest to the constraints"
    bounds = bounds_told(objective.constraints, sign)
    among = f" among those with {joined(bounds)}" if bounds else ""
    return f"{strategy_of(objective).reason(ties, objective)}{among}"


def _unmet(rows: Sequence[CandidateRow], index: int, constraints: Constraints, sign: str) -> str | None:
    violations = _violations(rows[index], constraints)
    if not violations:
        return None
    row = rows[index]
    p95_ms, per_million = significant(row.p95_ms.mean), significant(row.cost_usd.mean * 1e6)
    words = {
        "p95 duration": f"p95 duration of at most {as_given(constraints.max_p95_ms or 0)} ms ({p95_ms} ms",
        "cost per million": f"cost of at most {sign}{as_given(constraints.max_cost_per_million_usd or 0)} per million "
        f"({sign}{per_million}",
        "memory": f"memory of at least {constraints.min_memory_mb or 0:,} MB ({row.configuration.memory_mb:,} MB",
    }
    parts = [f"{words[name]}, off by {excess:,.0%})" for name, excess in violations.items()]
    return f"No configuration meets the constraints; {row.configuration} comes closest: " + "; ".join(parts)
