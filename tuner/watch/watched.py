"""Judges one function by what its log says, since it was tuned last. It reads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.watch.decision import LATEST_WEEKS, decide
from tuner.watch.messages import WatchReport
from tuner.watch.weeks import DAYS, SECONDS_PER_DAY, Day, weeks_of

DEFAULT_DAYS = 56.0
"""Eight weeks: two to judge, and six that say what was usual."""
DEFAULT_THRESHOLD = 0.1


@dataclass(frozen=True, slots=True)
class WatchedLog:
    """What the log of a watched function says.

    Attributes:
        days: of its log.
        code_since_s: since when its code is as it is, in seconds since 1970; None: not known.
    """

    days: Sequence[Day]
    code_since_s: float | None = None


def judge(
    function: str, log: WatchedLog, *, since_s: float, threshold: float, now_s: float, command: str = ""
) -> WatchReport:
    """Tell whether a function became slower.

    Args:
        function: its name.
        log: what its log says.
        since_s: when it was tuned last, in seconds since 1970.
        threshold: excess that is accepted, as a fraction.
        now_s: the end of the last week.
        command: what tunes it again.
    """
    memory_mb, weeks = weeks_of(log.days, since_s=since_s, now_s=now_s)
    lately_s = now_s - (LATEST_WEEKS + 1) * DAYS * SECONDS_PER_DAY
    released = log.code_since_s is not None and log.code_since_s >= lately_s
    decision = decide(weeks, threshold=threshold, released=released)
    return WatchReport(function, memory_mb, decision, threshold, weeks[-1] if weeks else None, command)
