"""Reads, writes, lists and deletes objects in S3. It does not know what they contain."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from tuner.aws.api.errors import AwsError, NotFoundError, aws_errors
from tuner.aws.api.retry import Pacer, Retrier
from tuner.errors import InputError

T = TypeVar("T")

CALLS_PER_SECOND = 200
"""S3 accepts thousands of requests per second and prefix. This rate only smooths bursts."""
PARALLEL = 8
_ADDRESS = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)", re.DOTALL)
_REFUSED = "PreconditionFailed"


@dataclass(frozen=True, slots=True)
class Address:
    """An object: bucket and key."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def parse_address(text: str, *, path: str) -> Address:
    """Read `s3://bucket/key`.

    Args:
        text: the address.
        path: the flag or field that holds it, for the error.

    Raises:
        InputError: it is no such address.
    """
    found = _ADDRESS.fullmatch(text)
    if not found:
        raise InputError.single(path, f"{text!r} is not an address in S3", "write it as s3://bucket/key")
    return Address(found["bucket"], found["key"])


@dataclass(slots=True)
class Objects:
    """The objects of one bucket.

    Attributes:
        client: a boto3 `s3` client without its own retries.
        bucket: name of the bucket.
    """

    client: Any
    bucket: str
    retry: Retrier = field(default_factory=lambda: Retrier(Pacer(CALLS_PER_SECOND)))

    def read(self, key: str) -> bytes | None:
        """The content of an object; None when it does not exist."""

        def call() -> bytes:
            content: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            return content

        try:
            return self._call(f"read {self.address(key)}", call)
        except NotFoundError:
            return None

    def read_all(self, keys: list[str]) -> list[bytes | None]:
        """The contents of several objects, read in parallel."""
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="s3") as pool:
            return list(pool.map(self.read, keys))

    def write(self, key: str, content: bytes, *, content_type: str = "application/json") -> None:
        """Write an object and replace an existing one."""
        self._put(key, content, ContentType=content_type)

    def create(self, key: str, content: bytes) -> bool:
        """Write an object unless it exists. False when it exists with other content."""
        return self._put_if(key, content, IfNoneMatch="*")

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        """The content of an object and the tag that changes with it.

        Raises:
            NotFoundError: the object does not exist.
        """

        def call() -> tuple[bytes, str]:
            reply = self.client.get_object(Bucket=self.bucket, Key=key)
            return reply["Body"].read(), str(reply["ETag"])

        return self._call(f"read {self.address(key)}", call)

    def replace(self, key: str, content: bytes, tag: str) -> bool:
        """Replace the object with this tag. False when its tag has changed, or it was deleted."""
        try:
            return self._put_if(key, content, IfMatch=tag)
        except NotFoundError:
            return False

    def delete(self, key: str, tag: str) -> None:
        """Delete the object with this tag. One with another tag stays; one that does not exist counts as deleted."""
        delete = partial(self.client.delete_object, Bucket=self.bucket, Key=key, IfMatch=tag)
        try:
            self._call(f"delete {self.address(key)}", delete)
        except NotFoundError:
            return
        except AwsError as exc:
            if exc.code != _REFUSED:
                raise

    def keys(self, prefix: str) -> list[str]:
        """Names of all objects that begin with a prefix, sorted."""
        return sorted(self._keys(prefix))

    def address(self, key: str) -> Address:
        """The address of an object."""
        return Address(self.bucket, key)

    def _keys(self, prefix: str) -> Iterator[str]:
        token: dict[str, str] = {}
        while True:
            list_page = partial(self.client.list_objects_v2, Bucket=self.bucket, Prefix=prefix, **token)
            reply = self._call(f"list {self.address(prefix)}", list_page)
            yield from (str(item["Key"]) for item in reply.get("Contents") or ())
            if not reply.get("IsTruncated"):
                return
            token = {"ContinuationToken": reply["NextContinuationToken"]}

    def _put_if(self, key: str, content: bytes, **condition: str) -> bool:
        try:
            self._put(key, content, ContentType="application/json", **condition)
        except AwsError as exc:
            if exc.code != _REFUSED:
                raise
            # A write whose reply was lost finds itself.
            return self.read(key) == content
        return True

    def _put(self, key: str, content: bytes, **arguments: str) -> None:
        self._call(
            f"write {self.address(key)}",
            lambda: self.client.put_object(Bucket=self.bucket, Key=key, Body=content, **arguments),
        )

    def _call(self, action: str, call: Callable[[], T]) -> T:
        def once() -> T:
            with aws_errors(action):
                return call()

        # Every one of these calls may be repeated: a second one has the same effect.
        return self.retry.read(once)
