"""The order of runs on one machine, by runs that only wait: no worker is started."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import deque

import pytest

from tuner.local.scheduling import MAX_OVERTAKEN, Lane, LocalScheduler, Turns, interleave
from tuner.model import MB_PER_VCPU, Architecture, Configuration, Invocation, Outcome, Trial


def trial(number: int, memory_mb: int = 512, *, environments: int = 1, runs: int = 2) -> Trial:
    return Trial(number, Configuration(memory_mb, Architecture.X86_64), environments, runs)


def lane(number: int, memory_mb: int = 512, *, runs: int = 2) -> Lane:
    return Lane(trial(number, memory_mb, runs=runs), [0] * runs)


def runner(
    lanes: list[Lane], *, slots: int, fails_at: tuple[int, int] | None = None, tell_every_s: float = 60.0
) -> tuple[LocalScheduler, list[int]]:
    """A runner whose runs take 5 ms, and the ids of the trials whose runs have begun, in their order."""
    begun: list[int] = []

    def run(one: Lane) -> None:
        begun.append(one.trial.id)
        time.sleep(0.005)
        if (one.trial.id, len(one.done)) == fails_at:
            raise ValueError("no disk")
        one.done.append(Invocation(Outcome.OK))

    return LocalScheduler(lanes, run, slots=slots, at_once=slots, open_mb=1 << 20, tell_every_s=tell_every_s), begun


def test_lanes_are_opened_one_of_each_trial_per_round_in_an_order_of_the_seed() -> None:
    trials = [trial(number, environments=number + 1) for number in range(3)]
    order = [one.id for one in interleave(trials, random.Random(1))]
    assert sorted(order[:3]) == [0, 1, 2]
    assert sorted(order[3:5]) == [1, 2]
    assert order[5:] == [2]
    assert order == [one.id for one in interleave(trials, random.Random(1))]


def test_a_run_that_raises_ends_the_work_but_loses_nothing_that_was_measured() -> None:
    work, begun = runner([lane(number, runs=3) for number in range(3)], slots=1, fails_at=(1, 2))
    samples = work.samples(threading.Event())
    measured = {sample.trial_id: len(sample.invocations) for sample in itertools.islice(samples, 3)}
    with pytest.raises(ValueError, match="no disk"):
        next(samples)
    assert begun == [0, 1, 2, 0, 1, 2, 0, 1]
    assert measured == {0: 3, 1: 2, 2: 2}


def test_long_runs_are_told_before_their_lane_is_complete_and_none_twice() -> None:
    lanes = [lane(number, runs=30) for number in range(2)]
    samples = list(runner(lanes, slots=1, tell_every_s=0.0)[0].samples(threading.Event()))
    assert len(samples) > 2
    for number in range(2):
        assert sum(len(sample.invocations) for sample in samples if sample.trial_id == number) == 30


def test_what_fails_because_it_was_cut_short_is_no_failure() -> None:
    stop = threading.Event()

    def run(one: Lane) -> None:
        stop.set()
        while not one.cut:
            time.sleep(0.001)
        raise ValueError("killed")

    assert list(LocalScheduler([lane(0)], run, slots=1, at_once=1, open_mb=512).samples(stop)) == []


def test_a_large_size_is_not_starved_by_small_ones() -> None:
    large = lane(9, round(2.5 * MB_PER_VCPU), runs=3)
    turns = Turns([lane(0, runs=20), large, lane(1, runs=20), lane(2, runs=20)], slots=3, open_mb=1 << 20)
    begun: list[int] = []
    under_way: deque[Lane] = deque()
    while not turns.over:
        while one := turns.take(0.0):
            begun.append(one.trial.id)
            under_way.append(one)
        ended = under_way.popleft()
        ended.done.append(Invocation(Outcome.OK))
        turns.give_back(ended)
    at = [index for index, number in enumerate(begun) if number == 9]
    between = [later - earlier - 1 for earlier, later in itertools.pairwise([-1, *at])]
    assert len(begun) == 63
    assert 3 <= max(between) <= 3 + MAX_OVERTAKEN, "each of the others has its turn, and overtakes"


def test_small_sizes_run_side_by_side_as_far_as_their_shares_fit() -> None:
    def most(*sizes: int, expected: int) -> int:
        """The most that were under way at once; each waits for as many as are expected, until they came once."""
        busy, together, met = set[int](), list[int](), threading.Event()

        def run(one: Lane) -> None:
            busy.add(one.trial.id)
            together.append(len(busy))
            if len(busy) >= expected:
                met.set()
            met.wait(30)
            time.sleep(0.005)  # one more could come
            busy.discard(one.trial.id)
            one.done.append(Invocation(Outcome.OK))

        lanes = [lane(number, size, runs=4) for number, size in enumerate(sizes)]
        list(LocalScheduler(lanes, run, slots=1, at_once=2, open_mb=1 << 20).samples(threading.Event()))
        return max(together)

    assert most(128, 512, 768, expected=2) == 2, "as many as may be under way"
    assert most(1024, 1024, 1769, expected=1) == 1, "more than the cores that there are"


@pytest.mark.parametrize("fails", ["run", "close"])
def test_an_error_at_the_end_of_a_lane_is_told_and_ends_the_work(monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    closed: list[int] = []

    def close(one: Lane) -> None:
        closed.append(one.trial.id)
        if fails == "close" and one.complete:
            raise ValueError("no disk")

    monkeypatch.setattr(Lane, "close", close)
    work, _ = runner([lane(0, runs=1), lane(1, runs=1)], slots=1)
    if fails == "run":
        run = work._run
        monkeypatch.setattr(work, "_run", lambda one: (run(one), 1 / 0))
    samples = work.samples(threading.Event())
    assert next(samples).trial_id == 0
    with pytest.raises(ValueError if fails == "close" else ZeroDivisionError):
        list(samples)
    assert 0 in closed
