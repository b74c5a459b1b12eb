"""`python -m benchmarks.workflow_deadlines`: how often random workflows keep to a deadline that the tool planned for.

Plans sizes for a deadline on a percentile, then runs the workflow many times with the true durations, in a
simulator that shares nothing with the planner. Curves are known exactly, or tuned from noisy runs first.
"""

from __future__ import annotations

import argparse
import heapq
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tuner.api.tuning import tune
from tuner.model import Architecture, Configuration
from tuner.pricing.price_list import DEFAULT_REGION, price_list
from tuner.settings import MemorySizes, Settings
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.curves import Curve
from tuner.simulated.noise import OUTLIER_FACTORS, SimulatedNoise
from tuner.workflows.curves import FunctionCurve, curve_from_means, curve_from_result
from tuner.workflows.flow import Exit, Flow, Map, Parallel, Pause, Retry, Step, Task, functions_of, series
from tuner.workflows.plan import Binding, Bound, Plan, plan_workflow

PRICES = price_list(DEFAULT_REGION)
PLAIN = SimulatedNoise(run_sd=0.15, environment_sd=0.0, outlier_share=0.0, init_sd=0.0, cold_factor=1.0)
"""Noise that a curve with one spread describes exactly."""
USUAL = SimulatedNoise()
"""5% between runs, 5% between environments, 2% outliers, slower first runs."""
MS_OF_SIZE = [
    128,
    160,
    192,
    256,
    320,
    384,
    448,
    512,
    640,
    768,
    896,
    1024,
    1280,
    1536,
    1769,
    2048,
    2560,
    3008,
    3538,
    4096,
]
Draw = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class Share:
    """One random workflow.

    Attributes:
        functions: how many it has.
        met: share of true executions within the deadline.
        predicted: that share as the plan says.
        binding: what bound the plan.
    """

    functions: int
    met: float
    predicted: float
    binding: Binding


def random_workflow(rng: np.random.Generator, functions: tuple[int, int]) -> tuple[Flow, dict[str, SimulatedFunction]]:
    """A workflow of so many functions, from and to: series, choices, branches, a Map, retries, a shared function."""
    names = [f"f{n}" for n in range(int(rng.integers(functions[0], functions[1] + 1)))]
    waiting = [*names, names[0]]
    steps: list[Step] = []
    while waiting:
        steps += _block(rng, waiting, len(steps))
    return _joined(steps), {name: _function(rng, name) for name in names}


def evaluate(flow: Flow, functions: Mapping[str, SimulatedFunction], plan: Plan, executions: int, seed: int) -> float:
    """Share of true executions within the deadline."""
    rng = np.random.default_rng(seed)
    assert plan.bound.deadline_ms is not None
    means = {name: functions[name].duration_ms(size) for name, size in plan.chosen.configurations.items()}

    def draw(name: str) -> float:
        noise = functions[name].noise
        tail = rng.uniform(*OUTLIER_FACTORS) if rng.random() < noise.outlier_share else 1.0
        return means[name] * tail * float(np.exp(noise.run_sd * rng.normal() + noise.environment_sd * rng.normal()))

    times = [execution_ms(flow, draw, rng) for _ in range(executions)]
    return float(np.mean(np.array(times) <= plan.bound.deadline_ms))


def execution_ms(flow: Flow, draw: Draw, rng: np.random.Generator) -> float:
    """One execution, state by state, as Step Functions would run it."""
    by_name = {step.name: step for step in flow.steps}
    here: str | None = flow.steps[0].name
    clock = 0.0
    while here is not None:
        step = by_name[here]
        clock += step.overhead_ms + _work_ms(step, draw, rng)
        for pause in step.retry.pauses_ms if step.retry else ():
            if rng.random() >= (step.retry.chance if step.retry else 0.0):
                break
            clock += pause + step.overhead_ms + _work_ms(step, draw, rng)
        way = int(np.searchsorted(np.cumsum([e.chance for e in step.exits]), rng.random(), side="right"))
        here = step.exits[min(way, len(step.exits) - 1)].target
    return clock


def measure(
    seed: int, functions: tuple[int, int] = (6, 12), *, estimated: bool, executions: int, percentile: float = 95.0
) -> Share:
    """One random workflow with a deadline in the middle of what its sizes can reach."""
    rng = np.random.default_rng(seed)
    flow, drawn = random_workflow(rng, functions)
    true = {name: replace(f, noise=USUAL if estimated else PLAIN) for name, f in drawn.items()}
    curves = {name: (_estimated(f, seed) if estimated else _exact(f)) for name, f in true.items()}
    loose = plan_workflow("random", flow, curves, Bound(deadline_ms=1e9, percentile=percentile), seed=seed)
    fastest, slowest = loose.front[0].time_ms, loose.front[-1].time_ms
    bound = Bound(deadline_ms=fastest + (slowest - fastest) * rng.uniform(0.15, 0.6), percentile=percentile)
    plan = plan_workflow("random", flow, curves, bound, seed=seed)
    met = evaluate(flow, true, plan, executions, seed + 1)
    return Share(len(functions_of(flow)), met, plan.share_met or 0.0, plan.binding)


def main(arguments: list[str] | None = None) -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workflow_deadlines", description=__doc__)
    parser.add_argument("--workflows", type=int, default=20, help="random workflows")
    parser.add_argument("--executions", type=int, default=4000, help="true executions of each")
    parser.add_argument("--estimated", action="store_true", help="tune the curves from noisy runs first")
    parser.add_argument("--percentile", type=float, default=95.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    options = parser.parse_args(arguments)
    shares = [
        measure(
            options.seed + n,
            estimated=options.estimated,
            executions=options.executions,
            percentile=options.percentile,
        )
        for n in range(options.workflows)
    ]
    met = [share.met for share in shares]
    told = {
        "workflows": len(shares),
        "estimated": options.estimated,
        "percentile": options.percentile,
        "met_mean": float(np.mean(met)),
        "met_min": min(met),
        "met_max": max(met),
        "binding": sum(share.binding is Binding.DEADLINE for share in shares),
        "met": met,
        "predicted": [share.predicted for share in shares],
    }
    if options.format == "json":
        print(json.dumps(told))
    else:
        known = "tuned" if options.estimated else "known"
        print(
            f"{len(shares)} workflows, {known} curves: a p{options.percentile:g} deadline is met in "
            f"{np.mean(met):.1%} of executions, {min(met):.1%} to {max(met):.1%} by workflow"
        )


def _block(rng: np.random.Generator, waiting: list[str], number: int) -> list[Step]:
    """The next steps of a workflow; takes their functions from those that wait."""
    kind = rng.choice(["task", "choice", "parallel", "map", "retry", "wait"], p=[0.35, 0.2, 0.2, 0.1, 0.1, 0.05])
    if kind == "wait":
        return [Step(f"wait{number}", Pause(float(rng.integers(10, 200))))]
    if kind == "map":
        counts = tuple(int(n) for n in rng.integers(2, 9, size=5))
        return [Step(f"map{number}", Map(series(_task(waiting, number)), counts, int(rng.integers(1, 5))))]
    if kind == "parallel" and len(waiting) > 3:
        branches = tuple(series(*(_task(waiting, 10 * number + n) for n in range(1 + (b == 0)))) for b in range(2))
        return [Step(f"parallel{number}", Parallel(branches))]
    if kind == "choice" and len(waiting) > 2:
        chance = float(rng.uniform(0.1, 0.9))
        first, second = _task(waiting, 10 * number), _task(waiting, 10 * number + 1)
        inner = Flow(
            (
                Step("which", Pause(), (Exit(first.name, chance), Exit(second.name, 1 - chance)), 8.0),
                replace(first, exits=(Exit(None),)),
                replace(second, exits=(Exit(None),)),
            )
        )
        return [Step(f"choice{number}", Parallel((inner,)))]
    retry = Retry(0.05, (200.0, 400.0)) if kind == "retry" else None
    return [replace(_task(waiting, number), retry=retry)]


def _joined(steps: list[Step]) -> Flow:
    return series(*(replace(step, name=f"{n}-{step.name}") for n, step in enumerate(steps)))


def _task(waiting: list[str], number: int) -> Step:
    name = waiting.pop()
    return Step(f"{name}-{number}", Task(name), overhead_ms=23.0)


def _function(rng: np.random.Generator, name: str) -> SimulatedFunction:
    """CPU work up to a knee, and a part that no size changes."""
    work_ms, knee_mb, io_ms = rng.uniform(50, 600), rng.uniform(900, 3600), rng.uniform(5, 150)
    points = {mb: float(io_ms + work_ms * 1769 / min(mb, knee_mb)) for mb in MS_OF_SIZE}
    return SimulatedFunction({Architecture.X86_64: Curve.through(points)}, name=name)


def _work_ms(step: Step, draw: Draw, rng: np.random.Generator) -> float:
    work = step.work
    if isinstance(work, Task):
        return draw(work.function)
    if isinstance(work, Pause):
        return work.duration_ms
    if isinstance(work, Parallel):
        return max(execution_ms(branch, draw, rng) for branch in work.branches)
    count = int(rng.choice(work.item_counts))
    busy = [0.0] * (work.concurrency or count)
    for _ in range(count):
        heapq.heappush(busy, heapq.heappop(busy) + execution_ms(work.body, draw, rng))
    return max(busy)


def _exact(function: SimulatedFunction) -> FunctionCurve:
    configurations = [Configuration(mb, Architecture.X86_64) for mb in MS_OF_SIZE]
    means = {c: function.duration_ms(c) * function.noise.mean_factor for c in configurations}
    return curve_from_means(function.name, means, PRICES, spread=function.noise.run_sd)


def _estimated(function: SimulatedFunction, seed: int) -> FunctionCurve:
    """What a usual run of the tuner comes to."""
    low, high = function.bounds_mb
    settings = Settings(function.name, memory=MemorySizes(low_mb=low, high_mb=high), seed=seed)
    backend = SimulatedBackend(function, seed=zlib.crc32(f"{function.name}/{seed}".encode()))
    result = tune(settings, backend=backend, prices=lambda region: PRICES, clock=lambda: 0.0)
    return curve_from_result(result.document, seed=zlib.crc32(function.name.encode()))


if __name__ == "__main__":
    main()
