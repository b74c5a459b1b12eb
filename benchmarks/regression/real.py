"""Duets of real handlers on this machine, half of them beside a process that loads it.

Run: python -m benchmarks.regression.real [--repetitions 20] [--output FILE]

A handler is compared with itself and with one that does 15% more work. It is right when the
first is not called worse, and the second is.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tuner.cli.main import run

HANDLER = '''"""Burns CPU: a known amount of work."""


def handler(event, context):
    value = 1
    for step in range({steps}):
        value = (value * 31 + step) % 1000003
    return value
'''
SLOWER = 1.15
TARGET_MS = 40.0
MEMORY_MB = 1769
MAX_SECONDS = 120
"""Time of a duet at most, as in a pipeline."""


def calibrate() -> int:
    """Steps that take about `TARGET_MS` of CPU time here."""
    steps, value, started = 1_000_000, 1, time.process_time()
    for step in range(steps):
        value = (value * 31 + step) % 1000003
    return int(steps * TARGET_MS / 1000 / (time.process_time() - started))


@contextlib.contextmanager
def loaded(active: bool) -> Iterator[None]:
    """A second process that keeps a core busy."""
    if not active:
        yield
        return
    load = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        load.kill()
        load.wait()


def duet(folder: Path, candidate: str, seed: int) -> dict[str, object]:
    """One duet by the command line; its exit code and what it says of the duration."""
    answer = folder / "answer.json"
    started = time.monotonic()
    code = run(
        [
            "duet", f"{folder}/baseline/app.py:handler", "--baseline", f"{folder}/baseline/app.py",
            "--candidate", f"{folder}/{candidate}/app.py", "--power-values", str(MEMORY_MB), "--metric", "duration",
            "--max-seconds", str(MAX_SECONDS),
            "--seed", str(seed), "--samples", f"{folder}/samples.jsonl", "--output", str(answer), "--quiet",
        ]
    )  # fmt: skip
    if code not in (0, 3):
        raise SystemExit(f"the duet ended with exit code {code}: no result")
    document = json.loads(answer.read_text("utf-8"))
    duration = document["findings"][0]
    return {
        "candidate": candidate,
        "exit_code": code,
        "verdict": document["verdict"],
        "effect": duration["effect"],
        "invocations": document["invocations"],
        "seconds": round(time.monotonic() - started, 1),
    }


def main() -> None:
    """Run all repetitions and print how often the verdict was right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory(prefix="tuner-benchmark-") as name:
        steps = calibrate()
        for version, factor in (("baseline", 1.0), ("same", 1.0), ("slower", SLOWER)):
            Path(name, version).mkdir()
            Path(name, version, "app.py").write_text(HANDLER.format(steps=int(steps * factor)))
        for repetition in range(arguments.repetitions):
            for candidate in ("same", "slower"):
                with loaded(repetition % 2 == 1):
                    result = duet(Path(name), candidate, repetition) | {"loaded": repetition % 2 == 1}
                results.append(result)
                print(json.dumps(result), flush=True)
    right = {
        candidate: sum(
            (r["verdict"] == "worse") is (candidate == "slower") for r in results if r["candidate"] == candidate
        )
        for candidate in ("same", "slower")
    }
    for candidate, count in right.items():
        print(f"{candidate}: right in {count} of {arguments.repetitions}")
    if arguments.output:
        arguments.output.write_text(json.dumps({"results": results, "right": right}, indent=1) + "\n")


if __name__ == "__main__":
    main()
