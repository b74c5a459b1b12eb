"""Progress of a fleet on stderr: how many functions are done, and what each of those that run has made.

On a terminal a few lines that are redrawn. Elsewhere a line when a function begins or ends, and one every half minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reports.words.escape import visible_lines
from reports.words.lines import labelled, short_name
from tuner.cli.progress.live_view import LiveView
from tuner.cli.progress.pace import time_span
from tuner.model import Sample, Trial
from tuner.pricing.currency import currency_sign
from tuner.search.loop import Observer
from tuner.search.study import Study

if TYPE_CHECKING:
    from tuner.api.result import Result


class FleetMemberProgress:
    """What one function has made; an observer of its loop."""

    def __init__(self) -> None:
        self._study: Study | None = None

    def asked(self, study: Study, _trials: Sequence[Trial]) -> None:
        """Remember the study."""
        self._study = study

    def told(self, study: Study, _sample: Sample) -> None:
        """Remember the study."""
        self._study = study

    @property
    def usd(self) -> float:
        """What it has spent."""
        return self._study.spent.usd if self._study else 0.0

    def __str__(self) -> str:
        if self._study is None:
            return "reading the function"
        spent, sign = self._study.spent, currency_sign(self._study.prices.currency)
        return f"round {len(self._study.rounds)}, {spent.invocations:,} runs, {sign}{spent.usd:.6f}"


class FleetProgress(LiveView):
    """Shows a fleet as it goes.

    Args:
        functions: how many there are.
        quiet: show nothing.
        clock: seconds, from any beginning.
    """

    def __init__(self, functions: int, *, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(quiet=quiet, clock=clock)
        self._functions = functions
        self._lock = threading.Lock()
        self._running: dict[str, FleetMemberProgress] = {}
        self._done = self._failed = 0
        self._spent_usd = 0.0

    def began(self, function: str) -> Observer:
        """Show a function that is tuned now."""
        member = FleetMemberProgress()
        with self._lock:
            self._running[function] = member
        self._line(f"{self._head()}  {function}: begins")
        return member

    def ended(self, function: str, result: Result | None, failure: str) -> None:
        """Count a function as done."""
        with self._lock:
            member = self._running.pop(function, None)
            self._spent_usd += member.usd if member else 0.0
            self._done += 1
            self._failed += result is None
        told = failure if result is None else str(result.recommendation)
        self._line(f"{self._head()}  {function}: {told}")

    def lines(self, width: int) -> list[str]:
        """What a terminal of this width shows now; no line is longer."""
        with self._lock:
            running = dict(self._running)
        found = [f"{self._head()}  {time_span(self._clock() - self._began)}"]
        found += (f"  {short_name(function)}: {member}" for function, member in running.items())
        return labelled("\n".join(found), width, whole=False).splitlines()

    def heartbeat(self) -> str:
        """How far all are."""
        return "\n".join(map(visible_lines, self.lines(width=200)))

    def _head(self) -> str:
        with self._lock:
            usd = self._spent_usd + sum(member.usd for member in self._running.values())
            failed = f", {self._failed} failed" if self._failed else ""
            return f"{self._done} of {self._functions} functions{failed}  ${usd:.6f}"

    def _line(self, text: str) -> None:
        if self._live is None:
            self.write(visible_lines(text))
