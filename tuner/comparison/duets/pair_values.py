"""The values of one pair of environments, extracted from its runs once.

Every look of a duet reads the values of all pairs so far. Knows nothing of tests or verdicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, median

from tuner.comparison.duets.plan import DuetPlan, EnvironmentPair
from tuner.comparison.metrics import CENSORED, run_costs, run_values
from tuner.comparison.question import Metric
from tuner.comparison.run_series import Tally
from tuner.model import Invocation
from tuner.pricing.price_list import PriceList


@dataclass(frozen=True, slots=True)
class SideValues:
    """What the runs of one environment tell. Durations are logs.

    Attributes:
        steady: durations of warm runs, or of cold ones where only those are measured. A run that the timeout
            cut off has the time until then.
        longest: the same, where a run that was cut off counts as longer than any other.
        first: durations of cold runs beside warm ones, cut-off ones as longer than any other.
        cost: mean cost of the steady runs; None: not known.
        init, memory: logs; None: not known.
        tally: how the runs ended.
    """

    steady: list[float]
    longest: list[float]
    first: list[float]
    cost: float | None
    init: float | None
    memory: float | None
    tally: Tally

    @classmethod
    def of(cls, runs: tuple[Invocation, ...], plan: DuetPlan, prices: PriceList) -> SideValues:
        """The values of one environment."""
        cold = plan.cold
        costs = run_costs(runs, plan.configuration, prices, cold=cold)
        init, memory = (run_values(runs, metric, cold=cold) for metric in (Metric.INIT, Metric.MEMORY))
        return cls(
            run_values(runs, Metric.DURATION, cold=cold),
            run_values(runs, Metric.DURATION, cold=cold, censored=CENSORED),
            [] if cold else run_values(runs, Metric.DURATION, cold=True, censored=CENSORED),
            fmean(costs) if costs else None,
            median(init) if init else None,
            median(memory) if memory else None,
            Tally.of(runs),
        )

    def has(self, metric: Metric) -> bool:
        """Whether there is a value."""
        if metric is Metric.INIT:
            return self.init is not None
        if metric is Metric.MEMORY:
            return self.memory is not None
        return bool(self.steady) and (metric is not Metric.COST or self.cost is not None)


@dataclass(frozen=True, slots=True)
class PairValues:
    """The values of both sides of a pair.

    Attributes:
        baseline, candidate: what each side tells.
        invocations: of both sides.
        spent_usd: what they cost.
    """

    baseline: SideValues
    candidate: SideValues
    invocations: int
    spent_usd: float

    @classmethod
    def of(cls, pair: EnvironmentPair, plan: DuetPlan, prices: PriceList) -> PairValues:
        """The values of a pair."""
        spent_usd = sum(
            prices.invocation_cost(plan.configuration, run.billed_duration_ms or 0, extra_usd=run.extra_cost_usd)
            for run in pair.runs
            if run.ran
        )
        before, after = (SideValues.of(runs, plan, prices) for runs in (pair.baseline, pair.candidate))
        return cls(before, after, len(pair.runs), spent_usd)

    def has(self, metric: Metric) -> bool:
        """Whether both sides have a metric."""
        return self.baseline.has(metric) and self.candidate.has(metric)
