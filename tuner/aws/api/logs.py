"""Finds the log of a request in CloudWatch Logs when the log tail of the reply lacks the report.

Log events arrive seconds after the invocation. When the logs cannot be read, it reports that once and stops asking.
"""

from __future__ import annotations

import re
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

_REPORTS = ("REPORT RequestId", "platform.report")
"""What the report holds in text and in JSON logs."""
_ERROR = "[ERROR]"
_REPORTED = re.compile(r'REPORT RequestId: (\S+)|"requestId": ?"([^"]+)"')


@dataclass(slots=True)
class LogLookup:
    """Finds the log of an invocation by its request id.

    Attributes:
        client: a boto3 `logs` client.
        problem: why the logs cannot be read; None while they can.
    """

    client: Any
    pacer: Pacer = field(default_factory=lambda: Pacer(CALLS_PER_SECOND))
    pauses_s: tuple[float, ...] = PAUSES_S
    problem: Notice | None = None
    _missing: NotFoundError | None = None

    def find(self, group: str, request_id: str, since_ms: int, stop: threading.Event) -> tuple[str, str] | None:
        """The log lines of a request and the name of their log stream; None when they do not appear.

        Args:
            group: log group.
            request_id: id of the invocation.
            since_ms: when the invocation began, Unix time in ms.
            stop: ends the wait.
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

    def reported(self, group: str, function: str, version: str, since_ms: int) -> list[str]:
        """The request ids of all reports of a function's version since a time, for runs whose reply nobody got.

        Args:
            group: log group.
            function: name of the function. The names of log streams carry it where the group is not the function's own.
            version: version number, which the names of log streams carry.
            since_ms: Unix time in ms.
        """
        events = [event for form in _REPORTS for event in self._events(group, form, since_ms)]
        own = group == f"/aws/lambda/{function}"
        begins = (f"{function}[{version}]", *([f"[{version}]"] if own else []))
        found = [
            _REPORTED.search(str(event["message"]))
            for event in events
            if str(event["logStreamName"]).rpartition("/")[2].startswith(begins)
        ]
        return list(dict.fromkeys(match[1] or match[2] for match in found if match))

    def errors(self, group: str, request_id: str, since_ms: int) -> str:
        """What a runtime logged as an error while a request ran.

        Python's runtime names no request there. A log stream holds one run after the other, so the lines between the
        first and the last one of the request are its own.
        """
        own = self._events(group, request_id, since_ms)
        if not own:
            return ""
        stream = str(own[0]["logStreamName"])
        times = [int(event["timestamp"]) for event in own if event["logStreamName"] == stream]
        found = self._events(group, _ERROR, since_ms, stream)
        lines = (str(event["message"]) for event in found if min(times) <= int(event["timestamp"]) <= max(times))
        return "\n".join(line.rstrip("\n") for line in lines)

    def _events(self, group: str, text: str, since_ms: int, stream: str | None = None) -> list[dict[str, Any]]:
        """What FilterLogEvents finds. A page may be empty without being the last one."""
        names: dict[str, Any] = {
            "logGroupName": group,
            "filterPattern": f'"{text}"',
            "startTime": max(0, since_ms - CLOCK_SKEW_MS),
        }
        if stream is not None:
            names["logStreamNames"] = [stream]
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
            self._missing = exc  # the first log creates the group, and may not have arrived yet
        except DeniedError as exc:
            self.problem = _unreadable(exc)
        except AwsError:
            return []  # the next pause is the retry
        return []


def _unreadable(error: AwsError) -> Notice:
    message = f"{error.message}. Runs without a report in the log tail are not counted."
    return Notice("no_logs", message, lasting=True)
