"""A revision is laid out as it was, with the packages that are installed today."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tuner.cli.main import run
from tuner.comparison.duets.plan import DuetPlan
from tuner.errors import InputError
from tuner.local.duet import local_duet
from tuner.local.host import architecture
from tuner.local.limits.cpu import PERIOD_S
from tuner.local.revisions import file_at
from tuner.model import Architecture, Configuration
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
    (tmp_path / "loop").symlink_to("loop")
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


def commit(folder: Path, files: Mapping[str, str]) -> None:
    """Write files, and commit them to a new repository."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")


def repository(folder: Path) -> str:
    """A project in git whose handler imports a module from beside its own folder; its target."""
    files = {
        "shared.py": "FACTOR = 2",
        "orders/create.py": "import shared\ndef handler(event, context): return shared.FACTOR",
        ".gitignore": "vendored/",
    }
    commit(folder, files)
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


def committed(folder: Path, **files: str) -> None:
    """A repository with one commit of some files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")


def test_what_archives_leave_out_or_fill_in_is_laid_out_as_it_was_committed(tmp_path: Path) -> None:
    (tmp_path / ".gitattributes").write_text("shared.py export-ignore\napp.py export-subst\n")
    committed(tmp_path, app="import shared  # $Format:%H$", shared="")
    with file_at(tmp_path / "app.py", "HEAD", path="--baseline") as checkout:
        assert checkout.file.read_text() == "import shared  # $Format:%H$"
        assert (checkout.folder / "shared.py").exists()


def test_a_submodule_is_laid_out_at_the_commit_that_the_revision_names(tmp_path: Path) -> None:
    committed(tmp_path / "library", shared="OLD")
    project = tmp_path / "project"
    committed(project, app="")
    allowed = ("-c", "protocol.file.allow=always")
    git(project, *allowed, "submodule", "add", "-q", str(tmp_path / "library"), "lib/own")
    git(project, "commit", "-qam", "with a submodule")
    (project / "lib" / "own" / "shared.py").write_text("NEW")
    git(project / "lib" / "own", "commit", "-qam", "later")
    with file_at(project / "app.py", "HEAD", path="--baseline") as checkout:
        assert (checkout.folder / "lib" / "own" / "shared.py").read_text() == "OLD"
    with file_at(project / "app.py", "HEAD~1", path="--baseline") as checkout:
        assert not (checkout.folder / "lib").exists()


def test_neither_the_index_nor_a_sparse_working_tree_matters_and_both_stay_as_they_are(tmp_path: Path) -> None:
    committed(tmp_path / "part", other="THERE")
    (tmp_path / "part" / ".git").rename(tmp_path / ".git")
    (tmp_path / "app.py").write_text("old")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "moved")
    git(tmp_path, "sparse-checkout", "set", "--no-cone", "/app.py")
    (tmp_path / "app.py").write_text("new")
    git(tmp_path, "add", "app.py")
    before = (tmp_path / ".git" / "index").read_bytes()
    with file_at(tmp_path / "app.py", "HEAD", path="--baseline") as checkout:
        assert checkout.file.read_text() == "old"
        assert (checkout.folder / "part" / "other.py").read_text() == "THERE"
    assert (tmp_path / ".git" / "index").read_bytes() == before
    assert not (tmp_path / "part").exists()


def test_a_git_hook_of_another_repository_does_not_change_which_one_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(tmp_path, app="mine")
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    with file_at(tmp_path / "app.py", "HEAD", path="--baseline") as checkout:
        assert checkout.file.read_text() == "mine"


@pytest.mark.parametrize("revision", [":/first", "HEAD^{/fir}", "HEAD@{0}", "tag|<b>`ü&"])
def test_a_revision_may_be_named_in_any_way_that_git_knows(tmp_path: Path, revision: str) -> None:
    committed(tmp_path, app="")
    git(tmp_path, "tag", "tag|<b>`ü&")
    with file_at(tmp_path / "app.py", revision, path="--baseline") as checkout:
        assert checkout.file.exists()


def test_the_folder_of_a_handler_may_be_the_top_of_the_repository(tmp_path: Path) -> None:
    settings = Settings(f"{tmp_path}:orders.create.handler")
    repository(tmp_path)
    with local_duet(settings, "HEAD", "HEAD") as duet:
        assert duet.baseline.describe().name.endswith("orders/create.py:handler")
        assert duet.labels[0].endswith("(HEAD)")


def test_a_revision_that_a_shallow_clone_lacks_says_how_to_get_it(tmp_path: Path) -> None:
    committed(tmp_path / "whole", app="")
    git(tmp_path / "whole", "commit", "-q", "--allow-empty", "-m", "second")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{tmp_path}/whole", "shallow")
    with (
        pytest.raises(InputError) as caught,
        file_at(tmp_path / "shallow" / "app.py", "HEAD~1", path="--baseline"),
    ):
        pass
    assert "git fetch --unshallow" in caught.value.faults[0].remedy


def test_a_version_that_is_none_is_told_with_every_other_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context): ...")
    target = f"{tmp_path}/app.py:handler"
    versions = ["--baseline", "old", "--candidate", f"{tmp_path}/app.py"]
    assert run(["duet", target, *versions, "--threshold", "x", "--payload", "{"]) == 2
    told = capsys.readouterr().err
    assert [flag for flag in ("--baseline: 'old'", "--threshold: x", "--payload: { is") if flag not in told] == []


def test_a_revision_has_the_packages_that_lie_above_its_handler(tmp_path: Path) -> None:
    """Also where workers have their own /tmp, in which revisions are laid out."""
    files = {
        "package.json": '{"type": "module"}',
        ".gitignore": "node_modules/",
        "node_modules/prices/package.json": '{"type": "module", "exports": "./index.js"}',
        "node_modules/prices/index.js": "export const factor = 2",
        "src/index.js": "import { factor } from 'prices'\nexport const handler = async () => factor",
    }
    commit(tmp_path, files)
    with local_duet(Settings(f"{tmp_path}/src/index.js:handler"), "HEAD", "HEAD") as duet:
        assert duet.labels[0] == duet.labels[1]


SHARED = {
    ".gitignore": "node_modules/",
    "packages/shared/package.json": '{"name": "@acme/shared", "main": "index.js"}',
    "packages/shared/index.js": "exports.version = 'old, ' + require('dep')",
    "services/orders/index.js": """
const { version } = require('@acme/shared'); require('installed');
if (!version.startsWith(process.env.EXPECTED)) throw new Error(version);
exports.handler = async () => version;
""",
}
"""A project whose handler needs a package of the same repository, which workspaces link."""
LAYOUTS = {
    "npm": {
        "node_modules/installed/index.js": "",
        "node_modules/@other/installed/index.js": "",
        "packages/shared/node_modules/dep/index.js": "module.exports = 'dep'",
        "services/orders/node_modules/of-the-service/index.js": "",
    },
    "pnpm": {
        "node_modules/.pnpm/dep@1/node_modules/dep/index.js": "module.exports = 'dep'",
        "node_modules/.pnpm/installed@1/node_modules/installed/index.js": "",
        "services/orders/node_modules/.keep": "",
        "packages/shared/node_modules/.keep": "",
    },
}
LINKS = {
    "npm": {"node_modules/@acme/shared": "packages/shared", "node_modules/orders": "services/orders"},
    "pnpm": {
        "services/orders/node_modules/@acme/shared": "packages/shared",
        "services/orders/node_modules/installed": "node_modules/.pnpm/installed@1/node_modules/installed",
        "packages/shared/node_modules/dep": "node_modules/.pnpm/dep@1/node_modules/dep",
        "packages/shared/node_modules/orders": "services/orders",
    },
}


def workspace(folder: Path, layout: str) -> str:
    """A project in git, with what a package manager installs beside it; its target."""
    commit(folder, SHARED)
    for name, text in LAYOUTS[layout].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name, place in LINKS[layout].items():
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(folder / place, link.parent))
    return f"{folder}/services/orders/index.js:handler"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_package_of_the_repository_that_a_workspace_links_is_that_of_the_revision(
    tmp_path: Path, layout: str
) -> None:
    target = workspace(tmp_path, layout)
    (tmp_path / "packages" / "shared" / "index.js").write_text("exports.version = 'new, ' + require('dep')")
    git(tmp_path, "commit", "-qam", "second")
    for revision, expected in (("HEAD~1", "old, dep"), ("HEAD", "new, dep")):
        settings = Settings(target, local=LocalOptions(environment={"EXPECTED": expected}))
        with local_duet(settings, revision, revision):
            pass
    assert (tmp_path / next(iter(LINKS[layout]))).is_symlink(), "the working tree stays as it was"


def test_a_link_to_packages_above_that_the_revision_has_itself_is_left_to_it(tmp_path: Path) -> None:
    target = workspace(tmp_path, "npm")
    link = tmp_path / "services" / "orders" / "node_modules"
    shutil.rmtree(link)
    link.symlink_to("../../node_modules")
    git(tmp_path, "add", "-f", str(link))
    git(tmp_path, "commit", "-qm", "second")
    settings = Settings(target, local=LocalOptions(environment={"EXPECTED": "old, dep"}))
    with local_duet(settings, "HEAD", "HEAD"):
        pass


def test_a_package_of_the_working_tree_that_the_revision_lacks_is_named(tmp_path: Path) -> None:
    target = workspace(tmp_path, "npm")
    git(tmp_path, "rm", "-qr", "--cached", "packages")
    git(tmp_path, "commit", "-qm", "without it")
    settings = Settings(target, local=LocalOptions(environment={"EXPECTED": "old"}))
    with pytest.raises(InputError) as caught, local_duet(settings, "HEAD~1", "HEAD"):
        pass
    (fault,) = caught.value.faults
    assert fault.path == "--candidate"
    assert f"@acme/shared would be loaded from {tmp_path}/packages/shared/index.js" in fault.problem
    assert "which is the working tree and not this revision" in fault.problem


def test_revisions_may_be_laid_out_within_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    settings = Settings(repository(tmp_path), local=LocalOptions(root=str(tmp_path)))
    with local_duet(settings, "HEAD", "HEAD"):
        pass
    (tmp_path / "index.mjs").write_text("import './part.mjs'; export const handler = async () => 1")
    (tmp_path / "part.mjs").write_text("")
    git(tmp_path, "add", "index.mjs", "part.mjs")
    git(tmp_path, "commit", "-qm", "in Node.js too")
    with local_duet(Settings(f"{tmp_path}/index.mjs:handler"), "HEAD", "HEAD"):
        pass


def test_every_run_of_a_duet_begins_with_a_period_of_its_own(tmp_path: Path) -> None:
    target = repository(tmp_path)
    settings = Settings(target, local=LocalOptions(root=str(tmp_path)))
    with local_duet(settings, "HEAD", "HEAD") as duet:
        plan = DuetPlan(Configuration(512, architecture() or Architecture.X86_64))
        ((pair,),) = duet.pairs(plan, 1).take(1, 6, threading.Event())
    for runs in (pair.baseline, pair.candidate):
        began = [datetime.fromisoformat(run.started_at) for run in runs]
        assert min((later - earlier).total_seconds() for earlier, later in pairwise(began)) >= PERIOD_S
