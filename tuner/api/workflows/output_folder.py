"""The output folder of a workflow: payloads, plan, report and undo, and where those of earlier runs are now."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.api.files import folder_names, set_aside, write_text
from tuner.api.workflows.files import read_json, write_undo
from tuner.api.workflows.result import WorkflowResult
from tuner.documents.result import PLAN_FILE
from tuner.model import Configuration, Sample, Trial
from tuner.search.study import Study

REPORT_FILE, PAYLOADS = "report.html", "payloads"


@dataclass(slots=True)
class OutputFolder:
    """The output folder of a run, which sets aside what an earlier one left before anything is written there.

    Attributes:
        path: of it.
        earlier_kept: told where files of an earlier run are now.
        resume: whether the tuning in it is gone on with.
    """

    path: Path
    earlier_kept: Callable[[Path], None]
    resume: bool
    _begun: bool = False
    _aside: Path | None = None

    def of_function(self, name: str) -> Path:
        """The folder of a function that is tuned."""
        return self.path / folder_names([name])[0]

    def payloads_of_earlier_run(self, functions: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """What functions are tuned with in a run that goes on: the executions to read may be others by now."""
        files = {name: self._payloads(name) for name in functions} if self.resume else {}
        return {name: read_json(file, "--resume") for name, file in files.items() if file.exists()}

    def begin(self, payloads: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Write the payloads, so that a run that ends early can go on with the same. Later calls do nothing.

        `undo.json` stays: it takes back what was applied last, whatever was planned since.
        """
        if self._begun:
            return
        self._begun = True
        old = [] if self.resume else (file.relative_to(self.path) for file in (self.path / PAYLOADS).glob("*.json"))
        self._aside = set_aside(self.path, [PLAN_FILE, REPORT_FILE, *sorted(map(str, old))])
        if self._aside:
            self.earlier_kept(self._aside)
        for function, sent in payloads.items():
            write_text(self._payloads(function), json.dumps(sent, indent=1, ensure_ascii=False) + "\n")

    def save(self, result: WorkflowResult) -> None:
        """Write the plan and its report."""
        self.begin(result.payloads)
        write_text(self.path / PLAN_FILE, result.to_json())
        write_text(self.path / REPORT_FILE, result.to_html())

    def save_undo(self, region: str, before: Mapping[str, Configuration]) -> None:
        """Write the sizes that functions had."""
        kept = write_undo(region, before, self.path, beside=self._aside)
        if kept and kept != self._aside:
            self.earlier_kept(kept)

    def _payloads(self, function: str) -> Path:
        return self.path / PAYLOADS / f"{folder_names([function])[0]}.json"


@dataclass(frozen=True, slots=True)
class EarlierRuns:
    """Hears where an earlier run of a function is now, and nothing else of its tuning."""

    tell: Callable[[Path], None]

    def asked(self, _study: Study, _trials: Sequence[Trial]) -> None:
        """Nothing is said of what is measured."""

    def told(self, _study: Study, _sample: Sample) -> None:
        """Nothing is said of what was measured."""

    def set_aside(self, place: Path) -> None:
        """Pass it on."""
        self.tell(place)
