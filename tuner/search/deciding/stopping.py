"""When the adaptive sampler stops: what counts as enough, what a batch must pay for, and how an end is named."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tuner.model import MIN_MEMORY_MB, Configuration, StopReason
from tuner.pricing.rounds import RoundPrice
from tuner.search.deciding.state import LIKELY_STAIRS, State
from tuner.search.deciding.value_of_information import Offer, lane_seconds
from tuner.search.sampler import Evidence
from tuner.search.strategies import STRATEGIES

MONTHS = 12
"""Months of the user's traffic over which a trial must pay."""
UNLIKELY = 0.1
"""A chance below this of exceeding twice the tolerance is accepted."""
NOISY_SD = 0.15
"""Noise of a single run (log units) from which an open question is put down to it."""
WILD_SD = 0.5
"""Noise from which no answer counts as certain: rare runs, which a search does not see, decide the bill."""
WITHIN = 0.5
"""Part of the horizon that counts within the tolerance: warm runs of the recommended size follow anyway."""
NEAR = 1.6
"""Multiple of the tolerance up to which an answer that is not within it is near."""
NEAR_WORTH = 3.0
"""A saving counts so many times while the answer is near, so that the search may earn high confidence."""
NEAR_SPENT = 28.0
"""Invocations of the best size from whose price on it counts once again: a search that is dear already ends."""
NEAR_SPENT_WITH_LOG = 0.5 * NEAR_SPENT
"""The same with a log, which is there to save trials."""
WORTH_PER_DOUBLING = 0.1
"""With a log a saving counts so much more for each doubling of the size in use above the smallest one: what one known
size leaves open takes several trials, the more the dearer it is, and the first of them gains little by itself."""
FAR = 2.0
"""Multiple of the tolerance from which on it does so with any function: wide noise, or few runs."""


def within_tolerance(state: State) -> bool:
    """Whether the expected regret is, and twice the tolerance is unlikely to be exceeded."""
    tolerance = state.evidence.objective.tolerance
    unlikely = float((state.scene.regret[:, state.scene.best] > 2 * tolerance).mean()) < UNLIKELY
    return state.scene.expected_regret <= tolerance and unlikely and state.noise_sd < WILD_SD


def may_be_earned(state: State) -> bool:
    """Whether a few more trials may bring the answer within the tolerance, in a search that was cheap so far.

    Not where the user tells the traffic, or noise or the edge of a staircase decides; nor where rounds have a price,
    which puts more at stake anyway. With a log it must have been cheaper still: the log is there to save trials.
    """
    evidence, scene = state.evidence, state.scene
    if evidence.invocations_per_month is not None or evidence.round_price.round_usd:
        return False
    decidable = state.noise_sd <= NOISY_SD and state.stair_chance <= LIKELY_STAIRS
    near = decidable and scene.expected_regret <= NEAR * evidence.objective.tolerance
    most = NEAR_SPENT_WITH_LOG if state.logged else NEAR_SPENT
    return near and not within_tolerance(state) and state.spent_usd <= most * scene.best_cost_usd


def goes_on(state: State) -> bool:
    """Whether smaller trials are asked for where those of a dear round do not pay.

    The answer is far from the tolerance, or it is not within it and hangs on one edge of a staircase.
    """
    if within_tolerance(state):
        return False
    far = state.scene.expected_regret > FAR * state.evidence.objective.tolerance
    return far or state.stair_chance > LIKELY_STAIRS


def undecided(state: State) -> StopReason:
    """Why it ends although the question is open."""
    return StopReason.CANNOT_TELL if state.noise_sd > NOISY_SD else StopReason.ECONOMY


def horizon(evidence: Evidence, invocations: float, time_worth: float, *, within: bool) -> float:
    """Invocations over which a trial must pay: a year of the user's traffic.

    Within the tolerance no more than a part of the default, however large the traffic: it is enough.
    """
    weight = STRATEGIES[evidence.objective.strategy].cost_weight(evidence.objective)
    worth = weight + (1 - weight) * time_worth
    enough = invocations * (WITHIN if within else 1.0)
    if evidence.invocations_per_month is None:
        return worth * enough
    traffic = MONTHS * evidence.invocations_per_month
    return worth * (min(traffic, enough) if within else traffic)


def worth_with_log(current: Configuration) -> float:
    """How many times a saving counts where a log shows the size in use."""
    return 1 + WORTH_PER_DOUBLING * math.log2(current.memory_mb / MIN_MEMORY_MB)


def pays(state: State, batch: Sequence[Offer], worth_usd: float, round_price: RoundPrice) -> bool:
    """Whether the expected fall of the regret is worth what a batch costs."""
    gain, usd = sum(offer.gain for offer in batch), sum(offer.usd for offer in batch)
    seconds = [lane_seconds(state.scene, state.precision, offer.candidate, offer.runs) for offer in batch]
    return gain * worth_usd >= usd + round_price.of(seconds)
