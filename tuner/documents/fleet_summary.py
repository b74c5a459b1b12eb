"""The summary of a fleet: savings, the largest first, failures, and the functions never started.

Pure: reads what each function gave. It knows neither executions nor folders.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tuner.documents.result import ResultDocument

Document = dict[str, Any]


def build_summary(
    functions: int,
    *,
    tuned: Sequence[Document],
    failed: Sequence[Document],
    not_started: Sequence[str],
    made_at: str | None = None,
) -> Document:
    """Return the summary.

    Args:
        functions: how many were to be tuned.
        tuned: a row a function, as `tuned_row` makes it.
        failed: `function`, `error` and `cause` of each.
        not_started: names of the others.
        made_at: when the summary was made (ISO 8601); None: not known.
    """
    return {
        "createdAt": made_at,
        "functions": functions,
        "tuned": len(tuned),
        "failed": len(failed),
        "notStarted": list(not_started),
        **_proved(tuned),
        "cost": sum(item["cost"] for item in tuned),
        "currency": next((item["currency"] for item in tuned), "USD"),
        "savings": sorted(tuned, key=_rank),
        "failures": list(failed),
    }


def tuned_row(function: str, result: ResultDocument, *, result_address: str, report_address: str) -> Document:
    """Return the row of a function from its result, which has a recommendation."""
    best, current, saving = result["recommendation"], result["current"], result["saving"]
    assert best is not None
    month = saving and saving["per_month_usd"]
    return {
        "function": function,
        "region": result["function"]["region"],
        "confidence": result["confidence"]["level"] if "confidence" in result else None,
        "power": best["memory_mb"],
        "architecture": best["architecture"],
        "current": current and {"power": current["memory_mb"], "architecture": current["architecture"]},
        "saving": saving and saving["ratio"]["mean"],
        "interval": saving and [saving["ratio"]["low"], saving["ratio"]["high"]],
        "savingPerMonth": month and month["mean"],
        "savingPerMonthInterval": month and [month["low"], month["high"]],
        "durationSaving": saving and saving["duration_ratio"]["mean"],
        "durationInterval": saving and [saving["duration_ratio"]["low"], saving["duration_ratio"]["high"]],
        "cost": result["tuning"]["cost_usd"],
        "currency": result["prices"]["currency"],
        "result": result_address,
        "report": report_address,
    }


def _proved(tuned: Iterable[Mapping[str, Any]]) -> Document:
    """Return the saving of a month: the sum of savings whose whole interval is above zero.

    The errors of executions are independent, so their squares add up.
    """
    proved = [
        (item["savingPerMonth"], *item["savingPerMonthInterval"])
        for item in tuned
        if item["savingPerMonth"] is not None and item["savingPerMonthInterval"][0] > 0
    ]
    if not proved:
        return {"savingPerMonth": None, "savingPerMonthInterval": None}
    total = math.fsum(mean for mean, _, _ in proved)
    below = math.hypot(*(mean - low for mean, low, _ in proved))
    above = math.hypot(*(high - mean for mean, _, high in proved))
    return {"savingPerMonth": total, "savingPerMonthInterval": [total - below, total + above]}


def _rank(item: Mapping[str, Any]) -> tuple[float, float]:
    """Sort by money where the traffic is known, then by the fraction saved. What becomes dearer comes last."""
    return -(item["savingPerMonth"] or 0.0), -(item["saving"] or 0.0)
