"""The owner's side of the helper process that starts and limits workers (see `governor_process`).

One governor serves all workers of a backend or pool, from any thread.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tuner.errors import BackendError
from tuner.local.limits.isolation import hidden_paths

_ROOT = Path(__file__).resolve().parents[3]
_START = "import sys; sys.path.append(sys.argv[1]); from tuner.local.limits.governor_process import main; main()"
_OPTIONS = "-BPS" if sys.platform == "linux" else "-BP"
"""-P: the current folder may hold a types.py. -S: of installed packages psutil alone is needed, and not on Linux."""
CANNOT_START = "see whether there is space for temporary files, and room for another process and open files"


@dataclass(frozen=True, slots=True)
class Use:
    """What a worker has used.

    Attributes:
        peak_bytes: peak resident memory so far.
        out_of_memory: whether that is above its limit. It was killed then, or must be.
        owed_s: by how much an exact limit of the CPU share would have delayed the end.
        lost_s: how long it could run during the invocation and had no core.
        cpu_s: CPU time of the invocation, of all its processes.
    """

    peak_bytes: int
    out_of_memory: bool
    owed_s: float
    lost_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class WorkerStart:
    """A worker to start.

    Attributes:
        command, variables, folder: program and arguments, environment variables, working directory.
        code: folders of the function's code, which it sees wherever they are. Nothing can be written in the first.
        share: vCPUs; None: not limited.
        limit_bytes: resident memory above which it is killed.
        freezes: whether it is stopped between invocations.
        tmp_mb: size of its own /tmp, where the host allows one.
    """

    command: Sequence[str]
    variables: Mapping[str, str]
    folder: str
    code: Sequence[str]
    share: float | None
    limit_bytes: int
    freezes: bool
    tmp_mb: int


@dataclass(slots=True)
class Governor:
    """Starts and limits workers; a context manager. When it closes, or this process dies, its workers are killed.

    Args:
        cgroup_parent: control group below which the kernel is to limit the CPU share (see
            `tuner.local.limits.cgroup`). None: by stopping and continuing the workers.

    Raises:
        BackendError: the helper process cannot be started, or was killed from outside.
    """

    cgroup_parent: Path | None = None
    _process: subprocess.Popen[bytes] = field(init=False, repr=False)
    _socket: socket.socket = field(init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _sending: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _unread: bytes = b""
    _hello: str = ""

    def __post_init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, _OPTIONS, "-c", _START, str(_ROOT)],
                    stdin=theirs.fileno(),
                    start_new_session=True,  # Ctrl-C at the terminal must reach the tuner alone
                )
        except OSError as exc:
            self._socket.close()
            raise BackendError(f"cannot start the helper process that limits workers: {exc}", CANNOT_START) from exc

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
            return self._greeting().startswith("cpu")

    @property
    def isolates(self) -> bool:
        """Whether workers have their own /tmp and processes."""
        with self._lock:
            return self._greeting().endswith("isolated")

    def start(self, wanted: WorkerStart, output_fd: int, status_fd: int) -> int:
        """Start a worker that leads its own session; its init phase begins.

        Args:
            wanted: what to start.
            output_fd: its stdout and stderr.
            status_fd: gets its exit status as text when it ends, negative for a signal.

        Returns:
            Its pid.

        Raises:
            BackendError: it cannot be started.
        """
        document = {
            "command": list(wanted.command),
            "variables": dict(wanted.variables),
            "folder": wanted.folder,
            "share": wanted.share,
            "limit_bytes": wanted.limit_bytes,
            "freezes": wanted.freezes,
            "tmp_mb": wanted.tmp_mb,
            "keep": hidden_paths(wanted.command, wanted.variables.values(), wanted.code),
            "read_only": wanted.code[:1],
            "group": str(self.cgroup_parent or ""),
        }
        with self._lock:
            self._greeting()
            self._send(f"start {json.dumps(document)}", output_fd, status_fd)
            kind, _, told = self._read().partition(" ")
        if kind == "error":
            raise BackendError(f"cannot start {wanted.command[0]}: {told}", CANNOT_START)
        return int(told)

    def begin(self, pid: int, began: float) -> None:
        """An invocation starts: let the worker run, within its share.

        Args:
            pid: the worker.
            began: monotonic time of the start; the worker loses the time until it is let run.
        """
        self._send(f"begin {pid} {began!r}")

    def lost(self, pid: int) -> tuple[float, bool]:
        """Seconds of the running invocation in which the worker could run and had no core.

        Returns:
            The seconds of waits that are over, and whether the worker has waited since the last call and still does.
        """
        lost_s, waits = self._ask(f"lost {pid}").split()
        return float(lost_s), waits == "1"

    def end(self, pid: int) -> Use:
        """The invocation or the init phase is over."""
        peak, exceeded, owed_s, lost_s, cpu_s = self._ask(f"end {pid}").split()
        return Use(int(peak), exceeded == "1", float(owed_s), float(lost_s), float(cpu_s))

    def kill(self, pid: int) -> None:
        """Kill a worker with all that it started, soon; from any thread."""
        self._send(f"kill {pid}")

    def remove(self, pid: int) -> None:
        """Kill a worker with all that it started, and forget it."""
        self._ask(f"remove {pid}")

    def check(self) -> None:
        """Raise if the helper process has ended."""
        if self._process.poll() is not None:
            raise self._lost()

    def close(self) -> None:
        """Kill all workers and end the helper process."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        self._process.wait()
        self._socket.close()

    def _send(self, line: str, *fds: int) -> None:
        data = line.encode() + b"\n"
        try:
            with self._sending:
                sent = socket.send_fds(self._socket, [data], fds) if fds else 0
                self._socket.sendall(data[sent:])
        except (OSError, ValueError) as exc:
            raise self._lost() from exc

    def _ask(self, line: str) -> str:
        with self._lock:
            self._greeting()
            self._send(line)
            return self._read()

    def _greeting(self) -> str:
        if not self._hello:
            self._hello = self._read()
        return self._hello

    def _read(self) -> str:
        while b"\n" not in self._unread:
            try:
                data = self._socket.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                raise self._lost()
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    @staticmethod
    def _lost() -> BackendError:
        return BackendError(
            "the helper process that limits the workers has ended",
            "it was killed from outside; run the command again with --resume",
        )
