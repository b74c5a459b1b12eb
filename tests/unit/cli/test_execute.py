"""`tuner execute` checks before it starts, tells how far it is, and never takes a failure for success."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tuner.aws.api.executions import Ended, HistoryEvent, region_of
from tuner.cli.commands.measure.execute import (
    ExecutionFailedError,
    HistoryProgress,
    follow,
    read_input,
    refuse_failure,
    summary,
)
from tuner.errors import InputError, InterruptedRunError

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:tuner"


def test_an_input_is_a_file_or_json(tmp_path: Path) -> None:
    path = tmp_path / "input.json"
    path.write_text('{"lambdaARN": "f"}', "utf-8")
    assert read_input(str(path)) == read_input(f"@{path}") == read_input('{"lambdaARN": "f"}') == {"lambdaARN": "f"}


@pytest.mark.parametrize("text", ["missing.json", '{"lambdaARN": "f", "num": 0}', "{", "{]"])
def test_an_input_that_cannot_be_used_is_bad_input(text: str) -> None:
    with pytest.raises(InputError):
        read_input(text)


def test_the_input_of_a_fleet_is_left_to_the_fleet() -> None:
    assert read_input('{"list": "s3://b/list.csv"}') == {"list": "s3://b/list.csv"}


def test_the_region_is_that_of_the_state_machine() -> None:
    assert region_of(ARN) == "eu-west-1"
    with pytest.raises(InputError):
        region_of("tuner")


def test_progress_counts_the_trials_of_each_round() -> None:
    progress = HistoryProgress()
    events = [
        HistoryEvent("TaskStateEntered", "Planner"),
        HistoryEvent("MapStateEntered", "Measure"),
        HistoryEvent("MapStateStarted", items=2),
        HistoryEvent("TaskStateEntered", "Executor"),
        HistoryEvent("MapIterationSucceeded"),
        HistoryEvent("MapIterationSucceeded"),
    ]
    lines = [progress.line(event) for event in events]
    assert [line.split() for line in lines if line] == [
        ["Planner"],
        ["round", "1", "measuring", "2", "trials"],
        ["1", "to", "go"],
    ]


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_an_execution_that_did_not_succeed_is_an_error(status: str) -> None:
    with pytest.raises(ExecutionFailedError, match=status):
        refuse_failure(Ended(status, error="E", cause="why"), "e", {})


def test_an_execution_that_succeeds_with_nothing_is_an_error() -> None:
    with pytest.raises(ExecutionFailedError):
        refuse_failure(Ended("SUCCEEDED", {}), "e", {})


def test_ctrl_c_stops_following_and_says_how_to_stop_the_execution() -> None:
    def interrupted() -> Iterator[HistoryEvent]:
        yield HistoryEvent("TaskStateEntered", "Planner")
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="goes on") as raised:
        follow(interrupted(), "arn:e", quiet=True)
    assert "stop-execution --execution-arn arn:e" in raised.value.hint


def test_the_summary_of_a_fleet_tells_how_many_were_tuned() -> None:
    text = summary({"tuned": 18, "failed": 2}, {"summary": Path("out/summary.json")})
    assert "18 functions tuned, 2 failed" in text
    assert "out/summary.json" in text


def test_the_summary_tells_what_was_spent_in_the_currency_of_the_prices() -> None:
    spent = {"executionCost": 0.0005, "lambdaCost": 0.25}
    output = {"power": 512, "architecture": "arm64", "reason": "It is the cheapest.", "stateMachine": spent}
    assert "$0.250000 on invocations" in summary(output, {})
    assert "CN¥0.250000 on invocations" in summary({**output, "currency": "CNY"}, {})
    bill = {"handlers": 0.0002, "logs": 0.0001, "total": 0.2508}
    assert "$0.000200 on handlers and $0.000100 on logs: $0.250800 in all." in summary({**output, "bill": bill}, {})


def test_an_input_that_no_execution_takes_is_refused_with_the_way_through_s3() -> None:
    with pytest.raises(InputError, match="payloadS3"):
        read_input('{"lambdaARN": "f", "payload": "' + "x" * 262_144 + '"}')
