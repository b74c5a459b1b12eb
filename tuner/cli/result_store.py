"""Where results are kept: files, or objects in S3."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tuner.cli.options import write_text
from tuner.comparison.baselines import decode_result
from tuner.documents.result import ResultDocument
from tuner.errors import InputError

S3_SCHEME = "s3://"


class Store(Protocol):
    """Reads and writes objects by their address (`s3://bucket/key`)."""

    def read(self, address: str) -> str | None:
        """The text of an object; None when there is none."""
        ...

    def write(self, address: str, text: str) -> None:
        """Replace an object."""
        ...


def read_result(address: str, store: Store | None) -> tuple[str, ResultDocument]:
    """Read a result document.

    Args:
        address: a path, or `s3://bucket/key`.
        store: reads S3; None where that cannot be reached.

    Returns:
        Its text as it is stored, and the document.

    Raises:
        InputError: there is none, or it is broken.
    """
    text = _read_text(address, store)
    if text is None:
        raise InputError.single(address, "does not exist", "give a result.json, or its s3:// address")
    return text, decode_result(text, name=address)


def exists(address: str, store: Store | None) -> bool:
    """Whether there is something at an address."""
    return _read_text(address, store) is not None


def write_result(address: str, text: str, store: Store | None) -> None:
    """Replace a baseline, whole or not at all.

    Raises:
        TunerError: it cannot be written.
    """
    if address.startswith(S3_SCHEME):
        _need(store, address).write(address, text)
        return
    write_text(Path(address), text)


def _read_text(address: str, store: Store | None) -> str | None:
    if address.startswith(S3_SCHEME):
        return _need(store, address).read(address)
    try:
        return Path(address).read_text("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as exc:
        raise InputError.single(address, "is not text in UTF-8", "give a result.json") from exc
    except OSError as exc:
        raise InputError.single(address, f"cannot be read: {exc.strerror}", "give the path of a result.json") from exc


def _need(store: Store | None, address: str) -> Store:
    if store is None:
        raise InputError.single(address, "S3 cannot be reached from here", "copy it to a file")
    return store
