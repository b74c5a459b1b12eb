"""Where a result comes from, in words, and which runs its durations and costs are of."""

from __future__ import annotations

from collections.abc import Iterable

from reports.words.numbers import percent
from reports.words.rows import ReportRow, Result
from tuner.documents.decision import backend_kind
from tuner.vocabulary import NO_CURVE, BackendKind

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


def figures_of(result: Result, table: Iterable[ReportRow]) -> str:
    """What durations and costs in a table are of, and why those of a comparison differ; empty where there are none.

    Args:
        result: the document.
        table: the rows that are shown.
    """
    if not result["curve"]:
        return ""
    estimated = any(row.candidate and not row.measured for row in table)
    more = "; sizes without runs are estimates" if estimated and not of_own_runs(result) else ""
    means = "on the curve that fits all runs together"
    if of_own_runs(result):
        means = "at each size, from its own runs with rare slow ones weighed in"
    return (
        f"Durations and costs are means {means}{more}. "
        "What tuner compare shows differs: typical durations, and mean costs of the runs alone."
    )


def of_own_runs(result: Result) -> bool:
    """Whether tables and the answer tell each size by its own runs, not by the curve through all of them."""
    return result["request"]["runs"] is not None or any(one["code"] == NO_CURVE for one in result["warnings"])


def kind_of_run(result: Result) -> str:
    """Which runs the believed durations and costs are of."""
    request = result["request"]
    if request["only_cold_starts"]:
        return "a cold run"
    share = request["cold_start_share"]
    return f"a run, {percent(share)} of them cold" if share else "a warm run"
