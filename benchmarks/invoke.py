"""How fast and how cheaply the AWS driver invokes: `python -m benchmarks.invoke`.

Drives many invocations at once against a bare HTTP endpoint that only waits, in a process of its
own, and prints the wall time, the CPU time per invocation (boto3's included) and the peak memory of
the driver. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

MAX_CPU_MS = 4.0
MAX_EXTRA_S = 1.0
MAX_MEMORY_MB = 250.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run of the driver took."""

    invocations: int
    wall_s: float
    cpu_ms_per_invocation: float
    peak_memory_mb: float


def main() -> int:
    """Run the benchmark; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--wait-s", type=float, default=2.0)
    parser.add_argument("--runs", type=int, default=1, help="runs in each lane")
    parser.add_argument("--repeat", type=int, default=3, help="the best of so many counts: others use this machine too")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--driver", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.wait_s))
        return 0
    if options.driver:
        print(json.dumps(drive(options.driver, options.concurrency, options.runs)))
        return 0
    measured = [measure(options) for _ in range(options.repeat)]
    best = min(measured, key=lambda m: m.cpu_ms_per_invocation)
    wall = min(m.wall_s for m in measured)
    allowed_s = options.wait_s * options.runs + MAX_EXTRA_S
    met = wall <= allowed_s and best.cpu_ms_per_invocation < MAX_CPU_MS and best.peak_memory_mb < MAX_MEMORY_MB
    if options.format == "json":
        print(json.dumps({"wall_s": wall, "cpu_ms": best.cpu_ms_per_invocation, "memory_mb": best.peak_memory_mb}))
    else:
        print(f"{best.invocations} invocations, {options.concurrency} at once, each waits {options.wait_s:g} s")
        print(f"  wall            {wall:8.2f} s   at most {allowed_s:g}")
        print(f"  CPU each        {best.cpu_ms_per_invocation:8.2f} ms  under {MAX_CPU_MS:g}")
        print(f"  peak memory     {best.peak_memory_mb:8.0f} MB  under {MAX_MEMORY_MB:g}")
    return 0 if met else 1


def measure(options: argparse.Namespace) -> Measured:
    """One server and one driver, each in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.invoke"]
    waits = ["--wait-s", str(options.wait_s)]
    server = subprocess.Popen([*command, "--serve", *waits], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        lanes = ["--concurrency", str(options.concurrency), "--runs", str(options.runs)]
        found = subprocess.run([*command, "--driver", address, *lanes], stdout=subprocess.PIPE, check=True, text=True)
    finally:
        server.kill()
        server.wait()
    return Measured(**json.loads(found.stdout))


def drive(address: str, concurrency: int, runs: int) -> dict[str, float]:
    """Invoke through the scheduler of the AWS backend; returns metrics of this process alone."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark"}
    from tuner.aws.api.connection import Connection
    from tuner.aws.api.session import connect
    from tuner.aws.measure.concurrency import ConcurrencyLimiter
    from tuner.aws.measure.invoke import InvocationTarget, Invoker
    from tuner.aws.measure.scheduling import AwsScheduler, TargetLanes
    from tuner.model import Architecture, Configuration, Outcome, Trial
    from tuner.payloads import Payload, Payloads

    clients = connect(Connection(region="us-east-1", endpoint_url=address))
    invoker = Invoker(clients.invoker(timeout_s=60, concurrency=concurrency), ConcurrencyLimiter(concurrency))
    scheduler = AwsScheduler(invoker, Payloads((Payload(b'{"n": 1}'),)), concurrency, 0.0, random.Random(0))
    configuration = Configuration(512, Architecture.X86_64)
    trial = Trial(0, configuration, concurrency, runs)
    group = TargetLanes(trial, InvocationTarget("waits", "1", configuration), ((0,) * runs,) * concurrency)
    wall, cpu = time.monotonic(), time.process_time()
    samples = list(scheduler.run([group], threading.Event(), lambda: None))
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    done = [i for sample in samples for i in sample.invocations]
    assert len(done) == concurrency * runs, "an invocation is missing"
    assert all(i.outcome is Outcome.OK for i in done), "an invocation failed"
    # Linux counts the peak in KiB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    return {
        "invocations": len(done),
        "wall_s": wall,
        "cpu_ms_per_invocation": cpu / len(done) * 1000,
        "peak_memory_mb": peak,
    }


async def serve(wait_s: float) -> None:
    """Answer every request after a while, as Lambda answers an invocation."""
    server = await asyncio.start_server(lambda r, w: _answer(r, w, wait_s), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wait_s: float) -> None:
    number = 0
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
            length = next((int(value) for name, _, value in lines if name == b"content-length"), 0)
            await reader.readexactly(length)
            await asyncio.sleep(wait_s)
            number += 1
            writer.write(_reply(f"{id(writer):032x}-{number}", wait_s * 1000))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _reply(request_id: str, ms: float) -> bytes:
    report = (
        f"START RequestId: {request_id} Version: 1\nEND RequestId: {request_id}\n"
        f"REPORT RequestId: {request_id}\tDuration: {ms:.2f} ms\tBilled Duration: {ms:.0f} ms\t"
        "Memory Size: 512 MB\tMax Memory Used: 40 MB\t\n"
    )
    headers = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n"
        f"x-amzn-RequestId: {request_id}\r\nX-Amz-Executed-Version: 1\r\n"
        f"X-Amz-Log-Result: {base64.b64encode(report.encode()).decode()}\r\n\r\n"
    )
    return headers.encode() + b"true"


if __name__ == "__main__":
    sys.exit(main())
