"""Whatever fails, and wherever a run is killed: the function ends as it was, at once or after `tuner clean`.

The calls are not listed here: a run without faults tells how many there are, and each is then
failed in every way.
"""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.aws_e2e.harness import BOTH, quick_api, settings, stand_in, tune, tune_at
from tests.cloud.fixtures import Cloud
from tuner.aws import sweep
from tuner.errors import TunerError

ASKED = settings(sizes=(4096,), architectures=BOTH)
"""One version, one copy, and the question for the memory cap: every operation that a run makes."""
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.aws_e2e.harness", "scipy"])


@pytest.fixture
def before(cloud: Cloud) -> dict[str, Any]:
    """A function with a version and an alias of its own, as it is before a run."""
    cloud.simulate_function("orders", memory_mb=512, Description="All orders, since 2019", Tags={"team": "shop"})
    client = cloud.client("lambda")
    client.create_alias(FunctionName="orders", Name="RAM128", FunctionVersion=cloud.publish("orders"))
    cloud.forget_calls()
    return cloud.snapshot("orders")


def calls_of_a_run(cloud: Cloud, state: Path) -> list[dict[str, Any]]:
    """The calls of a run without faults, in order."""
    cloud.forget_calls()
    tune(cloud, state, ASKED)
    calls = cloud.calls(caller="user")
    assert {"UpdateFunctionConfiguration", "PublishVersion", "CreateFunction", "Invoke", "DeleteFunction"} <= {
        call["operation"] for call in calls
    }
    return calls


def is_write(call: dict[str, Any]) -> bool:
    return not call["operation"].startswith(("Get", "List"))


def check_undone(cloud: Cloud, before: dict[str, Any], state: Path, words: str) -> None:
    """The function is as it was, now or after a clean on a machine that knows nothing of the run."""
    cloud.faults.clear()
    if (cloud.snapshot("orders"), cloud.function_names()) != (before, ["orders"]):
        clean(cloud, state)
        assert (cloud.snapshot("orders"), cloud.function_names()) == (before, ["orders"]), words


@pytest.mark.parametrize("kind", ["deny", "throttle", "server_error", "lose_reply", "lose_request", "twice"])
def test_any_call_may_fail_once(kind: str, cloud: Cloud, before: dict[str, Any], tmp_path: Path) -> None:
    for nth, call in enumerate(calls_of_a_run(cloud, tmp_path / "first"), start=1):
        if kind in ("lose_request", "twice") and not is_write(call):
            continue
        words = f"{kind} of call {nth}, {call['operation']}"
        cloud.faults.add(kind, nth=nth)
        error = failure(cloud, tmp_path / f"{nth}")
        if error is not None:
            assert kind == "deny", f"{words}: what may pass is tried again, but: {error.message}"
            assert error.hint, f"{words}: {error.message}"
        check_undone(cloud, before, tmp_path / "elsewhere", words)


def test_a_run_may_be_killed_after_any_call(cloud: Cloud, before: dict[str, Any], tmp_path: Path) -> None:
    for nth, call in enumerate(calls_of_a_run(cloud, tmp_path / "first"), start=1):
        if call["outcome"] != "ok":
            continue  # a call that was refused leaves what the call before it left
        words = f"killed after call {nth}, {call['operation']}"
        cloud.faults.add("kill_client", nth=nth)
        assert kill(cloud, tmp_path / f"{nth}") == -signal.SIGKILL, words
        check_undone(cloud, before, tmp_path / "elsewhere", words)


def test_the_next_run_undoes_what_a_killed_one_left(cloud: Cloud, before: dict[str, Any], tmp_path: Path) -> None:
    cloud.faults.add("kill_client", "Invoke")
    assert kill(cloud, tmp_path) == -signal.SIGKILL
    assert cloud.function_names() != ["orders"]
    tuned = tune(cloud, tmp_path, ASKED)
    assert "recovered" in [notice.code for notice in tuned.notices]
    assert cloud.snapshot("orders") == before
    assert cloud.function_names() == ["orders"]


def test_clean_says_what_it_does_and_the_second_time_that_nothing_is_left(
    cloud: Cloud, before: dict[str, Any], tmp_path: Path
) -> None:
    cloud.faults.add("kill_client", "PublishVersion")
    kill(cloud, tmp_path)
    planned = clean(cloud, tmp_path / "elsewhere", dry_run=True)
    assert [line.split()[:2] for line in planned] == [["would", "put"], ["would", "delete"]]
    assert cloud.snapshot("orders") != before
    clean(cloud, tmp_path / "elsewhere")
    assert cloud.snapshot("orders") == before
    assert clean(cloud, tmp_path / "elsewhere") == ["Nothing is left on orders."]


def clean(cloud: Cloud, state: Path, **options: Any) -> list[str]:
    environment = {"XDG_STATE_HOME": str(state)}
    return sweep.clean("orders", stand_in(cloud.endpoint), environment, make_api=quick_api, **options)


def failure(cloud: Cloud, state: Path) -> TunerError | None:
    """The error that a run ends with, if it does."""
    try:
        tune(cloud, state, ASKED)
    except TunerError as error:
        return error
    return None


def kill(cloud: Cloud, state: Path) -> int | None:
    """Run in a process that the stand-in kills; its exit code."""
    child = FORKS.Process(target=tune_at, args=(cloud.endpoint, state, ASKED))
    child.start()
    child.join(60)
    return child.exitcode
