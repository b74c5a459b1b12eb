"""Starts a worker below a keeper, a process that ends whatever the worker started.

The keeper outlives its worker until the helper process lets go of both, so that no pid is used again meanwhile. It dies
with the helper process, and the worker with it. Standard library alone: it is forked from the helper process.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence

from tuner.local.limits import isolation
from tuner.local.limits.processes import children_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_READY = b"r"
_MAX_FD = 4096
"""Above any descriptor of the helper process."""
_FD_FOLDERS = ("/proc/self/fd", "/dev/fd")
"""Where a system lists the open descriptors of a process."""
_TIMER_SLACK_NS = 50_000  # the kernel's default


class Launch:
    """What to start.

    Args:
        command, variables, folder: of the worker.
        output_fd: its stdout and stderr.
        status_fd: gets its wait status as text when it ends.
        tmp_mb: size of its /tmp.
        keep: paths of the machine's /tmp that it sees all the same.
        read_only: folders in which it can write nothing.
        isolated: whether it has its own /tmp and processes.
    """

    def __init__(
        self,
        command: Sequence[str],
        variables: Mapping[str, str],
        folder: str,
        *,
        output_fd: int,
        status_fd: int,
        tmp_mb: int,
        keep: Sequence[str],
        read_only: Sequence[str],
        isolated: bool,
    ) -> None:
        self.command, self.variables, self.folder = command, variables, folder
        self.output_fd, self.status_fd = output_fd, status_fd
        self.tmp_mb, self.keep, self.read_only, self.isolated = tmp_mb, keep, read_only, isolated


class Kept:
    """A worker and who keeps it; pids as this process sees them.

    Args:
        keeper: child of this process.
        root: parent of the worker and of every orphan of it: the keeper, or the first process of a namespace.
        worker: the worker itself, which has not begun yet.
        go: pipe that lets it begin.
    """

    def __init__(self, keeper: int, root: int, worker: int, go: int) -> None:
        self.keeper, self.root, self.worker = keeper, root, worker
        self._go = go

    def begin(self) -> None:
        """Let the worker begin."""
        os.write(self._go, _READY)
        os.close(self._go)

    def kill(self) -> None:
        """Kill the keeper, and so the worker with everything that it started."""
        for pid in {self.root, self.keeper}:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def start(launch: Launch, restore: Callable[[], None]) -> Kept:
    """Fork a keeper and its worker.

    Args:
        launch: what to start.
        restore: undoes in the child what this process did to its own priority.

    Raises:
        OSError: the worker cannot be started.
    """
    go_read, go_write = os.pipe()
    told_read, told_write = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.close(go_write)
        _guarded(lambda: _keep(launch, restore, go_read, told_write), told_write)
    os.close(go_read)
    os.close(told_write)
    told = os.read(told_read, 4096)
    os.close(told_read)
    if told != _READY:
        os.close(go_write)
        os.kill(keeper, signal.SIGKILL)
        os.waitpid(keeper, 0)
        raise OSError(told.decode("utf-8", "replace") or "the keeper of the worker has ended")
    root = children_of(keeper)[0] if launch.isolated else keeper
    return Kept(keeper, root, children_of(root)[0], go_write)


def _guarded(act: Callable[[], NoReturn], told: int) -> NoReturn:
    """Run the child's part; whatever happens it does not return into the parent's code."""
    try:
        act()
    except BaseException as error:  # noqa: BLE001
        with contextlib.suppress(OSError):
            os.write(told, str(error).encode("utf-8", "replace"))
    finally:
        os._exit(127)


def _keep(launch: Launch, restore: Callable[[], None], go: int, told: int) -> NoReturn:
    """The keeper: in a namespace of its own it only waits for the first process there."""
    restore()
    isolation.set_timer_slack(_TIMER_SLACK_NS)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    if not launch.isolated:
        isolation.adopt_orphans()
        isolation.die_with_parent()
        _tend(launch, go, told)
    isolation.enter(launch.tmp_mb, launch.keep, launch.read_only)
    isolation.die_with_parent()  # after the user namespace, which would undo it
    first = os.fork()
    if first == 0:
        isolation.die_with_parent()
        isolation.show_own_processes()
        _guarded(lambda: _tend(launch, go, told), told)
    for fd in (go, told, launch.output_fd, launch.status_fd):
        os.close(fd)
    os.waitpid(first, 0)
    while True:
        signal.pause()


def _tend(launch: Launch, go: int, told: int) -> NoReturn:
    """Start the worker, tell how it ended, end what it left, and stay until killed."""
    worker = os.fork()
    if worker == 0:
        isolation.die_with_parent()
        _begin(launch, go, told)
    os.write(told, _READY)
    for fd in (go, told, launch.output_fd):
        os.close(fd)
    status = _wait_for(worker)
    _end_the_rest(worker)
    with contextlib.suppress(OSError):
        os.write(launch.status_fd, str(status).encode())
    os.close(launch.status_fd)
    while True:
        _end_the_rest(worker)
        signal.sigtimedwait([signal.SIGCHLD], 0.1) if hasattr(signal, "sigtimedwait") else signal.pause()


def _wait_for(worker: int) -> int:
    """Exit status of the worker, negative for a signal; it stays a zombie, so that its pid stays taken."""
    while True:
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        if ended is None:
            continue
        if ended.si_pid == worker:
            return int(ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)
        os.waitpid(ended.si_pid, 0)


def _end_the_rest(worker: int) -> None:
    """Kill and reap every process that the worker left behind."""
    while left := [pid for pid in children_of(os.getpid()) if pid != worker]:
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.waitpid(pid, 0)


def _begin(launch: Launch, go: int, told: int) -> NoReturn:
    """Become the worker: a session of its own, nothing open but its output, default signals."""

    def run() -> NoReturn:
        os.setsid()
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        if os.read(go, 1) != _READY:
            raise OSError("nobody waits for it any more")
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(launch.output_fd, 1)
        os.dup2(launch.output_fd, 2)
        os.chdir(launch.folder)
        for fd in _open_descriptors():
            with contextlib.suppress(OSError):
                os.set_inheritable(fd, False)
        os.execvpe(launch.command[0], list(launch.command), dict(launch.variables))  # noqa: S606

    try:
        run()
    except BaseException as error:  # noqa: BLE001
        os.write(launch.output_fd, f"cannot start {launch.command[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _open_descriptors() -> Sequence[int]:
    """The descriptors of this process but the standard ones; where the system does not list them, all numbers."""
    for folder in _FD_FOLDERS:
        with contextlib.suppress(OSError):
            return [fd for fd in map(int, os.listdir(folder)) if fd > 2]
    return range(3, _MAX_FD)
