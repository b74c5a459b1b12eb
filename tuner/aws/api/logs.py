"""Looks a request's log up in CloudWatch Logs, when the tail that came with the reply lacks its report.

Log events arrive seconds after the invocation. When they cannot be read at all, it says so
once and does not ask again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from tuner.aws.api.errors import AwsError, DeniedError, NotFoundError, aws_errors
from tuner.aws.api.retry import Pacer
from tuner.model import Notice

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
CALLS_PER_SECOND = 4
"""FilterLogEvents takes 5 requests per second and account in the slowest regions (CloudWatch Logs quotas)."""
CLOCK_SKEW_MS = 60_000


@dataclass(slots=True)
class LogLookup:
    """Finds the log of an invocation by its request id.

    Attributes:
        client: a boto3 `logs` client.
        problem: why nothing can be looked up; None as long as it works.
    """

    client: Any
    pacer: Pacer = field(default_factory=lambda: Pacer(CALLS_PER_SECOND))
    pauses_s: tuple[float, ...] = PAUSES_S
    problem: Notice | None = None
    _missing: NotFoundError | None = None

    def find(self, group: str, request_id: str, since_ms: int, stop: threading.Event) -> tuple[str, str] | None:
        """The log lines of a request and the name of their stream; None when they do not appear.

        Args:
            group: log group.
            request_id: id of the invocation.
            since_ms: when the invocation began, Unix time in ms.
            stop: ends the waiting.
        """
        for pause in self.pauses_s:
            if self.problem is not None or stop.wait(pause):
                return None
            events = self._events(group, request_id, since_ms)
            text = "\n".join(str(event["message"]).rstrip("\n") for event in events)
            if "REPORT" in text or "platform.report" in text:
                return text, str(events[0].get("logStreamName", ""))
        if self._missing is not None:
            self.problem = _unreadable(self._missing)
        return None

    def _events(self, group: str, request_id: str, since_ms: int) -> list[dict[str, Any]]:
        """What FilterLogEvents finds: while it searches, its pages may be empty and yet not the last."""
        names = {
            "logGroupName": group,
            "filterPattern": f'"{request_id}"',
            "startTime": max(0, since_ms - CLOCK_SKEW_MS),
        }
        events: list[dict[str, Any]] = []
        try:
            while True:
                self.pacer.wait()
                with aws_errors(f"read the log group {group}"):
                    reply = self.client.filter_log_events(**names)
                self._missing = None
                events += reply.get("events", [])
                if not reply.get("nextToken"):
                    return events
                names["nextToken"] = reply["nextToken"]
        except NotFoundError as exc:
            self._missing = exc  # the first log makes the group, and may still be on its way
        except DeniedError as exc:
            self.problem = _unreadable(exc)
        except AwsError:
            return []  # the next pause is the retry
        return []


def _unreadable(error: AwsError) -> Notice:
    return Notice("no_logs", f"{error.message}. Runs without a report in the log tail are not counted.")
