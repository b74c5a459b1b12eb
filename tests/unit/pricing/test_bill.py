"""The whole bill of a run: its parts and their sum."""

from __future__ import annotations

import pytest

from tuner.pricing.bill import Bill, handlers_usd, logs_usd, storage_usd, transitions_usd


def test_the_bill_is_the_sum_of_its_parts() -> None:
    bill = Bill(0.000026, transitions_usd(), handlers_usd(3), logs_usd(17), storage_usd(3))
    parts = (0.000026, 10 * 0.000025, 0.0001 + 3 * 0.000058, 17 * 0.5e-6, storage_usd(3))
    assert bill.total_usd == pytest.approx(sum(parts))


def test_requests_to_storage_grow_with_rounds_and_executors() -> None:
    assert storage_usd(4) - storage_usd(3) == pytest.approx(5 * 5e-6 + 12 * 0.4e-6)
    assert storage_usd(3, executors=6) - storage_usd(3) == pytest.approx(12 * 5e-6)


def test_each_round_of_an_execution_adds_handlers() -> None:
    assert handlers_usd(4) - handlers_usd(3) == pytest.approx(0.000058)


def test_handlers_cost_more_the_longer_they_wait_and_the_more_of_them_measure() -> None:
    assert handlers_usd(1, executors=6) - handlers_usd(1) == pytest.approx(6 * 0.00001)
    assert handlers_usd(1, waiting_gb_s=30.0) - handlers_usd(1) == pytest.approx(30 * 0.0000133334)
