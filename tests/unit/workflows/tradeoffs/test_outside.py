"""No sizes cost less than the bound on all that lies outside a function says."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workflows.tradeoffs.test_allocation import flows, tables
from tuner.workflows.flow import Flow, form_of_flow, invocations_of
from tuner.workflows.tradeoffs.forms import evaluate
from tuner.workflows.tradeoffs.fronts import Choices
from tuner.workflows.tradeoffs.outside import Outside
from tuner.workflows.tradeoffs.places import FormPlaces, SizingProblem


@settings(max_examples=30, deadline=None)
@given(flows(2), tables, st.integers(20, 400).map(float))
def test_sizes_within_a_time_cost_at_least_what_the_bound_says(
    flow: Flow, table: dict[str, Choices], most_ms: float
) -> None:
    problem = SizingProblem(form_of_flow(flow), invocations_of(flow), table)
    least = Outside(FormPlaces(problem).root({}), most_ms).of_functions(problem)
    names = sorted(problem.invocations)
    for sizes in product(*(range(len(table[name].time_ms)) for name in names)):
        chosen = dict(zip(names, sizes, strict=True))
        if evaluate(problem.form, {name: float(table[name].time_ms[i]) for name, i in chosen.items()}) <= most_ms:
            usd = sum(float(problem.cost_usd(name)[i]) for name, i in chosen.items())
            bounds = [float(of[chosen[name]]) + problem.idle_usd for name, of in least.items()]
            assert np.all(np.array(bounds) <= usd + 1e-6)
