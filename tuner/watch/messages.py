"""What watching tells: an event, a message that reads well in chat, metrics, and the text of a pull request.

The same decision gives the same bytes. Nothing is sent from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tuner.watch.decision import WatchDecision, Watched
from tuner.watch.weeks import Week

NAMESPACE = "LambdaTuner"
MOST_SUBJECT = 100
"""Characters of the subject of an SNS message (SNS API reference)."""
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


def sentence(report: WatchReport) -> str:
    """What was found, in one sentence."""
    decision, excess = report.decision, report.decision.excess
    size = f" at {report.memory_mb:,} MB" if report.memory_mb else ""
    if decision.outcome is Watched.TOO_FEW_WEEKS or excess is None:
        return f"{report.function}: too few weeks to tell ({decision.weeks})."
    found = f"{excess.mean:+.0%} ({excess.low:+.0%} to {excess.high:+.0%})"
    if decision.outcome is Watched.TUNE:
        return (
            f"{report.function}{size} takes {found} against the weeks before, two weeks in a row. "
            f"The chance that it is more than {report.threshold:.0%} is {_chance(decision.chance)}."
        )
    return f"{report.function}{size} takes {found} against the weeks before: left alone."


def _chance(chance: float) -> str:
    """A chance in words; none is ever certain."""
    return "above 99%" if chance > 0.99 else f"{chance:.0%}"


def event(report: WatchReport) -> dict[str, Any]:
    """An entry for EventBridge, without its bus."""
    return {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": report.document()}


def sns_message(report: WatchReport) -> tuple[str, str]:
    """Subject and text of a message on one function."""
    verb = {
        Watched.TUNE: "is slower: tune it again",
        Watched.LEAVE: "is as before",
        Watched.TOO_FEW_WEEKS: "has too few weeks",
    }[report.decision.outcome]
    return f"{report.function} {verb}"[:MOST_SUBJECT], "\n".join(_lines(report)) + "\n"


def digest(reports: Sequence[WatchReport], unread: Sequence[str] = (), *, page: str = "") -> tuple[str, str]:
    """Subject and text of one message on all functions that became slower; the others are counted.

    Args:
        reports: of all functions that could be read.
        unread: why others could not be read, a sentence each.
        page: address of the page of all tunings; empty: there is none.
    """
    slower = [report for report in reports if report.decision.outcome is Watched.TUNE]
    verb = "is slower" if len(slower) == 1 else "are slower"
    subject = f"{', '.join(report.function for report in slower)} {verb}"
    if len(subject) > MOST_SUBJECT:
        subject = f"{len(slower)} functions {verb}"
    others = len(reports) - len(slower)
    paragraphs = ["\n".join(_lines(report)) for report in slower]
    if others:
        paragraphs.append(f"{others} other function{'s are' if others > 1 else ' is'} as before or too new to tell.")
    return subject, "\n\n".join([*paragraphs, *unread, *([f"All tunings: {page}"] if page else [])]) + "\n"


def _lines(report: WatchReport) -> list[str]:
    lines = [sentence(report)]
    if report.memory_headroom is not None:
        lines.append(f"Memory: {report.memory_headroom:.0%} unused at the peak.")
    if report.cold_share is not None:
        lines.append(f"Cold starts: {report.cold_share:.1%} of runs.")
    if report.retuning:
        lines += _retuned(report.retuning)
    elif report.decision.outcome is Watched.TUNE and report.command:
        lines.append(f"Next: {report.command}")
    return lines


def _retuned(outcome: RetuningOutcome) -> list[str]:
    told = {
        Retuning.TUNED: f"Tuned again for ${outcome.cost_usd:.2f}: {outcome.found}",
        Retuning.FAILED: f"Tuning it again failed: {outcome.found}",
        Retuning.CEILING: f"Not tuned again: {outcome.found}",
        Retuning.NO_INPUT: f"Not tuned again: {outcome.found}",
    }[outcome.status]
    return [told, *([f"Report: {outcome.report}"] if outcome.report else [])]


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


def pull_request(function: str, why: str, diff: str, markdown: str) -> tuple[str, str]:
    """Title and text of the pull request of one function.

    Args:
        function: its name in the project's files.
        why: what is proposed, in one sentence.
        diff: what changes in the files.
        markdown: the report of the new result.
    """
    marker = f"<!-- lambda-tuner watch {function} -->"
    text = f"{marker}\n{why}\n\n```diff\n{diff.rstrip()}\n```\n\n{markdown.rstrip()}\n"
    return f"Right-size {function}", text
