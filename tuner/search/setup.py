"""The study that settings ask for on a function."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tuner.model import BackendKind, Budget, FunctionIdentity
from tuner.pricing import rounds
from tuner.pricing.price_list import PriceList
from tuner.search.registry import make_sampler, measures_every_size
from tuner.search.space import search_space
from tuner.settings import Settings

if TYPE_CHECKING:
    from tuner.search.study import Study


FREE_SECONDS = 300.0
"""How long a search goes on at most whose runs cost only time, unless the user asks for another bound."""


def budget_of(settings: Settings, *, free: bool) -> Budget:
    """The bounds on the search; where runs cost only time, time is bounded in any case."""
    budget = settings.budget
    bounded = budget.max_seconds is not None or budget.max_invocations is not None or measures_every_size(settings)
    return budget if bounded or not free else replace(budget, max_seconds=FREE_SECONDS)


def make_study(settings: Settings, identity: FunctionIdentity, prices: PriceList) -> Study:
    """The study that the settings ask for on this function."""
    # Imported when called: a study loads numpy, which commands that do not search go without.
    from tuner.search.study import Study

    return Study(
        search_space(settings, identity),
        make_sampler(settings, free=identity.free),
        settings.objective,
        prices,
        budget=budget_of(settings, free=identity.free),
        current=identity.current,
        environments=settings.environments,
        seed=settings.seed,
        invocations_per_month=settings.invocations_per_month,
        free=identity.free,
        round_price=_round_price(settings, identity),
    )


def _round_price(settings: Settings, identity: FunctionIdentity) -> rounds.RoundPrice:
    if identity.backend is not BackendKind.AWS:
        return rounds.NOTHING
    return replace(rounds.IN_AWS, lanes=settings.concurrency)
