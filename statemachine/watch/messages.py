"""Names on the wire between the handlers of the watching state machine, and the forms of what they keep in S3."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tuner.model import Interval
from tuner.watch.decision import WatchDecision, Watched
from tuner.watch.messages import Retuning, RetuningOutcome, WatchReport
from tuner.watch.weeks import Week

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Looked:
    """What looking has found, for telling it.

    Attributes:
        run: id of the execution.
        month: whose ceiling holds.
        list_address: list of the functions to tune; empty: there are none.
        summary, page: addresses of the fleet's summary and of its page; empty: nothing was tuned.
    """

    run: str
    month: str
    list_address: str = ""
    summary: str = ""
    page: str = ""

    @property
    def findings_key(self) -> str:
        """Key of what was found."""
        return f"watch/runs/{self.run}/findings.json"

    @property
    def list_key(self) -> str:
        """Key of the functions to tune. Fleets read lists in this folder alone."""
        return f"lists/watch/{self.run}.json"

    def booking(self, what: str) -> str:
        """Name of money in the month's ledger."""
        return f"{self.run}/{what}"


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found.

    Attributes:
        reports: of all functions that could be read.
        unread: why others could not be read, a sentence each.
    """

    reports: tuple[WatchReport, ...]
    unread: tuple[str, ...] = ()


def encode_looked(looked: Looked) -> Document:
    """Return the state after looking. `list` is there only when something is to be tuned."""
    state = {"run": looked.run, "month": looked.month}
    return state | ({"list": looked.list_address} if looked.list_address else {})


def decode_looked(state: Mapping[str, Any]) -> Looked:
    """Read the state, with or without a fleet's output."""
    fleet = state.get("fleet") or {}
    return Looked(state["run"], state["month"], state.get("list", ""), fleet.get("summary", ""), fleet.get("page", ""))


def encode_findings(findings: Findings) -> bytes:
    """Return what was found as JSON."""
    return json.dumps(asdict(findings)).encode()


def decode_findings(content: bytes) -> Findings:
    """Read what was found."""
    document = json.loads(content)
    return Findings(tuple(map(_report, document["reports"])), tuple(document["unread"]))


def _report(document: Document) -> WatchReport:
    decision, latest, retuning = document["decision"], document["latest"], document["retuning"]
    excess = decision["excess"]
    return WatchReport(
        document["function"],
        document["memory_mb"],
        WatchDecision(
            Watched(decision["outcome"]), decision["chance"], excess and Interval(**excess), decision["weeks"]
        ),
        document["threshold"],
        latest and Week(**{**latest, "log_medians": tuple(latest["log_medians"])}),
        document["command"],
        retuning and RetuningOutcome(**{**retuning, "status": Retuning(retuning["status"])}),
    )
