"""`python -m benchmarks`: every benchmark in a short form, one after the other."""

from __future__ import annotations

import shlex
import subprocess
import sys

SHORT = (
    "benchmarks.startup",
    "benchmarks.search --per-family 3 --tuners adaptive,grid-10",
    "benchmarks.invoke --repeat 1",
    "benchmarks.local --runs 5",
    "benchmarks.regression.simulation --repetitions 100",
    "benchmarks.regression.real --repetitions 2",
)


def main() -> None:
    """Run all of them; exits with 1 when one fails."""
    failed = []
    for words in SHORT:
        print(f"\n$ python -m {words}", flush=True)
        if subprocess.run([sys.executable, "-m", *shlex.split(words)], check=False).returncode:
            failed.append(words)
    if failed:
        sys.exit("failed: " + "; ".join(failed))


if __name__ == "__main__":
    main()
