"""Small text objects in S3, such as baselines: read whole, replaced whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tuner.aws.errors import NotFoundError, aws_errors
from tuner.aws.session import Connection, connect
from tuner.errors import InputError

_ADDRESS = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)")


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Text objects by their `s3://bucket/key` address."""

    client: Any

    def read(self, address: str) -> str | None:
        """The text of an object; None when there is none.

        Raises:
            InputError: no S3 address, or no text there.
            AwsError: it cannot be read.
        """
        bucket, key = _parse(address)
        try:
            with aws_errors(f"read {address}"):
                body: bytes = self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except NotFoundError:
            return None
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError as exc:
            raise InputError.single(address, "is not text in UTF-8", "give a result.json") from exc

    def write(self, address: str, text: str) -> None:
        """Replace an object.

        Raises:
            AwsError: it cannot be written.
        """
        bucket, key = _parse(address)
        with aws_errors(f"write {address}"):
            self.client.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")


@contextmanager
def open_store(connection: Connection) -> Iterator[ObjectStore]:
    """Connect to S3; connections are closed at the end."""
    clients = connect(connection)
    try:
        yield ObjectStore(clients.s3)
    finally:
        clients.close()


def _parse(address: str) -> tuple[str, str]:
    found = _ADDRESS.fullmatch(address)
    if not found:
        raise InputError.single(address, "is no S3 address", "write it as s3://bucket/key")
    return found["bucket"], found["key"]
