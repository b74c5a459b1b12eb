"""The drift check: how far the configuration in use is from the best one."""

from __future__ import annotations

from typing import Any

import pytest

from tuner.drift import drift
from tuner.errors import TunerError

HERE = {"memory_mb": 1024, "architecture": "x86_64"}
BEST = {"memory_mb": 512, "architecture": "x86_64", "strategy": "cost"}


def tuned(**changes: Any) -> dict[str, Any]:
    def saved(mean: float) -> dict[str, float]:
        return {"mean": mean, "low": mean - 0.05, "high": mean + 0.05, "level": 0.95}

    saving = {"ratio": saved(0.2), "duration_ratio": saved(0.5)}
    return {"current": HERE, "recommendation": BEST, "excluded": [], "saving": saving} | changes


def test_saving_a_fifth_is_an_excess_of_a_quarter() -> None:
    found = drift(tuned(), 0.1)
    assert found.excess.mean == pytest.approx(0.25)
    assert found.crossed
    assert "costs 25.0% more than 512 MB x86_64" in found.message
    assert not drift(tuned(), 0.3).crossed


def test_speed_looks_at_the_duration_and_balanced_at_the_worse_of_both() -> None:
    for strategy in ("speed", "balanced"):
        assert drift(tuned(recommendation=BEST | {"strategy": strategy}), 0.1).excess.mean == pytest.approx(1.0)


def test_the_best_one_in_use_has_not_drifted() -> None:
    assert not drift(tuned(current={"memory_mb": 512, "architecture": "x86_64"}, saving=None), 0.0).crossed


def test_a_configuration_in_use_that_no_longer_works_has_crossed() -> None:
    found = drift(tuned(excluded=[HERE | {"reason": "ran out of memory in 4 of 4 runs"}], saving=None), 0.1)
    assert found.crossed
    assert "out of memory" in found.message


@pytest.mark.parametrize("missing", ["current", "recommendation", "saving"])
def test_what_cannot_be_checked_is_an_error_and_no_pass(missing: str) -> None:
    with pytest.raises(TunerError):
        drift(tuned(**{missing: None}), 0.1)
