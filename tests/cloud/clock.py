"""The clock that ends what takes a while in AWS: making, updating and publishing functions, and the way of logs.

A test may let time pass, so that nothing depends on how fast the machine is: what is under way stays so until then.
"""

from __future__ import annotations

import time

_passed_s = 0.0


def monotonic() -> float:
    """A moment of this clock, in seconds."""
    return time.monotonic() + _passed_s


def pass_by(seconds: float) -> None:
    """Let time pass."""
    global _passed_s
    _passed_s += seconds
