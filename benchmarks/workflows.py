"""`python -m benchmarks.workflows`: the exact sizes of a published workflow under a deadline or a budget.

Reads mean durations by memory size and weighted edges, answers with the cheapest sizes within the deadline or
the fastest within the budget, and tells the CPU time that the decision took.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tuner.errors import InputError
from tuner.model import Architecture, Configuration
from tuner.pricing.price_list import DEFAULT_REGION, PriceList, price_list
from tuner.workflows.flow import TASK_OVERHEAD_MS, TRANSITION_MS
from tuner.workflows.graph import Edge, read_graph
from tuner.workflows.tradeoffs.allocation import Allocations, allocate
from tuner.workflows.tradeoffs.fronts import Choices

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


def random_figures(functions: int, seed: int) -> Figures:
    """A workflow of forks and joins in which every one of forty sizes of a function is a trade-off of its own."""
    rng = np.random.default_rng(seed)
    sizes = tuple(
        Configuration(int(memory_mb), Architecture.X86_64) for memory_mb in np.linspace(128, 10240, 40).round()
    )
    names = [f"f{n}" for n in range(functions)]
    durations = {name: _falling(sizes, rng) for name in names}
    return Figures(dict.fromkeys(names, sizes), durations, tuple(_forks_and_joins(names)))


def _falling(sizes: Sequence[Configuration], rng: np.random.Generator) -> tuple[float, ...]:
    """Durations that fall with memory, by a random part of what would leave the cost as it is."""
    steps = np.diff(np.log([size.memory_mb for size in sizes]))
    fallen = np.r_[0.0, np.cumsum(steps * rng.uniform(0, 1, len(steps)))]
    return tuple((rng.uniform(500, 5000) * np.exp(-fallen)).tolist())


def _forks_and_joins(names: list[str]) -> Iterator[Edge]:
    """Ten functions in a row: the fourth leads to two side by side, which join again."""
    for n in range(len(names) - 1):
        ahead = {3: (1, 2), 4: (2,)}.get(n % 10, (1,))
        yield from (Edge(names[n], names[n + step], 1.0) for step in ahead if n + step < len(names))


def answer(figures: Figures, found: Allocations, *, deadline_ms: float | None, budget_usd: float) -> dict[str, Any]:
    """The cheapest sizes within the deadline; without one, the fastest within the budget; else what comes closest."""
    best = found.fastest_within(budget_usd) if deadline_ms is None else found.cheapest_within(deadline_ms)
    if best is None:
        best = found.cheapest if deadline_ms is None else found.fastest
        print("No sizes keep to the bound; these come closest.", file=sys.stderr)
    return {
        "duration_ms": best.time_ms,
        "cost_per_million_usd": best.cost_usd * MILLION,
        "excess": best.excess,
        "front_excess": found.excess,
        "memory_mb": {
            name: configurations[best.allocation[name]].memory_mb
            for name, configurations in figures.configurations.items()
        },
    }


def main(arguments: list[str] | None = None) -> None:
    """Print the answer."""
    options = _parser().parse_args(arguments)
    figures = (
        random_figures(options.random, options.seed)
        if options.random
        else read_figures(json.loads(options.figures.read_text("utf-8")))
    )
    prices = price_list(DEFAULT_REGION)
    before = time.process_time()
    try:
        found = decide(figures, task_ms=options.task_ms, edge_ms=options.edge_ms, prices=prices)
    except InputError as error:
        sys.exit(f"error: {error.message}")
    budget_usd = (options.budget_per_million or 0.0) / MILLION
    told = answer(figures, found, deadline_ms=options.deadline_ms, budget_usd=budget_usd)
    told["cpu_seconds"] = round(time.process_time() - before, 4)
    if told["excess"]:
        print(f"Other sizes are at most {told['excess']:.2%} better.", file=sys.stderr)
    print(json.dumps(told) if options.format == "json" else _as_text(told))


def _as_text(told: Mapping[str, Any]) -> str:
    sizes = "\n".join(f"  {name:<12} {size:>6} MB" for name, size in told["memory_mb"].items())
    return (
        f"{told['duration_ms']:.1f} ms, ${told['cost_per_million_usd']:.2f} per million executions, "
        f"decided in {told['cpu_seconds']:.3f} s of CPU\n{sizes}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workflows", description=__doc__)
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--figures", type=Path, help="durations and edges of a published workflow")
    given.add_argument("--random", type=int, metavar="N", help="a random workflow of so many functions instead")
    parser.add_argument("--seed", type=int, default=0, help="of the random workflow")
    bound = parser.add_mutually_exclusive_group(required=True)
    bound.add_argument("--deadline-ms", type=float, help="mean time of an execution at most")
    bound.add_argument("--budget-per-million", type=float, help="USD for a million executions at most")
    parser.add_argument("--task-ms", type=float, default=TASK_OVERHEAD_MS, help="orchestration of a function")
    parser.add_argument("--edge-ms", type=float, default=TRANSITION_MS, help="orchestration of an edge")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    return parser


if __name__ == "__main__":
    main()
