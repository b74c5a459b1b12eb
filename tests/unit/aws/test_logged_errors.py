"""An error that Python's runtime logs without a request id belongs to the run between whose lines it stands."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.measuring.long_lanes import with_error
from tuner.aws.api.logs import LogLookup
from tuner.model import Invocation, Outcome

GROUP = "/aws/lambda/report"
RAISED = "[ERROR] ValueError: no\ngood\rTraceback (most recent call last):\r  File app.py"


class Stream:
    """Log events as FilterLogEvents gives them: time, stream, message."""

    def __init__(self, *events: tuple[int, str, str]) -> None:
        self.events = events

    def filter_log_events(self, *, filterPattern: str, **names: Any) -> dict[str, Any]:  # noqa: N803  AWS's name
        wanted = names.get("logStreamNames")
        found = [
            {"timestamp": time, "logStreamName": stream, "message": message}
            for time, stream, message in self.events
            if filterPattern.strip('"') in message and (wanted is None or stream in wanted)
        ]
        return {"events": found}


def errors_of(request: str, *events: tuple[int, str, str]) -> str:
    return LogLookup(Stream(*events)).errors(GROUP, request, 0)


RUNS = ((1, "a", "START RequestId: one"), (5, "a", "REPORT RequestId: one"), (6, "a", "START RequestId: two"),
        (9, "a", "REPORT RequestId: two"))  # fmt: skip


@pytest.mark.parametrize(("at", "stream", "found"), [(3, "a", True), (7, "a", False), (3, "b", False)])
def test_an_error_between_the_lines_of_a_run_is_its_own(at: int, stream: str, found: bool) -> None:
    assert bool(errors_of("one", *RUNS, (at, stream, RAISED))) is found


def test_a_run_that_left_no_line_has_no_error() -> None:
    assert errors_of("three", *RUNS, (3, "a", RAISED)) == ""


@pytest.mark.parametrize(
    ("log", "outcome"),
    [
        (RAISED, Outcome.ERROR),
        ("[ERROR] KeyError\rTraceback (most recent call last):", Outcome.ERROR),
        ("[ERROR] printed by the handler", Outcome.OK),
        ("[ERROR]\t2026-09-18T04:12:00Z\tone\tlogged by the handler", Outcome.OK),
    ],
)
def test_what_the_handler_printed_is_no_error_of_the_runtime(log: str, outcome: Outcome) -> None:
    assert with_error(Invocation(Outcome.OK, duration_ms=1.0), log).outcome is outcome
