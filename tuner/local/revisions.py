"""A git repository as it was at a revision, in a folder that goes away again.

What git ignores and the function needs (`node_modules`, packages that were vendored into its folder) is linked from the
working tree.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tuner.errors import BackendError, InputError

_NEVER_LINKED = frozenset({"__pycache__", "tuning", "venv", "build", "dist"})


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
    """Lay the whole repository of a file out as it was at a revision.

    Links that lead out of the repository are left out. What git does not know is not there, but for what it ignores
    beside the file: `node_modules` and vendored packages are linked.

    Args:
        file: a file of the repository; it need not exist today.
        revision: commit, tag or branch.
        path: what to call the revision in a fault.

    Yields:
        The checkout.

    Raises:
        InputError: no repository, no such revision, or the file was not in it.
        BackendError: there is no space for it.
    """
    root = _root(file, revision, path)
    commit = commit_of(file, revision, path=path)
    inside = file.resolve().relative_to(root)
    archive = _git(root, "archive", "--format=tar", commit, path=path, problem=f"{revision} cannot be read")
    with tempfile.TemporaryDirectory(prefix="tuner-revision-") as name:
        try:
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                tar.extractall(name, filter=_without_ways_out)  # noqa: S202  (data_filter decides)
        except OSError as exc:
            raise BackendError(f"cannot lay out {revision} in {name}: {exc}", "see whether there is space") from exc
        found = Path(name) / inside
        if not found.exists():
            raise InputError.single(path, f"{inside} is not in {revision}", "name a revision that has the file")
        _link_modules(root, Path(name), inside)
        _link_ignored(root, Path(name), inside if found.is_dir() else inside.parent)
        yield Checkout(found, Path(name), root)


def commit_of(file: Path, revision: str, *, path: str) -> str:
    """The full hash of a revision of the repository of a file.

    Raises:
        InputError: no repository, or no such revision.
    """
    root = _root(file, revision, path)
    problem = f"{revision!r} is neither a file nor a revision of {root.name}"
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return _git(root, *arguments, path=path, problem=problem).decode().strip()


def _root(file: Path, revision: str, path: str) -> Path:
    folder = file.resolve().parent
    problem = f"{revision!r} is no file, and {file} is in no git repository that could have such a revision"
    top = _git(folder, "rev-parse", "--show-toplevel", path=path, problem=problem)
    return Path(top.decode().rstrip("\n"))


def _without_ways_out(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """Leave out what tarfile refuses, such as a link to an absolute path."""
    try:
        return tarfile.data_filter(member, folder)
    except tarfile.FilterError:
        return None


def _link_modules(root: Path, laid_out: Path, file: Path) -> None:
    """Link the `node_modules` that the file would find in the working tree, unless the revision has its own."""
    for folder in file.parents:
        here, there = (top / folder / "node_modules" for top in (root, laid_out))
        if here.is_dir() and not there.exists():
            there.symlink_to(here, target_is_directory=True)


def _link_ignored(root: Path, laid_out: Path, folder: Path) -> None:
    """Link the folders and Python files beside the file that git ignores, unless the revision has its own."""
    listing = _git(root / folder, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z",
                   path=str(folder), problem=f"{folder} cannot be listed")  # fmt: skip
    for name in listing.decode("utf-8", "surrogateescape").split("\0"):
        top = name.rstrip("/")
        if not top or "/" in top or top.startswith(".") or top in _NEVER_LINKED:
            continue
        here, there = root / folder / top, laid_out / folder / top
        if (here.is_dir() or here.suffix == ".py") and not there.exists():
            there.symlink_to(here, target_is_directory=here.is_dir())


def _git(folder: Path, *arguments: str, path: str, problem: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)  # noqa: S607
    except OSError as exc:
        raise InputError.single(path, f"git cannot be run: {exc}", "install git, or give a file") from exc
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        remedy = f"git says: {said}" if said else "give a file, or a commit, tag or branch"
        raise InputError.single(path, problem, remedy)
    return done.stdout
