"""The examples of docs/python.md run as they stand there, and the notebook's cells one after the other."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.fixtures import ROOT

TEXT = (ROOT / "docs" / "python.md").read_text("utf-8")
PLAIN, _, NOTEBOOK = TEXT.partition("<!-- notebook -->")


def blocks(text: str) -> list[str]:
    """The Python code of a text."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the examples."""
    shutil.copytree(ROOT / "examples" / "functions", tmp_path / "examples" / "functions")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown(cell: str, names: dict[str, Any]) -> Iterator[str]:
    """Run a cell as a notebook does, and show the value of its last line."""
    *statements, last = ast.parse(cell).body
    exec(compile(ast.Module(statements, []), "cell", "exec"), names)
    assert isinstance(last, ast.Expr)
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    yield value._repr_markdown_() if hasattr(value, "_repr_markdown_") else repr(value)


def test_the_examples_run_one_after_the_other(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for block in blocks(PLAIN):
        exec(block, names)
    said = capsys.readouterr().out
    assert re.search(r"(512|1,024|1,769) MB \w+: [\d.]+ ms", said)
    assert "power_values[0] 64 is below 128" in said
    assert (here / "report.html").exists()


def test_a_notebook_shows_a_result_and_a_comparison(here: Path) -> None:
    names: dict[str, Any] = {}
    first, second, third = (next(shown(cell, names)) for cell in blocks(NOTEBOOK))
    assert first.startswith("### Memory and architecture of")
    assert "per million" in second
    assert "lambda-tuner comparison" in third
