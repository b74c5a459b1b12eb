"""`tuner workflow` prints the answer, and ends a definition that cannot be read in one message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.workflows.examples import DEFINITION, write_figures, write_results
from tuner.cli.main import run


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments that are enough."""
    folder = tmp_path_factory.mktemp("workflow")
    results = write_results(folder / "results")
    return [str(DEFINITION), "--results", str(results), "--figures", str(write_figures(folder))]


def test_the_answer_is_one_sentence_and_a_table(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["workflow", *given, "--deadline", "4s"]) == 0
    printed = capsys.readouterr().out
    assert "per million executions keeps 4,000 ms: p95 is at most" in printed
    assert "checkout-price" in printed


def test_a_plan_in_the_folder_of_an_earlier_one_says_where_that_is(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["workflow", *given, "--deadline", "4s", "--output", str(tmp_path)]
    assert run(where) == 0
    assert capsys.readouterr().err == ""
    assert run(where) == 0
    (place,) = (tmp_path / "earlier").iterdir()
    assert capsys.readouterr().err == f"The folder held an earlier run, which is kept: {place}\n"
    assert run([*where, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_the_answer_is_json_for_scripts(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["workflow", *given, "--budget-per-million", "60", "--percentile", "mean", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["exact"] is True


def test_the_answer_is_a_table_in_markdown(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["workflow", *given, "--deadline", "1ms", "--format", "markdown"]) == 0
    printed = capsys.readouterr().out
    assert "**No sizes keep 1.00 ms (p95)." in printed
    assert "| function | now |" in printed


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "--deadline"),
        (["--deadline", "3s", "--budget-per-million", "4"], "--deadline"),
        (["--deadline", "soon"], "'soon' is no time"),
        (["--deadline", "3"], "'3' has no unit (write 3s for seconds, 3ms for milliseconds)"),
        (["--deadline", "3s", "--duration", "Wait=1.5"], "'1.5' has no unit"),
        (["--deadline", "3s", "--percentile", "high"], "is no percentile"),
        (["--deadline", "3s", "--items", "Items"], "has no ="),
        (["--deadline", "3s", "--chance", "Express=1"], "names no state"),
        (["--deadline", "0s"], "--deadline: 0 is not a finite number above 0"),
        (["--deadline", "3s", "--failures", "Courier=high"], "high is not a percentage"),
        (["--deadline", "3s", "--failures", "Courier=0.5"], "0.5 can mean 0.5% or 50%"),
        (["--deadline", "3s", "--items", "Itmes=3"], "did you mean Items?"),
        (["--deadline", "3s", "--items", "Items=2.5"], "--items: Items: '2.5' is not a number of items"),
        (["--deadline", "3s", "--seed", "-1"], "--seed"),
        (
            ["--deadline", "3s", "--resume", "absent"],
            "--resume: goes on with what --tune began, and there is no --tune",
        ),
        (["--deadline", "3s", "--tune", "--resume", "absent"], "--resume: absent holds no run of --tune"),
        (
            ["--deadline", "3s", "--tune", "--resume", "a", "--output", "b"],
            "--output: a resumed run goes on in its own",
        ),
    ],
)
def test_bad_flags_are_told(given: list[str], capsys: pytest.CaptureFixture[str], flags: list[str], words: str) -> None:
    assert run(["workflow", *given, *flags]) == 2
    assert words in capsys.readouterr().err


def test_faults_of_all_that_is_given_are_told_at_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    definition = tmp_path / "broken.asl.json"
    definition.write_text(json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": "yes"}}}), "utf-8")
    flags = ["--deadline", "3", "--percentile", "high", "--failures", "A=much", "--items", "B=x"]
    assert run(["workflow", str(definition), "--results", str(tmp_path / "none"), *flags]) == 2
    printed = capsys.readouterr().err
    for words in ("A.End", "none is not there", "'3' has no unit", "'high' is no percentile", "much is not", "B: 'x'"):
        assert words in printed


def test_a_loop_ends_in_one_message_that_says_what_to_give(
    given: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}
    loop = tmp_path / "loop.asl.json"
    loop.write_text(json.dumps({"StartAt": "A", "States": states}), "utf-8")
    assert run(["workflow", str(loop), *given[1:], "--deadline", "3s"]) == 2
    printed = capsys.readouterr().err
    assert "is a loop" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"region": 3, "configurations": {}}', '{"configurations": []}'])
def test_a_damaged_undo_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str) -> None:
    file = tmp_path / "undo.json"
    file.write_text(text, "utf-8")
    assert run(["workflow", "--undo", str(file)]) == 2
    assert f"--undo: {file} is not" in capsys.readouterr().err


def test_a_figure_that_has_no_name_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["workflow", "a.json", "--deadline", "3s", "--items", "q", "--duration", "d", "--chance", "c"]) == 2
    told = capsys.readouterr().err
    assert [told.count(f"{flag}: ") for flag in ("--items", "--duration", "--chance")] == [1, 1, 1]
