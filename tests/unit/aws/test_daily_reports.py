"""The logs of many functions are read by few queries, of one class each, for no more money than is allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tuner.aws.evidence.daily_reports import DailyReports, read_daily_reports, whole_days
from tuner.aws.evidence.log_reader import LogReader, LogSource, Window

WINDOW = whole_days(1_800_000_000.0, 56)
GB = 10**9


@dataclass
class FakeLogs:
    """Log groups, and the rows that every query of them gives.

    Attributes:
        groups: what CloudWatch Logs says of each.
        rows: of a query, for each group that is asked.
    """

    groups: dict[str, dict[str, Any]]
    rows: list[dict[str, str]] = field(default_factory=list)
    asked: list[tuple[list[str], str]] = field(default_factory=list)

    def group(self, name: str) -> dict[str, Any] | None:
        return self.groups.get(name)

    def query_all(self, groups: list[str], text: str, window: Window) -> tuple[list[dict[str, str]], float]:
        assert window == WINDOW
        self.asked.append((groups, text))
        return [{**row, "@log": f"123456789012:{group}"} for group in groups for row in self.rows], float(GB)


def read(logs: FakeLogs, *sources: LogSource, max_usd: float = 1.0) -> DailyReports:
    return read_daily_reports(cast("LogReader", logs), sources, WINDOW, max_usd=max_usd)


def own(number: int) -> LogSource:
    return LogSource(f"/aws/lambda/f{number}", f"f{number}")


def test_a_query_takes_fifty_functions_of_one_class() -> None:
    classes = ("STANDARD", "INFREQUENT_ACCESS", "DELIVERY")
    sources = [own(number) for number in range(120)]
    logs = FakeLogs({source.group: {"logGroupClass": classes[number // 55]} for number, source in enumerate(sources)})
    found = read(logs, *sources)
    assert [len(groups) for groups, _ in logs.asked] == [50, 5, 50, 5]
    assert len(found.days) == 110
    assert found.usd == pytest.approx(4 * 0.005)


def test_functions_of_one_log_group_are_told_apart_by_their_streams() -> None:
    logs = FakeLogs({"/shared": {}})
    read(logs, LogSource("/shared", "orders"), LogSource("/shared", "billing"))
    assert [groups for groups, _ in logs.asked] == [["/shared"], ["/shared"]]
    assert ['like "/orders["' in text for _, text in logs.asked] == [True, False]


def test_copies_of_functions_with_a_log_group_each_are_left_out() -> None:
    logs = FakeLogs({own(1).group: {}})
    read(logs, own(1))
    assert 'filter @logStream not like "/tuner_"' in logs.asked[0][1]


def test_what_the_money_does_not_pay_for_is_left_out_the_largest_first() -> None:
    sizes = {own(1): 30 * GB, own(2): 1 * GB, own(3): 500 * GB}
    logs = FakeLogs({source.group: {"storedBytes": size} for source, size in sizes.items()})
    found = read(logs, *sizes, max_usd=0.2)
    assert logs.asked[0][0] == ["/aws/lambda/f2", "/aws/lambda/f1"]
    assert found.left_out == ("f3",)


def test_runs_with_and_without_an_initialization_are_one_day() -> None:
    day = {"bin(1d)": "2026-11-01 00:00:00.000", "size_mb": "512"}
    warm = {**day, "cold": "0", "runs": "90", "median_ms": "101.5", "most_mb": "80"}
    cold = {**day, "cold": "1", "runs": "10", "median_ms": "400", "most_mb": "95.4"}
    (found,) = read(FakeLogs({own(1).group: {}}, [cold, warm, {**warm, "size_mb": ""}]), own(1)).days["f1"]
    assert (found.memory_mb, found.warm_runs, found.cold_runs) == (512, 90, 10)
    assert (found.median_ms, found.max_memory_used_mb) == (101.5, 95)
    assert found.begin_s % 86_400 == 0


def test_a_function_without_a_log_has_no_days() -> None:
    assert read(FakeLogs({}), own(1)) == DailyReports({}, 0.0)
