"""How often `tuner duet` and `tuner compare` are right on real runs with known changes.

Run: python -m benchmarks.regression.on_real_runs --runs FILE [FILE …] [--repetitions 200] [--format json]

Prints the shares of verdicts of each case over all families (each family weighs the same) and of the family
that is worst, with the standard error by chance.
"""

from __future__ import annotations

import argparse
import json
import math
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.regression.fixed_size import FixedSize, Gap, fixed_size, gap, shares
from benchmarks.regression.real_runs import (
    NO_CHANGE,
    TIMEOUT_FACTOR,
    Change,
    Curve,
    Floats,
    Order,
    configuration,
    invocations,
    read_curves,
    split,
)
from tuner.api.comparing.duet import INVOCATIONS, RUNS
from tuner.aws.duet import PAIRS_PER_LOOK
from tuner.comparison.configuration_findings import judge_configurations
from tuner.comparison.duets.plan import DuetPlan, EnvironmentPair
from tuner.comparison.duets.run import run_duet
from tuner.comparison.question import Metric, Question
from tuner.comparison.result_pairs import ConfigurationPair
from tuner.comparison.results import usual_drift
from tuner.comparison.run_series import RunSeries
from tuner.comparison.statistics.error_spending import EARLY_PAIRS
from tuner.comparison.verdicts import Finding, Verdict, overall_verdict
from tuner.errors import AllFailedError
from tuner.model import Configuration
from tuner.pricing.price_list import price_list
from tuner.settings import Settings

PRICES = price_list("us-east-1")
STEADY = 0.05
"""Curves whose runs spread by at most this (standard deviation of logs) count as steady."""


@dataclass(frozen=True, slots=True)
class Case:
    """One change, and how it is looked for.

    Attributes:
        moves: whether in the halves of a series that moves by itself, and so is no comparison of equals.
    """

    name: str
    change: Change = NO_CHANGE
    order: Order = Order.RANDOM
    max_invocations: int = INVOCATIONS
    moves: bool = False

    def usable(self, curves: Sequence[Curve], least: int) -> list[Curve]:
        """The curves that can be split as it asks, each half with runs enough."""
        if self.order is Order.RANDOM:
            return list(curves)
        ordered = [curve for curve in curves if len(curve.duration_ms) >= least and curve.in_order]
        if self.order is not Order.HALVES:
            return ordered
        return [curve for curve in ordered if curve.level_moves(Question().log_threshold) is self.moves]


DUETS = [
    *(Case(f"A/A {order}", order=order) for order in Order),
    Case("halves of a series that moves", order=Order.HALVES, moves=True),
    Case("sharp null x1.05", Change(1.05)),
    Case("x1.08", Change(1.08)),
    Case("x1.10", Change(1.1)),
    Case("x1.15", Change(1.15)),
    Case("x1.15 within 100", Change(1.15), max_invocations=100),
    Case("x1.20", Change(1.2)),
    Case("x1.30", Change(1.3)),
    Case("10% of runs x3", Change(slow_share=0.1, slow_factor=3.0)),
    Case("20% of runs x3, rest x0.96", Change(slow_share=0.2, slow_factor=3.0, rest_factor=0.96)),
    Case("2% of runs x5", Change(slow_share=0.02, slow_factor=5.0)),
    Case("20% errors within 100", Change(errors=0.2), max_invocations=100),
    Case("20% errors", Change(errors=0.2)),
    Case("10% timeouts", Change(timeouts=0.1)),
    Case("memory x1.3", Change(memory_factor=1.3)),
    Case("init x1.3", Change(init_factor=1.3)),
]
OTHER_DAY = "A/A other day"
LEAST_INVOCATIONS, LEAST_ORDERED = 32, 64
"""A duet takes 32 invocations; curves with fewer than 64 runs tell nothing of their order."""
SIZES = (1, 6, 10)
DOCUMENTS = [
    *(Case(f"A/A {order}", order=order) for order in Order),
    Case("sharp null x1.05", Change(1.05)),
    Case("sharp null x1.05 in halves", Change(1.05), Order.HALVES),
    Case("x1.15", Change(1.15)),
    Case("x1.30", Change(1.3)),
    Case("10% of runs x3", Change(slow_share=0.1, slow_factor=3.0)),
    Case("20% errors", Change(errors=0.2)),
]


@dataclass(slots=True)
class Row:
    """What became of one case in one family."""

    method: str
    case: str
    family: str
    sizes: int = 1
    environments: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    worse_by: Counter[str] = field(default_factory=Counter)
    steady_total: int = 0
    steady_found: int = 0
    found: list[bool] = field(default_factory=list)
    fixed: list[FixedSize] = field(default_factory=list)
    unproved: int = 0
    invocations: list[int] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Comparisons made."""
        return sum(self.verdicts.values())

    @property
    def steady_worse(self) -> float:
        """Share of "worse" where runs spread by at most `STEADY`."""
        return self.steady_found / max(1, self.steady_total)

    def share(self, verdict: Verdict) -> float:
        """Share of a verdict."""
        return self.verdicts[verdict.value] / max(1, self.total)

    def count(self, findings: Sequence[Finding], verdict: Verdict) -> None:
        """Count one comparison."""
        self.verdicts[verdict.value] += 1
        self.worse_by.update({finding.metric.value for finding in findings if finding.verdict is Verdict.WORSE})
        tail = next(finding for finding in findings if finding.metric is Metric.TAIL)
        self.unproved += verdict is Verdict.SAME and tail.verdict is not Verdict.SAME


@dataclass(slots=True)
class Pairs:
    """A `PairSource` that takes runs off those of both versions."""

    before: Floats
    after: Floats
    change: Change
    timeout_ms: float
    rng: np.random.Generator
    made: list[EnvironmentPair] = field(default_factory=list)

    def take(self, count: int, runs: int, stop: threading.Event) -> Iterator[tuple[EnvironmentPair, ...]]:
        """Make the next pairs."""
        size = count * runs
        sides = [
            invocations(ms[:size], change, label, runs, self.timeout_ms, self.rng)
            for ms, change, label in ((self.before, NO_CHANGE, "b"), (self.after, self.change, "c"))
        ]
        self.before, self.after = self.before[size:], self.after[size:]
        pairs = tuple(EnvironmentPair(b, c) for b, c in zip(*sides, strict=True))
        self.made.extend(pairs)
        yield pairs


def duet(case: Case, curve: Curve, plan: DuetPlan, rng: np.random.Generator, row: Row) -> None:
    """One duet, and beside it a fixed-size test of the warm runs of the same pairs."""
    before, after = split(curve, case.order, plan.max_invocations, rng)
    source = Pairs(before, after, case.change, TIMEOUT_FACTOR * float(np.median(curve.duration_ms)), rng)
    try:
        found = run_duet(source, plan, Question(), PRICES, names=("a", "b"), stop=threading.Event(), clock=lambda: 0.0)
    except AllFailedError:
        return
    row.count(found.findings, found.verdict)
    row.invocations.append(found.invocations or 0)
    if curve.spread <= STEADY:
        row.steady_total += 1
        row.steady_found += found.verdict is Verdict.WORSE
    if case.change.factor > 1 + Question().threshold and plan.max_pairs <= EARLY_PAIRS:
        left = plan.max_pairs - len(source.made)
        list(source.take(left, plan.runs_per_environment, threading.Event()))
        row.found.append(found.verdict is Verdict.WORSE)
        row.fixed.append(fixed_size(source.made, curve.spread))


def aws_plan(curve: Curve, max_invocations: int) -> DuetPlan:
    """The plan of a duet in AWS with its defaults."""
    where = configuration(curve)
    return DuetPlan(where, RUNS, max_invocations=max_invocations, step=PAIRS_PER_LOOK, may_widen=True)


def documents(
    case: Case, curves: Sequence[Curve], sizes: int, environments: int, rng: np.random.Generator, row: Row
) -> None:
    """Compare two results over some sizes, each a curve of the family."""
    chosen = rng.choice(len(curves), sizes, replace=sizes > len(curves))
    runs = Settings("x").runs
    pairs = []
    for number, index in enumerate(chosen):
        curve = curves[index]
        where = Configuration(128 + number, configuration(curve).architecture)
        before, after = split(curve, case.order, runs, rng)
        timeout_ms = TIMEOUT_FACTOR * float(np.median(curve.duration_ms))
        sides = [
            [run for group in invocations(ms, change, label, runs // environments, timeout_ms, rng) for run in group]
            for ms, change, label in ((before, NO_CHANGE, "b"), (after, case.change, "c"))
        ]
        pairs.append(ConfigurationPair(where, *(RunSeries.of(where, side) for side in sides)))
    findings = judge_configurations(pairs, PRICES, Question(), drift_sd=usual_drift(0.0))
    row.count(findings, overall_verdict(findings, Question()))


def other_days(curves: Sequence[Curve], repetitions: int, rng: np.random.Generator) -> Row:
    """Duets whose sides come from different days of the same function."""
    groups: dict[str, list[Curve]] = defaultdict(list)
    for curve in curves:
        if curve.other_days:
            groups[curve.other_days].append(curve)
    usable = [group for group in groups.values() if len(group) > 1]
    row = Row("duet", OTHER_DAY, usable[0][0].family if usable else "")
    plan = aws_plan(curves[0], INVOCATIONS)
    for _ in range(repetitions if usable else 0):
        group = usable[rng.integers(len(usable))]
        first, second = rng.choice(len(group), 2, replace=False)
        half = plan.max_invocations
        # `split` takes every second run of either half.
        joined = np.concatenate([rng.choice(group[i].duration_ms, 2 * half) for i in (first, second)])
        duet(Case(row.case, order=Order.HALVES), Curve(group[0].family, "", 128, joined), plan, rng, row)
    return row


def families(curves: Sequence[Curve]) -> dict[str, list[Curve]]:
    """Curves by family."""
    grouped: dict[str, list[Curve]] = defaultdict(list)
    for curve in curves:
        grouped[curve.family].append(curve)
    return dict(sorted(grouped.items()))


def run_all(
    curves: Sequence[Curve], repetitions: int, wanted: Callable[[str], bool], methods: Sequence[str], seed: int
) -> Iterator[Entry]:
    """Every case over all families."""
    grouped = families(curves)
    if "duet" in methods:
        for case in (case for case in DUETS if wanted(case.name)):
            rows = [_duets(case, family, own, repetitions, seed) for family, own in grouped.items()]
            if any(row.total for row in rows):
                yield _entry(rows)
        other = other_days(curves, repetitions, np.random.default_rng(seed)) if wanted(OTHER_DAY) else None
        if other and other.total:
            yield _entry([other])
    if "documents" in methods:
        for case in (case for case in DOCUMENTS if wanted(case.name)):
            for sizes in SIZES:
                rows = [_documents(case, family, own, sizes, repetitions, seed) for family, own in grouped.items()]
                if any(row.total for row in rows):
                    yield _entry(rows)


def _duets(case: Case, family: str, curves: Sequence[Curve], repetitions: int, seed: int) -> Row:
    rng = np.random.default_rng([seed, *case.name.encode(), *family.encode()])
    row = Row("duet", case.name, family)
    usable = case.usable(curves, LEAST_ORDERED)
    for curve in _spread_out(usable, repetitions, rng) if usable else ():
        # In order a run is used once: used again, it would be no independent one.
        given = {Order.ALTERNATING: len(curve.duration_ms), Order.HALVES: len(curve.duration_ms) // 2}
        most = given.get(case.order, case.max_invocations)
        duet(case, curve, aws_plan(curve, max(LEAST_INVOCATIONS, min(most, case.max_invocations))), rng, row)
    return row


def _spread_out(curves: Sequence[Curve], count: int, rng: np.random.Generator) -> list[Curve]:
    """So many curves: each as often as any other, as far as that goes."""
    order = [index for _ in range(math.ceil(count / len(curves))) for index in rng.permutation(len(curves))]
    return [curves[index] for index in order[:count]]


def _documents(case: Case, family: str, curves: Sequence[Curve], sizes: int, repetitions: int, seed: int) -> Row:
    rng = np.random.default_rng([seed, sizes, *case.name.encode(), *family.encode()])
    environments = Settings("x").environments
    row = Row("documents", case.name, family, sizes, environments)
    usable = case.usable(curves, LEAST_ORDERED)
    for _ in range(repetitions if usable else 0):
        documents(case, usable, sizes, environments, rng, row)
    return row


@dataclass(frozen=True, slots=True)
class Entry:
    """One case over all families, each of which weighs the same.

    Attributes:
        worse, same, better, not_decided: shares of verdicts.
        error: standard error of `worse` by chance.
        by_family: the shares of each family.
        fixed_by_family: how often each test of fixed size finds the change, see `FixedSize`.
        gap_by_family: what duets lose to the best of them.
        worse_by: how often each metric was called worse.
        unproved: comparisons called the same whose tail was not proved to be.
        steady_worse: share of "worse" where runs spread by at most 5%.
        steady_total: comparisons of those.
    """

    method: str
    case: str
    sizes: int
    comparisons: int
    worse: float
    same: float
    better: float
    not_decided: float
    error: float
    by_family: dict[str, dict[str, float]]
    fixed_by_family: dict[str, dict[str, float]]
    gap_by_family: dict[str, Gap]
    unproved: int
    worse_by: dict[str, int]
    mean_invocations: float
    steady_worse: float | None
    steady_total: int


def _entry(own: Sequence[Row]) -> Entry:
    method, case, sizes = own[0].method, own[0].case, own[0].sizes
    own = [row for row in own if row.total]
    means = {verdict: float(np.mean([row.share(verdict) for row in own])) for verdict in Verdict}
    total = sum(row.total for row in own)
    worse = means[Verdict.WORSE]
    by_family = {row.family: {verdict.value: round(row.share(verdict), 4) for verdict in Verdict} for row in own}
    steady = [row.steady_worse for row in own if row.steady_total]
    return Entry(
        method,
        case,
        sizes,
        total,
        worse,
        means[Verdict.SAME],
        means[Verdict.BETTER],
        means[Verdict.NOT_DECIDED],
        math.sqrt(worse * (1 - worse) / total),
        by_family,
        {row.family: shares(row.fixed) for row in own if row.fixed},
        {row.family: gap(row.found, row.fixed) for row in own if row.fixed},
        sum(row.unproved for row in own),
        dict(sum((row.worse_by for row in own), Counter())),
        float(np.mean([n for row in own for n in row.invocations] or [0])),
        float(np.mean(steady)) if steady else None,
        sum(row.steady_total for row in own),
    )


def main() -> None:
    """Run all cases and print their table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="Files of single runs.")
    parser.add_argument("--repetitions", type=int, default=200, help="Of each case in each family.")
    parser.add_argument("--family", action="append", help="Name of a family; may be repeated. Default: all.")
    parser.add_argument("--case", action="append", help="Part of a case's name; may be repeated. Default: all.")
    parser.add_argument("--method", choices=("duet", "documents"), action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    arguments = parser.parse_args()
    curves = [curve for path in arguments.runs for curve in read_curves(path)]
    if arguments.family:
        curves = [curve for curve in curves if curve.family in arguments.family]

    def wanted(name: str) -> bool:
        return not arguments.case or any(part in name for part in arguments.case)

    methods = arguments.method or ("duet", "documents")
    entries = []
    for entry in run_all(curves, arguments.repetitions, wanted, methods, arguments.seed):
        entries.append(entry)
        if arguments.format == "text":
            print(_line(entry), flush=True)
    if arguments.format == "json":
        document = {"repetitions": arguments.repetitions, "cases": [asdict(entry) for entry in entries]}
        print(json.dumps(document, indent=1))


def _line(entry: Entry) -> str:
    steady = "" if entry.steady_worse is None else f"  steady {entry.steady_worse:.3f}"
    fixed = "".join(
        f"\n    {name}: {g.found:.3f}, {g.best} {g.best_found:.3f}, gap {g.gap:+.3f} +- {g.error:.3f} of {g.duets}"
        for name, g in entry.gap_by_family.items()
    )
    families = "  ".join(f"{name} {s['worse']:.2f}/{s['same']:.2f}" for name, s in entry.by_family.items())
    return (
        f"{entry.method:9s} {entry.case:28s} {entry.sizes:3d}  n {entry.comparisons:5d}  worse {entry.worse:.3f} "
        f"+- {entry.error:.3f}  same {entry.same:.3f}  invocations {entry.mean_invocations:.0f}{steady}  "
        f"by {entry.worse_by}\n    worse/same {families}{fixed}"
    )


if __name__ == "__main__":
    main()
