"""What a result says beside its recommendation: the curve behind a grid, and a timeout.

Pure readings of a study; they change nothing of what is recommended.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tuner.estimation.belief import Belief
from tuner.estimation.estimate import timeout_advice_ms
from tuner.estimation.slow_runs import EXAMPLE_FACTOR, EXAMPLE_SHARE, unseen_bound
from tuner.model import SearchSpace
from tuner.plain_numbers import plural, significant
from tuner.search.adaptive import AdaptiveSampler
from tuner.search.space import memory_nodes
from tuner.search.study import Study

TIMEOUT_LIMIT_S = 900
"""Longest timeout of a Lambda function (Lambda quotas, 2026-09)."""
FEWEST_SIZES = 2
"""Sizes that must have been measured before a curve is drawn through them."""


@dataclass(frozen=True, slots=True)
class TimeoutAdvice:
    """A timeout for the recommended configuration, in whole seconds, beside the function's own."""

    advised_s: int
    current_s: float | None
    message: str


def fitted_belief(study: Study, believed: Belief) -> Belief | None:
    """The fitted curve between the smallest and the largest size measured, where the sampler did not fit one.

    None when the study's own belief is the curve already, or too little was measured.

    Args:
        study: what was measured.
        believed: the study's own belief.
    """
    if study.sampler.fits_curves and not study.space.listed:
        return None
    sizes = sorted({candidate.memory_mb for candidate in believed.candidates})
    if len(sizes) < FEWEST_SIZES:
        return None
    space = SearchSpace(tuple(memory_nodes(sizes[0], sizes[-1], sizes)), study.space.architectures)
    belief = AdaptiveSampler().belief(replace(study.evidence, space=space))
    return None if belief.fallback else belief


def advise_timeout(belief: Belief, index: int, current_s: float | None) -> TimeoutAdvice:
    """A timeout with a margin over the slowest runs of a candidate.

    Args:
        belief: what is known of the candidates.
        index: the candidate.
        current_s: the function's own timeout, where known.
    """
    wanted_s = max(1, math.ceil(timeout_advice_ms(belief, index) / 1000))
    advised_s = min(wanted_s, TIMEOUT_LIMIT_S)
    name = belief.candidates[index]
    if wanted_s > TIMEOUT_LIMIT_S:
        message = f"{name} may need more than the {TIMEOUT_LIMIT_S} s that Lambda allows."
    elif current_s is None:
        message = f"A timeout of {advised_s} s leaves room for the slowest runs on {name}."
    elif current_s < advised_s:
        message = f"The timeout of {current_s:g} s is short for {name}: {advised_s} s leaves room for slow runs."
    else:
        message = f"The timeout of {current_s:g} s has room on {name}: {advised_s} s would do."
    return TimeoutAdvice(advised_s, current_s, message)


def unseen_slow_runs(study: Study, cost_usd: float) -> str | None:
    """What the warm runs cannot show of rare slow ones, and a bound; None where there are enough runs to see them.

    Args:
        study: what was measured.
        cost_usd: what an invocation is believed to cost. Slow runs raise all of it but the fee of the request.
    """
    runs = [run for sample in study.samples for run in sample.invocations if run.usable]
    warm = sum(not run.cold for run in runs) or len(runs)
    bound = unseen_bound(warm) if warm else None
    if bound is None:
        return None
    shown, longer = bound
    of_duration = max(0.0, 1 - study.prices.request_usd / cost_usd) if cost_usd else 0.0
    rarer = f" that are rarer than 1 in {round(1 / shown)}" if round(1 / shown) > 1 else ""
    return (
        f"Slow runs{rarer} may not have been seen in {plural(warm, 'run')}. "
        f"If 1 in {round(1 / EXAMPLE_SHARE)} took {EXAMPLE_FACTOR:g} times as long, "
        f"the bill would be {significant(100 * longer * of_duration, 2)}% higher."
    )
