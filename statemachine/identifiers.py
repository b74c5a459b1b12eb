"""Ids and names that follow from the execution alone, so that every attempt of a handler gets the same ones."""

from __future__ import annotations

import hashlib
from datetime import datetime

from tuner.model import Configuration


def folder_of(function: str, run: str) -> str:
    """Return the folder of an execution in the bucket: by function, then by time."""
    return f"executions/{function}/{run}"


def run_id(execution_arn: str, started_at: str) -> str:
    """Return the id of an execution's run: its start time, and a hash of its ARN.

    The hash tells two executions of the same second apart. The form is that of
    `tuner.aws.changes.markers.new_run_id`.
    """
    return f"{parse_time(started_at):%Y%m%dt%H%M%Sz}-{hashlib.sha256(execution_arn.encode()).hexdigest()[:6]}"


def parse_time(text: str) -> datetime:
    """Read a time as Step Functions writes it (`2026-09-18T04:12:00.123Z`)."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def target_key(configuration: Configuration, number: int) -> str:
    """Return the key of an invocation target in the store: the configuration, and which of its versions."""
    return f"{configuration.memory_mb}/{configuration.architecture.value}/{number}"
