"""What a worker writes to stdout and stderr: a pipe that is emptied while somebody waits for the worker.

Keeps the end of what was written, so that a function that writes gigabytes fills neither disk nor memory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from tuner.errors import BackendError

MAX_LOG_BYTES = 1024 * 1024
"""What is kept of the function's output of one invocation: its end."""
_CHUNK_BYTES = 1 << 18
_SET_PIPE_BYTES = 1031
"""F_SETPIPE_SZ of the kernel's fcntl.h."""


class Output:
    """The output of one worker.

    Args:
        copy: gets everything as it arrives; None: only the end is kept.
    """

    def __init__(self, copy: Callable[[bytes], object] | None = None) -> None:
        self._read_fd, self.write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        _widen(self._read_fd)
        self._copy = copy
        self._kept = bytearray()
        self._writable = True

    def fileno(self) -> int:
        """The descriptor that can be read when there is output."""
        return self._read_fd

    def let_go(self) -> None:
        """The worker has its end now: close ours of it."""
        if self._writable:
            os.close(self.write_fd)
            self._writable = False

    def drain(self) -> bool:
        """Take in what can be read now, a bounded piece of it; whether there may be more later."""
        try:
            data = os.read(self._read_fd, _CHUNK_BYTES)
        except BlockingIOError:
            return True
        if self._copy and data:
            self._copy(data)
        self._kept += data
        if len(self._kept) > 2 * MAX_LOG_BYTES:
            del self._kept[:-MAX_LOG_BYTES]
        return bool(data)

    def take(self) -> bytes:
        """The end of what was written since the last time."""
        for _ in range(2 * MAX_LOG_BYTES // _CHUNK_BYTES):
            before = len(self._kept)
            if not self.drain() or len(self._kept) == before:
                break
        text = bytes(self._kept[-MAX_LOG_BYTES:])
        self._kept.clear()
        return text

    def close(self) -> None:
        """Close the tuner's ends."""
        self.let_go()
        os.close(self._read_fd)


class Log:
    """A file that gets all output of all workers; for any thread.

    Raises:
        BackendError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as exc:
            raise BackendError(f"cannot write {path}: {exc.strerror}", "give another --log") from exc

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def write(self, output: bytes) -> None:
        """Append some output; a full disk ends no run."""
        with contextlib.suppress(OSError, ValueError):
            self._file.write(output)


def last_lines(output: bytes, count: int = 20) -> list[str]:
    """The last lines of an output as text; carriage returns, which keep an event together in Lambda, end lines too."""
    return output.decode("utf-8", "replace").rstrip().replace("\r", "\n").split("\n")[-count:] if output.strip() else []


def _widen(fd: int) -> None:
    """Let a pipe hold as much as is kept, where the system allows it."""
    with contextlib.suppress(OSError, ImportError):
        import fcntl

        fcntl.fcntl(fd, _SET_PIPE_BYTES, MAX_LOG_BYTES)
