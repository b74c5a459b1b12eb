"""Texts that are made once for a state of the sources, whatever number of processes asks for them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".pytest_cache" / "golden"
WITHOUT_EFFECT = ("aws", "cli", "comparison", "evidence", "local", "workflows")
"""Packages of the tool that no simulated run goes through."""
UNUSED_S = 24 * 3600
"""A state of the sources that no run of the tests began with for so long is forgotten."""


def made_once(name: str, make: Callable[[], str]) -> str:
    """The text of a name. The first process that asks for it makes it; others wait, and read it.

    Args:
        name: of the text.
        make: makes it from the sources alone.
    """
    path = folder_of(_state_of_the_sources(), CACHE) / name
    with locked(path.with_name(f"{name}.lock")):
        if not path.exists():
            part = path.with_name(f"{name}.part")
            part.write_text(make(), "utf-8")
            part.replace(path)
        return path.read_text("utf-8")


@cache
def _state_of_the_sources() -> str:
    """A hash of everything that a text is made from."""
    package = ROOT / "tuner"
    folders = [path for path in package.iterdir() if path.is_dir() and path.name not in WITHOUT_EFFECT]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".json")]
    files += package.glob("*.py")
    digest = hashlib.sha256()
    for path in sorted([*files, *Path(__file__).parent.glob("*.py")]):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def folder_of(state: str, parent: Path) -> Path:
    """The folder of a state of the sources, in use from now on.

    Folders that nobody began to use for a day go. A younger one may be of a run of the tests that goes on while the
    sources are edited.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with locked(parent / "folders.lock"):
        folder = parent / state
        folder.mkdir(exist_ok=True)
        os.utime(folder)
        for other in parent.iterdir():
            if other.is_dir() and time.time() - other.stat().st_mtime > UNUSED_S:
                shutil.rmtree(other)
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
