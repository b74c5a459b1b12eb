"""Serves Lambda's Runtime API to one worker on the loopback interface.

Whatever speaks the Runtime API can be a worker: AWS's runtime clients, a `bootstrap`, or the loops of this project.
One thread at a time calls `wait`, which serves until something happened; nothing runs in between.

Reference: Lambda developer guide, "Using the Lambda runtime API for custom runtimes" (version 2018-06-01).
"""

from __future__ import annotations

import base64
import contextlib
import json
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from tuner.local.limits.processes import waited_for_core_ms
from tuner.local.worker.http_messages import HttpRequest, MalformedRequestError, RequestReader, response

_PREFIX = "/2018-06-01/runtime/"
_CHUNK_BYTES = 1 << 16
_CHECK_S = 0.25
"""How often a wait asks whether it is still worth while."""
MAX_CONNECTIONS = 64
"""Bound of our own: a worker that opens more is not served."""


@dataclass(frozen=True, slots=True)
class RuntimeEvent:
    """What one invocation hands to the function.

    Attributes:
        request_id: id of the invocation.
        payload: the event.
        deadline_ms: when the function times out, in milliseconds of the Unix epoch.
        arn: ARN by which it was invoked.
        trace_id: X-Ray trace header.
    """

    request_id: str
    payload: bytes
    deadline_ms: int
    arn: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the worker sent for an invocation, or instead of being ready.

    Attributes:
        body: response, or error document; cut at the limit of a response.
        is_error: whether it is an error document.
        error_type: type that the worker gave beside an error document; empty: none.
        body_bytes: length of the whole body.
    """

    body: bytes
    is_error: bool
    error_type: str
    body_bytes: int


@dataclass(eq=False, slots=True)
class _Connection:
    """`ends`: its last request has arrived, and the answer to it ends the connection."""

    socket: socket.socket
    reader: RequestReader
    unsent: bytearray = field(default_factory=bytearray)
    ends: bool = False


class RuntimeApi:
    """The Runtime API of one worker.

    Args:
        max_response_bytes: largest response; a larger one is answered with 413.
        alive: asked now and then during a wait; False ends it.

    Attributes:
        init_error: what the worker sent instead of being ready.
        answer: what it sent for the event that was given last.
        delayed_ms: time that this thread had no core while the worker waited for it, in total.
        happened_at: monotonic time at which the last thing happened that the worker did.
    """

    def __init__(self, *, max_response_bytes: int, alive: Callable[[], bool]) -> None:
        self.init_error: Answer | None = None
        self.answer: Answer | None = None
        self.delayed_ms = 0.0
        self.happened_at = time.monotonic()
        self._max_response_bytes = max_response_bytes
        self._alive = alive
        self._event: RuntimeEvent | None = None
        self._parked: _Connection | None = None
        self._selector = selectors.DefaultSelector()
        self._connections: set[_Connection] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=MAX_CONNECTIONS)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    @property
    def address(self) -> str:
        """Value of AWS_LAMBDA_RUNTIME_API."""
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    @property
    def ready(self) -> bool:
        """Whether the worker asks for the next event."""
        return self._parked is not None

    def watch(self, fd: int, act: Callable[[], None]) -> None:
        """Call something whenever a descriptor can be read, for as long as somebody waits."""
        self._selector.register(fd, selectors.EVENT_READ, act)

    def unwatch(self, fd: int) -> None:
        """Stop watching a descriptor."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(fd)

    def give(self, event: RuntimeEvent) -> None:
        """Give the worker an event, now or when it asks."""
        self._event, self.answer = event, None
        self._hand_over()

    def wait(self, until: Callable[[], bool], *, deadline: float) -> bool:
        """Serve until something is so.

        Args:
            until: asked after everything that happened.
            deadline: monotonic seconds.

        Returns:
            Whether it is so. False: the worker is not alive any more.

        Raises:
            TimeoutError: it was not so until the deadline.
        """
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if not self._serve(min(left, _CHECK_S)) and not self._alive():
                return until()
        return True

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            connection.socket.close()
        self._connections.clear()
        self._listener.close()
        self._selector.close()

    def _serve(self, timeout_s: float) -> bool:
        """Do what is due; whether anything was."""
        before_ms = waited_for_core_ms()
        due = self._selector.select(timeout_s)
        self.happened_at = time.monotonic()
        asked = any(isinstance(key.fileobj, socket.socket) for key, _ in due)
        if asked:  # the worker waits until it has its answer
            self.delayed_ms += waited_for_core_ms() - before_ms
            before_ms = waited_for_core_ms()
        for key, events in due:
            if isinstance(key.data, _Connection):
                self._attend(key.data, events)
            else:
                key.data()
        if asked and not self.ready:
            self.delayed_ms += waited_for_core_ms() - before_ms
        return bool(due)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            accepted, _ = self._listener.accept()
            if len(self._connections) >= MAX_CONNECTIONS:
                accepted.close()
                return
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(accepted, RequestReader(self._max_response_bytes))
            self._connections.add(connection)
            self._selector.register(accepted, selectors.EVENT_READ, connection)

    def _attend(self, connection: _Connection, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                self._send(connection, b"")
            if events & selectors.EVENT_READ:
                self._read(connection)
        except (OSError, MalformedRequestError):
            self._drop(connection)

    def _read(self, connection: _Connection) -> None:
        data = connection.socket.recv(_CHUNK_BYTES)
        if not data:
            self._drop(connection)
            return
        connection.reader.feed(data)
        while not connection.ends and (request := connection.reader.read()):
            connection.ends = request.is_last
            self._handle(connection, request)
        if connection.reader.wants_continue:
            self._send(connection, b"HTTP/1.1 100 Continue\r\n\r\n")

    def _handle(self, connection: _Connection, request: HttpRequest) -> None:
        path = request.path.removeprefix(_PREFIX)
        if (request.method, path) == ("GET", "invocation/next"):
            self._parked = connection
            self._hand_over()
        elif (request.method, path) == ("POST", "init/error"):
            self.init_error = self.init_error or _answer(request, is_error=True)
            self._accepted(connection)
        elif request.method == "POST" and path.startswith("invocation/"):
            self._take(connection, request, *path.split("/")[1:])
        else:
            self._refuse(connection, HTTPStatus.NOT_FOUND, "NotFound", f"no {request.method} {request.path}")

    def _take(self, connection: _Connection, request: HttpRequest, request_id: str, kind: str = "", *rest: str) -> None:
        """Take the response or the error of an invocation."""
        if kind not in ("response", "error") or rest:
            self._refuse(connection, HTTPStatus.NOT_FOUND, "NotFound", f"no {request.path}")
        elif self._event is None or request_id != self._event.request_id or self.answer is not None:
            self._refuse(connection, HTTPStatus.BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
        else:
            self.answer = _answer(request, is_error=kind == "error")
            if self.answer.body_bytes > self._max_response_bytes:
                message = f"Exceeded maximum allowed payload size ({self._max_response_bytes} bytes)."
                self._refuse(connection, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestEntityTooLarge", message)
            else:
                self._accepted(connection)

    def _hand_over(self) -> None:
        """Answer the worker that asks for the next event, when there is one that nobody has got."""
        connection, event = self._parked, self._event
        if connection is None or event is None or self.answer is not None:
            return
        self._parked = None
        head = {
            "Lambda-Runtime-Aws-Request-Id": event.request_id,
            "Lambda-Runtime-Deadline-Ms": str(event.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": event.arn,
            "Lambda-Runtime-Trace-Id": event.trace_id,
        }
        try:
            self._send(connection, response(HTTPStatus.OK, event.payload, head))
        except OSError:
            self._drop(connection)

    def _accepted(self, connection: _Connection) -> None:
        self._send(connection, response(HTTPStatus.ACCEPTED, b'{"status":"OK"}'))

    def _refuse(self, connection: _Connection, status: HTTPStatus, kind: str, message: str) -> None:
        document = {"errorType": kind, "errorMessage": message}
        self._send(connection, response(status, json.dumps(document).encode()))

    def _send(self, connection: _Connection, data: bytes) -> None:
        """Send as much as the worker takes now, and the rest when it takes more. The last answer ends the output."""
        connection.unsent += data
        with contextlib.suppress(BlockingIOError):
            while connection.unsent:
                sent = connection.socket.send(connection.unsent)
                del connection.unsent[:sent]
            if connection.ends:
                connection.socket.shutdown(socket.SHUT_WR)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
        if self._selector.get_key(connection.socket).events != events:
            self._selector.modify(connection.socket, events, connection)

    def _drop(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if self._parked is connection:
            self._parked = None
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection.socket)
        connection.socket.close()


def _answer(request: HttpRequest, *, is_error: bool) -> Answer:
    kind = request.headers.get("lambda-runtime-function-error-type", "")
    trailer = request.headers.get("lambda-runtime-function-error-body")
    if trailer and not is_error:  # a streamed response that failed
        with contextlib.suppress(ValueError):
            body = base64.b64decode(trailer)
            return Answer(body, is_error=True, error_type=kind, body_bytes=len(body))
    return Answer(request.body, is_error, kind, request.body_bytes)
