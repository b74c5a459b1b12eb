"""Where a curve is held: a few dozen nodes per architecture, whatever the number of sizes.

Between nodes a curve is linear in the logarithms of memory and duration. So the work of
a decision does not grow with the number of sizes that a user lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.model import Architecture, Configuration, SearchSpace
from tuner.pricing.price_list import PriceList

Floats = NDArray[np.float64]

NODES_MB = (
    *(128, 160, 192, 256, 320, 384, 512, 640, 768, 896, 1024, 1280, 1536, 1769, 2048, 2560),
    *(3008, 3540, 4096, 5120, 6144, 7168, 8192, 10_240),
)
"""Sizes at which curves of a range are held: about three per octave, with the ones where the
CPU share changes its meaning (1769 MB is one vCPU, 3008 the cap of new accounts)."""
MAX_NODES = 32
"""Most sizes of a listed space that are held themselves."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The nodes of a space.

    Node g is architecture g // len(sizes_mb), size g % len(sizes_mb). The cheapest
    architecture per GB-second comes first: what is believed of their ratio is tied to the
    price, so that renaming the architectures changes nothing but the names.
    """

    architectures: tuple[Architecture, ...]
    sizes_mb: tuple[int, ...]

    @property
    def memory_mb(self) -> Floats:
        """Memory of every node, shape (G,)."""
        return np.tile(np.array(self.sizes_mb, dtype=np.float64), len(self.architectures))

    @property
    def architecture_rows(self) -> NDArray[np.int64]:
        """Position of the architecture of every node, shape (G,)."""
        return np.repeat(np.arange(len(self.architectures)), len(self.sizes_mb))

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """Configuration of every node."""
        return tuple(Configuration(m, a) for a in self.architectures for m in self.sizes_mb)

    def node(self, configuration: Configuration) -> int:
        """Node of a configuration that is held itself."""
        row = self.architectures.index(configuration.architecture)
        return row * len(self.sizes_mb) + self.sizes_mb.index(configuration.memory_mb)

    def interpolate(self, values: Floats, configurations: Iterable[Configuration]) -> Floats:
        """Values at the nodes, shape (S, G), taken to configurations, linear in log memory."""
        log_sizes = np.log(self.sizes_mb)
        wanted = list(configurations)
        position = np.interp(np.log([c.memory_mb for c in wanted]), log_sizes, np.arange(len(log_sizes)))
        left = np.minimum(position.astype(np.int64), max(len(log_sizes) - 2, 0))
        right = np.minimum(left + 1, len(log_sizes) - 1)
        share = position - left
        offset = np.array([self.architectures.index(c.architecture) * len(log_sizes) for c in wanted], dtype=np.int64)
        between: Floats = values[:, offset + left] * (1 - share) + values[:, offset + right] * share
        return between


def layout_of(space: SearchSpace, prices: PriceList, also: Iterable[int] = ()) -> Layout:
    """The nodes of a space.

    Args:
        space: what may be recommended.
        prices: decide the order of the architectures.
        also: sizes that must be nodes (measured ones, the current one), also outside the space.
    """
    low, high = space.memory_sizes_mb[0], space.memory_sizes_mb[-1]
    if space.listed:
        sizes = _thinned(space.memory_sizes_mb)
    else:
        sizes = {low, high, *(size for size in NODES_MB if low * 1.05 < size < high / 1.05)}
    return Layout(by_price(space.architectures, prices), tuple(sorted(sizes | set(also))))


def by_price(architectures: Iterable[Architecture], prices: PriceList) -> tuple[Architecture, ...]:
    """Architectures in the order of nodes: the cheapest per GB-second first."""
    return tuple(sorted(architectures, key=lambda a: (prices.gb_second_usd(a), a)))


def candidates_of(
    space: SearchSpace, layout: Layout, current: Configuration | None, between_mb: Iterable[int] = ()
) -> tuple[Configuration, ...]:
    """What may be recommended: the listed sizes, or the nodes within the range; and the current configuration.

    Args:
        space: bounds.
        layout: the nodes.
        current: the configuration in use, where known.
        between_mb: further sizes within a range, between the nodes.
    """
    if space.listed:
        return tuple(c for c in space.configurations)
    between = (Configuration(size, a) for size in between_mb for a in layout.architectures)
    found = {c for c in (*layout.configurations, *between) if c in space}
    if current is not None and current in space:
        found.add(current)
    return tuple(sorted(found))


def _thinned(sizes: tuple[int, ...]) -> set[int]:
    """At most `MAX_NODES` of the sizes, even in log memory, both ends among them."""
    if len(sizes) <= MAX_NODES:
        return set(sizes)
    targets = np.linspace(np.log(sizes[0]), np.log(sizes[-1]), MAX_NODES)
    distance = np.abs(np.log(sizes)[None, :] - targets[:, None])
    return {sizes[i] for i in distance.argmin(axis=1)}
