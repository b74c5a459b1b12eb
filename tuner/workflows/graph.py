"""Workflows that are published as figures: mean durations by memory size, and weighted edges between functions.

Edges that leave a function with weight 1 each run side by side; weights that sum to 1 are chances.
Turns such a graph into the formula of its time and the expected invocations; loops but self-loops are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from math import isclose

from tuner.errors import Fault, InputError
from tuner.workflows.tradeoffs.forms import Form, add, function_form, maximum, scale


@dataclass(frozen=True, slots=True)
class Edge:
    """Leads from one function to another; weight 1: always, less: with that chance."""

    source: str
    target: str
    weight: float


@dataclass(frozen=True, slots=True)
class Graph:
    """What the edges say: the time of an execution, and the expected invocations of each function."""

    form: Form
    invocations: dict[str, float]


def read_graph(functions: Iterable[str], edges: Sequence[Edge], *, task_ms: float, edge_ms: float) -> Graph:
    """The formula of a graph.

    Args:
        functions: names of all functions.
        edges: between them.
        task_ms: orchestration of each function beside its duration.
        edge_ms: orchestration of each edge.

    Raises:
        InputError: chances that do not sum to 1, unknown names, a loop of several functions.
    """
    names = tuple(functions)
    leaving = {name: [e for e in edges if e.source == name] for name in names}
    _check(names, edges, leaving)
    order = _order(names, edges)
    starts = [name for name in names if not any(e.target == name and e.source != name for e in edges)]
    forms: dict[str, Form] = {}
    for name in order:
        forms[name] = _form_from(name, leaving[name], forms, task_ms, edge_ms)
    invocations = {name: _expected(name, starts, leaving, order) for name in names}
    return Graph(maximum(forms[name] for name in starts), invocations)


def _form_from(name: str, leaving: Sequence[Edge], forms: Mapping[str, Form], task_ms: float, edge_ms: float) -> Form:
    """Time from the start of a function to the end of all that follows it."""
    runs = _runs(name, leaving)
    itself = scale(add([function_form(name), Form(task_ms)]), runs)
    itself = add([itself, Form((runs - 1) * edge_ms)])
    onward = [e for e in leaving if e.target != name]
    always = [add([Form(edge_ms), forms[e.target]]) for e in onward if _is_always(e)]
    chances = [scale(add([Form(edge_ms), forms[e.target]]), e.weight * runs) for e in onward if not _is_always(e)]
    branches = always + ([add(chances)] if chances else [])
    return add([itself, maximum(branches)])


def _expected(name: str, starts: Sequence[str], leaving: Mapping[str, Sequence[Edge]], order: Sequence[str]) -> float:
    """Expected invocations of a function: the chance that it is reached, times its own repetitions."""
    reach: dict[str, float] = {}
    for other in order:
        runs = _runs(other, leaving[other])
        onward = [e for e in leaving[other] if e.target != other]
        always = [reach[e.target] for e in onward if _is_always(e)]
        chances = sum(e.weight * runs * reach[e.target] for e in onward if not _is_always(e))
        reach[other] = 1.0 if other == name else max([chances, *always])
    return max(reach[start] for start in starts) * _runs(name, leaving[name])


def _runs(name: str, leaving: Sequence[Edge]) -> float:
    """How often a function runs once it is reached: a self-loop repeats it."""
    return 1 / (1 - sum(e.weight for e in leaving if e.target == name))


def _is_always(edge: Edge) -> bool:
    return isclose(edge.weight, 1.0)


def _order(names: Sequence[str], edges: Sequence[Edge]) -> list[str]:
    """Functions, each after all that it leads to."""
    sorter: TopologicalSorter[str] = TopologicalSorter({name: [] for name in names})
    for edge in edges:
        if edge.source != edge.target:
            sorter.add(edge.source, edge.target)
    try:
        return list(sorter.static_order())
    except CycleError as exc:
        loop = " → ".join(reversed(exc.args[1]))
        raise InputError.single("edges", f"{loop} is a loop", "give how often it runs, as an edge to itself") from None


def _check(names: Sequence[str], edges: Sequence[Edge], leaving: Mapping[str, Sequence[Edge]]) -> None:
    faults = [
        Fault("edges", f"{name} has no durations", "name it under functions")
        for name in sorted({end for e in edges for end in (e.source, e.target)} - set(names))
    ]
    faults += [
        Fault("edges", f"weight {e.weight:g} of {e.source} → {e.target} is not above 0 and at most 1", "give a chance")
        for e in edges
        if not 0 < e.weight <= 1 or (e.source == e.target and _is_always(e))
    ]
    for name in names:
        chances = [e.weight for e in leaving[name] if not _is_always(e)]
        if chances and not isclose(sum(chances), 1.0, abs_tol=1e-6):
            remedy = "weights below 1 are chances and sum to 1"
            faults.append(Fault("edges", f"the chances that leave {name} sum to {sum(chances):g}", remedy))
    if not names:
        faults.append(Fault("functions", "is empty", "give the durations of at least one function"))
    if faults:
        raise InputError(faults)
