"""A git repository as it was at a revision, in a folder that goes away again.

What git ignores and the function needs (`node_modules`, packages that were vendored into its folder) is linked from the
working tree. Packages of the repository itself, which workspaces link into `node_modules`, are those of the revision.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tuner.errors import BackendError, InputError

_NEVER_LINKED = frozenset({"__pycache__", "tuning", "venv", "build", "dist"})
_OF_ANOTHER_REPOSITORY = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"})
"""Variables by which a git hook names its own repository. The file's folder tells which one is meant."""
_SUBMODULE = b"160000"
_REMEDY = "give a file, or a commit, tag or branch"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A repository as it was at a revision.

    Attributes:
        file: the file that was asked for.
        folder: top of the checkout.
        working_tree: top of the repository.
    """

    file: Path
    folder: Path
    working_tree: Path


@contextmanager
def file_at(file: Path, revision: str, *, path: str) -> Iterator[Checkout]:
    """Lay the whole repository of a file out as it was at a revision, with its submodules as far as they are here.

    Links that lead out of the repository are left out. What git does not know is not there, but for what it ignores
    beside the file: `node_modules` and vendored packages are linked.

    Args:
        file: a file or folder of the repository; it need not exist today.
        revision: commit, tag or branch.
        path: what to call the revision in a fault.

    Yields:
        The checkout.

    Raises:
        InputError: no repository, no such revision, or the file was not in it.
        BackendError: git cannot lay it out, for example where there is no space for it.
    """
    root = _root(file, revision, path)
    commit = commit_of(file, revision, path=path)
    inside = file.resolve().relative_to(root)
    with tempfile.TemporaryDirectory(prefix="tuner-revision-") as name:
        folder = Path(name).resolve()
        _lay_out(root, commit, folder, revision)
        _remove_ways_out(folder)
        found = folder / inside
        if not found.exists():
            raise InputError.single(path, f"{inside} is not in {revision}", "name a revision that has the file")
        _link_modules(root, folder, inside)
        _link_ignored(root, folder, inside if found.is_dir() else inside.parent)
        yield Checkout(found, folder, root)


def commit_of(file: Path, revision: str, *, path: str) -> str:
    """The full hash of a revision of the repository of a file.

    Raises:
        InputError: no repository, or no such revision.
    """
    root = _root(file, revision, path)
    problem = f"{revision!r} is neither a file nor a revision of {root.name}"
    remedy = _REMEDY
    if _git(root, "rev-parse", "--is-shallow-repository", path=path, problem=problem).strip() == b"true":
        remedy += (
            "; this clone is shallow: `git fetch --unshallow` brings older ones (fetch-depth: 0 in GitHub Actions)"
        )
    # A revision such as `:/words` takes whatever follows as words of its own: it is peeled in a second step.
    verify = ("rev-parse", "--verify", "--quiet", "--end-of-options")
    named = _git(root, *verify, revision, path=path, problem=problem, remedy=remedy).decode().strip()
    return _git(root, *verify, f"{named}^{{commit}}", path=path, problem=problem, remedy=remedy).decode().strip()


def _root(file: Path, revision: str, path: str) -> Path:
    place = file.resolve()
    problem = f"{revision!r} is no file, and {file} is in no git repository that could have such a revision"
    folder = place if place.is_dir() else place.parent
    top = _git(folder, "rev-parse", "--show-toplevel", path=path, problem=problem)
    return Path(top.decode().rstrip("\n"))


def _lay_out(root: Path, commit: str, folder: Path, revision: str) -> None:
    """Write the files of a commit, and those of its submodules that the working tree holds at the same commits.

    An archive would leave out what `export-ignore` names. The index of the working tree is not touched.

    Raises:
        BackendError: git cannot.
    """
    plain = ("--reset", "-u", "--no-sparse-checkout", "--no-recurse-submodules")
    with tempfile.TemporaryDirectory(prefix="tuner-index-") as index:
        done = _run(root, f"--work-tree={folder}", "read-tree", *plain, commit, GIT_INDEX_FILE=f"{index}/index")
    if done.returncode:
        told = f"cannot lay out {revision} in {folder}: {_said(done)}"
        raise BackendError(told, "mend what git says, or see whether there is space")
    for entry in _run(root, "ls-tree", "-r", "-z", "--full-tree", commit).stdout.split(b"\0"):
        traits, _, name = entry.partition(b"\t")
        if traits.startswith(_SUBMODULE):
            inside, wanted = os.fsdecode(name), traits.split()[2].decode()
            module = root / inside
            if (module / ".git").exists() and not _run(module, "cat-file", "-e", f"{wanted}^{{commit}}").returncode:
                _lay_out(module, wanted, folder / inside, revision)


def _remove_ways_out(folder: Path) -> None:
    """Remove the links that lead out of a folder: what they lead to is not of the revision."""
    for place, folders, files in os.walk(folder):
        for link in (Path(place, name) for name in (*folders, *files)):
            # `Path.resolve` raises where links lead to each other.
            if link.is_symlink() and not Path(os.path.realpath(link)).is_relative_to(folder):
                link.unlink()


def _link_modules(root: Path, laid_out: Path, file: Path) -> None:
    """Link the `node_modules` that the file would find in the working tree, unless the revision has its own."""
    for folder in (file, *file.parents):
        here, there = (top / folder / "node_modules" for top in (root, laid_out))
        if not here.is_dir() or os.path.lexists(there):
            continue
        own = dict(_packages_of_the_repository(root, here))
        if not own:
            there.symlink_to(here, target_is_directory=True)
            continue
        _link_entries(here, there, {name: laid_out / inside for name, inside in own.items()})
        for inside in own.values():  # they find packages in folders of their own
            if (laid_out / inside).is_dir():
                _link_modules(root, laid_out, inside)


def _packages_of_the_repository(root: Path, modules: Path) -> Iterator[tuple[str, Path]]:
    """Packages that `node_modules` links from elsewhere in the repository, as workspaces do: name and place in it."""
    for entry in modules.iterdir():
        is_scope = entry.name.startswith("@") and entry.is_dir() and not entry.is_symlink()
        for link in filter(Path.is_symlink, entry.iterdir() if is_scope else (entry,)):
            place = Path(os.path.realpath(link))
            if place.is_relative_to(root) and "node_modules" not in place.relative_to(root).parts:
                yield link.relative_to(modules).as_posix(), place.relative_to(root)


def _link_entries(here: Path, there: Path, others: Mapping[str, Path]) -> None:
    """Link what is in `node_modules` one by one; those of `others` that are there to their places."""
    there.mkdir()
    scopes = {name.partition("/")[0] for name in others if "/" in name}
    for entry in here.iterdir():
        if entry.name in scopes:
            names = [f"{entry.name}/{below.name}" for below in entry.iterdir()]
            (there / entry.name).mkdir()
        else:
            names = [entry.name]
        for name in names:
            other = others.get(name)
            (there / name).symlink_to(other if other and other.exists() else here / name)


def _link_ignored(root: Path, laid_out: Path, folder: Path) -> None:
    """Link the folders and Python files beside the file that git ignores, unless the revision has its own."""
    listing = _git(root / folder, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z",
                   path=str(folder), problem=f"{folder} cannot be listed")  # fmt: skip
    for name in listing.decode("utf-8", "surrogateescape").split("\0"):
        top = name.rstrip("/")
        if not top or "/" in top or top.startswith(".") or top in _NEVER_LINKED:
            continue
        here, there = root / folder / top, laid_out / folder / top
        if (here.is_dir() or here.suffix == ".py") and not os.path.lexists(there):
            there.symlink_to(here, target_is_directory=here.is_dir())


def _git(folder: Path, *arguments: str, path: str, problem: str, remedy: str = _REMEDY) -> bytes:
    """What git answers.

    Raises:
        InputError: git cannot be run, or fails: `problem`, and what git says or else `remedy`.
    """
    try:
        done = _run(folder, *arguments)
    except OSError as exc:
        raise InputError.single(path, f"git cannot be run: {exc}", "install git, or give a file") from exc
    if done.returncode:
        raise InputError.single(path, problem, _said(done) or remedy)
    return done.stdout


def _run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder, on the repository that the folder lies in."""
    own = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, env=own | variables)


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    """What git said of its failure; empty: nothing."""
    said = done.stderr.decode("utf-8", "replace").strip()
    return f"git says: {said}" if said else ""
