"""Pace, retries and back-off: what may be repeated, how fast, and how much at once."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.aws.api.errors import (
    AwsError,
    ConflictError,
    DeniedError,
    LostReplyError,
    ServiceFaultError,
    StaleError,
    ThrottledError,
)
from tuner.aws.api.retry import CALLS_PER_SECOND, Pacer, Retrier
from tuner.aws.measure.concurrency import ConcurrencyLimiter

NEVER = threading.Event()


class Time:
    """A clock that only sleeping and working moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def retrier(time: Time) -> Retrier:
    return Retrier(Pacer(clock=time.clock, sleep=time.sleep), sleep=time.sleep)


@given(st.lists(st.floats(0, 0.5), min_size=30, max_size=60))
def test_no_second_sees_more_calls_than_allowed(work: list[float]) -> None:
    time, made = Time(), []
    pacer = Pacer(clock=time.clock, sleep=time.sleep)
    for seconds in work:
        pacer.wait()
        made.append(time.now)
        time.now += seconds
    for start in made:
        assert sum(start <= moment < start + 1 - 1e-6 for moment in made) <= CALLS_PER_SECOND < 15


def failing(*failures: AwsError | None) -> tuple[list[int], object]:
    left, calls = list(failures), []

    def call() -> str:
        calls.append(1)
        failure = left.pop(0) if left else None
        if failure:
            raise failure
        return "done"

    return calls, call


@pytest.mark.parametrize("failure", [ThrottledError("x"), ServiceFaultError("x"), LostReplyError("x")])
def test_what_may_pass_is_tried_again(failure: AwsError) -> None:
    calls, call = failing(failure, failure)
    assert retrier(Time()).read(call) == "done"
    assert len(calls) == 3


def test_what_will_not_pass_is_raised_at_once() -> None:
    calls, call = failing(DeniedError("no"))
    with pytest.raises(DeniedError):
        retrier(Time()).read(call)
    assert len(calls) == 1


@pytest.mark.parametrize("failure", [ServiceFaultError("x"), LostReplyError("x"), StaleError("x"), ConflictError("x")])
def test_a_write_that_took_effect_is_not_made_again(failure: AwsError) -> None:
    calls, call = failing(failure)
    assert retrier(Time()).write(call, settled=lambda: "found") == "found"
    assert len(calls) == 1


def test_a_throttled_write_never_took_effect_and_is_not_looked_for() -> None:
    def settled() -> str:
        raise AssertionError("nothing to look for")

    calls, call = failing(ThrottledError("x"))
    assert retrier(Time()).write(call, settled=settled) == "done"
    assert len(calls) == 2


def test_it_gives_up_within_a_minute_with_the_last_failure() -> None:
    time = Time()
    _, call = failing(*[ThrottledError("Rate exceeded")] * 50)
    with pytest.raises(ThrottledError):
        retrier(time).read(call)
    assert time.now - 100 < 60


def test_the_gate_falls_once_for_throttles_that_come_together_and_recovers() -> None:
    time = Time()
    gate = ConcurrencyLimiter(10, clock=time.clock)
    for _ in range(10):
        assert gate.enter(NEVER)
    for _ in range(10):
        gate.leave(throttled=True)
    assert gate.limit == 6
    time.now += 1
    gate.enter(NEVER)
    gate.leave(throttled=True)
    assert gate.limit == 3
    for _ in range(100):
        gate.enter(NEVER)
        gate.leave(throttled=False)
    assert gate.limit == 10


def test_the_gate_never_closes_and_never_lets_more_in_than_its_limit() -> None:
    time, gate = Time(), ConcurrencyLimiter(2)
    for _ in range(20):
        time.now += 1
        gate.enter(NEVER)
        gate.leave(throttled=True)
    assert gate.limit == 1
    assert gate.enter(NEVER)
    stop = threading.Event()
    waiting = threading.Thread(target=lambda: gate.enter(stop))
    waiting.start()
    stop.set()
    waiting.join(5)
    assert not waiting.is_alive()
