"""The adaptive sampler: measures where it is worth its price, and stops when nothing is any more.

Each round fits the curves to all samples, and asks for the trials with the best expected
saving per dollar. It keeps no state: a resumed run or another process comes to the same
proposal from the same evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from tuner.acquisition import Precision, Scene, efforts, offers, price, scene_of, together
from tuner.belief import Belief
from tuner.curves.estimate import NothingUsableError, Posterior, candidates, fit
from tuner.estimates import measured_belief
from tuner.model import Configuration, StopReason, Trial
from tuner.samplers import Evidence, Proposal

NUMERICS = (ArithmeticError, np.linalg.LinAlgError, NothingUsableError)
"""What a fit may end in; none of it ends a run."""
FAILURES = 4
"""So many configurations without a usable run, and none with one: the function fails everywhere."""
PLAIN_PLACES = 6
"""Configurations that are measured where the curves cannot be fitted."""


@dataclass(frozen=True, slots=True)
class AdaptiveSampler:
    """Chooses trials by value of information.

    Attributes:
        horizon: invocations over which a saving must pay for a trial where the traffic is unknown.
        start: first sizes, as fractions of the range in log memory.
        start_cap: a start is left out if it costs more than so many invocations of the best size so far.
        enough: expected regret at which it stops at once.
        max_trials: bound on the number of trials, whatever they promise.
        min_places: configurations that are measured at least.
    """

    horizon: float = 2000.0
    start: tuple[float, ...] = (0.25, 0.05, 0.6)
    start_cap: float = 20.0
    enough: float = 0.005
    max_trials: int = 40
    min_places: int = 2
    most: int = 5
    always: bool = False
    name: str = "adaptive"

    def propose(self, evidence: Evidence) -> Proposal:
        """The next batch, or why there is none."""
        possible, _ = candidates(evidence.samples, evidence.space, evidence.prices, evidence.current)
        if not possible:
            return Proposal((), StopReason.ALL_FAILED)
        try:
            posterior = _fit(evidence)
        except NUMERICS:
            return self._without_curves(evidence, possible)
        scene = scene_of(posterior.belief(possible), evidence.objective, evidence.prices)
        precision = _precision(posterior)
        begin = self._start(evidence, scene, precision)
        if begin is not None:
            return Proposal((Trial(evidence.next_trial_id, begin, 1, 2),), None, scene.expected_regret)
        return self._next(evidence, posterior, scene, precision)

    def belief(self, evidence: Evidence) -> Belief:
        """What is believed of every candidate; plain statistics where the curves cannot be fitted."""
        possible, excluded = candidates(evidence.samples, evidence.space, evidence.prices, evidence.current)
        try:
            return replace(_fit(evidence).belief(possible), excluded=excluded)
        except NUMERICS as exc:
            plain = measured_belief(evidence.samples, evidence.prices, seed=evidence.seed, space=evidence.space)
            return replace(plain, fallback=f"the curves could not be fitted ({exc}); these are plain statistics")

    def _start(self, evidence: Evidence, scene: Scene, precision: Precision) -> Configuration | None:
        """The next of the first configurations, unless it is too dear for what is known already."""
        possible = scene.belief.candidates
        tried = len({sample.trial_id for sample in evidence.samples})
        for fraction in self.start[tried:]:
            begin = _at_fraction(possible, fraction)
            index = possible.index(begin)
            dear = price(scene, precision, index, 1, 2) > self.start_cap * scene.best_cost_usd
            if not scene.belief.measured[index] and not dear:
                return begin
        return None

    def _next(self, evidence: Evidence, posterior: Posterior, scene: Scene, precision: Precision) -> Proposal:
        measured = {sample.configuration for sample in evidence.samples}
        tried = len({sample.trial_id for sample in evidence.samples})
        regret = scene.expected_regret
        if (regret <= self.enough and len(measured) >= self.min_places) or tried >= self.max_trials:
            return Proposal((), StopReason.TOLERANCE, regret)
        rng = np.random.default_rng((evidence.seed, tried, posterior.runs.count))
        places = np.arange(len(scene.belief.candidates))
        best = offers(scene, precision, places, efforts(evidence.environments), rng)[0]
        chosen = [best]
        bar = 1 / (self.horizon * scene.best_cost_usd)
        if self.most > 1 and (best.rate < bar or self.always):
            chosen = together(scene, precision, places, best, rng, most=self.most)
        rate = sum(offer.gain for offer in chosen) / sum(offer.usd for offer in chosen)
        if rate < bar and best.rate < bar:
            return Proposal((), StopReason.ECONOMY, regret)
        if rate < best.rate:
            chosen = [best]
        trials: list[Trial] = []
        for offer in chosen:
            where = scene.belief.candidates[offer.candidate]
            trials.append(
                Trial(
                    evidence.next_trial_id + len(trials), where, offer.environments, offer.runs, fresh=where in measured
                )
            )
        return Proposal(tuple(trials), None, regret)

    def _without_curves(self, evidence: Evidence, possible: tuple[Configuration, ...]) -> Proposal:
        """Configurations spread over the range, one after the other until a curve can be fitted."""
        tried = {sample.configuration for sample in evidence.samples}
        usable = any(run.usable for sample in evidence.samples for run in sample.invocations)
        if not usable and len(tried) >= FAILURES:
            return Proposal((), StopReason.ALL_FAILED)
        fractions = self.start if not usable else tuple(np.linspace(0, 1, PLAIN_PLACES))
        for fraction in fractions:
            begin = _at_fraction(possible, fraction)
            if begin not in tried:
                trial = Trial(evidence.next_trial_id, begin, evidence.environments if usable else 1, 2)
                return Proposal((trial,), None)
        return Proposal((), StopReason.COMPLETE if usable else StopReason.ALL_FAILED)


def _fit(evidence: Evidence) -> Posterior:
    return fit(evidence.samples, evidence.space, evidence.prices, seed=evidence.seed, current=evidence.current)


def _precision(posterior: Posterior) -> Precision:
    draws = posterior.draws
    return Precision(
        run_sd=math.sqrt(float((draws.run_sd**2).mean())),
        environment_sd=math.sqrt(float((draws.environment_sd**2).mean())),
        cold_sd=draws.cold_sd,
        cold_offset_sd=math.sqrt(draws.cold_offset_variance),
        cold_offset=draws.cold_offset,
    )


def _at_fraction(possible: tuple[Configuration, ...], fraction: float) -> Configuration:
    """The candidate closest to a fraction of the range in log memory."""
    logs = np.log([c.memory_mb for c in possible])
    target = logs.min() + fraction * (logs.max() - logs.min())
    return possible[int(np.abs(logs - target).argmin())]
