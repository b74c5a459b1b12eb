"""The grid sampler: a fixed number of runs of every configuration, as in Power Tuning.

It decides nothing from durations. What it believes are plain statistics of what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tuner.estimation.belief import Belief
from tuner.estimation.failures.exclusions import failed
from tuner.estimation.measured_belief import measured_belief
from tuner.model import Configuration, SamplerName, StopReason, Trial, invocations_of
from tuner.pricing.spending import affordable_runs, expected_prices, spent
from tuner.search.sampler import Evidence, Proposal

RUNS_PER_BOUNDED_BATCH = 5
"""Runs of a lane between two looks at the clock: one of them is cold, four are warm."""
RUNS_OF_A_LOOK = 2
"""Runs of the smallest size that tell what a run costs before money is spent on the others."""


@dataclass(frozen=True, slots=True)
class GridSampler:
    """Measures a fixed number of runs of every configuration of the space, as Power Tuning does.

    Attributes:
        runs: invocations of each configuration.
        environments: lanes that share them; 1 makes the runs of a configuration serial.
        fresh: every run in an environment of its own that is new (cold starts only).
        repeats: by memory size, how many times `runs` are made; a size that is absent gets them once.
    """

    runs: int = 10
    environments: int = 2
    fresh: bool = False
    repeats: Mapping[int, int] = field(default_factory=dict)
    name: SamplerName = SamplerName.GRID
    fits_curves: bool = False

    def propose(self, evidence: Evidence) -> Proposal:
        """Every configuration's missing runs in one batch; a size that failed outright gets no more.

        Where time is bounded the batch is cut, since the clock is looked at between batches; where
        money is, a batch is what the rest is expected to pay for, and the first one asks for the price.
        """
        done = {configuration: len(runs) for configuration, runs in invocations_of(evidence.samples).items()}
        excluded = failed(evidence.samples, max_error_rate=evidence.objective.max_error_rate)
        missing = {
            configuration: self._wanted(configuration) - done.get(configuration, 0)
            for configuration in evidence.space.configurations
            if configuration not in excluded and done.get(configuration, 0) < self._wanted(configuration)
        }
        at_most = _fair_share(list(missing.values()), _invocations_left(evidence))
        if evidence.budget.max_seconds is not None:
            at_most = min(at_most, self.environments * RUNS_PER_BOUNDED_BATCH)
        batch = self._paid_for(evidence, {configuration: min(runs, at_most) for configuration, runs in missing.items()})
        trials: list[Trial] = []
        for configuration, runs in batch.items():
            trials.extend(self._trials(configuration, runs, evidence.next_trial_id + len(trials)))
        if trials:
            return Proposal(tuple(trials))
        return Proposal((), StopReason.USD if missing else StopReason.COMPLETE)

    def _wanted(self, configuration: Configuration) -> int:
        return self.runs * self.repeats.get(configuration.memory_mb, 1)

    def belief(self, evidence: Evidence) -> Belief:
        """Plain statistics of each configuration; nothing is interpolated."""
        return measured_belief(
            evidence.samples,
            evidence.prices,
            seed=evidence.seed,
            space=evidence.space,
            max_error_rate=evidence.objective.max_error_rate,
        )

    def _paid_for(self, evidence: Evidence, wanted: dict[Configuration, int]) -> dict[Configuration, int]:
        """The runs that the rest of the money is expected to pay for; a look at the price where none is known."""
        if evidence.budget.max_usd is None:
            return wanted
        expected = expected_prices(evidence.samples, wanted, evidence.prices)
        if not expected:
            return {configuration: min(runs, RUNS_OF_A_LOOK) for configuration, runs in list(wanted.items())[:1]}
        left = evidence.budget.max_usd - spent(evidence.samples, evidence.prices).usd
        return affordable_runs(wanted, lambda c, runs: expected[c].of(runs, self._lanes(runs)), left)

    def _lanes(self, runs: int) -> int:
        return runs if self.fresh else min(self.environments, runs)

    def _trials(self, configuration: Configuration, runs: int, first_id: int) -> list[Trial]:
        lanes = self._lanes(runs)
        each, rest = divmod(runs, lanes)
        trials = [Trial(first_id, configuration, lanes - rest, each, fresh=self.fresh)]
        if rest:
            trials.append(Trial(first_id + 1, configuration, rest, each + 1))
        return trials


def _invocations_left(evidence: Evidence) -> int | None:
    if evidence.budget.max_invocations is None:
        return None
    ran = sum(invocation.ran for sample in evidence.samples for invocation in sample.invocations)
    return evidence.budget.max_invocations - ran


def _fair_share(missing: Sequence[int], left: int | None) -> int:
    """The runs that each configuration gets at most, so that a small budget does not go to the first ones alone."""
    share = max(missing, default=0)
    if left is not None:
        while share > 1 and sum(min(runs, share) for runs in missing) > left:
            share -= 1
    return share
