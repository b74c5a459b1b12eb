"""Lanes run side by side, each in an environment of its own, and end when they are told to."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field

import pytest

from tuner.aws.measure.invoke import InvocationTarget
from tuner.aws.measure.scheduling import AwsScheduler, TargetLanes
from tuner.errors import BackendError
from tuner.model import Architecture, Configuration, Invocation, Outcome, Sample, Trial
from tuner.payloads import Payload, Payloads

CONFIGURATION = Configuration(512, Architecture.X86_64)


@dataclass
class FakeInvoker:
    """Keeps an environment per running invocation, as Lambda does."""

    fails_at: int = 10_000
    busy: int = 0
    most: int = 0
    warm: int = 0
    count: int = 0
    together: threading.Barrier | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def measure(
        self, target: InvocationTarget, body: bytes, *, payload: int, stop: threading.Event
    ) -> Invocation | None:
        with self.lock:
            self.count += 1
            self.busy += 1
            self.most = max(self.most, self.busy)
            cold = self.busy > self.warm
            self.warm = max(self.warm, self.busy)
            number = self.count
        if self.together:
            self.together.wait(10)
        with self.lock:
            self.busy -= 1
        if number >= self.fails_at:
            raise BackendError("no permission")
        init = 100.0 if cold else None
        return Invocation(Outcome.OK, "", 10.0, 10, init_duration_ms=init, payload=payload, request_id=str(number))


def groups(count: int, lanes: int = 2, runs: int = 2) -> list[TargetLanes]:
    return [
        TargetLanes(
            Trial(n, CONFIGURATION, lanes, runs), InvocationTarget("orders", "1", CONFIGURATION), ((0,) * runs,) * lanes
        )
        for n in range(count)
    ]


def runner(invoker: FakeInvoker, concurrency: int = 4) -> AwsScheduler:
    return AwsScheduler(invoker, Payloads((Payload(b"{}"),)), concurrency, 0.0, random.Random(0))


def run(lanes: AwsScheduler, asked: list[TargetLanes]) -> list[Sample]:
    return list(lanes.run(asked, threading.Event(), lambda: None))


def test_every_lane_gives_a_sample_and_no_more_run_at_once_than_allowed() -> None:
    invoker = FakeInvoker()
    samples = run(runner(invoker, 4), groups(5))
    assert sorted(sample.trial_id for sample in samples) == sorted([*range(5)] * 2)
    assert all(len(sample.invocations) == 2 for sample in samples)
    assert invoker.most <= 4


def test_a_sample_tells_which_environment_of_its_trial_it_is() -> None:
    trial, target = Trial(1, CONFIGURATION, 5, 1), InvocationTarget("orders", "1", CONFIGURATION)
    parts = [TargetLanes(trial, target, ((0,),) * 3), TargetLanes(trial, target, ((0,),) * 2, first=3)]
    assert sorted(sample.lane or 0 for sample in run(runner(FakeInvoker()), parts)) == [0, 1, 2, 3, 4]


def test_environments_are_told_apart_by_cold_starts_and_found_again_warm() -> None:
    lanes = runner(FakeInvoker(together=threading.Barrier(2)), 2)
    first, second = run(lanes, groups(1)), run(lanes, groups(1))
    labels = [{run.environment for run in sample.invocations} for sample in first]
    assert all(len(found) == 1 for found in labels)
    assert labels[0] != labels[1]
    assert {run.environment for sample in second for run in sample.invocations} == labels[0] | labels[1]


def test_a_failure_ends_the_run_after_what_is_complete_was_given() -> None:
    invoker = FakeInvoker(fails_at=7)
    coming = runner(invoker, 2).run(groups(20), threading.Event(), lambda: None)
    assert len(next(coming).invocations) == 2
    with pytest.raises(BackendError):
        list(coming)
    assert invoker.count < 40


def test_it_stops_at_once_and_keeps_what_is_complete() -> None:
    stop, invoker, samples = threading.Event(), FakeInvoker(), []
    for sample in runner(invoker, 2).run(groups(30), stop, lambda: None):
        samples.append(sample)
        stop.set()
    assert 1 <= len(samples) <= 3
    assert invoker.count < 60
