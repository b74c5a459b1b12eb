"""Texts that are made once for a state of the sources, whatever number of processes asks for them."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".pytest_cache" / "golden"
WITHOUT_EFFECT = ("aws", "cli", "comparison", "evidence", "local", "workflows")
"""Packages of the tool that no simulated run goes through."""


def made_once(name: str, make: Callable[[], str]) -> str:
    """The text of a name. The first process that asks for it makes it; others wait, and read it.

    Args:
        name: of the text.
        make: makes it from the sources alone.
    """
    folder = CACHE / _state_of_the_sources()
    _forget_other_states(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            part = path.with_suffix(".part")
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


def _forget_other_states(folder: Path) -> None:
    for other in CACHE.glob("*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
