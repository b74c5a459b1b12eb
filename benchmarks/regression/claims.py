"""What `tuner duet` and `tuner compare` claim, each with its bound, and how a table of cases meets it.

Reads entries; runs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.regression.exit_codes import ExitCode
from benchmarks.regression.intervals import Coverage
from benchmarks.regression.on_real_runs import OTHER_DAY, Entry

LEAST_COVERAGE, MOST_COVERAGE = 0.9, 0.99
MOST_WIDTH = 2.0
"""Of intervals of steady functions, over the former one."""

ERRORS = 2.0
"""Standard errors within which a figure beyond its bound proves nothing."""


class State(StrEnum):
    """What a figure says of a claim."""

    HOLDS = "holds"
    OPEN = "open"
    FAILS = "FAILS"


@dataclass(frozen=True, slots=True)
class Claim:
    """One bound on a figure of some case.

    Attributes:
        method: of the case; empty: any.
        case: its name, or how it begins with `any_case`.
        told: the figure in words.
        figure: reads it, with its standard error by chance; None: the entry has none.
        bound: what it is held against.
        at_most: whether the bound is the highest value; the lowest otherwise.
        any_case: whether `case` is only the beginning of names.
    """

    method: str
    case: str
    told: str
    figure: Callable[[Entry], tuple[float, float] | None]
    bound: float
    at_most: bool = False
    any_case: bool = False

    def of(self, entry: Entry) -> bool:
        """Whether it speaks of a case."""
        named = entry.case.startswith(self.case) if self.any_case else entry.case == self.case
        return named and self.method in ("", entry.method)


@dataclass(frozen=True, slots=True)
class Check:
    """A claim held against its figure.

    Attributes:
        claim: in words.
        count: comparisons, results or commands behind the figure.
        figure, error: with its standard error by chance.
        bound, at_most: see `Claim`.
    """

    claim: str
    count: int
    figure: float
    error: float
    bound: float
    at_most: bool

    @property
    def state(self) -> State:
        """Whether the figure lies within its bound, or beyond it by no more than chance explains."""
        beyond = self.figure - self.bound if self.at_most else self.bound - self.figure
        if beyond <= 0:
            return State.HOLDS
        by_chance = max(self.error, math.sqrt(max(0.0, self.bound * (1 - self.bound)) / self.count))
        return State.OPEN if beyond <= ERRORS * by_chance else State.FAILS


def _worse(entry: Entry) -> tuple[float, float]:
    return entry.worse, entry.error


def _same(entry: Entry) -> tuple[float, float]:
    return entry.same, math.sqrt(entry.same * (1 - entry.same) / entry.comparisons)


def _steady(entry: Entry) -> tuple[float, float] | None:
    if entry.steady_worse is None:
        return None
    return entry.steady_worse, math.sqrt(entry.steady_worse * (1 - entry.steady_worse) / max(1, entry.steady_total))


def _unproved(entry: Entry) -> tuple[float, float]:
    return entry.unproved / entry.comparisons, 0.0


CLAIMS = (
    Claim("", "A/A", "called worse", _worse, 0.02, at_most=True, any_case=True),
    Claim("", "sharp null x1.05", "called worse", _worse, 0.055, at_most=True, any_case=True),
    Claim("duet", "x1.15 within 100", "found where runs spread by at most 5%", _steady, 0.95),
    Claim("duet", "10% of runs x3", "called the same", _same, 0.05, at_most=True),
    Claim("duet", "10% of runs x3", "found", _worse, 0.8),
    Claim("duet", "20% of runs x3, rest x0.96", "found", _worse, 0.9),
    Claim("duet", "2% of runs x5", "called the same without proof", _unproved, 0.0, at_most=True),
    Claim("duet", "20% errors within 100", "found", _worse, 0.5),
    Claim("duet", "20% errors", "found", _worse, 0.99),
)
GAP = 0.03
"""What a duet may find less than the best test of fixed size of the same pairs."""
NAMES = {claim.case for claim in CLAIMS if not claim.any_case} | {OTHER_DAY}


def wanted(case: str) -> bool:
    """Whether any claim speaks of a case."""
    return case in NAMES or any(claim.any_case and case.startswith(claim.case) for claim in CLAIMS)


def of_entry(entry: Entry) -> Iterator[Check]:
    """The claims that speak of a case, held against it."""
    sizes = f", {entry.sizes} sizes" if entry.method == "documents" else ""
    for claim in (claim for claim in CLAIMS if claim.of(entry)):
        if found := claim.figure(entry):
            told = f"{entry.method}, {entry.case}{sizes}: {claim.told}"
            yield Check(told, entry.comparisons, *found, claim.bound, claim.at_most)
    for family, gap in entry.gap_by_family.items():
        if entry.case == "x1.15 within 100":
            told = f"{entry.method}, {entry.case}: found less than {gap.best} of fixed size, {family}"
            yield Check(told, gap.duets, gap.gap, gap.error, GAP, True)


def of_exit_codes(found: Sequence[ExitCode]) -> Iterator[Check]:
    """The exit codes."""
    for one in found:
        told = f"compare, {one.candidate} after {one.baseline}: exit code {one.expected}"
        yield Check(told, 1, float(one.right), 0.0, 1.0, False)


def of_coverage(row: Coverage) -> Iterator[Check]:
    """The intervals of one family at one number of runs. Their errors are those of the draws."""
    for metric, share in (("duration", row.duration), ("cost", row.cost)):
        error = math.sqrt(share.held * (1 - share.held) / row.results)
        told = f"interval of {metric}, {row.family}, {row.runs} runs: holds the truth"
        yield Check(told, row.results, share.held, error, LEAST_COVERAGE, False)
        yield Check(f"{told} at most", row.results, share.held, error, MOST_COVERAGE, True)
    if row.steady:
        told = f"interval of duration, {row.family}, {row.runs} runs: width of steady functions over the former one"
        yield Check(told, row.results, row.steady.over_former, row.steady.error, MOST_WIDTH, True)
