"""What a worker sees of the machine: its own /tmp, no shared memory, and its own processes, as in Lambda.

Uses Linux namespaces, by root or by a user namespace where the host allows one. Where it does not, `available` says so
and a worker shares the machine's folders. Standard library alone: the helper process that uses it must start fast.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterable, Sequence

HIDDEN = ("/tmp", "/dev/shm")  # noqa: S108
"""Folders that a worker has its own, empty ones of. In Lambda only /tmp can be written, and there is no /dev/shm."""
_NEW_MOUNTS, _NEW_IPC, _NEW_USER, _NEW_PIDS = 0x0002_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000
"""CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID of the kernel's sched.h."""
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_NO_EXECUTION, _NO_ACCESS_TIME, _NO_FOLDER_ACCESS_TIME, _RELATIVE_ACCESS_TIME = 8, 1024, 2048, 1 << 21
"""MS_ flags of the kernel's mount.h."""
_KEPT_FLAGS = (
    (
        (os.ST_NOSUID, _NO_SETUID),
        (os.ST_NODEV, _NO_DEVICES),
        (os.ST_NOEXEC, _NO_EXECUTION),
        (os.ST_NOATIME, _NO_ACCESS_TIME),
        (os.ST_NODIRATIME, _NO_FOLDER_ACCESS_TIME),
        (os.ST_RELATIME, _RELATIVE_ACCESS_TIME),
    )
    if sys.platform == "linux"
    else ()
)
"""Flags of a mount that a user namespace must keep, as statvfs(3) tells them and as mount(2) takes them."""
_SET_DEATH_SIGNAL, _SET_TIMER_SLACK, _SET_SUBREAPER = 1, 29, 36
"""PR_SET_ options of prctl(2)."""


def enter(tmp_mb: int, keep: Iterable[str], read_only: Iterable[str] = ()) -> None:
    """Leave the namespaces of the machine; the next child is the first process of new ones.

    Args:
        tmp_mb: size of /tmp.
        keep: paths below the hidden folders that stay visible.
        read_only: folders in which nothing can be written, as the task root in Lambda. One that holds /tmp is left
            as it is.

    Raises:
        OSError: the host does not allow it.
    """
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", _NEW_MOUNTS | _NEW_IPC | _NEW_PIDS | (_NEW_USER if uid else 0))
    if uid:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{uid} {uid} 1")
        _write("/proc/self/gid_map", f"{gid} {gid} 1")
    _mount("none", "/", "", _RECURSIVE | _PRIVATE)
    kept = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in outermost(keep) if os.path.exists(path)]
    limits = {"/tmp": f"size={tmp_mb}m,mode=1777", "/dev/shm": "size=4k,mode=0755"}  # noqa: S108
    for folder in HIDDEN:
        if os.path.isdir(folder):
            _mount("tmpfs", folder, "tmpfs", _NO_SETUID | _NO_DEVICES, limits[folder])
    for path, fd in kept:
        _show(path, fd)
    for folder in read_only:
        if not any(f"{hidden}/".startswith(f"{folder.rstrip('/')}/") for hidden in HIDDEN):
            _forbid_writing(folder)
    with contextlib.suppress(OSError):
        if not any(path.startswith("/dev/shm") for path, _ in kept):  # noqa: S108
            _mount("none", "/dev/shm", "", _BIND | _READ_ONLY | _REMOUNT)  # noqa: S108


def show_own_processes() -> None:
    """Let /proc tell of the namespace's own processes; called by its first one.

    Raises:
        OSError: the host does not allow it.
    """
    _mount("proc", "/proc", "proc", _NO_SETUID | _NO_DEVICES | 8)  # MS_NOEXEC


def available() -> bool:
    """Whether this host lets a process have its own /tmp and its own processes; found out in a child that ends."""
    if sys.platform != "linux":
        return False
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BaseException):
            enter(1, ())
            first = os.fork()
            if first == 0:
                with contextlib.suppress(BaseException):
                    show_own_processes()
                    code = 0
                os._exit(code)
            code = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def hidden_paths(command: Sequence[str], variables: Iterable[str], code: Sequence[str]) -> tuple[str, ...]:
    """Paths that a worker needs of the folders that it has its own of.

    Args:
        command: what is to run; of an interpreter everything that is installed with it.
        variables: values of environment variables, which may be lists of paths.
        code: folders of the function's code, with what the links in them lead to.
    """
    prefixes = [_installed_below(path) for path in (command[0], os.path.realpath(command[0]))]
    words = [part for text in (*command, *variables) for part in text.split(os.pathsep)]
    links = []
    for folder in code:
        with contextlib.suppress(OSError):
            links += [os.path.realpath(entry) for entry in os.scandir(folder) if entry.is_symlink()]
    found = [os.path.abspath(path) for path in (*code, *prefixes, *words, *links) if path.startswith("/")]
    below = tuple(f"{folder}/" for folder in HIDDEN)
    return outermost(path for path in found if path.startswith(below) and os.path.exists(path))


def _installed_below(program: str) -> str:
    """The folder with everything that is installed with a program, or the program alone."""
    prefix, folder = os.path.split(os.path.dirname(program))
    return prefix if folder == "bin" else program


def outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that are below no other of them, in order."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not kept or not path.startswith(kept[-1] + "/"):
            kept.append(path)
    return tuple(kept)


def die_with_parent() -> None:
    """Be killed when the parent ends, however it ends. Elsewhere than on Linux nothing happens."""
    _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends. Elsewhere than on Linux nothing happens."""
    _prctl(_SET_SUBREAPER, 1)


def set_timer_slack(nanoseconds: int) -> None:
    """How much later than asked for the kernel may wake this process. Elsewhere than on Linux nothing happens."""
    _prctl(_SET_TIMER_SLACK, nanoseconds)


def _show(path: str, fd: int) -> None:
    """Make a path of the machine visible again below a folder that hides it."""
    if os.path.isdir(f"/proc/self/fd/{fd}"):
        os.makedirs(path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    _mount(f"/proc/self/fd/{fd}", path, "", _BIND | _RECURSIVE)
    os.close(fd)


def _forbid_writing(folder: str) -> None:
    """Make a folder read-only, as far as the host allows it."""
    with contextlib.suppress(OSError):
        _mount(folder, folder, "", _BIND | _RECURSIVE)
        told = os.statvfs(folder).f_flag
        kept = sum(flag for seen, flag in _KEPT_FLAGS if told & seen)
        _mount("none", folder, "", _BIND | _REMOUNT | _READ_ONLY | kept)


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    _call("mount", source.encode(), target.encode(), kind.encode() or None, flags, data.encode() or None)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            _call("prctl", option, ctypes.c_ulong(value), 0, 0, 0)


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
