"""A result document becomes the curve of a function of a workflow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.golden.situations import document_of
from tuner.errors import InputError
from tuner.model import Notice
from tuner.workflows.calibration import calibrated
from tuner.workflows.curves import curve_from_result
from tuner.workflows.figures import Figures
from tuner.workflows.history import Observed


def result(name: str = "aws") -> Any:
    return document_of(name)


def test_the_draws_have_the_mean_and_the_interval_of_the_result() -> None:
    document = result()
    curve = curve_from_result(document)
    low, high = np.quantile(curve.duration_ms, [0.025, 0.975], axis=0)
    for index, point in enumerate(document["curve"]):
        told = point["duration_ms"]
        assert curve.mean_ms[index] == pytest.approx(told["mean"])
        assert np.log(high[index] / low[index]) == pytest.approx(np.log(told["high"] / told["low"]), rel=0.15)


def test_runs_scatter_so_that_their_95th_percentile_is_that_of_the_result() -> None:
    document = result()
    curve = curve_from_result(document)
    spread = np.median(curve.spread, axis=0)
    p95 = curve.mean_ms * np.exp(1.6449 * spread - spread**2 / 2)
    # Rare slow runs may lift the mean above the 95th percentile: then every run counts as one of the mean.
    told = [max(point["p95_ms"]["mean"], point["duration_ms"]["mean"]) for point in document["curve"]]
    assert p95 == pytest.approx(told, rel=0.005)
    assert curve.current_index is not None


def test_a_result_without_a_curve_is_refused() -> None:
    with pytest.raises(InputError, match="has no curve"):
        curve_from_result(result("all-failed"))


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("duration_ms", {"low": 0.0}),
        ("duration_ms", {"low": -1.0}),
        ("duration_ms", {"high": 1e300, "mean": 1e300}),
        ("p95_ms", {"low": 9.0, "high": 3.0}),
        ("cost_usd", {"mean": 0.0}),
    ],
)
def test_a_curve_that_no_function_has_is_refused_by_its_field(field: str, values: dict[str, float]) -> None:
    document = result()
    document["curve"][2][field] |= values
    with pytest.raises(InputError, match=rf"orders: curve\[2\].{field}: .* are not an interval and its mean"):
        curve_from_result(document, name="orders")


def fitted(beside_ms: dict[str, float]) -> tuple[Figures, tuple[Notice, ...]]:
    """Figures and notices when tasks of one function took so much longer than it."""
    curve = curve_from_result(result())
    index = curve.current_index
    assert index is not None
    expected = float(curve.mean_ms[index])
    seen = Observed(1, Figures(), {s: (expected + ms,) for s, ms in beside_ms.items()}, {}, ())
    return calibrated(Figures(), seen, dict.fromkeys(beside_ms, "f"), {"f": curve})


def test_what_a_task_takes_beside_its_function_is_orchestration() -> None:
    figures, notices = fitted({"A": 30.0, "B": 32.0, "C": -5.0})
    assert figures.overheads_ms == {"A": pytest.approx(30.0), "B": pytest.approx(32.0), "C": 0.0}
    assert notices == ()


def test_a_task_far_from_its_curve_is_named() -> None:
    _, notices = fitted({"A": 30.0, "B": 31.0, "C": 9000.0})
    assert [notice.code for notice in notices] == ["curve_does_not_fit"]
    assert "C took" in notices[0].message
