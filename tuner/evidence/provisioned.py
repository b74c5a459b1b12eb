"""Provisioned concurrency: the fewest environments that keep cold starts within a target.

Works on requests of the past, replayed with more and more environments that are always ready. Every
slot of time (such as an hour of the week) gets a number of its own, or the reason why it has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tuner.evidence.cold_starts import Flags, IdleLife, Replay, Requests, replay
from tuner.evidence.shares import BOOTSTRAPS, ONE_SIDED_95, wilson_upper

Slots = NDArray[np.int64]

BLOCK_S = 300.0
"""Requests within so many seconds are drawn together by the bootstrap, since cold starts come in bursts."""


@dataclass(frozen=True, slots=True)
class SlotSize:
    """What one slot of time needs.

    Attributes:
        slot: which one.
        requests: seen in it.
        provisioned: fewest environments whose bound meets the target; None: no number can be given.
        cold_share: replayed share of cold starts with that number (with none where there is no number).
        upper_bound: 95% bound of that share.
        reason: why there is no number; empty where there is one.
    """

    slot: int
    requests: int
    provisioned: int | None
    cold_share: float
    upper_bound: float
    reason: str = ""


def _as_they_are(cold: Flags) -> Flags:
    return cold


def size_provisioned(
    requests: Requests,
    slots: Slots,
    idle_life: IdleLife,
    *,
    target_share: float,
    seed: int = 0,
    breaches: Callable[[Flags], Flags] = _as_they_are,
) -> tuple[SlotSize, ...]:
    """The fewest provisioned environments of every slot.

    Args:
        requests: what arrived in the past.
        slots: slot of each request, such as its hour of the week, shape (R,).
        idle_life: how long idle environments stay.
        target_share: cold starts at most, a fraction of the requests.
        seed: of the idle lives and of the bootstrap.
        breaches: which requests count against the target, from those that are cold; default the cold ones.
    """
    if not 0 < target_share < 1:
        raise ValueError(f"target {target_share} is not within 0..1")

    @cache
    def cold_with(provisioned: int) -> Flags:
        return breaches(replay(requests, idle_life, provisioned=provisioned, seed=seed).cold)

    most = peak_concurrency(requests)
    return tuple(
        _slot_size(int(slot), slots == slot, requests, cold_with, most, target_share, seed) for slot in np.unique(slots)
    )


def replay_schedule(
    requests: Requests, slots: Slots, sizes: tuple[SlotSize, ...], idle_life: IdleLife, *, seed: int = 0
) -> Replay:
    """What the requests would have met with the sizes of a schedule; slots without a number have none."""
    by_slot = {size.slot: size.provisioned or 0 for size in sizes}
    counts = np.array([by_slot.get(int(slot), 0) for slot in slots], dtype=np.int64)
    return replay(requests, idle_life, provisioned=counts, seed=seed)


def peak_concurrency(requests: Requests) -> int:
    """Most requests that were running at once; 0 without any."""
    ends = np.sort(requests.start_s + requests.busy_s)
    ended = np.searchsorted(ends, requests.start_s, side="right")
    return int((np.arange(1, requests.start_s.size + 1) - ended).max(initial=0))


def upper_bound(cold: Flags, blocks: Slots, *, seed: int = 0) -> float:
    """95% bound of a share of cold starts: the larger of a block bootstrap's and Wilson's.

    Args:
        cold: which requests were cold, shape (R,), at least one.
        blocks: requests of one block are drawn together, shape (R,).
        seed: of the bootstrap.
    """
    _, which = np.unique(blocks, return_inverse=True)
    counts = np.bincount(which).astype(np.float64)
    colds = np.bincount(which, weights=cold.astype(np.float64))
    drawn = np.random.default_rng(seed).integers(counts.size, size=(BOOTSTRAPS, counts.size))
    shares = colds[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return max(float(np.quantile(shares, 0.95)), wilson_upper(int(cold.sum()), cold.size))


def _slot_size(
    slot: int,
    inside: Flags,
    requests: Requests,
    cold_with: Callable[[int], Flags],
    most: int,
    target_share: float,
    seed: int,
) -> SlotSize:
    blocks = (requests.start_s[inside] // BLOCK_S).astype(np.int64)
    count = int(inside.sum())

    def bound(provisioned: int) -> float:
        return upper_bound(cold_with(provisioned)[inside], blocks, seed=seed)

    needed = fewest_requests(target_share)
    if count < needed:
        reason = f"{count} requests are too few to show {target_share:.2%}: it takes {needed}"
        return SlotSize(slot, count, None, float(cold_with(0)[inside].mean()), bound(0), reason)
    # More ready environments never make more cold starts, so that halving finds the fewest.
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if bound(middle) <= target_share else (middle + 1, high)
    return SlotSize(slot, count, low, float(cold_with(low)[inside].mean()), bound(low))


def fewest_requests(target_share: float) -> int:
    """Requests without any cold start that it takes to bound their share by the target."""
    # Wilson's bound without a hit is z^2 / (n + z^2).
    return int(np.ceil(ONE_SIDED_95**2 * (1 / target_share - 1)))
