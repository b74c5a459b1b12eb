"""The adaptive sampler: measures where it is worth its price, and stops when nothing is any more.

Each round fits the curves to all samples, and asks for the trials with the best expected
saving per dollar. It keeps no state but its last fit, which saves time alone: a resumed run
or another process comes to the same proposal from the same evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tuner.estimation.belief import LIKELY_SAME, Belief
from tuner.estimation.estimate import DEFAULT_PRIOR, NothingUsableError, Posterior, candidates, fit
from tuner.estimation.failures.exclusions import Exclusion
from tuner.estimation.layout import by_price
from tuner.estimation.measured_belief import measured_belief
from tuner.estimation.posterior import Prior
from tuner.model import Configuration, SamplerName, SearchSpace, StopReason, Trial
from tuner.pricing.rounds import NOTHING
from tuner.search.deciding.last_checks import LastChecks
from tuner.search.deciding.state import State, TrialRequest, is_logged
from tuner.search.deciding.stopping import (
    NEAR_WORTH,
    goes_on,
    horizon,
    may_be_earned,
    pays,
    undecided,
    within_tolerance,
    worth_with_log,
)
from tuner.search.deciding.value_of_information import LEAST_REGRET, Offer, efforts, offers, price, scene_of, together
from tuner.search.sampler import Evidence, Proposal

NUMERICS = (ArithmeticError, np.linalg.LinAlgError, NothingUsableError)
"""What a fit may end in; none of it ends a run."""
FAILURES = 4
"""So many configurations without a usable run, and none with one: the function fails everywhere."""
LEAST_WORTH_USD = 1e-30
"""Stands for nothing where there is no traffic."""
PLAIN_PLACES = 6
"""Configurations that are measured where the curves cannot be fitted."""
REPEATED = 2
"""Configurations, the likeliest to be best, that are named twice."""
BESIDE = 0.1
"""Part of the range (log memory) within which a start beside the current configuration is left out."""
MOST_LIKELY = 6
"""Configurations that are named ahead at most. Each is a copy in AWS, of two calls of its control plane, and more once
it is measured. Of the 4.6 rounds of the twelve laws of benchmarks/stack 2.5 wait for a copy with 4 named ahead, 2.2
with 6, 2.1 with 8; searches make 16, 19 and 21 copies."""


@dataclass(slots=True)
class _LatestFit:
    """The last curves and what they were fitted to: a search, its progress and its result ask for the same in turn."""

    latest: tuple[object, Posterior] | None = None

    def of(self, asked: object, make: Callable[[], Posterior]) -> Posterior:
        """The curves that were asked for, made anew where the last ones are others."""
        latest = self.latest  # of any thread
        if latest is None or latest[0] != asked:
            self.latest = latest = asked, make()
        return latest[1]


_LATEST = _LatestFit()


def _fit(evidence: Evidence, prior: Prior) -> Posterior:
    return fit(
        evidence.samples,
        evidence.space,
        evidence.prices,
        seed=evidence.seed,
        current=evidence.current,
        prior=prior,
        doubts=evidence.payload_doubts,
    )


@dataclass(frozen=True, slots=True)
class AdaptiveSampler:
    """Chooses trials by value of information.

    Attributes:
        horizon: invocations over which a saving must pay for a trial where the traffic is unknown.
        time_worth: what a fraction of the duration is worth beside the same fraction of the cost: time
            saved does not pay for trials by itself.
        verify_cap: a winner has no warm runs for its own sake if they cost more invocations of it than this.
        failures_cap: later looks at failures cost at most so many invocations of the winner together.
        start: first sizes, as fractions of the range in log memory.
        start_cap: a start is left out if it costs more than so many invocations of the best size so far.
        start_cap_of_rounds: the same where a round has a price: a trial that is made later costs another one.
        certain: fraction of the tolerance at which it stops at once.
        most: trials in a batch at most.
        max_trials: bound on the number of trials, whatever they promise.
        min_places: configurations that are measured at least.
        prior: of the curves.
    """

    horizon: float = 600.0
    time_worth: float = 0.6
    verify_cap: float = 12.0
    failures_cap: float = 20.0
    start: tuple[float, ...] = (0.25, 0.05, 0.6)
    start_cap: float = 8.0
    start_cap_of_rounds: float = 20.0
    certain: float = 0.25
    most: int = 6
    max_trials: int = 60
    min_places: int = 2
    prior: Prior = DEFAULT_PRIOR
    name: SamplerName = SamplerName.ADAPTIVE
    fits_curves: bool = True

    def propose(self, evidence: Evidence) -> Proposal:
        """The next batch, or why there is none."""
        if evidence.fails_today:
            evidence = evidence.without_log  # runs of the past do not answer for a payload that fails
        possible, _ = recommendable(evidence)
        if not possible:
            return Proposal((), StopReason.ALL_FAILED)
        try:
            posterior = self.fitted(evidence)
        except NUMERICS:
            return self._without_curves(evidence, possible)
        if posterior.draws.same_payload < LIKELY_SAME:
            # A log of another payload shows neither that a size is known nor what a saving is claimed against.
            evidence = evidence.without_log
        held = possible
        if promising := posterior.promising_mb:
            possible, _ = recommendable(evidence, promising)
        location = posterior.location(possible)
        belief = posterior.belief(possible, location=location)
        scene = scene_of(belief, location, evidence.objective, evidence.prices)
        state = State(evidence, posterior, scene, held)
        if begin := self._starts(state):
            return state.proposal(begin, self._likely(state))
        chosen, reason = self._next(state)
        chosen = self._with_check(state, chosen)
        if reason in (StopReason.TOLERANCE, StopReason.ECONOMY, StopReason.CANNOT_TELL):
            chosen = self._checks.requests(state)
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
            return replace(plain, fallback=f"Plain statistics of the runs stand in for it: {exc}.")

    def fitted(self, evidence: Evidence) -> Posterior:
        """The curves given all samples; raises one of `NUMERICS`."""
        told = (evidence.samples, evidence.payload_doubts)
        asked = (self.prior, evidence.seed, evidence.current, evidence.space, evidence.prices, told)
        return _LATEST.of(asked, lambda: _fit(evidence, self.prior))

    def _starts(self, state: State) -> list[TrialRequest]:
        """First configurations that are missing, unless they are too dear for what is known already."""
        if len(state.measured) > len(self.start) * len(state.evidence.space.architectures):
            return []
        if is_logged(state.evidence):
            return []  # the level of the curve is known, so that each trial can be chosen by its worth
        found = []
        cap = self.start_cap_of_rounds if state.evidence.round_price.round_usd else self.start_cap
        for configuration in self._plan(state.evidence, state.held):
            index = state.scene.belief.index(configuration)
            if configuration in state.measured or index is None:
                continue
            usd = price(state.scene, state.precision, index, 1, 2)
            if usd <= min(cap * state.scene.best_cost_usd, state.usd_left):
                found.append(TrialRequest(configuration, 1, state.runs_of_a_start(index)))
        return found[: self._starts_at_once(state, found)]

    def _starts_at_once(self, state: State, found: Sequence[TrialRequest]) -> int:
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

    def _likely(self, state: State) -> list[Configuration]:
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

    def _next(self, state: State) -> tuple[list[TrialRequest], StopReason | None]:
        """The trials with the best expected saving per dollar, or the reason to stop."""
        scene, evidence = state.scene, state.evidence
        within = within_tolerance(state)
        certain = scene.expected_regret <= self.certain * evidence.objective.tolerance
        if within and certain and len(state.measured) >= self.min_places:
            return [], StopReason.TOLERANCE
        if state.trials >= self.max_trials:
            return [], StopReason.TOLERANCE if within else StopReason.CANNOT_TELL
        invocations = horizon(evidence, self.horizon, self.time_worth, within=within)
        if state.logged and evidence.current:
            invocations *= worth_with_log(evidence.current)
        if may_be_earned(state):
            invocations *= NEAR_WORTH
        worth = max(invocations * scene.best_cost_usd, LEAST_WORTH_USD)
        if not within and (batch := self._whole_round(state, worth)):
            return state.requests(batch), None
        batch = self._batch(state, worth, whole_bill=True)
        if not batch:
            return [], StopReason.USD
        # The large trials of a dear round may not pay where smaller ones do.
        if evidence.round_price.round_usd and goes_on(state) and not pays(state, batch, worth, NOTHING):
            batch = self._batch(state, worth, whole_bill=False)
        # Once the answer is within the tolerance, another round must pay for the whole of its bill.
        if not pays(state, batch, worth, evidence.round_price if within else NOTHING):
            return [], StopReason.TOLERANCE if within else undecided(state)
        return state.requests(batch), None

    def _whole_round(self, state: State, worth_usd: float) -> list[Offer]:
        """A batch that pays for all of its round, where a search has more at stake than the horizon says; else empty.

        Invocations that are cheap beside a round are then many in few rounds. A user who tells the traffic is believed.
        """
        whole = state.evidence.round_price
        if whole.at_stake_usd <= worth_usd or state.evidence.invocations_per_month is not None:
            return []
        batch = self._batch(state, whole.at_stake_usd, whole_bill=True)
        return batch if batch and pays(state, batch, whole.at_stake_usd, whole) else []

    def _batch(self, state: State, worth_usd: float, *, whole_bill: bool) -> list[Offer]:
        """The set of trials that is worth most beyond its price; empty: not even one is within the budget.

        Args:
            state: what is known.
            worth_usd: what a regret of 1 costs.
            whole_bill: whether the first trial has the best rate with the price of a round counted in. Otherwise it
                is the one that gains most beyond the price of its invocations, a share of a later round included:
                what is not learned now is learned by that.
        """
        scene, precision, places, whole = state.scene, state.precision, state.places, state.counted_round
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
            by_loss=state.logged,
        )
        too_dear = sum(offer.usd for offer in batch) > state.usd_left
        # A set is valued by random outcomes, a single trial by even ones: it may seem not to pay where that one does.
        unsure = not counted.round_usd and sum(offer.profit(worth_usd) for offer in batch) < 0
        return [first] if too_dear or (unsure and first.profit(worth_usd) >= 0) else batch

    def _with_check(self, state: State, chosen: list[TrialRequest]) -> list[TrialRequest]:
        """A lone trial near the end takes the check of the recommended size along, which saves that a round."""
        near = state.scene.expected_regret <= state.evidence.objective.tolerance
        if len(chosen) != 1 or not near or not (check := self._checks.verification(state)):
            return chosen
        both = [*(one for one in chosen if one.configuration != check[0].configuration), *check]
        return both if sum(state.price(request) for request in both) <= state.usd_left else chosen

    @property
    def _checks(self) -> LastChecks:
        return LastChecks(self.max_trials, self.verify_cap, self.failures_cap)

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
