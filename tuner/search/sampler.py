"""The protocol of a sampler: evidence in, the next trials out.

A sampler keeps no state of its own: the same evidence gives the same proposal. So a study can be rebuilt from
its samples after a crash or in another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from tuner.estimation.belief import Belief
from tuner.model import Budget, Configuration, Objective, Sample, SamplerName, SearchSpace, StopReason, Trial
from tuner.pricing.price_list import PriceList
from tuner.pricing.rounds import NOTHING, RoundPrice


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a decision may rest on.

    Attributes:
        space: what may be measured and recommended.
        samples: all samples so far, in the order they were told (the order must not matter).
        objective: what to minimise.
        prices: what an invocation costs.
        budget: bounds on the search (as asked for, not what is left).
        current: the configuration in use, where known.
        environments: how many environments a trial should use unless there is a reason.
        seed: source of every random choice.
        invocations_per_month: the user's traffic, where known.
        next_trial_id: the id of the next trial.
        round_price: what a round costs beside its invocations.
        at_mean_work: the samples, each run as of the mean CPU time, for means. Empty: CPU times are not counted.
        payload_doubts: how far the runs of a configuration may be from those of the mean payload, log units. Those
            that are left out are of it.
    """

    space: SearchSpace
    samples: tuple[Sample, ...]
    objective: Objective
    prices: PriceList
    budget: Budget
    current: Configuration | None = None
    environments: int = 2
    seed: int = 0
    invocations_per_month: float | None = None
    next_trial_id: int = 0
    round_price: RoundPrice = NOTHING
    at_mean_work: tuple[Sample, ...] = ()
    payload_doubts: Mapping[Configuration, float] = field(default_factory=dict)

    @property
    def without_log(self) -> Evidence:
        """The same without samples that cost nothing."""
        return replace(self, samples=tuple(sample for sample in self.samples if not sample.free))

    @property
    def fails_today(self) -> bool:
        """Whether something was measured, and none of it is usable, whatever a log shows."""
        own = self.without_log.samples
        return bool(own) and not any(run.usable for sample in own for run in sample.invocations)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to measure next; without trials, why there is nothing more to measure.

    Attributes:
        likely: configurations that later rounds probably measure, the likeliest first. A backend may prepare them.
    """

    trials: tuple[Trial, ...]
    stopped_by: StopReason | None = None
    expected_regret: float | None = None
    likely: tuple[Configuration, ...] = ()


class Sampler(Protocol):
    """Chooses trials, and says what is believed of the configurations."""

    @property
    def name(self) -> SamplerName:
        """What the user calls it."""
        ...

    @property
    def fits_curves(self) -> bool:
        """Whether its belief is fitted curves, which cover sizes that were not measured."""
        ...

    def propose(self, evidence: Evidence) -> Proposal:
        """The next batch of trials, or the reason to stop."""
        ...

    def belief(self, evidence: Evidence) -> Belief:
        """What the evidence says of every candidate."""
        ...
