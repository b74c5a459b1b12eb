"""Error rates and search cost of comparisons, by simulation.

Run: python -m benchmarks.regression.simulation [--repetitions 1000] [--output FILE] [--chart FILE]

Prints, for duets: how often each change is called what, and the invocations it took beside
those of a fixed-size test that knows the variance. For documents: false alarms over six
configurations and all metrics.
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
from tuner.compare import Pair, judge_pairs
from tuner.duet import DuetPlan, run_duet
from tuner.figures import Series
from tuner.model import Architecture, Configuration
from tuner.pricing import price_list
from tuner.verdicts import Metric, Question, Verdict, overall_verdict

PRICES = price_list("us-east-1")
THRESHOLD = 0.05
Z95 = 1.6449
"""Quantile of the normal distribution: error and miss of the fixed-size test are 5% each, as the duet's are."""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the duets with one true change."""

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


def duets(slowdown: float, question: Question, max_invocations: int, repetitions: int) -> Row:
    """Run many duets of one true change."""
    plan = DuetPlan(CONFIGURATION, max_invocations=max_invocations)
    verdicts: Counter[Verdict] = Counter()
    took: list[int] = []
    early = 0
    for seed in range(repetitions):
        found = run_duet(
            NoisyPairs(slowdown, np.random.default_rng([seed, round(1e4 * (1 + slowdown))])),
            plan, question, PRICES, names=("a", "b"), stop=threading.Event(), clock=lambda: 0.0,
        )  # fmt: skip
        verdicts[found.verdict] += 1
        took.append(found.invocations or 0)
        early += found.verdict is Verdict.WORSE and took[-1] <= 100
    shares = {verdict: verdicts[verdict] / repetitions for verdict in Verdict}
    return Row(
        slowdown,
        "all" if len(question.metrics) > 1 else question.metrics[0].value,
        max_invocations,
        shares[Verdict.WORSE],
        shares[Verdict.BETTER],
        shares[Verdict.SAME],
        shares[Verdict.NOT_DECIDED],
        early / repetitions,
        float(np.mean(took)),
        float(np.quantile(took, 0.95)),
        fixed_size(slowdown),
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
            pairs.append(Pair(where, Series.of(where, before), Series.of(where, after)))
        verdicts[overall_verdict(judge_pairs(pairs, PRICES, question), question)] += 1
    return {"slowdown": slowdown, "environments": environments} | {
        verdict.value: verdicts[verdict] / repetitions for verdict in Verdict
    }


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--chart", type=Path)
    arguments = parser.parse_args()
    everything, duration = Question(), Question.of(THRESHOLD, 0.95, [Metric.DURATION])
    rows = []
    print("true change  metrics   budget  worse  better  same   open   in 100  mean   p95    fixed  ratio")
    cases = [(change, everything, 400) for change in (0.0, 0.15)]
    cases += [(change, duration, 400) for change in (0.0, 0.02, 0.05, 0.12, 0.15, 0.2, 0.3)]
    cases += [(0.15, everything, 100), (0.15, duration, 100)]
    cases += [(0.1, duration, 1000), (0.08, duration, 1600)]
    for change, question, budget in cases:
        row = duets(change, question, budget, arguments.repetitions)
        rows.append(row)
        fixed = "" if row.fixed_invocations is None else f"{row.fixed_invocations:6.0f} {row.ratio:6.2f}"
        print(
            f"{change:11.0%}  {row.metrics:8s} {budget:7d} {row.worse:6.3f} {row.better:7.3f} {row.same:6.3f} "
            f"{row.not_decided:6.3f} {row.found_within_100:7.3f} {row.mean_invocations:6.0f} "
            f"{row.p95_invocations:6.0f} {fixed}",
            flush=True,
        )
    compared = [
        documents(change, environments, arguments.repetitions // 2, everything)
        for change in (0.0, 0.05, 0.15)
        for environments in (2, 4, 8)
    ]
    print("\ndocuments of six configurations, all metrics")
    for found in compared:
        print("  ".join(f"{name} {value:.3g}" for name, value in found.items()))
    if arguments.output:
        document = {"duets": [asdict(row) | {"ratio": row.ratio} for row in rows], "documents": compared}
        arguments.output.write_text(json.dumps(document, indent=1) + "\n")
    if arguments.chart:
        arguments.chart.write_text(
            draw([row for row in rows if row.metrics == "duration" and row.max_invocations != 100])
        )


if __name__ == "__main__":
    main()
