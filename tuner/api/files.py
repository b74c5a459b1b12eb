"""Writes files whole or not at all, and sets aside those that were there."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from tuner.documents.result import EARLIER_FOLDER
from tuner.errors import TunerError


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        TunerError: it cannot be written.
    """
    write_bytes(path, text.encode())


def set_aside(folder: Path, names: Iterable[str]) -> Path | None:
    """Move files of an earlier run to `earlier/<time of the last change>` in their folder, so that nothing is lost.

    Returns:
        Where they are now; None: there was none.

    Raises:
        OSError: they cannot be moved.
    """
    found = [path for name in names if (path := folder / name).exists()]
    if not found:
        return None
    ended = datetime.fromtimestamp(max(path.stat().st_mtime for path in found), UTC)
    places = (folder / EARLIER_FOLDER / f"{ended:%Y%m%dT%H%M%S}Z{f'-{n}' if n else ''}" for n in count())
    place = next(place for place in places if not place.exists())
    place.mkdir(parents=True)
    for path in found:
        path.rename(place / path.name)
    return place


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all. A device or a pipe, such as /dev/stdout, is written into.

    Raises:
        TunerError: it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            # A link stays a link: the file that it leads to is replaced.
            _replace(path.resolve(), content)
    except OSError as exc:
        raise TunerError(f"cannot write {path}: {exc.strerror}", "Free some space, or give another --output.") from exc
    except RuntimeError as exc:  # of `resolve`, up to Python 3.12
        raise TunerError(f"cannot write {path}: a link in it leads to itself", "Give another --output.") from exc


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        if path.exists():
            part.chmod(path.stat().st_mode)
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
