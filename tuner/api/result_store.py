"""Where results are kept: files, folders of runs, and objects in S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from tuner.api.files import MAKE_WRITABLE, read_text, write_text
from tuner.api.result import Result
from tuner.aws.api.connection import Connection
from tuner.documents.result import RESULT_FILE, is_result_name, loads
from tuner.errors import InputError, each_of

S3_SCHEME = "s3://"


class Store(Protocol):
    """Reads and writes texts by their address."""

    def read(self, address: str) -> str | None:
        """The text at an address; None: there is none."""
        ...

    def write(self, address: str, text: str) -> None:
        """Replace the text at an address, whole or not at all."""
        ...

    def results_in(self, address: str) -> list[str] | None:
        """The addresses of the results in a folder or under a prefix; None: the address is a result of its own."""
        ...


def load_result(address: str | Path | Result, *, connection: Connection | None = None) -> Result:
    """Load a result.

    Args:
        address: a `result.json`, the folder of a run, or `s3://bucket/key`. A result is returned as it is.
        connection: how to reach S3. None: as the AWS configuration says.

    Raises:
        InputError: there is none, or it is broken.
        AwsError: S3 cannot be read.
    """
    if isinstance(address, Result):
        return address
    with store_of(str(address), connection or Connection()) as store:
        return read_result(str(address), store)


def read_result(address: str, store: Store) -> Result:
    """Read a result from a store.

    Raises:
        InputError: there is none, or it is broken.
    """
    text = store.read(address)
    if text is None:
        problem = "is a folder without a result.json" if Path(address).is_dir() else "does not exist"
        raise InputError.single(address, problem, _hint(address))
    return Result(loads(text, name=address))


def _hint(address: str) -> str:
    """What may have been meant by an address that does not exist."""
    if address.startswith(S3_SCHEME) and not address.endswith(".json"):
        return f"give the address of a result.json, or a prefix with a slash at its end: {address}/"
    return "give a result.json, or its s3:// address"


def load_trend(address: str, *, connection: Connection | None = None) -> list[Result] | None:
    """Load the results of a folder, or of an `s3://bucket/prefix/`.

    Returns:
        None when the address is a result of its own.

    Raises:
        InputError: there is no result, or some are broken: all their faults.
        AwsError: S3 cannot be read.
    """
    with store_of(address, connection or Connection()) as store:
        found = store.results_in(address)
        if found is None:
            return None
        if not found:
            raise InputError.single(address, "holds no result", "give a folder of results, or an s3:// prefix")
        return each_of(partial(read_result, name, store) for name in found)


@contextmanager
def store_of(address: str, connection: Connection) -> Iterator[Store]:
    """The store that holds an address: S3, or the file system."""
    if not address.startswith(S3_SCHEME):
        yield FileStore()
        return
    from tuner.aws.api.text_store import open_texts

    with open_texts(connection) as texts:
        yield texts


class FileStore:
    """Texts in files. A folder stands for the `result.json` in it."""

    def read(self, address: str) -> str | None:
        """The text of a file; None: there is none.

        Raises:
            InputError: it cannot be read, or is not text.
        """
        try:
            return read_text(_file(address))
        except FileNotFoundError:
            return None
        except ValueError as exc:
            raise InputError.single(address, f"is no result: {exc}", "give a result.json") from exc
        except OSError as exc:
            problem = f"cannot be read: {exc.strerror}"
            raise InputError.single(address, problem, "give the path of a result.json") from exc

    def results_in(self, address: str) -> list[str] | None:
        """The results in a folder: its JSON files, and the runs in its folders. None: it is a run, or no folder."""
        folder = Path(address)
        if not folder.is_dir() or (folder / RESULT_FILE).exists():
            return None
        found = (*folder.glob("*.json"), *folder.glob(f"*/{RESULT_FILE}"))
        named = (path for path in found if is_result_name(path.relative_to(folder).as_posix()))
        return sorted(str(path) for path in named if path.is_file())

    def write(self, address: str, text: str) -> None:
        """Replace a file, whole or not at all.

        Raises:
            TunerError: it cannot be written.
        """
        write_text(_file(address), text, otherwise=MAKE_WRITABLE)


def _file(address: str) -> Path:
    path = Path(address)
    return path / RESULT_FILE if path.is_dir() else path
