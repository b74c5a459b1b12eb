"""A strategy and a backend are added through the documented seams alone (CONTRIBUTING.md names them)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tuner
from tuner.estimation.belief import Draws
from tuner.model import (
    Architecture,
    BackendKind,
    Configuration,
    FunctionIdentity,
    Invocation,
    Notice,
    Objective,
    Outcome,
    Sample,
    StrategyName,
    Trial,
)
from tuner.pricing.price_list import price_list
from tuner.search.rows import CandidateRow
from tuner.search.strategies import STRATEGIES

ARM = Architecture.ARM64


class ToyBackend:
    """A backend in twenty lines: durations fall with memory up to 1,024 MB, and are the same from there on."""

    def __enter__(self) -> ToyBackend:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def describe(self) -> FunctionIdentity:
        return FunctionIdentity("toy", BackendKind.SIMULATED, (ARM,), current=Configuration(128, ARM))

    def notices(self) -> Sequence[Notice]:
        return [Notice("toy", "Nothing real was measured.")]

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        for trial in trials:
            ms = 1024 * 100 / min(trial.configuration.memory_mb, 1024)
            runs = [
                Invocation(Outcome.OK, f"{trial.id}/{number}", ms, round(ms), 200.0 if index == 0 else None)
                for number in range(trial.environments)
                for index in range(trial.runs_per_environment)
            ]
            yield Sample(trial.id, trial.configuration, tuple(runs))


@dataclass(frozen=True, slots=True)
class ToyFactory:
    """Opens the backend for targets like `toy:1`."""

    kind: BackendKind = BackendKind.SIMULATED

    def accepts(self, target: str) -> bool:
        return target.startswith("toy:")

    def faults(self, document: Mapping[str, Any], settings: tuner.Settings | None) -> Iterator[tuner.Fault]:
        if document["lambdaARN"] == "toy:":
            yield tuner.Fault("$.lambdaARN", "names no toy", "for example toy:1")

    def plan(self, settings: tuner.Settings) -> str:
        return f"Would tune {settings.target}."

    def open(self, settings: tuner.Settings) -> ToyBackend:
        return ToyBackend()


class Product:
    """A strategy that minimises the product of cost and duration."""

    def cost_weight(self, objective: Objective) -> float:
        return 0.5

    def values(
        self, duration_ms: Draws, cost_usd: Draws, objective: Objective, feasible: NDArray[np.bool_] | None
    ) -> Draws:
        return duration_ms * cost_usd

    def ties(self, rows: Sequence[CandidateRow], among: Sequence[int], objective: Objective) -> list[int]:
        return [min(among, key=lambda i: rows[i].duration_ms.mean * rows[i].cost_usd.mean)]

    def order(self, row: CandidateRow) -> tuple[float, float]:
        return row.duration_ms.mean, row.cost_usd.mean

    def reason(self, ties: int, objective: Objective) -> str:
        return "has the smallest product"


def test_a_toy_strategy_is_an_entry_of_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STRATEGIES, StrategyName.BALANCED, Product())  # type: ignore[misc]
    sizes = [128, 1024, 2048]
    result = tuner.tune("toy:1", power_values=sizes, strategy="balanced", runs=6, factories=[ToyFactory()])
    assert result.recommendation is not None
    assert result.recommendation.configuration == Configuration(1024, ARM)
    assert "smallest product" in result.recommendation.reason
    assert result.to_text()
    assert result.to_html()


def test_a_strategy_that_reports_have_no_word_for_is_called_by_its_name() -> None:
    result = tuner.tune("toy:1", power_values=[128, 1024], runs=4, factories=[ToyFactory()], prices=price_list)
    document = result.document
    assert document["recommendation"] is not None
    document["recommendation"]["strategy"] = document["request"]["strategy"] = "product"
    document["current"] = document["saving"] = None
    assert "best (product)" in result.to_text().replace("\n", " ")


def test_a_toy_backend_is_found_by_its_target_and_tuned() -> None:
    result = tuner.tune("toy:1", power_values=[128, 1024, 2048], runs=6, factories=[ToyFactory()], prices=price_list)
    assert result.recommendation is not None
    assert result.recommendation.configuration == Configuration(1024, ARM)
    assert [found.runs for found in result.measurements] == [6, 6, 6]
    assert result.warnings[0].code == "toy"
    assert result.saving is not None
    assert result.saving.duration.mean > 0.5


def test_a_toy_backend_tells_its_own_faults_under_the_callers_names() -> None:
    with pytest.raises(tuner.InputError) as caught:
        tuner.tune("toy:", power_values=[64], factories=[ToyFactory()])
    assert {fault.path for fault in caught.value.faults} == {"target", "power_values[0]"}


def test_a_backend_is_handed_over_without_a_factory() -> None:
    result = tuner.tune("anything", power_values=[128, 1024], runs=4, backend=ToyBackend(), prices=price_list)
    assert result.document["function"]["name"] == "toy"
