"""What a terminal shows of a run: whole words, nothing wider than the terminal, the best as the result tells it."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.studies import SIZES, function_of, measured, study_of
from tuner.cli.progress.tuning import Progress
from tuner.cli.progress.tuning_lines import LEVELS, PlottedCurve, confidence_line, curve_lines, standing_of
from tuner.search.grid import GridSampler
from tuner.search.loop import run
from tuner.search.recommendation import recommend
from tuner.simulated.backend import SimulatedBackend

WIDTHS = (60, 80, 100, 160)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken(width: int) -> None:
    progress = Progress(quiet=False, clock=lambda: 0.0)
    study = study_of(SIZES, GridSampler(4))
    run(study, SimulatedBackend(function_of()), stop=threading.Event(), clock=lambda: 0.0)
    progress.asked(study, study.rounds[0].trials)
    told, whole = (" ".join(progress.lines(columns)) for columns in (width, 1000))
    assert max(map(len, progress.lines(width))) <= width
    assert "…" not in told, "nothing is left out"
    blocks = str.maketrans("", "", LEVELS + "░")
    assert told.translate(blocks).split() == whole.translate(blocks).split()


def test_the_best_so_far_is_what_would_be_recommended() -> None:
    study = measured(study_of(SIZES, GridSampler(6)))
    belief = study.belief()
    expected = recommend(belief, study.objective, study.prices)
    standing = standing_of(study)
    assert standing.best == expected.configuration
    assert standing.duration_ms == pytest.approx(belief.duration_ms[:, expected.index].mean())


def test_nothing_is_best_before_anything_was_usable() -> None:
    assert standing_of(study_of()).best is None


@pytest.mark.parametrize("width", [0, 1, 8, 9])
def test_a_curve_is_drawn_on_a_terminal_of_any_width(width: int) -> None:
    lines = curve_lines(PlottedCurve((128, 512, 2048), (1.0, 2.0, 8.0), (9.0, 3.0, 1.0)), width)
    assert len(lines[0].split()[1]) == 2, "both ends at least"


def test_a_curve_shows_where_it_is_high_and_low_and_between_which_sizes() -> None:
    cost, duration, sizes = curve_lines(PlottedCurve((128, 512, 2048), (1.0, 2.0, 8.0), (9.0, 3.0, 1.0)), 80)
    assert cost.split()[1][0] == duration.split()[1][-1] == LEVELS[0]
    assert cost.split()[1][-1] == duration.split()[1][0] == LEVELS[-1]
    assert "128 MB" in sizes
    assert "2,048 MB" in sizes


@given(st.floats(1e-6, 1), st.floats(0.001, 0.5), st.sampled_from(WIDTHS))
def test_the_bar_is_full_when_the_search_may_stop(regret: float, tolerance: float, width: int) -> None:
    line = confidence_line(regret, tolerance, width)
    assert len(line) <= max(width, 75)
    if "░" not in line and "█" in line:
        assert tolerance >= regret
