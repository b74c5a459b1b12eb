"""Deadlines on percentiles: judged by simulated executions, near the best of all sizes, and kept to."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from benchmarks.workflow_deadlines import measure
from tuner.errors import InputError
from tuner.model import Architecture, Configuration
from tuner.pricing.price_list import price_list
from tuner.workflows.curves import FunctionCurve, curve_from_means
from tuner.workflows.flow import Exit, Flow, Map, Parallel, Pause, Step, Task, functions_of, series
from tuner.workflows.percentiles import PercentileSearch
from tuner.workflows.plan import Binding, Bound, plan_workflow
from tuner.workflows.scenarios import Scenarios

PRICES = price_list("us-east-1")
X86, ARM = Architecture.X86_64, Architecture.ARM64


def curve(name: str, work_ms: float, *, spread: float = 0.2, knee_mb: int = 1769, sizes: int = 6) -> FunctionCurve:
    """CPU work up to a knee."""
    memory_mb = np.unique(np.geomspace(256, 3008, sizes).astype(int))
    means = {Configuration(int(mb), X86): 20 + work_ms * 1769 / min(int(mb), knee_mb) for mb in memory_mb}
    return curve_from_means(name, means, PRICES, spread=spread, current=Configuration(256, X86))


def task(name: str) -> Step:
    return Step(name.upper(), Task(name), overhead_ms=23.0)


def checkout() -> Flow:
    """A choice with a rare slow way, then two branches."""
    ways = (Exit("B", 0.9), Exit("C", 0.1))
    either = Flow((replace(task("a"), exits=ways), task("b"), task("c")))
    branches = Parallel((series(task("d")), series(task("e"), task("a"))))
    return series(Step("either", Parallel((either,))), Step("both", branches))


def curves() -> dict[str, FunctionCurve]:
    work_ms = {"a": 100.0, "b": 50.0, "c": 600.0, "d": 300.0, "e": 150.0}
    return {name: curve(name, ms, sizes=4) for name, ms in work_ms.items()}


@pytest.mark.parametrize("percentile", [50.0, 95.0])
def test_the_answer_is_within_half_a_percent_of_every_combination(percentile: float) -> None:
    flow, known = checkout(), curves()
    scenarios = Scenarios(flow, known, seed=3, count=400)
    search = PercentileSearch(flow, known, percentile, scenarios)
    search.explore()
    names = functions_of(flow)
    tried = [
        search.judge(dict(zip(names, sizes, strict=True)))
        for sizes in product(*(range(len(known[name].configurations)) for name in names))
    ]
    fresh = PercentileSearch(flow, known, percentile, scenarios)
    fresh.explore()
    for deadline_ms in np.quantile([c.time_ms for c in tried], [0.02, 0.2, 0.5]):
        best = min(c.cost_usd for c in tried if c.time_ms <= deadline_ms)
        found = fresh.cheapest_within(float(deadline_ms))
        assert found is not None
        assert found.time_ms <= deadline_ms
        assert found.cost_usd <= 1.005 * best


def test_an_average_execution_is_answered_exactly() -> None:
    search = PercentileSearch(checkout(), curves(), None, Scenarios(checkout(), curves(), count=200))
    found = search.cheapest_within(search.means.cheapest.time_ms)
    assert found is not None
    assert found.excess == 0


def test_a_rare_slow_way_decides_a_high_percentile() -> None:
    flow = Flow((Step("which", Pause(), (Exit("B", 0.9), Exit("C", 0.1))), task("b"), task("c")))
    known = {"b": curve("b", 20.0), "c": curve("c", 600.0)}
    average = plan_workflow("rare", flow, known, Bound(deadline_ms=700.0, percentile=None))
    tail = plan_workflow("rare", flow, known, Bound(deadline_ms=700.0, percentile=95.0))
    assert average.share_met is not None
    assert tail.share_met is not None
    assert average.share_met < 0.93 < tail.share_met
    assert tail.chosen.configurations["c"].memory_mb > average.chosen.configurations["c"].memory_mb


def test_items_of_a_map_wait_for_a_free_place() -> None:
    flow = series(Step("each", Map(series(Step("A", Task("a"))), (5,), 2)))
    times = Scenarios(flow, {"a": curve("a", 100.0, spread=0.0)}, count=10).time_ms({"a": 5})
    one_ms = float(curve("a", 100.0, spread=0.0).mean_ms[5])
    assert times == pytest.approx(3 * one_ms)


def test_a_workflow_whose_maps_have_no_items_is_refused() -> None:
    flow = series(Step("each", Map(series(task("a")), (0,))))
    with pytest.raises(InputError, match="no execution invokes a function"):
        plan_workflow("none", flow, curves(), Bound(deadline_ms=700.0))


def test_a_deadline_that_nothing_keeps_is_answered_with_the_fastest() -> None:
    plan = plan_workflow("fast", checkout(), curves(), Bound(deadline_ms=10.0))
    assert plan.binding is Binding.UNMET
    assert not plan.met
    assert plan.chosen.time_ms == min(choice.time_ms for choice in plan.front)
    assert plan.share_met == 0.0


def test_a_loose_deadline_costs_no_more_than_the_cheapest_sizes() -> None:
    plan = plan_workflow("loose", checkout(), curves(), Bound(deadline_ms=1e6))
    assert plan.binding is Binding.NOTHING
    assert plan.chosen.cost_usd == pytest.approx(min(choice.cost_usd for choice in plan.front))


def test_a_budget_buys_the_fastest_sizes_that_it_pays_for() -> None:
    front = plan_workflow("all", checkout(), curves(), Bound(deadline_ms=1e6)).front
    budget = (front[0].cost_usd + front[-1].cost_usd) / 2
    plan = plan_workflow("some", checkout(), curves(), Bound(budget_usd=budget))
    assert plan.binding is Binding.BUDGET
    assert plan.chosen.cost_usd <= budget
    assert plan.chosen.time_ms <= min(c.time_ms for c in front if c.cost_usd <= budget)


def test_the_cheaper_architecture_is_taken_where_it_is_as_fast() -> None:
    both = {Configuration(1024, arch): 100.0 for arch in (X86, ARM)}
    known = {"a": curve_from_means("a", both, PRICES)}
    plan = plan_workflow("arm", series(task("a")), known, Bound(deadline_ms=200.0))
    assert plan.chosen.configurations["a"].architecture is ARM
    assert plan.exact


def test_slack_is_what_a_branch_may_lose_before_the_execution_does() -> None:
    branches = Parallel((series(task("b")), series(task("c"))))
    flow = series(Step("both", branches), task("a"))
    known = {name: curve(name, ms, spread=0.0) for name, ms in {"a": 50.0, "b": 100.0, "c": 400.0}.items()}
    plan = plan_workflow("slack", flow, known, Bound(deadline_ms=1e6, percentile=None))
    views = {view.path[-1]: view for view in plan.steps}
    assert views["C"].critical
    assert views["A"].critical
    assert views["B"].slack_ms == pytest.approx(views["C"].duration_ms - views["B"].duration_ms)
    assert sum(view.cost_usd for view in plan.steps if view.function) == pytest.approx(plan.chosen.cost_usd)


def test_a_function_without_a_curve_is_named() -> None:
    with pytest.raises(InputError, match="function c: has no result"):
        plan_workflow("x", checkout(), {"a": curve("a", 1.0)}, Bound(deadline_ms=1.0))


@pytest.mark.parametrize(
    ("bound", "words"),
    [({}, "neither it nor --budget-per-million is given"), ({"deadline_ms": -1.0}, "not a finite number above 0")],
)
def test_a_bound_that_makes_no_sense_is_refused(bound: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Bound(**bound)


def test_deadlines_are_kept_in_the_share_of_executions_that_was_asked_for() -> None:
    # Two workflows here; `python -m benchmarks.workflow_deadlines` simulates many.
    met = [measure(seed, (4, 5), estimated=False, executions=1000).met for seed in (1, 4)]
    assert 0.93 <= np.mean(met) <= 0.97
