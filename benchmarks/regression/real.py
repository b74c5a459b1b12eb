"""Duets of real handlers on this machine, half of them beside a process that loads it.

Run: python -m benchmarks.regression.real [--repetitions 20] [--output FILE.jsonl]

A handler is compared with itself and with one that does 15% more work. It is right when the
first is not called worse, and the second is. A repetition is both duets, four minutes at most. The file takes a line
for each duet as it ends. The same command goes on where an earlier one was stopped.
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
CANDIDATES = ("same", "slower")
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


def read_results(path: Path | None) -> list[dict[str, object]]:
    """The duets that an earlier run left in a file; none without one. A line that was cut off is left out."""
    if path is None or not path.exists():
        return []
    text = path.read_text("utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, "utf-8")
    return [json.loads(line) for line in whole.splitlines()]


def missing(results: list[dict[str, object]], repetitions: int) -> Iterator[tuple[int, str]]:
    """The repetitions and candidates that are not in the results."""
    done = {(result["repetition"], result["candidate"]) for result in results}
    wanted = ((repetition, candidate) for repetition in range(repetitions) for candidate in CANDIDATES)
    return (one for one in wanted if one not in done)


def right(results: list[dict[str, object]], candidate: str) -> str:
    """How often the verdict on a candidate was right, in words."""
    own = [result for result in results if result["candidate"] == candidate]
    count = sum((result["verdict"] == "worse") is (candidate == "slower") for result in own)
    return f"{candidate}: right in {count} of {len(own)}"


def main() -> None:
    """Run the repetitions that are not in the file and print how often the verdict was right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--output", type=Path, help="File of JSON lines; duets that it holds are not run again.")
    arguments = parser.parse_args()
    results = read_results(arguments.output)
    with tempfile.TemporaryDirectory(prefix="tuner-benchmark-") as name:
        # The handlers of an earlier run, so that all repetitions compare the same two.
        steps = int(str(results[0]["steps"])) if results else calibrate()
        for version, factor in (("baseline", 1.0), ("same", 1.0), ("slower", SLOWER)):
            Path(name, version).mkdir()
            Path(name, version, "app.py").write_text(HANDLER.format(steps=int(steps * factor)))
        for repetition, candidate in missing(results, arguments.repetitions):
            busy = repetition % 2 == 1
            with loaded(busy):
                found = duet(Path(name), candidate, repetition)
            result = {"repetition": repetition, "loaded": busy, "steps": steps} | found
            results.append(result)
            print(json.dumps(result), flush=True)
            if arguments.output:
                with arguments.output.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
    for candidate in CANDIDATES:
        print(right(results, candidate))


if __name__ == "__main__":
    main()
