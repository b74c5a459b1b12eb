"""Runs one law through the command line or through the deployed stack, and reads what it took.

Counts at the stand-in: calls, invocations and what the handlers were billed. Nothing of it is the tool's own word.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.stack import laws
from tests.cloud.fixtures import Cloud
from tests.e2e.statemachine.stack import ROOT, Stack
from tuner.model import Architecture, Configuration
from tuner.pricing.bill import STORAGE_READ_USD, STORAGE_WRITE_USD, logs_usd
from tuner.pricing.price_list import PriceList, gb_seconds, state_transition_usd

PATIENCE_S = 280.0
GRID_SIZES_MB = (128, 256, 512, 1024, 1536, 3008)
"""The default sizes of AWS Lambda Power Tuning."""
GRID = {"powerValues": list(GRID_SIZES_MB), "num": 50, "payload": {}, "parallelInvocation": True, "strategy": "cost"}


@dataclass(frozen=True, slots=True)
class Way:
    """A way to tune: its name, the fields of its input, the sizes to choose from, and whether the stack does it."""

    name: str
    document: Mapping[str, Any]
    sizes_mb: range | tuple[int, ...]
    deployed: bool


WAYS = (
    Way("command line, adaptive", {}, laws.every_size(), deployed=False),
    Way("state machine, adaptive", {}, laws.every_size(), deployed=True),
    Way("state machine, num 50 parallel", GRID, GRID_SIZES_MB, deployed=True),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One law through one way. Money in USD, for one run of the tool.

    Attributes:
        law, way: what ran.
        answered: whether there is a recommendation.
        intact: whether the function is as before and nothing is left.
        choice_mb: the recommended memory size.
        regret: excess cost of the choice over the cheapest size, a fraction.
        covered: whether the interval holds the true mean duration of the choice; None: no interval.
        rounds, invocations, calls, transitions: how many. `calls` are those of the control plane of Lambda.
        most_calls: calls of the control plane within any second.
        wall_s: from the start to the answer.
        handler_gb_s: billed to the handlers of the stack.
        invocations_usd, transitions_usd, handlers_usd, logs_usd, storage_usd: parts of the bill.
        storage_requests: to S3, as counted, by operation.
    """

    law: str
    way: str
    answered: bool
    intact: bool
    choice_mb: int | None
    regret: float
    covered: bool | None
    rounds: int
    invocations: int
    calls: int
    most_calls: int
    transitions: int
    wall_s: float
    handler_gb_s: float
    invocations_usd: float
    transitions_usd: float
    handlers_usd: float
    logs_usd: float
    storage_usd: float
    storage_requests: Mapping[str, int]
    phases_s: Mapping[str, float]

    @property
    def usd(self) -> float:
        """The whole bill."""
        own = self.invocations_usd + self.transitions_usd + self.handlers_usd
        return own + self.logs_usd + self.storage_usd


def measure(law: str, way: Way, stack: Stack, prices: PriceList, *, pace: float) -> Measured:
    """Run a law from cold, and read what it took."""
    cloud, name = stack.cloud, f"app-{law}-{laws_count()}"
    arn = cloud.simulate_function(name, model=laws.model_of(law, pace=pace), memory_mb=1024,
                                  timeout_s=laws.timeout_s(law))  # fmt: skip
    before, functions = cloud.snapshot(name), cloud.function_names()
    cloud.cool()
    cloud.forget_calls()
    earlier, began = len(cloud.invocations()), time.monotonic()
    execution = ""
    if way.deployed:
        execution, found = _execute(stack, {**way.document, "lambdaARN": arn})
    else:
        found = _command_line(cloud, arn)
    wall_s = time.monotonic() - began
    runs = cloud.invocations()[earlier:]
    others = set(functions) - {name}
    handlers = [run for run in runs if run["function"] in others]
    own = [run for run in runs if run["function"] not in others]
    requests = Counter(call["operation"] for call in cloud.calls(service="s3")) if execution else Counter[str]()
    control = [call for call in cloud.calls(service="lambda") if call["operation"] != "Invoke"]
    transitions = len(stack.entered(execution)) if execution else 0
    intact = cloud.snapshot(name) == before and cloud.function_names() == functions
    handler_gb_s = sum(gb_seconds(run["memory_mb"], run["billed_ms"]) for run in handlers)
    arm_usd = prices.gb_second_usd(Architecture.ARM64)
    choice = found["recommendation"] if found else None
    chosen = Configuration(choice["memory_mb"], Architecture(choice["architecture"])) if choice else None
    return Measured(
        law=law,
        way=way.name,
        answered=chosen is not None,
        intact=intact,
        choice_mb=chosen.memory_mb if chosen else None,
        regret=laws.regret_of(law, chosen, way.sizes_mb, prices),
        covered=_covers(choice, laws.mean_ms(law, chosen)) if choice and chosen else None,
        rounds=sum(bool(one["trials"]) for one in found["search"]) if found else 0,
        invocations=len(own),
        calls=len(control),
        most_calls=_most_in_a_second([call["at"] for call in control]),
        transitions=transitions,
        wall_s=wall_s,
        handler_gb_s=handler_gb_s,
        invocations_usd=sum(_run_usd(run, prices) for run in own),
        transitions_usd=transitions * state_transition_usd("us-east-1"),
        handlers_usd=handler_gb_s * arm_usd + len(handlers) * prices.request_usd,
        logs_usd=logs_usd(len(runs)),
        storage_usd=sum(number * _request_usd(operation) for operation, number in requests.items()),
        storage_requests=requests,
        phases_s=_phases(stack, execution) if execution else {},
    )


def _phases(stack: Stack, execution: str) -> dict[str, float]:
    """Seconds between entering a state and the next event that enters one, by state."""
    spent: Counter[str] = Counter()
    state, since = "", None
    for event in stack.history(execution):
        if detail := event.get("stateEnteredEventDetails"):
            if since is not None:
                spent[state] += (event["timestamp"] - since).total_seconds()
            state, since = detail["name"], event["timestamp"]
    return {name: round(value, 2) for name, value in spent.items()}


def _execute(stack: Stack, document: Mapping[str, Any]) -> tuple[str, Any]:
    """An execution, and its result document; None when it failed."""
    execution = stack.start(document)
    ended = stack.wait(execution)
    if ended["status"] != "SUCCEEDED":
        sys.stderr.write(f"{ended.get('error')}: {ended.get('cause')}\n")
        return execution, None
    return execution, json.loads(stack.read(json.loads(ended["output"])["result"]))


def _command_line(cloud: Cloud, arn: str) -> Any:
    """The result document of `tuner tune`; None when it failed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tuner", "tune", arn, "--output", folder]
        variables = {**cloud.environment(), "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": folder}
        found = subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        results = list(Path(folder).rglob("result.json"))
        if not results:
            sys.stderr.write(found.stderr)
            return None
        return json.loads(results[0].read_text())


def _covers(choice: Mapping[str, Any], truth_ms: float) -> bool | None:
    interval = choice.get("duration_ms")
    return None if interval is None else bool(interval["low"] <= truth_ms <= interval["high"])


def _run_usd(run: Mapping[str, Any], prices: PriceList) -> float:
    configuration = Configuration(run["memory_mb"], Architecture(run["architecture"]))
    return prices.invocation_cost(configuration, run["billed_ms"])


def _request_usd(operation: str) -> float:
    """Price of a request to S3. To delete is free."""
    if operation.startswith("Delete"):
        return 0.0
    return STORAGE_READ_USD if operation.startswith(("Get", "Head")) else STORAGE_WRITE_USD


def _most_in_a_second(times: list[float]) -> int:
    times = sorted(times)
    return max((sum(1 for other in times if one <= other < one + 1.0) for one in times), default=0)


def _counter() -> Callable[[], int]:
    count = Counter[str]()

    def following() -> int:
        count["n"] += 1
        return count["n"]

    return following


laws_count = _counter()
