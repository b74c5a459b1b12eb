"""`python -m benchmarks.workflows`: the exact sizes of a published workflow under a deadline or a budget.

Reads mean durations by memory size and weighted edges, answers with the cheapest sizes within the deadline or
the fastest within the budget, and tells the CPU time that the decision took.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tuner.errors import InputError
from tuner.model import Architecture, Configuration
from tuner.pricing.price_list import DEFAULT_REGION, PriceList, price_list
from tuner.workflows.allocation import Allocations, Choices, allocate
from tuner.workflows.flow import TASK_OVERHEAD_MS, TRANSITION_MS
from tuner.workflows.graph import Edge, read_graph

MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Figures:
    """A published workflow: configurations and durations by function, and its edges."""

    configurations: dict[str, tuple[Configuration, ...]]
    duration_ms: dict[str, tuple[float, ...]]
    edges: tuple[Edge, ...]

    def options(self, prices: PriceList) -> dict[str, Choices]:
        """What every configuration takes and costs, request included."""
        return {
            name: Choices(
                np.array(durations),
                np.array(
                    [
                        prices.invocation_cost(configuration, duration)
                        for configuration, duration in zip(self.configurations[name], durations, strict=True)
                    ]
                ),
            )
            for name, durations in self.duration_ms.items()
        }


def read_figures(document: Mapping[str, Any]) -> Figures:
    """A document in the form of the published workflows; a point that cannot be used is named and left out."""
    configurations: dict[str, tuple[Configuration, ...]] = {}
    durations: dict[str, tuple[float, ...]] = {}
    for name, record in document["functions"].items():
        architecture = Architecture(record.get("arch", Architecture.X86_64))
        points = {}
        for size, duration in record["duration_ms"].items():
            if isinstance(duration, (int, float)) and duration > 0:
                points[Configuration(int(size), architecture)] = float(duration)
            else:
                print(f"{name} at {size} MB is left out: {duration!r} is no duration", file=sys.stderr)
        configurations[name], durations[name] = tuple(points), tuple(points.values())
    return Figures(configurations, durations, tuple(Edge(str(a), str(b), float(w)) for a, b, w in document["edges"]))


def decide(figures: Figures, *, task_ms: float, edge_ms: float, prices: PriceList) -> Allocations:
    """Every trade-off of the workflow."""
    graph = read_graph(figures.duration_ms, figures.edges, task_ms=task_ms, edge_ms=edge_ms)
    return allocate(graph.form, graph.invocations, figures.options(prices))


def answer(figures: Figures, found: Allocations, *, deadline_ms: float | None, budget_usd: float) -> dict[str, Any]:
    """The cheapest point within the deadline; without one, the fastest within the budget; else what comes closest."""
    front = found.front
    index = front.fastest_within(budget_usd) if deadline_ms is None else front.cheapest_within(deadline_ms)
    if index is None:
        index = len(front) - 1 if deadline_ms is None else 0
        print("No sizes keep to the bound; these come closest.", file=sys.stderr)
    sizes = front.recover(index)
    return {
        "duration_ms": float(front.time_ms[index]),
        "cost_per_million_usd": float(front.cost_usd[index]) * MILLION,
        "memory_mb": {name: figures.configurations[name][sizes[name]].memory_mb for name in figures.configurations},
    }


def main(arguments: list[str] | None = None) -> None:
    """Print the answer."""
    options = _parser().parse_args(arguments)
    figures = read_figures(json.loads(options.figures.read_text("utf-8")))
    prices = price_list(DEFAULT_REGION)
    before = time.process_time()
    try:
        found = decide(figures, task_ms=options.task_ms, edge_ms=options.edge_ms, prices=prices)
    except InputError as error:
        sys.exit(f"error: {error.message}")
    budget_usd = (options.budget_per_million or 0.0) / MILLION
    told = answer(figures, found, deadline_ms=options.deadline_ms, budget_usd=budget_usd)
    told["cpu_seconds"] = round(time.process_time() - before, 4)
    if not found.exact:
        print("The sizes are approximate: too many functions are shared, or the front is too long.", file=sys.stderr)
    print(json.dumps(told) if options.format == "json" else _as_text(told))


def _as_text(told: Mapping[str, Any]) -> str:
    sizes = "\n".join(f"  {name:<12} {size:>6} MB" for name, size in told["memory_mb"].items())
    return (
        f"{told['duration_ms']:.1f} ms, ${told['cost_per_million_usd']:.2f} per million executions, "
        f"decided in {told['cpu_seconds']:.3f} s of CPU\n{sizes}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workflows", description=__doc__)
    parser.add_argument("--figures", type=Path, required=True, help="durations and edges of a published workflow")
    bound = parser.add_mutually_exclusive_group(required=True)
    bound.add_argument("--deadline-ms", type=float, help="mean time of an execution at most")
    bound.add_argument("--budget-per-million", type=float, help="USD for a million executions at most")
    parser.add_argument("--task-ms", type=float, default=TASK_OVERHEAD_MS, help="orchestration of a function")
    parser.add_argument("--edge-ms", type=float, default=TRANSITION_MS, help="orchestration of an edge")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    return parser


if __name__ == "__main__":
    main()
