"""What one decision of the adaptive sampler rests on: the evidence, the fitted curves, and what trials would cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.estimate import Posterior
from tuner.model import Configuration, Sample, Trial
from tuner.pricing.rounds import RoundPrice
from tuner.pricing.spending import spent
from tuner.search.deciding.value_of_information import Offer, Precision, Scene, lane_seconds, price
from tuner.search.recommendation import Choice, recommend
from tuner.search.sampler import Evidence, Proposal

MUCH_OF_A_ROUND = 0.25
"""Part of the price of a round that the second run of a start may cost."""
MUCH_OF_A_TRIAL = 0.3
"""Part of the price of its first run that the second run of a later start may cost."""
ROUND_WITHOUT_PRICE = 2.0
"""Invocations of the best size that a round counts as, where it has no price of its own."""
LIKELY_STAIRS = 1 / 3
"""Chance of a staircase from which on a search goes on with smaller trials where large ones do not pay, and a search
with a log measures sizes at its edges."""
LOGGED_ENVIRONMENTS = 4
"""Environments of the current configuration in a log from which on it needs no trial beside the recommended one."""


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """A trial without its number."""

    configuration: Configuration
    environments: int
    runs: int
    fresh: bool = False


class State:
    """What one decision rests on.

    Args:
        evidence: everything that is known.
        posterior: the fitted curves.
        scene: what they say of every candidate, sizes at the edges of staircases among them.
        held: candidates without those sizes: where to start does not move with what is believed.
    """

    def __init__(self, evidence: Evidence, posterior: Posterior, scene: Scene, held: tuple[Configuration, ...]) -> None:
        self.evidence = evidence
        self.stair_chance = posterior.stair_chance
        self.scene = scene
        self.held = held
        self.measured = {sample.configuration for sample in evidence.samples}
        self.trials = len({sample.trial_id for sample in evidence.samples})
        self.layout = posterior.layout
        self.precision = _precision(posterior)
        self.rng = np.random.default_rng((evidence.seed, self.trials, posterior.runs.count))
        self.spent_usd = spent(evidence.samples, evidence.prices).usd
        bound = evidence.budget.max_usd
        self.usd_left = math.inf if bound is None else bound - self.spent_usd

    @cached_property
    def choice(self) -> Choice:
        """What would be recommended now."""
        return recommend(self.scene.belief, self.evidence.objective, self.evidence.prices)

    @property
    def counted_round(self) -> RoundPrice:
        """What a round counts where trials are chosen: a round without a price is still a wait for the user."""
        own = self.evidence.round_price
        return own if own.round_usd else replace(own, round_usd=ROUND_WITHOUT_PRICE * self.scene.best_cost_usd)

    @property
    def logged(self) -> bool:
        """Whether a log shows the current configuration; one of another payload is not part of the evidence."""
        return is_logged(self.evidence)

    def price(self, request: TrialRequest) -> float:
        """Expected price of a trial in USD; 0 where its configuration is no candidate."""
        index = self.scene.belief.index(request.configuration)
        return 0.0 if index is None else price(self.scene, self.precision, index, request.environments, request.runs)

    def runs_of_a_start(self, index: int) -> int:
        """Two, or one where the second run costs much: a cold run tells the level of a curve too.

        The first trial of a search, which is not asked for here, told how much slower a cold run is.
        """
        one_usd, two_usd = (price(self.scene, self.precision, index, 1, runs) for runs in (1, 2))
        if two_usd > (1 + MUCH_OF_A_TRIAL) * one_usd:
            return 1
        one_s, two_s = (lane_seconds(self.scene, self.precision, index, runs) for runs in (1, 2))
        whole = self.evidence.round_price
        second_usd = two_usd - one_usd + (two_s - one_s) * whole.second_usd
        return 1 if second_usd > MUCH_OF_A_ROUND * whole.round_usd > 0 else 2

    @property
    def places(self) -> NDArray[np.int64]:
        """Candidates that may be measured, shape (P,): all, or only those that the curve is held at.

        Those of a listed space are the latter, which bounds the work. With a log so are those of a function that is no
        likely staircase: there the edges of unlikely ones, close to each other at small sizes, took most trials, since
        small sizes are cheap.
        """
        held, candidates = set(self.layout.configurations), self.scene.belief.candidates
        held_alone = self.evidence.space.listed or (self.logged and self.stair_chance <= LIKELY_STAIRS)
        return np.array([i for i, c in enumerate(candidates) if not held_alone or c in held], dtype=np.int64)

    @property
    def noise_sd(self) -> float:
        """Spread of single runs, log units."""
        return math.hypot(self.precision.run_sd, self.precision.environment_sd)

    def requests(self, offers: Sequence[Offer]) -> list[TrialRequest]:
        """The trials of offers."""
        where = self.scene.belief.candidates
        return [TrialRequest(where[offer.candidate], offer.environments, offer.runs) for offer in offers]

    def proposal(self, requests: Sequence[TrialRequest], likely: Sequence[Configuration]) -> Proposal:
        """The requests as numbered trials."""
        first = self.evidence.next_trial_id
        trials = [
            Trial(first + n, r.configuration, r.environments, r.runs, fresh=r.fresh) for n, r in enumerate(requests)
        ]
        return Proposal(tuple(trials), None, self.scene.expected_regret, tuple(likely))


def is_logged(evidence: Evidence) -> bool:
    """Whether a log shows the current configuration in several environments: a saving is claimed against these runs."""
    free = [sample for sample in evidence.samples if sample.free]
    return evidence.current is not None and len(environments_of(free, evidence.current)) >= LOGGED_ENVIRONMENTS


def environments_of(samples: Sequence[Sample], where: Configuration) -> set[str]:
    """Environments in which a configuration ran well."""
    own = [sample for sample in samples if sample.configuration == where]
    return {run.environment for sample in own for run in sample.invocations if run.usable}


def _precision(posterior: Posterior) -> Precision:
    draws = posterior.draws
    return Precision(
        run_sd=math.sqrt(float((draws.run_sd**2).mean())),
        environment_sd=math.sqrt(float((draws.environment_sd**2).mean())),
        cold_sd=draws.cold_sd,
        cold_offset_sd=math.sqrt(draws.cold_offset_variance),
        cold_offset=draws.cold_offset,
    )
