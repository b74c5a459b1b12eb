"""`tuner compare` from the command line: answers, files and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.unit.comparison.documents import result
from tuner.cli.main import run
from tuner.documents.comparison import comparison_schema
from tuner.documents.result import dumps
from tuner.documents.validation import find_faults


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results: a baseline, one like it, one slower, one measured little."""
    found = tmp_path_factory.mktemp("results")
    many = {"sizes": (512,), "environments": 50, "runs": 200, "outlier_share": 0.0}
    for name, document in {
        "baseline": result(**many),
        "same": result(seed=1, **many),
        "slower": result(0.25, seed=1, **many),
        "little": result(seed=1, sizes=(512,), environments=2, runs=4),
        "abroad": result(seed=1, region="eu-west-1", **many),
    }.items():
        (found / f"{name}.json").write_text(dumps(document))
    return found


def compare(folder: Path, candidate: str, *flags: str, baseline: str = "baseline") -> int:
    return run(["compare", str(folder / f"{baseline}.json"), str(folder / f"{candidate}.json"), *flags])


@pytest.mark.parametrize(
    ("candidate", "flags", "code"),
    [
        ("same", (), 0),
        ("same", ("--strict",), 0),
        ("slower", (), 3),
        ("slower", ("--threshold", "50%"), 0),
        ("slower", ("--metric", "memory"), 0),
        ("little", (), 0),
        ("little", ("--strict",), 4),
        ("abroad", (), 2),
        ("abroad", ("--allow-different", "region"), 0),
        ("missing", (), 2),
        ("same", ("--threshold", "none"), 2),
        ("same", ("--confidence", "20%"), 2),
        ("same", ("--metric", "weight"), 2),
        *(
            ("slower", (flag, value), 2)
            for flag in ("--threshold", "--confidence", "--drift")
            for value in ("nan%", "inf", "-1%")
        ),
    ],
)
def test_exit_codes(folder: Path, candidate: str, flags: tuple[str, ...], code: int) -> None:
    assert compare(folder, candidate, *flags) == code


def test_the_newest_result_of_a_folder_is_compared_with_those_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day, level in enumerate((0.0, 0.01, 0.5), 1):
        made = result(level, seed=day, created_at=f"2026-08-0{day}T10:00:00Z")
        (tmp_path / f"{'zyx'[day - 1]}.json").write_text(dumps(made))
    assert run(["compare", str(tmp_path)]) == 3
    (tmp_path / "x.json").unlink()
    assert run(["compare", str(tmp_path)]) == 0
    assert run(["compare", str(tmp_path / "y.json")]) == 2
    assert "CANDIDATE: is missing" in capsys.readouterr().err
    (tmp_path / "x.json").write_text(dumps(result(name="billing")))
    assert run(["compare", str(tmp_path)]) == 2
    assert "results of several functions: billing, " in capsys.readouterr().err


def test_one_run_writes_all_formats(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / f"out{suffix}" for suffix in (".json", ".md", ".XML")]
    assert compare(folder, "slower", *(part for file in files for part in ("--output", str(file)))) == 3
    assert json.loads(files[0].read_text())["verdict"] == "worse"
    assert files[1].read_text().startswith("<!--")
    assert ET.parse(files[2]).getroot().get("failures") != "0"
    assert capsys.readouterr().out.startswith("Worse:")


def test_an_answer_that_cannot_be_written_is_printed_and_the_other_files_are_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    written = tmp_path / "out.json"
    outputs = ("--output", str(tmp_path / "file" / "out.md"), "--output", str(written), "--quiet")
    assert compare(folder, "slower", *outputs) == 1
    out, err = capsys.readouterr()
    assert out.startswith("Worse:")
    assert "cannot write" in err
    assert json.loads(written.read_text())["verdict"] == "worse"


def test_json_on_stdout_is_a_document(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(folder, "same", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "same"


def test_the_baseline_is_replaced_only_by_what_is_proved_no_worse(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = tmp_path / "kept.json"

    def update(candidate: str, *flags: str) -> int:
        return run(["compare", str(baseline), str(folder / f"{candidate}.json"), "--update-baseline", *flags])

    assert update("baseline", "--strict") == 0
    first = baseline.read_text()
    assert first == (folder / "baseline.json").read_text()
    assert update("slower") == 3
    assert update("abroad") == 2
    assert update("little") == 0
    assert "left as it is: not decided" in capsys.readouterr().err
    assert update("little", "--strict") == 4
    assert baseline.read_text() == first
    assert update("same") == 0
    assert baseline.read_text() == (folder / "same.json").read_text()


def test_a_first_baseline_is_told_in_every_form(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / f"out{suffix}" for suffix in (".json", ".md", ".XML")]
    outputs = [part for file in files for part in ("--output", str(file))]
    baseline, candidate = str(tmp_path / "new.json"), str(folder / "same.json")
    assert run(["compare", baseline, candidate, "--update-baseline", *outputs]) == 0
    document = json.loads(files[0].read_text())
    assert find_faults(document, comparison_schema()) == ()
    assert [warning["code"] for warning in document["warnings"]] == ["first_baseline"]
    assert "First baseline: nothing was compared" in files[1].read_text()
    assert ET.parse(files[2]).getroot().attrib == {"tests": "1", "failures": "0", "skipped": "1", "errors": "0"}
    assert capsys.readouterr().out.startswith("First baseline")


def test_an_empty_baseline_is_not_silently_replaced(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.json").touch()
    assert run(["compare", str(tmp_path / "empty.json"), str(folder / "same.json"), "--update-baseline"]) == 2
    assert (tmp_path / "empty.json").read_text() == ""


def test_the_faults_of_both_files_come_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut.json").write_text('{"schema_version": 1, "measur')
    (tmp_path / "future.json").write_text(json.dumps(result(sizes=(512,)) | {"schema_version": 99}))
    assert compare(tmp_path, "future", baseline="cut") == 2
    told = capsys.readouterr().err
    assert "cut.json: is not JSON" in told
    assert "future.json: has schema_version 99" in told
