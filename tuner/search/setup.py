"""The study that settings ask for on a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.model import FunctionIdentity
from tuner.pricing.price_list import PriceList
from tuner.search.registry import make_sampler
from tuner.search.space import search_space
from tuner.settings import Settings

if TYPE_CHECKING:
    from tuner.search.study import Study


def make_study(settings: Settings, identity: FunctionIdentity, prices: PriceList) -> Study:
    """The study that the settings ask for on this function."""
    # Imported when called: a study loads numpy, which commands that do not search go without.
    from tuner.search.study import Study

    return Study(
        search_space(settings, identity),
        make_sampler(settings),
        settings.objective,
        prices,
        budget=settings.budget,
        current=identity.current,
        environments=settings.environments,
        seed=settings.seed,
        invocations_per_month=settings.invocations_per_month,
    )
