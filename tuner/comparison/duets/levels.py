"""The level of each metric at the looks of a duet: how much error each may spend, and who gets what is left.

Knows when a look can prove nothing. Knows nothing of verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tuner.comparison.duets.pair_values import PairValues
from tuner.comparison.duets.plan import DuetPlan
from tuner.comparison.question import Metric, Question
from tuner.comparison.statistics.error_spending import EARLY_PAIRS, Spending, level_of, planned_error

LeastChance = Callable[[Metric, Sequence[PairValues]], float]
"""The smallest chance that a metric could reach with such pairs, whichever side their values were of."""


@dataclass(slots=True)
class ErrorAccount:
    """The error that one metric may make over all looks.

    Attributes:
        alpha: all of it: its own, with what it got from others and without what it left to them.
        released: what the plan has allowed to spend so far, of its own.
        kept: what earlier looks could not spend.
        pairs, errors: of the looks that spent some.
        level: at the last look; 0: there was none.
    """

    alpha: float
    released: float = 0.0
    kept: float = 0.0
    pairs: tuple[int, ...] = ()
    errors: tuple[float, ...] = ()
    level: float = 0.0

    def release(self, allowed: float) -> None:
        """Allow to spend so much in all."""
        self.kept += allowed - self.released
        self.released = allowed

    def level_at(self, pairs: int) -> float:
        """The level of a look at so many pairs that spends what is kept."""
        return level_of((*self.pairs, pairs), (*self.errors, self.kept))

    def give(self) -> float:
        """Leave what is kept to others."""
        given, self.kept = self.kept, 0.0
        self.alpha -= given
        return given

    def spend(self, pairs: int, received: float) -> None:
        """Spend what is kept, and what others left, at a look."""
        self.alpha += received
        self.kept += received
        self.level = self.level_at(pairs)
        self.pairs, self.errors, self.kept = (*self.pairs, pairs), (*self.errors, self.kept), 0.0


@dataclass(slots=True)
class ErrorLedger:
    """The accounts of all metrics.

    A look at which a metric could not be worse, whichever side its values were of, spends nothing: the metric keeps
    the error. After `EARLY_PAIRS` and at the end it leaves what it kept to the metrics that can. What can be is told
    by the values of both sides together, so that the chance of a false alarm over all looks stays what it was.

    Attributes:
        question: metrics and confidence.
        least_chance: the smallest chance that some pairs could have.
        accounts: of each metric.
        looks: how many there were.
    """

    question: Question
    least_chance: LeastChance
    accounts: dict[Metric, ErrorAccount] = field(init=False)
    looks: int = 0

    def __post_init__(self) -> None:
        metrics = (*self.question.metrics, Metric.FAILURES)
        self.accounts = {metric: ErrorAccount(self.question.alpha(metric)) for metric in metrics}

    def advance(self, pairs: Sequence[PairValues], plan: DuetPlan) -> None:
        """Make the looks that the pairs have reached by now."""
        for count in plan.schedule[self.looks :]:
            if count <= len(pairs):
                self._look(pairs[:count], plan)
                self.looks += 1

    def _look(self, pairs: Sequence[PairValues], plan: DuetPlan) -> None:
        able: dict[Metric, int] = {}
        for metric, account in self.accounts.items():
            account.release(self._allowed(metric, plan))
            backed = backing(metric, pairs)
            if len(backed) > max(account.pairs, default=0):
                account.level = account.level_at(len(backed))
                if self.least_chance(metric, backed) <= account.level:
                    able[metric] = len(backed)
        spare = 0.0
        if able and len(pairs) in (EARLY_PAIRS, plan.schedule[-1]):
            spare = sum(account.give() for metric, account in self.accounts.items() if metric not in able)
        shares = sum(self.question.alpha(metric) for metric in able)
        for metric, count in able.items():
            self.accounts[metric].spend(count, spare * self.question.alpha(metric) / shares)

    def _allowed(self, metric: Metric, plan: DuetPlan) -> float:
        """What the plan allows a metric to have spent by this look."""
        spending = Spending.EVEN if metric in (Metric.TAIL, Metric.P95) else Spending.EARLY
        return self.question.alpha(metric) * planned_error(plan.schedule, self.looks, spending)


def backing(metric: Metric, pairs: Iterable[PairValues]) -> list[PairValues]:
    """The pairs that tell of a metric. Any pair tells of failures."""
    return [pair for pair in pairs if metric is Metric.FAILURES or pair.has(metric)]
