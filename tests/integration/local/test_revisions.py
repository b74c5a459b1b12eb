"""A revision is laid out as it was, with the packages that are installed today."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tuner.errors import InputError
from tuner.local.duet import local_duet
from tuner.local.revisions import file_at
from tuner.settings import LocalOptions, Settings


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

    with file_at(handler, "HEAD", path="--baseline") as checkout:
        found = checkout.file
        assert found.read_text() == "// old"
        assert not (found.parents[2] / "link").is_symlink(), "it leads out of the repository"
        assert (found.parents[2] / "node_modules" / "installed" / "index.js").read_text() == "// installed"
        assert [p.name for p in (found.parent / "node_modules").iterdir()] == ["committed"], "the revision has its own"
    assert installed.exists()
    assert not found.exists()


def repository(folder: Path) -> str:
    """A project in git whose handler imports a module from beside its own folder; its target."""
    for name, text in {
        "shared.py": "FACTOR = 2",
        "orders/create.py": "import shared\ndef handler(event, context): return shared.FACTOR",
        ".gitignore": "vendored/",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return f"{folder}/orders/create.py:handler"


def test_a_module_of_the_working_tree_is_not_measured_as_a_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = repository(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(InputError) as caught, local_duet(Settings(target), "HEAD", "HEAD"):
        pass
    assert len(caught.value.faults) == 2
    assert f"shared would be loaded from {tmp_path}/shared.py" in caught.value.faults[0].problem


def test_a_root_takes_the_modules_of_the_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(repository(tmp_path), local=LocalOptions(root=str(tmp_path)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with local_duet(settings, "HEAD", "HEAD") as duet:
        assert duet.baseline.describe().name.endswith("orders/create.py:handler")


def test_vendored_packages_that_git_ignores_are_found(tmp_path: Path) -> None:
    target = repository(tmp_path)
    package_file = tmp_path / "orders" / "vendored" / "__init__.py"
    package_file.parent.mkdir()
    package_file.write_text("")
    (tmp_path / "orders" / "create.py").write_text("import vendored\ndef handler(event, context): ...")
    git(tmp_path, "commit", "-qam", "uses it")
    with local_duet(Settings(target), "HEAD", "HEAD"):
        pass
