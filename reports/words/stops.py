"""Why a search ended, in words."""

from __future__ import annotations

STOPPED = {
    "complete": "everything that was asked for has been measured",
    "tolerance": "the answer is within the tolerance",
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
