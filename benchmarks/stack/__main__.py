"""`python -m benchmarks.stack`: seconds, calls and money of whole runs, on a stand-in that waits as AWS does.

Deploys the stack, then runs each law through the command line, the state machine, and the state machine with an
input of AWS Lambda Power Tuning (num 50, parallel). Each starts from cold; the three ways run side by side, each on
a stand-in of its own. Stops after `--minutes`.
Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from math import inf
from pathlib import Path
from statistics import mean, median

from benchmarks.stack.laws import LAWS, SLOW
from benchmarks.stack.run import WAYS, Measured, Way, measure
from tests.cloud.fixtures import Cloud, running
from tests.e2e.statemachine.stack import Stack, run_sam
from tuner.pricing.price_list import price_list

DELAYS = {"create_seconds": 1.5, "update_seconds": 3.0, "publish_seconds": 1.5, "log_delay_seconds": 3.0}
"""Seconds until a new function, an update or a version is ready, and until a log can be read."""
MAX_WALL_S = dict(zip((way.name for way in WAYS), (25.0, 35.0, 45.0), strict=True))
MAX_USD_A_MILLION = 900.0
MAX_CALLS, MAX_CALLS_A_SECOND, MAX_ROUNDS, MAX_REGRET = 120, 12, 5.0, 0.009
ADAPTIVE = {WAYS[0].name, WAYS[1].name}


def main() -> int:
    """Run the benchmark; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--laws", default=",".join(LAWS), help="names, separated by commas")
    parser.add_argument("--ways", default="0,1,2", help="0: command line, 1: state machine, 2: num 50 parallel")
    parser.add_argument("--minutes", type=float, default=10.0, help="stop after so many")
    parser.add_argument("--pace", type=float, default=1.0, help="seconds waited per second of a run")
    parser.add_argument("--build", type=Path, help="a folder that `sam build` made; it is built where none is named")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        build = options.build or Path(folder) / "build"
        if options.build is None:
            run_sam("build", "--build-dir", str(build))
        ways = [WAYS[int(number)] for number in options.ways.split(",")]
        with ThreadPoolExecutor(len(ways)) as pool:
            run = partial(_run_way, laws=options.laws.split(","), build=build, end=end, pace=options.pace)
            found = [one for own in pool.map(run, ways) for one in own]
    summaries = {way.name: _summary(own) for way in WAYS if (own := [one for one in found if one.way == way.name])}
    print(json.dumps(summaries, indent=1))
    if options.json:
        runs = [{**asdict(one), "usd": one.usd} for one in found]
        options.json.write_text(json.dumps({"delays": DELAYS, "summaries": summaries, "runs": runs}, indent=1) + "\n")
    missed = [fault for name, summary in summaries.items() for fault in _missed(name, summary)]
    print("\n".join(missed) or "every bar is met")
    return 1 if missed else 0


def _run_way(way: Way, *, laws: Sequence[str], build: Path, end: float, pace: float) -> list[Measured]:
    """Every law through one way, on a stand-in of its own. Most of the time is waiting, so ways run side by side."""
    found: list[Measured] = []
    with running(DELAYS) as cloud:
        stack = _deploy(cloud, build) if way.deployed else Stack(cloud, {})
        for law in laws:
            if time.monotonic() > end:
                sys.stderr.write(f"time is up before {law} {way.name}\n")
                continue
            found.append(measure(law, way, stack, price_list(cloud.region), pace=min(pace, SLOW.get(law, 1.0))))
            print(_line(found[-1]), flush=True)
    return found


def _deploy(cloud: Cloud, build: Path) -> Stack:
    functions = f"arn:aws:lambda:{cloud.region}:{cloud.account}:function:app-*"
    return Stack.deploy(cloud, build / "template.yaml", lambdaResource=functions, lambdaRole=cloud.role())


def _line(one: Measured) -> str:
    money = f"${one.invocations_usd * 1e6:.0f}+{one.transitions_usd * 1e6:.0f}+{one.handlers_usd * 1e6:.0f}"
    money += f"+{one.logs_usd * 1e6:.0f}+{one.storage_usd * 1e6:.0f}"
    return (
        f"{one.law:15} {one.way:31} {one.choice_mb or '-':>6} MB regret {one.regret:6.2%} covered {one.covered} "
        f"rounds {one.rounds} runs {one.invocations} calls {one.calls} ({one.most_calls}/s) "
        f"transitions {one.transitions} {one.handler_gb_s:.1f} GB-s {money} {one.wall_s:.1f} s"
        f"{'' if one.intact else ' NOT AS BEFORE'} {dict(one.phases_s) or ''}"
    )


def _summary(own: Sequence[Measured]) -> dict[str, float]:
    """Medians over the laws, counts of what must always hold, and means of regret, coverage and rounds."""

    def middle(value: Callable[[Measured], float]) -> float:
        return float(median(map(value, own)))

    told = [one.covered for one in own if one.covered is not None]
    return {
        "laws": len(own),
        "answered": sum(one.answered for one in own),
        "intact": sum(one.intact for one in own),
        "mean_regret": mean(one.regret for one in own),
        "coverage": mean(told) if told else 0.0,
        "mean_rounds": mean(one.rounds for one in own),
        "invocations": middle(lambda one: one.invocations),
        "calls": middle(lambda one: one.calls),
        "most_calls_a_second": max(one.most_calls for one in own),
        "transitions": middle(lambda one: one.transitions),
        "handler_gb_s": middle(lambda one: one.handler_gb_s),
        "wall_s": middle(lambda one: one.wall_s if one.law not in SLOW else inf),
        "invocations_usd_a_million": 1e6 * middle(lambda one: one.invocations_usd),
        "transitions_usd_a_million": 1e6 * middle(lambda one: one.transitions_usd),
        "handlers_usd_a_million": 1e6 * middle(lambda one: one.handlers_usd),
        "logs_usd_a_million": 1e6 * middle(lambda one: one.logs_usd),
        "storage_usd_a_million": 1e6 * middle(lambda one: one.storage_usd),
        "usd_a_million": 1e6 * middle(lambda one: one.usd),
    }


def _missed(name: str, summary: dict[str, float]) -> list[str]:
    bars = {"wall_s": MAX_WALL_S[name], "calls": MAX_CALLS, "most_calls_a_second": MAX_CALLS_A_SECOND}
    if name in ADAPTIVE:
        bars |= {"mean_regret": MAX_REGRET, "mean_rounds": MAX_ROUNDS, "usd_a_million": MAX_USD_A_MILLION}
    found = [f"{name}: {key} is {summary[key]:.4g}, at most {bar:g}" for key, bar in bars.items() if summary[key] > bar]
    return found + [
        f"{name}: {key} {summary[key]:.0f} of {summary['laws']:.0f}"
        for key in ("answered", "intact")
        if summary[key] < summary["laws"]
    ]


if __name__ == "__main__":
    sys.exit(main())
