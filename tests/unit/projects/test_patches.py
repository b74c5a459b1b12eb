"""Each template is patched as a person would, or left alone with the reason: one golden file a case.

Run with UPDATE_GOLDEN=1 to write what is expected anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tuner.model import Architecture, Configuration
from tuner.projects.patch import ProjectPatch, Wanted, make_patch

CASES = sorted((Path(__file__).parents[2] / "golden" / "patches").glob("*.txt"))
HEADER = re.compile(r"^-- (.+) --\n", re.MULTILINE)


def sections(case: Path) -> dict[str, str]:
    """The parts of a case by their names: `wanted`, the files, and `expected`."""
    _, *parts = HEADER.split(case.read_text("utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def wanted(text: str) -> list[Wanted]:
    return [_one(*part.split()) for part in text.strip().split(";")]


def _one(*words: str) -> Wanted:
    name, memory, kind = words[-3:]
    in_files = name if words[0] == "--function" else None
    return Wanted(name, Configuration(int(memory), Architecture(kind)), named=in_files)


def write(folder: Path, parts: dict[str, str]) -> None:
    for name, text in parts.items():
        if name not in ("wanted", "expected"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text.encode())


def told(patch: ProjectPatch, folder: Path) -> str:
    lines = [patch.sources.diff(folder).rstrip("\n")]
    for function in patch.functions:
        lines += [f"left alone: {reason}" for reason in function.left_alone]
        lines += [f"note: {note}" for note in function.notes]
    return "\n".join(line for line in lines if line) + "\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_template_is_patched_as_a_person_would(case: Path, tmp_path: Path) -> None:
    parts = sections(case)
    write(tmp_path, parts)
    found = told(make_patch(tmp_path, wanted(parts["wanted"])), tmp_path)
    if os.environ.get("UPDATE_GOLDEN"):
        head, marker, _ = case.read_text("utf-8").partition("-- expected --\n")
        case.write_text(head + marker + found, "utf-8")
    else:
        assert found == parts["expected"]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    make_patch(tmp_path, wanted(parts["wanted"]))
    assert {path: path.read_bytes() for path in before} == before, "a patch is only made, not written"


@pytest.mark.parametrize(
    "case", [case for case in CASES if "+++" in case.read_text("utf-8")], ids=lambda case: case.stem
)
def test_line_ends_a_mark_and_a_missing_last_line_end_stay_as_they_are(case: Path, tmp_path: Path) -> None:
    parts = sections(case)
    plain, odd = tmp_path / "plain", tmp_path / "odd"
    write(plain, parts)
    write(odd, {name: "\ufeff" + text.rstrip("\n").replace("\n", "\r\n") for name, text in parts.items()})
    expected = make_patch(plain, wanted(parts["wanted"])).sources.changed
    found = make_patch(odd, wanted(parts["wanted"])).sources.changed
    for path, text in expected.items():
        assert found[odd / path.relative_to(plain)] == "\ufeff" + text.rstrip("\n").replace("\n", "\r\n")
