"""Where progress is shown on stderr: lines that are redrawn on a terminal, single lines elsewhere.

Whoever stops reading does not stop the run. It knows nothing of what is measured.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from tuner.cli.output import fitted

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

LINE_EVERY_S = 30.0
"""How often work that goes on is told where lines cannot be redrawn."""


class LiveView(ABC):
    """Shows work as it goes on. Subclasses say the lines.

    Args:
        quiet: show nothing.
        clock: seconds, from any beginning.
    """

    def __init__(self, *, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet = quiet
        self._clock = clock
        self._began = self._said_at = clock()
        self._live: Live | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        if self._quiet:
            return self
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True)
            self._live = Live(
                console=console, refresh_per_second=4, transient=True, get_renderable=lambda: self._text(console.width)
            )
            self._live.start()
        else:
            threading.Thread(target=self._beat, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        if self._live:
            self._live.stop()

    @abstractmethod
    def lines(self, width: int) -> list[str]:
        """What a terminal of this width shows now; no line is longer."""

    @abstractmethod
    def heartbeat(self) -> str:
        """What is said every half minute where lines cannot be redrawn; empty: nothing."""

    def style_of(self, line: str) -> str:
        """The style of a line on a terminal."""
        return ""

    def keep(self, text: str) -> None:
        """Say what must stay."""
        if self._live is None:
            self.write(text)
        else:
            self._live.console.print(text, markup=False, highlight=False)

    def write(self, text: str) -> None:
        """Write a line, unless it is quiet or nobody reads any more."""
        if self._quiet:
            return
        self._said_at = self._clock()
        try:
            sys.stderr.write(fitted(text, err=True) + "\n")
            sys.stderr.flush()
        except (BrokenPipeError, ValueError):
            self._quiet = True

    def _beat(self) -> None:
        while not self._ended.wait(LINE_EVERY_S):
            if self._clock() - self._said_at >= LINE_EVERY_S and (told := self.heartbeat()):
                self.write(told)

    def _text(self, width: int) -> Text:
        from rich.text import Text

        text = Text(no_wrap=True, overflow="crop")
        for number, line in enumerate(self.lines(width)):
            text.append("\n" if number else "")
            text.append(line, style=self.style_of(line))
        return text
