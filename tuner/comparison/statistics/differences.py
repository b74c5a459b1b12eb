"""Differences between two sets of environments, from few environments in many configurations.

At one configuration, the variance of each group is moderated by those of all others (Smyth 2004, Statistical
Applications in Genetics and Molecular Biology 3, 3), so that few environments suffice when others were measured as
well. Over all configurations, the groups' own variances add up. Knows nothing of functions or metrics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_PRIOR_DOF = 1e6
"""Stands for groups that do not differ in their variance at all."""


@dataclass(frozen=True, slots=True)
class Units:
    """The log figures of one side at one configuration, one per unit (an environment, or a block of them).

    `resolution` is the standard deviation that rounding adds to a value, in log units.
    """

    values: tuple[float, ...]
    resolution: float = 0.0

    @property
    def dof(self) -> int:
        """Degrees of freedom of its variance."""
        return len(self.values) - 1

    @property
    def mean(self) -> float:
        """Mean of its values."""
        return sum(self.values) / len(self.values)

    @property
    def variance(self) -> float:
        """Variance of its values, never below what rounding causes."""
        own = float(np.var(self.values, ddof=1)) if self.dof else 0.0
        return max(own, self.resolution**2, 1e-12)


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus baseline in log units.

    Attributes:
        estimate: candidate minus baseline.
        standard_error: of the estimate, from the environments.
        dof: degrees of freedom of the standard error.
        drift_sd: spread between the two sessions, which no number of environments makes smaller.
    """

    estimate: float
    standard_error: float
    dof: float
    drift_sd: float = 0.0

    def with_units(self, factor: float, more_dof: float) -> Difference:
        """The same difference from `factor` times as many units."""
        return replace(self, standard_error=self.standard_error / math.sqrt(factor), dof=self.dof + more_dof)

    def bounds(self, alpha: float) -> tuple[float, float]:
        """Lower and upper bound, each wrong with probability `alpha`."""
        from scipy.special import stdtrit

        half = float(stdtrit(self.dof, 1 - alpha)) * math.hypot(self.standard_error, self.drift_sd)
        return self.estimate - half, self.estimate + half


def differences(pairs: Sequence[tuple[Units, Units]], drift_sd: float = 0.0) -> list[Difference] | None:
    """Candidate minus baseline at each configuration.

    Args:
        pairs: baseline and candidate of each configuration.
        drift_sd: spread between two sessions of measuring, in log units.

    Returns:
        None when no group holds two units, so that nothing tells their spread.
    """
    moderated = _moderate([group for pair in pairs for group in pair])
    if moderated is None:
        return None
    # Never below a group's own variance: one slow environment must not pass for a change.
    return [
        _combine(
            [(1.0, pair)],
            [(max(v, g.variance), dof) for (v, dof), g in zip(moderated.of(pair), pair, strict=True)],
            moderated.total_dof,
            drift_sd,
        )
        for pair in pairs
    ]


def overall_difference(pairs: Sequence[tuple[Units, Units]], drift_sd: float = 0.0) -> Difference | None:
    """Mean difference over configurations, each weighted by how many units back it; None as above.

    Over several configurations the variance is the sum of the groups' own, which is right on average. Moderated ones
    shrink towards the typical group: their sum is too small where some configurations spread more than others. Where
    every group is a single unit, the differences of three or more configurations tell their own spread.
    """
    weights = np.array([len(b.values) * len(c.values) / (len(b.values) + len(c.values)) for b, c in pairs])
    weights /= weights.sum()
    moderated = _moderate([group for pair in pairs for group in pair])
    if moderated is not None:
        weighted = list(zip(weights.tolist(), pairs, strict=True))
        posterior = [variance for pair in pairs for variance in moderated.of(pair)]
        if len(pairs) == 1:
            return _combine(weighted, posterior, moderated.total_dof, drift_sd)
        own = [
            (group.variance, float(group.dof)) if group.dof else found
            for group, found in zip(chain.from_iterable(pairs), posterior, strict=True)
        ]
        return _combine(weighted, own, moderated.total_dof, drift_sd, welch=True)
    if len(pairs) < 3:
        return None
    steps = np.array([candidate.mean - baseline.mean for baseline, candidate in pairs])
    floor = max(group.resolution for pair in pairs for group in pair)
    spread = max(float(steps.std(ddof=1)), floor, 1e-6)
    return Difference(float(steps.mean()), spread / math.sqrt(len(pairs)), len(pairs) - 1, drift_sd)


@dataclass(frozen=True, slots=True)
class _Moderated:
    """The common variance, how much it weighs, and the degrees of freedom in all groups together."""

    variance: float
    prior_dof: float
    total_dof: float

    def of(self, pair: tuple[Units, Units]) -> list[tuple[float, float]]:
        """Moderated variance and its degrees of freedom, of each side."""
        found = []
        for group in pair:
            dof = group.dof + self.prior_dof
            variance = (self.prior_dof * self.variance + group.dof * group.variance) / dof
            found.append((variance, min(dof, self.total_dof)))
        return found


def _moderate(groups: Sequence[Units]) -> _Moderated | None:
    """Fit a scaled F distribution to the variances of all groups by their log moments (Smyth 2004, 6.2)."""
    from scipy.special import digamma, polygamma

    backed = [group for group in groups if group.dof > 0]
    if not backed:
        return None
    dof = np.array([group.dof for group in backed], dtype=np.float64)
    variances = np.array([group.variance for group in backed])
    logs = np.log(variances) - digamma(dof / 2) + np.log(dof / 2)
    excess = float(logs.var(ddof=1) - polygamma(1, dof / 2).mean()) if len(backed) > 1 else 0.0
    total = float(dof.sum())
    if excess <= 0:
        return _Moderated(float(dof @ variances / total), MAX_PRIOR_DOF, total)
    prior = min(2 * _trigamma_inverse(excess), MAX_PRIOR_DOF)
    # At least as large as the typical group: outliers spread the logs and would pull the prior down.
    centre = math.exp(float(logs.mean()) + float(digamma(prior / 2)) - math.log(prior / 2))
    return _Moderated(max(centre, float(np.median(variances))), prior, total)


def _combine(
    weighted: Sequence[tuple[float, tuple[Units, Units]]],
    moderated: Sequence[tuple[float, float]],
    total_dof: float,
    drift_sd: float,
    *,
    welch: bool = False,
) -> Difference:
    """Weighted sum of differences; degrees of freedom by Satterthwaite (1946), or by Welch (1947, Biometrika 34, 28).

    Welch's count is right on average where variances of few degrees of freedom add up.
    """
    estimate = sum(weight * (pair[1].mean - pair[0].mean) for weight, pair in weighted)
    sides = [(weight, group) for weight, pair in weighted for group in pair]
    parts = [
        (weight**2 * variance / len(group.values), dof)
        for (weight, group), (variance, dof) in zip(sides, moderated, strict=True)
    ]
    variance = sum(part for part, _ in parts)
    more = 2.0 if welch else 0.0
    dof = max(1.0, variance**2 / sum(part**2 / (dof + more) for part, dof in parts) - more)
    return Difference(estimate, math.sqrt(variance), min(dof, total_dof), drift_sd)


def _trigamma_inverse(value: float) -> float:
    """Solve trigamma(x) = value by Newton's method on 1/trigamma, which is nearly straight."""
    from scipy.special import polygamma

    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x
