"""The sampler for runs that cost only time, such as those on the user's own machine.

It measures a spread of sizes with many warm runs, then each that may still be the best until it is known well.
Money decides nothing here: there is no economy stop. It keeps no state, as the adaptive sampler, whose curves it uses.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tuner.estimation.belief import Belief
from tuner.estimation.failures.error_rates import error_rate
from tuner.estimation.noise import LONGEST_JUMPY_MS
from tuner.model import Configuration, SamplerName, SearchSpace, StopReason, Trial, invocations_of
from tuner.search.adaptive import NUMERICS, AdaptiveSampler, recommendable
from tuner.search.deciding.last_checks import larger_that_may_work
from tuner.search.deciding.stopping import UNLIKELY
from tuner.search.deciding.value_of_information import Scene, scene_of
from tuner.search.recommendation import recommend
from tuner.search.sampler import Evidence, Proposal

SECONDS_IN_ENVIRONMENT = 1.0
"""How long the warm runs of one environment should last together."""
SAME, SAME_OF_SHORT = 0.1, 0.03
"""A size that is closer than so many octaves to a measured one has its runs there. Short work takes steps."""
BESIDE, BESIDE_OF_SHORT = 0.2, 0.08
"""Sizes that are closer than so many octaves tell of each other."""
SURE = 0.01
"""Standard error of a mean, as a fraction, from which on a size of short work is in environments enough."""
EFFORTS = (1, 2, 4)
"""Multiples of the runs of a contender that are enough, one after the other while the answer is open."""
MOST_BESIDE_THE_ANSWER = 3
"""Sizes beside the answer that are known well, after which it is not followed any further."""
FEWEST_ENVIRONMENTS = 2
"""Environments of the answer, where its work is not short."""
FEWEST_WARM, MOST_WARM = 4, 24
"""Warm runs in one environment, whatever they last."""


@dataclass(frozen=True, slots=True)
class FreeSampler:
    """Chooses trials where runs cost only time.

    Attributes:
        spread: sizes that are measured first, evenly over the logarithm of memory.
        hopeless: a size of the spread is left out when its regret is almost surely above this.
        contender: mean regret up to which a size is a contender.
        step: mean regret up to which a size of short work is measured, since a step may make it the best.
        most_contenders: contenders that are measured in one round.
        enough_warm: warm runs after which a contender is known well.
        enough_environments: environments after which it is.
        enough_of_short: the same for short work whose environments differ: steps must be met at every speed.
        max_trials: bound on the number of trials, whatever they promise.
        curves: what fits the curves.
    """

    spread: int = 8
    hopeless: float = 0.6
    contender: float = 0.06
    step: float = 0.12
    most_contenders: int = 4
    enough_warm: int = 30
    enough_environments: int = 4
    enough_of_short: int = 8
    max_trials: int = 60
    curves: AdaptiveSampler = field(default_factory=AdaptiveSampler)

    @property
    def name(self) -> SamplerName:
        """What the user calls it: it is the adaptive search of a backend whose runs are free."""
        return SamplerName.ADAPTIVE

    @property
    def fits_curves(self) -> bool:
        """Whether its belief is fitted curves."""
        return True

    def belief(self, evidence: Evidence) -> Belief:
        """What is believed of every candidate: means of runs at the mean work, percentiles of runs as they differ."""
        return self._with_percentiles(evidence, self.curves.belief(_for_means(evidence)))

    def propose(self, evidence: Evidence) -> Proposal:
        """The next batch, or why there is none."""
        places = spread_over(evidence.space, self.spread)
        if not evidence.samples:
            return _proposal(evidence, [(places[len(places) // 2], 1, FEWEST_WARM)])
        try:
            posterior = self.curves.fitted(_for_means(evidence))
        except NUMERICS:
            return self.curves.propose(evidence)
        # The candidates of the result, so that the loss that ends the search is the one that is told.
        possible, _ = recommendable(evidence, posterior.promising_mb)
        location = posterior.location(possible)
        belief = posterior.belief(possible, location=location)
        if evidence.objective.constraints.max_p95_ms:
            belief = self._with_percentiles(evidence, belief)
        scene = scene_of(belief, location, evidence.objective, evidence.prices)
        within = scene.expected_regret <= evidence.objective.tolerance and _is_unlikely_worse(evidence, scene)
        wanted = self._missing(evidence, scene, places)
        if not wanted and len({sample.trial_id for sample in evidence.samples}) < self.max_trials:
            wanted = (
                self._between_steps(evidence, scene)
                or self._doubtful(evidence, scene, within=within)
                or self._larger_where_it_fails(evidence, scene)
            )
        if wanted:
            return _proposal(evidence, wanted, scene.expected_regret)
        return Proposal((), StopReason.TOLERANCE if within else StopReason.CANNOT_TELL, scene.expected_regret)

    def _with_percentiles(self, evidence: Evidence, belief: Belief) -> Belief:
        """A belief in means, with the percentiles of runs that differ as they were measured."""
        if not evidence.at_mean_work or belief.fallback:
            return belief
        try:
            scattered = self.curves.fitted(evidence).belief(belief.candidates)
        except NUMERICS:
            return belief
        return replace(belief, p95_ms=scattered.p95_ms, p99_ms=scattered.p99_ms)

    def _missing(
        self, evidence: Evidence, scene: Scene, places: Sequence[Configuration]
    ) -> list[tuple[Configuration, int, int]]:
        """Sizes of the spread without a run. The largest is always tried: threads may use its cores."""
        measured = {sample.configuration for sample in evidence.samples}
        wanted = []
        for place in places:
            index = scene.belief.index(place)
            if place in measured or index is None:
                continue
            promising = float((scene.regret[:, index] < self.hopeless).mean()) > UNLIKELY / 10
            if promising or place == places[-1]:
                wanted.append((place, 2 if promising else 1, _warm_runs(scene, index)))
        # The larger sizes first: they are quick, and tell whether the smaller ones are worth their time.
        return wanted[::-1][: self.most_contenders]

    def _between_steps(self, evidence: Evidence, scene: Scene) -> list[tuple[Configuration, int, int]]:
        """Sizes of short work that may be nearly the best, and are beside no run: a step may make them so."""
        places = list(_known(evidence))
        loss = scene.regret.mean(axis=0)
        wanted: list[tuple[Configuration, int, int]] = []
        for index in np.argsort(loss, kind="stable"):
            place = scene.belief.candidates[int(index)]
            if loss[index] > self.step or len(wanted) >= self.most_contenders:
                break
            if _is_short(scene, int(index)) and all(_octaves(place, other) > BESIDE_OF_SHORT for other in places):
                # A few runs tell whether it is a contender.
                wanted.append((place, 1, max(FEWEST_WARM, _warm_runs(scene, int(index)) // 2)))
                places.append(place)
        return wanted

    def _doubtful(self, evidence: Evidence, scene: Scene, *, within: bool) -> list[tuple[Configuration, int, int]]:
        """Contenders that are not known well, the likely best first.

        While the answer is not within the tolerance, what counts as known well is doubled and doubled again.
        """
        contenders = self._contenders(evidence, scene, within=within)
        for times in (1,) if within else EFFORTS:
            if chosen := self._not_known(evidence, scene, contenders, times):
                return self._with_promising(evidence, scene, chosen)
        return self._answer(evidence, scene)

    def _contenders(self, evidence: Evidence, scene: Scene, *, within: bool) -> list[int]:
        """Sizes that may change the answer, the likely best first.

        Once the answer is within the tolerance, those that may be better than it by more than the tolerance.
        """
        regret = scene.regret.mean(axis=0)
        gain = scene.regret[:, [scene.best]] - scene.regret
        may_gain = (gain > evidence.objective.tolerance).mean(axis=0) > UNLIKELY / 2
        counts = (may_gain if within else regret <= self.contender) | (np.arange(len(regret)) == scene.best)
        return [int(i) for i in np.argsort(regret, kind="stable") if counts[i]]

    def _not_known(
        self, evidence: Evidence, scene: Scene, contenders: Sequence[int], times: int
    ) -> list[tuple[Configuration, int, int]]:
        """Contenders of which less is known than `times` as much as is enough."""
        known = _known(evidence)
        short = _is_short(scene, scene.best)
        same, reach = (SAME_OF_SHORT, BESIDE_OF_SHORT) if short else (SAME, BESIDE)
        chosen: list[tuple[Configuration, int, int]] = []
        for index in contenders:
            # The loss moves between neighbours from round to round: runs of one of them tell of all.
            place = _measured_beside(scene.belief.candidates[index], known, same)
            near = any(_octaves(place, other) < reach for other, *_ in chosen)
            # A size beside one that is known well needs no runs of its own, unless it is the answer.
            beside = index != scene.best and any(
                of.warm >= times * self.enough_warm and _octaves(place, other) < reach for other, of in known.items()
            )
            if not self._is_known_well(known.get(place), times, short=short) and not near and not beside:
                chosen.append((place, 2, _warm_runs(scene, index)))
        return chosen[: self.most_contenders]

    def _is_known_well(self, known: _Known | None, times: int, *, short: bool) -> bool:
        if known is None or known.warm < times * self.enough_warm:
            return False
        enough = self.enough_of_short if short and known.error > SURE / math.sqrt(times) else self.enough_environments
        return known.environments >= times * enough

    def _with_promising(
        self, evidence: Evidence, scene: Scene, chosen: list[tuple[Configuration, int, int]]
    ) -> list[tuple[Configuration, int, int]]:
        """A round is filled up with the sizes away from all runs that may be better than the answer by most.

        They meet the machine at the same speed, and a round of one size tells nothing of the others.
        """
        gain = np.maximum(0.0, scene.regret[:, [scene.best]] - scene.regret).mean(axis=0)
        places = [*_known(evidence), *(place for place, *_ in chosen)]
        filled = list(chosen)
        for index in np.argsort(-gain, kind="stable"):
            place = scene.belief.candidates[int(index)]
            if gain[index] <= 0 or len(filled) >= self.most_contenders:
                break
            if all(_octaves(place, other) >= BESIDE for other in places):
                filled.append((place, 2, _warm_runs(scene, int(index))))
                places.append(place)
        return filled

    def _answer(self, evidence: Evidence, scene: Scene) -> list[tuple[Configuration, int, int]]:
        """What is recommended after ties, until it is in environments enough itself, unless it moves on and on.

        The cheapest of many sizes looks cheaper than it is. Its own runs tell, and for short work not those beside it.
        """
        index = recommend(scene.belief, evidence.objective, evidence.prices).index
        place = scene.belief.candidates[index]
        enough = self.enough_of_short if _is_short(scene, index) else FEWEST_ENVIRONMENTS
        known = _known(evidence).items()
        beside = [other for other, of in known if _octaves(place, other) < BESIDE and of.environments >= enough]
        if place in beside or len(beside) >= MOST_BESIDE_THE_ANSWER:
            return []
        return [(place, 2, _warm_runs(scene, index))]

    def _larger_where_it_fails(self, evidence: Evidence, scene: Scene) -> list[tuple[Configuration, int, int]]:
        """Where the answer fails too often, a larger size that may work, until its runs would tell that it fails less.

        Curves know nothing of failures: by them a size with a handful of runs may be known well enough.
        """
        answer = recommend(scene.belief, evidence.objective, evidence.prices).configuration
        runs = invocations_of(evidence.samples)
        if not error_rate(runs.get(answer, ())).believably_above(evidence.objective.max_error_rate):
            return []
        few = [c for c in larger_that_may_work(evidence, scene, answer) if len(runs.get(c, ())) < self.enough_warm]
        indices = [(c, scene.belief.candidates.index(c)) for c in few[:1]]
        return [(c, 2, _warm_runs(scene, index)) for c, index in indices]


def spread_over(space: SearchSpace, count: int) -> tuple[Configuration, ...]:
    """Configurations evenly spread over the logarithm of memory, both ends among them."""
    sizes = np.array(space.memory_sizes_mb)
    wanted = np.geomspace(sizes[0], sizes[-1], count)
    chosen = sorted({int(sizes[np.abs(np.log(sizes / size)).argmin()]) for size in wanted})
    return tuple(Configuration(size, architecture) for architecture in space.architectures for size in chosen)


def _for_means(evidence: Evidence) -> Evidence:
    """Evidence whose runs tell of means as exactly as their CPU times allow."""
    return replace(evidence, samples=evidence.at_mean_work) if evidence.at_mean_work else evidence


def _octaves(one: Configuration, other: Configuration) -> float:
    """Distance of two sizes on the scale of log2."""
    return abs(math.log2(one.memory_mb / other.memory_mb)) if one.architecture is other.architecture else math.inf


def _measured_beside(place: Configuration, measured: Iterable[Configuration], same: float) -> Configuration:
    """The measured size that is closest, if it takes about the same time; else the place itself."""
    nearest = min(measured, key=lambda other: _octaves(place, other), default=place)
    return nearest if _octaves(place, nearest) < same else place


def _is_short(scene: Scene, index: int) -> bool:
    """Whether a configuration is so fast that the periods of the CPU share matter."""
    return float(np.median(scene.belief.duration_ms[:, index])) <= LONGEST_JUMPY_MS


def _warm_runs(scene: Scene, index: int) -> int:
    duration_s = float(np.median(scene.belief.duration_ms[:, index])) / 1000
    return int(np.clip(SECONDS_IN_ENVIRONMENT / max(duration_s, 1e-6), FEWEST_WARM, MOST_WARM))


@dataclass(frozen=True, slots=True)
class _Known:
    """What the runs of a configuration amount to.

    Attributes:
        warm: warm runs.
        environments: environments with usable runs.
        error: standard error of their mean, as a fraction, from how environments differ.
    """

    warm: int
    environments: int
    error: float


def _known(evidence: Evidence) -> dict[Configuration, _Known]:
    """What is known of each measured configuration."""
    durations: dict[Configuration, dict[str, list[float]]] = {}
    for sample in _for_means(evidence).samples:
        of = durations.setdefault(sample.configuration, {})
        for run in sample.invocations:
            if run.usable and run.duration_ms is not None:
                of.setdefault(run.environment, []).extend([] if run.cold else [run.duration_ms])
    return {
        configuration: _Known(sum(map(len, of.values())), len(of), _error([runs for runs in of.values() if runs]))
        for configuration, of in durations.items()
    }


def _error(environments: Sequence[Sequence[float]]) -> float:
    """Standard error of a mean over environments, as a fraction; infinite where there is one."""
    means = [math.fsum(runs) / len(runs) for runs in environments]
    if len(means) < 2:
        return math.inf
    return float(np.std(means, ddof=1) / math.sqrt(len(means)) / np.mean(means))


def _is_unlikely_worse(evidence: Evidence, scene: Scene) -> bool:
    bound = 2 * evidence.objective.tolerance
    return float((scene.regret[:, scene.best] > bound).mean()) < UNLIKELY


def _proposal(
    evidence: Evidence, wanted: Sequence[tuple[Configuration, int, int]], expected_regret: float | None = None
) -> Proposal:
    """Trials with one cold run in each environment beside the warm ones."""
    first = evidence.next_trial_id
    trials = tuple(
        Trial(first + number, configuration, environments, 1 + warm)
        for number, (configuration, environments, warm) in enumerate(wanted)
    )
    return Proposal(trials, None, expected_regret)
