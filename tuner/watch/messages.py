"""What watching finds, and how programs are told of it: an event and metrics. `reports.words.watching` tells people.

The same decision gives the same bytes. Nothing is sent from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tuner.watch.decision import WatchDecision
from tuner.watch.weeks import Week

NAMESPACE = "LambdaTuner"
SOURCE, DETAIL_TYPE = "lambda-tuner", "Lambda Tuner Watch"


class Retuning(StrEnum):
    """What became of tuning a function again."""

    TUNED = "tuned"
    FAILED = "failed"
    CEILING = "ceiling"
    """The month's ceiling has no room for it."""
    NO_INPUT = "no_input"
    """Nobody gave an input to tune it with."""


@dataclass(frozen=True, slots=True)
class RetuningOutcome:
    """What tuning a function again gave.

    Attributes:
        status: what became of it.
        found: what is recommended, or why it failed, in one sentence.
        cost_usd: what it has cost; 0: not known, or nothing.
        report: address of its report; empty: there is none.
    """

    status: Retuning
    found: str = ""
    cost_usd: float = 0.0
    report: str = ""

    def document(self) -> dict[str, Any]:
        """The outcome as JSON values."""
        return {"status": self.status, "found": self.found, "cost_usd": self.cost_usd, "report": self.report}


@dataclass(frozen=True, slots=True)
class WatchReport:
    """What was found of one function.

    Attributes:
        function: its name.
        memory_mb: size in use; None: its log does not show it.
        decision: what becomes of it.
        threshold: excess that is accepted, as a fraction.
        latest: the last week; None: there is none.
        command: what tunes it again.
        retuning: what tuning it again gave; None: nobody tried.
    """

    function: str
    memory_mb: int | None
    decision: WatchDecision
    threshold: float
    latest: Week | None = None
    command: str = ""
    retuning: RetuningOutcome | None = None

    @property
    def memory_headroom(self) -> float | None:
        """Share of the memory that no run used in the last week; None: not known."""
        used = self.latest.max_memory_used_mb if self.latest else None
        return None if used is None or not self.memory_mb else 1.0 - used / self.memory_mb

    @property
    def cold_share(self) -> float | None:
        """Share of runs with an initialization in the last week; None: not known."""
        return self.latest.cold_runs / self.latest.runs if self.latest and self.latest.runs else None

    def document(self) -> dict[str, Any]:
        """The report as JSON values."""
        excess = self.decision.excess
        return {
            "function": self.function,
            "memory_mb": self.memory_mb,
            "decision": self.decision.outcome,
            "chance": round(self.decision.chance, 4),
            "threshold": self.threshold,
            "excess": excess and {"mean": excess.mean, "low": excess.low, "high": excess.high},
            "weeks": self.decision.weeks,
            "memory_headroom": self.memory_headroom,
            "cold_start_share": self.cold_share,
            **({"tuning": self.retuning.document()} if self.retuning else {}),
        }


def event(report: WatchReport) -> dict[str, Any]:
    """An entry for EventBridge, without its bus."""
    return {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": report.document()}


def metrics(report: WatchReport, now_s: float, *, stack: str = "") -> dict[str, Any]:
    """One line of log in CloudWatch's embedded metric format, by function, and by stack where there is one."""
    excess = report.decision.excess
    values: Mapping[str, float | None] = {
        "ExcessCost": excess.mean if excess else None,
        "ExcessCostLow": excess.low if excess else None,
        "ExcessCostHigh": excess.high if excess else None,
        "MemoryHeadroom": report.memory_headroom,
        "ColdShare": report.cold_share,
    }
    known = {name: value for name, value in values.items() if value is not None}
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["FunctionName"], *([["StackName"]] if stack else [])],
        "Metrics": [{"Name": name, "Unit": "None"} for name in known],
    }
    return {
        "_aws": {"Timestamp": int(now_s * 1000), "CloudWatchMetrics": [directive]},
        "FunctionName": report.function,
        **({"StackName": stack} if stack else {}),
        **known,
    }
