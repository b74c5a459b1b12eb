"""A file of a git repository as it was at a revision, with everything beside it, in a folder that goes away again."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuner.errors import BackendError, InputError


@contextmanager
def file_at(file: Path, revision: str, *, path: str) -> Iterator[Path]:
    """Lay the whole repository of a file out as it was at a revision.

    Links that lead out of the repository are left out. What git does not know is not there, but
    for `node_modules`: those of today are linked.

    Args:
        file: a file of the repository; it need not exist today.
        revision: commit, tag or branch.
        path: what to call the revision in a fault.

    Yields:
        The path of the file at that revision.

    Raises:
        InputError: no repository, no such revision, or the file was not in it.
        BackendError: there is no space for it.
    """
    folder = file.resolve().parent
    top = _git(folder, "rev-parse", "--show-toplevel", path=path, problem=f"{file} is in no git repository")
    root = Path(top.decode().rstrip("\n"))
    problem = f"{revision!r} is neither a file nor a revision of {root.name}"
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}",
                  path=path, problem=problem).decode().strip()  # fmt: skip
    inside = file.resolve().relative_to(root)
    archive = _git(root, "archive", "--format=tar", commit, path=path, problem=f"{revision} cannot be read")
    with tempfile.TemporaryDirectory(prefix="tuner-revision-") as name:
        try:
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                tar.extractall(name, filter=_without_ways_out)  # noqa: S202  (data_filter decides)
        except OSError as exc:
            raise BackendError(f"cannot lay out {revision} in {name}: {exc}", "see whether there is space") from exc
        found = Path(name) / inside
        if not found.is_file():
            raise InputError.single(path, f"{inside} is not in {revision}", "name a revision that has the file")
        _link_modules(root, Path(name), inside)
        yield found


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
