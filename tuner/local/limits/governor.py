"""The owner's side of the helper process that limits workers (see `governor_process`).

One governor serves all workers of a backend or pool, from any thread.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from math import inf
from pathlib import Path

from tuner.errors import BackendError
from tuner.local.limits.cgroup import ControlGroup

_ROOT = Path(__file__).resolve().parents[3]
_START = "import sys; sys.path.append(sys.argv[1]); from tuner.local.limits.governor_process import main; main()"
CANNOT_START = "see whether there is space for temporary files, and room for another process and open files"


@dataclass(frozen=True, slots=True)
class Use:
    """What a worker has used.

    Attributes:
        peak_bytes: peak resident memory so far.
        out_of_memory: whether that is above its limit; it was, or must be, killed then.
        owed_s: by how much an exact limit of the CPU share would have delayed the end.
    """

    peak_bytes: int
    out_of_memory: bool
    owed_s: float


class Governor:
    """Limits workers; a context manager. When it closes, or this process dies, its workers are killed.

    Args:
        cgroup_parent: control group below which the kernel is to limit the CPU share (see
            `tuner.local.limits.cgroup`); None: by stopping and continuing the workers.

    Raises:
        BackendError: the helper process cannot be started, or was killed from outside.
    """

    def __init__(self, *, cgroup_parent: Path | None = None) -> None:
        self._cgroup_parent = cgroup_parent
        self._unlimited: dict[int, tuple[ControlGroup, float]] = {}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-BP", "-c", _START, str(_ROOT)],  # -P: the current folder may hold a types.py
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C at the terminal must reach the tuner alone
                bufsize=0,
            )
        except OSError as exc:
            raise BackendError(f"cannot start the helper process that limits workers: {exc}", CANNOT_START) from exc
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._commands, self._answers = self._process.stdin, self._process.stdout
        self._lock = threading.Lock()
        self._hello: str | None = None

    def __enter__(self) -> Governor:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Pid of the helper process."""
        return self._process.pid

    @property
    def limits_cpu(self) -> bool:
        """Whether this system lets the CPU time of a worker be read, and so be limited."""
        with self._lock:
            return self._greeting() == "cpu"

    def add(self, pid: int, *, share: float | None, limit_bytes: int, freezes: bool) -> None:
        """Take charge of a worker that leads its own session; its init phase begins.

        Args:
            pid: the worker.
            share: vCPUs; None: not limited.
            limit_bytes: resident memory above which it is killed.
            freezes: whether it is stopped between invocations.

        Raises:
            BackendError: the control group cannot be made.
        """
        path = ""
        if self._cgroup_parent and share is not None:
            path, share = str(self._join_group(pid, share, self._cgroup_parent)), None
        self._send(f"add {pid} {inf if share is None else share!r} {limit_bytes} {freezes:d} {path}")

    def begin(self, pid: int) -> None:
        """An invocation starts: let the worker run, within its share."""
        if grouped := self._unlimited.pop(pid, None):  # the init phase was free
            group, share = grouped
            group.limit(share)
        self._send(f"begin {pid}")

    def end(self, pid: int) -> Use:
        """The invocation or the init phase is over."""
        peak, exceeded, owed_s = self._ask(f"end {pid}").split()
        return Use(int(peak), exceeded == "1", float(owed_s))

    def kill(self, pid: int) -> None:
        """Kill a worker with all that it started, soon; from any thread."""
        self._send(f"kill {pid}")

    def remove(self, pid: int) -> None:
        """Kill a worker with all that it started, and forget it. It must not be waited for before."""
        self._ask(f"remove {pid}")

    def check(self) -> None:
        """Raise if the helper process has ended."""
        if self._process.poll() is not None:
            raise self._lost()

    def close(self) -> None:
        """Kill all workers and end the helper process."""
        with contextlib.suppress(OSError):
            self._commands.close()
        self._process.wait()
        self._answers.close()

    def _join_group(self, pid: int, share: float, parent: Path) -> Path:
        try:
            group = ControlGroup.create(parent, pid)
        except OSError as exc:
            raise BackendError(f"cannot make a control group below {parent}: {exc}", "limit without one") from exc
        self._unlimited[pid] = (group, share)
        return group.path

    def _send(self, line: str) -> None:
        try:
            os.write(self._commands.fileno(), line.encode() + b"\n")  # one write: atomic between threads
        except (OSError, ValueError) as exc:
            raise self._lost() from exc

    def _ask(self, line: str) -> str:
        with self._lock:
            self._greeting()
            self._send(line)
            return self._read()

    def _greeting(self) -> str:
        if self._hello is None:
            self._hello = self._read()
        return self._hello

    def _read(self) -> str:
        line = self._answers.readline()
        if not line:
            raise self._lost()
        return line.decode().strip()

    @staticmethod
    def _lost() -> BackendError:
        return BackendError(
            "the helper process that limits the workers has ended",
            "it was killed from outside; run the command again with --resume",
        )
