"""The configurations that a study may measure and recommend, from the settings and from what the function allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tuner.errors import Fault, InputError
from tuner.model import (
    DEFAULT_MEMORY_SIZES_MB,
    MAX_MEMORY_MB,
    MB_PER_VCPU,
    MIN_MEMORY_MB,
    Architecture,
    FunctionIdentity,
    Notice,
    SearchSpace,
)
from tuner.search.registry import measures_every_size
from tuner.settings import Settings

ALL_STEP_MB = 64
"""Distance of the sizes that "all" stands for, as in Power Tuning."""
NODE_STEPS_MB = ((256, 16), (512, 32), (1024, 64), (2048, 128), (4096, 256), (MAX_MEMORY_MB, 512))
"""Up to a size, the distance of the nodes of a range: 6 to 12% of the size everywhere."""
MOST_NAMED = 6
"""Sizes that a message names one by one."""


def search_space(settings: Settings, identity: FunctionIdentity) -> SearchSpace:
    """The configurations that may be measured.

    Args:
        settings: what the user asked for.
        identity: what can be measured; the size in use joins a range.

    Raises:
        InputError: nothing is left, or no size is as large as the smallest that is allowed.
    """
    supported, current = identity.architectures, identity.current
    architectures = settings.architectures or supported[:1]
    usable = tuple(a for a in Architecture if a in architectures and a in supported)
    memory = settings.memory
    low, high = memory.low_mb, min(memory.high_mb, identity.max_memory_mb)
    if memory.listed is not None:
        sizes = [m for m in memory.listed if m <= identity.max_memory_mb]
    elif memory.every_64:
        sizes = list(all_sizes(low, high))
    elif measures_every_size(settings):
        sizes = [m for m in DEFAULT_MEMORY_SIZES_MB if low <= m <= high] or [m for m in (low, high) if low <= high]
    else:
        sizes = memory_nodes(low, high, [current.memory_mb] if current else [])
    faults = []
    if not sizes:
        wanted = ", ".join(map(str, memory.listed)) if memory.listed else f"{low} to {memory.high_mb}"
        allowed = f"allowed are {MIN_MEMORY_MB} to {identity.max_memory_mb:,} MB"
        faults.append(Fault("$.powerValues", f"no size of {wanted} MB can be measured", allowed))
    least_mb = settings.objective.constraints.min_memory_mb
    if sizes and least_mb is not None and max(sizes) < least_mb:
        problem = f"{least_mb:,} MB is above every size that would be measured, {max(sizes):,} MB at most"
        faults.append(Fault("$.constraints.minMemory", problem, "lower it, or give larger sizes"))
    if not usable:
        allowed = f"use {' or '.join(supported)}" if supported else "tune it in AWS"
        faults.append(Fault("$.architectures", f"{', '.join(architectures) or 'none'} cannot be measured", allowed))
    if faults:
        raise InputError(faults)
    listed = memory.listed is not None or memory.every_64 or measures_every_size(settings)
    return SearchSpace(tuple(sorted(set(sizes))), usable, listed=listed)


def left_out(settings: Settings, identity: FunctionIdentity) -> list[Notice]:
    """What was asked for, by name or by default, and cannot be measured."""
    most = identity.max_memory_mb
    wanted = search_space(settings, replace(identity, max_memory_mb=MAX_MEMORY_MB))
    beyond = [size for size in wanted.memory_sizes_mb if size > most]
    notices = []
    if beyond:
        named = wanted.listed and len(beyond) <= MOST_NAMED
        sizes = ", ".join(f"{size:,}" for size in beyond) if named else f"{most + 1:,} to {beyond[-1]:,}"
        message = f"More than {most:,} MB cannot be measured here: {sizes} MB are left out."
        notices.append(Notice("sizes_left_out", message))
    missing = [a for a in settings.architectures or () if a not in identity.architectures]
    if missing:
        notices.append(Notice("architecture_left_out", f"{', '.join(missing)} cannot be measured here."))
    return notices


def all_sizes(low_mb: int = MIN_MEMORY_MB, high_mb: int = MAX_MEMORY_MB) -> tuple[int, ...]:
    """Every 64 MB within bounds: what "all" stands for."""
    return tuple(range(-(-low_mb // ALL_STEP_MB) * ALL_STEP_MB, high_mb + 1, ALL_STEP_MB))


def memory_nodes(low_mb: int, high_mb: int, extra: Iterable[int] = ()) -> list[int]:
    """Sizes that stand for a whole range: its bounds, one vCPU, and steps of 6 to 12%."""
    nodes = {low_mb, high_mb, MB_PER_VCPU, *extra}
    start = MIN_MEMORY_MB
    for limit, step in NODE_STEPS_MB:
        nodes.update(range(start, limit + 1, step))
        start = limit
    return sorted(node for node in nodes if low_mb <= node <= high_mb)
