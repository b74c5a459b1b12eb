"""The level of each metric at the looks of a duet: how much error each may spend, and who gets what is left.

Knows when a look can prove nothing. Knows nothing of verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tuner.comparison.duets.pair_values import PairValues
from tuner.comparison.duets.plan import DuetPlan
from tuner.comparison.question import Metric, Question
from tuner.comparison.statistics.error_spending import EARLY_PAIRS, Spending, level_of, planned_errors

LeastChance = Callable[[Metric, Sequence[PairValues]], float]
"""The smallest chance that a metric could reach with such pairs, whichever side their values were of."""


@dataclass(slots=True)
class ErrorAccount:
    """The error that one metric may make over all looks.

    Attributes:
        alpha: all of it: its own, with what it got from others and without what it left to them.
        planned: what each look may spend of its own.
        kept: what earlier looks could not spend.
        pairs, errors: of the looks that spent some.
        level: at the last look.
    """

    alpha: float
    planned: tuple[float, ...]
    kept: float = 0.0
    pairs: list[int] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    level: float = 0.0

    def level_with(self, pairs: int, error: float) -> float:
        """The level of a look at so many pairs that spends so much."""
        return level_of((*self.pairs, pairs), (*self.errors, error))

    def spend(self, pairs: int, error: float) -> None:
        """Spend error at a look."""
        self.level = self.level_with(pairs, error)
        self.pairs.append(pairs)
        self.errors.append(error)
        self.kept = 0.0


def error_accounts(
    pairs: Sequence[PairValues], plan: DuetPlan, question: Question, least_chance: LeastChance
) -> dict[Metric, ErrorAccount]:
    """The error of each metric up to the last look that the pairs have reached.

    A look at which a metric could not be worse, whichever side its values were of, spends nothing: the metric keeps
    the error. After `EARLY_PAIRS` and at the end it leaves what it kept to the metrics that can. What can be is told
    by the values of both sides together, so that the chance of a false alarm over all looks stays what it was.

    Args:
        pairs: in the order they were measured.
        plan: when to look.
        question: metrics and confidence.
        least_chance: the smallest chance that some pairs could have.
    """
    accounts = {metric: _opened(metric, plan, question) for metric in (*question.metrics, Metric.FAILURES)}
    for look, count in enumerate(plan.schedule):
        if count <= len(pairs):
            settles = count in (EARLY_PAIRS, plan.schedule[-1])
            _look(accounts, look, pairs[:count], question, least_chance, settles=settles)
    return accounts


def backing(metric: Metric, pairs: Iterable[PairValues]) -> list[PairValues]:
    """The pairs that tell of a metric. Any pair tells of failures."""
    return [pair for pair in pairs if metric is Metric.FAILURES or pair.has(metric)]


def _opened(metric: Metric, plan: DuetPlan, question: Question) -> ErrorAccount:
    spending = Spending.EVEN if metric in (Metric.TAIL, Metric.P95) else Spending.EARLY
    alpha = question.alpha(metric)
    planned = planned_errors(plan.schedule, alpha, spending)
    return ErrorAccount(alpha, planned, level=level_of(plan.schedule[:1], planned[:1]))


def _look(
    accounts: dict[Metric, ErrorAccount],
    look: int,
    pairs: Sequence[PairValues],
    question: Question,
    least_chance: LeastChance,
    *,
    settles: bool,
) -> None:
    """Spend the error of one look, on what it can prove."""
    able: dict[Metric, int] = {}
    for metric, account in accounts.items():
        account.kept += account.planned[look]
        backed = backing(metric, pairs)
        if len(backed) <= max(account.pairs, default=0):
            continue
        account.level = account.level_with(len(backed), account.kept)
        if least_chance(metric, backed) <= account.level:
            able[metric] = len(backed)
    spare = 0.0
    if settles and able:
        unable = [account for metric, account in accounts.items() if metric not in able]
        spare = sum(account.kept for account in unable)
        for account in unable:
            account.alpha, account.kept = account.alpha - account.kept, 0.0
    shares = sum(question.alpha(metric) for metric in able)
    for metric, count in able.items():
        received = spare * question.alpha(metric) / shares
        accounts[metric].alpha += received
        accounts[metric].spend(count, accounts[metric].kept + received)
