"""The record of a run: every round and sample at once, a cut last line dropped, damage told."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.full_disk import file_size_limit
from tests.unit.studies import SIZES, function_of, ran, sample_of, study_of
from tuner.api.records.run_folder import (
    FILES,
    SAMPLES_FILE,
    FolderLock,
    Recorder,
    has_record,
    read_record,
    read_record_to_resume,
)
from tuner.errors import InputError, TunerError
from tuner.model import FunctionError, Invocation, Outcome, StopReason
from tuner.search.grid import GridSampler
from tuner.search.loop import run
from tuner.search.study import Study
from tuner.simulated.backend import SimulatedBackend
from tuner.simulated.noise import SimulatedNoise

HEADER = {"input": {"lambdaARN": "f", "num": 4}, "target": "f"}


def record(folder: Path, study: Study) -> None:
    """Run a study on a simulated function and record it."""
    recorder = Recorder(folder, HEADER)
    backend = SimulatedBackend(function_of(SimulatedNoise()))
    run(study, backend, stop=threading.Event(), clock=lambda: 0.0, observers=[recorder])
    recorder.close()


def test_a_record_holds_what_was_asked_and_what_was_measured(tmp_path: Path) -> None:
    study = study_of(SIZES, GridSampler(4))
    record(tmp_path / "new" / "folder", study)
    found = read_record(tmp_path / "new" / "folder")
    assert found.samples == study.samples
    assert found.rounds == tuple(study.rounds[:1])
    assert found.header["input"] == HEADER["input"]


def test_every_line_is_on_disk_when_its_sample_is_told(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, HEADER)
    study = study_of()
    for count in range(1, 4):
        recorder.told(study, sample_of(128, [ran(5)], trial=count))
        assert len(read_record(tmp_path).samples) == count
    recorder.close()


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_last_line_that_was_cut_off_is_dropped_and_written_over(tmp_path: Path, cut: int) -> None:
    record(tmp_path, study_of(SIZES, GridSampler(4)))
    path = tmp_path / SAMPLES_FILE
    path.write_bytes(path.read_bytes()[:-cut])
    found = read_record(tmp_path)
    assert len(found.samples) == len(SIZES) - 1
    resumed = study_of(SIZES, GridSampler(4))
    resumed.replay(found.samples, found.rounds)
    recorder = Recorder(tmp_path, HEADER, found)
    backend = SimulatedBackend(function_of(SimulatedNoise()))
    run(resumed, backend, stop=threading.Event(), clock=lambda: 0.0, observers=[recorder])
    recorder.close()
    assert read_record(tmp_path).samples == resumed.samples
    assert resumed.spent.invocations == 4 * len(SIZES)
    assert resumed.stopped_by is StopReason.COMPLETE


def test_an_error_with_any_text_is_recorded(tmp_path: Path) -> None:
    error = FunctionError("E", "line\u2028separator \ud83d\x00\r\n", ("at ünïcode",))
    sample = sample_of(128, [Invocation(Outcome.ERROR, "a", 5.0, 6, error=error)])
    recorder = Recorder(tmp_path, HEADER)
    recorder.told(study_of(), sample)
    recorder.close()
    assert read_record(tmp_path).samples == (sample,)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '"text"',
        "{}",
        '{"kind": "sample"}',
        '{"kind": "sample", "trial_id": 0, "memory_mb": 5, "architecture": "x86_64", "invocations": []}',
        '{"kind": "round", "trials": 3}',
        "\udcff",
    ],
)
def test_a_damaged_line_is_bad_input_and_is_named(tmp_path: Path, line: str) -> None:
    record(tmp_path, study_of((128,), GridSampler(2)))
    path = tmp_path / SAMPLES_FILE
    lines = path.read_text("utf-8").splitlines()
    lines.insert(1, line)
    path.write_text("\n".join(lines) + "\n", "utf-8", errors="surrogateescape")
    with pytest.raises(InputError, match="line 2 is damaged") as caught:
        read_record(tmp_path)
    assert caught.value.faults[0].path == "--resume"
    assert caught.value.faults[0].remedy


@pytest.mark.parametrize("content", ["", "\n", '{"kind": "header", "version": 99}\n', '{"kind": "header"}'])
def test_a_record_without_its_header_is_bad_input(tmp_path: Path, content: str) -> None:
    (tmp_path / SAMPLES_FILE).write_text(content, "utf-8")
    with pytest.raises(InputError, match=r"--resume.*(header|damaged)"):
        read_record(tmp_path)


def test_a_folder_without_a_record_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_record(tmp_path / "nowhere")


def test_a_folder_that_cannot_be_written_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TunerError, match="cannot write") as caught:
        Recorder(tmp_path / "file" / "folder", HEADER)
    assert "--output" in caught.value.hint


def test_a_folder_that_the_system_refuses_is_told_with_a_remedy() -> None:
    folder = Path("x" * 300)
    told = "cannot write .*File name too long"
    with FolderLock(folder) as lock:
        lock.acquire()
    with pytest.raises(TunerError, match=told) as info:
        Recorder(folder, {})
    assert info.value.hint == "Give another folder with --output."


def test_a_full_disk_is_told_and_leaves_a_record_that_can_be_resumed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, HEADER)
    recorder.told(study_of(), sample_of(128, [ran(5)]))
    size = (tmp_path / SAMPLES_FILE).stat().st_size
    with file_size_limit(size + 20), pytest.raises(TunerError, match="cannot write"):
        recorder.told(study_of(), sample_of(256, [ran(5)] * 20, trial=1))
    found = read_record(tmp_path)
    assert [sample.configuration.memory_mb for sample in found.samples] == [128]
    assert found.length == size
    recorder.close()


@pytest.mark.parametrize(("text", "whole"), [('{"kind": "header"}\n', True), ('{"kind": "hea', False), ("", False)])
def test_a_record_is_one_to_go_on_from_when_its_first_line_is_whole(tmp_path: Path, text: str, *, whole: bool) -> None:
    assert not has_record(tmp_path)
    (tmp_path / SAMPLES_FILE).write_text(text)
    assert has_record(tmp_path) == whole


def test_the_record_is_lines_of_json(tmp_path: Path) -> None:
    record(tmp_path, study_of((128,), GridSampler(2)))
    kinds = [json.loads(line)["kind"] for line in (tmp_path / SAMPLES_FILE).read_text("utf-8").splitlines()]
    assert kinds == ["header", "round", "sample"]


def test_a_new_run_in_an_old_folder_keeps_all_that_the_old_one_left(tmp_path: Path) -> None:
    places = []
    for _ in range(2):
        record(tmp_path, study_of(SIZES, GridSampler(4)))
        for name in ("result.json", "report.html", "notes.txt"):
            (tmp_path / name).write_text(name)
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
        recorder = Recorder(tmp_path, HEADER)
        recorder.close()
        assert recorder.set_aside is not None
        places.append(recorder.set_aside)
        kept = {path.name: path.read_bytes() for path in recorder.set_aside.iterdir()}
        assert kept == {name: before[name] for name in FILES}
        assert read_record_to_resume(recorder.set_aside).samples
    assert len(set(places)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["earlier", "notes.txt", SAMPLES_FILE]
    assert read_record(tmp_path).samples == ()


def test_a_record_whose_header_lacks_the_input_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / SAMPLES_FILE).write_text('{"kind": "header", "version": 1}\n')
    with pytest.raises(InputError, match="has no header"):
        read_record(tmp_path)


def lines_of(folder: Path, *documents: dict[str, Any]) -> Path:
    """A record of these lines, after its header."""
    header = {"kind": "header", "version": 1, **HEADER}
    (folder / SAMPLES_FILE).write_text("".join(json.dumps(line) + "\n" for line in (header, *documents)))
    return folder


TRIAL = {"id": 0, "memory_mb": 128, "architecture": "x86_64", "environments": 1, "runs_per_environment": 2}
ASKED = {"kind": "round", "trials": [{**TRIAL, "fresh": False}], "expected_regret": None}
MEASURED = {
    "kind": "sample",
    "trial_id": 0,
    "memory_mb": 128,
    "architecture": "x86_64",
    "invocations": [{"outcome": "ok", "request_id": "a", "duration_ms": 5.0}],
}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ([ASKED, MEASURED, MEASURED], "line 4 is damaged: it repeats invocations of trial 0"),
        ([ASKED, {**MEASURED, "invocations": [{"outcome": "ok"}] * 3}], "line 3 is damaged: it repeats"),
        ([MEASURED], "line 2 is damaged: no round asks for trial 0 at 128 MB x86_64"),
        ([ASKED, {**MEASURED, "memory_mb": 256}], "line 3 is damaged: no round asks for trial 0 at 256 MB"),
        ([ASKED, ASKED], "line 3 is damaged: it asks for trial 0 again"),
        ([ASKED, {**MEASURED, "invocations": [{"outcome": "ok", "duration_ms": -1}]}], "duration_ms -1 is not within"),
        ([ASKED, {**MEASURED, "trial_id": 10**400}], "line 3 is damaged: .* is too large a number"),
        ([ASKED, {**MEASURED, "memory_mb": True}], "memory_mb True is not of type int"),
        ([{**ASKED, "expected_regret": -0.5}], "expected_regret -0.5 is not within"),
        ([{"kind": "header", "version": 1, **HEADER, "code_sha256": "new"}], "line 2 is damaged: its code_sha256"),
        ([{"kind": "other"}], "line 2 is damaged: 'other' is no kind of line"),
    ],
)
def test_a_record_that_contradicts_itself_is_not_resumed(
    damage: list[dict[str, Any]], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_record_to_resume(lines_of(tmp_path, *damage))
    assert str(tmp_path / SAMPLES_FILE) in caught.value.message
    assert "delete that line" in caught.value.message


def test_a_record_of_a_run_can_be_resumed(tmp_path: Path) -> None:
    record(tmp_path, study_of(SIZES, GridSampler(4)))
    assert read_record_to_resume(tmp_path) == read_record(tmp_path)
