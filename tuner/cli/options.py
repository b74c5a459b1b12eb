"""Options and small conversions that several commands share."""

from __future__ import annotations

import math
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click

from tuner.errors import TunerError

EXIT_THRESHOLD = 3
"""Exit code of every command whose threshold was crossed."""
EXIT_NOT_DECIDED = 4
"""Exit code under `--strict` where that is not decided."""
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "SIGHUP") else (signal.SIGTERM,)
"""Signals that ask a process to end: from a supervisor, and from a terminal that closes."""
_STOPPING = "Stopping: what was measured is kept, and the function is restored. Ctrl-C again stops at once."
_STOPPING_NOW = "Stopping at once. Another Ctrl-C may leave changes of the run on the function."
F = TypeVar("F", bound=Callable[..., Any])


class PositiveNumber(click.FloatRange):
    """A finite number above 0; the range of click alone lets NaN and infinity through."""

    def __init__(self) -> None:
        super().__init__(0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number.

        Raises:
            click.BadParameter: it is none, not finite, or not above 0.
        """
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def common_options(function: F) -> F:
    """`--quiet` and `--debug`, which every command has."""
    function = click.option("--quiet", is_flag=True, help="No progress; messages only.")(function)
    return click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")(function)


def fraction(text: str) -> float | str:
    """A fraction from `5%`, `0.05` or `5` (percent); the text itself when it is none of them.

    Numbers from 1 up are percentages, with or without the sign.
    """
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        return text
    return value / 100 if text.strip().endswith("%") or value >= 1 else value


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        TunerError: it cannot be written.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; what is no file, such as /dev/stdout or a pipe, is written into.

    Raises:
        TunerError: it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            # A link stays one: what it leads to is replaced.
            _replace(path.resolve(), content)
    except OSError as exc:
        raise TunerError(f"cannot write {path}: {exc.strerror}", "Free some space, or give another --output.") from exc


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Set an event at the first SIGINT, SIGTERM or SIGHUP, so that a run can end in order.

    A further SIGINT raises KeyboardInterrupt. A signal that the parent process ignores, as `nohup` does, stays ignored.
    """
    stop = threading.Event()

    def handle(number: int, _frame: FrameType | None) -> None:
        again = stop.is_set()
        stop.set()
        if number == signal.SIGINT:
            _say_at_once(_STOPPING_NOW if again else _STOPPING)
            if again:
                raise KeyboardInterrupt

    with handled_signals(handle, (signal.SIGINT, *ENDING_SIGNALS)):
        yield stop


@contextmanager
def handled_signals(handle: Callable[[int, FrameType | None], None], signals: Iterable[int]) -> Iterator[None]:
    """Handle signals inside the block, but for those that are ignored. Threads other than the main one cannot."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heeded = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _say_at_once(line: str) -> None:
    """Write on stderr from a signal handler, where buffered streams may be in use."""
    with suppress(OSError, ValueError):
        os.write(2, f"\n{line}\n".encode())
