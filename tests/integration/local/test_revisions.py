"""A revision is laid out as it was, with the packages that are installed today."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tuner.local.revisions import file_at


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def package(folder: Path, name: str) -> Path:
    file = folder / "node_modules" / name / "index.js"
    file.parent.mkdir(parents=True)
    file.write_text(f"// {name}")
    return file


def test_packages_that_git_does_not_know_are_linked_from_the_working_tree_and_stay_there(tmp_path: Path) -> None:
    handler = tmp_path / "services" / "orders" / "index.mjs"
    handler.parent.mkdir(parents=True)
    handler.write_text("// old")
    (tmp_path / "link").symlink_to("/etc/hosts")
    package(handler.parent, "committed")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    handler.write_text("// new")
    installed = package(tmp_path, "installed")
    package(handler.parent, "later")

    with file_at(handler, "HEAD", path="--baseline") as found:
        assert found.read_text() == "// old"
        assert not (found.parents[2] / "link").is_symlink(), "it leads out of the repository"
        assert (found.parents[2] / "node_modules" / "installed" / "index.js").read_text() == "// installed"
        assert [p.name for p in (found.parent / "node_modules").iterdir()] == ["committed"], "the revision has its own"
    assert installed.exists()
    assert not found.exists()
