"""The example workflow with results on disk: what the tests of the front door, the command and the reports share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.golden.situations import document_of

ROOT = Path(__file__).parents[3]
DEFINITION = ROOT / "examples" / "workflow" / "definition.asl.json"
FUNCTIONS = ("check", "fraud", "reserve", "price", "courier", "post")
FIGURES: dict[str, Any] = {"chances": {"Express?": {"Courier": 0.2, "Post": 0.8}}, "items": {"Items": [2, 3, 4]}}


def write_results(folder: Path, *, but: str = "") -> Path:
    """A result for each function of the example but one, in folders of their names."""
    for number, name in enumerate(FUNCTIONS):
        if name != but:
            _write_result(folder / f"checkout-{name}", f"checkout-{name}", 1 + 0.3 * number)
    return folder


def write_figures(folder: Path) -> Path:
    """The figures of the example in a file."""
    path = folder / "figures.json"
    path.write_text(json.dumps(FIGURES), "utf-8")
    return path


def _write_result(folder: Path, name: str, factor: float) -> None:
    """A result that is like a recorded one, so many times as slow."""
    document = document_of("aws")
    document["function"] |= {"name": name, "arn": f"arn:aws:lambda:eu-central-1:123456789012:function:{name}"}
    for point in document["curve"]:
        for figure in ("duration_ms", "p95_ms", "cost_usd"):
            point[figure] = {k: v * factor if k != "level" else v for k, v in point[figure].items()}
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(document), "utf-8")
