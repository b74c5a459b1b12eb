"""Decides which slower functions are tuned again, within the month's ceiling, and what came of it.

Money is reserved before a tuning starts, and replaced by what it cost afterwards. A tuning that failed keeps its
reservation, since nobody knows what it has spent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reports.words.numbers import configuration
from statemachine.watch.messages import Looked
from tuner.watch.ceiling import Ledger
from tuner.watch.decision import Watched
from tuner.watch.messages import Retuning, RetuningOutcome, WatchReport

Document = dict[str, Any]
SHARE_FOR_RUNS = 0.8
"""Share of a tuning's money that its runs may spend. The rest is for the state machine, and for the last run, which
may last longer than those before."""


def reserve(
    reports: Sequence[WatchReport], inputs: Mapping[str, Document], ledger: Ledger, looked: Looked, *, tuning_usd: float
) -> tuple[list[WatchReport], list[Document]]:
    """Reserve the money of every tuning.

    Returns:
        The reports, with the reason where a slower function is not tuned, and the inputs of the tunings.
    """
    told, tunings = [], []
    for report in reports:
        if report.decision.outcome is not Watched.TUNE:
            told.append(report)
        elif report.function not in inputs:
            told.append(_not_tuned(report, Retuning.NO_INPUT, "no list gives it an input."))
        elif not ledger.reserve(looked.booking(report.function), tuning_usd):
            left = f"${ledger.left_usd():.2f} of the month's ${ledger.ceiling_usd:.2f} is left"
            told.append(_not_tuned(report, Retuning.CEILING, f"{left}, and it may need ${tuning_usd:.2f}."))
        else:
            told.append(report)
            tunings.append(_within(inputs[report.function], SHARE_FOR_RUNS * tuning_usd))
    return told, tunings


def settle(
    reports: Sequence[WatchReport],
    summary: Mapping[str, Any] | None,
    inputs: Mapping[str, str],
    ledger: Ledger,
    looked: Looked,
) -> list[WatchReport]:
    """Book what the tunings have cost.

    Args:
        reports: as `reserve` returned them.
        summary: of the fleet; None: it failed as a whole, or nothing was tuned.
        inputs: by function, how the list of the fleet names it.
        ledger: of the month.
        looked: the execution.
    """
    tuned = {item["function"]: item for item in (summary or {}).get("savings", ())}
    failed = {item["function"]: item for item in (summary or {}).get("failures", ())}
    told = []
    for report in reports:
        named = inputs.get(report.function)
        if named is None:
            told.append(report)
        elif named in tuned:
            ledger.settle(looked.booking(report.function), tuned[named]["cost"])
            told.append(replace(report, retuning=_tuned(tuned[named])))
        else:
            cause = failed[named]["cause"] if named in failed else "it did not start."
            told.append(_not_tuned(report, Retuning.FAILED, cause.strip().partition("\n")[0]))
    return told


def _within(document: Document, max_usd: float) -> Document:
    """An input whose budget is at most this."""
    budget = document.get("budget") or {}
    return {**document, "budget": {**budget, "maxUsd": min(max_usd, budget.get("maxUsd") or max_usd)}}


def _not_tuned(report: WatchReport, status: Retuning, why: str) -> WatchReport:
    return replace(report, retuning=RetuningOutcome(status, why))


def _tuned(item: Mapping[str, Any]) -> RetuningOutcome:
    chosen = configuration({"memory_mb": item["power"], "architecture": item["architecture"]})
    ratio, interval = item["saving"], item["interval"]
    saving = "" if ratio is None or not interval else f", {ratio:.0%} ({interval[0]:.0%} to {interval[1]:.0%}) cheaper"
    return RetuningOutcome(Retuning.TUNED, f"{chosen} is recommended{saving}.", item["cost"], item["report"])
