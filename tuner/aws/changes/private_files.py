"""Files that belong to the user alone: mode 600 in a folder of mode 700, written whole, through no symbolic link."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

FILE_MODE, FOLDER_MODE = 0o600, 0o700
_SAFELY = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def open_private(path: Path, flags: int) -> int:
    """Open a file that only its owner may read, in a folder that only its owner may enter.

    Args:
        path: the file; it and its folder are created when missing.
        flags: of `os.open`, such as `os.O_RDWR | os.O_APPEND`.

    Returns:
        The file descriptor.

    Raises:
        OSError: the file or its folder is a symbolic link, is of another kind, belongs to somebody else, or cannot be
            opened.
    """
    _make_private(path.parent)
    descriptor = os.open(path, flags | os.O_CREAT | _SAFELY, FILE_MODE)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "it is no regular file", str(path))
        if found.st_uid != os.geteuid():
            raise OSError(0, "it belongs to another user", str(path))
        os.fchmod(descriptor, FILE_MODE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_private(path: Path) -> bytes:
    """The content of a private file.

    Raises:
        FileNotFoundError: there is none.
        OSError: it is a symbolic link or of another kind, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | _SAFELY)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no regular file", str(path))
        return file.read()


def write_private(path: Path, content: bytes) -> None:
    """Replace a private file, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    _make_private(path.parent)
    part = path.with_name(f".{path.name}.part")
    with suppress(FileNotFoundError):
        part.unlink()  # what a killed process left
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _make_private(folder: Path) -> None:
    """Create a folder for its owner alone, or close an existing one to others.

    Raises:
        OSError: it is a symbolic link, no folder, or belongs to somebody else.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise OSError(0, "its folder is a symbolic link", str(folder))
    if found.st_uid != os.geteuid():
        raise OSError(0, "its folder belongs to another user", str(folder))
    if found.st_mode & 0o077:
        folder.chmod(FOLDER_MODE)
