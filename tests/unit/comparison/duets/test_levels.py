"""The error of a duet: all of it is spent, by metrics that can prove something."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.regression.noise import CONFIGURATION, NoisyPairs
from tuner.comparison.duets.levels import ErrorAccount, ErrorLedger
from tuner.comparison.duets.pair_values import PairValues
from tuner.comparison.duets.plan import DuetPlan
from tuner.comparison.question import Metric, Question
from tuner.pricing.price_list import price_list

PLAN = DuetPlan(CONFIGURATION, max_invocations=100, step=5)
QUESTION = Question()


def pairs(count: int) -> list[PairValues]:
    source = NoisyPairs(0.0, np.random.default_rng(0))
    return [PairValues.of(source.pair(), PLAN, price_list("us-east-1")) for _ in range(count)]


def accounts_after(seen: Sequence[PairValues], *idle: Metric) -> dict[Metric, ErrorAccount]:
    """The accounts after all looks, when some metrics can prove nothing."""

    def least_chance(metric: Metric, backed: Sequence[PairValues]) -> float:
        return 1.0 if metric in idle else 0.5 ** len(backed)

    ledger = ErrorLedger(QUESTION, least_chance)
    ledger.advance(seen, PLAN)
    return ledger.accounts


def test_the_error_of_all_metrics_is_that_of_the_question_whoever_spends_it() -> None:
    for idle in ((), (Metric.FAILURES, Metric.P95), (Metric.TAIL,)):
        accounts = accounts_after(pairs(25), *idle)
        assert sum(sum(account.errors) for account in accounts.values()) == pytest.approx(0.05)


def test_a_metric_that_can_prove_nothing_leaves_its_error_to_the_others_at_the_end() -> None:
    accounts = accounts_after(pairs(25), Metric.FAILURES)
    own = QUESTION.alpha(Metric.DURATION)
    assert accounts[Metric.DURATION].alpha == pytest.approx(own / (1 - QUESTION.alpha(Metric.FAILURES) / 0.05))
    assert accounts[Metric.FAILURES].alpha == pytest.approx(0)


def test_a_look_with_too_few_pairs_for_a_metric_spends_none_of_its_error() -> None:
    accounts = accounts_after(pairs(25))
    assert accounts[Metric.MEMORY].pairs[0] > PLAN.schedule[0]
    assert sum(accounts[Metric.MEMORY].errors) == pytest.approx(QUESTION.alpha(Metric.MEMORY))


def test_all_pairs_prove_nothing_and_no_error_is_lost() -> None:
    accounts = accounts_after(pairs(25), *Metric)
    assert sum(account.kept for account in accounts.values()) == pytest.approx(0.05)


def test_a_plan_that_is_widened_midway_spends_all_of_the_error() -> None:
    plan = DuetPlan(CONFIGURATION, max_invocations=400, step=5)
    ledger = ErrorLedger(QUESTION, lambda metric, seen: 0.5 ** len(seen))
    made = pairs(plan.widened().max_pairs)
    ledger.advance(made[:25], plan)
    ledger.advance(made, plan.widened())
    assert sum(sum(account.errors) for account in ledger.accounts.values()) == pytest.approx(0.05)
