"""How well cold starts are told from requests: `python -m benchmarks.concurrency --traces DIR`.

Each trace is a JSON file with requests to a real function: {"start_s": […], "elapsed_s": […], "cold": […]}.
The share of cold starts that a replay gives is printed beside the observed one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tuner.evidence.cold_starts import IdleLife, Requests, replay


def main(arguments: Sequence[str] | None = None) -> None:
    """Replay every trace and print a table or JSON."""
    options = _parser().parse_args(arguments)
    life = IdleLife(options.idle_life_s, options.idle_life_s) if options.idle_life_s else IdleLife()
    rows = [_row(path, life) for path in sorted(options.traces.glob("*.json"))]
    if options.format == "json":
        print(json.dumps(rows, indent=1))
        return
    print(f"{'trace':<24} {'requests':>9} {'observed':>9} {'simulated':>9}")
    for row in rows:
        print(f"{row['trace']:<24} {row['requests']:>9} {row['observed']:>9.2%} {row['simulated']:>9.2%}")


def _row(path: Path, life: IdleLife) -> dict[str, Any]:
    trace = json.loads(path.read_text("utf-8"))
    requests = Requests.of(np.array(trace["start_s"], dtype=float), np.array(trace["elapsed_s"], dtype=float))
    return {
        "trace": path.stem,
        "requests": len(trace["cold"]),
        "observed": float(np.mean(trace["cold"])),
        "simulated": replay(requests, life).cold_share,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.concurrency", description=__doc__)
    parser.add_argument("--traces", type=Path, required=True, metavar="DIR", help="folder of JSON files")
    parser.add_argument(
        "--idle-life-s", type=float, metavar="S", help="life of an idle environment (default 300 to 360, as of 2026)"
    )
    parser.add_argument("--format", choices=["text", "json"], default="text")
    return parser


if __name__ == "__main__":
    main()
