"""What executions leave: nothing, however they end, and whoever else works on the function."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.function_lock import FunctionLock, Holder
from statemachine.handlers import analyzer, cleaner, initializer, planner
from statemachine.messages import EndedExecution, decode_errors
from tests.cloud.fixtures import Cloud
from tests.integration.statemachine.driver import POWER_TUNING_INPUT, Driver, as_json
from tuner.aws.api.errors import AnotherRunError
from tuner.aws.changes.markers import CopyMarker, VersionMarker
from tuner.errors import BackendError, InputError
from tuner.model import Architecture, Configuration


def test_a_lock_that_cannot_be_given_back_hides_no_refusal(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders")
    cloud.client("lambda").put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=0)
    cloud.faults.add("deny", "DeleteObject")
    with pytest.raises(InputError, match="reserved concurrency of 0"):
        driver.start({**POWER_TUNING_INPUT, "lambdaARN": arn})


@pytest.mark.parametrize("isolation", ["copy", "versions"])
@pytest.mark.parametrize("handled", ["the state machine", "the event of its end"])
def test_copies_of_a_function_that_is_deleted_meanwhile_are_deleted_too(
    handled: str, isolation: str, cloud: Cloud, driver: Driver
) -> None:
    cloud.simulate_function("orders")
    document = {"lambdaARN": "orders", "isolation": isolation, "architectures": "both", "powerValues": [256], "num": 2}
    start = driver.new_execution(document)
    state = initializer.begin(start, driver.services)
    driver.round(state)
    assert len(cloud.function_names()) > 1
    cloud.client("lambda").delete_function(FunctionName="orders")
    if handled == "the state machine":
        state = driver.end(state)
        assert "was deleted during the execution" in str(driver.result(state)["warnings"])
    else:
        ended = EndedExecution(start.execution, start.started_at)
        cleaner.clean_ended(ended, driver.services, lambda: 900.0)
    assert cloud.function_names() == []
    assert not driver.services.objects.keys("locks/")


def test_a_second_execution_is_refused_with_the_name_of_the_first(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders")
    running = iter([True])
    first = driver.start({**POWER_TUNING_INPUT, "lambdaARN": arn})
    driver.services.clients = Watched(driver.services.clients, lambda _: next(running))  # type: ignore[assignment]
    with pytest.raises(AnotherRunError, match="execution:machine:1 tunes"):
        driver.start({**POWER_TUNING_INPUT, "lambdaARN": arn})
    assert driver.round(first)


def test_a_run_of_the_command_line_on_copies_is_found_by_their_markers(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders")
    copy = CopyMarker(VersionMarker("20260918t041200z-3f2a9c", Configuration(256, Architecture.ARM64), 1), "orders")
    cloud.simulate_function(copy.name, Description=str(copy))
    with pytest.raises(AnotherRunError, match=copy.made.run):
        driver.start({**POWER_TUNING_INPUT, "lambdaARN": arn, "architectures": "both"})
    assert not driver.services.objects.keys("locks/")


def test_what_an_aborted_execution_left_is_undone_by_the_next(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders")
    cloud.publish("orders", Description="RAM128")
    before = cloud.snapshot("orders")
    aborted = driver.start({**POWER_TUNING_INPUT, "lambdaARN": arn, "architectures": "both"})
    driver.round(aborted, execute=False)
    assert cloud.function_names() != ["orders"]
    driver.services.clients = Watched(driver.services.clients, lambda _: False)  # type: ignore[assignment]
    state = driver.run({**POWER_TUNING_INPUT, "lambdaARN": arn})
    assert "recovered" in {warning["code"] for warning in state["output"]["warnings"]}
    assert cloud.snapshot("orders") == before
    assert cloud.function_names() == ["orders"]


def test_a_failed_execution_keeps_what_it_measured_and_cleans_up(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders")
    before = cloud.snapshot("orders")
    state = driver.start({"lambdaARN": arn})
    driver.round(state)
    cause = json.dumps({"errorMessage": "no more", "errorType": "DeniedError", "stackTrace": []})
    state = driver.end(state, {"Error": "DeniedError", "Cause": cause})
    assert state["error"]["Error"] == "DeniedError"
    assert state["error"]["Cause"].startswith("no more\n")
    assert driver.result(state)["stopped_by"] == "interrupted"
    assert driver.store(state).read_text("report.html")
    assert cloud.snapshot("orders") == before


def test_the_first_error_is_told_before_that_of_the_cleaner(cloud: Cloud, driver: Driver) -> None:
    folder = driver.start({"lambdaARN": cloud.simulate_function("orders")})["study"]["folder"]
    causes = {
        "error": ("States.Timeout", "too long"),
        "cleaning": ("LeftBehindError", '{"errorMessage": "tuner clean"}'),
    }
    event = {name: {"Error": error, "Cause": cause} for name, (error, cause) in causes.items()}
    for told, expected in (
        (event, {"Error": "StateMachine.Timeout", "Cause": "too long\ntuner clean"}),
        ({"cleaning": event["cleaning"]}, {"Error": "LeftBehindError", "Cause": "tuner clean"}),
    ):
        assert analyzer.analyze(folder, decode_errors(told), driver.services)["error"] == expected


class Watched:
    """Clients whose Step Functions knows which executions run."""

    def __init__(self, clients: Any, is_running: Any) -> None:
        self._clients, self._is_running = clients, is_running

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clients, name)

    @property
    def states(self) -> Any:
        return self

    def describe_execution(self, *, executionArn: str) -> dict[str, str]:  # noqa: N803
        return {"status": "RUNNING" if self._is_running(executionArn) else "ABORTED"}


def ended(driver: Driver, state: dict[str, Any]) -> EndedExecution:
    """What EventBridge tells of an execution that was aborted."""
    execution = driver.store(state).execution
    return EndedExecution(execution.arn, execution.started_at)


def test_an_execution_that_ended_by_itself_is_cleaned_by_its_arn_alone(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders")
    before = cloud.snapshot("orders")
    document = {**POWER_TUNING_INPUT, "lambdaARN": arn, "architectures": "both", "isolation": "versions"}
    aborted = driver.start(document)
    driver.round(aborted, execute=False)
    assert cloud.snapshot("orders") != before
    cleaner.clean_ended(ended(driver, aborted), driver.services, lambda: 900.0)
    assert cloud.snapshot("orders") == before
    assert cloud.function_names() == ["orders"]
    assert not driver.services.objects.keys("locks/")


def test_the_cleaner_waits_for_a_publisher_that_is_still_at_work(cloud: Cloud, driver: Driver) -> None:
    arn = cloud.simulate_function("orders")
    aborted = driver.start({**POWER_TUNING_INPUT, "lambdaARN": arn})
    store = driver.store(aborted)
    store.begin_publishing(driver.services.now().timestamp() + 600)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            store.end_publishing()

    cleaner.clean_ended(ended(driver, aborted), driver.services, lambda: 900.0, sleep)
    assert len(waited) == 3
    state = {**aborted, "plan": as_json(planner.plan(aborted["study"]["folder"], driver.services))}
    assert state["plan"]["next"] == "done"


def test_an_execution_that_never_began_leaves_nothing_to_clean(driver: Driver) -> None:
    for _ in range(2):
        cleaner.clean_ended(EndedExecution("arn:none", "2026-09-18T04:12:00.000+00:00"), driver.services, lambda: 900.0)
    assert [key.partition("/")[0] for key in driver.services.objects.keys("")] == ["begun"]


@pytest.mark.parametrize("comes", ["before anything is stored", "before the lock is taken"])
def test_an_initializer_that_its_cleaner_overtook_begins_nothing(
    cloud: Cloud, driver: Driver, monkeypatch: pytest.MonkeyPatch, comes: str
) -> None:
    """Lambda runs a handler to its end when the execution is aborted."""
    arn = cloud.simulate_function("orders")
    start = driver.new_execution({**POWER_TUNING_INPUT, "lambdaARN": arn})
    over = EndedExecution(start.execution, start.started_at)
    clean = lambda: cleaner.clean_ended(over, driver.services, lambda: 900.0)  # noqa: E731
    if comes == "before anything is stored":
        clean()
    else:
        take = FunctionLock.take

        def overtaken(lock: FunctionLock, *arguments: Any) -> Holder | None:
            clean()
            return take(lock, *arguments)

        monkeypatch.setattr(FunctionLock, "take", overtaken)
    with pytest.raises(BackendError, match="over before"):
        initializer.begin(start, driver.services)
    assert not driver.services.objects.keys("locks/")
    assert not [key for key in driver.services.objects.keys("executions/") if key.endswith("execution.json")]
