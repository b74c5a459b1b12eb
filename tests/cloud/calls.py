"""The record of every API call: what a test enumerates, and what a permission policy is checked against."""

from __future__ import annotations

import threading
import time
from typing import Any

from tests.cloud.iam import needed
from tests.cloud.wire import Call

KEPT_CHARACTERS = 2000
"""Longer strings and blobs in parameters are cut in the record."""


class CallLog:
    """Calls in the order of their arrival, numbered from 1."""

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []
        self._count = 0
        self._lock = threading.Lock()

    def begin(self, call: Call) -> dict[str, Any]:
        """Number a call and record that it has arrived; its outcome is filled in later."""
        own, *dependent = needed(call)
        entry: dict[str, Any] = {
            "service": call.service,
            "operation": call.operation,
            "parameters": _plain(call.parameters),
            "action": own.action,
            "resource": own.resource,
            "also_needs": [{"action": item.action, "resource": item.resource} for item in dependent],
            "caller": call.caller,
            "principal": call.principal,
            "account": call.account,
            "region": call.region,
            "request_id": call.request_id,
            "outcome": "",
            "at": time.time(),
        }
        with self._lock:
            self._count += 1
            call.number = entry["number"] = self._count
            self._entries.append(entry)
        return entry

    def entries(self, since: int = 0) -> list[dict[str, Any]]:
        """All calls with a number above `since`."""
        with self._lock:
            return [dict(entry) for entry in self._entries if entry["number"] > since]

    def clear(self) -> None:
        """Start again at 1."""
        with self._lock:
            self._entries.clear()
            self._count = 0


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return _plain(value.decode("utf-8", "replace")) if len(value) <= KEPT_CHARACTERS else f"<{len(value)} bytes>"
    if isinstance(value, str):
        return value if len(value) <= KEPT_CHARACTERS else value[:KEPT_CHARACTERS] + "…"
    return value if isinstance(value, int | float | bool | None) else str(value)
