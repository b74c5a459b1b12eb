"""The attack in its long form: `python -m tests.attack --seed 1 --seconds 600`. Prints seeds and counts."""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

from tests.attack import fuzzers, kills
from tests.cloud.fixtures import CREDENTIALS, running

OTHERS = ("inputs", "results", "samples", "journals", "caches", "workflows", "histories", "lists")
GOALS = {"logs": 100_000, **dict.fromkeys(OTHERS, 20_000), "templates": 2_000}
KILLS = {"kill": 200, "hang up": 50}


def main() -> int:
    """Attack until every goal or the time is reached; 1 when something gave way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", default=str(random.randrange(2**32)), help="repeats an attack")
    parser.add_argument("--seconds", type=float, default=600, help="at most this long")
    parser.add_argument("--only", choices=[*GOALS, "kills"], help="one kind alone")
    parser.add_argument("--repeat", metavar="SEED", help="with --only: one text alone")
    options = parser.parse_args()
    if options.repeat:
        fuzzers.attack(options.only, options.repeat)
        return 0
    print(f"seed {options.seed}", flush=True)
    end = time.monotonic() + options.seconds
    kinds = [options.only] if options.only else [*GOALS, "kills"]
    for number, kind in enumerate(kinds):
        share = (end - time.monotonic()) / (len(kinds) - number)
        until = time.monotonic() + share
        if kind == "kills":
            _kill(options.seed, until)
        else:
            _fuzz(kind, options.seed, until)
    return 0


def _fuzz(kind: str, seed: str, until: float) -> None:
    """Attack on all cores; each takes every n-th text."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        done = sum(pool.map(_fuzz_share, repeat(kind), repeat(seed), repeat(until), range(cores), repeat(cores)))
    print(f"{kind:9} {done:7,} of {GOALS[kind]:,} texts: none gave way", flush=True)


def _fuzz_share(kind: str, seed: str, until: float, first: int, step: int) -> int:
    done = 0
    for number in range(first, GOALS[kind], step):
        if time.monotonic() >= until:
            break
        fuzzers.attack(kind, f"{seed}-{number}")
        done += 1
    return done


def _kill(seed: str, until: float) -> None:
    os.environ |= CREDENTIALS
    rng = random.Random(seed)
    with running() as cloud:
        for name, goal in KILLS.items():
            runs = struck = 0
            deadline = until if name == "hang up" else until - (until - time.monotonic()) / 5
            while struck < goal and time.monotonic() < deadline:
                with tempfile.TemporaryDirectory() as folder:
                    struck += kills.attack(cloud, Path(folder), kills.random_kill(rng, name))
                runs += 1
            print(f"{name:9} {struck:7,} of {goal:,} struck in {runs} runs: the function was as before", flush=True)


if __name__ == "__main__":
    sys.exit(main())
