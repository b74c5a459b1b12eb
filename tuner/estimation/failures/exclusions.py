"""Which configurations cannot be recommended, and why.

A failure is evidence about its own configuration and, by simple rules, about smaller or larger ones.
Nothing here estimates a duration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tuner.estimation.failures.differences import is_above, rates_elsewhere
from tuner.estimation.failures.error_rates import ErrorRate, error_rate, rate_of_all
from tuner.model import DEFAULT_MAX_ERROR_RATE, Architecture, Configuration, Invocation, Outcome, Sample, invocations_of
from tuner.vocabulary import REFUSED_ARCHITECTURE

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


def failed(
    samples: Iterable[Sample], *, max_error_rate: float = DEFAULT_MAX_ERROR_RATE
) -> dict[Configuration, Exclusion]:
    """Measured configurations that failed, and those that are no larger than one that ran out of memory.

    A configuration fails too often when its error rate is believably above the limit, and above the rate of others
    that believably fail less. Where all fail alike, none is excluded: the function fails, not a size of it. As long
    as no run of any configuration is usable, each one that failed is excluded: the search goes on with larger ones.

    Args:
        samples: what was measured.
        max_error_rate: share of failed runs that is accepted.
    """
    grouped = invocations_of(samples)
    rates = {configuration: error_rate(runs) for configuration, runs in grouped.items()}
    elsewhere = rates_elsewhere(rates)
    works = any(run.usable for runs in grouped.values() for run in runs)
    found: dict[Configuration, Exclusion] = {}
    for configuration, runs in grouped.items():
        rate, limit = rates[configuration], max(max_error_rate, elsewhere.get(configuration, 1.0))
        if own := _cannot_run(runs, rate):
            found[configuration] = own
        elif rate.believably_above(limit) or (rate.failures and not works):
            found[configuration] = _fails(runs, rate)
    floor_mb = _out_of_memory_mb(grouped)
    too_small = {c: _too_small(floor_mb) for c in grouped if c.memory_mb <= floor_mb and c not in found}
    return found | too_small


def without_usable_run(samples: Iterable[Sample]) -> dict[Configuration, Exclusion]:
    """Measured configurations of which every run failed: their own runs do not tell how long they take."""
    grouped = {c: runs for c, runs in invocations_of(samples).items() if not any(run.usable for run in runs)}
    rates = {c: error_rate(runs) for c, runs in grouped.items()}
    return {c: _fails(runs, rates[c]) for c, runs in grouped.items() if rates[c].failures}


def ruled_out(
    samples: Sequence[Sample],
    candidates: Iterable[Configuration],
    *,
    max_error_rate: float = DEFAULT_MAX_ERROR_RATE,
) -> dict[Configuration, Exclusion]:
    """Configurations that cannot be recommended, measured or not.

    - Out of memory excludes every size that is not larger, on both architectures.
    - A size with too many timeouts or errors excludes the smaller sizes of its architecture, unless those that were
      measured believably fail less.
    - A refused size excludes the larger sizes of its architecture; a refused architecture excludes all of them.
    - A size must exceed the memory in use by `MEMORY_HEADROOM`.

    Args:
        samples: what was measured.
        candidates: what would be recommended otherwise.
        max_error_rate: share of failed runs that is accepted.
    """
    grouped = invocations_of(samples)
    found = failed(samples, max_error_rate=max_error_rate)
    failing = {kind: _failing_mb(grouped, found, kind) for kind in (ExclusionKind.TIMEOUT, ExclusionKind.ERRORS)}
    floor_mb, needed_mb = _out_of_memory_mb(grouped), _needed_memory_mb(grouped)
    refused = [c for c, exclusion in found.items() if exclusion.kind is ExclusionKind.REFUSED]
    not_possible = {c.architecture for c, runs in grouped.items() if any(map(_refuses_architecture, runs))}
    for candidate in candidates:
        if candidate in found:
            continue
        memory_mb = candidate.memory_mb
        slow_mb = failing[ExclusionKind.TIMEOUT].get(candidate.architecture, 0)
        errors_mb = failing[ExclusionKind.ERRORS].get(candidate.architecture, 0)
        refused_mb = min((c.memory_mb for c in refused if c.architecture is candidate.architecture), default=None)
        if candidate.architecture in not_possible:
            found[candidate] = Exclusion(ExclusionKind.REFUSED, "refused: like other sizes of its architecture")
        elif memory_mb <= floor_mb:
            found[candidate] = _too_small(floor_mb)
        elif memory_mb < slow_mb:
            found[candidate] = Exclusion(ExclusionKind.TIMEOUT, f"smaller than {slow_mb:,} MB, which timed out")
        elif memory_mb < errors_mb:
            found[candidate] = Exclusion(ExclusionKind.ERRORS, f"smaller than {errors_mb:,} MB, which fails too often")
        elif refused_mb is not None and memory_mb > refused_mb:
            found[candidate] = Exclusion(ExclusionKind.REFUSED, f"larger than {refused_mb:,} MB, which was refused")
        elif memory_mb < needed_mb * MEMORY_HEADROOM:
            reason = f"leaves too little above the {needed_mb:,} MB that were in use"
            found[candidate] = Exclusion(ExclusionKind.LITTLE_MEMORY, reason)
    return found


def _refuses_architecture(run: Invocation) -> bool:
    return run.outcome is Outcome.REFUSED and run.error is not None and run.error.type == REFUSED_ARCHITECTURE


def _cannot_run(runs: Sequence[Invocation], rate: ErrorRate) -> Exclusion | None:
    """Why a configuration is excluded however often it fails; None: it is not."""
    count = Counter(run.outcome for run in runs)
    started = sum(1 for run in runs if run.ran)
    if count[Outcome.REFUSED]:
        error = next((run.error.message for run in runs if run.outcome is Outcome.REFUSED and run.error), "")
        return Exclusion(ExclusionKind.REFUSED, f"refused: {error}" if error else "refused")
    if count[Outcome.OUT_OF_MEMORY]:
        reason = f"ran out of memory in {count[Outcome.OUT_OF_MEMORY]} of {started} runs"
        return Exclusion(ExclusionKind.OUT_OF_MEMORY, reason)
    if not runs or rate.failures or any(run.usable for run in runs):
        return None
    if started:
        return Exclusion(ExclusionKind.NO_REPORT, "no run gave a report")
    return Exclusion(ExclusionKind.THROTTLED, "throttled: no run was started")


def _fails(runs: Sequence[Invocation], rate: ErrorRate) -> Exclusion:
    """That runs of a configuration fail, and how: mostly by timeouts, or by errors."""
    timeouts, started = sum(run.outcome is Outcome.TIMEOUT for run in runs), sum(run.ran for run in runs)
    if 2 * timeouts >= rate.failures:
        return Exclusion(ExclusionKind.TIMEOUT, f"timed out in {timeouts} of {started} runs")
    if any(run.usable for run in runs):
        return Exclusion(ExclusionKind.ERRORS, f"failed in {rate.failures} of {started} runs")
    types = ", ".join(sorted({run.error.type for run in runs if run.error}))
    return Exclusion(ExclusionKind.ERRORS, f"every run failed ({types})" if types else "every run failed")


def _failing_mb(
    grouped: Mapping[Configuration, Sequence[Invocation]], found: Mapping[Configuration, Exclusion], kind: ExclusionKind
) -> dict[Architecture, int]:
    """Of each architecture the largest size excluded for this kind, unless smaller ones believably fail less."""
    largest: dict[Architecture, int] = {}
    for configuration in (c for c, exclusion in found.items() if exclusion.kind is kind):
        architecture, memory_mb = configuration.architecture, configuration.memory_mb
        smaller = [c for c in grouped if c.architecture is architecture and c.memory_mb < memory_mb and c not in found]
        if not is_above(error_rate(grouped[configuration]), rate_of_all(error_rate(grouped[c]) for c in smaller)):
            largest[architecture] = max(largest.get(architecture, 0), memory_mb)
    return largest


def _too_small(floor_mb: int) -> Exclusion:
    return Exclusion(ExclusionKind.OUT_OF_MEMORY, f"not larger than {floor_mb:,} MB, which ran out of memory")


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
