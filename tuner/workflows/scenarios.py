"""Simulated executions of a workflow: which way each goes, what the curves may be, and how single runs scatter.

The same draws serve every choice of sizes, so that two choices differ by their sizes alone. A share of the
draws that keeps to a deadline is a sample average of the chance to keep to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from tuner.workflows.curves import FunctionCurve
from tuner.workflows.flow import (
    Exit,
    Flow,
    Map,
    Parallel,
    Pause,
    Retry,
    Step,
    Task,
    all_steps,
    form_of_flow,
    functions_of,
)
from tuner.workflows.tradeoffs.forms import Form
from tuner.workflows.tradeoffs.fronts import Allocation, Choices

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

SCENARIOS = 2_000
"""Draws: a share of 95% is then known within one point."""
MOST_KEPT = 40
"""Times of a step that are kept for its last configurations."""
MOST_ITEMS = 40
"""Items of a Map that are simulated one by one; of more, the time grows with the number of rounds."""


@dataclass(slots=True, eq=False)
class _Drawn:
    """Draws of one step. N: the executions of the flow that it belongs to.

    Attributes:
        step: the step.
        visits: attempts in each execution, shape (N,); 0: another way was taken.
        pause_ms: pauses between attempts and the work's own, shape (N,).
        noise: standard normal draws of single runs, shape (N,).
        rows: the scenario of each execution, shape (N,).
        inner: draws of the flows inside.
        items: items of a Map in each execution, shape (N,).
        functions: that are invoked in it.
        known: what the step adds to each execution, by their configurations, shape (N,).
    """

    step: Step
    visits: Floats
    pause_ms: Floats
    noise: Floats
    rows: Rows
    inner: tuple[tuple[_Drawn, ...], ...] = ()
    items: Rows | None = None
    functions: tuple[str, ...] = ()
    known: dict[tuple[int, ...], Floats] = field(default_factory=dict)


class Scenarios:
    """Draws of `count` executions.

    Args:
        flow: the workflow.
        curves: of each of its functions.
        seed: of all draws.
        count: how many executions.
    """

    def __init__(
        self, flow: Flow, curves: Mapping[str, FunctionCurve], *, seed: int = 0, count: int = SCENARIOS
    ) -> None:
        self.flow, self.curves, self.count = flow, curves, count
        self._rng = np.random.default_rng(seed)
        self._worlds = {
            name: self._rng.permutation(np.arange(count) % len(curve.duration_ms)) for name, curve in curves.items()
        }
        self._drawn = self._draw(flow, np.arange(count))

    def time_ms(self, allocation: Allocation) -> Floats:
        """End-to-end time of every execution, shape (count,)."""
        return self._flow_time(self._drawn, allocation, self.count)

    def near(self, time_ms: Floats, percentile: float, *, width: float) -> Rows:
        """Executions whose rank is within `width` percent of a percentile."""
        order = np.argsort(time_ms)
        low, high = (round(self.count * (percentile + side) / 100) for side in (-width, width))
        rows: Rows = order[max(0, low) : max(low + 1, high)]
        return rows

    def averages(self, rows: Rows, *, share_of_all: float) -> tuple[Form, dict[str, Choices]]:
        """The workflow as some executions see it: its formula, and what each size takes in them on average.

        Args:
            rows: the executions.
            share_of_all: weight of an average execution beside them, 0 to 1.
        """
        found = _Averages(share_of_all, {name: np.zeros(len(c.configurations)) for name, c in self.curves.items()})
        self._average(self.flow, self._drawn, rows, found)
        options = {name: Choices(found.duration_ms(name, curve), curve.cost_usd) for name, curve in self.curves.items()}
        return form_of_flow(self.flow, lambda flow: found.visits[id(flow)]), options

    def _draw(self, flow: Flow, rows: Rows) -> tuple[_Drawn, ...]:
        reached = {step.name: np.zeros(len(rows)) for step in flow.steps}
        if flow.steps:
            reached[flow.steps[0].name] += 1
        return tuple(self._draw_step(step, reached, rows) for step in flow.steps)

    def _draw_step(self, step: Step, reached: dict[str, Floats], rows: Rows) -> _Drawn:
        here = reached[step.name]
        taken = self._rng.choice(len(step.exits), size=len(rows), p=_normalised(step))
        for number, way in enumerate(step.exits):
            if way.target is not None:
                reached[way.target] = reached[way.target] + here * (taken == number)
        attempts, pause_ms = self._attempts(step.retry, len(rows))
        noise, functions = (
            self._rng.standard_normal(len(rows)),
            functions_of(Flow((replace(step, exits=(Exit(None),)),))),
        )
        drawn = _Drawn(step, here * attempts, here * pause_ms, noise, rows, functions=functions)
        work = step.work
        if isinstance(work, Parallel):
            drawn.inner = tuple(self._draw(branch, rows) for branch in work.branches)
        elif isinstance(work, Map):
            drawn.items = self._rng.choice(np.array(work.item_counts), size=len(rows))
            shown = max(1, min(MOST_ITEMS, max(work.item_counts)))
            drawn.inner = (self._draw(work.body, np.repeat(rows, shown)),)
        return drawn

    def _attempts(self, retry: Retry | None, count: int) -> tuple[Floats, Floats]:
        attempts, pause_ms = np.ones(count), np.zeros(count)
        failing = np.ones(count, bool)
        for pause in retry.pauses_ms if retry else ():
            assert retry is not None
            failing &= self._rng.random(count) < retry.chance
            attempts += failing
            pause_ms += failing * pause
        return attempts, pause_ms

    def _flow_time(self, drawn: tuple[_Drawn, ...], allocation: Allocation, count: int) -> Floats:
        total = np.zeros(count)
        for each in drawn:
            total += self._step_time(each, allocation)
        return total

    def _step_time(self, drawn: _Drawn, allocation: Allocation) -> Floats:
        """What a step adds to every execution; kept, since many choices of sizes differ in a few functions alone."""
        key = tuple(allocation[function] for function in drawn.functions)
        if key not in drawn.known:
            if len(drawn.known) >= MOST_KEPT:
                drawn.known.clear()
            work_ms = self._work_time(drawn, allocation)
            drawn.known[key] = drawn.visits * (work_ms + drawn.step.overhead_ms) + drawn.pause_ms
        return drawn.known[key]

    def _work_time(self, drawn: _Drawn, allocation: Allocation) -> Floats | float:
        work = drawn.step.work
        if isinstance(work, Task):
            return self._task_time(drawn, work.function, allocation[work.function])
        if isinstance(work, Pause):
            return work.duration_ms
        count = len(drawn.rows)
        if isinstance(work, Parallel):
            times = [self._flow_time(branch, allocation, count) for branch in drawn.inner]
            slowest: Floats = np.max(times, axis=0) if times else np.zeros(count)
            return slowest
        assert drawn.items is not None
        shown = len(drawn.inner[0][0].rows) // count if drawn.inner[0] else 1
        each = self._flow_time(drawn.inner[0], allocation, count * shown).reshape(count, shown)
        return _items_time(each, drawn.items, work.concurrency)

    def _task_time(self, drawn: _Drawn, function: str, index: int) -> Floats:
        """Duration of one configuration in every execution."""
        curve = self.curves[function]
        worlds = self._worlds[function][drawn.rows]
        mean, spread = curve.duration_ms[worlds, index], curve.spread[worlds, index]
        duration: Floats = mean * np.exp(spread * drawn.noise - spread**2 / 2)
        return duration

    def _average(self, flow: Flow, drawn: tuple[_Drawn, ...], rows: Rows, found: _Averages) -> None:
        share = found.share_of_all
        found.visits[id(flow)] = tuple(
            (1 - share) * float(each.visits[rows].mean()) / _attempts(each.step) + share * usual
            for each, usual in zip(drawn, flow.visits, strict=True)
        )
        for each in drawn:
            work = each.step.work
            if isinstance(work, Task):
                found.add(work.function, each.visits[rows], self._durations(each, work.function, rows))
            elif isinstance(work, Parallel):
                for branch, inner in zip(work.branches, each.inner, strict=True):
                    self._average(branch, inner, rows, found)
            elif isinstance(work, Map) and each.inner[0]:
                shown = len(each.inner[0][0].rows) // len(each.rows)
                self._average(work.body, each.inner[0], (rows[:, None] * shown + np.arange(shown)).ravel(), found)

    def _durations(self, drawn: _Drawn, function: str, rows: Rows) -> Floats:
        """Duration of every configuration in some executions, shape (R, G)."""
        curve = self.curves[function]
        worlds = self._worlds[function][drawn.rows[rows]]
        spread = curve.spread[worlds]
        found: Floats = curve.duration_ms[worlds] * np.exp(spread * drawn.noise[rows, None] - spread**2 / 2)
        return found


@dataclass(slots=True)
class _Averages:
    """Sums over executions: how often each step of a flow runs, and what each configuration of a function takes."""

    share_of_all: float
    sums: dict[str, Floats]
    totals: dict[str, float] = field(default_factory=dict)
    visits: dict[int, tuple[float, ...]] = field(default_factory=dict)

    def add(self, function: str, visits: Floats, duration_ms: Floats) -> None:
        """One use of a function: visits of shape (R,), durations of shape (R, G)."""
        self.totals[function] = self.totals.get(function, 0.0) + float(visits.sum())
        self.sums[function] += visits @ duration_ms

    def duration_ms(self, function: str, curve: FunctionCurve) -> Floats:
        """Mean duration of each configuration, that of all executions where the function did not run in these."""
        total = self.totals.get(function, 0.0)
        if not total:
            return curve.mean_ms
        here: Floats = (1 - self.share_of_all) * self.sums[function] / total + self.share_of_all * curve.mean_ms
        return here


def _attempts(step: Step) -> float:
    return step.retry.mean_attempts if step.retry else 1.0


def _normalised(step: Step) -> Floats:
    chances = np.array([way.chance for way in step.exits])
    normal: Floats = chances / chances.sum()
    return normal


def _items_time(each: Floats, items: Rows, concurrency: int | None) -> Floats:
    """Time until all items are done, when a place that is free takes the next item.

    Args:
        each: time of the items that are simulated, shape (N, shown).
        items: how many there are, shape (N,).
        concurrency: places; None: one for each item.
    """
    shown = each.shape[1]
    each = np.where(np.arange(shown) < items[:, None], each, 0.0)
    if concurrency is None or concurrency >= shown:
        done = each.max(axis=1)
    else:
        places = np.zeros((len(each), concurrency))
        rows = np.arange(len(each))
        for number in range(shown):
            places[rows, places.argmin(axis=1)] += each[:, number]
        done = places.max(axis=1)
    together = concurrency or max(int(items.max()), 1)
    rounds = np.array([ceil(n / together) for n in range(int(items.max()) + 1)])
    more: Floats = np.where(items > shown, done * rounds[items] / max(1, ceil(shown / together)), done)
    return more


def certain(flow: Flow, curves: Mapping[str, FunctionCurve]) -> bool:
    """Whether every execution takes the same time."""
    varies = any(
        len(step.exits) > 1 or step.retry or (isinstance(step.work, Map) and len(set(step.work.item_counts)) > 1)
        for step in all_steps(flow)
    )
    known = all(len(curve.duration_ms) == 1 and not curve.spread.any() for curve in curves.values())
    return known and not varies
