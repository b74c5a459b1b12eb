"""Ids and names that follow from the execution alone, so that every attempt of a handler comes to the same."""

from __future__ import annotations

import hashlib
from datetime import datetime

from tuner.model import Configuration


def folder_of(function: str, run: str) -> str:
    """The folder of an execution: by function, then by time."""
    return f"executions/{function}/{run}"


def run_id(execution: str, started_at: str) -> str:
    """The id of an execution's run: its time, and a hash that tells it from others of the same second.

    The same for every attempt of a handler, in the form of `tuner.aws.changes.markers.new_run_id`.
    """
    return f"{parse_time(started_at):%Y%m%dt%H%M%Sz}-{hashlib.sha256(execution.encode()).hexdigest()[:6]}"


def parse_time(text: str) -> datetime:
    """A time as Step Functions writes it (`2026-09-18T04:12:00.123Z`)."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def target_key(configuration: Configuration, generation: int) -> str:
    """Name of a place in the store."""
    return f"{configuration.memory_mb}/{configuration.architecture.value}/{generation}"
