"""Quarters of functions under watch, in virtual time: who is tuned again, when, how often, and for how much money.

Run it as `python -m benchmarks.watch --quarters 400 --format json`.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial

from tuner.watch.ceiling import Ledger
from tuner.watch.decision import Watched, decide
from tuner.watch.weeks import DAYS, SECONDS_PER_DAY, Week

WEEKS = 13
"""Weeks of a quarter."""
EARLIER_WEEKS = 4
"""Weeks since the last tuning when the quarter begins."""


class Hosts(StrEnum):
    """How hosts move a function from week to week."""

    STEADY = "steady"
    """Not at all: days alone differ."""
    UNIFORM = "uniform"
    """Anything within ±10%."""
    EXTREMES = "extremes"
    """Either 10% faster or 10% slower."""
    NORMAL = "normal"
    """A normal of 6.1%, as published runs show."""


_DRAW: dict[Hosts, Callable[[random.Random], float]] = {
    Hosts.STEADY: lambda _: 0.0,
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


@dataclass(slots=True)
class CrowdedStore:
    """A store in which other executions write between somebody's read and write.

    Attributes:
        others: what other executions do, each once.
        rng: decides when one of them comes in between.
    """

    others: list[Callable[[], None]]
    rng: random.Random
    objects: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    refused: int = 0

    def create(self, key: str, content: bytes) -> bool:
        """Write unless it exists."""
        return self.objects.setdefault(key, (content, 0))[0] is content

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        """The content and its tag, which may be out of date when it arrives."""
        content, tag = self.objects[key]
        while self.others and self.rng.random() < 0.5:
            self.others.pop()()
        return content, str(tag)

    def replace(self, key: str, content: bytes, tag: str) -> bool:
        """Replace the content with this tag."""
        current = self.objects[key][1]
        if str(current) != tag:
            self.refused += 1
            return False
        self.objects[key] = (content, current + 1)
        return True


@dataclass(frozen=True, slots=True)
class CeilingFigures:
    """What months of executions at once showed.

    Attributes:
        worst_share: most that a month spent, over its ceiling.
        refused_writes: conditional writes that others forestalled.
        granted, asked: tunings.
    """

    worst_share: float
    refused_writes: int
    granted: int
    asked: int


def simulate_ceiling(months: int, seed: int, *, executions: int = 12, ceiling_usd: float = 5.0) -> CeilingFigures:
    """Let executions of the same month reserve and spend at the same time."""
    rng = random.Random(seed)
    worst, refused, granted = 0.0, 0, 0
    for _ in range(months):
        spent: list[float] = []

        def tune(run: int, store: CrowdedStore, spent: list[float] = spent) -> None:
            usd = rng.uniform(0.1, 2.0)
            ledger = Ledger(store, "2026-11", ceiling_usd)
            if ledger.reserve(str(run), usd):
                spent.append(rng.uniform(0.3, 1.0) * usd)
                ledger.settle(str(run), spent[-1])

        store = CrowdedStore([], rng)
        store.others = [partial(tune, run, store) for run in range(executions)]
        while store.others:
            store.others.pop()()
        worst, refused, granted = max(worst, sum(spent) / ceiling_usd), refused + store.refused, granted + len(spent)
    return CeilingFigures(worst, refused, granted, months * executions)


def main() -> None:
    """Print the figures of every kind of hosts, and of the ceiling."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quarters", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    given = parser.parse_args()
    figures = {hosts: simulate(given.quarters, hosts, given.seed) for hosts in Hosts}
    rows = [
        {
            "hosts": str(hosts),
            "noticed_within_two_weeks": found.noticed,
            "tuned_once": found.tuned_once,
            "ten_left_alone": found.left_alone,
        }
        for hosts, found in figures.items()
    ]
    report = {"quarters": rows, "ceiling": asdict(simulate_ceiling(given.quarters, given.seed))}
    if given.format == "json":
        print(json.dumps(report, indent=1))
    else:
        print("\n".join(map(str, [*rows, report["ceiling"]])))


if __name__ == "__main__":
    main()
