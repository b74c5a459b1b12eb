"""The front of a workflow is what trying every combination of sizes comes to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.workflows.flow import (
    Exit,
    Flow,
    Map,
    Parallel,
    Pause,
    Retry,
    Step,
    Task,
    form_of_flow,
    invocations_of,
    series,
)
from tuner.workflows.tradeoffs import bottom_up, fronts
from tuner.workflows.tradeoffs.allocation import Allocations, allocate
from tuner.workflows.tradeoffs.forms import Form, evaluate
from tuner.workflows.tradeoffs.fronts import Choices, Front, one_after_the_other

FUNCTIONS = ("a", "b", "c", "d")
Point = tuple[float, float]

duration = st.integers(1, 60).map(float)
cost = st.integers(1, 40).map(float)
options = st.lists(st.tuples(duration, cost), min_size=1, max_size=4).map(
    lambda pairs: Choices(np.array([t for t, _ in pairs]), np.array([c for _, c in pairs]))
)
tables = st.fixed_dictionaries(dict.fromkeys(FUNCTIONS, options))


def flows(depth: int) -> st.SearchStrategy[Flow]:
    """Random series, choices, branches, items, pauses and retries, in which functions occur again."""
    work = st.one_of(st.sampled_from(FUNCTIONS).map(Task), st.integers(0, 9).map(lambda ms: Pause(float(ms))))
    if depth:
        inner = flows(depth - 1)
        items = st.tuples(inner, st.integers(1, 5), st.integers(1, 3))
        work |= st.lists(inner, min_size=1, max_size=3).map(lambda branches: Parallel(tuple(branches)))
        work |= items.map(lambda drawn: Map(drawn[0], (drawn[1], drawn[1] + 1), drawn[2]))
    retry = st.none() | st.just(Retry(0.25, (3.0, 6.0)))
    return st.lists(st.tuples(work, retry), min_size=1, max_size=3).flatmap(
        lambda pairs: st.sampled_from([0.0, 0.25, 0.5]).map(lambda skip: chain(pairs, skip))
    )


def chain(pairs: list[tuple[Task | Pause | Parallel | Map, Retry | None]], skip: float) -> Flow:
    """Steps one after the other; the first ends the flow with the chance `skip`."""
    flow = series(*(Step(f"s{n}", work, overhead_ms=1.0, retry=retry) for n, (work, retry) in enumerate(pairs)))
    first, *others = flow.steps
    if not skip or not others:
        return flow
    exits = (Exit(others[0].name, 1 - skip), Exit(None, skip))
    return Flow((Step(first.name, first.work, exits, first.overhead_ms, first.retry), *others))


def brute_force(form: Form, invocations: dict[str, float], table: dict[str, Choices]) -> list[Point]:
    """Every combination of sizes, without those that another one beats; rounded."""
    names = sorted(set(invocations))
    found = set()
    for sizes in product(*(range(len(table[name].time_ms)) for name in names)):
        chosen = dict(zip(names, sizes, strict=True))
        time = evaluate(form, {name: float(table[name].time_ms[i]) for name, i in chosen.items()})
        usd = sum(invocations[name] * float(table[name].cost_usd[i]) for name, i in chosen.items())
        found.add((round(time, 6), round(usd, 6)))
    return sorted(p for p in found if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in found))


def points(found: Allocations) -> list[Point]:
    """The points of a front, rounded; those that rounding makes equal in one figure count once."""
    front = found.front
    rounded = {(round(float(t), 6), round(float(c), 6)) for t, c in zip(front.time_ms, front.cost_usd, strict=True)}
    return sorted(p for p in rounded if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in rounded))


@settings(max_examples=60, deadline=None)
@given(flows(2), tables)
def test_the_front_equals_every_combination_tried(flow: Flow, table: dict[str, Choices]) -> None:
    form, invocations = form_of_flow(flow), invocations_of(flow)
    found = allocate(form, invocations, table)
    assert found.exact
    assert points(found) == brute_force(form, invocations, table)


@settings(max_examples=30, deadline=None)
@given(flows(2), tables)
def test_the_sizes_behind_each_point_give_its_time_and_cost(flow: Flow, table: dict[str, Choices]) -> None:
    form, invocations = form_of_flow(flow), invocations_of(flow)
    front = allocate(form, invocations, table).front
    for index in range(len(front)):
        sizes = front.recover(index)
        time = evaluate(form, {name: float(table[name].time_ms[i]) for name, i in sizes.items()})
        usd = sum(invocations[name] * float(table[name].cost_usd[i]) for name, i in sizes.items())
        assert time == pytest.approx(front.time_ms[index])
        assert usd == pytest.approx(front.cost_usd[index])


@settings(max_examples=40, deadline=None)
@given(flows(2), tables)
def test_answers_are_exact_where_the_front_is_thinned(flow: Flow, table: dict[str, Choices]) -> None:
    form, invocations = form_of_flow(flow), invocations_of(flow)
    with few_points():
        found = allocate(form, invocations, table)
        for time, usd in brute_force(form, invocations, table):
            cheapest, fastest = found.cheapest_within(time + 1e-6), found.fastest_within(usd + 1e-6)
            assert cheapest is not None
            assert cheapest.time_ms <= time + 2e-6
            assert is_best(cheapest.cost_usd, usd, cheapest.excess)
            assert fastest is not None
            assert fastest.cost_usd <= usd + 2e-6
            assert is_best(fastest.time_ms, time, fastest.excess)


@settings(max_examples=30, deadline=None)
@given(flows(2), tables)
def test_a_thinned_front_costs_at_most_the_stated_excess_more(flow: Flow, table: dict[str, Choices]) -> None:
    form, invocations = form_of_flow(flow), invocations_of(flow)
    with few_points():
        found = allocate(form, invocations, table)
    for time, usd in brute_force(form, invocations, table):
        index = found.front.cheapest_within(time + 1e-6)
        assert index is not None
        assert found.front.cost_usd[index] <= usd * (1 + found.excess) + 1e-6


@contextmanager
def few_points() -> Iterator[None]:
    """Whole fronts are thinned to a few points and a few combinations of sizes; windows keep all of theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fronts, "MOST_POINTS", 5)
        patch.setattr(fronts, "MOST_PAIRS", 40)
        patch.setattr(bottom_up, "MOST_POINTS", 5)
        patch.setattr(bottom_up, "FEWEST_POINTS", 4)
        patch.setattr(bottom_up, "WHOLE", bottom_up.Limits(4, 1, 40))
        yield


def is_best(value: float, best: float, excess: float) -> bool:
    """Whether a value is as good as the best, which was rounded, or as near as was told."""
    return best - 1e-6 <= value <= best * (1 + excess) + 1e-6


def test_a_shared_function_has_one_size_in_all_its_places() -> None:
    flow = Flow(
        (
            Step(
                "both",
                Parallel((series(Step("x", Task("a"))), series(Step("y", Task("a"))))),
            ),
        )
    )
    table = {"a": Choices(np.array([10.0, 20.0]), np.array([5.0, 1.0]))}
    found = allocate(form_of_flow(flow), invocations_of(flow), table)
    assert points(found) == [(10.0, 10.0), (20.0, 2.0)]


def test_what_follows_a_join_is_counted_once() -> None:
    branches = Parallel((series(Step("x", Task("a"))), series(Step("y", Task("b")))))
    form = form_of_flow(series(Step("both", branches), Step("last", Task("c"))))
    assert evaluate(form, {"a": 3.0, "b": 5.0, "c": 2.0}) == 7.0


def test_a_bound_is_met_by_the_point_that_lies_on_it() -> None:
    table = {"a": Choices(np.array([0.1, 0.3]), np.array([3.0, 1.0]))}
    front = allocate(form_of_flow(series(Step("x", Task("a")), Step("y", Task("a")))), {"a": 2.0}, table).front
    assert front.cheapest_within(0.6) == 1
    assert front.cheapest_within(0.1) is None
    assert front.fastest_within(2.0) == 1
    assert front.fastest_within(1.9) is None


def test_hundreds_of_functions_in_a_row_have_sizes() -> None:
    names = [f"f{n}" for n in range(600)]
    table = {name: Choices(np.array([1.0, 2.0]), np.array([3.0, 1.0])) for name in names}
    flow = series(*(Step(name, Task(name)) for name in names))
    answer = allocate(form_of_flow(flow), invocations_of(flow), table).cheapest_within(900.0)
    assert answer is not None
    assert (len(answer.allocation), answer.time_ms, answer.cost_usd) == (600, 900.0, 1200.0)


def front_of(points: int, rng: np.random.Generator) -> Front:
    """A front of about so many points, some of whose sums are equal."""
    time, cost = (np.sort(rng.choice(40 * points, points, replace=False)).astype(float) for _ in range(2))
    return Front(time, cost[::-1], lambda i: ({"": i}, ()))


@pytest.mark.parametrize("sizes", [(3000, 40), (40, 3000), (700, 500), (150, 160)])
def test_blocks_that_are_left_out_hold_no_point_of_a_sum(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    left, right = (front_of(points, rng) for points in sizes)
    time, cost = np.add.outer(left.time_ms, right.time_ms).ravel(), np.add.outer(left.cost_usd, right.cost_usd).ravel()
    cheapest = np.inf
    expected = []
    for index in np.lexsort((cost, time)):
        if cost[index] < cheapest:
            cheapest = cost[index]
            expected.append((time[index], cost[index]))
    found = one_after_the_other([left, right])
    assert [*zip(found.time_ms, found.cost_usd, strict=True)] == expected


def test_a_hundred_functions_in_two_branches_equal_a_dynamic_programme_over_milliseconds() -> None:
    rng = np.random.default_rng(11)
    names = [f"f{n}" for n in range(100)]
    table = {
        name: Choices(rng.integers(1, 60, 40).astype(float), rng.integers(1, 900, 40).astype(float)) for name in names
    }
    branches = tuple(series(*(Step(name, Task(name)) for name in half)) for half in (names[:60], names[60:]))
    flow = series(Step("both", Parallel(branches)))
    found = allocate(form_of_flow(flow), invocations_of(flow), table)
    least = sum(least_cost_by_ms([table[name] for name in half], 3600) for half in (names[:60], names[60:]))
    expected = [(float(ms), float(least[ms])) for ms in range(3600) if least[ms] < least[max(0, ms - 1)]]
    assert found.exact
    assert points(found) == expected


def test_answers_beside_a_thinned_front_equal_a_dynamic_programme_over_milliseconds() -> None:
    rng = np.random.default_rng(12)
    names = [f"f{n}" for n in range(60)]
    table = {
        name: Choices(np.sort(rng.choice(900, 40, replace=False)) + 1.0, np.sort(rng.uniform(1, 100, 40))[::-1])
        for name in names
    }
    branches = tuple(series(*(Step(name, Task(name)) for name in half)) for half in (names[:20], names[20:40]))
    flow = series(Step("both", Parallel(branches)), *(Step(name, Task(name)) for name in names[40:]))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("MUCH_PAIRS", 100_000), ("FEW_POINTS", 2_000), ("FEW_PAIRS", 50_000)):
            patch.setattr(fronts, name, value)
        found = allocate(form_of_flow(flow), invocations_of(flow), table)
    halves = [[table[name] for name in half] for half in (names[:20], names[20:40], names[40:])]
    first, second, last = (least_cost_by_ms(half, 9000) for half in halves)
    assert not found.exact
    for deadline_ms in (1500, 3000, 5000, 8000):
        answer = found.cheapest_within(float(deadline_ms))
        assert answer is not None
        assert answer.excess == 0
        best = ((first + second)[: deadline_ms + 1] + last[deadline_ms::-1]).min()
        assert answer.cost_usd == pytest.approx(best, rel=1e-9)


def least_cost_by_ms(tables: list[Choices], most_ms: int) -> np.ndarray:
    """For each number of milliseconds, the least cost of functions one after the other; shape (most_ms,)."""
    least = np.zeros(most_ms)
    for table in tables:
        following = np.full(most_ms, np.inf)
        for ms, usd in zip(table.time_ms.astype(int), table.cost_usd, strict=True):
            following[ms:] = np.minimum(following[ms:], least[: most_ms - ms] + usd)
        least = following
    return least


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_sums_of_too_many_pairs_cost_at_most_the_stated_excess_more(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [front_of(points, rng) for points in (300, 200)]
    exact = one_after_the_other(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fronts, "MOST_PAIRS", 2_000)
        found = one_after_the_other(parts)
    assert found.excess > 0
    assert_within_excess(found, exact)


def assert_within_excess(found: Front, exact: Front) -> None:
    for time, usd in zip(exact.time_ms, exact.cost_usd, strict=True):
        index = found.cheapest_within(float(time))
        assert index is not None
        assert found.cost_usd[index] <= usd * (1 + found.excess) + 1e-9
