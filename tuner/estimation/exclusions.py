"""Which configurations cannot be recommended, and why.

A failure is evidence about its own configuration and, by simple rules, about smaller or larger ones.
Nothing here estimates a duration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tuner.model import Configuration, Invocation, Outcome, Sample, invocations_of

TIMEOUT_SHARE = 0.1
"""Share of timeouts from which a configuration is no longer recommended."""
MEMORY_HEADROOM = 1.1
"""Memory size that a function needs, over the largest Max Memory Used that was reported."""


class ExclusionKind(StrEnum):
    """Why a configuration cannot be recommended."""

    REFUSED = "refused"
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    ERRORS = "errors"
    NO_REPORT = "no_report"
    THROTTLED = "throttled"
    LITTLE_MEMORY = "little_memory"
    """It would leave too little memory above what the function used elsewhere."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why one configuration cannot be recommended.

    Attributes:
        kind: the rule that excludes it.
        reason: the same in words, for people.
    """

    kind: ExclusionKind
    reason: str


def failed(samples: Iterable[Sample]) -> dict[Configuration, Exclusion]:
    """Measured configurations that failed, and those that are no larger than one that ran out of memory."""
    grouped = invocations_of(samples)
    found = {configuration: own for configuration, runs in grouped.items() if (own := _failure(runs))}
    floor_mb = _out_of_memory_mb(grouped)
    too_small = {c: _too_small(floor_mb) for c in grouped if c.memory_mb <= floor_mb and c not in found}
    return found | too_small


def ruled_out(samples: Sequence[Sample], candidates: Iterable[Configuration]) -> dict[Configuration, Exclusion]:
    """Configurations that cannot be recommended, measured or not.

    - Out of memory excludes every size that is not larger, on both architectures.
    - A timeout excludes the smaller sizes of its architecture.
    - A refused size excludes the larger sizes of its architecture.
    - A size must exceed the memory in use by `MEMORY_HEADROOM`.

    Args:
        samples: what was measured.
        candidates: what would be recommended otherwise.
    """
    grouped = invocations_of(samples)
    found = failed(samples)
    floor_mb, needed_mb = _out_of_memory_mb(grouped), _needed_memory_mb(grouped)
    slow = [c for c, exclusion in found.items() if exclusion.kind is ExclusionKind.TIMEOUT]
    refused = [c for c, exclusion in found.items() if exclusion.kind is ExclusionKind.REFUSED]
    for candidate in candidates:
        if candidate in found:
            continue
        memory_mb = candidate.memory_mb
        slow_mb = max((c.memory_mb for c in slow if c.architecture is candidate.architecture), default=0)
        refused_mb = min((c.memory_mb for c in refused if c.architecture is candidate.architecture), default=None)
        if memory_mb <= floor_mb:
            found[candidate] = _too_small(floor_mb)
        elif memory_mb < slow_mb:
            found[candidate] = Exclusion(ExclusionKind.TIMEOUT, f"smaller than {slow_mb} MB, which timed out")
        elif refused_mb is not None and memory_mb > refused_mb:
            found[candidate] = Exclusion(ExclusionKind.REFUSED, f"larger than {refused_mb} MB, which was refused")
        elif memory_mb < needed_mb * MEMORY_HEADROOM:
            reason = f"leaves too little above the {needed_mb} MB that were in use"
            found[candidate] = Exclusion(ExclusionKind.LITTLE_MEMORY, reason)
    return found


def _failure(runs: Sequence[Invocation]) -> Exclusion | None:
    """Why the runs of one configuration exclude it; None: they do not."""
    count = Counter(run.outcome for run in runs)
    started = sum(1 for run in runs if run.ran)
    if count[Outcome.REFUSED]:
        error = next((run.error.message for run in runs if run.outcome is Outcome.REFUSED and run.error), "")
        return Exclusion(ExclusionKind.REFUSED, f"refused: {error}" if error else "refused")
    if count[Outcome.OUT_OF_MEMORY]:
        reason = f"ran out of memory in {count[Outcome.OUT_OF_MEMORY]} of {started} runs"
        return Exclusion(ExclusionKind.OUT_OF_MEMORY, reason)
    if started and count[Outcome.TIMEOUT] >= TIMEOUT_SHARE * started:
        return Exclusion(ExclusionKind.TIMEOUT, f"timed out in {count[Outcome.TIMEOUT]} of {started} runs")
    if not runs or any(run.usable for run in runs):
        return None
    if count[Outcome.ERROR]:
        types = ", ".join(sorted({run.error.type for run in runs if run.error}))
        return Exclusion(ExclusionKind.ERRORS, f"every run failed ({types})" if types else "every run failed")
    if started:
        return Exclusion(ExclusionKind.NO_REPORT, "no run gave a report")
    return Exclusion(ExclusionKind.THROTTLED, "throttled: no run was started")


def _too_small(floor_mb: int) -> Exclusion:
    return Exclusion(ExclusionKind.OUT_OF_MEMORY, f"not larger than {floor_mb} MB, which ran out of memory")


def _out_of_memory_mb(grouped: Mapping[Configuration, Sequence[Invocation]]) -> int:
    """The largest size at which a run went out of memory; 0: none did."""
    return max(
        (c.memory_mb for c, runs in grouped.items() if any(run.outcome is Outcome.OUT_OF_MEMORY for run in runs)),
        default=0,
    )


def _needed_memory_mb(grouped: Mapping[Configuration, Sequence[Invocation]]) -> int:
    """The least memory that any configuration got by with. A larger size may use more because it can."""
    peaks = []
    for runs in grouped.values():
        used = [run.max_memory_used_mb for run in runs if run.usable and run.max_memory_used_mb is not None]
        peaks += [max(used)] if used else []
    return min(peaks, default=0)
