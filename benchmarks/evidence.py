"""What past runs at one or a few sizes tell: `python -m benchmarks.evidence --curves FILE … [--sizes MB,MB] [--cpu]`.

Each curve is taken for a function that ran 100 times at each of the given sizes, the last of which is in
use. What is predicted of all other sizes is held against the truth.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from tuner.evidence.prediction import WORTH_CHANGING, predict
from tuner.model import MB_PER_VCPU, Configuration, Invocation, Objective, Sample, SearchSpace, Trial
from tuner.pricing.price_list import DEFAULT_REGION, price_list
from tuner.search.space import memory_nodes
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.cpu_time import cpu_time_ms
from tuner.simulated.curve_file import CurveRecord, decode_records, single_functions
from tuner.simulated.curves import TruthKind
from tuner.simulated.quality import family_weights, weighted_quantile
from tuner.simulated.truth import truth_of

ENVIRONMENTS, RUNS = 10, 10
"""100 runs at each size, one cold start in each of ten environments."""
COUNTER_SD = 0.06
"""Error of the CPU time of a function, log units (published counters)."""
PRICES = price_list(DEFAULT_REGION)
OBJECTIVE = Objective()


@dataclass(frozen=True, slots=True)
class Case:
    """A function, the sizes that it ran at, and whether its CPU time is known."""

    function: SimulatedFunction
    sizes_mb: tuple[int, ...]
    cpu: bool
    seed: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What was predicted of one function; all are fractions.

    Attributes:
        family: of the function.
        regret: of the size that is believed to be best, whether or not it is recommended.
        staying_regret: of the size in use.
        coverage: share of the 95% intervals of mean cost that hold the truth.
        recommended: whether a size is recommended.
        recommended_regret: regret of what is recommended, or of the size in use where nothing is.
        saving: true saving of what is recommended over the size in use.
    """

    family: str
    regret: float
    staying_regret: float
    coverage: float
    recommended: bool
    recommended_regret: float
    saving: float


@dataclass(frozen=True, slots=True)
class EvidenceQuality:
    """Averages over functions, families weighed by the square root of their size; all are fractions.

    Attributes:
        functions: how many.
        regret_mean, regret_p90: of the size that is believed to be best.
        staying_regret_mean: of the size in use.
        policy_regret_mean: of following the recommendations, and staying where there is none.
        coverage: of the 95% intervals of mean cost.
        recommended_share: share of the functions with a recommendation.
        right_share: of those, the share that saves more than 5%; None without any.
        harmful_share: of those, the share that costs more than 5% more; None without any.
    """

    functions: int
    regret_mean: float
    regret_p90: float
    staying_regret_mean: float
    policy_regret_mean: float
    coverage: float
    recommended_share: float
    right_share: float | None
    harmful_share: float | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print the averages."""
    options = _parser().parse_args(arguments)
    records: list[CurveRecord] = []
    for path in options.curves:
        decoded, faults = decode_records(json.loads(path.read_text("utf-8")))
        records += decoded
        for fault in faults:
            print(f"left out: {fault}", file=sys.stderr)
    sizes = tuple(int(size) for size in options.sizes.split(","))
    functions = single_functions(records, TruthKind(options.truth))
    cases = [Case(f, sizes, options.cpu, seed) for seed in range(options.seeds) for f in functions]
    if options.processes == 1:
        answers = list(map(answer, cases))
    else:
        with ProcessPoolExecutor(options.processes) as pool:
            answers = list(pool.map(answer, cases, chunksize=4))
    found = asdict(evidence_quality(answers))
    if options.format == "json":
        print(json.dumps(found, indent=1))
        return
    for name, value in found.items():
        print(f"{name:<20} {'-' if value is None else value if name == 'functions' else format(value, '.2%')}")


def answer(case: Case) -> Answer:
    """Predict all sizes of one function, and hold that against the truth."""
    function = case.function
    architecture = next(iter(function.curves))
    low, high = function.bounds_mb
    seen = [Configuration(min(max(size, low), high), architecture) for size in case.sizes_mb]
    samples = past_runs(function, dict.fromkeys(seen), case)
    space = SearchSpace(tuple(memory_nodes(low, high, [c.memory_mb for c in seen])), (architecture,))
    found = predict(samples, space, seen[-1], OBJECTIVE, PRICES, seed=case.seed)
    assert found is not None, f"nothing is believed of {function.name}"
    truth = truth_of(function, OBJECTIVE, PRICES)
    position = [truth.index(candidate) for candidate in found.belief.candidates]
    bottom, top = np.quantile(found.belief.cost_usd, (0.025, 0.975), axis=0)
    true = truth.cost_usd[position]
    followed = found.recommended or seen[-1]
    return Answer(
        family=function.family,
        regret=truth.regret(found.best),
        staying_regret=truth.regret(seen[-1]),
        coverage=float(((bottom <= true) & (true <= top)).mean()),
        recommended=found.recommended is not None,
        recommended_regret=truth.regret(followed),
        saving=float(1 - truth.value[truth.index(followed)] / truth.value[truth.index(seen[-1])]),
    )


def evidence_quality(answers: Sequence[Answer]) -> EvidenceQuality:
    """Averages over answers (at least one)."""
    weights = family_weights([a.family for a in answers])
    regrets = np.array([a.regret for a in answers])
    staying = np.array([a.staying_regret for a in answers])
    made = np.array([a.recommended for a in answers])
    saving = np.array([a.saving for a in answers])

    def share(of: np.ndarray) -> float | None:
        return float(np.average(of[made], weights=weights[made])) if made.any() else None

    return EvidenceQuality(
        functions=len(answers),
        regret_mean=float(np.average(regrets, weights=weights)),
        regret_p90=weighted_quantile(regrets, weights, 0.9),
        staying_regret_mean=float(np.average(staying, weights=weights)),
        policy_regret_mean=float(np.average([a.recommended_regret for a in answers], weights=weights)),
        coverage=float(np.average([a.coverage for a in answers], weights=weights)),
        recommended_share=float(np.average(made, weights=weights)),
        right_share=share(saving > WORTH_CHANGING),
        harmful_share=share(saving < -WORTH_CHANGING),
    )


def past_runs(function: SimulatedFunction, seen: dict[Configuration, None], case: Case) -> list[Sample]:
    """100 runs at each size, with the CPU time of each run where it is known."""
    seed = zlib.crc32(f"{function.name}/{case.seed}".encode())
    trials = [Trial(number, configuration, ENVIRONMENTS, RUNS) for number, configuration in enumerate(seen)]
    samples = list(SimulatedBackend(function, seed=seed).measure(trials, threading.Event()))
    if not case.cpu:
        return samples
    error = float(np.exp(COUNTER_SD * np.random.default_rng(seed).standard_normal()))
    return [_with_cpu_time(sample, function, error) for sample in samples]


def _with_cpu_time(sample: Sample, function: SimulatedFunction, error: float) -> Sample:
    """Runs that were slower for the noise used as much more CPU time, and none more than its share allows."""
    curve_ms = function.duration_ms(sample.configuration)
    most_ms = curve_ms * sample.configuration.memory_mb / MB_PER_VCPU
    cpu_ms = error * min(cpu_time_ms(function.curves[sample.configuration.architecture]), most_ms)

    def run(invocation: Invocation) -> Invocation:
        slower = (invocation.duration_ms or curve_ms) / curve_ms
        return replace(invocation, cpu_ms=cpu_ms * slower)

    return replace(sample, invocations=tuple(map(run, sample.invocations)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence", description=__doc__)
    add = parser.add_argument
    add("--curves", type=Path, nargs="+", required=True, metavar="FILE", help="JSON files of published curves")
    add("--sizes", default="512", metavar="MB,…", help="sizes that ran, the one in use last (default 512)")
    add("--cpu", action="store_true", help="the CPU time of the runs is known")
    add("--seeds", type=int, default=1, help="histories of each function (default 1)")
    add("--truth", choices=list(TruthKind), default=TruthKind.SMOOTHED, help="how points become the truth")
    add("--processes", type=int, default=min(2, os.cpu_count() or 1), help="functions at once (default 2)")
    add("--format", choices=["text", "json"], default="text")
    return parser


if __name__ == "__main__":
    main()
