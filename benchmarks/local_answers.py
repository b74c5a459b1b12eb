"""How right the answers of the local backend are: eleven functions, several seeds, on an idle and on a busy machine.

`python -m benchmarks.local_answers` tunes each function with `tuner.tune`, within `--max-seconds` each. The truth is
a grid that is measured afterwards under real-time priority, which keeps other programs out. It holds the sizes that
were recommended too. Sizes take turns, run by run.

A machine is faster in some seconds than in others: memory and caches are shared with other guests of the host. And
short work takes steps: with a tenth more CPU time it may wait for a further period, and another size is the best one.
So the truth of an answer is of the speeds that its tuning met: for each of its warm runs, what a size takes in runs of
that CPU time. Small sizes need a little more CPU time, since they lose their caches between periods, and threads may
burn it above one vCPU: how much is read off a smooth curve through all sizes.

Sizes that are far from the cheapest are left out after the first environments, so that the others have more runs.

An answer is right when its cost lies within 3% of the cheapest size of the grid. The cheapest of many sizes looks
cheaper than it is, by chance of its runs and of its environments. So one half of the environments chooses it, the
other half tells what it costs, and the same the other way round. The service that one function asks has real-time
priority too, so that it answers as fast beside other programs. All of this needs the permission to use real-time
priority (root, or `ulimit -r`).
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import multiprocessing
import multiprocessing.queues
import os
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tuner
from benchmarks.local import busy_loops
from tuner.local.handler import LocalHandler, parse_handler
from tuner.local.host import max_memory_mb
from tuner.local.limits.cpu import PERIOD_S
from tuner.local.limits.governor import Governor
from tuner.local.worker.environment import ExecutionEnvironment
from tuner.model import MB_PER_VCPU, Architecture, Configuration, Sample, Trial
from tuner.pricing.price_list import DEFAULT_REGION, price_list
from tuner.search.study import Study
from tuner.settings import LocalOptions

Floats = NDArray[np.float64]

FUNCTIONS = (
    "templating",
    "graph",
    "image",
    "archive",
    "matrix",
    "products",
    "json_api",
    "pdf",
    "crypto",
    "video",
    "waiting",
)
GRID_MB = (128, 192, 256, 384, 512, 768, 1024, 1280, 1536, 1769, 2048, 2560, 3008, 3538)
FOLDER = Path(__file__).parent / "local_functions"
SPINNING = ("matrix",)
"""Functions whose threads wait for each other by asking again and again. Under real-time priority they keep each other
from the cores: at 3,008 MB a run took 85 ms in place of 16. Their truth has the highest ordinary priority."""
COST_BAR = 0.03
"""How much dearer than the cheapest size an answer may be."""
SHARE_BAR = 0.9
"""Share of answers, and of stated means, that must be right."""
SERVICE_S = 0.03
"""How long the service that `waiting` asks takes to answer."""
TRUTH_ERROR = 0.007
"""Standard error that the means of a grid may have, as a fraction, before it ends."""
LEAST_PARTS = 4
"""Environments of each size that a grid has at least."""
WHOLE_PARTS = 2
"""Environments of sizes that turn out to be far from the cheapest."""
FAR = 0.15
"""How much dearer than the cheapest such a size is."""
NEAREST, BANDWIDTH = 3, 0.03
"""Runs tell what a size takes at a CPU time as their own is close to it: on a scale of this (log units), and so many at
least."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What a size takes under real-time priority: mean of warm runs, its standard error, and cost of an invocation."""

    memory_mb: int
    runs: int
    mean_ms: float
    error_ms: float
    cost_usd: float


@dataclass(frozen=True, slots=True)
class StatedMean:
    """The 95% interval that a result states for a measured size."""

    memory_mb: int
    low_ms: float
    mean_ms: float
    high_ms: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What one tuning said."""

    function: str
    seed: int
    busy: int
    recommended_mb: int
    stated: tuple[StatedMean, ...]
    runs: int
    took_s: float
    stopped_by: str
    met: tuple[Met, ...]
    """The warm runs that it made."""


class Met(NamedTuple):
    """A warm run of a tuning, which tells how fast the machine was."""

    memory_mb: int
    cpu_ms: float


class Run(NamedTuple):
    """A warm run under real-time priority."""

    duration_ms: float
    billed_ms: float
    cpu_ms: float


Turn = Mapping[int, Run]
"""A run of each size, one after the other; later ones without the sizes that are far from the cheapest."""


@dataclass(frozen=True)
class Grid:
    """What a function takes at each size under real-time priority.

    Attributes:
        turns: of all sizes.
        parts: number of the environments that made each turn: one of every size at a time.
    """

    turns: Sequence[Turn]
    parts: Sequence[int]

    @property
    def sizes(self) -> list[int]:
        """The sizes, ascending."""
        return sorted(self.turns[0])

    @property
    def near(self) -> list[int]:
        """The sizes of the last turn, ascending."""
        return sorted(self.turns[-1])

    @property
    def error(self) -> float:
        """Standard error of a mean, as a fraction: the median of the sizes of the last turn."""
        truth = self.at(self._met)
        return statistics.median(truth[size].error_ms / truth[size].mean_ms for size in self.near)

    def contenders(self) -> list[int]:
        """Sizes that may be the cheapest, ascending."""
        truth = self.at(self._met)
        cheapest = min(one.cost_usd for one in truth.values())
        return [size for size, one in truth.items() if one.cost_usd <= cheapest * (1 + FAR)]

    def at(self, met: Sequence[Met]) -> dict[int, Truth]:
        """The truth of each size at the speeds that runs met."""
        speeds = self._speeds(met)
        return {size: self._truth(size, speeds, self._turns()) for size in self.sizes}

    def excess(self, memory_mb: int, met: Sequence[Met]) -> float:
        """How much more a size costs than the cheapest, as a fraction.

        Each half of the environments chooses the cheapest size, and the other half compares.
        """
        excesses, speeds = [], self._speeds(met)
        halves = [self._turns(half) for half in (0, 1)]
        for chooses, tells in (halves, halves[::-1]):
            cheapest = min(self.near, key=lambda size: self._truth(size, speeds, chooses).cost_usd)
            costs = (self._truth(size, speeds, tells).cost_usd for size in (memory_mb, cheapest))
            excesses.append(next(costs) / next(costs) - 1)
        return statistics.fmean(excesses)

    @property
    def _met(self) -> list[Met]:
        """The runs of its own turns that are complete."""
        whole = [turn for turn in self.turns if len(turn) == len(self.sizes)]
        return [Met(size, run.cpu_ms) for turn in whole for size, run in turn.items()]

    def _turns(self, half: int | None = None) -> list[Turn]:
        """Turns of all environments, or of one half of them."""
        return [turn for turn, part in zip(self.turns, self.parts, strict=True) if half is None or part % 2 == half]

    def _truth(self, memory_mb: int, speeds: Floats, turns: Sequence[Turn]) -> Truth:
        runs = [turn[memory_mb] for turn in turns if memory_mb in turn]
        log_cpu = np.log([run.cpu_ms for run in runs])
        log_ms = np.log([[run.duration_ms for run in runs], [run.billed_ms for run in runs]])
        slope, left = self._follows[memory_mb]
        # For each speed the runs that took its CPU time, brought to it where none took quite so much.
        asked = speeds + self._log_work([memory_mb])
        apart = np.abs(log_cpu[None, :] - asked[:, None])
        widths = np.maximum(BANDWIDTH, np.sort(apart, axis=1)[:, min(NEAREST, len(runs)) - 1])
        weights = np.exp(-0.5 * (apart / widths[:, None]) ** 2)
        weights /= weights.sum(axis=1, keepdims=True)
        brought = np.exp(log_ms[:, None, :] + slope * (asked[None, :, None] - log_cpu[None, None, :]))
        mean_ms, billed_ms = (weights * brought).sum(axis=2).mean(axis=1).tolist()
        often = weights.mean(axis=0)
        cost_usd = price_list(DEFAULT_REGION).invocation_cost(Configuration(memory_mb, Architecture.X86_64), billed_ms)
        error = math.hypot(left * math.sqrt(float((often**2).sum())), slope * self._more_work[1])
        return Truth(memory_mb, len(runs), mean_ms, mean_ms * error, cost_usd)

    def _speeds(self, met: Sequence[Met]) -> Floats:
        """CPU times of runs, as they would have been at one vCPU, log units."""
        return np.asarray(np.log([run.cpu_ms for run in met]) - self._log_work([run.memory_mb for run in met]))

    def _log_work(self, sizes: Sequence[int]) -> Floats:
        """CPU time at sizes over that at one vCPU, log units."""
        fitted = self._more_work[0]
        return np.asarray(_shape(sizes, len(self.sizes)) @ fitted - fitted[0])

    @cached_property
    def _more_work(self) -> tuple[Floats, float]:
        """Coefficients of the CPU time at each size, log units, from the complete turns, and its error."""
        sizes = self.sizes
        whole = [turn for turn in self.turns if len(turn) == len(sizes)]
        logs = np.log([[turn[size].cpu_ms for size in sizes] for turn in whole])
        # Medians beside the median of their turns: the machine is far slower in a few of them.
        logs = np.median(logs - np.median(logs, axis=1, keepdims=True), axis=0)
        shape = _shape(sizes, len(sizes))
        fitted = np.linalg.lstsq(shape, logs)[0]
        free = len(sizes) - np.linalg.matrix_rank(shape)
        variance = float(((logs - shape @ fitted) ** 2).sum()) / max(1, free)
        return fitted, math.sqrt(variance * (len(sizes) - free) / len(sizes))

    @cached_property
    def _follows(self) -> dict[int, tuple[float, float]]:
        """Slope of duration against CPU time of the runs of a size (log units, 0 to 1), and the spread that is left."""
        found = {}
        for size in self.sizes:
            runs = [turn[size] for turn in self.turns if size in turn]
            x, y = np.log([(run.cpu_ms, run.duration_ms) for run in runs]).T
            x, y = x - x.mean(), y - y.mean()
            slope = min(1.0, max(0.0, float(x @ y) / max(float(x @ x), 1e-12)))
            found[size] = slope, float(np.std(y - slope * x))
        return found


def _shape(sizes: Sequence[int], known: int) -> Floats:
    """What the CPU time of a size may follow: how often it is stopped, log memory, and a step above one vCPU.

    As many terms as a grid of so many sizes can tell.
    """
    x = np.log(np.array(sizes) / MB_PER_VCPU)
    terms = np.stack([np.ones(len(x)), np.maximum(0, np.expm1(-x)), x > 0, np.minimum(0, x)], axis=1)
    return np.asarray(terms[:, : max(1, min(4, known - 2))])


@dataclass(frozen=True, slots=True)
class Judgement:
    """An answer against the truth.

    Attributes:
        excess: cost of the recommended size above the cheapest of the grid, as a fraction.
        held: how many of the stated means hold the true one within their interval, give or take two of its errors.
        stated: how many means it states at sizes of the grid.
    """

    answer: Answer
    excess: float
    held: int
    stated: int

    @property
    def right(self) -> bool:
        """Whether the answer costs no more than the bar allows."""
        return self.excess <= COST_BAR


class WarmRuns:
    """Watches a tuning, and keeps the CPU times of its warm runs."""

    def __init__(self) -> None:
        self.met: list[Met] = []

    def asked(self, study: Study, trials: Sequence[Trial]) -> None:
        """Nothing is kept of that."""

    def told(self, study: Study, sample: Sample) -> None:
        """Keep the runs of a sample."""
        self.met += [
            Met(sample.configuration.memory_mb, run.cpu_ms)
            for run in sample.invocations
            if run.usable and not run.cold and run.cpu_ms
        ]


def tune(function: str, *, seed: int, busy: int, max_seconds: float, url: str) -> Answer:
    """Tune one function, beside as many endless loops as asked for."""
    began = time.monotonic()
    runs = WarmRuns()
    with busy_loops(busy):
        result = tuner.tune(
            target_of(function), {}, seed=seed, max_seconds=max_seconds, env={"URL": url}, observers=[runs]
        )
    recommended = result.recommendation
    assert recommended is not None, f"{function}: no usable run"
    stated = tuple(
        StatedMean(one.memory_mb, one.duration_ms.low, one.duration_ms.mean, one.duration_ms.high)
        for one in (*result.curve, recommended)
        if one.measured
    )
    return Answer(
        function,
        seed,
        busy,
        recommended.memory_mb,
        tuple(dict.fromkeys(stated)),
        runs=sum(one.runs for one in result.measurements),
        took_s=time.monotonic() - began,
        stopped_by=str(result.stopped_by),
        met=tuple(runs.met),
    )


def target_of(function: str) -> str:
    """The target that names a function."""
    return f"{FOLDER / function}.py:handler"


def handler_of(function: str, url: str) -> LocalHandler:
    """The function, ready to be run."""
    handler, faults = parse_handler(target_of(function), LocalOptions(environment={"URL": url}))
    assert handler is not None, faults
    return handler


def measure_truth(
    function: str, sizes: Sequence[int], recommended: Iterable[int], *, max_seconds: float, url: str
) -> Grid:
    """A careful grid: sizes take turns run by run, in environment after environment.

    It goes on until the time is up and the means are certain enough, three times as long at most. What was recommended
    stays in every turn.
    """
    handler, turns, parts, began = handler_of(function, url), list[Turn](), list[int](), time.monotonic()
    always = {MB_PER_VCPU, *recommended}

    def goes_on(part: int) -> bool:
        passed_s = time.monotonic() - began
        certain = passed_s > max_seconds and Grid(turns, parts).error <= TRUTH_ERROR
        return part < LEAST_PARTS or (not certain and passed_s < 3 * max_seconds)

    with first_priority(function), Governor() as governor:
        for part in itertools.takewhile(goes_on, itertools.count()):
            near = sorted(sizes if part < WHOLE_PARTS else always.union(Grid(turns, parts).contenders()))
            with ExitStack() as stack:
                workers = {
                    size: stack.enter_context(ExecutionEnvironment(handler.spec(size), governor)) for size in near
                }
                for worker in workers.values():
                    worker.invoke(b"{}")
                part_ends_at, least = time.monotonic() + max_seconds / 4, len(turns) + 2
                while len(turns) < least or time.monotonic() < part_ends_at:
                    # Sizes of one speed are far apart in a turn, so that they tell of all of it.
                    step = next(step for step in (7, 5, 3, 1) if math.gcd(step, len(near)) == 1)
                    order = sorted(near, key=lambda size: (near.index(size) * step + len(turns)) % len(near))
                    turns.append({size: run_of(workers[size]) for size in order})
                    parts.append(part)
                    time.sleep(PERIOD_S)  # the last size may be the next one: it would find its quota used up
    return Grid(turns, parts)


def run_of(worker: ExecutionEnvironment) -> Run:
    """A warm run, which must not fail."""
    made = worker.invoke(b"{}")
    assert made.error is None, made.error
    assert made.cpu_ms is not None
    return Run(made.duration_ms, float(made.billed_duration_ms), made.cpu_ms)


def first_priority(function: str) -> AbstractContextManager[None]:
    """Be served before every other program, in a way that leaves the function as it is."""
    return high_priority() if function in SPINNING else real_time_priority()


@contextmanager
def high_priority() -> Iterator[None]:
    """The highest ordinary priority, which what is started meanwhile has too.

    Raises:
        SystemExit: this user may not.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    except PermissionError:
        raise SystemExit("the truth needs a high priority: run as root, or raise `ulimit -e`") from None
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


@contextmanager
def real_time_priority() -> Iterator[None]:
    """Be served before every other program, and so is what is started meanwhile.

    Raises:
        SystemExit: this user may not.
    """
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        raise SystemExit("the truth needs real-time priority: run as root, or raise `ulimit -r`") from None
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def judge(answer: Answer, grid: Grid) -> Judgement:
    """How far an answer is from the cheapest size, and which of its means hold, at the speeds that it met."""
    truth = grid.at(answer.met)
    both = [(mean, truth[mean.memory_mb]) for mean in answer.stated if mean.memory_mb in truth]
    held = sum(m.low_ms - 2 * real.error_ms <= real.mean_ms <= m.high_ms + 2 * real.error_ms for m, real in both)
    return Judgement(answer, grid.excess(answer.recommended_mb, answer.met), held, len(both))


@contextmanager
def service() -> Iterator[str]:
    """A service on this machine that answers after a while, whatever else runs; gives its address."""
    ports: multiprocessing.queues.Queue[int] = multiprocessing.get_context("spawn").Queue()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(ports,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ports.get(timeout=60)}/"
    finally:
        process.terminate()
        process.join()


def serve(ports: multiprocessing.queues.Queue[int]) -> None:
    """Answer every request after `SERVICE_S`, with real-time priority; puts its port into the queue."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(SERVICE_S)
            body = b'{"value": 1}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    with real_time_priority(), ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        ports.put(server.server_port)
        server.serve_forever()


def judge_function(function: str, options: argparse.Namespace, url: str) -> tuple[list[Judgement], Grid]:
    """Tune a function with every seed and load, then measure the truth."""
    answers = []
    for seed in range(options.seeds):
        for busy in options.busy:
            answers.append(tune(function, seed=seed, busy=busy, max_seconds=options.max_seconds, url=url))
            print(f"# {sentence(answers[-1])}", file=sys.stderr, flush=True)
    usual = {size for size in GRID_MB if size <= max_memory_mb()}
    recommended = {answer.recommended_mb for answer in answers}
    sizes = sorted(usual | recommended)
    grid = measure_truth(function, sizes, recommended, max_seconds=options.truth_seconds, url=url)
    return [judge(answer, grid) for answer in answers], grid


def sentence(answer: Answer) -> str:
    """An answer on one line."""
    return (
        f"{answer.function} seed {answer.seed} busy {answer.busy}: {answer.recommended_mb} MB, "
        f"{answer.runs} runs in {answer.took_s:.0f} s, {answer.stopped_by}"
    )


def table(judgements: Sequence[Judgement]) -> str:
    """The answers to read, one a line, and what part of them is right."""
    lines = ["function     seed  busy  recommended   excess   means held   runs   took"]
    for one in judgements:
        answer = one.answer
        lines.append(
            f"{answer.function:11} {answer.seed:5d} {answer.busy:5d} {answer.recommended_mb:9d} MB {one.excess:+8.1%} "
            f"{one.held:7d}/{one.stated:<4d} {answer.runs:6d} {answer.took_s:4.0f} s"
        )
    for busy in sorted({one.answer.busy for one in judgements}):
        these = [one for one in judgements if one.answer.busy == busy]
        right, held = shares(these)
        lines.append(
            f"{busy} busy loops: {right:.0%} of {len(these)} answers within {COST_BAR:.0%}, "
            f"{held:.0%} of stated means held"
        )
    return "\n".join(lines)


def shares(judgements: Sequence[Judgement]) -> tuple[float, float]:
    """Share of right answers, and share of stated means that hold."""
    stated = sum(one.stated for one in judgements)
    return sum(one.right for one in judgements) / len(judgements), sum(one.held for one in judgements) / stated


def document(judgements: Sequence[Judgement], grids: Mapping[str, Grid]) -> dict[str, object]:
    """Everything, for JSON."""
    right, held = shares(judgements)
    return {
        "bars": {"cost": right >= SHARE_BAR, "means": held >= SHARE_BAR},
        "right": right,
        "held": held,
        "judgements": [asdict(one) for one in judgements],
        "truth": {function: asdict(grid) for function, grid in grids.items()},
    }


def kept(document: Mapping[str, Any]) -> tuple[list[Judgement], dict[str, Grid]]:
    """What a document of an earlier run says, judged anew, and its grids."""
    grids = {
        function: Grid([{int(size): Run(*run) for size, run in turn.items()} for turn in grid["turns"]], grid["parts"])
        for function, grid in document["truth"].items()
    }
    answers = []
    for judgement in document["judgements"]:
        answer = judgement["answer"]
        stated = tuple(StatedMean(**mean) for mean in answer["stated"])
        met = tuple(Met(*run) for run in answer["met"])
        answers.append(Answer(**{**answer, "stated": stated, "met": met}))
    return [judge(answer, grids[answer.function]) for answer in answers], grids


def main() -> None:
    """Print the answers and the truth; exits with 1 when a bar does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local_answers", description=__doc__)
    parser.add_argument("--function", action="append", choices=FUNCTIONS, help="may be repeated (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="tunings of each function and load (default 5)")
    parser.add_argument("--busy", type=int, action="append", metavar="N", help="endless loops beside; may be repeated")
    parser.add_argument("--max-seconds", type=float, default=60.0, help="time of a tuning (default 60)")
    parser.add_argument("--truth-seconds", type=float, default=60.0, help="time of a grid (default 60)")
    parser.add_argument("--json", metavar="FILE", help="also write everything there")
    parser.add_argument(
        "--judge", nargs="+", type=Path, metavar="FILE", help="judge what such files keep, measure nothing"
    )
    options = parser.parse_args()
    options.busy = options.busy or [0, 2]
    judgements: list[Judgement] = []
    grids: dict[str, Grid] = {}
    if options.judge:
        for path in options.judge:
            judged, own = kept(json.loads(path.read_text("utf-8")))
            judgements += judged
            grids |= own
    else:
        with service() as url:
            for function in options.function or FUNCTIONS:
                judged, grids[function] = judge_function(function, options, url)
                judgements += judged
    print(table(judgements))
    if options.json:
        Path(options.json).write_text(json.dumps(document(judgements, grids), indent=2))
    if min(shares(judgements)) < SHARE_BAR:
        sys.exit("a bar does not hold")


if __name__ == "__main__":
    main()
