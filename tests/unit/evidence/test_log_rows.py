"""Every report of a log is read once, whatever exported it."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.evidence.logs import (
    BEGIN_S,
    Run,
    csv_of_console,
    csv_of_json,
    csv_of_text,
    events,
    filtered,
    json_lines,
    plain,
    queried,
    sam,
    subscription,
    subscriptions,
    tailed,
)
from tuner.evidence.logs.exported_logs import decoded
from tuner.evidence.logs.log_rows import read_log, seconds_of
from tuner.report_line import parse_log

RUNS = [
    Run("a", 100.25, 10.0, init_ms=210.4),
    Run("b", 12.5, 20.5),
    Run("c", 3000.0, 30.0, stream="2026/11/02/[7]b2", status="timeout"),
]


@pytest.mark.parametrize("export", [plain, tailed, sam, json_lines, filtered, queried])
def test_every_form_tells_the_same_reports(export: Callable[[list[Run]], str]) -> None:
    found = read_log(export(RUNS))
    assert [row.report.request_id for row in found.rows] == ["a", "b", "c"]
    assert [row.report.duration_ms for row in found.rows] == [100.25, 12.5, 3000.0]
    assert [row.report.init_duration_ms for row in found.rows] == [210.4, None, None]
    assert [row.report.status for row in found.rows] == [None, None, "timeout"]
    assert (found.duplicates, found.unread) == (0, 0)


@pytest.mark.parametrize("export", [tailed, sam, filtered, queried])
def test_time_stream_and_version_are_told_where_the_export_has_them(export: Callable[[list[Run]], str]) -> None:
    rows = read_log(export(RUNS)).rows
    assert [row.ended_s for row in rows] == pytest.approx([BEGIN_S + run.after_s for run in RUNS])
    assert rows[0].started_s == pytest.approx(BEGIN_S + 10 - 0.10025)
    assert [row.stream for row in rows] == [run.stream for run in RUNS]
    assert [row.version for row in rows] == ["$LATEST", "$LATEST", "7"]


@pytest.mark.parametrize("export", [events, subscription, subscriptions, csv_of_text, csv_of_json, csv_of_console])
def test_every_export_around_messages_tells_their_reports_and_times(export: Callable[[list[Run]], str]) -> None:
    found = read_log(export(RUNS))
    assert [row.report.duration_ms for row in found.rows] == [100.25, 12.5, 3000.0]
    assert [row.ended_s for row in found.rows] == pytest.approx([BEGIN_S + run.after_s for run in RUNS])
    assert (found.duplicates, found.unread) == (0, 0)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("packed", [gzip.compress, bytes])
def test_no_encoding_of_a_file_changes_what_it_tells(
    newline: str, encoding: str, packed: Callable[[bytes], bytes]
) -> None:
    content = packed(plain(RUNS).replace("\n", newline).encode(encoding))
    assert read_log(decoded(content)) == read_log(plain(RUNS))


def test_a_damaged_compressed_file_is_told() -> None:
    for damaged in (gzip.compress(b"text" * 99)[:-9], b"\x1f\x8bnothing"):
        with pytest.raises(ValueError, match="damaged or incomplete"):
            decoded(damaged)


def test_a_table_with_a_field_longer_than_any_event_is_read_by_lines() -> None:
    assert len(read_log(f'@timestamp,@message\n"{"x" * 1_100_000}"\n{plain(RUNS)}').rows) == 3


@given(st.binary())
def test_no_file_raises_anything_but_that_it_is_damaged(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        read_log(decoded(content))


@given(st.text())
def test_no_table_makes_it_raise(text: str) -> None:
    read_log(f"@timestamp,@message\n{text}")
    read_log(f'{{"message": {text}')


def test_a_json_event_tells_its_own_time() -> None:
    assert read_log(json_lines(RUNS)).rows[1].ended_s == pytest.approx(BEGIN_S + 20.5)


def test_a_report_that_is_there_twice_counts_once() -> None:
    found = read_log(tailed([*RUNS, RUNS[1]]))
    assert len(found.rows) == 3
    assert found.duplicates == 1


def test_a_retry_of_the_same_request_is_another_run() -> None:
    assert len(read_log(tailed([Run("a", 10.0, 0.0), Run("a", 11.0, 60.0)])).rows) == 2


def test_rows_come_in_the_order_of_time() -> None:
    assert [row.report.request_id for row in read_log(tailed(RUNS[::-1])).rows] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no report",
        "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout",
        "{}",
        "[]",
        "null",
        '{"events": 3}',
    ],
)
def test_text_without_a_report_gives_no_rows(text: str) -> None:
    assert read_log(text).rows == ()


def test_a_report_that_cannot_be_read_is_counted() -> None:
    assert read_log("REPORT RequestId: a\tDuration: long ms").unread == 1


@pytest.mark.parametrize(
    "run",
    [
        Run("a", memory_mb=64),
        Run("a", memory_mb=10**9),
        Run("a", ms=1e12),
        Run("a", init_ms=1e12),
    ],
    ids=["too small", "too large", "too long", "init too long"],
)
@pytest.mark.parametrize("export", [plain, json_lines])
def test_a_report_that_no_run_of_lambda_writes_is_counted(run: Run, export: Callable[[list[Run]], str]) -> None:
    found = read_log(export([run, Run("b")]))
    assert [row.report.request_id for row in found.rows] == ["b"]
    assert found.unread == 1


def test_a_line_without_end_before_a_report_takes_no_longer_than_its_length() -> None:
    (row,) = read_log("x" * 2_000_000 + "[" * 200_000 + Run("a").text()).rows
    assert row.report.request_id == "a"


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    read_log(text)
    read_log(f"REPORT RequestId: {text}")
    read_log(f'{{"type": "platform.report", {text}')


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("2026-11-02T00:00:01Z", BEGIN_S + 1),
        ("2026-11-02T01:00:01+01:00", BEGIN_S + 1),
        ("2026-11-02 00:00:01.500", BEGIN_S + 1.5),
        (round(1000 * BEGIN_S), BEGIN_S),
        (str(round(1000 * BEGIN_S)), BEGIN_S),
        ("yesterday", None),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-10:00", None),
        (-1, None),
        (None, None),
        (True, None),
    ],
)
def test_times_are_read_in_the_forms_that_tools_write(time: object, seconds: float | None) -> None:
    assert seconds_of(time) == seconds


@pytest.mark.parametrize("init_ms", [None, 123.45])
@pytest.mark.parametrize("end", ["", "\t", "\t\n"])
def test_a_usual_line_is_read_as_any_other(init_ms: float | None, end: str) -> None:
    line = Run("r-1", 12.5, init_ms=init_ms).text().rstrip("\t") + end
    (row,) = read_log(line).rows
    assert row.report == parse_log(f"{line}\n", "r-1")
