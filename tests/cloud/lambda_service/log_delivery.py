"""The way of an invocation's log to CloudWatch: it arrives a little later, as in AWS, and only when somebody looks."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tests.cloud import clock
from tests.cloud.lambda_service.invocation import Run


@dataclass(frozen=True, slots=True)
class _Entry:
    arrives: float
    account: str
    region: str
    group: str
    run: Run
    time_ms: int


@dataclass(slots=True)
class LogDelivery:
    """Logs that are on their way."""

    _waiting: list[_Entry] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, account: str, region: str, group: str, run: Run, *, delay_s: float) -> None:
        """Have a log arrive after a while."""
        entry = _Entry(clock.monotonic() + delay_s, account, region, group, run, int(time.time() * 1000))
        with self._lock:
            self._waiting.append(entry)

    def arrive(self) -> None:
        """Put what has arrived by now into its group and stream. Call it before anyone reads logs."""
        now = clock.monotonic()
        with self._lock:
            arrived = [entry for entry in self._waiting if entry.arrives <= now]
            self._waiting = [entry for entry in self._waiting if entry.arrives > now]
            for entry in arrived:
                _write(entry)

    def clear(self) -> None:
        """Forget what is on its way."""
        with self._lock:
            self._waiting.clear()


def _write(entry: _Entry) -> None:
    from moto.logs.models import logs_backends

    backend = logs_backends[entry.account][entry.region]
    if entry.group not in backend.groups:
        backend.create_log_group(entry.group, {})
    if entry.run.stream not in backend.groups[entry.group].streams:
        backend.create_log_stream(entry.group, entry.run.stream)
    lines = entry.run.log.decode("utf-8", "replace").splitlines()
    events: list[dict[str, Any]] = [{"timestamp": entry.time_ms, "message": line + "\n"} for line in lines]
    if events:
        backend.put_log_events(entry.group, entry.run.stream, events)
