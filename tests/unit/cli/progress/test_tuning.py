"""Progress says how far a run is, keeps what went wrong, and never ends a run."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.studies import QUIET, SIZES, function_of, study_of
from tuner.api.result_store import load_result
from tuner.api.tuning import tune
from tuner.cli.progress.fleet import FleetProgress
from tuner.cli.progress.live_view import LINE_EVERY_S
from tuner.cli.progress.tuning import Progress
from tuner.model import Budget, Invocation, Outcome, Sample, SamplerName
from tuner.search.grid import GridSampler
from tuner.search.loop import run
from tuner.settings import MemorySizes, Settings
from tuner.simulated.backend import SimulatedBackend
from tuner.simulated.noise import SimulatedFaults


def watch(progress: Progress, *, budget: Budget | None = None) -> None:
    """A grid of 16 runs whose smallest size is too small."""
    backend = SimulatedBackend(function_of(QUIET, SimulatedFaults(out_of_memory_below_mb=200)))
    study = study_of(SIZES, GridSampler(4), budget=budget)
    with progress:
        run(study, backend, stop=threading.Event(), clock=lambda: 0.0, observers=[progress])
    assert study.spent.invocations == 16


def ticking(step_s: float) -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += step_s


def test_a_grid_tells_of_how_many_runs_it_has_made(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = ticking(LINE_EVERY_S)
    watch(Progress(quiet=False, clock=lambda: next(seconds)))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("round 1  0/16 runs")
    assert any("8/16 runs" in line and "waiting for" in line for line in lines)
    assert any("128 MB" in line and "out of memory" in line for line in lines)


def test_a_quick_run_says_a_line_a_round_and_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    watch(Progress(quiet=False, clock=lambda: 0.0))
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_later_rounds_tell_how_long_one_has_taken(capsys: pytest.CaptureFixture[str]) -> None:
    study, now = study_of(SIZES, GridSampler(4)), [0.0]
    progress = Progress(quiet=False, clock=lambda: now[0])
    progress.asked(study, [])
    now[0] = 9.0
    progress.asked(study, [])
    first, second = capsys.readouterr().err.splitlines()
    assert "a round" not in first
    assert second.endswith("  about 9 s a round")


def test_what_is_left_of_a_round_stands_in_the_place_of_the_mean_of_earlier_ones() -> None:
    study, now = study_of(SIZES, GridSampler(4)), [0.0]
    progress = Progress(quiet=True, clock=lambda: now[0])
    trials = study.ask()
    (trial, *_) = trials
    sample = Sample(trial.id, trial.configuration, (Invocation(Outcome.OK),))
    progress.asked(study, [trial])
    now[0] = 3.0
    progress.told(study, sample)
    progress.asked(study, trials)
    (first, *_) = progress.lines(120)
    assert "left in this round" in first
    assert "a round" not in first
    now[0] = 1000.0
    (first, *_) = progress.lines(120)
    assert "left in this round" not in first
    assert "about 3 s a round" in first


def test_a_trial_is_waited_for_until_all_its_runs_are_made() -> None:
    study = study_of(SIZES, GridSampler(4))
    (trial, *_) = trials = study.ask()
    one_run = Invocation(Outcome.OK)
    progress = Progress(quiet=True, clock=lambda: 0.0)
    progress.asked(study, trials)
    waited = []
    for _ in range(trial.invocations):
        progress.told(study, Sample(trial.id, trial.configuration, (one_run,)))
        waited.append(str(trial.configuration) in progress.heartbeat())
    assert waited == [True, True, True, False]


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    watch(Progress(quiet=True))
    assert capsys.readouterr().err == ""


class Closed(io.StringIO):
    """A stream that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_run_goes_on_when_nobody_reads_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Closed())
    watch(Progress(quiet=False))


def everything_from(terminal: int) -> str:
    """What a closed terminal was written: it hands that out piece by piece, then fails (Linux) or is empty (macOS)."""
    pieces = []
    with os.fdopen(terminal, "rb", buffering=0) as stream, contextlib.suppress(OSError):
        while piece := stream.read(4096):
            pieces.append(piece)
    return b"".join(pieces).decode()


def test_what_went_wrong_stays_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "120")
        watch(Progress(quiet=False))
        monkeypatch.undo()
    shown = everything_from(master)
    failures = shown.index("4 of 4 runs: out of memory")
    assert "\r\n" in shown[failures : failures + 200], "the next line does not take its place"


def test_a_fleet_tells_what_is_done_what_failed_and_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with FleetProgress(3, quiet=False, clock=lambda: 0.0) as progress:
        for name in ("orders", "billing"):
            progress.began(name)
        progress.ended("billing", None, "No configuration can be recommended.")
        head, running = progress.lines(60)
    assert head.startswith("1 of 3 functions, 1 failed  $0.000000")
    assert running == "  orders: reading the function"
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "0 of 3 functions  $0.000000  orders: begins"
    assert told[-1].endswith("billing: No configuration can be recommended.")


def test_a_run_in_the_folder_of_an_earlier_one_says_in_one_line_where_that_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings("simulated", memory=MemorySizes(listed=(128, 512)), sampler=SamplerName.GRID, runs=2)
    for _ in range(2):
        with Progress(quiet=False) as progress:
            tune(settings, backend=SimulatedBackend(function_of()), output=tmp_path, observers=[progress])
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "earlier" in line)
    (place,) = (tmp_path / "earlier").iterdir()
    assert line == f"The folder held an earlier run, which is kept: {place}"
    assert load_result(place).measurements
