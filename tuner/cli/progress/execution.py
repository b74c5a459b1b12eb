"""How far an execution of the state machine is, as lines for stderr: from its history and from what its Planner tells.

One task measures all rounds of an adaptive search, so the history alone would be silent for a minute.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tuner.cli.progress.pace import named_sizes, pace
from tuner.errors import BackendError
from tuner.pricing.currency import currency_sign

if TYPE_CHECKING:
    from tuner.aws.api.executions import HistoryEvent

TASK_OF_ALL_ROUNDS = "Round"
_WITHIN_A_MAP = ("Executor", "Long Executor", "Trial Done")


class HistoryProgress:
    """Turns events of a history into lines that tell how far an execution is."""

    def __init__(self) -> None:
        self._round = 0
        self._left = 0
        self.searching = False
        """Whether the task that measures round after round is at work."""

    def line(self, event: HistoryEvent) -> str:
        """The line of an event; empty when it tells nothing new."""
        if event.type == "MapStateEntered":
            self._round += 1
        if event.type == "MapStateStarted":
            self._left = event.items
            # The Map of a fleet does not tell its items, and has no rounds.
            if not event.items:
                return ""
            return f"round {self._round}  measuring {event.items} trial{'' if event.items == 1 else 's'}"
        if event.type == "MapIterationSucceeded":
            self._left -= 1
            return f"         {self._left} to go" if self._left else ""
        if event.type in ("TaskStateEntered", "PassStateEntered") and event.state not in _WITHIN_A_MAP:
            self.searching = event.state == TASK_OF_ALL_ROUNDS
            return "" if self.searching else event.state
        return "a handler is repeated" if event.type in ("LambdaFunctionTimedOut", "LambdaFunctionStartFailed") else ""


class SearchFollower:
    """Reads how far a search is from the document that its Planner writes.

    Args:
        address: where the document is; empty while that is not known. It is asked only while rounds are measured.
        read: reads an object; None: it does not exist.
        clock: seconds, from any beginning.
    """

    def __init__(
        self,
        address: Callable[[], str],
        read: Callable[[str], bytes | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find, self._read, self._clock = address, read, clock
        self._address = ""
        self._round = self._first = 0
        self._began = 0.0
        self._off = False

    def line(self) -> str:
        """The line of a round that has begun since the last call; empty when none has.

        Whoever may not read the document is told once, and follows the history alone.
        """
        if self._off:
            return ""
        try:
            self._address = self._address or self._find()
            content = self._read(self._address) if self._address else None
        except BackendError as exc:
            self._off = True
            return f"measuring round after round; how far it is cannot be read: {exc.message}"
        told = json.loads(content) if content else {}
        if told.get("round", 0) <= self._round:
            return ""
        self._round = told["round"]
        now = self._clock()
        if not self._first:
            self._first, self._began = self._round, now
        expected, tolerance = told["expected_regret"], told["tolerance"]
        return f"{round_line(told)}{pace(self._round - self._first, now - self._began, expected, tolerance)}"


def round_line(told: Mapping[str, Any]) -> str:
    """The line of a round: its number, what was spent before it, what it measures, and how near the answer is."""
    sizes, regret = told["sizes"], told["expected_regret"]
    spent = f"{told['invocations']:,} runs  {currency_sign(told['currency'])}{told['cost']:.6f}"
    near = f"  expected {regret:.1%} from the best" if regret is not None else ""
    return f"round {told['round']}  {spent}  measuring {named_sizes(sizes)}{near}"
