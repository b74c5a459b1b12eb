"""Payloads to invoke a function with: one, or a weighted list as Power Tuning takes it.

Knows which payload the n-th invocation gets; does not know where payloads come from.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

from tuner.errors import Fault, InputError
from tuner.model import FunctionError
from tuner.redaction import Redaction

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Largest payload of a synchronous invocation (Lambda quotas, 2026-09)."""
GOLDEN_RATIO = (5**0.5 - 1) / 2
"""Multiples of it modulo 1 fill an interval more evenly than those of any other number."""
SEALING_ROUNDS = 600_000
"""Rounds of PBKDF2-HMAC-SHA256 (OWASP Password Storage Cheat Sheet, 2023)."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One payload as the bytes to send, and its relative weight."""

    body: bytes
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Payloads:
    """At least one payload."""

    items: tuple[Payload, ...]

    @classmethod
    def decode(cls, value: Any, *, path: str = "$.payload") -> Payloads:
        """Read a payload as Power Tuning does.

        A list counts as weighted only if every item has `payload` and `weight`;
        anything else is one payload. A string is sent as it is when it holds JSON.

        Raises:
            InputError: a weight is not a positive number, or a payload is too large.
        """
        weighted = (
            isinstance(value, list)
            and bool(value)
            and all(isinstance(item, dict) and "payload" in item and "weight" in item for item in value)
        )
        entries = [(item["payload"], item["weight"]) for item in value] if weighted else [(value, 1)]
        faults: list[Fault] = []
        items: list[Payload] = []
        for index, (body, weight) in enumerate(entries):
            where = f"{path}[{index}]" if weighted else path
            encoded = _encode(body)
            if not _is_weight(weight):
                faults.append(Fault(f"{where}.weight", f"{weight!r} is not a positive number", "use a number above 0"))
                continue
            if len(encoded) > MAX_PAYLOAD_BYTES:
                problem = f"{len(encoded):,} bytes is above the {MAX_PAYLOAD_BYTES:,} bytes that Lambda accepts"
                faults.append(Fault(where, problem, "use a smaller payload"))
            items.append(Payload(encoded, float(weight)))
        if faults:
            raise InputError(faults)
        return cls(tuple(items))

    def schedule(self, count: int, *, seed: int, trial: int) -> tuple[int, ...]:
        """Indices of the payloads of a trial's invocations, in random order.

        Every payload gets its share of the trial to within one invocation, and its share of all
        trials together, however small each of them is: systematic sampling, whose offset moves on
        from trial to trial by the golden ratio and so leaves no gap.

        Args:
            count: invocations of the trial.
            seed: of the study.
            trial: id of the trial.
        """
        bounds = list(accumulate(self._relative_weights))
        offset = (random.Random(seed).random() + trial * GOLDEN_RATIO) % 1
        points = ((number + offset) / count * bounds[-1] for number in range(count))
        order = [min(bisect_right(bounds, point), len(bounds) - 1) for point in points]
        random.Random(f"{seed}/{trial}").shuffle(order)
        return tuple(order)

    def digest(self) -> str:
        """SHA-256 that identifies what is sent and how often, wherever it was read from."""
        digest = hashlib.sha256()
        for item, weight in zip(self.items, self._relative_weights, strict=True):
            digest.update(f"{len(item.body)} {weight} ".encode() + item.body)
        return digest.hexdigest()

    def sealed_digest(self, salt: str) -> str:
        """A digest for payloads that must not be shown: salted and slow, so that nobody finds them by trying."""
        return hashlib.pbkdf2_hmac("sha256", self.digest().encode(), salt.encode(), SEALING_ROUNDS).hex()

    @property
    def hint(self) -> str:
        """What to try where every run fails and nothing but the event that is sent by default was; else nothing."""
        empty = all(item.body == b"{}" for item in self.items)
        return "The event was {}. Another one comes from --payload." if empty else ""

    @property
    def _relative_weights(self) -> list[float]:
        """Weights as parts of the largest: their sum is finite, whatever they are."""
        largest = max(item.weight for item in self.items)
        return [item.weight / largest for item in self.items]


def without_payload(error: FunctionError, *bodies: bytes) -> FunctionError:
    """The error with everything of the payloads taken out: values, names and the whole, quoted or encoded.

    For runs whose payloads must not be shown: functions like to quote what they could not read.
    """
    return without_values(error, _redaction(bodies))


def without_values(error: FunctionError, hide: Redaction) -> FunctionError:
    """The error with what must not be shown taken out of its type, message and stack."""
    return FunctionError(hide(error.type), hide(error.message), tuple(map(hide, error.stack)))


@lru_cache(maxsize=16)
def _redaction(bodies: tuple[bytes, ...]) -> Redaction:
    return Redaction.of(value for body in bodies for value in _values_of(body))


def _values_of(body: bytes) -> Iterator[str]:
    """Names, texts and numbers in a payload, and the payload itself."""
    text = body.decode("utf-8", "replace")
    yield text
    try:
        waiting = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, str):
            yield value
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield json.dumps(value)


def _is_weight(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return 0 < float(value) < math.inf
    except OverflowError:  # a whole number beyond every float
        return False


def _encode(body: Any) -> bytes:
    if body is None:
        return b"{}"
    if isinstance(body, str) and _holds_json(body):
        return body.encode()
    try:
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can say it, UTF-8 cannot
        return json.dumps(body, separators=(",", ":")).encode()


def _holds_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse_constant)
        text.encode()
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(name)
