"""Error rates and search cost of comparisons, by simulation.

Run: python -m benchmarks.regression.simulation [--repetitions 1000] [--place aws|local] [--output FILE] [--chart FILE]

Prints, for duets with the defaults of AWS and of this machine: how often each change is called
what, and the invocations it took beside those of a fixed-size test that knows the variance. For
documents: false alarms over six configurations and all metrics.
"""

from __future__ import annotations

import argparse
import json
import math
import threading
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.regression.chart import draw
from benchmarks.regression.noise import CONFIGURATION, NoisyPairs
from tuner.api.comparing.duet import INVOCATIONS, LOCAL_INVOCATIONS, LOCAL_RUNS, RUNS
from tuner.aws.duet import PAIRS_PER_LOOK
from tuner.comparison.configuration_findings import judge_configurations
from tuner.comparison.duets.plan import DuetPlan
from tuner.comparison.duets.run import run_duet
from tuner.comparison.question import Metric, Question
from tuner.comparison.result_pairs import ConfigurationPair
from tuner.comparison.run_series import RunSeries
from tuner.comparison.verdicts import Verdict, overall_verdict
from tuner.model import Architecture, Configuration
from tuner.pricing.price_list import price_list

PRICES = price_list("us-east-1")
THRESHOLD = 0.05
Z95 = 1.6449
"""Quantile of the normal distribution: error and miss of the fixed-size test are 5% each, as the duet's are."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a duet is measured, and its defaults there.

    Attributes:
        runs: in each environment; the first is cold.
        step: pairs between two looks at least.
        max_invocations: of both versions together.
    """

    runs: int
    step: int
    max_invocations: int


PLACES = {
    "aws": Place(RUNS, PAIRS_PER_LOOK, INVOCATIONS),
    "local": Place(LOCAL_RUNS, 1, LOCAL_INVOCATIONS),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of duet.

    Attributes:
        change: true change of the duration; with `everything` that of init and memory as well.
        question: metrics, threshold, confidence.
        max_invocations: None: the default.
        failure_share: share of runs that fail on either side.
    """

    change: float
    question: Question
    max_invocations: int | None = None
    everything: bool = False
    failure_share: float = 0.0

    @property
    def metrics(self) -> str:
        """What is asked, in a word."""
        if self.failure_share:
            return "all, 1% fail"
        if self.everything:
            return "all change"
        return "all" if len(self.question.metrics) > 1 else self.question.metrics[0].value


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the duets of one case."""

    place: str
    slowdown: float
    metrics: str
    max_invocations: int
    worse: float
    better: float
    same: float
    not_decided: float
    found_within_100: float
    mean_invocations: float
    p95_invocations: float
    fixed_invocations: float | None

    @property
    def ratio(self) -> float | None:
        """Invocations beside the fixed-size test's."""
        return None if self.fixed_invocations is None else self.mean_invocations / self.fixed_invocations


def duets(name: str, case: Case, repetitions: int) -> Row:
    """Run many duets of one case."""
    place = PLACES[name]
    budget = case.max_invocations or place.max_invocations
    plan = DuetPlan(CONFIGURATION, place.runs, max_invocations=budget, step=place.step, may_widen=name == "aws")
    verdicts: Counter[Verdict] = Counter()
    took: list[int] = []
    early = 0
    for seed in range(repetitions):
        found = run_duet(
            NoisyPairs(
                case.change,
                np.random.default_rng([seed, round(1e4 * (1 + case.change))]),
                runs_per_environment=place.runs,
                everything=case.everything,
                failure_share=case.failure_share,
            ),
            plan, case.question, PRICES, names=("a", "b"), stop=threading.Event(), clock=lambda: 0.0,
        )  # fmt: skip
        verdicts[found.verdict] += 1
        took.append(found.invocations or 0)
        early += found.verdict is Verdict.WORSE and took[-1] <= 100
    shares = {verdict: verdicts[verdict] / repetitions for verdict in Verdict}
    return Row(
        name,
        case.change,
        case.metrics,
        budget,
        shares[Verdict.WORSE],
        shares[Verdict.BETTER],
        shares[Verdict.SAME],
        shares[Verdict.NOT_DECIDED],
        early / repetitions,
        float(np.mean(took)),
        float(np.quantile(took, 0.95)),
        fixed_size(case.change) if name == "aws" else None,
    )


def fixed_size(slowdown: float, run_sd: float = 0.05, environment_sd: float = 0.05) -> float | None:
    """Invocations of a fixed-size z test on pairs of two runs each that knows the variance and meets no outlier."""
    gap = math.log1p(slowdown) - math.log1p(THRESHOLD)
    if gap <= 0:
        return None
    return 4 * (2 * Z95) ** 2 * 2 * (run_sd**2 + environment_sd**2) / gap**2


def documents(slowdown: float, environments: int, repetitions: int, question: Question) -> dict[str, float]:
    """Compare two results over six configurations, whose noise differs, many times."""
    verdicts: Counter[Verdict] = Counter()
    for seed in range(repetitions):
        rng = np.random.default_rng([seed, environments, round(1e4 * (1 + slowdown))])
        pairs = []
        for memory_mb in (128, 256, 512, 1024, 1536, 3008):
            noise = 0.05 * math.exp(0.5 * rng.standard_normal())
            source = NoisyPairs(slowdown, rng, noise, noise, runs_per_environment=4)
            made = [source.pair() for _ in range(environments)]
            where = Configuration(memory_mb, Architecture.X86_64)
            before = [run for pair in made for run in pair.baseline]
            after = [run for pair in made for run in pair.candidate]
            pairs.append(ConfigurationPair(where, RunSeries.of(where, before), RunSeries.of(where, after)))
        verdicts[overall_verdict(judge_configurations(pairs, PRICES, question), question)] += 1
    return {"slowdown": slowdown, "environments": environments} | {
        verdict.value: verdicts[verdict] / repetitions for verdict in Verdict
    }


def cases(name: str) -> list[Case]:
    """The cases of one place, from no change to a large one."""
    everything, duration = Question(), Question.of(THRESHOLD, 0.95, [Metric.DURATION])
    common = [
        Case(0.0, everything),
        Case(0.0, everything, failure_share=0.01),
        Case(THRESHOLD, everything, everything=True),
        Case(0.15, everything),
        *(Case(change, duration) for change in (0.0, 0.02, THRESHOLD, 0.06, 0.07, 0.1, 0.15)),
    ]
    more = [
        Case(0.15, everything, 100),
        Case(0.15, duration, 100),
        *(Case(change, duration) for change in (0.12, 0.2, 0.3)),
        *(Case(change, duration, budget) for change, budget in ((0.1, 1000), (0.08, 1600))),
    ]
    return sorted([*common, *(more if name == "aws" else [])], key=lambda case: case.change)


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--place", choices=sorted(PLACES), action="append", help="Default: both, and documents.")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--chart", type=Path)
    arguments = parser.parse_args()
    rows = []
    print("place  true change  metrics       budget  worse  better  same   open   in 100  mean   p95    fixed  ratio")
    for name in arguments.place or PLACES:
        for case in cases(name):
            row = duets(name, case, arguments.repetitions)
            rows.append(row)
            fixed = "" if row.fixed_invocations is None else f"{row.fixed_invocations:6.0f} {row.ratio:6.2f}"
            print(
                f"{name:5s}  {row.slowdown:11.0%}  {row.metrics:12s} {row.max_invocations:7d} {row.worse:6.3f} "
                f"{row.better:7.3f} {row.same:6.3f} {row.not_decided:6.3f} {row.found_within_100:7.3f} "
                f"{row.mean_invocations:6.0f} {row.p95_invocations:6.0f} {fixed}",
                flush=True,
            )
    compared = [
        documents(change, environments, arguments.repetitions, Question())
        for change in (0.0, THRESHOLD, 0.15)
        for environments in (2, 4, 8)
        if not arguments.place
    ]
    if compared:
        print("\ndocuments of six configurations, all metrics")
    for found in compared:
        print("  ".join(f"{key} {value:.3g}" for key, value in found.items()))
    if arguments.output:
        document = {"duets": [asdict(row) | {"ratio": row.ratio} for row in rows], "documents": compared}
        arguments.output.write_text(json.dumps(document, indent=1) + "\n")
    if arguments.chart:
        # The largest budget of each change: with it, what is there can be found.
        budgets = {row.slowdown: row for row in sorted(rows, key=lambda row: row.max_invocations) if _charted(row)}
        arguments.chart.write_text(draw(list(budgets.values())))


def _charted(row: Row) -> bool:
    return row.place == "aws" and row.metrics == "duration"


if __name__ == "__main__":
    main()
