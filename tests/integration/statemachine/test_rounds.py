"""A search in the state machine: who measures its rounds, and that it comes to an end by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from statemachine.execution_store import Stop
from statemachine.handlers import cleaner, measurer, planner
from statemachine.measuring.next_plan import PLANNER
from statemachine.measuring.trial_runs import WHOLE_ROUND, Attempt, measure_trials
from statemachine.services import Services
from tests.cloud.fixtures import Cloud
from tests.integration.statemachine.driver import Driver, State, as_json
from tuner.model import StopReason
from tuner.vocabulary import COPY_PREFIX

MOST_ROUNDS = 12


@pytest.mark.parametrize("traffic", [{}, {"invocationsPerMonth": 1e6}], ids=["unknown traffic", "known traffic"])
def test_a_nearly_flat_function_is_tuned_in_a_few_rounds(cloud: Cloud, driver: Driver, traffic: dict[str, Any]) -> None:
    """Its lanes share an environment, so that no comparison with the current size counts as one side by side."""
    arn = cloud.simulate_function("flat", model={"cpu_ms": 2, "wait_ms": 300, "noise": 0.05}, memory_mb=1024)
    state = driver.start({"lambdaARN": arn, **traffic})
    rounds = 0
    while driver.round(state):
        rounds += 1
        assert rounds <= MOST_ROUNDS
    stop = driver.store(state).stop()
    assert stop is not None
    assert stop.reason in (StopReason.TOLERANCE, StopReason.ECONOMY)


def search(cloud: Cloud, driver: Driver) -> State:
    """The state of an adaptive search whose first round is planned."""
    arn = cloud.simulate_function("orders", model={"cpu_ms": 100, "noise": 0.03}, memory_mb=1024)
    state = driver.start({"lambdaARN": arn, "budget": {"maxInvocations": 24}})
    folder = state["study"]["folder"]
    return {**state, "plan": as_json(planner.plan(folder, driver.services))}


def planning(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From now on the Measurer asks the Planner by a plain call. Returns the folders that it asks for."""
    asked: list[str] = []

    def ask(folder: str, services: Services, _: Callable[[], float]) -> State:
        asked.append(folder)
        plan: State = as_json(planner.plan(folder, services))
        return plan

    monkeypatch.setattr(measurer, "ask_planner", ask)
    return asked


def test_one_measurer_measures_round_after_round_until_the_study_has_ended(
    cloud: Cloud, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, asked = search(cloud, driver), planning(monkeypatch)
    plan = measurer.measure_rounds(state, driver.services, Attempt("first", lambda: 900.0))
    store = driver.store(state)
    rounds = [round_ for round_ in store.rounds() if round_.trials]
    assert plan["next"] == "done"
    assert len(asked) == len(rounds) > 1
    assert store.entries() == 1
    assert {sample.trial_id for sample in store.measured().samples} == {t.id for r in rounds for t in r.trials}


def test_a_round_writes_few_objects_and_lists_none(
    cloud: Cloud, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, _ = search(cloud, driver), planning(monkeypatch)
    cloud.forget_calls()
    measurer.measure_rounds(state, driver.services, Attempt("first", lambda: 900.0))
    done = Counter(call["operation"] for call in cloud.calls(service="s3"))
    rounds = [round_ for round_ in driver.store(state).rounds() if round_.trials]
    once = 5  # the entry, begin and end of the handler, the reason to stop, the last round
    assert done["PutObject"] <= once + 5 * len(rounds)
    assert done["ListObjectsV2"] == 0


def test_what_a_measurer_made_is_read_again_by_nobody(
    cloud: Cloud, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, asked = search(cloud, driver), planning(monkeypatch)
    cloud.forget_calls()
    measurer.measure_rounds(state, driver.services, Attempt("first", lambda: 900.0))
    cleaner.clean(state["study"]["folder"], driver.services)
    calls = cloud.calls(service="lambda")
    done = Counter(call["operation"] for call in calls)
    read = [call["parameters"] for call in calls if call["operation"] == "GetFunctionConfiguration"]
    assert len(asked) > 1
    assert done["GetFunction"] == done["GetAccountSettings"] == 1
    assert all("Qualifier" in one for one in read if COPY_PREFIX in one["FunctionName"])
    assert done["DeleteFunction"] == done["CreateFunction"]
    assert cloud.function_names() == ["orders"]


def test_what_is_left_of_a_round_that_another_attempt_began_is_not_run_again(
    cloud: Cloud, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, _ = search(cloud, driver), planning(monkeypatch)
    store = driver.store(state)
    first, *left = store.rounds()[0].trials
    assert left
    assert store.claim(first.id, WHOLE_ROUND, "lost")
    ran = len(cloud.invocations())
    measure_trials(store, left, services=driver.services, attempt=Attempt("second", lambda: 0.0))
    assert len(cloud.invocations()) == ran
    assert {sample.trial_id for sample in store.samples()} == {trial.id for trial in left}


def test_a_measurer_whose_time_is_short_hands_the_next_round_to_another(
    cloud: Cloud, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, asked = search(cloud, driver), planning(monkeypatch)
    plan = measurer.measure_rounds(state, driver.services, Attempt("first", lambda: 170.0))
    assert (plan["next"], len(asked)) == ("round", 1)
    again = measurer.measure_rounds({**state, "plan": plan}, driver.services, Attempt("second", lambda: 900.0))
    assert again["next"] == "done"
    assert driver.store(state).entries() == 2


@pytest.mark.parametrize("environment", [{}, {PLANNER: "no-such-function"}])
def test_where_the_planner_does_not_answer_the_state_machine_asks_it(
    cloud: Cloud, driver: Driver, environment: dict[str, str]
) -> None:
    state = search(cloud, driver)
    plan = measurer.measure_rounds(
        state, replace(driver.services, environment=environment), Attempt("first", lambda: 900.0)
    )
    assert plan["next"] == "plan"
    assert planner.plan(state["study"]["folder"], driver.services)["next"] == "round"


def test_a_measurer_whose_execution_was_aborted_begins_no_further_round(
    cloud: Cloud, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, asked = search(cloud, driver), planning(monkeypatch)
    driver.store(state).end(Stop(StopReason.INTERRUPTED))
    plan = measurer.measure_rounds(state, driver.services, Attempt("first", lambda: 900.0))
    assert (plan["next"], len(asked)) == ("done", 1)
    assert cloud.invocations() == []


def test_one_pace_of_control_calls_holds_for_all_handlers_of_an_environment(driver: Driver) -> None:
    services = driver.services
    assert services.api_in(None) is services.api_in(services.clients.region)
    assert services.api_in("eu-west-1").retry.pacer is not services.api_in(None).retry.pacer
