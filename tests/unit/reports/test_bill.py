"""The whole bill in words."""

from __future__ import annotations

from typing import Any

from reports.words import bill
from tests.golden.situations import document_of

PARTS = {
    "invocations_usd": 0.25,
    "transitions_usd": 0.5,
    "handlers_usd": 0.125,
    "logs_usd": 0.0625,
    "storage_usd": 0.03125,
    "total_usd": 0.96875,
}


def document(**changes: Any) -> Any:
    found = document_of("aws")
    found["tuning"]["bill"] = {**PARTS, "control_calls": None, **changes}
    return found


def test_the_report_tells_every_part_and_the_sum() -> None:
    told = [name for name, _ in bill.facts(document())]
    beside = ["State transitions", "Handlers (estimate)", "Logs (estimate)", "Requests to S3 (estimate)"]
    assert told == [*beside, "Whole bill"]
    assert bill.beside(document()) == " ($0.969 with transitions, handlers, logs and requests to S3)"


def test_the_command_line_tells_calls_in_place_of_transitions_and_handlers() -> None:
    told = dict(bill.facts(document(transitions_usd=0.0, handlers_usd=0.0, storage_usd=0.0, control_calls=1234)))
    assert "State transitions" not in told
    assert told["Calls of the control plane"] == "1,234 (free)"


def test_a_bill_of_an_earlier_version_tells_no_requests_to_storage() -> None:
    earlier = document()
    del earlier["tuning"]["bill"]["storage_usd"]
    assert "Requests to S3 (estimate)" not in dict(bill.facts(earlier))


def test_a_result_without_a_bill_says_nothing_of_one() -> None:
    without: Any = document_of("aws")
    without["tuning"].pop("bill", None)
    assert not list(bill.facts(without))
    assert bill.beside(without) == ""
