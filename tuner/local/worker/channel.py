"""Messages between the tuner and a worker over two pipes: a JSON line, then a body.

Never blocks for longer than the caller allows, in either direction: a worker may be
stopped, dead or deaf.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_CHUNK = 1 << 16
_CHECK_S = 0.25
"""How often a wait asks whether the worker still lives: its end of a pipe may be kept open by a child of its own."""


class WorkerGone(Exception):  # noqa: N818  (an event, not a mistake)
    """The worker has closed its end, or no longer lives."""


@dataclass(frozen=True, slots=True)
class Message:
    """The head of a message and its body."""

    head: Mapping[str, Any]
    body: bytes


class Channel:
    """The tuner's ends of the pipes to one worker.

    Args:
        alive: asked now and then during a wait; False ends it.
    """

    def __init__(self, alive: Callable[[], bool]) -> None:
        self.worker_reads, self._write_fd = os.pipe()
        self._read_fd, self.worker_writes = os.pipe()
        os.set_blocking(self._write_fd, False)
        self._alive = alive
        self._unread = bytearray()

    def started(self) -> None:
        """The worker has its ends now: let go of ours of them, so that its end is seen."""
        os.close(self.worker_reads)
        os.close(self.worker_writes)

    def send(self, head: Mapping[str, Any], body: bytes, *, deadline: float) -> None:
        """Send one message.

        Raises:
            WorkerGone: the worker has ended.
            TimeoutError: it did not take the message until `deadline` (monotonic seconds).
        """
        line = json.dumps({**head, "n": len(body)}).encode() + b"\n"
        for part in (line + body[:_CHUNK], body[_CHUNK:]):
            rest = memoryview(part)
            while rest:
                try:
                    rest = rest[os.write(self._write_fd, rest) :]
                except BlockingIOError:
                    self._wait([], [self._write_fd], deadline)
                except BrokenPipeError as exc:
                    raise WorkerGone from exc

    def receive(self, *, deadline: float) -> Message:
        """Wait for one message.

        Raises:
            WorkerGone: the worker has ended.
            TimeoutError: nothing complete came until `deadline` (monotonic seconds).
        """
        while (end := self._unread.find(b"\n")) < 0:
            self._fill(deadline)
        head = json.loads(self._unread[:end])
        end += 1
        while len(self._unread) < end + head["n"]:
            self._fill(deadline)
        body = bytes(self._unread[end : end + head["n"]])
        del self._unread[: end + head["n"]]
        return Message(head, body)

    def close(self) -> None:
        """Close the tuner's ends."""
        os.close(self._write_fd)
        os.close(self._read_fd)

    def _fill(self, deadline: float) -> None:
        self._wait([self._read_fd], [], deadline)
        chunk = os.read(self._read_fd, _CHUNK)
        if not chunk:
            raise WorkerGone
        self._unread += chunk

    def _wait(self, readable: list[int], writable: list[int], deadline: float) -> None:
        while (left := deadline - time.monotonic()) > 0:
            if any(select.select(readable, writable, [], min(left, _CHECK_S))):
                return
            if not self._alive():
                raise WorkerGone
        raise TimeoutError
