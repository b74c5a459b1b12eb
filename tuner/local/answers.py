"""What the function answered: the first answer, how many tell of a failure, and whether two versions answer alike.

A function that answers every request with status 500 is quick and cheap, and that says nothing of its normal runs.
Nor does a version that answers otherwise than the one before.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

from tuner.model import Invocation, Notice
from tuner.plain_numbers import plural

MAX_SHOWN = 200
"""Characters of an answer that are shown."""
MAX_COMPARED = 65_536
"""Bytes of an answer that is compared as JSON; a longer one is compared byte by byte."""
FAILED_STATUS, LAST_STATUS = 400, 599
_END_OF_PRELUDE = b"\0" * 8
"""What stands in a streamed HTTP answer between its status and its body."""


@dataclass(slots=True)
class _FirstAnswer:
    """The first answer to a payload.

    Attributes:
        digest: SHA-256 of it.
        kept: the answer itself; empty where it is long.
        shown: as it may be shown; empty: it may not.
        varies: whether a later answer to the payload was another one.
    """

    digest: bytes
    kept: bytes
    shown: str
    varies: bool = False

    def same_as(self, other: _FirstAnswer) -> bool:
        """Whether both say the same; the order of names and blanks in JSON says nothing."""
        if self.digest == other.digest:
            return True
        return bool(self.kept and other.kept) and _sorted(self.kept) == _sorted(other.kept)


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
        self._first = ""
        self._count = 0
        self._firsts: dict[int, _FirstAnswer] = {}
        self._failures: Counter[str] = Counter()

    def read(self, run: Invocation, payload: bytes) -> Invocation:
        """A run with what its answer tells, where it ended well; the first one has the answer that is shown."""
        if not _answered(run):
            return run
        with self._lock:
            first = self._shows and not self._first
            if first:
                self._first = self._shown(payload)
            self._note(run.payload, payload)
        return replace(run, answer=self._first if first else "", failed_answer=failure_of(payload))

    def saw(self, run: Invocation) -> None:
        """Count a run of this session, or of an earlier one."""
        with self._lock:
            if self._shows and not self._first:
                self._first = self._hide(run.answer)  # that session may have had nothing to hide
            if _answered(run):
                self._count += 1
                self._failures.update(filter(None, [run.failed_answer]))

    def notices(self) -> Iterator[Notice]:
        """The first answer, and a warning of those that tell of a failure."""
        with self._lock:
            if self._first:
                yield Notice("first_answer", f"The function answered first with {self._first}.")
            if failed := sum(self._failures.values()):
                ((common, _),) = self._failures.most_common(1)
                which = "every answer" if failed == self._count else f"{failed} of {self._count} answers"
                advice = "The result tells of failing runs: give a payload that the function can serve."
                yield Notice("failing_answers", f"The function failed in {which}, e.g. with {common}. {advice}")

    def difference(self, candidate: AnswerMeter) -> str:
        """How a candidate answers payloads otherwise than this baseline, in words; empty: it does not."""
        common = sorted(self._firsts.keys() & candidate._firsts.keys())
        pairs = [(self._firsts[payload], candidate._firsts[payload]) for payload in common]
        found = [(before, after) for before, after in pairs if not before.same_as(after)]
        if not found:
            return ""
        before, after = min(found, key=lambda pair: pair[0].varies or pair[1].varies)
        which = "the payload" if len(common) == 1 else f"{len(found)} of {plural(len(common), 'payload')}"
        told = f": {before.shown} and {after.shown}" if before.shown != after.shown else ""
        if before.varies or after.varies:
            meaning = "A version answers otherwise from run to run as well, as where answers hold times or ids."
        else:
            meaning = "That is no fault where it was meant, or where answers hold times or ids."
        return f"Baseline and candidate answer {which} differently{told}. {meaning}"

    def _note(self, payload: int, answer: bytes) -> None:
        """Keep the first answer to a payload, and whether a later one is another."""
        known = self._firsts.get(payload)
        if known is None:
            kept = answer if len(answer) <= MAX_COMPARED else b""
            shown = self._shown(answer) if self._shows else ""
            self._firsts[payload] = _FirstAnswer(sha256(answer).digest(), kept, shown)
        elif not known.varies:
            known.varies = sha256(answer).digest() != known.digest

    def _shown(self, payload: bytes) -> str:
        """An answer as a result may show it."""
        shown = self._hide(payload.decode("utf-8", "replace"))  # whole: a value that is cut off is not found
        return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}… ({len(payload):,} bytes in all)"


def _sorted(answer: bytes) -> str | bytes:
    """JSON in one spelling; what is none as it is."""
    try:
        return json.dumps(json.loads(answer), sort_keys=True)
    except (ValueError, RecursionError):
        return answer


def _answered(run: Invocation) -> bool:
    """Whether the function answered: it ended well, and not by an error that is allowed."""
    return run.usable and run.error is None


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
        # A larger number is no status of HTTP, and may be of the payload.
        return f"statusCode {status:g}" if status <= LAST_STATUS else f"a statusCode of {FAILED_STATUS} or more"
    return "an errorMessage" if answer.get("errorMessage") else ""
