"""`tuner.advise`: a log in, advice out; every fault at once."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import tuner
from tests.unit.evidence.logs import Run, tailed
from tuner.api.concurrency import concurrency
from tuner.pricing.price_list import price_list

LOG = tailed([Run(f"r{n}", 100.0 + n % 7, 60.0 * n, init_ms=200.0 if n % 10 == 0 else None) for n in range(60)])


def test_a_file_and_an_open_file_give_the_same_advice(tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    path.write_text(LOG, "utf-8")
    by_path = tuner.advise(path, function="orders", prices=price_list)
    by_text = tuner.advise(io.StringIO(LOG), function="orders", prices=price_list)
    assert by_path.document() == by_text.document()
    assert by_path.function == "orders"
    assert by_path.evidence.runs == 60


def test_prices_are_those_of_the_region_and_the_discount() -> None:
    plain = tuner.advise(io.StringIO(LOG), prices=price_list)
    dear = tuner.advise(io.StringIO(LOG), region="af-south-1", prices=price_list)
    cheap = tuner.advise(io.StringIO(LOG), discount=0.17, prices=price_list)
    costs = [advice.evidence.cost_per_million_usd.mean for advice in (cheap, plain, dear)]
    assert costs == sorted(costs)
    assert len(set(costs)) == 3


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(tuner.InputError) as caught:
        tuner.advise("/does/not/exist.log", arch="mips", strategy="luck", discount=3.0, prices=price_list)
    assert [fault.path for fault in caught.value.faults] == ["arch", "strategy", "discount", "logs"]


@pytest.mark.parametrize(("log", "problem"), [("START RequestId: a\n", "holds no REPORT line"), (" \n", "is empty")])
def test_a_log_without_reports_says_what_may_be_wrong(log: str, problem: str) -> None:
    with pytest.raises(tuner.InputError, match=problem):
        tuner.advise(io.StringIO(log), prices=price_list)
    with pytest.raises(tuner.InputError, match=problem):
        concurrency(cold_share=0.01, logs=io.StringIO(log), prices=price_list)
