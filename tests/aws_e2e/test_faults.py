"""Whatever fails, and wherever a run is killed: the function ends as it was, at once or after `tuner clean`.

The calls are not listed here: a run without faults tells which there are. Then every write is failed in
every way; of the calls that only read the first of each kind, and one while the run undoes what it did.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.aws_e2e.harness import BOTH, quick_api, settings, stand_in, tune, tune_at
from tests.cloud.fixtures import Cloud
from tuner.aws.api.errors import NotFoundError
from tuner.aws.changes import cleanup
from tuner.errors import TunerError
from tuner.settings import Settings

ASKED = settings(sizes=(4096,), architectures=BOTH)
"""One version, one copy, and the question for the memory cap: every operation that a run makes."""
BY_DEFAULT = settings(sizes=(256,), isolation="auto")
"""A run as users start it, which measures a copy. Only these operations of it write."""
WRITES_OF_COPIES = ("CreateFunction", "Invoke", "DeleteFunction")
READING = ("Get", "List")
KINDS = ("deny", "throttle", "server_error", "lose_reply", "lose_request", "twice")
_CALLS: list[dict[str, Any]] = []
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


@pytest.fixture
def calls(cloud: Cloud, before: dict[str, Any], tmp_path: Path) -> list[dict[str, Any]]:
    """The calls of a run without faults, in order; one run tells for all tests."""
    if not _CALLS:
        tune(cloud, tmp_path / "first", ASKED)
        _CALLS.extend(cloud.calls(caller="user"))
    return _CALLS


def writes(calls: list[dict[str, Any]], *, refused: bool = True) -> list[tuple[str, int]]:
    """The calls that change something or invoke, each as its operation and its number among those of it.

    Reads cannot be numbered so: on a busy machine there are more of them.
    """
    found, count = [], Counter[str]()
    for call in calls:
        operation = call["operation"]
        count[operation] += 1
        if not operation.startswith(READING) and (refused or call["outcome"] == "ok"):
            found.append((operation, count[operation]))
    assert {operation for operation, _ in found} == {
        "UpdateFunctionConfiguration", "PublishVersion", "CreateFunction", "Invoke", "DeleteFunction",
    }  # fmt: skip
    return found


def reads(calls: list[dict[str, Any]]) -> set[str]:
    return {call["operation"] for call in calls if call["operation"].startswith(READING)}


def check_undone(cloud: Cloud, before: dict[str, Any], state: Path, words: str) -> None:
    """The function is as it was, now or after a clean on a machine that knows nothing of the run."""
    cloud.faults.clear()
    if (cloud.snapshot("orders"), cloud.function_names()) != (before, ["orders"]):
        clean(cloud, state)
        assert (cloud.snapshot("orders"), cloud.function_names()) == (before, ["orders"]), words


@pytest.mark.parametrize("kind", KINDS)
def test_any_write_may_fail_once(
    kind: str, calls: list[dict[str, Any]], cloud: Cloud, before: dict[str, Any], tmp_path: Path
) -> None:
    for operation, nth in writes(calls):
        cloud.faults.add(kind, operation, nth=nth)
        check_failure(kind, f"{kind} of {operation} {nth}", cloud, before, tmp_path)


def test_any_write_of_a_run_on_copies_may_fail_once(cloud: Cloud, before: dict[str, Any], tmp_path: Path) -> None:
    for kind, operation in product(KINDS, WRITES_OF_COPIES):
        cloud.faults.add(kind, operation)
        check_failure(kind, f"{kind} of {operation}", cloud, before, tmp_path, BY_DEFAULT)


def test_a_run_on_copies_may_be_killed_after_any_write(cloud: Cloud, before: dict[str, Any], tmp_path: Path) -> None:
    for operation in WRITES_OF_COPIES:
        cloud.faults.add("kill_client", operation)
        assert kill(cloud, tmp_path / operation, BY_DEFAULT) == -signal.SIGKILL, operation
        assert cloud.snapshot("orders") == before
        check_undone(cloud, before, tmp_path / "elsewhere", operation)


@pytest.mark.parametrize("kind", ["deny", "throttle", "server_error", "lose_reply"])
def test_any_read_may_fail_once(
    kind: str, calls: list[dict[str, Any]], cloud: Cloud, before: dict[str, Any], tmp_path: Path
) -> None:
    for operation in reads(calls):
        cloud.faults.add(kind, operation)
        check_failure(kind, f"{kind} of {operation}", cloud, before, tmp_path)
    # After the last invocation $LATEST is looked at once, and then put back.
    cloud.faults.hook(lambda _: cloud.faults.add(kind, "GetFunctionConfiguration", nth=2), "Invoke", nth=2)
    check_failure(kind, f"{kind} of a read while it is undone", cloud, before, tmp_path)


def check_failure(
    kind: str, words: str, cloud: Cloud, before: dict[str, Any], folder: Path, asked: Settings = ASKED
) -> None:
    """What may pass is tried again; what may not ends with a remedy; either way the function is as it was."""
    error = failure(cloud, folder / words, asked)
    if error is not None:
        assert kind == "deny", f"{words}: what may pass is tried again, but: {error.message}"
        assert error.hint, f"{words}: {error.message}"
    check_undone(cloud, before, folder / "elsewhere", words)


def test_a_run_may_be_killed_after_any_write(
    calls: list[dict[str, Any]], cloud: Cloud, before: dict[str, Any], tmp_path: Path
) -> None:
    """A call that only reads, or is refused, leaves what the one before it left."""
    for operation, nth in writes(calls, refused=False):
        words = f"killed after {operation} {nth}"
        cloud.faults.add("kill_client", operation, nth=nth)
        assert kill(cloud, tmp_path / words) == -signal.SIGKILL, words
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
    assert [line.split()[:2] for line in planned] == [["would", "restore"], ["would", "delete"]]
    assert cloud.snapshot("orders") != before
    clean(cloud, tmp_path / "elsewhere")
    assert cloud.snapshot("orders") == before
    assert clean(cloud, tmp_path / "elsewhere") == ["Nothing is left on orders."]


@pytest.mark.parametrize("named", ["orders", "arn:aws:lambda:us-east-1:123456789012:function:orders"])
def test_clean_deletes_the_copies_of_a_function_that_is_gone(
    named: str, cloud: Cloud, before: dict[str, Any], tmp_path: Path
) -> None:
    cloud.faults.add("kill_client", "Invoke")
    kill(cloud, tmp_path, BY_DEFAULT)
    cloud.client("lambda").delete_function(FunctionName="orders")
    assert cloud.function_names()
    planned = clean(cloud, tmp_path, named, dry_run=True)
    assert [line.split()[:4] for line in planned] == [["would", "delete", "the", "copy"]] * len(cloud.function_names())
    clean(cloud, tmp_path, named)
    assert cloud.function_names() == []
    with pytest.raises(NotFoundError):
        clean(cloud, tmp_path, named)


@pytest.mark.parametrize("asked", [BY_DEFAULT, ASKED])
def test_a_run_whose_function_is_deleted_leaves_nothing(
    asked: Settings, cloud: Cloud, before: dict[str, Any], tmp_path: Path
) -> None:
    cloud.faults.hook(lambda _: cloud.client("lambda").delete_function(FunctionName="orders"), "Invoke")
    with pytest.raises(NotFoundError, match="Function not found"):
        tune(cloud, tmp_path, asked)
    assert cloud.function_names() == []


def clean(cloud: Cloud, state: Path, function: str = "orders", **options: Any) -> list[str]:
    environment = {"XDG_STATE_HOME": str(state)}
    return cleanup.clean(function, stand_in(cloud.endpoint), environment, make_api=quick_api, **options)


def failure(cloud: Cloud, state: Path, asked: Settings) -> TunerError | None:
    """The error that a run ends with, if it does."""
    try:
        tune(cloud, state, asked)
    except TunerError as error:
        return error
    return None


def kill(cloud: Cloud, state: Path, asked: Settings = ASKED) -> int | None:
    """Run in a process that the stand-in kills; its exit code."""
    child = FORKS.Process(target=tune_at, args=(cloud.endpoint, state, asked))
    child.start()
    child.join(60)
    return child.exitcode
