"""How long a search takes, in words: what rounds have taken, and what usually remains."""

from __future__ import annotations

import pytest

from tuner.cli.progress.pace import RoundPace, pace, time_span


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "0 s"), (45, "45 s"), (119, "119 s"), (200, "3 min 20 s")])
def test_long_spans_are_told_in_minutes(seconds: float, told: str) -> None:
    assert time_span(seconds) == told


@pytest.mark.parametrize("round_", [(0, 0.0), (2, 1.9)])
def test_the_first_round_and_rounds_below_a_second_tell_nothing(round_: tuple[int, float]) -> None:
    assert pace(*round_, 0.03, 0.02) == ""


def test_a_grid_tells_only_what_a_round_takes() -> None:
    assert pace(2, 18.0, None, 0.02) == "  about 9 s a round"


@pytest.mark.parametrize(
    ("regret", "usually"),
    [(0.0, "9 s to 18 s"), (0.03, "9 s to 27 s"), (0.06, "18 s to 36 s"), (float("inf"), "18 s to 36 s")],
)
def test_more_rounds_remain_the_farther_the_answer_is_from_the_tolerance(regret: float, usually: str) -> None:
    assert pace(2, 18.0, regret, 0.02) == f"  about 9 s a round, usually {usually} more"


@pytest.mark.parametrize(
    ("regret", "usually"), [(None, ""), (0.0, ", usually 33 s to 42 s more"), (0.06, ", usually 42 s to 60 s more")]
)
def test_what_usually_remains_is_never_less_than_what_is_left_of_the_round(regret: float | None, usually: str) -> None:
    assert pace(2, 18.0, regret, 0.02, 33.0) == f"  about 33 s left in this round{usually}"
    assert pace(0, 0.0, regret, 0.02, 33.0) == "  about 33 s left in this round"
    assert pace(2, 18.0, regret, 0.02, 0.5).startswith("  about 9 s a round")


def test_what_is_left_of_a_round_shrinks_while_nothing_ends() -> None:
    round_ = RoundPace()
    round_.begin(0.0, 5)
    assert round_.left_s(3.0) is None, "nothing is known in the first round"
    round_.told(10.0, 5)
    round_.begin(11.0, 20)
    assert [round_.left_s(now) for now in (11.0, 21.0, 41.0, 51.0, 60.0)] == [40.0, 30.0, 10.0, None, None]


def test_a_round_that_goes_on_is_told_by_its_own_runs() -> None:
    round_ = RoundPace()
    round_.begin(0.0, 10)
    round_.told(4.0, 1)
    assert round_.left_s(4.0) is None, "others may be about to end"
    round_.told(20.0, 4)
    assert [round_.left_s(now) for now in (20.0, 25.0)] == [20.0, 15.0]
    round_.told(30.0, 5)
    assert round_.left_s(30.0) is None
