"""The sampler and the study that settings ask for."""

from __future__ import annotations

from tuner.model import FunctionIdentity
from tuner.pricing.price_list import PriceList
from tuner.search.adaptive import AdaptiveSampler
from tuner.search.samplers import Sampler
from tuner.search.space import search_space
from tuner.search.study import Study
from tuner.settings import Settings


def make_sampler(settings: Settings) -> Sampler:
    """The sampler that the settings ask for."""
    # Imported when called: samplers need numpy, and handlers that only invoke do not.
    if settings.sampler == "grid":
        from tuner.search.samplers import GridSampler

        return GridSampler(settings.runs, settings.environments, fresh=settings.only_cold_starts)

    return AdaptiveSampler()


def make_study(settings: Settings, identity: FunctionIdentity, prices: PriceList) -> Study:
    """The study that the settings ask for on this function."""
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
