"""Why a search ended, in words."""

from __future__ import annotations

from reports.words.rows import Result
from tuner.documents.decision import decision_evidence
from tuner.vocabulary import StopReason

STOPPED = {
    "complete": "everything that was asked for has been measured",
    "tolerance": "the expected loss is within the tolerance",
    "economy": "more test calls would cost more than they could save",
    "cannot_tell": "the noise is too large for more test calls to decide",
    "max_invocations": "the limit on test calls was reached",
    "max_usd": "the limit on money was reached",
    "max_seconds": "the time limit was reached",
    "interrupted": "it was interrupted",
    "all_failed": "no configuration gave a usable run",
    "function_changed": "the function was deployed meanwhile",
}
"""The reason to stop of a result document, as the rest of a sentence."""


def ended(result: Result) -> str:
    """Why the search ended, in words that agree with what the result says besides."""
    if result["recommendation"] is None or StopReason(result["stopped_by"]) is not StopReason.TOLERANCE:
        return STOPPED[result["stopped_by"]]
    evidence = decision_evidence(result)
    if evidence.unmet:
        return "more test calls are unlikely to find one that comes nearer"
    if evidence.doubt is not None and evidence.doubt > evidence.tolerance:  # of all runs, those that came last included
        return "the expected loss was within the tolerance then"
    return STOPPED[result["stopped_by"]]
