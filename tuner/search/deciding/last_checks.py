"""What is measured before the adaptive search ends: warm runs, failures, and the current configuration side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuner.estimation.belief import SURELY_SAME
from tuner.estimation.failures.differences import chances_to_differ
from tuner.estimation.failures.error_rates import BELIEVABLE, ErrorRate, error_rate, rate_of_all
from tuner.model import Configuration, Invocation, Sample, invocations_of
from tuner.pricing.spending import spent
from tuner.search.deciding.state import State, TrialRequest, environments_of
from tuner.search.deciding.value_of_information import Scene, price
from tuner.search.decision import FEWEST_ENVIRONMENTS, FEWEST_WARM_RUNS, HIGH_CHANCE, HIGH_TOLERANCES
from tuner.search.sampler import Evidence

RUNS_OF_AN_ERROR_CHECK = 5
"""Runs of each environment in a trial that tells whether failures are too many."""
MAY_DIFFER = 0.1
"""Chance that the recommended configuration fails more often than others from which on it is looked at, though none of
its own runs failed."""
STEP_UP = 2.0
"""How many times as large as all that fail a size is which tells whether memory mends it."""
MOST_VERIFIED = 2
"""Configurations that are measured for their own sake at most, unless the runs may earn high confidence: a
recommendation may move between equals."""
MAX_CONFIRMATIONS = 2
"""Recommendations that are compared with the current configuration side by side at most."""
ENOUGH_OF_CURRENT = 6
"""Trials of the current configuration after which it is known well enough, whether or not they were pairs: two lanes
may have shared an environment, and a pair that is not recognised must not be asked for again and again."""

IN_REACH = 1.5
"""Multiple of the loss and of the chance that high confidence allows, up to which a check may still earn it. Of 12
searches with a log whose chance was 15 to 40% before their checks one ended with high confidence, and of 9 with 9 to
15% six did."""


@dataclass(frozen=True, slots=True)
class LastChecks:
    """The checks with their bounds.

    Attributes:
        most_trials: none is made once there are so many trials.
        verify_cap: no warm runs for their own sake where they cost more invocations of the winner than this.
        failures_cap: invocations of the winner that later looks at failures may cost together.
    """

    most_trials: int
    verify_cap: float
    failures_cap: float

    def requests(self, state: State) -> list[TrialRequest]:
        """What is measured before the search ends: check by check, or all at once where a round is dearer."""
        checks: list[TrialRequest] = []
        for check in (self._payload_check, self.verification, self._error_check, self._confirmation):
            found = check(state)
            usd = sum(state.price(request) for request in (*checks, *found))
            if checks and usd > min(state.evidence.round_price.round_usd, state.usd_left):
                break
            checks += found
            if checks and not state.evidence.round_price.round_usd:
                break
        return checks or self._run_of_today(state)

    def _run_of_today(self, state: State) -> list[TrialRequest]:
        """One run of the recommended size where nothing but a log is known: a log does not show what fails today."""
        if any(not sample.free for sample in state.evidence.samples):
            return []
        run = TrialRequest(state.choice.configuration, 1, 1)
        return [run] if state.price(run) <= state.usd_left else []

    def verification(self, state: State) -> list[TrialRequest]:
        """Warm runs of the recommended size in two environments, so that no answer rests on a single one.

        None where it is yet to be compared with the current configuration: the warm runs are made there. Where they can
        hardly earn high confidence, none either with a log, or once several configurations are known as well.
        """
        evidence, scene = state.evidence, state.scene
        if not _is_in_reach(state) if state.logged else self._confirmation(state):
            return []
        index = state.choice.index
        runs = _steady(evidence.samples)
        known = {c for c, own in runs.items() if _is_known(own)}
        own = runs.get(scene.belief.candidates[index], [])
        if _is_known(own) or state.trials >= self.most_trials:
            return []
        if len(known) >= MOST_VERIFIED and not _is_in_reach(state):
            return []
        lanes = max(1, FEWEST_ENVIRONMENTS - len({run.environment for run in own}))
        usd = price(scene, state.precision, index, lanes, 2)
        if usd > self._allowed_usd(state):
            return []
        return [TrialRequest(scene.belief.candidates[index], lanes, 2)]

    def _payload_check(self, state: State) -> list[TrialRequest]:
        """One run of the current configuration where it is open whether a log is of today's payload.

        The first run of an environment is enough: the log shows how much longer it takes.
        """
        evidence, current = state.evidence, state.evidence.current
        known = not state.logged or state.scene.belief.same_payload >= SURELY_SAME
        if known or current is None or any(s.configuration == current and not s.free for s in evidence.samples):
            return []
        check = TrialRequest(current, 1, 1)
        return [check] if 0 < state.price(check) <= self._allowed_usd(state) else []

    def _error_check(self, state: State) -> list[TrialRequest]:
        """More runs where some failed, until it is known whether the recommended configuration fails, and others less.

        They are its own where it is open whether its failures are too many: some of its runs failed, or of a larger
        size, which would rule it out as well, or too many of all that are left, or smaller ones fail and it has few
        runs. Where its failures are too many, they are of a larger size that may work.
        """
        belief, evidence = state.scene.belief, state.evidence
        limit = evidence.objective.max_error_rate
        recommended = state.choice.configuration
        rates = {c: error_rate(runs) for c, runs in invocations_of(evidence.samples).items()}
        own = rates.get(recommended, ErrorRate(0, 0))
        left = {c: rate for c, rate in rates.items() if c in belief.candidates}
        up = (c for c in left if c.architecture is recommended.architecture and c.memory_mb >= recommended.memory_mb)
        suspect = any(left[c].failures for c in up) or rate_of_all(left.values()).believably_above(limit)
        open_still = suspect and own.chance_above(limit) > 1 - BELIEVABLE
        if not open_still and chances_to_differ(rates).get(recommended, 0.0) <= MAY_DIFFER:
            return []
        if not own.believably_above(limit):
            return self._look_at_failures(state, recommended, evidence.environments)
        hopeful = larger_that_may_work(evidence, state.scene, recommended)
        return self._look_at_failures(state, hopeful[0], 1) if hopeful else []

    def _look_at_failures(self, state: State, configuration: Configuration, lanes: int) -> list[TrialRequest]:
        """A trial that tells how often a configuration fails.

        Beyond the first of a configuration they are made for their own sake, in one environment: `failures_cap`
        bounds what those of all configurations cost together.
        """
        evidence = state.evidence
        looks = [sample for sample in evidence.samples if not sample.free and _is_look(sample)]
        first = {sample.configuration: sample.trial_id for sample in reversed(looks)}
        later = [sample for sample in looks if sample.trial_id != first[sample.configuration]]
        again = configuration in first
        request = TrialRequest(configuration, 1 if again else lanes, RUNS_OF_AN_ERROR_CHECK)
        allowed = min(self.failures_cap * state.scene.best_cost_usd, state.usd_left)
        usd = allowed - spent(later, evidence.prices).usd if again else state.usd_left
        return [] if state.trials >= self.most_trials or state.price(request) > usd else [request]

    def _confirmation(self, state: State) -> list[TrialRequest]:
        """The recommended and the current configuration once more, side by side, before a saving is claimed.

        Where a log shows the current configuration, the recommended one alone, until it ran in several environments.
        One run in each is enough where more can hardly earn high confidence. That is done for its own sake, and
        `verify_cap` bounds it unless a round is dearer: of functions of a few ms cold starts are nearly all of the
        price.
        """
        evidence, scene = state.evidence, state.scene
        current = evidence.current
        if current is None or scene.belief.index(current) is None:
            return []
        recommended = state.choice.configuration
        if len({s.trial_id for s in evidence.samples if s.configuration == current}) >= ENOUGH_OF_CURRENT:
            return []
        pairs = _pairs(evidence, current)
        if recommended == current or recommended in pairs or len(pairs) >= MAX_CONFIRMATIONS:
            return []
        lanes = max(2, evidence.environments)
        if state.logged:
            lanes -= len(environments_of(evidence.samples, recommended))
        if lanes <= 0:
            return []
        warm = _steady(evidence.samples).get(recommended, [])
        runs = 1 if _is_known(warm) else 2
        if state.logged:
            missing = max(0, FEWEST_WARM_RUNS - len(warm)) if _is_in_reach(state) else 0
            runs = 1 + math.ceil(missing / lanes)
        # New environments on both sides, so that hosts that were lucky before have no say.
        sides = [TrialRequest(recommended, lanes, runs, fresh=True)]
        if not state.logged:
            sides.append(TrialRequest(current, lanes, 1, fresh=True))
        usd = sum(state.price(side) for side in sides)
        dear = state.logged and usd > max(self._allowed_usd(state), evidence.round_price.round_usd)
        return [] if dear or usd > state.usd_left else sides

    def _allowed_usd(self, state: State) -> float:
        """What a check may cost that is made for its own sake."""
        return min(self.verify_cap * state.scene.best_cost_usd, state.usd_left)


def larger_that_may_work(evidence: Evidence, scene: Scene, failing: Configuration) -> list[Configuration]:
    """Larger configurations than one that fails too often, which may not: the likely best first.

    They are measured ones of which no run failed. Without any, they are far larger than all that were measured, which
    tells whether memory mends it. Without those too, they are measured ones that may still fail seldom.
    """
    rates = {c: error_rate(runs) for c, runs in invocations_of(evidence.samples).items()}
    expected = dict(zip(scene.belief.candidates, scene.regret.mean(axis=0), strict=True))
    limit = evidence.objective.max_error_rate
    larger = [c for c in expected if c in rates and c.memory_mb > failing.memory_mb]
    may = [c for c in larger if not rates[c].believably_above(limit)]
    clean = [c for c in may if not rates[c].failures]
    most_mb, largest_mb = max(c.memory_mb for c in rates), max((c.memory_mb for c in expected), default=0)
    far_mb = max(most_mb + 1, min(STEP_UP * most_mb, largest_mb))
    far = [c for c in expected if c.architecture is failing.architecture and c.memory_mb >= far_mb]
    return sorted(clean or far or may, key=expected.__getitem__)


def _is_in_reach(state: State) -> bool:
    """Whether a few more runs of the recommended size may earn high confidence: not where all sizes fail too often."""
    objective, choice = state.evidence.objective, state.choice
    runs = invocations_of(state.evidence.samples).items()
    left = [error_rate(own) for configuration, own in runs if configuration in state.scene.belief.candidates]
    if rate_of_all(left).believably_above(objective.max_error_rate):
        return False
    loss = choice.expected_regret - choice.given_to_ties
    likely = choice.chance_of_miss <= IN_REACH * HIGH_CHANCE
    return likely and loss <= IN_REACH * HIGH_TOLERANCES * objective.tolerance


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


def _is_look(sample: Sample) -> bool:
    """Whether a trial told how often runs fail: no other trial of a search has as many runs in an environment."""
    lanes = len({run.environment for run in sample.invocations})
    return len(sample.invocations) >= RUNS_OF_AN_ERROR_CHECK * max(lanes, 1)
