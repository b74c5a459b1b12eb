"""When the samples of a round are stored."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from statemachine.measuring.trial_runs import SampleKeeper
from tuner.model import Architecture, Configuration, Sample

AT = Configuration(512, Architecture.X86_64)
SOON_S = 10.0


class Written:
    """What was written, and when something was."""

    def __init__(self) -> None:
        self.trials: list[list[int]] = []
        self.once = threading.Event()

    def __call__(self, samples: Sequence[Sample]) -> None:
        self.trials.append([sample.trial_id for sample in samples])
        self.once.set()


def sample(trial: int) -> Sample:
    return Sample(trial, AT, ())


def test_the_samples_of_a_round_are_written_once() -> None:
    written = Written()
    keeper = SampleKeeper(written, {1: 2, 2: 1}, late_s=SOON_S)
    for trial in (1, 2, 1):
        keeper.add(sample(trial))
    keeper.close()
    assert written.trials == [[1, 2, 1]]


def test_a_trial_that_ended_is_stored_while_another_one_goes_on() -> None:
    written = Written()
    keeper = SampleKeeper(written, {1: 1, 2: 2}, late_s=0.0)
    keeper.add(sample(2))
    keeper.add(sample(1))
    assert written.once.wait(SOON_S)
    assert written.trials == [[1]]
    keeper.close()
    assert written.trials[-1] == [2, 1]


def test_samples_of_a_trial_that_did_not_end_are_stored_at_the_end() -> None:
    written = Written()
    keeper = SampleKeeper(written, {1: 3}, late_s=0.0)
    keeper.add(sample(1))
    keeper.close()
    assert written.trials == [[1]]


def test_without_a_sample_nothing_is_written() -> None:
    written = Written()
    SampleKeeper(written, {1: 1}).close()
    assert written.trials == []
