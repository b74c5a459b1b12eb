"""The adaptive sampler: measures where it is worth its price, and stops when nothing is any more.

Each round fits the curves to all samples, and asks for the trials with the best expected
saving per dollar. It keeps no state: a resumed run or another process comes to the same
proposal from the same evidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.belief import LIKELY_SAME, SURELY_SAME, Belief
from tuner.estimation.estimate import DEFAULT_PRIOR, NothingUsableError, Posterior, candidates, fit
from tuner.estimation.failures.error_rates import BELIEVABLE, ErrorRate, error_rate
from tuner.estimation.failures.exclusions import Exclusion
from tuner.estimation.layout import by_price
from tuner.estimation.measured_belief import measured_belief
from tuner.estimation.posterior import Prior
from tuner.model import (
    Configuration,
    Invocation,
    Sample,
    SamplerName,
    SearchSpace,
    StopReason,
    Trial,
    invocations_of,
)
from tuner.pricing.rounds import NOTHING, RoundPrice
from tuner.pricing.spending import spent
from tuner.search.decision import FEWEST_ENVIRONMENTS, FEWEST_WARM_RUNS
from tuner.search.recommendation import recommend
from tuner.search.sampler import Evidence, Proposal
from tuner.search.strategies import STRATEGIES
from tuner.search.value_of_information import (
    LEAST_REGRET,
    Offer,
    Precision,
    Scene,
    efforts,
    lane_seconds,
    offers,
    price,
    scene_of,
    together,
)

NUMERICS = (ArithmeticError, np.linalg.LinAlgError, NothingUsableError)
"""What a fit may end in; none of it ends a run."""
FAILURES = 4
"""So many configurations without a usable run, and none with one: the function fails everywhere."""
MONTHS = 12
"""Months of the user's traffic over which a trial must pay."""
UNLIKELY = 0.1
"""A chance below this of exceeding twice the tolerance is accepted."""
NOISY_SD = 0.15
"""Noise of a single run (log units) from which an open question is put down to it."""
WILD_SD = 0.5
"""Noise from which no answer counts as certain: rare runs, which a search does not see, decide the bill."""
RUNS_OF_AN_ERROR_CHECK = 5
"""Runs of each environment in a trial that tells whether failures are too many."""
MOST_ERROR_CHECKS = 6
"""Trials of the recommended configuration after which its failures are not looked at any closer."""
LEAST_WORTH_USD = 1e-30
"""Stands for nothing where there is no traffic."""
WITHIN = 0.5
"""Part of the horizon that counts within the tolerance: warm runs of the recommended size follow anyway."""
MOST_VERIFIED = 2
"""Configurations that are measured for their own sake at most: a recommendation may move between equals."""
MAX_CONFIRMATIONS = 2
"""Recommendations that are compared with the current configuration side by side at most."""
PLAIN_PLACES = 6
"""Configurations that are measured where the curves cannot be fitted."""
ENOUGH_OF_CURRENT = 6
"""Trials of the current configuration after which it is known well enough, whether or not they were pairs: two lanes
may have shared an environment, and a pair that is not recognised must not be asked for again and again."""

REPEATED = 2
"""Configurations, the likeliest to be best, that are named twice."""
MUCH_OF_A_ROUND = 0.25
"""Part of the price of a round that the second run of a start may cost."""
BESIDE = 0.1
"""Part of the range (log memory) within which a start beside the current configuration is left out."""
MUCH_OF_A_TRIAL = 0.3
"""Part of the price of its first run that the second run of a later start may cost."""
MOST_LIKELY = 6
"""Configurations that are named ahead at most. Each is a copy in AWS, of two calls of its control plane, and more once
it is measured. Of the 4.6 rounds of the twelve laws of benchmarks/stack 2.5 wait for a copy with 4 named ahead, 2.2
with 6, 2.1 with 8; searches make 16, 19 and 21 copies."""
LIKELY_STAIRS = 1 / 3
"""Chance of a staircase from which on a search goes on with smaller trials where large ones do not pay."""
FAR = 2.0
"""Multiple of the tolerance from which on it does so with any function: wide noise, or few runs."""
LOGGED_ENVIRONMENTS = 4
"""Environments of the current configuration in a log from which on it needs no trial beside the recommended one."""


@dataclass(frozen=True, slots=True)
class AdaptiveSampler:
    """Chooses trials by value of information.

    Attributes:
        horizon: invocations over which a saving must pay for a trial where the traffic is unknown.
        time_worth: what a fraction of the duration is worth beside the same fraction of the cost: time
            saved does not pay for trials by itself.
        verify_cap: a winner has no warm runs for its own sake if they cost more invocations of it than this.
        start: first sizes, as fractions of the range in log memory.
        start_cap: a start is left out if it costs more than so many invocations of the best size so far.
        certain: fraction of the tolerance at which it stops at once.
        most: trials in a batch at most.
        max_trials: bound on the number of trials, whatever they promise.
        min_places: configurations that are measured at least.
        prior: of the curves.
    """

    horizon: float = 600.0
    time_worth: float = 0.6
    verify_cap: float = 12.0
    start: tuple[float, ...] = (0.25, 0.05, 0.6)
    start_cap: float = 20.0
    certain: float = 0.25
    most: int = 6
    max_trials: int = 60
    min_places: int = 2
    prior: Prior = DEFAULT_PRIOR
    name: SamplerName = SamplerName.ADAPTIVE
    fits_curves: bool = True

    def propose(self, evidence: Evidence) -> Proposal:
        """The next batch, or why there is none."""
        possible, _ = recommendable(evidence)
        if not possible:
            return Proposal((), StopReason.ALL_FAILED)
        try:
            posterior = self.fitted(evidence)
        except NUMERICS:
            return self._without_curves(evidence, possible)
        held = possible
        if promising := posterior.promising_mb:
            possible, _ = recommendable(evidence, promising)
        location = posterior.location(possible)
        belief = posterior.belief(possible, location=location)
        scene = scene_of(belief, location, evidence.objective, evidence.prices)
        state = _State(evidence, posterior, scene, held)
        if begin := self._starts(state):
            return state.proposal(begin, self._likely(state))
        chosen, reason = self._next(state)
        chosen = self._with_check(state, chosen)
        if reason in (StopReason.TOLERANCE, StopReason.ECONOMY, StopReason.CANNOT_TELL):
            chosen = self._last_checks(state)
        if chosen:
            return state.proposal(chosen, self._likely(state))
        return Proposal((), reason, scene.expected_regret)

    def belief(self, evidence: Evidence) -> Belief:
        """What is believed of every candidate; plain statistics where the curves cannot be fitted."""
        try:
            posterior = self.fitted(evidence)
            possible, excluded = recommendable(evidence, posterior.promising_mb)
            return replace(posterior.belief(possible), excluded=excluded)
        except NUMERICS as exc:
            plain = measured_belief(
                evidence.samples,
                evidence.prices,
                seed=evidence.seed,
                space=evidence.space,
                max_error_rate=evidence.objective.max_error_rate,
            )
            return replace(plain, fallback=f"the curves could not be fitted ({exc}); these are plain statistics")

    def fitted(self, evidence: Evidence) -> Posterior:
        """The curves given all samples; raises one of `NUMERICS`."""
        current, prior = evidence.current, self.prior
        return fit(evidence.samples, evidence.space, evidence.prices, seed=evidence.seed, current=current, prior=prior)

    def _starts(self, state: _State) -> list[TrialRequest]:
        """First configurations that are missing, unless they are too dear for what is known already."""
        if len(state.measured) > len(self.start) * len(state.evidence.space.architectures):
            return []
        if _is_logged(state.evidence):
            return []  # the level of the curve is known, so that each trial can be chosen by its worth
        found = []
        for configuration in self._plan(state.evidence, state.held):
            index = state.scene.belief.index(configuration)
            if configuration in state.measured or index is None:
                continue
            usd = price(state.scene, state.precision, index, 1, 2)
            if usd <= min(self.start_cap * state.scene.best_cost_usd, state.usd_left):
                found.append(TrialRequest(configuration, 1, state.runs_of_a_start(index)))
        return found[: self._starts_at_once(state, found)]

    def _starts_at_once(self, state: _State, found: Sequence[TrialRequest]) -> int:
        """How many starts a round asks for: later ones wait for the earlier ones to tell whether they are worth it.

        That wait costs a round, so starts that are cheaper than one do not wait. Of a function of which nothing
        was seen at most two for each architecture are cheap.
        """
        width = len(state.evidence.space.architectures)
        most = len(found) if state.measured else 2 * width
        usd = 0.0
        for number, request in enumerate(found[:most]):
            usd += state.price(request)
            if usd > state.evidence.round_price.round_usd and number >= width:
                return number
        return max(most, width) if state.evidence.round_price.round_usd else width

    def _plan(self, evidence: Evidence, possible: Sequence[Configuration]) -> list[Configuration]:
        """The configurations to begin with: the current one, then the starts, architectures in turn."""
        ordered = by_price(evidence.space.architectures, evidence.prices)
        architectures = [a for a in ordered if any(c.architecture is a for c in possible)]
        current = [evidence.current] if evidence.current in possible and evidence.current is not None else []
        planned = list(current)
        for number, fraction in enumerate(self.start):
            # Both architectures where it is cheap to compare them, then one of them in turn.
            own = architectures if number == 0 else [architectures[number % len(architectures)]]
            starts = [_at_fraction([c for c in possible if c.architecture is a], fraction) for a in own]
            planned += [start for start in starts if not _is_beside(start, current, evidence.space)]
        return planned

    def _likely(self, state: _State) -> list[Configuration]:
        """What later rounds probably measure: the starts that are missing, then what may be best, likeliest first.

        The current configuration is among them, for the comparison side by side at the end.
        """
        scene, evidence = state.scene, state.evidence
        planned = self._plan(evidence, state.held)
        chance = np.bincount(scene.regret.argmin(axis=1), minlength=len(scene.belief.candidates))
        best = [scene.belief.candidates[place] for place in np.argsort(-chance, kind="stable")]
        missing = [c for c in planned if c == evidence.current or c not in state.measured]
        # What is recommended in the end is measured first, and then side by side with the current configuration.
        return [*dict.fromkeys([*missing, *best[:MOST_LIKELY]]), *best[:REPEATED]][:MOST_LIKELY]

    def _next(self, state: _State) -> tuple[list[TrialRequest], StopReason | None]:
        """The trials with the best expected saving per dollar, or the reason to stop."""
        scene, evidence = state.scene, state.evidence
        within = state.within_tolerance
        certain = scene.expected_regret <= self.certain * evidence.objective.tolerance
        if within and certain and len(state.measured) >= self.min_places:
            return [], StopReason.TOLERANCE
        if state.trials >= self.max_trials:
            return [], StopReason.TOLERANCE if within else StopReason.CANNOT_TELL
        worth = max(self._horizon(evidence, within=within) * scene.best_cost_usd, LEAST_WORTH_USD)
        if not within and (batch := self._whole_round(state, worth)):
            return state.requests(batch), None
        batch = self._batch(state, worth, whole_bill=True)
        if not batch:
            return [], StopReason.USD
        # The large trials of a dear round may not pay where smaller ones do.
        if evidence.round_price.round_usd and state.goes_on and not _pays(state, batch, worth, NOTHING):
            batch = self._batch(state, worth, whole_bill=False)
        # Once the answer is within the tolerance, another round must pay for the whole of its bill.
        if not _pays(state, batch, worth, evidence.round_price if within else NOTHING):
            return [], StopReason.TOLERANCE if within else state.undecided
        return state.requests(batch), None

    def _whole_round(self, state: _State, worth_usd: float) -> list[Offer]:
        """A batch that pays for all of its round, where a search has more at stake than the horizon says; else empty.

        Invocations that are cheap beside a round are then many in few rounds. A user who tells the traffic is believed.
        """
        whole = state.evidence.round_price
        if whole.at_stake_usd <= worth_usd or state.evidence.invocations_per_month is not None:
            return []
        batch = self._batch(state, whole.at_stake_usd, whole_bill=True)
        return batch if batch and _pays(state, batch, whole.at_stake_usd, whole) else []

    def _batch(self, state: _State, worth_usd: float, *, whole_bill: bool) -> list[Offer]:
        """The set of trials that is worth most beyond its price; empty: not even one is within the budget.

        Args:
            state: what is known.
            worth_usd: what a regret of 1 costs.
            whole_bill: whether the first trial has the best rate with the price of a round counted in. Otherwise it
                is the one that gains most beyond the price of its invocations, a share of a later round included:
                what is not learned now is learned by that.
        """
        scene, precision, places, whole = state.scene, state.precision, state.places, state.evidence.round_price
        counted = whole if whole_bill else NOTHING
        later_usd = whole.round_usd / max(scene.expected_regret, LEAST_REGRET)
        found = offers(
            *(scene, precision, places, efforts(state.evidence.environments), state.rng),
            round_price=counted,
            worth_usd=None if whole_bill else worth_usd + later_usd,
        )
        affordable = [offer for offer in found if offer.usd <= state.usd_left]
        if not affordable:
            return []
        first = affordable[0]
        batch = together(
            *(scene, precision, places, first, state.rng),
            most=self.most,
            least_rate=1 / worth_usd,
            round_price=whole,
        )
        too_dear = sum(offer.usd for offer in batch) > state.usd_left
        # A set is valued by fewer outcomes than a single trial, and may seem not to pay where its first one does.
        unsure = not counted.round_usd and sum(offer.profit(worth_usd) for offer in batch) < 0
        return [first] if too_dear or (unsure and first.profit(worth_usd) >= 0) else batch

    def _with_check(self, state: _State, chosen: list[TrialRequest]) -> list[TrialRequest]:
        """A lone trial near the end takes the check of the recommended size along, which saves that a round."""
        near = state.scene.expected_regret <= state.evidence.objective.tolerance
        if len(chosen) != 1 or not near or not (check := self._verification(state)):
            return chosen
        both = [*(one for one in chosen if one.configuration != check[0].configuration), *check]
        return both if sum(state.price(request) for request in both) <= state.usd_left else chosen

    def _last_checks(self, state: _State) -> list[TrialRequest]:
        """What is measured before the search ends: check by check, or all at once where a round is dearer."""
        checks: list[TrialRequest] = []
        for check in (self._payload_check, self._verification, self._error_check, _confirmation):
            found = check(state)
            usd = sum(state.price(request) for request in (*checks, *found))
            if checks and usd > min(state.evidence.round_price.round_usd, state.usd_left):
                break
            checks += found
            if checks and not state.evidence.round_price.round_usd:
                break
        return checks

    def _verification(self, state: _State) -> list[TrialRequest]:
        """Warm runs of the recommended size in two environments, so that no answer rests on a single one.

        None where it is yet to be compared with the current configuration: the warm runs are made there.
        """
        evidence, scene = state.evidence, state.scene
        if not state.logged and _confirmation(state):
            return []
        index = recommend(scene.belief, evidence.objective, evidence.prices).index
        runs = _steady(evidence.samples)
        known = {c for c, own in runs.items() if _is_known(own)}
        own = runs.get(scene.belief.candidates[index], [])
        if _is_known(own) or len(known) >= MOST_VERIFIED or state.trials >= self.max_trials:
            return []
        lanes = max(1, FEWEST_ENVIRONMENTS - len({run.environment for run in own}))
        usd = price(scene, state.precision, index, lanes, 2)
        if usd > min(self.verify_cap * scene.best_cost_usd, state.usd_left):
            return []
        return [TrialRequest(scene.belief.candidates[index], lanes, 2)]

    def _payload_check(self, state: _State) -> list[TrialRequest]:
        """One run of the current configuration where it is open whether a log is of today's payload.

        The first run of an environment is enough: the log shows how much longer it takes.
        """
        evidence, current = state.evidence, state.evidence.current
        known = not state.logged or state.scene.belief.same_payload >= SURELY_SAME
        if known or current is None or any(s.configuration == current and not s.free for s in evidence.samples):
            return []
        check = TrialRequest(current, 1, 1)
        allowed_usd = min(self.verify_cap * state.scene.best_cost_usd, state.usd_left)
        return [check] if 0 < state.price(check) <= allowed_usd else []

    def _error_check(self, state: _State) -> list[TrialRequest]:
        """More runs of the recommended configuration where some failed and it is open whether that is too many."""
        belief, evidence = state.scene.belief, state.evidence
        index = recommend(belief, evidence.objective, evidence.prices).index
        configuration = belief.candidates[index]
        own = [sample for sample in evidence.samples if sample.configuration == configuration]
        rate = error_rate(run for sample in own for run in sample.invocations)
        usd = price(state.scene, state.precision, index, evidence.environments, RUNS_OF_AN_ERROR_CHECK)
        enough = len({sample.trial_id for sample in own}) >= MOST_ERROR_CHECKS or state.trials >= self.max_trials
        if enough or usd > state.usd_left or not _undecided(rate, evidence.objective.max_error_rate):
            return []
        return [TrialRequest(configuration, evidence.environments, RUNS_OF_AN_ERROR_CHECK)]

    def _horizon(self, evidence: Evidence, *, within: bool) -> float:
        """Invocations over which a trial must pay: a year of the user's traffic.

        Within the tolerance no more than a part of the default, however large the traffic: it is enough.
        """
        weight = STRATEGIES[evidence.objective.strategy].cost_weight(evidence.objective)
        worth = weight + (1 - weight) * self.time_worth
        enough = self.horizon * (WITHIN if within else 1.0)
        if evidence.invocations_per_month is None:
            return worth * enough
        traffic = MONTHS * evidence.invocations_per_month
        return worth * (min(traffic, enough) if within else traffic)

    def _without_curves(self, evidence: Evidence, possible: tuple[Configuration, ...]) -> Proposal:
        """Configurations spread over the range, until a curve can be fitted."""
        tried = {sample.configuration for sample in evidence.samples}
        usable = any(run.usable for sample in evidence.samples for run in sample.invocations)
        if not usable and len(tried) >= FAILURES:
            return Proposal((), StopReason.ALL_FAILED)
        if usable:
            planned = [_at_fraction(possible, fraction) for fraction in np.linspace(0, 1, PLAIN_PLACES)]
        else:
            planned = self._plan(evidence, possible)
        missing = [c for c in dict.fromkeys(planned) if c not in tried]
        count = evidence.environments if usable else 1
        first = 2 if not tried else 1
        # The first trial tells how much slower a cold run is. The second one need not tell it again.
        runs = [2, 2 if usable else 1]
        trials = [Trial(evidence.next_trial_id + n, c, count, runs[n]) for n, c in enumerate(missing[:first])]
        if trials:
            current = [c for c in possible if c == evidence.current]
            return Proposal(tuple(trials), likely=tuple(dict.fromkeys([*missing[first:], *current])))
        return Proposal((), StopReason.COMPLETE if usable else StopReason.ALL_FAILED)


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """A trial without its number."""

    configuration: Configuration
    environments: int
    runs: int
    fresh: bool = False


class _State:
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
        bound = evidence.budget.max_usd
        self.usd_left = math.inf if bound is None else bound - spent(evidence.samples, evidence.prices).usd

    @property
    def logged(self) -> bool:
        """Whether a log shows the current configuration, and rather with today's payload than with another one."""
        return _is_logged(self.evidence) and self.scene.belief.same_payload >= LIKELY_SAME

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
        """Candidates that may be measured; of a listed space those that the curve is held at, which bounds the work."""
        held, candidates = set(self.layout.configurations), self.scene.belief.candidates
        listed = self.evidence.space.listed
        return np.array([i for i, c in enumerate(candidates) if not listed or c in held], dtype=np.int64)

    @property
    def noise_sd(self) -> float:
        """Spread of single runs, log units."""
        return math.hypot(self.precision.run_sd, self.precision.environment_sd)

    @property
    def within_tolerance(self) -> bool:
        """Whether the expected regret is, and twice the tolerance is unlikely to be exceeded."""
        tolerance = self.evidence.objective.tolerance
        unlikely = float((self.scene.regret[:, self.scene.best] > 2 * tolerance).mean()) < UNLIKELY
        return self.scene.expected_regret <= tolerance and unlikely and self.noise_sd < WILD_SD

    @property
    def goes_on(self) -> bool:
        """Whether smaller trials are asked for where those of a dear round do not pay.

        The answer is far from the tolerance, or it is not within it and hangs on one edge of a staircase.
        """
        if self.within_tolerance:
            return False
        far = self.scene.expected_regret > FAR * self.evidence.objective.tolerance
        return far or self.stair_chance > LIKELY_STAIRS

    @property
    def undecided(self) -> StopReason:
        """Why it ends although the question is open."""
        return StopReason.CANNOT_TELL if self.noise_sd > NOISY_SD else StopReason.ECONOMY

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


def _pays(state: _State, batch: Sequence[Offer], worth_usd: float, round_price: RoundPrice) -> bool:
    """Whether the expected fall of the regret is worth what a batch costs."""
    gain, usd = sum(offer.gain for offer in batch), sum(offer.usd for offer in batch)
    seconds = [lane_seconds(state.scene, state.precision, offer.candidate, offer.runs) for offer in batch]
    return gain * worth_usd >= usd + round_price.of(seconds)


def _confirmation(state: _State) -> list[TrialRequest]:
    """The recommended and the current configuration once more, side by side, before a saving is claimed.

    Where a log shows the current configuration, the recommended one alone, in several environments as well.
    """
    evidence, scene = state.evidence, state.scene
    current = evidence.current
    if current is None or scene.belief.index(current) is None:
        return []
    recommended = recommend(scene.belief, evidence.objective, evidence.prices).configuration
    if len({sample.trial_id for sample in evidence.samples if sample.configuration == current}) >= ENOUGH_OF_CURRENT:
        return []
    pairs = _pairs(evidence, current)
    if recommended == current or recommended in pairs or len(pairs) >= MAX_CONFIRMATIONS:
        return []
    lanes = max(2, evidence.environments)
    if state.logged and len(_environments(evidence.samples, recommended)) >= lanes:
        return []
    runs = 1 if _is_known(_steady(evidence.samples).get(recommended, [])) else 2
    # New environments on both sides, so that hosts that were lucky before have no say.
    sides = [TrialRequest(recommended, lanes, runs, fresh=True)]
    if not state.logged:
        sides.append(TrialRequest(current, lanes, 1, fresh=True))
    return sides if sum(state.price(side) for side in sides) <= state.usd_left else []


def _steady(samples: Sequence[Sample]) -> dict[Configuration, list[Invocation]]:
    """Usable warm runs of each configuration."""
    grouped = invocations_of(samples).items()
    return {configuration: [run for run in runs if run.usable and not run.cold] for configuration, runs in grouped}


def _is_known(warm: Sequence[Invocation]) -> bool:
    """Whether warm runs are as many, in as many environments, as high confidence needs."""
    return len(warm) >= FEWEST_WARM_RUNS and len({run.environment for run in warm}) >= FEWEST_ENVIRONMENTS


def _pairs(evidence: Evidence, current: Configuration) -> set[Configuration]:
    """What was measured side by side with the current configuration, of which each environment made one run."""
    runs: dict[int, list[str]] = {}
    where: dict[int, Configuration] = {}
    for sample in (sample for sample in evidence.samples if not sample.free):
        runs.setdefault(sample.trial_id, []).extend(run.environment for run in sample.invocations)
        where[sample.trial_id] = sample.configuration
    several = {trial for trial, labels in runs.items() if len(set(labels)) > 1}
    single = {trial for trial in several if len(set(runs[trial])) == len(runs[trial])}
    own = [trial for trial in single if where[trial] == current and trial - 1 in several]
    return {where[trial - 1] for trial in own} - {current}


def _is_logged(evidence: Evidence) -> bool:
    """Whether a log shows the current configuration in several environments: a saving is claimed against these runs."""
    free = [sample for sample in evidence.samples if sample.free]
    return evidence.current is not None and len(_environments(free, evidence.current)) >= LOGGED_ENVIRONMENTS


def _environments(samples: Sequence[Sample], where: Configuration) -> set[str]:
    """Environments in which a configuration ran well."""
    own = [sample for sample in samples if sample.configuration == where]
    return {run.environment for sample in own for run in sample.invocations if run.usable}


def _undecided(rate: ErrorRate, limit: float) -> bool:
    """Whether failures were seen that may or may not be too many."""
    return rate.failures > 0 and 1 - BELIEVABLE < rate.chance_above(limit) < BELIEVABLE


def recommendable(
    evidence: Evidence, between_mb: Sequence[int] = ()
) -> tuple[tuple[Configuration, ...], dict[Configuration, Exclusion]]:
    """What can be recommended, also at sizes between the nodes, and what is excluded."""
    return candidates(
        evidence.samples,
        evidence.space,
        evidence.prices,
        evidence.current,
        max_error_rate=evidence.objective.max_error_rate,
        between_mb=between_mb,
    )


def _precision(posterior: Posterior) -> Precision:
    draws = posterior.draws
    return Precision(
        run_sd=math.sqrt(float((draws.run_sd**2).mean())),
        environment_sd=math.sqrt(float((draws.environment_sd**2).mean())),
        cold_sd=draws.cold_sd,
        cold_offset_sd=math.sqrt(draws.cold_offset_variance),
        cold_offset=draws.cold_offset,
    )


def _is_beside(start: Configuration, current: Sequence[Configuration], space: SearchSpace) -> bool:
    """Whether the current configuration lies so close to a start that this would tell nothing new."""
    low, high = space.memory_sizes_mb[0], space.memory_sizes_mb[-1]
    nearest = min(
        (abs(math.log(start.memory_mb / c.memory_mb)) for c in current if c.architecture is start.architecture),
        default=math.inf,
    )
    return nearest < BESIDE * math.log(high / low)


def _at_fraction(possible: Sequence[Configuration], fraction: float) -> Configuration:
    """The candidate closest to a fraction of the range in log memory."""
    logs = np.log([c.memory_mb for c in possible])
    target = logs.min() + fraction * (logs.max() - logs.min())
    return possible[int(np.abs(logs - target).argmin())]
