"""The last results of a function together as one baseline, with the spread between their sessions.

Each result is a session of its own, so that their spread tells what moves besides the function. Reads no files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from tuner.comparison.metrics import values
from tuner.comparison.question import Metric
from tuner.comparison.result_pairs import document_prices, document_series
from tuner.comparison.run_series import RunSeries
from tuner.documents.result import ResultDocument
from tuner.model import Configuration, Notice

LAST_RESULTS = 10
"""Results of a trend that make its baseline: the latest."""
LEAST_STEPS = 5
"""Steps between sessions whose median two changes of the function do not move."""
NORMAL_QUARTILE = 0.6745
"""Median size of a standard normal value."""
LEAST_SESSIONS = 3
"""Sessions from which their spread is estimated; fewer have the drift that their age makes likely."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Several results as one baseline.

    Attributes:
        series: the runs of all sessions by configuration.
        sessions: how many results there are.
        drift_sd: spread of one further session around their level, in log units; None: too few to tell.
    """

    series: dict[Configuration, RunSeries]
    sessions: int
    drift_sd: float | None


def latest(results: Sequence[ResultDocument], before: str, count: int = LAST_RESULTS) -> list[ResultDocument]:
    """The last results that were made before a time (ISO 8601), the oldest first."""
    ordered = sorted(results, key=lambda result: made_at(result["created_at"]))
    return [result for result in ordered if made_at(result["created_at"]) < made_at(before)][-count:]


def of_function(results: Sequence[ResultDocument], name: str) -> tuple[Sequence[ResultDocument], list[Notice]]:
    """The results of one function, and what to know of others; all of them where none is of this name."""
    own = [result for result in results if result["function"]["name"] == name]
    others = sorted({result["function"]["name"] for result in results} - {name})
    if not own or not others:
        return results, []
    told = f"{len(results) - len(own)} results of other functions are left out: {', '.join(others)}."
    return own, [Notice("other_function", told)]


def made_at(text: str) -> datetime:
    """A time of a result document."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def trend_of(results: Sequence[ResultDocument]) -> Trend:
    """Join results.

    Args:
        results: at least one, of the same function measured alike.
    """
    sessions = [document_series(result) for result in results]
    joined: dict[Configuration, RunSeries] = {}
    for number, session in enumerate(sessions):
        for configuration, series in session.items():
            joined[configuration] = _join(joined.get(configuration), series, number)
    effects = _effects(results, sessions)
    if len(effects) < LEAST_SESSIONS:
        return Trend(joined, len(sessions), None)
    return Trend(joined, len(sessions), _further(effects))


def step_spread(results: Sequence[ResultDocument]) -> float | None:
    """Spread of a step from one session to the next, in log units; None: the sessions are too few to tell.

    The median of the steps tells it, so that a few changes of the function count no more than any other step.
    """
    if len(results) <= LEAST_STEPS:
        return None
    effects = _effects(results, [document_series(result) for result in results])
    if len(effects) <= LEAST_STEPS:
        return None
    return float(np.median(np.abs(np.diff(effects)))) / NORMAL_QUARTILE


def _join(before: RunSeries | None, series: RunSeries, number: int) -> RunSeries:
    """The environments of one more session; those of different sessions are different ones."""
    named = tuple(
        tuple(replace(run, environment=f"{number}/{run.environment}") for run in group) for group in series.environments
    )
    return RunSeries(series.configuration, (before.environments if before else ()) + named, series.cold)


def _effects(results: Sequence[ResultDocument], sessions: Sequence[dict[Configuration, RunSeries]]) -> list[float]:
    """How far each session lies from the last one, in log units, over the configurations that both have.

    Sessions without any of its configurations are left out.
    """
    levels = []
    for result, session in zip(results, sessions, strict=True):
        prices = document_prices(result)
        own = {c: values(series, Metric.DURATION, prices) for c, series in session.items()}
        levels.append({c: float(np.mean(found)) for c, found in own.items() if found})
    last = next((level for level in reversed(levels) if level), {})
    steps = ([level[c] - last[c] for c in sorted(level.keys() & last.keys())] for level in levels)
    return [float(np.mean(own)) for own in steps if own]


def _further(effects: Sequence[float]) -> float:
    """Spread of one further session around the mean of these, for a normal quantile.

    Student's t of few sessions is wider than the normal; the ratio of their 97.5% quantiles allows for it.
    """
    from scipy.special import stdtrit

    count = len(effects)
    few = float(stdtrit(count - 1, 0.975)) / 1.96
    return float(np.std(effects, ddof=1)) * math.sqrt(1 + 1 / count) * few
