"""Where a result comes from, in words, and which runs its durations and costs are of."""

from __future__ import annotations

from reports.words.numbers import percent
from reports.words.rows import Result
from tuner.documents.decision import backend_kind
from tuner.vocabulary import BackendKind

_ORIGINS = {
    BackendKind.AWS: ("Measured in AWS", ""),
    BackendKind.LOCAL: (
        "Local estimate",
        "Measured on this machine, not in AWS. Ratios between sizes carry over better than milliseconds do.",
    ),
    BackendKind.SIMULATED: (
        "Simulated",
        "A simulated function: these numbers come from a known curve, and no real call was made.",
    ),
}


def origin(result: Result) -> tuple[str, str]:
    """A word for a badge, and what has to be said of it (empty for AWS)."""
    return _ORIGINS[backend_kind(result)]


def kind_of_run(result: Result) -> str:
    """Which runs the believed durations and costs are of."""
    request = result["request"]
    if request["only_cold_starts"]:
        return "a cold run"
    share = request["cold_start_share"]
    return f"a run, {percent(share)} of them cold" if share else "a warm run"
