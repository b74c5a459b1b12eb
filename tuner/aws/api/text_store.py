"""Reads and replaces whole texts in S3 by address, such as baselines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tuner.aws.api.connection import Connection
from tuner.aws.api.s3 import Address, Objects, parse_address
from tuner.aws.api.session import connect
from tuner.documents.result import RESULT_FILE, is_result_name
from tuner.errors import InputError


@dataclass(frozen=True, slots=True)
class TextStore:
    """Texts by their `s3://bucket/key` address. A prefix with a slash at its end stands for the `result.json` in it.

    Attributes:
        client: a boto3 `s3` client without its own retries.
    """

    client: Any

    def read(self, address: str) -> str | None:
        """The text of an object; None when it does not exist.

        Raises:
            InputError: the address is wrong, or the object is no text.
            AwsError: it cannot be read.
        """
        place = _object(address)
        content = Objects(self.client, place.bucket).read(place.key)
        try:
            return None if content is None else content.decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            raise InputError.single(address, "is not text in UTF-8", "give a result.json") from exc

    def results_in(self, address: str) -> list[str] | None:
        """The results under a prefix, which ends with a slash: its JSON objects, and the runs in its folders.

        None: it is a run, or an object.

        Raises:
            InputError: the address is wrong.
            AwsError: it cannot be listed.
        """
        if not address.endswith("/"):
            return None
        place = parse_address(address, path=address)
        objects = Objects(self.client, place.bucket)
        names = [key.removeprefix(place.key) for key in objects.keys(place.key)]
        if RESULT_FILE in names:
            return None
        return [str(objects.address(place.key + name)) for name in names if is_result_name(name)]

    def write(self, address: str, text: str) -> None:
        """Replace an object.

        Raises:
            InputError: the address is wrong.
            AwsError: it cannot be written.
        """
        place = _object(address)
        Objects(self.client, place.bucket).write(place.key, text.encode())


def _object(address: str) -> Address:
    """The object that an address stands for.

    Raises:
        InputError: it is no address.
    """
    place = parse_address(address, path=address)
    return Address(place.bucket, place.key + RESULT_FILE) if place.key.endswith("/") else place


@contextmanager
def open_texts(connection: Connection) -> Iterator[TextStore]:
    """Connect to S3, and close the connections at the end."""
    clients = connect(connection)
    try:
        yield TextStore(clients.s3)
    finally:
        clients.close()
