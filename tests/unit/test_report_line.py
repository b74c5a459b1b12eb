"""The rules of reading REPORT, on recorded logs and on whatever may surround one."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cpu import assert_takes_at_most
from tuner.model import FunctionError, Outcome
from tuner.report_line import ReportLine, classify, last_request_id, parse_log

EVENTS = Path(__file__).parents[1] / "events" / "report"
RECORDED = sorted(path.stem for path in EVENTS.glob("*.log"))
REQUEST_ID = "8f5e2c1a-6d3b-4e7f-9a0c-5b4d3e2f1a0b"
TEXT_REPORT = (
    f"REPORT RequestId: {REQUEST_ID}\tDuration: 102.25 ms\tBilled Duration: 313 ms\tMemory Size: 128 MB\t"
    "Max Memory Used: 36 MB\tInit Duration: 210.40 ms\t"
)
JSON_REPORT = json.dumps(
    {
        "time": "2026-09-14T08:12:45.123Z",
        "type": "platform.report",
        "record": {
            "requestId": REQUEST_ID,
            "metrics": {
                "durationMs": 102.25,
                "billedDurationMs": 313,
                "memorySizeMB": 128,
                "maxMemoryUsedMB": 36,
                "initDurationMs": 210.4,
            },
            "status": "success",
        },
    }
)
TRUTH = ReportLine(REQUEST_ID, 102.25, 313, 128, 36, init_duration_ms=210.4)

anything = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
pieces = st.sampled_from(
    [
        "REPORT RequestId: ",
        REQUEST_ID,
        "REPORT RequestId: another-id\tDuration: 9 ms\tBilled Duration: 9 ms\n",
        f"START RequestId: {REQUEST_ID} Version: 1\n",
        f"END RequestId: {REQUEST_ID}\n",
        "Duration: 99 ms",
        "\t",
        "\n",
        "\r\n",
        "{",
        "}",
        '{"type":"platform.report","record":',
        f'{{"requestId":"{REQUEST_ID}","metrics":{{"durationMs":',
        '{"type":"platform.start","record":{}}',
        "INIT_REPORT Init Duration: 9 ms\tPhase: init\tStatus: timeout\n",
        TEXT_REPORT[:70],
        TEXT_REPORT[40:],
    ]
)
logs = st.lists(st.one_of(pieces, anything), max_size=12).map("".join)
report_lines = st.sampled_from([TEXT_REPORT, JSON_REPORT])


def load(name: str) -> tuple[str, dict[str, Any]]:
    log = (EVENTS / f"{name}.log").read_bytes().decode()
    return log, json.loads((EVENTS / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_log_is_read_as_noted_beside_it(name: str) -> None:
    log, expected = load(name)
    report = parse_log(log, expected["request_id"])
    if expected["report"] is None:
        assert report is None, expected["about"]
    else:
        assert report == ReportLine(expected["request_id"], **expected["report"]), expected["about"]
    error = expected["error"] and FunctionError(
        expected["error"]["type"], expected["error"]["message"], tuple(expected["error"]["stack"])
    )
    assert classify(report, error) is Outcome(expected["outcome"]), expected["about"]


def test_every_recorded_log_has_its_expectation_beside_it() -> None:
    assert len(RECORDED) >= 60
    assert sorted(path.stem for path in EVENTS.glob("*.json")) == RECORDED


@given(logs, report_lines, logs)
def test_a_report_is_found_whatever_surrounds_it(before: str, report: str, after: str) -> None:
    after = after.replace("REPORT RequestId: " + REQUEST_ID, "").replace("platform.report", "")
    assert parse_log(f"{before}\n{report}\n{after}", REQUEST_ID) == TRUTH


@given(logs)
def test_a_log_without_the_report_of_the_request_gives_none(log: str) -> None:
    log = log.replace(REQUEST_ID, "00000000-0000-4000-8000-000000000000")
    assert parse_log(log, REQUEST_ID) is None


@given(st.one_of(logs, anything, st.binary().map(lambda data: data.decode("utf-8", "replace"))))
@example('{"a":' * 5000 + REQUEST_ID)
@example("[" * 100_000 + REQUEST_ID)
@example(f'{{"type":"platform.report","record":{{"requestId":"{REQUEST_ID}","metrics":{{"durationMs":1e999}}}}}}')
@example(f'{{"type":"platform.report","record":{{"requestId":"{REQUEST_ID}","metrics":{{"durationMs":{"9" * 400}}}}}}}')
@example(
    f'{{"type":"platform.report","record":{{"requestId":"{REQUEST_ID}","metrics":{{"durationMs":{"9" * 9000}}}}}}}'
)
@example(TEXT_REPORT.replace("313", "9" * 400) + "\n")
@example(JSON_REPORT.replace('"success"', '["error"]'))
@example(JSON_REPORT.replace('"status": "success"', '"status": "error", "errorType": {"a": 1}'))
@example(JSON_REPORT.replace("102.25", "-1"))
def test_no_log_raises_and_what_is_found_is_finite(log: str) -> None:
    report = parse_log(log, REQUEST_ID)
    assert classify(report, None) in Outcome
    for value in asdict(report).values() if report else ():
        assert not isinstance(value, (int, float)) or 0 <= value < float("inf")


@given(report_lines, st.data())
def test_a_report_that_is_cut_anywhere_gives_the_true_figures_or_none(report: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(report)))
    end = data.draw(st.integers(start, len(report)))
    found = parse_log(report[start:end], REQUEST_ID)
    if found is not None:
        assert (found.duration_ms, found.billed_duration_ms) == (TRUTH.duration_ms, TRUTH.billed_duration_ms)
        assert (found.memory_size_mb, found.max_memory_used_mb) == (TRUTH.memory_size_mb, TRUTH.max_memory_used_mb)


BIG = 4 << 20
ADVERSARIAL = {
    "braces": "{" * BIG + REQUEST_ID,
    "open objects": '{"a":' * (BIG // 5) + REQUEST_ID,
    "brackets": "[" * BIG,
    "newlines": "\n" * BIG,
    "request ids": f"{REQUEST_ID}\n" * (BIG // 37),
    "near request ids": (REQUEST_ID[1:] * (BIG // 35)),
    "text anchors": f"REPORT RequestId: {REQUEST_ID}\n" * (BIG // 55),
    "text anchors in one line": f"REPORT RequestId: {REQUEST_ID}" * (BIG // 54),
    "broken reports": TEXT_REPORT.replace("ms", "m") * (BIG // len(TEXT_REPORT)),
    "fields": f"REPORT RequestId: {REQUEST_ID} " + "Billed Duration " * (BIG // 16),
    "digits": f"REPORT RequestId: {REQUEST_ID}\tDuration: " + "9" * BIG,
    "json anchors": '"platform.report"' * (BIG // 17),
    "nested json anchors": ('{"a":[' * 600 + '"platform.report"') * (BIG // 3617),
    "json digits": '{"type":"platform.report","record":{"requestId":"' + REQUEST_ID + '","metrics":' + "9" * BIG,
    "ends": "END RequestId: \n" * (BIG // 16),
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_reading_takes_at_most_50_ns_a_byte_whatever_the_log_is(name: str) -> None:
    log = ADVERSARIAL[name]
    assert parse_log(log, REQUEST_ID) is None
    assert_takes_at_most(50e-9 * len(log), lambda: (parse_log(log, REQUEST_ID), last_request_id(log)))


def test_the_request_that_ended_last_is_named() -> None:
    assert last_request_id("END RequestId: one\nfoo END RequestId: two\nEND RequestId: three\nx") == "three"
    assert last_request_id("END RequestId: one\n" + JSON_REPORT) == REQUEST_ID
    assert last_request_id("END RequestId:") == ""


def test_no_report_belongs_to_an_empty_request_id() -> None:
    assert parse_log("REPORT RequestId: \tDuration: 1 ms\tBilled Duration: 1 ms\n", "") is None


def test_what_is_billed_is_read_and_never_derived() -> None:
    log, _ = load("text_cold")
    report = parse_log(log, REQUEST_ID)
    assert report is not None
    assert report.billed_duration_ms == 490  # Duration + Init, as the platform rounded it


def test_neither_error_nor_report_is_no_report() -> None:
    assert classify(None, None) is Outcome.NO_REPORT


@pytest.mark.parametrize("message", ["signal: killed", "exit status 137"])
def test_a_killed_runtime_is_out_of_memory_and_a_functions_own_words_are_not(message: str) -> None:
    full = f"RequestId: {REQUEST_ID} Error: Runtime exited with error: {message}"
    assert classify(TRUTH, FunctionError("Runtime.ExitError", full)) is Outcome.OUT_OF_MEMORY
    assert classify(TRUTH, FunctionError("SubprocessError", f"ffmpeg: {message}")) is Outcome.ERROR


@pytest.mark.parametrize(
    ("used_mb", "error", "outcome"),
    [
        (989, FunctionError("Runtime.ExitError", "Runtime exited with error: signal: aborted"), Outcome.OUT_OF_MEMORY),
        (
            930,
            FunctionError("Runtime.ExitError", "Runtime exited with error: signal: aborted (core dumped)"),
            Outcome.OUT_OF_MEMORY,
        ),
        (500, FunctionError("Runtime.ExitError", "Runtime exited with error: signal: aborted"), Outcome.ERROR),
        (989, FunctionError("Runtime.ExitError", "Runtime exited with error: exit status 1"), Outcome.ERROR),
        (989, FunctionError("Error", "ffmpeg ended with signal: aborted"), Outcome.ERROR),
    ],
)
def test_node_that_ends_at_the_limit_of_its_heap_is_out_of_memory(
    used_mb: int, error: FunctionError, outcome: Outcome
) -> None:
    assert classify(ReportLine(REQUEST_ID, 102.25, 103, 1024, used_mb), error) is outcome
