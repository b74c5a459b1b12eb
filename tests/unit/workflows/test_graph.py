"""Published workflows: what their edges mean, and a dynamic programme that knows nothing of fronts."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.workflows import Figures, decide, main, read_figures
from tests.cpu import assert_takes_at_most
from tuner.errors import InputError
from tuner.pricing.price_list import price_list
from tuner.workflows.graph import Edge, read_graph
from tuner.workflows.tradeoffs.forms import evaluate

APP10 = Path(__file__).with_name("app10.json")
PRICES = price_list("us-east-1")
UNIT_MS = 0.2
"""Every duration of APP10 times every chance in it is a multiple of this."""
Dense = NDArray[np.float64]


def app10(sizes: int | None = None) -> Figures:
    """The published workflow, or so many sizes of each function of it."""
    document = json.loads(APP10.read_text("utf-8"))
    if sizes:
        for record in document["functions"].values():
            pairs = list(record["duration_ms"].items())
            record["duration_ms"] = dict(pairs[:: len(pairs) // sizes][:sizes])
    return read_figures(document)


class GridProgramme:
    """Least cost for every time on a grid: cost[k] holds within k units. Written for APP10 alone."""

    def __init__(self, figures: Figures, units: int) -> None:
        self.figures, self.units = figures, units

    def then(self, before: Dense, name: str, chance: float = 1.0) -> Dense:
        """One function more, which runs with a chance."""
        best = np.full(self.units, np.inf)
        pairs = zip(self.figures.configurations[name], self.figures.duration_ms[name], strict=True)
        for configuration, duration in pairs:
            later = round(duration * chance / UNIT_MS)
            usd = chance * (configuration.memory_mb / 1024 * duration / 1000 * 0.0000166667 + 0.20e-6)
            if later < self.units:
                best[later:] = np.minimum(best[later:], before[: self.units - later] + usd)
        return best

    def solve(self) -> Dense:
        """The workflow: v1, then two branches side by side with a choice in each, then v10."""
        nothing = np.zeros(self.units)
        upper = self.then(self.then(self.then(self.then(nothing, "v2"), "v4", 0.6), "v5", 0.4), "v8")
        lower = self.then(self.then(self.then(self.then(nothing, "v3"), "v6", 0.2), "v7", 0.8), "v9")
        return self.then(self.then(upper + lower, "v1"), "v10")


def test_the_front_equals_a_dynamic_programme() -> None:
    figures = app10()
    front = decide(figures, task_ms=0, edge_ms=0, prices=PRICES).front
    units = round(float(front.time_ms[-1]) / UNIT_MS) + 50
    dense = GridProgramme(figures, units).solve()
    for index in range(round(float(front.time_ms[0]) / UNIT_MS), units, 7):
        found = front.cheapest_within(index * UNIT_MS)
        assert found is not None
        assert front.cost_usd[found] == pytest.approx(dense[index], rel=1e-9)
    assert np.isinf(dense[round(float(front.time_ms[0]) / UNIT_MS) - 1])


def test_the_front_equals_every_combination_of_three_sizes() -> None:
    figures = app10(3)
    found = decide(figures, task_ms=100, edge_ms=70, prices=PRICES)
    options = figures.options(PRICES)
    names = list(figures.duration_ms)
    picked = np.array(list(product(range(3), repeat=len(names))))
    d, c = (
        {name: getattr(options[name], field)[picked[:, n]] for n, name in enumerate(names)}
        for field in ("time_ms", "cost_usd")
    )
    upper = d["v2"] + 0.6 * d["v4"] + 0.4 * d["v5"] + d["v8"] + 3 * 100 + 2 * 70
    lower = d["v3"] + 0.2 * d["v6"] + 0.8 * d["v7"] + d["v9"] + 3 * 100 + 2 * 70
    times = 100 + d["v1"] + 70 + np.maximum(upper, lower) + 70 + 100 + d["v10"]
    chances = {"v4": 0.6, "v5": 0.4, "v6": 0.2, "v7": 0.8}
    costs = sum(chances.get(name, 1.0) * c[name] for name in names)
    best = np.inf
    expected = []
    for index in np.lexsort((costs, np.round(times, 6))):
        if costs[index] < best - 1e-15:
            best = costs[index]
            expected.append((times[index], best))
    assert [*zip(found.front.time_ms, found.front.cost_usd, strict=True)] == [pytest.approx(p) for p in expected]


def test_ten_functions_take_less_than_a_tenth_of_a_second() -> None:
    figures = app10()
    assert_takes_at_most(0.1, lambda: decide(figures, task_ms=15, edge_ms=8, prices=PRICES))


def test_a_hundred_functions_take_less_than_a_second() -> None:
    rng = np.random.default_rng(5)
    sizes = np.unique(np.geomspace(128, 10240, 40).astype(int))
    curves = {
        f"f{n}": {str(m): float(t) for m, t in zip(sizes, noisy_curve(sizes, rng), strict=True)} for n in range(100)
    }
    edges: list[Any] = [[f"f{n}", f"f{n + 1}", 1.0] for n in range(99) if n % 10 not in (3, 4, 5)]
    for n in range(3, 99, 10):
        edges += [[f"f{n}", f"f{n + 1}", 1.0], [f"f{n}", f"f{n + 2}", 1.0]]
        edges += [[f"f{n + 1}", f"f{n + 3}", 1.0], [f"f{n + 2}", f"f{n + 3}", 1.0]]
    document = {"functions": {name: {"duration_ms": curve} for name, curve in curves.items()}, "edges": edges}
    figures = read_figures(document)
    found = []
    assert_takes_at_most(1.0, lambda: found.append(decide(figures, task_ms=15, edge_ms=8, prices=PRICES)))
    assert found[-1].exact


def noisy_curve(sizes_mb: NDArray[np.int_], rng: np.random.Generator) -> Dense:
    """A duration that falls with memory up to a knee."""
    scale, knee = rng.uniform(1e5, 2e6), rng.uniform(1769, 6000)
    return np.asarray(scale / np.minimum(sizes_mb, knee) * rng.lognormal(0, 0.05, len(sizes_mb)) + 20)


def test_edges_of_weight_one_run_side_by_side_and_smaller_ones_by_chance() -> None:
    edges = [Edge("a", "b", 1), Edge("a", "c", 1), Edge("b", "d", 0.25), Edge("b", "e", 0.75)]
    graph = read_graph("abcde", edges, task_ms=1, edge_ms=10)
    durations = {"a": 100.0, "b": 50.0, "c": 300.0, "d": 400.0, "e": 80.0}
    assert graph.invocations == {"a": 1, "b": 1, "c": 1, "d": 0.25, "e": 0.75}
    left = 10 + 1 + 50 + 0.25 * (10 + 1 + 400) + 0.75 * (10 + 1 + 80)
    assert evaluate(graph.form, durations) == pytest.approx(101 + max(left, 10 + 1 + 300))


def test_a_join_inside_a_choice_runs_as_often_as_the_choice() -> None:
    edges = [Edge("a", "b", 0.5), Edge("a", "e", 0.5), Edge("b", "c", 1), Edge("b", "d", 1)]
    graph = read_graph("abcdef", [*edges, Edge("c", "f", 1), Edge("d", "f", 1)], task_ms=0, edge_ms=0)
    assert graph.invocations["f"] == 0.5


def test_edges_that_cross_take_the_longest_path() -> None:
    edges = [Edge("a", "b", 1), Edge("a", "c", 1), Edge("b", "d", 1), Edge("c", "d", 1), Edge("c", "e", 1)]
    graph = read_graph("abcde", edges, task_ms=0, edge_ms=0)
    assert evaluate(graph.form, {"a": 1.0, "b": 9.0, "c": 2.0, "d": 5.0, "e": 20.0}) == 23.0
    assert graph.invocations == dict.fromkeys("abcde", 1.0)


def test_an_edge_to_itself_repeats_a_function() -> None:
    graph = read_graph("ab", [Edge("a", "a", 0.2), Edge("a", "b", 0.8)], task_ms=3, edge_ms=5)
    assert graph.invocations == pytest.approx({"a": 1.25, "b": 1.0})
    assert evaluate(graph.form, {"a": 100.0, "b": 7.0}) == pytest.approx(1.25 * 103 + 0.25 * 5 + 5 + 10)


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        ([Edge("a", "b", 1), Edge("b", "a", 1)], "is a loop"),
        ([Edge("a", "b", 0.4), Edge("a", "c", 0.4)], "sum to 0.8"),
        ([Edge("a", "x", 1)], "x has no durations"),
    ],
)
def test_a_graph_that_cannot_be_read_is_refused_in_words(edges: list[Edge], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_graph("abc", edges, task_ms=0, edge_ms=0)


def test_the_benchmark_prints_the_sizes_of_each_function(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--figures", str(APP10), "--deadline-ms", "2500", "--task-ms", "100", "--edge-ms", "70", "--format", "json"])
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {
        "duration_ms",
        "cost_per_million_usd",
        "excess",
        "front_excess",
        "memory_mb",
        "cpu_seconds",
    }
    assert told["memory_mb"].keys() == app10().duration_ms.keys()
    main(["--figures", str(APP10), "--budget-per-million", str(told["cost_per_million_usd"]), "--task-ms", "100"])
    assert "per million executions" in capsys.readouterr().out
