"""Payloads to invoke a function with: one, or a weighted list as the peer takes it.

Knows which payload the n-th invocation gets; does not know where payloads come from.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tuner.errors import Fault, InputError
from tuner.model import FunctionError

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Largest payload of a synchronous invocation (Lambda quotas, 2026-09)."""
SHORTEST_HIDDEN = 4
"""Characters from which a value of a payload is looked for in messages; shorter ones stand in any text."""
HIDDEN = "…"


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
        """Read a payload as the peer does.

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

    def schedule(self, count: int, *, seed: int) -> tuple[int, ...]:
        """Indices of the payloads of `count` invocations, in random order.

        Every payload gets its share of the invocations, rounded so that the shares of the
        whole schedule are as near to the weights as they can be (largest remainder).
        """
        largest = max(item.weight for item in self.items)
        relative = [item.weight / largest for item in self.items]  # their sum is finite, whatever the weights
        exact = [count * (share / sum(relative)) for share in relative]
        shares = [int(share) for share in exact]
        by_remainder = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
        for index in by_remainder[: count - sum(shares)]:
            shares[index] += 1
        order = [index for index, share in enumerate(shares) for _ in range(share)]
        random.Random(seed).shuffle(order)
        return tuple(order)


def without_payload(error: FunctionError, *bodies: bytes) -> FunctionError:
    """The error with every value of the payloads, and each payload as a whole, taken out of its message and stack.

    For runs whose payloads must not be shown: functions like to quote what they could not read.
    """
    values = {value for body in bodies for value in _values_of(body) if len(value) >= SHORTEST_HIDDEN}
    if not values:
        return error
    pattern = re.compile("|".join(map(re.escape, sorted(values, key=len, reverse=True))))
    return FunctionError(
        error.type, pattern.sub(HIDDEN, error.message), tuple(pattern.sub(HIDDEN, line) for line in error.stack)
    )


def _values_of(body: bytes) -> Iterator[str]:
    """Names, texts and numbers in a payload in the forms that messages quote them in, and the payload itself."""
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
            yield from (value, repr(value)[1:-1], json.dumps(value)[1:-1])
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
        json.loads(text)
        text.encode()
    except (ValueError, RecursionError):
        return False
    return True
