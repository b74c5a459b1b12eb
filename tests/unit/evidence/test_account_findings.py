"""Findings about a function from what AWS says of it: figures by hand, and silence where there is nothing to say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tuner.evidence.account_findings import account_findings, provisioned_month_usd
from tuner.evidence.findings import FindingCode
from tuner.evidence.known_function import KnownFunction, Metrics, OptimizerOpinion
from tuner.model import Architecture, Configuration, Interval, Notice

MONDAY_S = 345_600.0
"""1970-01-05 was a Monday."""
BUSY = Metrics(14.0, hourly=tuple((MONDAY_S + 3600.0 * n, 10.0) for n in range(14 * 24)), peak_concurrency=3)
ORDERS = KnownFunction("orders", Configuration(1024, Architecture.X86_64), metrics=BUSY)


def codes(known: KnownFunction) -> list[FindingCode]:
    return [finding.code for finding in account_findings(known)]


def test_traffic_is_that_of_the_metrics() -> None:
    traffic = BUSY.traffic()
    assert traffic is not None
    assert traffic.per_month.mean == pytest.approx(240 * 30.44)
    assert traffic.busiest_per_hour == pytest.approx(10.0)
    assert traffic.peak_concurrency == 3


def test_a_healthy_function_has_no_finding() -> None:
    assert codes(ORDERS) == []


def test_a_function_without_invocations_is_dead_and_without_metrics_it_is_not() -> None:
    assert codes(replace(ORDERS, metrics=Metrics(14.0))) == [FindingCode.DEAD]
    assert codes(replace(ORDERS, metrics=None)) == []


def test_throttles_are_told() -> None:
    assert codes(replace(ORDERS, metrics=replace(BUSY, throttles=7.0))) == [FindingCode.THROTTLES]


@pytest.mark.parametrize(
    ("utilization", "spillover", "told"),
    [(0.2, 0.0, "idles"), (1.0, 50.0, "overrun"), (0.9, 0.0, None), (None, 0.0, None)],
)
def test_provisioned_concurrency_may_idle_or_be_overrun(
    utilization: float | None, spillover: float, told: str | None
) -> None:
    metrics = replace(BUSY, provisioned_utilization=utilization, spillover=spillover)
    found = account_findings(replace(ORDERS, provisioned=4, metrics=metrics))
    assert [told in finding.title for finding in found if told] == ([True] if told else [])
    assert bool(found) is (told is not None)


def test_provisioned_environments_cost_their_memory_all_month() -> None:
    # 4 environments of 1 GB, 30.44 days, 4.1667e-6 USD a GB-second.
    expected = 4 * 30.44 * 86_400 * 4.1667e-6
    assert provisioned_month_usd(replace(ORDERS, provisioned=4)) == pytest.approx(expected)


def test_the_opinion_of_compute_optimizer_is_told_beside_ours() -> None:
    keeps = account_findings(replace(ORDERS, optimizer=OptimizerOpinion("Optimized")))
    other = OptimizerOpinion("NotOptimized", 512, Interval(200.0, 180.0, 220.0))
    changes = account_findings(replace(ORDERS, optimizer=other))
    assert "keeps" in keeps[0].title
    assert "512 MB" in changes[0].title
    assert "180 to 220" in changes[0].evidence
    assert changes[0].command == "tuner tune orders --power-values 1024,512"


def test_what_could_not_be_read_is_a_finding() -> None:
    known = replace(ORDERS, notices=(Notice("not_read", "Denied."),))
    assert codes(known) == [FindingCode.NOT_READ]
