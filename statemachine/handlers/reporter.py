"""Reporter: draws the report of the result, if there is a result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reports.html import render
from statemachine.contract import decode_folder
from statemachine.record import REPORT, RESULT
from statemachine.wiring import Wiring, framed, wire


@framed
def handler(event: Mapping[str, Any], _context: Any) -> str | None:
    """Write the report."""
    return report(decode_folder(event), wire())


def report(folder: str, wiring: Wiring) -> str | None:
    """Draw the result that the Analyzer wrote; a failed execution may have none.

    Returns:
        Where the report is in S3.
    """
    record = wiring.record(folder)
    text = record.read_text(RESULT)
    if text is None:
        return None
    return str(record.write_text(REPORT, render(json.loads(text)), content_type="text/html; charset=utf-8"))
