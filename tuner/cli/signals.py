"""Turns signals into an event, so that what runs can end in order."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "SIGHUP") else (signal.SIGTERM,)
"""Signals that ask a process to end: from a supervisor, and from a terminal that closes."""
_STOPPING = "Stopping: what was measured is kept, and the function is restored. Ctrl-C again stops at once."
_STOPPING_NOW = "Stopping at once. Another Ctrl-C may leave changes of the run on the function."


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
