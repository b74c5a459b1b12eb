"""Sends events to EventBridge and messages to SNS topics. It does not know what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuner.aws.api.errors import AwsError, aws_errors
from tuner.aws.api.retry import Pacer, Retrier
from tuner.aws.api.session import Clients

ENTRIES_PER_CALL = 10
"""Events that PutEvents takes at most (EventBridge quotas, 2026-11)."""
CALLS_PER_SECOND = 20


@dataclass(frozen=True, slots=True)
class Announcer:
    """Sends events and messages.

    Attributes:
        clients: of AWS.
        retry: a repeated call may send twice, as EventBridge and SNS themselves may.
    """

    clients: Clients
    retry: Retrier = field(default_factory=lambda: Retrier(Pacer(CALLS_PER_SECOND)))

    def put_events(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Send events to the account's default bus.

        Args:
            entries: each with `Source`, `DetailType` and `Detail`, an object.

        Raises:
            AwsError: they were refused.
        """
        for first in range(0, len(entries), ENTRIES_PER_CALL):
            batch = [{**entry, "Detail": json.dumps(entry["Detail"])} for entry in entries[first:][:ENTRIES_PER_CALL]]
            self.retry.read(lambda batch=batch: self._put(batch))  # type: ignore[misc]

    def publish(self, topic: str, subject: str, text: str) -> None:
        """Send a message to a topic.

        Raises:
            AwsError: it was refused.
        """

        def once() -> None:
            with aws_errors(f"publish to {topic}"):
                self.clients.notifications.publish(TopicArn=topic, Subject=subject, Message=text)

        self.retry.read(once)

    def _put(self, entries: list[dict[str, Any]]) -> None:
        with aws_errors("put events"):
            reply = self.clients.events.put_events(Entries=entries)
        if reply.get("FailedEntryCount"):
            codes = {entry["ErrorCode"] for entry in reply["Entries"] if "ErrorCode" in entry}
            raise AwsError(f"put events: {', '.join(sorted(codes))}", "Start the execution again")
