"""What is known of one function of a workflow: joint draws of its duration at every configuration, its cost, its noise.

Reads a result document, a belief or plain means. Refuses to know the workflow that the function belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tuner.documents.result import (
    ConfigurationDocument,
    CurrentDocument,
    IntervalDocument,
    PointDocument,
    ResultDocument,
)
from tuner.errors import Fault, InputError
from tuner.estimation.belief import Belief
from tuner.model import Architecture, Configuration
from tuner.pricing.price_list import PriceList

Floats = NDArray[np.float64]

WORLDS = 400
"""Draws of what the curve may be."""
_LEAST, _MOST = 1e-12, 1e9
"""Beyond every duration in ms, and every cost of an invocation in USD."""
_ASIDE = 2.0
"""Factor by which a mean may lie outside its interval: slow runs that are rare lift it."""
_Z95 = 1.6449
"""95th percentile of the standard normal distribution."""
_Z975 = 1.9600
"""97.5th percentile of the standard normal distribution: half of a 95% interval."""


@dataclass(frozen=True, slots=True, eq=False)
class FunctionCurve:
    """A function as its workflow needs it.

    Attributes:
        function: its name.
        configurations: the G configurations that may be chosen.
        duration_ms: mean handler time of a warm invocation in each possible world, shape (W, G).
        cost_usd: mean cost of an invocation, request included, shape (G,).
        spread: standard deviation of the logarithm of single runs in each possible world, shape (W, G).
        current: the configuration in use, where known.
    """

    function: str
    configurations: tuple[Configuration, ...]
    duration_ms: Floats
    cost_usd: Floats
    spread: Floats
    current: Configuration | None = None

    @property
    def mean_ms(self) -> Floats:
        """Mean duration of each configuration over the worlds, shape (G,)."""
        mean: Floats = self.duration_ms.mean(axis=0)
        return mean

    @property
    def expected(self) -> FunctionCurve:
        """The same curve as if its mean over the worlds were known to be true."""
        return replace(self, duration_ms=self.mean_ms[None], spread=self.spread.mean(axis=0)[None])

    @property
    def current_index(self) -> int | None:
        """Index of the configuration in use; None where it is not known or has no curve."""
        return self.configurations.index(self.current) if self.current in self.configurations else None


def curve_from_means(
    function: str,
    duration_ms: Mapping[Configuration, float],
    prices: PriceList,
    *,
    spread: float = 0.0,
    current: Configuration | None = None,
) -> FunctionCurve:
    """A curve that is known exactly.

    Args:
        function: its name.
        duration_ms: mean duration of each configuration.
        prices: of the region.
        spread: standard deviation of the logarithm of single runs.
        current: the configuration in use.
    """
    configurations = tuple(duration_ms)
    cost = [prices.invocation_cost(configuration, duration) for configuration, duration in duration_ms.items()]
    return FunctionCurve(
        function,
        configurations,
        np.array([list(duration_ms.values())], float),
        np.array(cost),
        np.full((1, len(configurations)), spread),
        current,
    )


def curve_from_result(document: ResultDocument, *, seed: int = 0, name: str = "result") -> FunctionCurve:
    """The curve of a result document.

    An error of the curve shifts all sizes alike: only one size of a function is in use, so what the
    errors of two sizes have in common changes nothing.

    Raises:
        InputError: the result has no curve, or values that no function has.
    """
    points = document["curve"]
    if not points:
        raise InputError.single(name, "has no curve", "tune the function again with runs that succeed")
    if faults := list(_damage(points, name)):
        raise InputError(faults)
    mean = np.array([point["duration_ms"]["mean"] for point in points], float)
    high_over_low = [point["duration_ms"]["high"] / point["duration_ms"]["low"] for point in points]
    doubt = np.log(high_over_low) / (2 * _Z975)
    rng = np.random.default_rng(seed)
    return FunctionCurve(
        str(document["function"]["name"]),
        tuple(_configuration(point) for point in points),
        mean * _of_mean_one(np.exp(doubt * _standard(rng))),
        np.array([point["cost_usd"]["mean"] for point in points], float),
        _spread(_drawn(rng, [point["p95_ms"] for point in points]) / mean),
        _configuration(document["current"]) if document["current"] else None,
    )


def curve_from_belief(function: str, belief: Belief, current: Configuration) -> FunctionCurve:
    """The curve that is believed of a function.

    Args:
        function: its name.
        belief: joint draws of every configuration.
        current: the configuration in use.
    """
    return FunctionCurve(
        function,
        belief.candidates,
        belief.duration_ms,
        belief.cost_usd.mean(axis=0),
        _spread(belief.p95_ms / belief.duration_ms),
        current,
    )


def _damage(points: Sequence[PointDocument], name: str) -> Iterator[Fault]:
    """Intervals that no run comes to: not in order, not above 0, or beyond every time and price."""
    for number, point in enumerate(points):
        intervals = {"duration_ms": point["duration_ms"], "p95_ms": point["p95_ms"], "cost_usd": point["cost_usd"]}
        for field, interval in intervals.items():
            low, mean, high = interval["low"], interval["mean"], interval["high"]
            if not (_LEAST < low <= high < _MOST and low <= mean * _ASIDE and mean <= high * _ASIDE):
                told = f"{low:g}, {mean:g} and {high:g} are not an interval and its mean"
                yield Fault(f"{name}: curve[{number}].{field}", told, "the file is damaged: tune the function again")


def _configuration(record: ConfigurationDocument | PointDocument | CurrentDocument) -> Configuration:
    return Configuration(int(record["memory_mb"]), Architecture(record["architecture"]))


def _drawn(rng: np.random.Generator, intervals: Sequence[IntervalDocument]) -> Floats:
    """Draws with these means and intervals, whose two sides may differ, shape (W, G)."""
    mean = np.log([interval["mean"] for interval in intervals])
    low, high = (
        np.log([interval["low"] for interval in intervals]),
        np.log([interval["high"] for interval in intervals]),
    )
    standard = _standard(rng)
    draws: Floats = np.exp(mean + standard / _Z975 * np.where(standard > 0, high - mean, mean - low))
    return draws


def _standard(rng: np.random.Generator) -> Floats:
    """Normal draws in pairs of opposite sign: mean and median 0, standard deviation 1, shape (W, 1)."""
    half = rng.standard_normal((WORLDS // 2, 1))
    draws = np.concatenate([half, -half])
    standard: Floats = draws / draws.std()
    return standard


def _of_mean_one(draws: Floats) -> Floats:
    """The draws in units of their mean over the worlds, shape (W, G)."""
    scaled: Floats = draws / draws.mean(axis=0)
    return scaled


def _spread(p95_over_mean: Floats) -> Floats:
    """Spread of a log-normal distribution with this 95th percentile over its mean."""
    inside = np.maximum(_Z95**2 - 2 * np.log(np.maximum(p95_over_mean, 1.0)), 0.0)
    spread: Floats = _Z95 - np.sqrt(inside)
    return spread
