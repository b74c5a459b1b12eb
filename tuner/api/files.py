"""Writes files whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tuner.errors import TunerError


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        TunerError: it cannot be written.
    """
    write_bytes(path, text.encode())


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
