"""The model of a workflow: steps with chances, branches that run side by side, items, pauses and retries.

Decides nothing about sizes. Refuses to know where chances and counts come from, and what a function takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import ceil, isclose

from tuner.workflows.tradeoffs.forms import Form, add, function_form, maximum, scale

TASK_OVERHEAD_MS = 15.0
"""Orchestration of a Lambda task beside its duration (measured on Step Functions Standard, 2026-11; p99 29 ms)."""
TRANSITION_MS = 8.0
"""Time between two states (measured on Step Functions Standard, 2026-11; p95 27 ms)."""


@dataclass(frozen=True, slots=True)
class Task:
    """An invocation of a function; the name is that of its curve."""

    function: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Time that no size changes: a Wait, a Pass (0 ms), a call of another service."""

    duration_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Parallel:
    """Branches that start together; the step ends with the last of them."""

    branches: tuple[Flow, ...]


@dataclass(frozen=True, slots=True)
class Map:
    """One run of the body for each item.

    Attributes:
        body: what runs for an item.
        item_counts: observed numbers of items, each as likely as the others.
        concurrency: items at once; None: all of them.
    """

    body: Flow
    item_counts: tuple[int, ...]
    concurrency: int | None = None

    @property
    def mean_items(self) -> float:
        """Expected number of items."""
        return sum(self.item_counts) / len(self.item_counts)

    @property
    def mean_rounds(self) -> float:
        """Expected number of rounds that run one after the other, ceil(items / concurrency)."""
        return sum(ceil(n / (self.concurrency or max(n, 1))) for n in self.item_counts) / len(self.item_counts)


Work = Task | Pause | Parallel | Map


@dataclass(frozen=True, slots=True)
class Exit:
    """Where a step leads, and how often; target None ends the flow."""

    target: str | None
    chance: float = 1.0


@dataclass(frozen=True, slots=True)
class Retry:
    """How often an attempt fails, and the pauses before the attempts that follow.

    A failed attempt is taken to last and to cost as much as one that succeeds.
    """

    chance: float
    pauses_ms: tuple[float, ...]

    @property
    def mean_attempts(self) -> float:
        """Expected number of attempts."""
        return 1 + sum(self.chance**n for n in range(1, len(self.pauses_ms) + 1))

    @property
    def mean_pause_ms(self) -> float:
        """Expected time between attempts."""
        return sum(self.chance**n * pause for n, pause in enumerate(self.pauses_ms, start=1))


@dataclass(frozen=True, slots=True)
class Step:
    """One state: its work, the orchestration around it, and where it leads."""

    name: str
    work: Work
    exits: tuple[Exit, ...] = (Exit(None),)
    overhead_ms: float = 0.0
    retry: Retry | None = None

    def __post_init__(self) -> None:
        if not isclose(sum(e.chance for e in self.exits), 1.0, abs_tol=1e-6):
            raise ValueError(f"the chances of {self.name} do not sum to 1")


@dataclass(frozen=True, slots=True)
class Flow:
    """Steps in an order in which every exit leads forward; the first is the start."""

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for step in reversed(self.steps):
            missing = [e.target for e in step.exits if e.target is not None and e.target not in seen]
            if missing:
                raise ValueError(f"{step.name} leads to {missing[0]}, which does not follow it")
            seen.add(step.name)

    @property
    def visits(self) -> tuple[float, ...]:
        """How often each step runs on average, in the order of the steps."""
        expected = {step.name: 0.0 for step in self.steps}
        if self.steps:
            expected[self.steps[0].name] = 1.0
        for step in self.steps:
            for way in step.exits:
                if way.target is not None:
                    expected[way.target] += expected[step.name] * way.chance
        return tuple(expected.values())


def series(*steps: Step) -> Flow:
    """A flow of steps one after the other, whatever exits they had."""
    targets = [*(step.name for step in steps[1:]), None]
    return Flow(tuple(replace(step, exits=(Exit(t),)) for step, t in zip(steps, targets, strict=True)))


def inner_flows(work: Work) -> tuple[Flow, ...]:
    """The flows inside a step."""
    if isinstance(work, Parallel):
        return work.branches
    return (work.body,) if isinstance(work, Map) else ()


def all_steps(flow: Flow) -> Iterator[Step]:
    """Every step at every depth."""
    for step in flow.steps:
        yield step
        for inner in inner_flows(step.work):
            yield from all_steps(inner)


def functions_of(flow: Flow) -> tuple[str, ...]:
    """Names of the functions, each once, in the order of their first use."""
    return tuple(dict.fromkeys(step.work.function for step in all_steps(flow) if isinstance(step.work, Task)))


def invocations_of(flow: Flow) -> dict[str, float]:
    """Expected invocations of each function in one execution."""
    found: dict[str, float] = {}
    for step, visits in zip(flow.steps, flow.visits, strict=True):
        runs = visits * (step.retry.mean_attempts if step.retry else 1.0)
        if isinstance(step.work, Task):
            found[step.work.function] = found.get(step.work.function, 0.0) + runs
        each = runs * (step.work.mean_items if isinstance(step.work, Map) else 1.0)
        for inner in inner_flows(step.work):
            for function, count in invocations_of(inner).items():
                found[function] = found.get(function, 0.0) + each * count
    return found


def transitions_of(flow: Flow) -> float:
    """Expected state transitions of one execution, which Step Functions Standard bills."""
    total = 0.0
    for step, visits in zip(flow.steps, flow.visits, strict=True):
        runs = visits * (step.retry.mean_attempts if step.retry else 1.0)
        each = step.work.mean_items if isinstance(step.work, Map) else 1.0
        total += runs * (1 + each * sum(map(transitions_of, inner_flows(step.work))))
    return total


def form_of_flow(flow: Flow, visits: Callable[[Flow], tuple[float, ...]] | None = None) -> Form:
    """Mean end-to-end time of a flow.

    Args:
        flow: the workflow.
        visits: how often each step of a flow runs; default: as its chances say.
    """
    counts = visits(flow) if visits else flow.visits
    return add(scale(_form_of_step(step, visits), count) for step, count in zip(flow.steps, counts, strict=True))


def _form_of_step(step: Step, visits: Callable[[Flow], tuple[float, ...]] | None) -> Form:
    work = step.work
    if isinstance(work, Task):
        inner = function_form(work.function)
    elif isinstance(work, Pause):
        inner = Form(work.duration_ms)
    elif isinstance(work, Parallel):
        inner = maximum(form_of_flow(branch, visits) for branch in work.branches)
    else:
        inner = scale(form_of_flow(work.body, visits), work.mean_rounds)
    once = add((inner, Form(step.overhead_ms)))
    if step.retry is None:
        return once
    return add((scale(once, step.retry.mean_attempts), Form(step.retry.mean_pause_ms)))
