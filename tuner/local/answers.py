"""What the function answered: the first answer, and how many answers tell of a failure.

A function that answers every request with status 500 is quick and cheap, and that says nothing of its normal runs.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator

from tuner.model import Notice

MAX_SHOWN = 200
"""Characters of an answer that are shown."""
FAILED_STATUS = 400
_END_OF_PRELUDE = b"\0" * 8
"""What stands in a streamed HTTP answer between its status and its body."""


class AnswerMeter:
    """Gathers answers; for any thread.

    Args:
        shows: whether an answer may be shown.
        hide: takes out of it what must not be shown.
    """

    def __init__(self, *, shows: bool, hide: Callable[[str], str] = str) -> None:
        self._shows = shows
        self._hide = hide
        self._lock = threading.Lock()
        self._first: str | None = None
        self._first_bytes = 0
        self._count = 0
        self._failures: Counter[str] = Counter()

    def saw(self, payload: bytes) -> None:
        """Take in the answer of a run that ended well."""
        failure = failure_of(payload)
        with self._lock:
            self._count += 1
            if failure:
                self._failures[failure] += 1
            if self._first is None:
                self._first, self._first_bytes = payload[: 4 * MAX_SHOWN].decode("utf-8", "replace"), len(payload)

    def notices(self) -> Iterator[Notice]:
        """The first answer, and a warning of those that tell of a failure."""
        with self._lock:
            if self._first is not None and self._shows:
                shown = self._hide(self._first)
                if len(shown) > MAX_SHOWN:
                    shown = f"{shown[:MAX_SHOWN]}… ({self._first_bytes:,} bytes in all)"
                yield Notice("first_answer", f"The function answered first with {shown}.")
            if failed := sum(self._failures.values()):
                ((common, _),) = self._failures.most_common(1)
                which = "every answer" if failed == self._count else f"{failed} of {self._count} answers"
                advice = "The result tells of failing runs: give a payload that the function can serve."
                yield Notice("failing_answers", f"The function failed in {which}, e.g. with {common}. {advice}")


def failure_of(payload: bytes) -> str:
    """What in an answer tells of a failure: `statusCode` of 400 or more, or `errorMessage`; empty: nothing does."""
    if b"statusCode" not in payload and b"errorMessage" not in payload:
        return ""
    try:
        answer = json.loads(payload.partition(_END_OF_PRELUDE)[0])
        if not isinstance(answer, dict):
            return ""
        status = answer.get("statusCode")
        if isinstance(status, str) and status.isdecimal():
            status = int(status)
    except (ValueError, RecursionError):  # nested too deeply, or a number of thousands of digits
        return ""
    if isinstance(status, (int, float)) and status >= FAILED_STATUS:
        return f"statusCode {status:.10g}"
    return "an errorMessage" if answer.get("errorMessage") else ""
