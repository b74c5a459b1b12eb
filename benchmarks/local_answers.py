"""How right the answers of the local backend are: ten functions, several seeds, on an idle and on a busy machine.

`python -m benchmarks.local_answers` tunes each function with `tuner.tune`, within `--max-seconds` each. The truth is
a grid that is measured afterwards under real-time priority, which keeps other programs out. It holds the sizes that
were recommended too. Sizes take turns, run by run.

A machine is faster in some seconds than in others: memory and caches are shared with other guests of the host. And
short work takes steps: with a tenth more CPU time it may wait for a further period, and another size is the best one.
So a probe, the same function at one vCPU under real-time priority, runs twice a second beside each tuning. The truth
of an answer is the mean over the runs of its probe of what a size takes in runs of that CPU time. Small sizes need a
little more CPU time, since they lose their caches between periods: how much is read off a smooth curve through all
sizes.

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
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tuner
from benchmarks.local import busy_loops
from tuner.local.handler import LocalHandler, parse_handler
from tuner.local.host import max_memory_mb
from tuner.local.limits.governor import Governor
from tuner.local.worker.environment import ExecutionEnvironment
from tuner.model import MB_PER_VCPU, Architecture, Configuration
from tuner.pricing.price_list import DEFAULT_REGION, price_list
from tuner.settings import LocalOptions

FUNCTIONS = ("templating", "graph", "image", "archive", "matrix", "json_api", "pdf", "crypto", "video", "waiting")
GRID_MB = (128, 192, 256, 384, 512, 768, 1024, 1280, 1536, 1769, 2048, 2560, 3008, 3538)
FOLDER = Path(__file__).parent / "local_functions"
COST_BAR = 0.03
"""How much dearer than the cheapest size an answer may be."""
SHARE_BAR = 0.9
"""Share of answers, and of stated means, that must be right."""
SERVICE_S = 0.03
"""How long the service that `waiting` asks takes to answer."""
TRUTH_ERROR = 0.01
"""Standard error that the means of a grid may have, as a fraction, before it ends."""
LEAST_PARTS = 4
"""Environments of each size that a grid has at least."""
NEAREST = 3
"""Runs that tell what a size takes at the CPU time of one run of the probe."""
PROBE_EVERY_S = 0.5
"""Pause between the runs that tell the machine's speed."""


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
    probed_ms: tuple[float, ...]
    """CPU times of the probe that ran beside it."""


class Run(NamedTuple):
    """A warm run under real-time priority."""

    duration_ms: float
    billed_ms: float
    cpu_ms: float


Turn = Mapping[int, Run]
"""A run of each size, one after the other."""


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
    def error(self) -> float:
        """Standard error of a mean, as a fraction: the median of the sizes."""
        truth = self.at([turn[MB_PER_VCPU].cpu_ms for turn in self.turns]).values()
        return statistics.median(one.error_ms / one.mean_ms for one in truth)

    def at(self, probed_ms: Sequence[float]) -> dict[int, Truth]:
        """The truth of each size for the CPU times that a probe took."""
        return {size: self._truth(size, probed_ms, self.turns) for size in self.sizes}

    def excess(self, memory_mb: int, probed_ms: Sequence[float]) -> float:
        """How much more a size costs than the cheapest, as a fraction.

        Each half of the environments chooses the cheapest size, and the other half compares.
        """
        halves = [[t for t, part in zip(self.turns, self.parts, strict=True) if part % 2 == half] for half in (0, 1)]
        excesses = []
        for chooses, tells in (halves, halves[::-1]):
            cheapest = min(self.sizes, key=lambda size: self._truth(size, probed_ms, chooses).cost_usd)
            costs = (self._truth(size, probed_ms, tells).cost_usd for size in (memory_mb, cheapest))
            excesses.append(next(costs) / next(costs) - 1)
        return statistics.fmean(excesses)

    def _truth(self, memory_mb: int, probed_ms: Sequence[float], turns: Sequence[Turn]) -> Truth:
        runs = [turn[memory_mb] for turn in turns]
        log_cpu = np.log([run.cpu_ms for run in runs])
        log_ms = np.log([[run.duration_ms for run in runs], [run.billed_ms for run in runs]])
        slope, left = self._follows[memory_mb]
        more_work, work_error = self._more_work
        # For each run of the probe the runs that took its CPU time, brought to it where none took quite so much.
        asked = np.log(probed_ms)[:, None] + math.log(more_work[memory_mb])
        nearest = np.argsort(np.abs(log_cpu[None, :] - asked), axis=1, kind="stable")[:, :NEAREST]
        found = np.exp(log_ms[:, nearest] + slope * (asked - log_cpu[nearest]))
        mean_ms, billed_ms = found.mean(axis=(1, 2)).tolist()
        often = np.bincount(nearest.ravel(), minlength=len(runs)) / nearest.size
        cost_usd = price_list(DEFAULT_REGION).invocation_cost(Configuration(memory_mb, Architecture.X86_64), billed_ms)
        error = math.hypot(left * math.sqrt(float((often**2).sum())), slope * work_error)
        return Truth(memory_mb, len(runs), mean_ms, mean_ms * error, cost_usd)

    @cached_property
    def _more_work(self) -> tuple[dict[int, float], float]:
        """CPU time at each size over that at one vCPU, by a parabola over the logarithm of memory, and its error."""
        sizes = self.sizes
        x = np.log(np.array(sizes) / MB_PER_VCPU)
        logs = np.log([[turn[size].cpu_ms for size in sizes] for turn in self.turns]).mean(axis=0)
        degree = min(2, max(0, len(sizes) - 3))
        usual = np.polynomial.Polynomial.fit(x, logs, degree)
        variance = float(((logs - usual(x)) ** 2).sum()) / max(1, len(sizes) - degree - 1)
        error = math.sqrt(variance * (degree + 1) / len(sizes))
        return dict(zip(sizes, np.exp(usual(x) - usual(0.0)).tolist(), strict=True)), error

    @cached_property
    def _follows(self) -> dict[int, tuple[float, float]]:
        """Slope of duration against CPU time of the runs of a size (log units, 0 to 1), and the spread that is left."""
        found = {}
        for size in self.sizes:
            x, y = np.log([(turn[size].cpu_ms, turn[size].duration_ms) for turn in self.turns]).T
            x, y = x - x.mean(), y - y.mean()
            slope = min(1.0, max(0.0, float(x @ y) / max(float(x @ x), 1e-12)))
            found[size] = slope, float(np.std(y - slope * x))
        return found


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


def tune(function: str, *, seed: int, busy: int, max_seconds: float, url: str) -> Answer:
    """Tune one function, beside as many endless loops as asked for."""
    began = time.monotonic()
    with busy_loops(busy), probe_of(function, url) as probed:
        result = tuner.tune(target_of(function), {}, seed=seed, max_seconds=max_seconds, env={"URL": url})
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
        probed_ms=tuple(probed),
    )


def target_of(function: str) -> str:
    """The target that names a function."""
    return f"{FOLDER / function}.py:handler"


def handler_of(function: str, url: str) -> LocalHandler:
    """The function, ready to be run."""
    handler, faults = parse_handler(target_of(function), LocalOptions(environment={"URL": url}))
    assert handler is not None, faults
    return handler


@contextmanager
def probe_of(function: str, url: str) -> Iterator[list[float]]:
    """Run the function at one vCPU under real-time priority now and then; the list gets the CPU times."""
    cpu_ms: list[float] = []
    with ExitStack() as stack:
        with real_time_priority():
            governor = stack.enter_context(Governor())
            worker = stack.enter_context(ExecutionEnvironment(handler_of(function, url).spec(MB_PER_VCPU), governor))
            worker.invoke(b"{}")
        ended = threading.Event()

        def go_on() -> None:
            while not cpu_ms or not ended.wait(PROBE_EVERY_S):
                cpu_ms.append(worker.invoke(b"{}").cpu_ms or 0.0)

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield cpu_ms
        finally:
            ended.set()
            thread.join()


def measure_truth(function: str, sizes: Sequence[int], *, max_seconds: float, url: str) -> Grid:
    """A careful grid: sizes take turns run by run, in environment after environment.

    It goes on until the time is up and the means are certain enough, three times as long at most.
    """
    handler, turns, parts, began = handler_of(function, url), list[Turn](), list[int](), time.monotonic()

    def goes_on(part: int) -> bool:
        passed_s = time.monotonic() - began
        certain = passed_s > max_seconds and Grid(turns, parts).error <= TRUTH_ERROR
        return part < LEAST_PARTS or (not certain and passed_s < 3 * max_seconds)

    with real_time_priority(), Governor() as governor:
        for part in itertools.takewhile(goes_on, itertools.count()):
            with ExitStack() as stack:
                workers = {
                    size: stack.enter_context(ExecutionEnvironment(handler.spec(size), governor)) for size in sizes
                }
                for worker in workers.values():
                    worker.invoke(b"{}")
                part_ends_at, least = time.monotonic() + max_seconds / 4, len(turns) + 2
                while len(turns) < least or time.monotonic() < part_ends_at:
                    # Sizes of one speed are far apart in a turn, so that they tell of all of it.
                    order = sorted(sizes, key=lambda size: (sizes.index(size) * 7 + len(turns)) % len(sizes))
                    turns.append({size: run_of(workers[size]) for size in order})
                    parts.append(part)
    return Grid(turns, parts)


def run_of(worker: ExecutionEnvironment) -> Run:
    """A warm run, which must not fail."""
    made = worker.invoke(b"{}")
    assert made.error is None, made.error
    assert made.cpu_ms is not None
    return Run(made.duration_ms, float(made.billed_duration_ms), made.cpu_ms)


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
    truth = grid.at(answer.probed_ms)
    both = [(mean, truth[mean.memory_mb]) for mean in answer.stated if mean.memory_mb in truth]
    held = sum(m.low_ms - 2 * real.error_ms <= real.mean_ms <= m.high_ms + 2 * real.error_ms for m, real in both)
    return Judgement(answer, grid.excess(answer.recommended_mb, answer.probed_ms), held, len(both))


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
    grid = measure_truth(function, sorted(usual | recommended), max_seconds=options.truth_seconds, url=url)
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
        answers.append(Answer(**{**answer, "stated": stated, "probed_ms": tuple(answer["probed_ms"])}))
    return [judge(answer, grids[answer.function]) for answer in answers], grids


def main() -> None:
    """Print the answers and the truth; exits with 1 when a bar does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local_answers", description=__doc__)
    parser.add_argument("--function", action="append", choices=FUNCTIONS, help="may be repeated (default: all ten)")
    parser.add_argument("--seeds", type=int, default=5, help="tunings of each function and load (default 5)")
    parser.add_argument("--busy", type=int, action="append", metavar="N", help="endless loops beside; may be repeated")
    parser.add_argument("--max-seconds", type=float, default=60.0, help="time of a tuning (default 60)")
    parser.add_argument("--truth-seconds", type=float, default=120.0, help="time of a grid (default 120)")
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
