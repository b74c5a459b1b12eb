"""A loop of Python refuses modules of the working tree, wherever a path leads to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuner.local.worker.runtime.bootstrap import Guard


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    (tmp_path / "working" / "lib").mkdir(parents=True)
    (tmp_path / "working" / "lib" / "shared_of_the_project.py").write_text("")
    (tmp_path / "revision").mkdir()
    return Guard(str(tmp_path / "working"), str(tmp_path / "revision"), str(tmp_path / "revision"))


def test_a_link_to_the_working_tree_does_not_hide_it(tmp_path: Path, guard: Guard) -> None:
    (tmp_path / "elsewhere").symlink_to(tmp_path / "working")
    with pytest.raises(ImportError, match="which is the working tree and not this revision"):
        guard.find_spec("shared_of_the_project", [str(tmp_path / "elsewhere" / "lib")])


def test_what_the_revision_links_is_of_the_revision(tmp_path: Path, guard: Guard) -> None:
    (tmp_path / "revision" / "lib").symlink_to(tmp_path / "working" / "lib")
    spec = guard.find_spec("shared_of_the_project", [str(tmp_path / "revision" / "lib")])
    assert spec.origin == f"{tmp_path}/revision/lib/shared_of_the_project.py"
