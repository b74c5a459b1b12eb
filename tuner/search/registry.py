"""The samplers that a user can name, and what others need to know of each.

A new sampler is a class that meets `Sampler`, a member of `SamplerName`, and an entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.model import Configuration, SamplerName, SearchSpace
from tuner.settings import Settings

if TYPE_CHECKING:
    from tuner.search.sampler import Sampler


@dataclass(frozen=True, slots=True)
class SamplerKind:
    """A sampler that a user can name.

    Attributes:
        make: builds it from the settings, and from whether runs cost only time.
        measures_every_size: it measures every configuration of the space a fixed number of times. So its space
            is a list of sizes, and its plan is known before the first run.
    """

    make: Callable[[Settings, bool], Sampler]
    measures_every_size: bool


def _adaptive(_settings: Settings, free: bool) -> Sampler:
    # Imported when called: a sampler loads numpy, which commands that do not search go without.
    if free:
        from tuner.search.free import FreeSampler

        return FreeSampler()
    from tuner.search.adaptive import AdaptiveSampler

    return AdaptiveSampler()


def _grid(settings: Settings, _free: bool) -> Sampler:
    from tuner.search.grid import GridSampler

    fresh, repeats = settings.only_cold_starts, settings.memory.repeats
    return GridSampler(settings.runs, settings.environments, fresh=fresh, repeats=repeats)


SAMPLERS: Mapping[SamplerName, SamplerKind] = {
    SamplerName.ADAPTIVE: SamplerKind(_adaptive, measures_every_size=False),
    SamplerName.GRID: SamplerKind(_grid, measures_every_size=True),
}
"""What each name stands for."""


def runs_of_grid(settings: Settings, space: SearchSpace) -> Mapping[Configuration, int]:
    """How often a sampler that measures every size runs each configuration. A budget may end it before."""
    repeats = settings.memory.repeats
    return {one: settings.runs * repeats.get(one.memory_mb, 1) for one in space.configurations}


def make_sampler(settings: Settings, *, free: bool = False) -> Sampler:
    """The sampler that the settings ask for.

    Args:
        settings: what the user asked for.
        free: whether runs cost only time.
    """
    return SAMPLERS[settings.sampler].make(settings, free)


def measures_every_size(settings: Settings) -> bool:
    """Whether the settings ask for a fixed number of runs of every size."""
    return SAMPLERS[settings.sampler].measures_every_size
