"""Calls the handlers in the order of the state machine, state as JSON in between, without Step Functions.

The end-to-end tests do the same through a deployed stack; here each step can be looked at and cut off.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from statemachine.execution_store import ExecutionStore
from statemachine.handlers import (
    analyzer,
    cleaner,
    executor,
    initializer,
    measurer,
    optimizer,
    planner,
    publisher,
    reporter,
)
from statemachine.measuring.round_targets import TargetMaking
from statemachine.measuring.trial_runs import Attempt
from statemachine.messages import (
    ExecutionStart,
    decode_choice,
    decode_errors,
    decode_likely,
    decode_trial,
    decode_trials,
)
from statemachine.services import Services
from tests.cloud.fixtures import Cloud
from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.retry import Pacer, Retrier
from tuner.aws.api.session import Clients, connect

POWER_TUNING_INPUT = {
    "powerValues": [128, 256, 512],
    "num": 4,
    "payload": {},
    "parallelInvocation": True,
    "strategy": "cost",
    "includeOutputResults": True,
}
BUCKET = "tuner-bucket"
BEGAN = datetime(2026, 9, 18, 4, 12, tzinfo=UTC)
State = dict[str, Any]


@functools.cache
def _clients(region: str, endpoint: str) -> Clients:
    """Clients for all tests: making them takes longer than most tests."""
    return connect(Connection(region=region, endpoint_url=endpoint))


class Clock:
    """A time that goes on by a second with each look at it."""

    def __init__(self) -> None:
        self._now = BEGAN

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)


def quick_api(client: Any) -> LambdaApi:
    """A control plane that is asked without the pauses that AWS needs."""
    return LambdaApi(client, Retrier(Pacer(10_000)), first_poll_s=0.02, creation_s=0.0)


def as_json(value: Any) -> Any:
    """What becomes of a value on the wire."""
    return json.loads(json.dumps(value))


@dataclass
class Driver:
    """A state machine of plain calls.

    Attributes:
        remaining_s: what handlers are told of the time that is left.
        began: when executions start.
        watch: surrounds the work of each handler, given by its name.
    """

    cloud: Cloud
    environment: Mapping[str, str] = field(default_factory=dict)
    services: Services = field(init=False)
    clock: Clock = field(default_factory=lambda: Clock())
    remaining_s: Callable[[], float] = lambda: 900.0
    began: datetime = BEGAN
    watch: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext()
    largest_state: int = 0
    executions: int = 0

    def __post_init__(self) -> None:
        self.cloud.client("s3").create_bucket(Bucket=BUCKET)
        self.services = Services(
            _clients(self.cloud.region, self.cloud.endpoint),
            BUCKET,
            self.environment,
            now=self.clock,
            make_api=quick_api,
        )

    def start(self, document: Any) -> State:
        """Run the Initializer as a new execution."""
        with self.watch("Initializer"):
            return self._seen(initializer.begin(self.new_execution(document), self.services))

    def new_execution(self, document: Any) -> ExecutionStart:
        """What the Initializer of a new execution is told."""
        self.executions += 1
        execution = f"arn:aws:states:us-east-1:{self.cloud.account}:execution:machine:{self.executions}"
        began = self.began + timedelta(seconds=self.executions)
        return ExecutionStart(as_json(document), execution, f"{began:%Y-%m-%dT%H:%M:%S}.000Z", "machine")

    def round(self, state: State, *, execute: bool = True) -> bool:
        """Plan, publish and measure; False when there is nothing more to measure."""
        folder = state["study"]["folder"]
        with self.watch("Planner"):
            state["plan"] = as_json(planner.plan(folder, self.services))
        if self._seen(state)["plan"]["next"] == "round":
            self.measure(state, execute=execute)
            return True
        while self._seen(state)["plan"]["next"] == "publish":
            trials = decode_trials(state)
            with self.watch("Publisher"):
                state["plan"] = as_json(publisher.publish(folder, trials, self.services, self.remaining_s))
        plan = self._seen(state)["plan"]
        if plan["next"] == "done":
            return False
        for item in plan["items"] if execute else ():
            self.item(state, item)
        return True

    def measure(self, state: State, *, execute: bool = True, token: str = "first") -> None:
        """One call of the Measurer; without `execute` it is lost once all targets are made."""
        trials, targets = decode_trials(state), TargetMaking(self.store(state), self.services, self.remaining_s)
        if not execute:
            targets.make(trials)
            return
        attempt = Attempt(token, self.remaining_s, sleep=lambda _: None)
        with self.watch("Measurer"):
            measurer.measure_round(trials, decode_likely(state), targets, attempt)

    def item(self, state: State, item: State, *, token: str = "first") -> int:
        """One iteration of the Map; returns how many passes it took."""
        event, passes = {"study": state["study"], "trial": item}, 0
        while True:
            passes += 1
            attempt = Attempt(f"{token}-{passes}", self.remaining_s, sleep=lambda _: None)
            with self.watch("Executor"):
                answer = as_json(
                    executor.execute(
                        state["study"]["folder"], decode_trial(event), services=self.services, attempt=attempt
                    )
                )
            assert len(json.dumps(answer)) < 100, "nothing of the samples passes through the state"
            if answer.get("done", True):
                return passes
            self.clock.pass_by(answer["pauseSeconds"])

    def end(self, state: State, error: State | None = None) -> State:
        """Clean, analyze and report."""
        folder = state["study"]["folder"]
        with self.watch("Cleaner"):
            cleaner.clean(folder, self.services)
        event = {**state, **({"error": error} if error else {})}
        with self.watch("Analyzer"):
            state = self._seen(as_json(analyzer.analyze(folder, decode_errors(event), self.services)))
        with self.watch("Reporter"):
            state.setdefault("output", {})["report"] = reporter.report(folder, self.services)
        return state

    def optimize(self, state: State) -> None:
        """Apply the recommendation."""
        with self.watch("Optimizer"):
            optimizer.optimize(state["study"]["folder"], decode_choice(state), self.services)

    def run(self, document: Any) -> State:
        """A whole execution; the state after the Analyzer."""
        state = self.start(document)
        while self.round(state):
            pass
        return self.end(state)

    def store(self, state: State) -> ExecutionStore:
        """What the execution has written down."""
        return self.services.store(state["study"]["folder"])

    def result(self, state: State) -> State:
        """The result document."""
        text = self.store(state).read_text("result.json")
        assert text is not None
        document: State = json.loads(text)
        return document

    def _seen(self, state: State) -> State:
        self.largest_state = max(self.largest_state, len(json.dumps(state)))
        return state
