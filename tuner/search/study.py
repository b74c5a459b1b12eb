"""A study: what was asked, what was told, and when it is enough.

Rebuilt from its samples alone, so that it goes on after a crash or in another
process. Knows no clock and no backend: elapsed time is handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tuner.estimation.adjustment.machine_speed import MachineSpeedMeter, at_other_times
from tuner.estimation.adjustment.payload_mix import PayloadMix
from tuner.estimation.belief import Belief
from tuner.estimation.threads import one_thread
from tuner.model import Budget, Configuration, Objective, Round, Sample, SearchSpace, StopReason, Trial
from tuner.pricing.price_list import PriceList
from tuner.pricing.rounds import NOTHING, RoundPrice
from tuner.pricing.spending import Spent, spent
from tuner.search.sampler import Evidence, Sampler


class Study:
    """Asks for trials until a sampler or the budget says that it is enough.

    Args:
        space: what may be measured and recommended.
        sampler: chooses trials.
        objective: what to minimise.
        prices: what an invocation costs.
        budget: bounds on the search.
        current: the configuration in use, where known.
        environments: environments per trial.
        seed: source of every random choice.
        invocations_per_month: the user's traffic, where known.
        free: whether runs cost only time.
        round_price: what a round costs beside its invocations.
    """

    def __init__(
        self,
        space: SearchSpace,
        sampler: Sampler,
        objective: Objective,
        prices: PriceList,
        *,
        budget: Budget | None = None,
        current: Configuration | None = None,
        environments: int = 2,
        seed: int = 0,
        invocations_per_month: float | None = None,
        free: bool = False,
        round_price: RoundPrice = NOTHING,
    ) -> None:
        self.space = space
        self.sampler = sampler
        self.objective = objective
        self.prices = prices
        self.budget = budget or Budget()
        self.current = current
        self.environments = environments
        self.seed = seed
        self.invocations_per_month = invocations_per_month
        self.free = free
        self.round_price = round_price
        self.stopped_by: StopReason | None = None
        self.likely: tuple[Configuration, ...] = ()
        self.rounds: list[Round] = []
        self._samples: list[Sample] = []

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Everything told so far, in order; free runs as they would have been at the mean speed of the machine."""
        if not self.free:
            return tuple(self._samples)
        return MachineSpeedMeter.of(self.rounds).at_mean_speed(self._samples)

    @property
    def speed_spread(self) -> float:
        """How much free runs of a round were slower or faster than those of others: standard deviation, log units."""
        return MachineSpeedMeter.of(self.rounds).read(self._samples).spread if self.free else 0.0

    def tell(self, sample: Sample) -> None:
        """Take in what was measured."""
        self._samples.append(sample)

    def leave_out_free(self) -> None:
        """Forget the samples that cost nothing."""
        self._samples = [sample for sample in self._samples if not sample.free]

    def replay(self, samples: Iterable[Sample], rounds: Iterable[Round] = ()) -> None:
        """Take in what an earlier run measured, and the rounds in which it asked for it."""
        self.rounds.extend(rounds)
        for sample in samples:
            self.tell(sample)

    def interrupt(self, reason: StopReason = StopReason.INTERRUPTED) -> None:
        """End the study from outside; what was measured stays."""
        self.stopped_by = reason

    def ask(self, *, elapsed_s: float = 0.0) -> tuple[Trial, ...]:
        """The next batch of trials; empty when the study has ended (see `stopped_by`).

        `likely` then names what later batches probably measure.

        Args:
            elapsed_s: seconds since the study began, for the time budget.
        """
        if self.stopped_by is None and (exhausted := self._exhausted(elapsed_s)):
            self.stopped_by = exhausted
        if self.stopped_by is not None:
            return ()
        with one_thread():
            proposal = self.sampler.propose(self.evidence)
        trials = self._within_budget(proposal.trials)
        self.likely = proposal.likely
        self.rounds.append(Round(trials, proposal.expected_regret))
        if not trials:
            self.stopped_by = proposal.stopped_by or StopReason.INVOCATIONS
        return trials

    @property
    def evidence(self) -> Evidence:
        """Everything that the next decision may rest on: runs as of the mean over the payloads."""
        samples = self.samples
        mix = PayloadMix.of(samples)
        at_mean_work = MachineSpeedMeter.of(self.rounds).at_mean_work(self._samples) if self.free else ()
        return Evidence(
            space=self.space,
            samples=mix.at_mean_payload(samples),
            objective=self.objective,
            prices=self.prices,
            budget=self.budget,
            current=self.current,
            environments=self.environments,
            seed=self.seed,
            invocations_per_month=self.invocations_per_month,
            next_trial_id=1 + max(self._trial_ids(), default=-1),
            round_price=self.round_price,
            at_mean_work=mix.at_mean_payload(at_mean_work),
            payload_doubts=mix.doubts,
        )

    def belief(self) -> Belief:
        """What is believed of every candidate now."""
        with one_thread():
            belief = PayloadMix.of(self.samples).of_all_payloads(self.sampler.belief(self.evidence))
        spread = self.speed_spread
        return at_other_times(belief, spread, self.prices, seed=self.seed) if spread else belief

    @property
    def spent(self) -> Spent:
        """Invocations, billed GB-seconds and money that the study has used."""
        return spent(self._samples, self.prices)

    @property
    def all_failed(self) -> bool:
        """Whether something was told, and none of it is usable."""
        runs = [invocation for sample in self._samples for invocation in sample.invocations]
        return bool(runs) and not any(invocation.usable for invocation in runs)

    def _trial_ids(self) -> Iterator[int]:
        """Ids that are taken: also those of trials that were asked for and never came back."""
        yield from (sample.trial_id for sample in self._samples)
        yield from (trial.id for round_ in self.rounds for trial in round_.trials)

    def _exhausted(self, elapsed_s: float) -> StopReason | None:
        used, budget = self.spent, self.budget
        if budget.max_invocations is not None and used.invocations >= budget.max_invocations:
            return StopReason.INVOCATIONS
        if budget.max_usd is not None and used.usd >= budget.max_usd:
            return StopReason.USD
        if budget.max_seconds is not None and elapsed_s >= budget.max_seconds:
            return StopReason.SECONDS
        return None

    def _within_budget(self, trials: tuple[Trial, ...]) -> tuple[Trial, ...]:
        """The trials that the budget of invocations still allows, the last one made smaller if need be."""
        if self.budget.max_invocations is None:
            return trials
        left = self.budget.max_invocations - self.spent.invocations
        allowed: list[Trial] = []
        for trial in trials:
            fitting = _shrink(trial, left)
            if fitting is None:
                break
            allowed.append(fitting)
            left -= fitting.invocations
        return tuple(allowed)


def _shrink(trial: Trial, left: int) -> Trial | None:
    """The trial cut to at most `left` invocations, or None when not even one fits."""
    if trial.invocations <= left:
        return trial
    if left < 1:
        return None
    runs = min(trial.runs_per_environment, left)
    return Trial(trial.id, trial.configuration, max(1, left // runs), runs, trial.fresh)
