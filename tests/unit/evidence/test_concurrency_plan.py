"""Ways to keep environments ready: hand-computed money, targets that hold, reasons where requests are too few."""

from __future__ import annotations

import numpy as np
import pytest

from reports.concurrency import document, page, render
from tuner.evidence.autoscaling import as_cli, as_sam, as_terraform, changes_of
from tuner.evidence.cold_starts import IdleLife, Requests
from tuner.evidence.concurrency_plan import ConcurrencyPlan, Readiness, Target, Workload, plan_concurrency
from tuner.model import Architecture, Configuration
from tuner.pricing.price_list import price_list

PRICES = price_list("us-east-1")
MONDAY_S = 345_600.0
"""1970-01-05 was a Monday."""
LIFE = IdleLife(300.0, 300.0)


def every(seconds: float, days: float, *, busy_s: float = 1.0, runtime: str | None = None) -> Workload:
    start_s = MONDAY_S + np.arange(0.0, days * 86_400, seconds)
    where = Configuration(1024, Architecture.X86_64)
    return Workload(Requests(start_s, np.full(start_s.shape, busy_s)), 500.0, where, runtime)


def planned(workload: Workload, share: float = 0.05, within_ms: float | None = None) -> ConcurrencyPlan:
    return plan_concurrency(workload, Target(share, within_ms), PRICES, idle_life=LIFE)


def test_a_request_beyond_the_idle_life_is_cold_and_one_environment_warms_all() -> None:
    plan = planned(every(400.0, 8))
    none, fixed = plan.option(Readiness.NONE), plan.option(Readiness.FIXED)
    assert (none.share, none.meets) == (1.0, False)
    assert (set(fixed.provisioned), fixed.share, fixed.meets) == ({1}, 0.0, True)
    assert plan.cheapest is not None
    assert plan.cheapest.readiness in (Readiness.FIXED, Readiness.SCHEDULED)


def test_money_is_that_of_a_computation_by_hand() -> None:
    plan = planned(every(400.0, 8))
    month_s = 30.44 * 86_400
    runs = 1728 * 30.44 / (1727 * 400 / 86_400)
    # 1 GB: 1 s of handler and 0.5 s of init on demand.
    assert plan.option(Readiness.NONE).usd_per_month == pytest.approx(runs * 1.5 * 16.6667e-6, rel=1e-4)
    # 1 GB ready for a month, and 1 s of handler on it.
    expected = month_s * 4.1667e-6 + runs * 9.7222e-6
    assert plan.option(Readiness.FIXED).usd_per_month == pytest.approx(expected, rel=1e-4)


def test_a_target_that_is_met_costs_nothing_more() -> None:
    plan = planned(every(20.0, 2))
    assert plan.cheapest is plan.option(Readiness.NONE)
    assert "without any" in render("orders", plan)


def test_a_time_counts_the_start() -> None:
    workload = every(400.0, 8)
    assert planned(workload, within_ms=1600.0).option(Readiness.NONE).share == 0.0
    assert planned(workload, within_ms=1400.0).option(Readiness.NONE).share == 1.0
    assert not planned(workload, within_ms=900.0).option(Readiness.FIXED).meets


def test_too_few_requests_or_days_have_a_reason_and_no_number() -> None:
    short = planned(every(400.0, 0.5))
    assert "11.9 hours: it takes 1 day" in short.option(Readiness.FIXED).reason
    few = planned(every(4000.0, 8), share=0.001)
    assert "too few" in few.option(Readiness.FIXED).reason
    assert few.option(Readiness.SCHEDULED).usd_per_month is None
    assert few.cheapest is None


@pytest.mark.parametrize(
    ("runtime", "known"), [("python3.13", True), ("java21", True), ("nodejs22.x", False), (None, False)]
)
def test_snapstart_is_compared_where_the_runtime_has_it(runtime: str | None, known: bool) -> None:
    plan = planned(every(400.0, 2, runtime=runtime))
    assert (plan.option(Readiness.SNAPSTART).usd_per_month is not None) is known


def test_changes_of_a_schedule_are_grouped_by_hour() -> None:
    counts = [3 if 8 <= slot % 24 < 18 and slot < 120 else 1 for slot in range(168)]
    changes = changes_of(counts)
    assert [(c.hour, c.count, len(c.days)) for c in changes] == [(8, 3, 5), (18, 1, 5)]
    assert changes[0].schedule == "cron(0 8 ? * MON,TUE,WED,THU,FRI *)"
    assert as_cli("orders", "live", counts).count("put-scheduled-action") == 2
    assert "AWS::ApplicationAutoScaling::ScalableTarget" in as_sam("orders", "live", counts)
    assert as_terraform("orders", "live", counts).count("aws_appautoscaling_scheduled_action") == 2


def test_one_number_for_the_whole_week_needs_no_schedule() -> None:
    for write in (as_cli, as_sam, as_terraform):
        shown = write("orders", "live", [2] * 168)
        assert "2" in shown
        assert "scheduled" not in shown


def test_a_mean_week_counts_each_hour_as_often_as_it_was_seen() -> None:
    assert set(planned(every(400.0, 8)).arrivals) == {9.0}
    half = planned(every(400.0, 3.5)).arrivals
    assert (set(half[:84]), set(half[84:])) == ({9.0}, {0.0})


def test_every_form_shows_every_way() -> None:
    plan = planned(every(400.0, 8))
    for shown in (render("<b>", plan), page("<b>", plan)):
        assert all(readiness in shown for readiness in Readiness)
    assert "<b>" not in page("<b>", plan)
    assert "polyline" in page("<b>", plan)
    assert document("orders", plan)["cheapest"] in ("fixed", "scheduled")
