"""How right the answers of the local backend are: ten functions, several seeds, on an idle and on a busy machine.

`python -m benchmarks.local_answers` tunes each function with `tuner.tune`, within `--max-seconds` each. The truth is a
grid that is measured after each tuning under real-time priority, which keeps other programs out. It holds the sizes
that were recommended and stated too. Sizes take turns, run by run, beside as many endless loops as the tuning had.

A machine is faster in some minutes than in others: memory and caches are shared with other guests of the host. And
short work takes steps: with a tenth more CPU time it may wait for a further period, and another size is the best one.
So a probe, the same function at one vCPU under real-time priority, runs twice a second beside each tuning. Its mean
CPU time is the machine's speed in that minute. The truth of an answer are its own turns, and those after other tunings
of the function at the same speed. The speed of a turn is the CPU time of all its runs, against what each size usually
takes: a little more at small ones, which lose their caches between periods.

An answer is right when its cost lies within 3% of the cheapest size of the grid. The cheapest of many sizes looks
cheaper than it is, by chance. So one half of the turns chooses it, the other half tells what it costs, and the same
the other way round. The service that one function asks has real-time priority too, so that it answers as fast beside
other programs. All of this needs the permission to use real-time priority (root, or `ulimit -r`).
"""

from __future__ import annotations

import argparse
import json
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
from math import sqrt
from pathlib import Path
from typing import NamedTuple

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
SAME_SPEED = 0.03
"""Speeds that differ by this fraction at most count as the same."""
LEAST_TURNS = 4
"""Turns of a grid at least, however long they take."""
PASSES = 5
"""Passes between what a size takes and how fast a turn was: each is told by the other."""
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
    speed_ms: float
    """Mean CPU time of the probe that ran beside it."""


class Run(NamedTuple):
    """A warm run under real-time priority."""

    duration_ms: float
    billed_ms: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A run of each size, one after the other, after the tuning with this seed and so many loops."""

    seed: int
    busy: int
    runs: Mapping[int, Run]


@dataclass(frozen=True)
class Grid:
    """What a function takes at each size under real-time priority."""

    turns: Sequence[Turn]

    @cached_property
    def speeds_ms(self) -> list[float]:
        """Speed of the machine in each turn: CPU time that a run at one vCPU takes there, in ms."""
        sizes = sorted({size for turn in self.turns for size in turn.runs})
        x = {size: float(np.log(size / MB_PER_VCPU)) for size in sizes}
        logs = [{size: float(np.log(run.cpu_ms)) for size, run in turn.runs.items()} for turn in self.turns]
        speeds = [0.0] * len(logs)
        for _ in range(PASSES):
            means = [statistics.fmean(o[z] - v for o, v in zip(logs, speeds, strict=True) if z in o) for z in sizes]
            usual = np.polynomial.Polynomial.fit([x[z] for z in sizes], means, min(2, max(0, len(sizes) - 3)))
            speeds = [statistics.fmean(one - float(usual(x[size])) for size, one in own.items()) for own in logs]
        return [float(np.exp(speed + usual(0.0))) for speed in speeds]

    def at(self, answer: Answer) -> dict[int, Truth]:
        """The truth of the sizes that were measured after a tuning, at the speed that it met."""
        near = self._near(answer)
        return {size: self._truth(size, answer.speed_ms, near) for size in self._sizes(answer)}

    def excess(self, answer: Answer) -> float:
        """How much more the recommended size costs than the cheapest, as a fraction.

        Each half of the turns chooses the cheapest size, and the other half compares.
        """
        near, sizes, excesses = self._near(answer), self._sizes(answer), []
        halves = near[::2], near[1::2]
        for chooses, tells in (halves, halves[::-1]):
            cheapest = min(sizes, key=lambda size: self._truth(size, answer.speed_ms, chooses).cost_usd)
            costs = (self._truth(z, answer.speed_ms, tells).cost_usd for z in (answer.recommended_mb, cheapest))
            excesses.append(next(costs) / next(costs) - 1)
        return statistics.fmean(excesses)

    def _near(self, answer: Answer) -> list[int]:
        """Turns that tell the truth of an answer: its own, and those at its speed."""
        own = self._own(answer)
        alike = (i for i, ms in enumerate(self.speeds_ms) if abs(np.log(ms / answer.speed_ms)) <= SAME_SPEED)
        return sorted({*own, *alike})

    def _own(self, answer: Answer) -> list[int]:
        return [i for i, t in enumerate(self.turns) if (t.seed, t.busy) == (answer.seed, answer.busy)]

    def _sizes(self, answer: Answer) -> list[int]:
        return sorted(self.turns[self._own(answer)[0]].runs)

    def _truth(self, memory_mb: int, speed_ms: float, turns: Sequence[int]) -> Truth:
        turns = [turn for turn in turns if memory_mb in self.turns[turn].runs]
        runs, speeds = [self.turns[turn].runs[memory_mb] for turn in turns], [self.speeds_ms[turn] for turn in turns]
        mean_ms, error_ms = mean_at(speed_ms, speeds, [run.duration_ms for run in runs])
        billed_ms, _ = mean_at(speed_ms, speeds, [run.billed_ms for run in runs])
        configuration = Configuration(memory_mb, Architecture.X86_64)
        cost_usd = price_list(DEFAULT_REGION).invocation_cost(configuration, billed_ms)
        return Truth(memory_mb, len(turns), mean_ms, error_ms, cost_usd)


@dataclass(frozen=True, slots=True)
class Judgement:
    """An answer against the truth.

    Attributes:
        excess: cost of the recommended size above the cheapest of the grid, as a fraction.
        held: how many of the stated means hold the true one within their interval, give or take two of its errors.
    """

    answer: Answer
    excess: float
    held: int

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
        speed_ms=statistics.fmean(probed),
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


def measure_truth(answer: Answer, *, seconds: float, url: str) -> list[Turn]:
    """A grid in new environments, beside as many loops as the tuning had: sizes take turns, run by run."""
    sizes = sorted({answer.recommended_mb, *(mean.memory_mb for mean in answer.stated), *GRID_MB})
    sizes = [size for size in sizes if size <= max_memory_mb()]
    handler, turns = handler_of(answer.function, url), list[Turn]()
    with busy_loops(answer.busy), real_time_priority(), Governor() as governor, ExitStack() as stack:
        workers = {size: stack.enter_context(ExecutionEnvironment(handler.spec(size), governor)) for size in sizes}
        for worker in workers.values():
            worker.invoke(b"{}")
        ends_at = time.monotonic() + seconds
        while len(turns) < LEAST_TURNS or time.monotonic() < ends_at:
            # Sizes of one speed are far apart in a turn, so that they tell of all of it.
            order = sorted(sizes, key=lambda size: (sizes.index(size) * 7 + len(turns)) % len(sizes))
            turns.append(Turn(answer.seed, answer.busy, {size: run_of(workers[size]) for size in order}))
    return turns


def run_of(worker: ExecutionEnvironment) -> Run:
    """A warm run, which must not fail."""
    made = worker.invoke(b"{}")
    assert made.error is None, made.error
    assert made.cpu_ms is not None
    return Run(made.duration_ms, float(made.billed_duration_ms), made.cpu_ms)


def mean_at(at: float, x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Mean of y where x has a value near those given, by a line through the points; its standard error.

    Duration does not fall with the CPU time of the work, and grows in proportion to it at most: so does the line.
    """
    middle_x, middle_y = statistics.fmean(x), statistics.fmean(y)
    spread = sum((one - middle_x) ** 2 for one in x)
    slope = sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True)) / spread if spread else 0.0
    slope = min(max(slope, 0.0), middle_y / middle_x)
    squares = sum((b - middle_y - slope * (a - middle_x)) ** 2 for a, b in zip(x, y, strict=True))
    return middle_y + slope * (at - middle_x), sqrt(squares / max(1, len(x) - 1) / len(x))


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
    """How far an answer is from the cheapest size, and which of its means hold, at the speed that it met."""
    truth = grid.at(answer)
    held = 0
    for stated in answer.stated:
        real = truth[stated.memory_mb]
        held += stated.low_ms - 2 * real.error_ms <= real.mean_ms <= stated.high_ms + 2 * real.error_ms
    return Judgement(answer, grid.excess(answer), held)


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
    """Tune a function with every seed and load, and measure the truth after each tuning."""
    answers, turns = [], list[Turn]()
    seconds = options.truth_seconds / options.seeds / len(options.busy)
    for seed in range(options.seeds):
        for busy in options.busy:
            answers.append(tune(function, seed=seed, busy=busy, max_seconds=options.max_seconds, url=url))
            print(f"# {sentence(answers[-1])}", file=sys.stderr, flush=True)
            turns += measure_truth(answers[-1], seconds=seconds, url=url)
    grid = Grid(turns)
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
            f"{one.held:7d}/{len(answer.stated):<4d} {answer.runs:6d} {answer.took_s:4.0f} s"
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
    stated = sum(len(one.answer.stated) for one in judgements)
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


def main() -> None:
    """Print the answers and the truth; exits with 1 when a bar does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local_answers", description=__doc__)
    parser.add_argument("--function", action="append", choices=FUNCTIONS, help="may be repeated (default: all ten)")
    parser.add_argument("--seeds", type=int, default=5, help="tunings of each function and load (default 5)")
    parser.add_argument("--busy", type=int, action="append", metavar="N", help="endless loops beside; may be repeated")
    parser.add_argument("--max-seconds", type=float, default=60.0, help="time of a tuning (default 60)")
    parser.add_argument("--truth-seconds", type=float, default=120.0, help="time of all grids (default 120)")
    parser.add_argument("--json", metavar="FILE", help="also write everything there")
    options = parser.parse_args()
    options.busy = options.busy or [0, 2]
    judgements: list[Judgement] = []
    grids: dict[str, Grid] = {}
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
