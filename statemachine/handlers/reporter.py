"""Reporter: draws the report of the result, if there is a result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reports.html import render
from statemachine.execution_store import REPORT, RESULT
from statemachine.messages import decode_folder
from statemachine.services import Services, shared_services, with_readable_errors


@with_readable_errors
def handler(event: Mapping[str, Any], _context: Any) -> str | None:
    """Draw the report of an execution."""
    return report(decode_folder(event), shared_services())


def report(folder: str, services: Services) -> str | None:
    """Draw the result that the Analyzer wrote. A failed execution may have none.

    Returns:
        Address of the report in S3; None without a result.
    """
    store = services.store(folder)
    text = store.read_text(RESULT)
    if text is None:
        return None
    return str(store.write_text(REPORT, render(json.loads(text)), content_type="text/html; charset=utf-8"))
