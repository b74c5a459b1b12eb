"""Which sizes can be part of the answer for one deadline or budget, told before any front is built.

Time is counted at what it is worth (a Lagrange multiplier), divided among branches that run side by side. The sum of
the least that each function then comes to is a lower bound; sizes far above it are left out without losing the
answer. The bound holds for any division; a good one makes it tight. Refuses to build fronts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tuner.workflows.tradeoffs.forms import Form
from tuner.workflows.tradeoffs.fronts import Floats, Ints, slightly_above
from tuner.workflows.tradeoffs.hulls import Hull
from tuner.workflows.tradeoffs.places import FormPlace, FormPlaces, SizingProblem

_ROUNDS = 4
"""Times that the cost of shared functions is divided among their uses; more raise the bound by less than 0.1%."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class CostWindow:
    """Sizes whose cost, with their time at its worth, is at most `slack_usd` above the least.

    Attributes:
        root: the whole workflow.
        root_usd: worth of a millisecond of it.
        least_usd: no sizes come to less, cost and time together.
        surplus_usd: for each function, what each configuration comes to above the best; shape (G,).
        slack_usd: how far above the least is of interest.
    """

    root: FormPlace
    root_usd: float
    least_usd: float
    surplus_usd: Mapping[str, Floats]
    slack_usd: float = np.inf

    def spent(self, sizes: Mapping[str, int]) -> float:
        """What given sizes come to above the best."""
        return sum(float(self.surplus_usd[function][index]) for function, index in sizes.items())

    def sizes(self) -> dict[str, Ints]:
        """For each function, the indexes of the configurations of interest."""
        slack = slightly_above(self.slack_usd)
        return {function: np.flatnonzero(usd <= slack) for function, usd in self.surplus_usd.items()}

    def best(self, sizes: Mapping[str, Sequence[int]], spent_usd: float, most: int) -> list[tuple[int, ...]]:
        """The combinations of sizes of interest that come to the least, at most so many."""
        limit = self.slack_usd * (1 + _ROUNDING)
        found: list[tuple[float, tuple[int, ...]]] = [(spent_usd, ())]
        for function, indexes in sizes.items():
            surplus = self.surplus_usd[function]
            longer = [(usd + float(surplus[i]), (*others, i)) for usd, others in found for i in indexes]
            longer.sort()
            # At least one stays, so that no front is empty.
            found = [one for one in longer if one[0] <= limit][:most] or longer[:1]
        return [combination for _, combination in found]


def least_cost(problem: SizingProblem) -> Hull:
    """A convex curve that no sizes can beat."""
    hull = FormPlaces(problem).root({}).hull
    return Hull(hull.time_ms, hull.cost_usd + problem.idle_usd)


def windows_along(problem: SizingProblem, count: int) -> list[CostWindow]:
    """Windows without a limit, at places spread over the whole trade-off."""
    root = FormPlaces(problem).root({})
    slopes = root.hull.slopes
    chosen = np.unique(np.linspace(0, len(slopes) - 1, min(count, len(slopes))).astype(int))
    return [_window(problem, _Worth(root, float(slope))) for slope in slopes[chosen]]


def window_at_time(problem: SizingProblem, time_ms: float) -> CostWindow:
    """The window for a deadline, with the highest lower bound of the cost that was found."""
    found = _windows(problem, lambda hull: hull.worth_at_time(time_ms))
    return max(found, key=lambda window: window.least_usd - window.root_usd * time_ms)


def window_at_cost(problem: SizingProblem, cost_usd: float) -> CostWindow:
    """The window for a budget, with the highest lower bound of the time that was found."""
    found = _windows(problem, lambda hull: hull.worth_at_cost(cost_usd - problem.idle_usd))
    return max(
        found, key=lambda window: (window.least_usd - cost_usd) / window.root_usd if window.root_usd else -np.inf
    )


def _windows(problem: SizingProblem, worth_of: Callable[[Hull], float]) -> Iterator[CostWindow]:
    places, shares = FormPlaces(problem), dict[str, list[float]]()
    for _ in range(_ROUNDS):
        root = places.root(shares)
        worth = _Worth(root, worth_of(root.hull))
        yield _window(problem, worth)
        shares = {function: _shares(of) for function, of in worth.uses.items() if len(of) > 1}
        if not shares:
            break


def _shares(uses: Sequence[float]) -> list[float]:
    """Division of the cost of a shared function by which all its uses would choose the same size."""
    total = sum(uses)
    return [worth / total for worth in uses] if total else [1 / len(uses)] * len(uses)


def _window(problem: SizingProblem, worth: _Worth) -> CostWindow:
    totals = {
        function: problem.cost_usd(function) + sum(worth.uses.get(function, ())) * choices.time_ms
        for function, choices in problem.options.items()
    }
    least = worth.constant_usd + sum(float(total.min()) for total in totals.values())
    surplus = {function: total - total.min() for function, total in totals.items()}
    return CostWindow(worth.root, worth.root_usd, least, surplus)


class _Worth:
    """Divides what a millisecond of the whole workflow is worth among its places.

    Attributes:
        root: the whole workflow.
        root_usd: worth of a millisecond of it.
        uses: worth at each use of a function, in the order of the uses.
        constant_usd: what the constant times come to.
    """

    def __init__(self, root: FormPlace, root_usd: float) -> None:
        self.root, self.root_usd = root, root_usd
        self.uses: dict[str, list[float]] = {}
        self.constant_usd = 0.0
        self._spread(root, root_usd)

    def _spread(self, place: FormPlace, worth_usd: float) -> None:
        """That of a sum goes to each of its terms, that of a maximum is divided."""
        if isinstance(place.content, str):
            self.uses.setdefault(place.content, []).append(worth_usd)
            return
        if isinstance(place.content, Form):
            self.constant_usd += worth_usd * place.content.constant_ms
            each = [worth_usd * part.weight for part in place.parts]
        else:
            each = _divided(place.hull, [part.hull for part in place.parts], worth_usd)
        for part, part_usd in zip(place.parts, each, strict=True):
            self._spread(part, part_usd)


def _divided(whole: Hull, branches: Sequence[Hull], worth_usd: float) -> list[float]:
    """Worth of each branch, between what it saves before and after the time at which the whole costs the least."""
    time_ms = float(whole.time_ms[int((whole.slopes > worth_usd).sum())])
    after = np.array([branch.slope_after(time_ms) for branch in branches])
    room = np.array([branch.slope_before(time_ms) for branch in branches]) - after
    lacking = max(0.0, worth_usd - float(after.sum()))
    # A branch that cannot be faster takes all that is lacking.
    slowest = np.isinf(room)
    room = np.where(slowest, 1.0, 0.0) if slowest.any() else room
    each = after + lacking * (room / room.sum() if room.any() else 0.0)
    total = float(each.sum())
    # Rounding aside it adds up already; that it does is what the lower bound rests on.
    return list(each * (worth_usd / total)) if total else [worth_usd / len(branches)] * len(branches)
