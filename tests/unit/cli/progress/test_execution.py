"""How far an execution is: from its history, and from the document that its Planner writes."""

from __future__ import annotations

import json

from tuner.aws.api.executions import HistoryEvent
from tuner.cli.progress.execution import HistoryProgress, SearchFollower, round_line
from tuner.errors import BackendError


def told(number: int, *, sizes: int = 1, regret: float | None = 0.034) -> bytes:
    """A document as the Planner writes it."""
    names = [f"{128 * n:,} MB arm64" for n in range(1, sizes + 1)]
    found = {"round": number, "sizes": names, "invocations": 1_204, "cost": 0.25, "currency": "USD", "tolerance": 0.02}
    return json.dumps({**found, "expected_regret": regret}).encode()


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


def test_a_round_tells_what_was_spent_what_it_measures_and_how_near_the_answer_is() -> None:
    assert round_line(json.loads(told(3))) == (
        "round 3  1,204 runs  $0.250000  measuring 128 MB arm64  expected 3.4% from the best"
    )


def test_the_first_round_knows_no_answer_and_a_wide_one_names_its_first_sizes() -> None:
    line = round_line(json.loads(told(1, sizes=9, regret=None)))
    assert line.endswith("768 MB arm64 and 3 more")


def test_each_round_is_told_once_with_the_pace_of_those_before() -> None:
    documents = iter([None, told(2), told(2), told(5)])
    clock = iter([10.0, 40.0])
    search = SearchFollower(lambda: "s3://b/progress.json", lambda _: next(documents), clock.__next__)
    lines = [search.line() for _ in range(4)]
    assert [bool(line) for line in lines] == [False, True, False, True]
    assert "a round" not in lines[1]
    assert lines[3].endswith("about 10 s a round, usually 10 s to 30 s more")


def test_an_address_that_is_not_known_yet_is_asked_again() -> None:
    addresses = iter(["", "s3://b/progress.json"])
    search = SearchFollower(lambda: next(addresses), lambda _: told(1))
    assert [bool(search.line()) for _ in range(3)] == [False, True, False]


def test_who_may_not_read_it_is_told_once_and_follows_the_history_alone() -> None:
    def refused(_: str) -> bytes:
        raise BackendError("access denied")

    search = SearchFollower(lambda: "s3://b/progress.json", refused)
    assert "access denied" in search.line()
    assert search.line() == ""
