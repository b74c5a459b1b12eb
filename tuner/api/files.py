"""Reads files of documents, writes files whole or not at all, and sets aside those that were there."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from tuner.documents.result import EARLIER_FOLDER
from tuner.documents.strict_json import decode_text
from tuner.errors import NoSpaceError, TunerError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What says that a disk, what one may use of it, or what one file may take of it, is full."""
ANOTHER_OUTPUT, MAKE_WRITABLE = "give another --output", "make it writable"
"""What to do where a file cannot be written, as the end of a sentence: one of an option, and one that is there."""
LARGEST_FILE = 256 << 20
"""Bytes beyond every document: results have some MB, and payloads of Lambda 6 MB each."""
LONGEST_NAME = 200
"""Bytes of a name that the name of its folder has; file systems allow 255."""


def read_text(path: Path) -> str:
    """The text of a file that is to hold one document.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not UTF-8, or larger than every document. The message says so, after the name of the file.
    """
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"it has more than {LARGEST_FILE >> 20} MB")
    return decode_text(content)


def write_text(path: Path, text: str, *, otherwise: str = ANOTHER_OUTPUT) -> None:
    """Write a file, whole or not at all. See `write_bytes`."""
    write_bytes(path, text.encode(), otherwise=otherwise)


def folder_names(names: Iterable[str]) -> list[str]:
    """A folder name for each of some names, by which no file gets out of the folder around it; none twice."""
    found: list[str] = []
    for name in names:
        safe = re.sub(r"[^\w.-]", "-", name).lstrip(".") or "function"
        safe = safe.encode()[:LONGEST_NAME].decode(errors="ignore")
        taken = {one.casefold() for one in found}
        found.append(next(one for one in _numbered(safe) if one.casefold() not in taken))
    return found


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def set_aside(folder: Path, names: Iterable[str], *, beside: Path | None = None) -> Path | None:
    """Move files of an earlier run to `earlier/<time of the last change>` in their folder, so that nothing is lost.

    A link that is moved leads to the same file as before.

    Args:
        folder: of the run.
        names: of the files, relative to the folder. Those that are not there are passed over.
        beside: where other files of the same run were set aside, for these to go there too. None: a new place.

    Returns:
        Where they are now; None: there was none.

    Raises:
        TunerError: they cannot be moved. It names what is in the way.
    """
    aside = folder / EARLIER_FOLDER
    try:
        found = [path for name in names if (path := folder / name).exists()]
    except OSError as exc:
        raise _refused_folder(folder, exc) from exc
    if not found:
        return None
    try:
        place = beside or _new_place(aside, found)
        for path in found:
            _move(path, place / path.relative_to(folder), along=found)
    except OSError as exc:
        doing = f"cannot move the earlier run in {folder} to {aside}"
        raise _refused(doing, exc, aside, "give another folder with --output") from exc
    return place


def write_bytes(path: Path, content: bytes, *, otherwise: str = ANOTHER_OUTPUT) -> None:
    """Write a file, whole or not at all. A device or a pipe, such as /dev/stdout, is written into.

    Args:
        path: of the file.
        content: of the file.
        otherwise: what to do where it cannot be written, as the end of a sentence.

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
        raise not_written(path, exc, otherwise) from exc
    except RuntimeError as exc:  # of `resolve`, up to Python 3.12
        remedy = f"{otherwise[0].upper()}{otherwise[1:]}."
        raise TunerError(f"cannot write {path}: a link in it leads to itself", remedy) from exc


def not_written(path: Path, exc: OSError, otherwise: str) -> TunerError:
    """What to say where a file cannot be written.

    Args:
        path: of the file.
        exc: why.
        otherwise: what to do instead of making room for it, as the end of a sentence.
    """
    return _refused(f"cannot write {path}", exc, path.parent, otherwise)


def make_folder(folder: Path) -> None:
    """Make a folder, where it is not there.

    Raises:
        TunerError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise _refused_folder(folder, exc) from exc


def _refused_folder(folder: Path, exc: OSError) -> TunerError:
    return _refused(f"cannot write into {folder}", exc, folder, "give another folder with --output")


def _new_place(aside: Path, found: Iterable[Path]) -> Path:
    """A new folder for files, with the time of their last change as its name."""
    ended = datetime.fromtimestamp(max(path.stat().st_mtime for path in found), UTC)
    places = (aside / f"{ended:%Y%m%dT%H%M%S}Z{f'-{n}' if n else ''}" for n in count())
    place = next(place for place in places if not place.exists())
    place.mkdir(parents=True)
    return place


def _refused(doing: str, exc: OSError, folder: Path, otherwise: str) -> TunerError:
    """What to say where nothing can be written into a folder: what is in the way, and what to do."""
    if blocked := _no_folder(folder):
        return TunerError(f"{doing}: {blocked} is not a folder", f"Move or rename {blocked}, or {otherwise}.")
    problem = f"{doing}: {exc.strerror}"
    if exc.errno in _NO_SPACE:
        return NoSpaceError(problem, f"Free some space, or {otherwise}.")
    return TunerError(problem, f"{otherwise[0].upper()}{otherwise[1:]}.")


def _no_folder(folder: Path) -> Path | None:
    """What stands where a folder or one above it has to be, and is none; None: nothing does."""
    return next((path for path in (folder, *folder.parents) if os.path.lexists(path) and not path.is_dir()), None)


def _move(path: Path, to: Path, *, along: Collection[Path]) -> None:
    """Move a file. A relative link is made anew, unless it leads to a file that is moved along."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() and not (leads_to := path.readlink()).is_absolute() and path.parent / leads_to not in along:
        back = os.path.relpath(path.parent.resolve(), to.parent.resolve())
        to.symlink_to(Path(back, leads_to))
        path.unlink()
    else:
        path.rename(to)


def _replace(path: Path, content: bytes) -> None:
    """Write a file beside another one, and let it take its place when all of it is on the disk."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            part.chmod(path.stat().st_mode)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
