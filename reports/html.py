"""The report as one HTML file that needs nothing else: no request, no font, no library.

The same result gives the same bytes. Styles and scripts are named by their hashes in a
content security policy, so that nothing from a result can run even if it got into the markup.
"""

from __future__ import annotations

from reports.page import page_of
from reports.view import view
from reports.words.rows import Result

SCRIPTS = ("choose.js", "words.js", "report.js")


def render(result: Result) -> str:
    """The page for a result document that is valid under its schema."""
    return page_of("report.html", ["report.css"], SCRIPTS, view(result))
