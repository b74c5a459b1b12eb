"""Quarters of functions under watch, in virtual time: who is tuned again, when, and how often.

Run it as `python -m benchmarks.watch --quarters 400 --format json`.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tuner.watch.decision import Watched, decide
from tuner.watch.weeks import DAYS, SECONDS_PER_DAY, Week

WEEKS = 13
"""Weeks of a quarter."""
EARLIER_WEEKS = 4
"""Weeks since the last tuning when the quarter begins."""


class Hosts(StrEnum):
    """How hosts move a function from week to week."""

    UNIFORM = "uniform"
    """Anything within ±10%."""
    EXTREMES = "extremes"
    """Either 10% faster or 10% slower."""
    NORMAL = "normal"
    """A normal of 6.1%, as published runs show."""


_DRAW: dict[Hosts, Callable[[random.Random], float]] = {
    Hosts.UNIFORM: lambda rng: math.log(rng.uniform(0.9, 1.1)),
    Hosts.EXTREMES: lambda rng: math.log(rng.choice((0.9, 1.1))),
    Hosts.NORMAL: lambda rng: rng.gauss(0.0, 0.061),
}


@dataclass(frozen=True, slots=True)
class Quarter:
    """What one function does in a quarter.

    Attributes:
        hosts: how hosts move it.
        release_week: week of a release, from 0; None: there is none.
        ratio: duration after the release over before.
        threshold: excess that is accepted.
    """

    hosts: Hosts = Hosts.UNIFORM
    release_week: int | None = None
    ratio: float = 1.0
    threshold: float = 0.1


def tuned_in(quarter: Quarter, rng: random.Random) -> list[int]:
    """The weeks of a quarter in which the function is tuned again, from 0."""
    weeks: list[Week] = []
    tuned = []
    for week in range(-EARLIER_WEEKS, WEEKS):
        weeks.append(_week(quarter, week, rng))
        released = quarter.release_week is not None and 0 <= week - quarter.release_week < 2
        if week >= 0 and decide(weeks, threshold=quarter.threshold, released=released).outcome is Watched.TUNE:
            tuned.append(week)
            weeks = []
    return tuned


def _week(quarter: Quarter, week: int, rng: random.Random) -> Week:
    slower = quarter.release_week is not None and week >= quarter.release_week
    mean = math.log(100.0) + _DRAW[quarter.hosts](rng) + (math.log(quarter.ratio) if slower else 0.0)
    days = tuple(mean + rng.gauss(0.0, 0.02) for _ in range(DAYS))
    return Week(week * DAYS * SECONDS_PER_DAY, days, runs=7_000)


@dataclass(frozen=True, slots=True)
class WatchFigures:
    """What a simulation showed, as shares of quarters.

    Attributes:
        noticed: a release that makes a function 30% slower is noticed within two weeks.
        tuned_once: it is then tuned exactly once in the quarter.
        left_alone: ten functions that only change hosts are all left alone.
    """

    noticed: float
    tuned_once: float
    left_alone: float


def simulate(quarters: int, hosts: Hosts, seed: int) -> WatchFigures:
    """Simulate quarters of functions."""
    rng = random.Random(seed)
    noticed = once = alone = 0
    for _ in range(quarters):
        release = rng.randrange(WEEKS - 2)
        tuned = tuned_in(Quarter(hosts, release, 1.3), rng)
        noticed += release + 1 in tuned
        once += len(tuned) == 1
        alone += all(not tuned_in(Quarter(hosts), rng) for _ in range(10))
    return WatchFigures(noticed / quarters, once / quarters, alone / quarters)


def main() -> None:
    """Print the figures of every kind of hosts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quarters", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    given = parser.parse_args()
    figures = {hosts: simulate(given.quarters, hosts, given.seed) for hosts in Hosts}
    rows = [
        {
            "hosts": hosts,
            "noticed_within_two_weeks": found.noticed,
            "tuned_once": found.tuned_once,
            "ten_left_alone": found.left_alone,
        }
        for hosts, found in figures.items()
    ]
    print(json.dumps(rows, indent=1) if given.format == "json" else "\n".join(map(str, rows)))


if __name__ == "__main__":
    main()
