"""Several results side by side: releases of one function as a trend with its changes, or several functions.

Decides what belongs together and in which order. Shows nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.api.result import Result
from tuner.comparison.baselines import check_comparable, refuse_unmeasured
from tuner.comparison.change_points import ChangePoint, change_points
from tuner.comparison.question import Question
from tuner.comparison.trend import made_at
from tuner.documents.result import ResultDocument
from tuner.errors import InputError


@dataclass(frozen=True, slots=True)
class Overlay:
    """Several results, the oldest first.

    Attributes:
        documents: their documents.
        changes: where the level of one function changed.
        untold: why changes cannot be told; empty: they can, or there are several functions.
    """

    documents: tuple[ResultDocument, ...]
    changes: tuple[ChangePoint, ...] = ()
    untold: str = ""

    def to_html(self) -> str:
        """A page in one file."""
        from reports.overlay import render_html

        return render_html(self.documents, self.changes, self.untold)

    def to_markdown(self) -> str:
        """A table for job summaries and pull requests."""
        from reports.overlay import render_markdown

        return render_markdown(self.documents, self.changes, self.untold)

    def to_csv(self) -> str:
        """Raw numbers, one row for each result."""
        from reports.overlay import render_csv

        return render_csv(self.documents, self.changes)

    def to_text(self, *, width: int = 100) -> str:
        """Plain text for a terminal of so many columns."""
        from reports.overlay import render_text

        return render_text(self.documents, self.changes, self.untold, width=width)


def overlay(results: Sequence[Result], *, threshold: float = 0.05, confidence: float = 0.95) -> Overlay:
    """Put results side by side.

    Args:
        results: of one function over time, or of several functions.
        threshold: a change up to this fraction counts as the same.
        confidence: 1 minus the chance of any false alarm over all results.
    """
    documents = sorted((result.document for result in results), key=lambda found: made_at(found["created_at"]))
    if len({found["function"]["name"] for found in documents}) > 1:
        return Overlay(tuple(documents))
    try:
        for document in documents:
            refuse_unmeasured(document, name=document["created_at"])
            check_comparable(documents[0], document, ())
        changes = change_points(documents, Question.of(threshold, confidence, ()))
    except InputError as error:
        return Overlay(tuple(documents), untold=f"Changes cannot be told: {error.faults[0].problem}.")
    return Overlay(tuple(documents), changes)
