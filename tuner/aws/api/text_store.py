"""Reads and replaces whole texts in S3 by address, such as baselines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tuner.aws.api.connection import Connection
from tuner.aws.api.s3 import Objects, parse_address
from tuner.aws.api.session import connect
from tuner.errors import InputError

RESULT = "/result.json"


@dataclass(frozen=True, slots=True)
class TextStore:
    """Texts by their `s3://bucket/key` address.

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
        place = parse_address(address, path=address)
        content = Objects(self.client, place.bucket).read(place.key)
        try:
            return None if content is None else content.decode("utf-8")
        except UnicodeDecodeError as exc:
            raise InputError.single(address, "is not text in UTF-8", "give a result.json") from exc

    def results_in(self, address: str) -> list[str] | None:
        """The results under a prefix, which ends with a slash; None: the address is an object.

        They are its JSON objects, and every `result.json` in its folders.

        Raises:
            InputError: the address is wrong.
            AwsError: it cannot be listed.
        """
        if not address.endswith("/"):
            return None
        place = parse_address(address, path=address)
        objects = Objects(self.client, place.bucket)
        keys = [key for key in objects.keys(place.key) if key.endswith(".json")]
        own = (key for key in keys if "/" not in key.removeprefix(place.key) or key.endswith(RESULT))
        return [str(objects.address(key)) for key in own]

    def write(self, address: str, text: str) -> None:
        """Replace an object.

        Raises:
            InputError: the address is wrong.
            AwsError: it cannot be written.
        """
        place = parse_address(address, path=address)
        Objects(self.client, place.bucket).write(place.key, text.encode())


@contextmanager
def open_texts(connection: Connection) -> Iterator[TextStore]:
    """Connect to S3, and close the connections at the end."""
    clients = connect(connection)
    try:
        yield TextStore(clients.s3)
    finally:
        clients.close()
