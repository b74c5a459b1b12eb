"""`tuner execute` checks before it starts, tells how far it is, and never takes a failure for success."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from io import BytesIO, TextIOWrapper
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.cli.progress.test_execution import told
from tests.unit.reports.fits import faults
from tuner.aws.api.executions import Ended, HistoryEvent, region_of
from tuner.cli.commands.measure.execute import (
    ExecutionFailedError,
    bring,
    follow,
    progress_address,
    read_input,
    refuse_failure,
    summary,
)
from tuner.cli.main import show_error
from tuner.cli.output import say
from tuner.cli.progress.execution import SearchFollower
from tuner.errors import InputError, InterruptedRunError
from tuner.shell_lines import with_command

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:tuner"


def test_an_input_is_a_file_or_json(tmp_path: Path) -> None:
    path = tmp_path / "input.json"
    path.write_text('{"lambdaARN": "f"}', "utf-8")
    assert read_input(str(path)) == read_input(f"@{path}") == read_input('{"lambdaARN": "f"}') == {"lambdaARN": "f"}


@pytest.mark.parametrize("text", ["missing.json", '{"lambdaARN": "f", "num": 0}', "{", "{]"])
def test_an_input_that_cannot_be_used_is_bad_input(text: str) -> None:
    with pytest.raises(InputError):
        read_input(text)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"a":' * 5000, "INPUT: is not JSON: it has too many levels of nesting"),
        (b"\xff{}", "INPUT: - cannot be read: line 1 is not text in UTF-8"),
    ],
)
def test_what_stdin_brings_is_checked_as_well(monkeypatch: pytest.MonkeyPatch, content: bytes, told: str) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(content)))
    with pytest.raises(InputError) as info:
        read_input("-")
    assert told in info.value.message


def test_the_input_of_a_fleet_is_left_to_the_fleet() -> None:
    assert read_input('{"list": "s3://b/list.csv"}') == {"list": "s3://b/list.csv"}


def test_the_region_is_that_of_the_state_machine() -> None:
    assert region_of(ARN) == "eu-west-1"
    with pytest.raises(InputError):
        region_of("tuner")


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
        follow(interrupted(), "arn:e", SearchFollower(lambda: "", lambda _: None), quiet=True)
    assert "stop-execution --execution-arn arn:e" in raised.value.hint


def test_rounds_are_told_while_one_task_measures_them(capsys: pytest.CaptureFixture[str]) -> None:
    """And not before or after it: a grid tells its trials from the history."""
    reads = iter([told(1), told(1), told(2)])
    search = SearchFollower(lambda: "s3://bucket/progress.json", lambda _: next(reads), clock=iter([0.0, 5.0]).__next__)
    events = [HistoryEvent("TaskStateEntered", "Planner"), None, HistoryEvent("TaskStateEntered", "Round"), None]
    events += [None, None, HistoryEvent("TaskStateEntered", "Cleaner"), None]
    follow(events, "arn:e", search, quiet=False)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[:2] for line in lines] == [["Planner"], ["round", "1"], ["round", "2"], ["Cleaner"]]
    assert lines[2].endswith("about 5 s a round, usually 5 s to 15 s more")


def test_the_first_state_says_where_progress_is_told() -> None:
    outputs = [{"lambdaARN": "f"}, {"study": {"folder": "f", "progress": "s3://b/p"}}, {"study": {"folder": "f"}}]
    assert progress_address(outputs) == "s3://b/p"
    assert progress_address(outputs[:1]) == ""


def test_the_summary_of_a_fleet_tells_how_many_were_tuned() -> None:
    text = summary({"tuned": 18, "failed": 2}, {"summary": Path("out/summary.json")})
    assert "18 functions tuned, 2 failed" in text
    assert "out/summary.json" in text


def test_the_summary_tells_what_was_spent_in_the_currency_of_the_prices() -> None:
    spent = {"executionCost": 0.0005, "lambdaCost": 0.25}
    output = {"power": 512, "architecture": "arm64", "reason": "It is the cheapest.", "stateMachine": spent}
    assert "$0.250 on invocations" in summary(output, {})
    assert "CN¥0.250 on invocations" in summary({**output, "currency": "CNY"}, {})
    bill = {"handlers": 0.0002, "logs": 0.0001, "storage": 0.0003, "total": 0.2511}
    told = summary({**output, "bill": bill}, {})
    parts = "$0.000500 on states, $0.250 on invocations, about $0.000200 on handlers, $0.000100 on logs"
    assert f"{parts} and $0.000300 on requests to S3: $0.251 in all." in told


def test_the_summary_tells_the_choice_once_and_what_the_result_recommends_where_that_differs() -> None:
    spent = {"executionCost": 0.0005, "lambdaCost": 0.25}
    best = {"power": 512, "architecture": "arm64"}
    output = {**best, "reason": "512 MB arm64 is the cheapest.", "stateMachine": spent, "confidence": "medium"}
    told = summary({**output, "recommendation": best}, {})
    assert told.startswith("512 MB arm64 is the cheapest.\nMedium confidence: see the report.\nSpent: ")
    told = summary({**output, "confidence": None, "recommendation": {**best, "power": 256}}, {})
    assert "The result and its report recommend 256 MB arm64" in told


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_what_an_execution_came_to_fits_any_terminal(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "It is the cheapest of all sizes whose runs did not fail, and no other is likely to cost less."
    spent = {"executionCost": 0.0005, "lambdaCost": 0.25}
    bill = {"handlers": 0.0002, "logs": 0.0001, "storage": 0.0003, "total": 0.2511}
    output = {"power": 1024, "architecture": "arm64", "reason": reason, "stateMachine": spent, "bill": bill}
    told = summary(output, {"report": Path("tuning/tuner-20260918T041200Z-3f2a9c/report.html")})
    error = ExecutionFailedError(f"Execution {ARN} ended FAILED.\n{reason}", with_command("Then:", "tuner clean f"))
    shown = []
    for columns in (width, 1000):
        monkeypatch.setenv("COLUMNS", str(columns))
        say(told)
        show_error(error)
        shown.append("\n".join(capsys.readouterr()))
    assert faults(*shown, width) == []
    assert "1,024 MB on arm64" in shown[0]


def test_an_input_that_no_execution_takes_is_refused_with_the_way_through_s3() -> None:
    with pytest.raises(InputError, match="payloadS3"):
        read_input('{"lambdaARN": "f", "payload": "' + "x" * 262_144 + '"}')


def test_documents_of_an_execution_replace_none_of_an_earlier_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = {"result": "s3://results/orders/result.json"}
    for text in (b"first", b"second"):
        answer = {"Body": BytesIO(text)}
        client = SimpleNamespace(get_object=partial(dict, answer))
        brought = bring(Ended("SUCCEEDED", output), tmp_path, client)
        assert brought["result"].read_bytes() == text
    (place,) = (tmp_path / "earlier").iterdir()
    assert (place / "result.json").read_bytes() == b"first"
    assert sorted(path.name for path in place.iterdir()) == ["output.json", "result.json"]
    assert capsys.readouterr().err == f"The folder held an earlier run, which is kept: {place}\n"
