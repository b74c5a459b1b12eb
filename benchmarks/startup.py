"""CPU time of starting the command line and of rendering a report: `python -m benchmarks.startup`.

CPU time of whole processes, the median of several, beside that of a bare interpreter.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.golden.situations import SITUATIONS, document_of

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "tuner --help": ["-m", "tuner", "--help"],
    "tuner tune --help": ["-m", "tuner", "tune", "--help"],
    "tuner schema result": ["-m", "tuner", "schema", "result"],
}


def cpu_seconds(arguments: list[str]) -> float:
    """User and system CPU time of one run of the interpreter."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return usage.ru_utime + usage.ru_stime


def page_commands(folder: Path) -> dict[str, list[str]]:
    """Whole processes that make one page: by the renderer alone, and by the command line."""
    file = folder / "result.json"
    file.write_text(json.dumps(document_of("aws")), "utf-8")
    program = f"import json; from reports.html import render; render(json.load(open({str(file)!r})))"
    return {"reports.html.render": ["-c", program], "tuner report FILE": ["-m", "tuner", "report", str(file)]}


def render_seconds(name: str) -> float:
    """CPU time of rendering a report once everything is imported."""
    from reports.html import render

    document: Any = document_of(name)
    render(document)
    begun = time.process_time()
    render(document)
    return time.process_time() - begun


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="runs of each command")
    options = parser.parse_args()
    print(f"{'command':24} CPU s (median of {options.runs})")
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in {**COMMANDS, **page_commands(Path(folder))}.items():
            print(f"{name:24} {statistics.median(cpu_seconds(arguments) for _ in range(options.runs)):.3f}")
    print(f"\n{'report of':24} CPU s")
    for name in SITUATIONS:
        print(f"{name:24} {render_seconds(name):.3f}")


if __name__ == "__main__":
    main()
