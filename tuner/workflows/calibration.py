"""Compares recorded executions with the curves: what each task takes beside its function, and curves that do not fit.

A task in an execution lasts as long as its function plus orchestration: what is left of its recorded time is
counted as orchestration. A task for which much is left got other payloads than its curve was measured with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from statistics import median

from tuner.model import Notice
from tuner.workflows.curves import FunctionCurve
from tuner.workflows.figures import Figures
from tuner.workflows.history import Observed

FAR_OFF = 0.25
"""A task whose recorded time differs from the prediction by more than this fraction is named."""


def calibrated(
    figures: Figures, observed: Observed, functions: Mapping[str, str], curves: Mapping[str, FunctionCurve]
) -> tuple[Figures, tuple[Notice, ...]]:
    """Figures with the orchestration that the executions show, and the tasks that do not fit their curves.

    Args:
        figures: as the executions and the user gave them.
        observed: the executions.
        functions: the function of each Task state.
        curves: by function; functions without one, or without a current configuration, are left out.
    """
    beside = {
        state: median(observed.times_ms[state]) - expected
        for state, function in functions.items()
        if state in observed.times_ms and (expected := _current_ms(curves.get(function))) is not None
    }
    usual = median(beside.values()) if beside else 0.0
    notices = [
        _misfit(state, functions[state], rest - usual, observed)
        for state, rest in beside.items()
        if abs(rest - usual) > FAR_OFF * median(observed.times_ms[state]) and abs(rest - usual) > abs(usual)
    ]
    overheads = {state: max(rest, 0.0) for state, rest in beside.items()}
    return replace(figures, overheads_ms={**overheads, **figures.overheads_ms}), tuple(notices)


def _current_ms(curve: FunctionCurve | None) -> float | None:
    index = curve.current_index if curve else None
    return None if curve is None or index is None else float(curve.mean_ms[index])


def _misfit(state: str, function: str, off_ms: float, observed: Observed) -> Notice:
    recorded = median(observed.times_ms[state])
    message = (
        f"{state} took {recorded:,.0f} ms in the executions, {off_ms:+,.0f} ms from what the curve of {function} says: "
        f"tune {function} with the payloads that the workflow sends (--tune)."
    )
    return Notice("curve_does_not_fit", message)
