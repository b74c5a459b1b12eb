"""Payloads to invoke a function with: one, or a weighted list as the peer takes it.

Knows which payload the n-th invocation gets; does not know where payloads come from.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from tuner.errors import Fault, InputError

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Largest payload of a synchronous invocation (Lambda quotas, 2026-09)."""


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
            if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not weight > 0:
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
        total = sum(item.weight for item in self.items)
        exact = [count * item.weight / total for item in self.items]
        shares = [int(share) for share in exact]
        by_remainder = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
        for index in by_remainder[: count - sum(shares)]:
            shares[index] += 1
        order = [index for index, share in enumerate(shares) for _ in range(share)]
        random.Random(seed).shuffle(order)
        return tuple(order)


def _encode(body: Any) -> bytes:
    if body is None:
        return b"{}"
    if isinstance(body, str):
        try:
            json.loads(body)
        except ValueError:
            return json.dumps(body).encode()
        return body.encode()
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
