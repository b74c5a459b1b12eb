"""CPU time of starting the command line and of making a page: `python -m benchmarks.startup`.

Whole processes come first, then rendering alone, of every golden result, where everything is imported. Each figure is
the least of several: other work on the machine only adds to it. Exits with 1 where rendering takes more than the bar.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.golden.situations import SITUATIONS, document_of, released_names

BAR_MS = 150
"""What rendering a page may take."""

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import jinja2": ["-c", "import jinja2"],
    "import reports.html": ["-c", "import reports.html"],
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


def render_ms(name: str, runs: int) -> tuple[float, int]:
    """CPU time of rendering a page once everything is imported, and the size of the page in bytes."""
    from reports.html import render

    document: Any = document_of(name)
    size = len(render(document).encode())
    times = []
    for _ in range(runs):
        begun = time.process_time()
        render(document)
        times.append(time.process_time() - begun)
    return 1e3 * min(times), size


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="runs of each command, and of each page")
    options = parser.parse_args()
    print(f"{'process':24} CPU ms (least of {options.runs})")
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in {**COMMANDS, **page_commands(Path(folder))}.items():
            print(f"{name:24} {1e3 * min(cpu_seconds(arguments) for _ in range(options.runs)):.0f}")
    print(f"\n{'page of':24} CPU ms  KB (at most {BAR_MS} ms)")
    slow = []
    for name in (*SITUATIONS, *released_names()):
        spent, size = render_ms(name, options.runs)
        print(f"{name:24} {spent:6.1f}  {size / 1024:.0f}")
        slow += [name] if spent > BAR_MS else []
    if slow:
        sys.exit(f"above {BAR_MS} ms: {', '.join(slow)}")


if __name__ == "__main__":
    main()
