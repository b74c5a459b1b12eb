"""Requests and responses of HTTP/1.1, as the clients of Lambda's Runtime API write and read them.

Reads requests from bytes as they arrive and never raises for want of more. It knows no sockets and no Runtime API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

MAX_HEAD_BYTES = 2 * 1024 * 1024
_MOST_DIGITS = 18
"""Bound of our own: clients of the Runtime API send up to 1 MB of trace data in one header."""


class MalformedRequestError(Exception):
    """The bytes are no HTTP request: whoever sent them is no client of the Runtime API."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request.

    Attributes:
        method, path: of the request line.
        headers: by lower-case name, trailers included.
        body: its content, cut at the reader's limit.
        body_bytes: length of the whole content.
        is_last: whether the client asks for the end of the connection after the answer (RFC 9112, 9.6).
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    body_bytes: int
    is_last: bool = False


def response(status: HTTPStatus, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """One response with its length."""
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in {"Content-Type": "application/json", **(headers or {})}.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace") + body


@dataclass(slots=True)
class RequestReader:
    """Reads the requests of one connection.

    Attributes:
        max_body_bytes: how much of a request's content is kept.
    """

    max_body_bytes: int
    _unread: bytearray = field(default_factory=bytearray)
    _head: _Head | None = None
    _body: bytearray = field(default_factory=bytearray)
    _body_bytes: int = 0
    _left: int = 0

    def feed(self, data: bytes) -> None:
        """Take in what arrived."""
        self._unread += data

    @property
    def wants_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the content; true once a request."""
        if self._head is None or not self._head.expects_continue:
            return False
        self._head.expects_continue = False
        return True

    def read(self) -> HttpRequest | None:
        """The next request; None while it is not complete.

        Raises:
            MalformedRequestError: this is not HTTP.
        """
        if self._head is None and not self._read_head():
            return None
        head = self._head
        assert head is not None
        complete = self._read_chunks(head) if head.chunked else self._read_plain()
        if not complete:
            return None
        request = HttpRequest(head.method, head.path, head.headers, bytes(self._body), self._body_bytes, head.is_last)
        self._head, self._body, self._body_bytes = None, bytearray(), 0
        return request

    def _read_head(self) -> bool:
        end = self._unread.find(b"\r\n\r\n")
        if end < 0:
            if len(self._unread) > MAX_HEAD_BYTES:
                raise MalformedRequestError
            return False
        self._head = _parse_head(bytes(self._unread[:end]))
        self._left = self._head.content_length
        del self._unread[: end + 4]
        return True

    def _read_plain(self) -> bool:
        part = self._unread[: self._left]
        del self._unread[: len(part)]
        self._left -= len(part)
        self._keep(part)
        return self._left == 0

    def _read_chunks(self, head: _Head) -> bool:
        """Read as many chunks as have arrived; whether the last one and the trailers have."""
        while True:
            if self._left:
                if not self._read_plain():
                    return False
                self._left = -2  # the line end after a chunk
            if self._left == -2:
                if len(self._unread) < 2:
                    return False
                del self._unread[:2]
                self._left = 0
            line = self._take_line()
            if line is None:
                return False
            size = _chunk_bytes(line)
            if size == 0:
                return self._read_trailers(head)
            self._left = size

    def _read_trailers(self, head: _Head) -> bool:
        while (line := self._take_line()) is not None:
            if not line:
                return True
            name, _, value = line.partition(":")
            head.headers[name.strip().lower()] = value.strip()
        self._unread[:0] = b"0\r\n"  # read them again when more has arrived
        return False

    def _take_line(self) -> str | None:
        end = self._unread.find(b"\r\n")
        if end < 0:
            return None
        line = self._unread[:end].decode("latin-1")
        del self._unread[: end + 2]
        return line

    def _keep(self, part: bytearray) -> None:
        self._body += part[: max(0, self.max_body_bytes - len(self._body))]
        self._body_bytes += len(part)


@dataclass(slots=True)
class _Head:
    method: str
    path: str
    headers: dict[str, str]
    content_length: int
    chunked: bool
    expects_continue: bool
    is_last: bool


def _parse_head(text: bytes) -> _Head:
    first, *lines = text.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1"):
        raise MalformedRequestError
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise MalformedRequestError
        headers[name.strip().lower()] = value.strip()
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal() and len(length) <= _MOST_DIGITS):
        raise MalformedRequestError
    chunked = headers.get("transfer-encoding", "").lower() == "chunked"
    expects = headers.get("expect", "").lower() == "100-continue"
    options = {option.strip() for option in headers.get("connection", "").lower().split(",")}
    is_last = "close" in options or (words[2] == "HTTP/1.0" and "keep-alive" not in options)
    return _Head(words[0], words[1], headers, 0 if chunked else int(length), chunked, expects, is_last)


def _chunk_bytes(line: str) -> int:
    try:
        size = int(line.partition(";")[0], 16)
    except ValueError:
        raise MalformedRequestError from None
    if size < 0:
        raise MalformedRequestError
    return size
