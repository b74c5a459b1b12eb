"""What was found for a workflow: the plan, its document in every form, and what confirmed it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tuner.model import Configuration
from tuner.workflows.document import ConfirmationDocument, WorkflowDocument
from tuner.workflows.plan import Plan


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Executions with the chosen sizes on temporary copies.

    Attributes:
        times_ms: end-to-end times.
        predicted_p50_ms: the median that the plan says.
    """

    times_ms: tuple[float, ...]
    predicted_p50_ms: float

    @property
    def p50_ms(self) -> float:
        """Median of the times."""
        return median(self.times_ms)

    @property
    def off_by(self) -> float:
        """How far the prediction is from the measured median, as a fraction of the measured one."""
        return self.predicted_p50_ms / self.p50_ms - 1

    @property
    def document(self) -> ConfirmationDocument:
        """The same as JSON."""
        return {
            "executions": len(self.times_ms),
            "times_ms": list(self.times_ms),
            "p50_ms": self.p50_ms,
            "predicted_p50_ms": self.predicted_p50_ms,
            "off_by": self.off_by,
        }


@dataclass(frozen=True, slots=True)
class WorkflowResult:
    """What was found for a workflow.

    Attributes:
        plan: sizes, percentiles, states and the front.
        document: the same as JSON.
        payloads: for each function what executions sent it, weighted.
        confirmation: executions with the chosen sizes; None: not asked for.
        undo: the sizes before `apply`; None: nothing was applied.
    """

    plan: Plan
    document: WorkflowDocument
    payloads: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    confirmation: Confirmation | None = None
    undo: Mapping[str, Configuration] | None = None

    @property
    def configurations(self) -> Mapping[str, Configuration]:
        """The size to use for each function."""
        return self.plan.chosen.configurations

    def to_json(self) -> str:
        """The document as text."""
        return json.dumps(self.document, indent=1, ensure_ascii=False) + "\n"

    def to_html(self) -> str:
        """The report as one page."""
        from reports.workflow import render

        return render(self.document)

    def to_markdown(self) -> str:
        """The answer for a pull request."""
        from reports.workflow_text import render_markdown

        return render_markdown(self.document)

    def to_text(self, *, width: int = 100) -> str:
        """The answer for a terminal of so many columns."""
        from reports.workflow_text import render_text

        return render_text(self.document, width=width)
