"""How exactly the local backend grants Lambda's CPU share, and what it costs around a handler.

`python -m benchmarks.local` burns a fixed amount of CPU time at several memory sizes, sleeps, and does nothing, in
workers as `tuner tune` uses them. Durations are compared with CPU time x 1769 / memory. It says how busy the machine
was; `--busy N` keeps it busy with N endless loops.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tuner.local.host import cores
from tuner.local.limits import cgroup
from tuner.local.limits.governor import Governor
from tuner.local.worker.environment import ExecutionEnvironment
from tuner.local.worker.runtimes import PYTHON
from tuner.local.worker.spec import LocalInvocationResult, WorkerSpec

MEMORY_SIZES_MB = (128, 256, 512, 1024, 1769)
SHARE_BAR = 0.03
FLAT_BAR = 0.02
BUSY_SHARE_BAR = 0.08
"""Bar of the CPU share on a busy machine."""
OVERHEAD_BAR_MS = 1.5

HANDLERS = """
import time

def burn(event, context):
    start = time.process_time()
    while time.process_time() - start < event["s"]:
        pass
    return time.process_time() - start

def sleep(event, context):
    time.sleep(event["s"])

def nothing(event, context):
    return None
"""


@dataclass(frozen=True, slots=True)
class ShareRow:
    """Median wall time of a fixed amount of CPU time, and its distance from the ideal (a fraction)."""

    memory_mb: int
    cpu_ms: float
    wall_ms: float
    ideal_ms: float
    error: float


@dataclass(frozen=True, slots=True)
class FlatRow:
    """Median wall time of a sleep, and its distance from the median of all sizes (a fraction)."""

    memory_mb: int
    wall_ms: float
    error: float


@dataclass(frozen=True, slots=True)
class Figures:
    """All that was measured.

    Attributes:
        overhead_ms, overhead_p95_ms: from call to answer of a warm handler that does nothing, less waiting for a core.
        waited: share of the burning handlers' time from call to answer in which they waited for a core.
        busy: endless loops beside the workers.
    """

    limiter: str
    cores: float
    runs: int
    share: tuple[ShareRow, ...]
    sleep: tuple[FlatRow, ...]
    overhead_ms: float
    overhead_p95_ms: float
    cold_ms: float
    waited: float
    busy: int = 0

    @property
    def share_bar(self) -> float:
        """How far a median may be from the ideal, as a fraction."""
        return BUSY_SHARE_BAR if self.busy else SHARE_BAR

    @property
    def bars(self) -> dict[str, bool]:
        """Which of the bars hold."""
        return {
            "share": all(abs(row.error) <= self.share_bar for row in self.share),
            "flat": all(abs(row.error) <= FLAT_BAR for row in self.sleep),
            "overhead": self.overhead_ms < OVERHEAD_BAR_MS,
        }


class Bench:
    """Keeps one warm worker for each handler and size, so that sizes can take turns."""

    def __init__(self, folder: Path, governor: Governor) -> None:
        (folder / "app.py").write_text(HANDLERS)
        self._folder = folder
        self._governor = governor

    def open(self, handler: str, memory_mb: int) -> ExecutionEnvironment:
        """A new worker."""
        spec = WorkerSpec("bench", f"app.{handler}", "python", PYTHON.command(), self._folder, memory_mb, 900.0)
        return ExecutionEnvironment(spec, self._governor)

    def rounds(
        self, handler: str, sizes: Sequence[int], runs: int, payload: object
    ) -> dict[int, list[LocalInvocationResult]]:
        """Warm results by size; the sizes take turns, so that a machine that slows down slows all of them."""
        body = json.dumps(payload).encode()
        results: dict[int, list[LocalInvocationResult]] = {size: [] for size in sizes}
        workers = {size: self.open(handler, size) for size in sizes}
        try:
            for worker in workers.values():
                worker.invoke(b'{"s": 0.001}')
            for _ in range(runs):
                for size, worker in workers.items():
                    results[size].append(worker.invoke(body))
        finally:
            for worker in workers.values():
                worker.close()
        return results


def share_rows(results: dict[int, list[LocalInvocationResult]]) -> tuple[ShareRow, ...]:
    """Wall against ideal, run by run: each run burns a little more or less than asked for."""
    rows = []
    for memory_mb, runs in results.items():
        cpu_ms = [float(run.payload) * 1000 for run in runs]
        ratios = [run.duration_ms / (cpu * 1769 / memory_mb) for run, cpu in zip(runs, cpu_ms, strict=True)]
        wall, cpu = statistics.median(run.duration_ms for run in runs), statistics.median(cpu_ms)
        rows.append(ShareRow(memory_mb, cpu, wall, cpu * 1769 / memory_mb, statistics.median(ratios) - 1))
    return tuple(rows)


def flat_rows(results: dict[int, list[LocalInvocationResult]]) -> tuple[FlatRow, ...]:
    """Each size against the median of all."""
    medians = {memory_mb: statistics.median(r.duration_ms for r in runs) for memory_mb, runs in results.items()}
    middle = statistics.median(medians.values())
    return tuple(FlatRow(memory_mb, wall, wall / middle - 1) for memory_mb, wall in medians.items())


@contextmanager
def busy_loops(count: int) -> Iterator[list[int]]:
    """Processes that each want a core: their ids. Each has a session of its own, which some kernels share cores by."""
    command = [sys.executable, "-S", "-c", "while True: pass"]
    loops = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    try:
        yield [loop.pid for loop in loops]
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure(*, runs: int, cpu_s: float, sleep_s: float, kernel: bool, busy: int = 0) -> Figures:
    """Run everything.

    Raises:
        SystemExit: no control group may be written, and one was asked for.
    """
    parent = cgroup.writable_parent() if kernel else None
    if kernel and parent is None:
        raise SystemExit("no control group with a CPU quota may be written here")
    with tempfile.TemporaryDirectory() as folder, Governor(cgroup_parent=parent) as governor, busy_loops(busy):
        bench = Bench(Path(folder), governor)
        burnt = bench.rounds("burn", MEMORY_SIZES_MB, runs, {"s": cpu_s})
        slept = bench.rounds("sleep", MEMORY_SIZES_MB, runs, {"s": sleep_s})
        idle = bench.rounds("nothing", (1769,), 200, None)[1769]
        cold = []
        for _ in range(10):
            with bench.open("nothing", 1769) as worker:
                cold.append(worker.invoke(b"{}").init_duration_ms or 0.0)
    overheads = sorted(run.wall_ms - run.waited_ms for run in idle)
    everything = [run for one in burnt.values() for run in one]
    return Figures(
        limiter="control group" if kernel else "stop and continue",
        cores=cores(),
        runs=runs,
        share=share_rows(burnt),
        sleep=flat_rows(slept),
        overhead_ms=statistics.median(overheads),
        overhead_p95_ms=overheads[int(0.95 * len(overheads))],
        cold_ms=statistics.median(cold),
        waited=sum(run.waited_ms for run in everything) / sum(run.duration_ms + run.waited_ms for run in everything),
        busy=busy,
    )


def table(figures: Figures) -> str:
    """The figures to read."""
    holds = {name: "holds" if held else "does NOT hold" for name, held in figures.bars.items()}
    lines = [
        f"{figures.cores:g} cores, limited by {figures.limiter}, median of {figures.runs}",
        f"handlers waited {figures.waited:.1%} of their time for a core",
        "",
        "memory_mb    cpu_ms   wall_ms  ideal_ms   error | sleep_ms   error",
    ]
    for share, flat in zip(figures.share, figures.sleep, strict=True):
        burnt = (
            f"{share.memory_mb:9d} {share.cpu_ms:9.1f} {share.wall_ms:9.1f} {share.ideal_ms:9.1f} {share.error:+7.2%}"
        )
        lines.append(f"{burnt} | {flat.wall_ms:8.1f} {flat.error:+7.2%}")
    overhead = f"{figures.overhead_ms:.2f} ms (p95 {figures.overhead_p95_ms:.2f} ms)"
    lines += [
        "",
        f"CPU share within {figures.share_bar:.0%}: {holds['share']}",
        f"sleep flat within {FLAT_BAR:.0%}: {holds['flat']}",
        f"warm invocation below {OVERHEAD_BAR_MS:g} ms outside the handler: {holds['overhead']}, {overhead}",
        f"cold start of an empty function: {figures.cold_ms:.0f} ms",
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the figures; with --json, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="runs of each size (default 20)")
    parser.add_argument("--cpu-s", type=float, default=0.1, help="CPU time that a run burns (default 0.1)")
    parser.add_argument("--sleep-s", type=float, default=0.2, help="time that a run sleeps (default 0.2)")
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="endless loops beside the workers (default 0)")
    parser.add_argument("--cgroup", action="store_true", help="limit by control groups; needs one that may be written")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args()
    figures = measure(
        runs=options.runs, cpu_s=options.cpu_s, sleep_s=options.sleep_s, kernel=options.cgroup, busy=options.busy
    )
    print(json.dumps({**asdict(figures), "bars": figures.bars}, indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()
