"""`tuner report` from the command line: formats, files and what it says of a file that is no result."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reports import html
from tests.unit.reports.results import result
from tuner.cli.main import run
from tuner.documents.result import dumps

TEXT = dumps(result("grid")).encode()  # type: ignore[arg-type]
RECOMMENDED = f"{result('grid')['recommendation']['memory_mb']:,} MB on x86_64"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a result."""
    path = tmp_path_factory.mktemp("grid") / "result.json"
    path.write_bytes(TEXT)
    return str(path)


@pytest.mark.parametrize(
    ("flags", "start"),
    [
        ((), "<!doctype html>"),
        (("--format", "markdown"), "### Memory"),
        (("--format", "csv"), "memory_mb,"),
        (("--format", "svg"), "<svg "),
        (("--format", "text"), RECOMMENDED),
    ],
)
def test_every_format_goes_to_stdout(
    aws: str, flags: tuple[str, ...], start: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", aws, *flags]) == 0
    assert capsys.readouterr().out.startswith(start)


def test_the_file_is_what_render_gives(aws: str, tmp_path: Path) -> None:
    assert run(["report", aws, "--output", str(tmp_path / "a" / "report.html")]) == 0
    assert (tmp_path / "a" / "report.html").read_text("utf-8") == html.render(result("grid"))


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("report.html", "<!doctype html>"),
        ("summary.md", "### Memory"),
        ("sizes.CSV", "memory_mb,"),
        ("chart.svg", "<svg "),
        ("report.txt", RECOMMENDED),
        ("report", "<!doctype html>"),
    ],
)
def test_the_ending_of_the_file_tells_the_form(aws: str, tmp_path: Path, name: str, start: str) -> None:
    assert run(["report", aws, "--output", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_text("utf-8").startswith(start)


def test_a_form_that_is_asked_for_comes_before_the_ending(aws: str, tmp_path: Path) -> None:
    assert run(["report", aws, "--format", "csv", "--output", str(tmp_path / "sizes.txt")]) == 0
    assert (tmp_path / "sizes.txt").read_text("utf-8").startswith("memory_mb,")


def test_the_folder_of_a_run_will_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "result.json").write_bytes(TEXT)
    assert run(["report", str(tmp_path), "--format", "text"]) == 0


def test_several_results_come_together(aws: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_bytes(TEXT)
    (tmp_path / "summary.json").write_text('{"savings": []}')
    assert run(["report", str(tmp_path), aws, "--format", "csv"]) == 0, "the summary of a fleet is no result"
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert run(["report", str(tmp_path), "--format", "svg"]) == 2
    assert "svg shows one result" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b'{"schema_version": 1', "is not JSON"),
        (b"[1, 2]", "is not a result document"),
        (b'{"power": 512}', "is not a result document"),
        (b'{"schema_version": 99}', "schema_version 99"),
        (b"\xff\xfe\x00", "is not text in UTF-8"),
        (TEXT.replace(b'"seconds": 74.2', b'"seconds": NaN'), "not a finite number"),
        (TEXT.replace(b'"cold": [', b'"cold": [true, ', 1), "different lengths"),
        (TEXT.replace(b'"curve": [', b'"curve": [3, '), "$.curve[0]"),
    ],
)
def test_a_damaged_or_foreign_file_gets_one_clear_error(
    aws: str, content: bytes, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "result.json"
    file.write_bytes(content)
    assert run(["report", str(file)]) == 2
    error = capsys.readouterr().err
    assert error.count("error:") == 1
    assert told in error
    assert "Traceback" not in error


def test_a_missing_file_is_bad_input(aws: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "nowhere.json"]) == 2
    assert "nowhere.json" in capsys.readouterr().err


def test_a_file_in_the_place_of_a_folder_is_told_with_a_remedy(
    aws: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("")
    assert run(["report", aws, "--output", str(tmp_path / "README.md" / "report.html")]) == 1
    told = capsys.readouterr().err
    assert "cannot write" in told
    assert "defect" not in told


def test_a_pipe_is_written_into_and_a_link_stays_a_link(aws: str, tmp_path: Path) -> None:
    pipe, link, linked = tmp_path / "pipe", tmp_path / "link.csv", tmp_path / "linked.csv"
    os.mkfifo(pipe)
    link.symlink_to(linked)
    with ThreadPoolExecutor() as threads:
        read = threads.submit(pipe.read_text, "utf-8")
        assert run(["report", aws, "--format", "csv", "--output", str(pipe)]) == 0
        assert read.result(timeout=30).startswith("memory_mb,")
    assert pipe.is_fifo()
    assert run(["report", aws, "--format", "csv", "--output", str(link)]) == 0
    assert link.is_symlink()
    assert linked.read_text("utf-8").startswith("memory_mb,")


@pytest.mark.parametrize("name", ["report.pdf", "report.htmx", "a.b/report.docx"])
def test_an_ending_that_no_form_has_is_an_error_that_names_the_known_ones(
    aws: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    for command in (["report", aws], ["compare", aws, aws]):
        assert run([*command, "--output", str(file)]) == 2
        told = capsys.readouterr().err
        assert file.suffix in told
        assert ".html" in told
        assert ".md" in told
        assert not file.exists()
    assert run(["report", aws, "--format", "markdown", "--output", str(file)]) == 0
    assert run(["report", aws, "--output", str(tmp_path / "without")]) == 0


def test_every_form_rounds_the_ends_of_an_interval_alike(aws: str, capsys: pytest.CaptureFixture[str]) -> None:
    forms = []
    for form in ("text", "markdown", "html"):
        assert run(["report", aws, "--format", form]) == 0
        forms.append(capsys.readouterr().out)
    ends = [re.findall(r"[\d,.]+ to [\d,.]+ m?s", form) for form in forms]
    assert set(ends[0]) <= set(ends[1])
    assert set(ends[1]) <= set(ends[2])
    assert ends[0]
