"""The drift check: how far the configuration in use is from the best one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.comparison.documents import X86, result
from tuner.comparison.size_in_use import excess_over_best
from tuner.errors import TunerError
from tuner.model import Configuration, Objective, StrategyName

HERE = {"memory_mb": 1024, "architecture": "x86_64"}
BEST = {"memory_mb": 512, "architecture": "x86_64", "strategy": "cost"}


def tuned(**changes: Any) -> Any:
    saved = {"mean": 0.2, "low": 0.15, "high": 0.25, "level": 0.95}
    saving = {"objective_ratio": saved}
    return {"current": HERE, "recommendation": BEST, "excluded": [], "saving": saving} | changes


def test_saving_a_fifth_is_an_excess_of_a_quarter() -> None:
    found = excess_over_best(tuned(), 0.1)
    assert found.interval.mean == pytest.approx(0.25)
    assert "costs 25.0% more than 512 MB x86_64 (17.6% to 33.3%): above the 10% allowed" in found.message


def test_memory_sizes_have_a_comma_from_1000_mb_on() -> None:
    large = {"memory_mb": 3008, "architecture": "x86_64"}
    best = BEST | {"memory_mb": 1769}
    told = "(3,008 MB x86_64) costs 25.0% more than 1,769 MB x86_64"
    assert told in excess_over_best(tuned(current=large, recommendation=best), 0.1).message
    excluded = [large | {"reason": "failed"}]
    assert "(3,008 MB" in excess_over_best(tuned(current=large, excluded=excluded), 0.1).message


@pytest.mark.parametrize(
    ("allowed", "crossed", "decided"), [(0.1, True, True), (0.2, False, False), (0.3, False, False), (0.4, False, True)]
)
def test_it_has_crossed_when_the_whole_interval_has(allowed: float, crossed: bool, decided: bool) -> None:
    found = excess_over_best(tuned(), allowed)
    assert (found.crossed, found.decided) == (crossed, decided)


@pytest.mark.parametrize(
    ("strategy", "current_mb", "excess"),
    # The duration falls with the root of the size, so that the cost rises with it.
    [(StrategyName.COST, 1024, 0.71), (StrategyName.SPEED, 256, 1.0), (StrategyName.BALANCED, 1024, 0.35)],
)
def test_the_excess_is_that_of_what_the_strategy_minimises(
    strategy: StrategyName, current_mb: int, excess: float
) -> None:
    objective = Objective(strategy, balanced_weight=0.8)
    document = result(sizes=(256, 1024), objective=objective, current=Configuration(current_mb, X86))
    assert excess_over_best(document, 0.1).interval.mean == pytest.approx(excess, abs=0.1)


def test_the_best_one_in_use_has_not_drifted() -> None:
    assert not excess_over_best(tuned(current={"memory_mb": 512, "architecture": "x86_64"}, saving=None), 0.0).crossed


def test_a_configuration_in_use_that_no_longer_works_has_crossed() -> None:
    found = excess_over_best(tuned(excluded=[HERE | {"reason": "ran out of memory in 4 of 4 runs"}], saving=None), 0.1)
    assert found.crossed
    assert "out of memory" in found.message


@pytest.mark.parametrize("missing", ["current", "recommendation", "saving"])
def test_what_cannot_be_checked_is_an_error_and_no_pass(missing: str) -> None:
    with pytest.raises(TunerError):
        excess_over_best(tuned(**{missing: None}), 0.1)
