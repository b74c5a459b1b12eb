"""The answer for a workflow: sizes for every function, what they cost and take, what binds, and the whole front.

Decides from a flow, curves and one bound. Refuses to know where they come from and how sizes are applied.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from tuner.errors import Fault, InputError
from tuner.model import Configuration, Notice
from tuner.plain_numbers import joined
from tuner.workflows.curves import FunctionCurve
from tuner.workflows.flow import (
    Flow,
    Map,
    Parallel,
    Step,
    Task,
    form_of_flow,
    functions_of,
    invocations_of,
    transitions_of,
)
from tuner.workflows.percentiles import Candidate, PercentileSearch
from tuner.workflows.scenarios import Scenarios
from tuner.workflows.tradeoffs.forms import evaluate
from tuner.workflows.tradeoffs.fronts import Allocation

MOST_SHOWN = 120
"""Points of the front that an answer carries."""
FRESH = 6_000
"""Executions that judge the chosen sizes once more: they had no part in choosing them."""


class Binding(StrEnum):
    """What keeps the answer from being better."""

    DEADLINE = "deadline"
    """A looser deadline would be cheaper."""
    BUDGET = "budget"
    """A larger budget would be faster."""
    NOTHING = "nothing"
    """The cheapest sizes keep to the deadline, or the budget pays for the fastest."""
    UNMET = "unmet"
    """No sizes keep to the bound: the answer comes closest."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A deadline or a budget for one execution.

    Attributes:
        deadline_ms: end-to-end time at most.
        budget_usd: cost of the functions in an execution at most.
        percentile: of the end-to-end time, 0 to 100; None: its mean.
    """

    deadline_ms: float | None = None
    budget_usd: float | None = None
    percentile: float | None = 95.0

    def __post_init__(self) -> None:
        given = {"--deadline": self.deadline_ms, "--budget-per-million": self.budget_usd}
        faults = [
            Fault(flag, f"{value:g} is not a finite number above 0", "give one, for example --deadline 3s")
            for flag, value in given.items()
            if value is not None and not 0 < value < np.inf
        ]
        if (self.deadline_ms is None) == (self.budget_usd is None):
            told = (
                "neither it nor --budget-per-million is given"
                if self.budget_usd is None
                else "--budget-per-million is given as well"
            )
            faults.append(Fault("--deadline", told, "give one of the two: --deadline 3s or --budget-per-million 20"))
        if self.percentile is not None and not 0 < self.percentile < 100:
            faults.append(Fault("--percentile", f"{self.percentile:g} is not between 0 and 100", "for example 95"))
        if faults:
            raise InputError(faults)


@dataclass(frozen=True, slots=True)
class PlannedSize:
    """Sizes for all functions, and what an execution takes and costs with them.

    Attributes:
        configurations: of each function.
        time_ms: the percentile that the bound is on, at most, in 95% of the draws of the curves.
        mean_ms: mean end-to-end time.
        cost_usd: of the functions in an execution.
    """

    configurations: Mapping[str, Configuration]
    time_ms: float
    mean_ms: float
    cost_usd: float


@dataclass(frozen=True, slots=True)
class StepView:
    """One state as the report shows it.

    Attributes:
        path: names of the states around it and its own.
        kind: task, pause, parallel or map.
        function: of a task.
        visits: how often it runs in an execution.
        duration_ms: mean time of one run with the chosen sizes, orchestration included.
        cost_usd: in an execution.
        slack_ms: how much longer it may take before an average execution does.
    """

    path: tuple[str, ...]
    kind: str
    function: str | None
    visits: float
    duration_ms: float
    cost_usd: float
    slack_ms: float

    @property
    def critical(self) -> bool:
        """Whether an average execution waits for it."""
        return self.slack_ms <= 0 and self.visits > 0


@dataclass(frozen=True, slots=True)
class Distribution:
    """Percentiles of the end-to-end time in ms."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer.

    Attributes:
        name: of the workflow.
        bound: what was asked for.
        flow: the workflow.
        chosen: the sizes to use.
        current: the sizes in use; None where one is not known.
        time: end-to-end time with the chosen sizes, by executions that had no part in choosing them.
        share_met: share of those executions within the deadline; None for a budget.
        binding: what binds.
        excess: at most so much, as a fraction, other sizes are better; 0: none are, None: simulated executions judged.
        front_excess: the same of the front of means, as a fraction of the cost.
        front: every trade-off, the fastest first.
        steps: every state.
        transitions: state transitions of an execution.
        notices: what could not be known.
    """

    name: str
    bound: Bound
    flow: Flow
    chosen: PlannedSize
    current: PlannedSize | None
    time: Distribution
    share_met: float | None
    binding: Binding
    excess: float | None
    front_excess: float
    front: tuple[PlannedSize, ...]
    steps: tuple[StepView, ...]
    transitions: float
    notices: tuple[Notice, ...]

    @property
    def exact(self) -> bool:
        """Whether no other sizes are better."""
        return self.excess == 0

    @property
    def met(self) -> bool:
        """Whether the chosen sizes keep to the bound."""
        return self.binding is not Binding.UNMET


def plan_workflow(
    name: str,
    flow: Flow,
    curves: Mapping[str, FunctionCurve],
    bound: Bound,
    *,
    seed: int = 0,
    notices: Sequence[Notice] = (),
    known: Collection[str] = (),
) -> Plan:
    """The cheapest sizes within the deadline, or the fastest within the budget.

    Args:
        name: of the workflow.
        flow: its states.
        curves: of each of its functions.
        bound: a deadline or a budget.
        seed: of the simulated executions.
        notices: what could not be known.
        known: functions that have a result, of this workflow or not.

    Raises:
        InputError: a function has no curve, or the workflow has no function.
    """
    used = _used(flow, curves, known)
    expected = {name: curve.expected for name, curve in used.items()}
    search = PercentileSearch(flow, used, bound.percentile, Scenarios(flow, expected, seed=seed))
    search.explore()
    found, binding = _decide(search, bound)
    fresh = Scenarios(flow, used, seed=seed + 1, count=FRESH).time_ms(found.allocation)
    current = _current(used)
    return Plan(
        name,
        bound,
        flow,
        _choice(found, used),
        None if current is None else _choice(search.judge(current), used),
        Distribution(*(float(p) for p in np.percentile(fresh, (50, 95, 99)))),
        None if bound.deadline_ms is None else float((fresh <= bound.deadline_ms * (1 + 1e-9)).mean()),
        binding,
        found.excess,
        search.means.excess,
        tuple(_choice(candidate, used) for candidate in _evenly(search.front(), found)),
        tuple(_views(flow, used, found.allocation)),
        transitions_of(flow),
        tuple(notices),
    )


def _used(flow: Flow, curves: Mapping[str, FunctionCurve], known: Collection[str]) -> dict[str, FunctionCurve]:
    names = functions_of(flow)
    if not names:
        raise InputError.single("definition", "invokes no function", "give a workflow with Lambda functions")
    if not any(invocations_of(flow).values()):
        problem = "no execution invokes a function, as the chances and the numbers of items say"
        raise InputError.single("definition", problem, "give figures of executions that do")
    faults = [
        Fault(f"function {name}", "has no result", "tune it, then give the folder of its result.json with --results")
        for name in names
        if name not in curves
    ]
    if faults:
        others = sorted(set(known) - set(names))
        named = f"Results are of {joined(others)}: where one is meant, name it with --function STATE=NAME. "
        ways = "Or read their logs: --evidence logs. Or tune them with recorded payloads: --tune"
        raise InputError(faults, f"{named if others else ''}{ways}")
    return {name: curves[name] for name in names}


def _decide(search: PercentileSearch, bound: Bound) -> tuple[Candidate, Binding]:
    if bound.deadline_ms is not None:
        found = search.cheapest_within(bound.deadline_ms)
        if found is None:
            return _closest(search, search.front()[0]), Binding.UNMET
        cheapest_usd = search.front()[-1].cost_usd
        return found, Binding.NOTHING if found.cost_usd <= cheapest_usd * (1 + 1e-9) else Binding.DEADLINE
    assert bound.budget_usd is not None
    found = search.fastest_within(bound.budget_usd)
    if found is None:
        return _closest(search, search.front()[-1]), Binding.UNMET
    return found, Binding.NOTHING if found.time_ms <= search.front()[0].time_ms * (1 + 1e-9) else Binding.BUDGET


def _closest(search: PercentileSearch, end: Candidate) -> Candidate:
    """An end of the front; that of means is exact."""
    return replace(end, excess=0.0) if search.of_means else end


def _current(curves: Mapping[str, FunctionCurve]) -> Allocation | None:
    indexes = {name: curve.current_index for name, curve in curves.items()}
    known = {name: index for name, index in indexes.items() if index is not None}
    return known if len(known) == len(indexes) else None


def _choice(candidate: Candidate, curves: Mapping[str, FunctionCurve]) -> PlannedSize:
    configurations = {name: curve.configurations[candidate.allocation[name]] for name, curve in curves.items()}
    return PlannedSize(configurations, candidate.time_ms, candidate.mean_ms, candidate.cost_usd)


def _evenly(front: Sequence[Candidate], chosen: Candidate) -> list[Candidate]:
    """So many points of the front, spread over it, with its ends and the chosen one."""
    kept = (
        {round(x) for x in np.linspace(0, len(front) - 1, MOST_SHOWN)}
        if len(front) > MOST_SHOWN
        else set(range(len(front)))
    )
    return [c for i, c in enumerate(front) if i in kept or c.allocation == chosen.allocation]


def _views(flow: Flow, curves: Mapping[str, FunctionCurve], allocation: Allocation) -> Iterable[StepView]:
    duration = {name: float(curve.mean_ms[allocation[name]]) for name, curve in curves.items()}
    cost = {name: float(curve.cost_usd[allocation[name]]) for name, curve in curves.items()}
    yield from _flow_views(flow, (), 1.0, 0.0, duration, cost)


def _flow_views(
    flow: Flow,
    above: tuple[str, ...],
    runs: float,
    slack_ms: float,
    duration: Mapping[str, float],
    cost: Mapping[str, float],
) -> Iterable[StepView]:
    for step, visits in zip(flow.steps, flow.visits, strict=True):
        path, times = (*above, step.name), runs * visits
        attempts = step.retry.mean_attempts if step.retry else 1.0
        inner = list(_inside(step, path, times * attempts, slack_ms, duration, cost))
        function = step.work.function if isinstance(step.work, Task) else None
        usd = (
            times * attempts * cost[function]
            if function
            else sum(view.cost_usd for view in inner if len(view.path) == len(path) + 1)
        )
        alone = evaluate(form_of_flow(Flow((_ending(step),))), duration)
        yield StepView(path, type(step.work).__name__.lower(), function, times, alone, usd, slack_ms)
        yield from inner


def _inside(
    step: Step,
    path: tuple[str, ...],
    runs: float,
    slack_ms: float,
    duration: Mapping[str, float],
    cost: Mapping[str, float],
) -> Iterable[StepView]:
    if isinstance(step.work, Parallel):
        times = [evaluate(form_of_flow(branch), duration) for branch in step.work.branches]
        for branch, time in zip(step.work.branches, times, strict=True):
            yield from _flow_views(branch, path, runs, slack_ms + max(times) - time, duration, cost)
    elif isinstance(step.work, Map):
        yield from _flow_views(step.work.body, path, runs * step.work.mean_items, slack_ms, duration, cost)


def _ending(step: Step) -> Step:
    return Step(step.name, step.work, overhead_ms=step.overhead_ms, retry=step.retry)
