"""Figures of a log against an independent count."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.evidence.logs import BEGIN_S, Run, plain, tailed
from tuner.evidence.function_evidence import FunctionEvidence, gather, hour_of_week, requests_of
from tuner.evidence.logs.log_rows import read_log
from tuner.model import MIN_MEMORY_MB, Architecture, Outcome
from tuner.pricing.price_list import price_list

PRICES = price_list("us-east-1")
X86 = Architecture.X86_64


def gathered(runs: list[Run]) -> FunctionEvidence:
    found = gather(read_log(tailed(runs)).rows, X86, PRICES)
    assert found is not None
    return found


def mixed(count: int = 400) -> list[Run]:
    """Runs every 20 minutes: one in ten cold, one in twenty failing."""
    rng = np.random.default_rng(0)
    return [
        Run(
            f"r{n}",
            round(float(rng.lognormal(4.6, 0.2)), 2),
            1200.0 * n,
            f"2026/11/02/[$LATEST]{n // 10}",
            used_mb=60 + n % 40,
            init_ms=200.0 if n % 10 == 0 else None,
            status="error" if n % 20 == 7 else "",
        )
        for n in range(count)
    ]


def runs_of(count: int) -> list[Run]:
    """Runs of 100 ms, 101 ms and so on up to 499 ms, again and again."""
    return [Run(f"r{n}", 100.0 + n % 400, float(n)) for n in range(count)]


def test_shares_and_percentiles_equal_an_independent_count() -> None:
    runs = mixed()
    found = gathered(runs)
    good = np.array([run.ms for run in runs if not run.status])
    assert found.runs == 400
    assert found.cold_start_share.mean == pytest.approx(0.1)
    assert found.error_share.mean == pytest.approx(0.05)
    assert found.outcomes == {Outcome.OK: 380, Outcome.ERROR: 20}
    assert found.duration_ms is not None
    assert found.p99_ms is not None
    assert found.duration_ms.mean == pytest.approx(good.mean())
    assert found.p99_ms.mean == pytest.approx(np.quantile(good, 0.99))
    assert found.duration_ms.low < good.mean() < found.duration_ms.high


def test_the_cost_is_that_of_what_was_billed() -> None:
    runs = mixed()
    usd = [run.billed_ms * 0.5 / 1000 * 0.0000166667 + 2e-7 for run in runs]
    found = gathered(runs)
    assert found.cost_per_million_usd.mean == pytest.approx(1e6 * np.mean(usd), rel=1e-4)
    failed = sum(cost for cost, run in zip(usd, runs, strict=True) if run.status)
    assert found.failed_cost_share == pytest.approx(failed / sum(usd), rel=1e-3)
    assert 0.05 < found.init_cost_share < 0.25


def test_a_tenth_of_the_memory_stays_free_above_the_floor() -> None:
    found = gathered([Run("a", used_mb=180), Run("b", used_mb=120)])
    assert found.max_memory_used_mb == 180
    assert found.memory_floor_mb == 200


def test_the_memory_floor_is_a_size_that_lambda_takes() -> None:
    assert gathered([Run("small", used_mb=90)]).memory_floor_mb == MIN_MEMORY_MB


def test_the_newest_size_is_the_current_one_and_others_are_told_apart() -> None:
    runs = [Run("old", after_s=0, memory_mb=1024), Run("new", after_s=60, memory_mb=256)]
    found = gathered(runs)
    assert found.current.memory_mb == 256
    assert found.runs == 1
    assert found.other_sizes == {1024: 1}


def test_a_timeout_that_cut_runs_off_is_never_advised_again() -> None:
    found = gathered([Run("a", 100.0), Run("b", 3000.0, 1.0, status="timeout")])
    assert found.timeout_s == 3.0
    assert found.timeout_advice_s == 5


@pytest.mark.parametrize("count", [2, 10, 30, 367])
def test_few_runs_advise_no_timeout(count: int) -> None:
    found = gathered(runs_of(count))
    assert found.timeout_advice_s is None
    assert found.p99_ms is not None
    assert found.p99_ms.high is None
    assert found.p99_ms.low <= 100 + count


def test_a_timeout_leaves_room_for_the_slowest_of_many_runs() -> None:
    assert gathered(runs_of(400)).timeout_advice_s == 1
    assert gathered([*runs_of(4000), Run("slow", 20_000.0, 4000.0)]).timeout_advice_s == 30


def test_traffic_comes_from_whole_days_and_names_the_busiest_hour() -> None:
    runs = [Run(f"r{day}/{n}", 1.0, day * 86_400.0 + 9 * 3600 + n) for day in range(15) for n in range(24)]
    traffic = gathered(runs).traffic
    assert traffic is not None
    assert traffic.per_month.mean == pytest.approx(24 * 30.44)
    assert traffic.busiest_hour % 24 == 9
    assert traffic.peak_concurrency == 1


def test_a_short_log_and_one_without_times_tell_no_traffic() -> None:
    assert gathered([Run("a"), Run("b", after_s=3600.0)]).traffic is None
    rows = read_log(plain(mixed())).rows
    assert requests_of(rows) is None
    found = gather(rows, X86, PRICES)
    assert found is not None
    assert found.traffic is None


def test_the_week_begins_on_monday() -> None:
    assert hour_of_week(np.array([BEGIN_S, BEGIN_S + 3600, BEGIN_S - 1])).tolist() == [0, 1, 167]


def test_rows_without_a_memory_size_tell_nothing() -> None:
    assert gather([], X86, PRICES) is None
