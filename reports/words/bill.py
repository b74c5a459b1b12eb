"""The whole bill of a run in words: its parts, and what comes on top of the invocations.

Adds nothing up. Knows no prices.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reports.words.numbers import money

if TYPE_CHECKING:
    from tuner.documents.result import ResultDocument as Result


def facts(result: Result) -> Iterator[tuple[str, str]]:
    """Each part beside the invocations, the sum, and the calls; nothing where the result has no bill."""
    bill = result["tuning"].get("bill")
    if bill is None:
        return
    if bill["transitions_usd"]:
        yield "State transitions", money(bill["transitions_usd"])
        yield "Handlers (estimate)", money(bill["handlers_usd"])
    yield "Logs (estimate)", money(bill["logs_usd"])
    if bill.get("storage_usd"):
        yield "Requests to S3 (estimate)", money(bill["storage_usd"])
    yield "Whole bill", money(bill["total_usd"])
    if bill["control_calls"] is not None:
        yield "Calls of the control plane", f"{bill['control_calls']:,} (free)"


def beside(result: Result) -> str:
    """` ($0.00093 with transitions, handlers, logs and requests to S3)`; empty where the result has no bill."""
    bill = result["tuning"].get("bill")
    if bill is None:
        return ""
    parts = "transitions, handlers, logs and requests to S3" if bill["transitions_usd"] else "logs"
    return f" ({money(bill['total_usd'])} with {parts})"
