"""Warnings in words: a title and a message that goes on from it, without saying it again."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports.words.warnings import TITLES

ROOT = Path(__file__).parents[3]
_CODES = {"NOISY_HOST": "noisy_host", "NO_CURVE": "curve_fallback"}


def _literal(node: ast.expr, names: dict[str, ast.expr]) -> str:
    """The words of a message that stand in the source."""
    if isinstance(node, ast.Name) and node.id in names:
        return _literal(names[node.id], {})
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    return ""


def _messages() -> Iterator[tuple[str, str]]:
    """The code of each notice of the sources, with the words of its message."""
    for path in sorted((ROOT / "tuner").rglob("*.py")):
        if "comparison" in path.parts:  # its notices stand without a title
            continue
        text = path.read_text(encoding="utf-8")
        if "Notice(" not in text:  # most have none, and to parse them takes a second
            continue
        tree = ast.parse(text)
        names: dict[str, ast.expr] = {}
        nodes = sorted((n for n in ast.walk(tree) if hasattr(n, "lineno")), key=lambda n: (n.lineno, n.col_offset))
        for node in nodes:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                names[node.targets[0].id] = node.value
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Notice" and len(node.args) == 2):
                continue
            code = _CODES.get(getattr(node.args[0], "id", "")) or _literal(node.args[0], {})
            if code in TITLES and (message := _literal(node.args[1], names)):
                yield code, message


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z]+", text.lower()) if len(word) > 3}


@pytest.mark.parametrize(("code", "message"), list(_messages()))
def test_no_message_says_its_title_again(code: str, message: str) -> None:
    title = _words(TITLES[code])
    again = title & _words(re.split(r"[.:]( |$)", message)[0])
    assert len(again) * 2 <= len(title), f"{TITLES[code]}: {message}"
