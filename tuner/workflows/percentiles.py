"""Trade-offs between a percentile of the end-to-end time and the cost, judged by simulated executions.

A percentile does not add up along a workflow, so no exact front of it exists. The exact fronts of
averages propose sizes: of all executions, and of those near the percentile, in which other ways are
taken and other branches are the last. Every proposal is judged by the simulated executions themselves.
What the curves leave in doubt is added up along the workflow as well: a bound counts as kept when it is
kept in 95% of the draws of what the curves may be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tuner.workflows.curves import FunctionCurve
from tuner.workflows.flow import Flow, form_of_flow, invocations_of
from tuner.workflows.scenarios import Scenarios, certain
from tuner.workflows.tradeoffs.allocation import Allocations, allocate, front_before
from tuner.workflows.tradeoffs.answers import BestSizes
from tuner.workflows.tradeoffs.forms import Form, evaluate_draws
from tuner.workflows.tradeoffs.fronts import Allocation, Choices, Front

Floats = NDArray[np.float64]

ANCHORS = 6
"""Places along the front around which sizes are proposed."""
PROPOSALS = 16
"""Sizes that are judged around each of them."""
ROUNDS = 6
"""Times that sizes are proposed for a deadline, as long as they become cheaper."""
_LITTLE = 1e-4
LEVEL = 95.0
"""A bound is kept in so many percent of the draws of the curves."""
WIDTH = 3.0
"""Executions within so many percent of the percentile propose sizes."""
WORLD_WIDTH = 10.0
"""Draws of the curves within so many percent of `LEVEL` propose sizes."""
_SHARE_OF_ALL = 0.25
"""Weight of all executions beside those near the percentile: ways that are not taken there count as well."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Sizes of all functions, and what they come to.

    Attributes:
        allocation: index of the configuration of each function.
        time_ms: the percentile of the end-to-end time, at most, in 95% of the draws of the curves.
        mean_ms: mean end-to-end time.
        cost_usd: mean cost of an execution.
        excess: at most so much, as a fraction, other sizes are better for the bound; 0: none are, None: not known.
    """

    allocation: Allocation
    time_ms: float
    mean_ms: float
    cost_usd: float
    excess: float | None = None


@dataclass(slots=True)
class PercentileSearch:
    """Finds sizes for a percentile.

    Attributes:
        flow: the workflow.
        curves: of each of its functions.
        percentile: from 0 to 100; None: the mean.
        scenarios: simulated executions that judge, with the expected curves.
    """

    flow: Flow
    curves: Mapping[str, FunctionCurve]
    percentile: float | None
    scenarios: Scenarios
    invocations: dict[str, float] = field(init=False)
    means: Allocations = field(init=False)
    _form: Form = field(init=False)
    _in_doubt: bool = field(init=False)
    _draws: dict[str, Floats] = field(init=False)
    _judged: dict[tuple[int, ...], Candidate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.invocations = invocations_of(self.flow)
        self._form = form_of_flow(self.flow)
        self._in_doubt = self.percentile is not None and any(len(c.duration_ms) > 1 for c in self.curves.values())
        most = max(len(curve.duration_ms) for curve in self.curves.values())
        # By configuration and draw, so that the draws of one configuration stand together.
        self._draws = {
            name: np.resize(curve.duration_ms, (most, len(curve.cost_usd))).T.copy()
            for name, curve in self.curves.items()
        }
        options = {name: Choices(curve.mean_ms, curve.cost_usd) for name, curve in self.curves.items()}
        self.means = allocate(self._form, self.invocations, options)

    @property
    def of_means(self) -> bool:
        """Whether the trade-off of means is the answer: the mean is asked for, or all executions are alike."""
        return self.percentile is None or certain(self.flow, self.curves)

    def explore(self) -> None:
        """Judge sizes all along the trade-off; to be called before any question."""
        # No sizes are faster than the fastest of each function, whatever the percentile.
        self.judge({name: int(curve.mean_ms.argmin()) for name, curve in self.curves.items()})
        self._judge_along(self.means.front, 2 * ANCHORS * PROPOSALS if self.of_means else ANCHORS * PROPOSALS // 2)
        if not self.of_means:
            for anchor in self._anchors():
                self._propose(anchor, shares=(_SHARE_OF_ALL,))

    def front(self) -> tuple[Candidate, ...]:
        """Candidates that no other beats in both time and cost, the fastest first."""
        return _best(self._judged.values())

    def cheapest_within(self, deadline_ms: float) -> Candidate | None:
        """The cheapest candidate within a deadline; None: there is none."""
        if self.of_means:
            return self._judge_answer(self.means.cheapest_within(deadline_ms))
        found, around_ms = self._within(deadline_ms), deadline_ms
        if found is None:
            return None
        for _ in range(ROUNDS):
            # What the averages do not see of the percentile is made up for in the next round.
            around_ms += deadline_ms - self._propose(found, around_ms=around_ms).time_ms
            self._nudge(self._within(deadline_ms) or found, deadline_ms)
            better = self._within(deadline_ms) or found
            improved, found = better.cost_usd < found.cost_usd * (1 - _LITTLE), better
            if not improved:
                break
        return found

    def fastest_within(self, budget_usd: float) -> Candidate | None:
        """The fastest candidate within a budget; None: there is none."""
        if self.of_means:
            return self._judge_answer(self.means.fastest_within(budget_usd))
        affordable = [c for c in self._judged.values() if c.cost_usd <= budget_usd * (1 + 1e-9)]
        if not affordable:
            return None
        found = min(affordable, key=lambda c: c.time_ms)
        self._propose(found)
        affordable = [c for c in self._judged.values() if c.cost_usd <= budget_usd * (1 + 1e-9)]
        return min(affordable, key=lambda c: (c.time_ms, c.cost_usd))

    def judge(self, allocation: Allocation) -> Candidate:
        """What sizes come to."""
        key = tuple(allocation[name] for name in self.curves)
        if key not in self._judged:
            times = self.scenarios.time_ms(allocation)
            cost = sum(count * float(self.curves[f].cost_usd[allocation[f]]) for f, count in self.invocations.items())
            time_ms = self._percentile(times) * self._doubt(allocation)
            self._judged[key] = Candidate(dict(allocation), time_ms, float(times.mean()), cost)
        return self._judged[key]

    def _judge_answer(self, answer: BestSizes | None) -> Candidate | None:
        return None if answer is None else replace(self.judge(answer.allocation), excess=answer.excess)

    def _percentile(self, times: Floats) -> float:
        if self.percentile is None:
            return float(times.mean())
        return float(np.percentile(times, self.percentile, method="higher"))

    def _worlds(self, allocation: Allocation) -> Floats:
        """Mean time of an execution over its mean, in each draw of the curves, shape (W,)."""
        durations = {name: draws[allocation[name]] for name, draws in self._draws.items()}
        times = evaluate_draws(self._form, durations)
        relative: Floats = times / times.mean()
        return relative

    def _doubt(self, allocation: Allocation) -> float:
        """By what factor an execution may take longer than the expected curves say, in 95% of their draws."""
        return max(1.0, float(np.percentile(self._worlds(allocation), LEVEL))) if self._in_doubt else 1.0

    def _doubtful(self, options: Mapping[str, Choices], anchor: Candidate) -> dict[str, Choices]:
        """What each size takes where executions with the anchor's sizes are as slow as `LEVEL` says."""
        if not self._in_doubt:
            return dict(options)
        worlds = self._worlds(anchor.allocation)
        near = np.abs(_ranks(worlds) - LEVEL) <= WORLD_WIDTH
        slower = {name: self._draws[name][:, near].mean(axis=1) / curve.mean_ms for name, curve in self.curves.items()}
        return {name: Choices(one.time_ms * slower[name], one.cost_usd) for name, one in options.items()}

    def _within(self, deadline_ms: float) -> Candidate | None:
        kept = [c for c in self._judged.values() if c.time_ms <= deadline_ms * (1 + 1e-9)]
        return min(kept, key=lambda c: (c.cost_usd, c.time_ms)) if kept else None

    def _anchors(self) -> list[Candidate]:
        best = _best(self._judged.values())
        return [best[i] for i in sorted({round(x) for x in np.linspace(0, len(best) - 1, ANCHORS)})]

    def _propose(
        self,
        anchor: Candidate,
        *,
        around_ms: float | None = None,
        shares: tuple[float, ...] = (0.0, _SHARE_OF_ALL),
    ) -> Candidate:
        """Judge sizes from the front of the executions that are near the percentile with the anchor's sizes.

        Returns:
            The last of them.
        """
        times = self.scenarios.time_ms(anchor.allocation)
        near = self.scenarios.near(times, 50.0 if self.percentile is None else self.percentile, width=WIDTH)
        shift_ms = 0.0 if around_ms is None else around_ms - anchor.time_ms
        last = anchor
        for share in shares:
            form, options = self.scenarios.averages(near, share_of_all=share)
            seen_ms = (1 - share) * float(times[near].mean()) + share * float(times.mean())
            most_ms = seen_ms * self._doubt(anchor.allocation) + shift_ms
            front = front_before(form, self.invocations, self._doubtful(options, anchor), most_ms)
            for index in range(max(0, len(front) - PROPOSALS), len(front)):
                last = self.judge(front.recover(index))
        return last

    def _judge_along(self, front: Front, count: int) -> None:
        for index in sorted({round(x) for x in np.linspace(0, len(front) - 1, min(count, len(front)))}):
            self.judge(front.recover(index))

    def _nudge(self, start: Candidate, deadline_ms: float) -> None:
        """Change one function at a time for what is cheaper, as long as the deadline holds."""
        best, improved = start, True
        while improved:
            improved = False
            for name, curve in self.curves.items():
                cheaper = np.flatnonzero(curve.cost_usd < curve.cost_usd[best.allocation[name]])
                for index in cheaper[np.argsort(curve.cost_usd[cheaper])]:
                    tried = self.judge({**best.allocation, name: int(index)})
                    if tried.time_ms <= deadline_ms and tried.cost_usd < best.cost_usd:
                        best, improved = tried, True
                        break


def _ranks(values: Floats) -> Floats:
    """Rank of each value, 0 to 100."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values)] = np.linspace(0, 100, len(values))
    return ranks


def _best(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    ordered = sorted(candidates, key=lambda c: (c.time_ms, c.cost_usd))
    kept = ordered[:1]
    for candidate in ordered[1:]:
        if candidate.cost_usd < kept[-1].cost_usd:
            kept.append(candidate)
    return tuple(kept)
