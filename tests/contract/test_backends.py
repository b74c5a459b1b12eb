"""What every backend must do, whatever is behind it.

A backend joins by adding a factory to `BACKENDS`: it gets a folder of its own and gives back
a backend that is not yet entered, for a function that works at 512 and 1024 MB.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.aws_e2e.harness import open_quickly, stand_in
from tests.cloud.fixtures import CREDENTIALS, Cloud, cloud
from tuner.backend import Backend
from tuner.documents.samples import decode_sample, encode_sample
from tuner.local.backend import open_local
from tuner.local.host import architecture
from tuner.model import Architecture, Configuration, Invocation, Outcome, Sample, Trial
from tuner.payloads import Payloads
from tuner.settings import Settings
from tuner.simulated.backend import SimulatedBackend, SimulatedFunction
from tuner.simulated.curves import Curve

__all__ = ["cloud"]

HERE = architecture() or Architecture.X86_64


def simulated(folder: Path) -> Backend:
    return SimulatedBackend(SimulatedFunction({HERE: Curve.through({128: 400.0, 10_240: 40.0})}), seed=1)


def local(folder: Path) -> Backend:
    (folder / "app.py").write_text("def handler(event, context):\n    return event['n']\n")
    return open_local(Settings(f"{folder}/app.py:handler", payloads=Payloads.decode({"n": 1})))


BACKENDS: dict[str, Callable[[Path], Backend]] = {"simulated": simulated, "local": local}


@pytest.fixture
def aws(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Backend]:
    """A factory for a function of the local stand-in."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    cloud.simulate_function("contract", architectures=(HERE.value,), model={"environments": 2, "pace": 0.1})
    asked = Settings("contract", concurrency=4)
    return lambda folder: open_quickly(asked, stand_in(cloud.endpoint), folder)


@pytest.fixture(params=[*sorted(BACKENDS), "aws"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    make = BACKENDS.get(request.param) or request.getfixturevalue("aws")
    with make(tmp_path) as one:
        yield one


def trial(number: int, memory_mb: int, *, environments: int = 2, runs: int = 2, fresh: bool = False) -> Trial:
    return Trial(number, Configuration(memory_mb, HERE), environments, runs, fresh)


def measure(backend: Backend, *trials: Trial) -> list[Sample]:
    return list(backend.measure(trials, threading.Event()))


def runs_of(samples: list[Sample], number: int) -> list[Invocation]:
    return [run for sample in samples if sample.trial_id == number for run in sample.invocations]


def test_it_says_what_it_measures(backend: Backend) -> None:
    identity = backend.describe()
    assert identity.name
    assert HERE in identity.architectures
    assert identity.max_memory_mb >= 1024
    assert identity == backend.describe()


def test_every_trial_gets_the_runs_that_it_asks_for(backend: Backend) -> None:
    trials = [trial(0, 512), trial(1, 1024, environments=3, runs=1)]
    samples = measure(backend, *trials)
    for asked in trials:
        runs = runs_of(samples, asked.id)
        assert len(runs) == asked.invocations
        assert all(run.usable for run in runs)
        assert {sample.configuration for sample in samples if sample.trial_id == asked.id} == {asked.configuration}


def test_each_environment_is_cold_once_and_its_runs_share_its_label(backend: Backend) -> None:
    runs = runs_of(measure(backend, trial(0, 512, environments=2, runs=3)), 0)
    labels = {run.environment for run in runs}
    assert len(labels) == 2
    for label in labels:
        assert [run.cold for run in runs if run.environment == label] == [True, False, False]


def test_fresh_environments_are_new_ones_and_cold_once(backend: Backend) -> None:
    before, runs = (runs_of(measure(backend, trial(n, 512, environments=2, runs=2, fresh=True)), n) for n in range(2))
    labels = {run.environment for run in runs}
    assert len(labels) == 2
    assert not labels & {run.environment for run in before}
    assert sum(run.cold for run in runs) == 2


def test_later_batches_start_new_environments(backend: Backend) -> None:
    first, second = (runs_of(measure(backend, trial(n, 512, environments=1)), n) for n in (0, 1))
    assert first[0].environment != second[0].environment
    assert second[0].cold


def test_what_was_billed_covers_what_was_run(backend: Backend) -> None:
    for run in runs_of(measure(backend, trial(0, 512)), 0):
        assert run.duration_ms is not None
        assert run.billed_duration_ms is not None
        assert run.billed_duration_ms >= run.duration_ms + (run.init_duration_ms or 0) - 0.01
        assert run.max_memory_used_mb is not None


def test_a_configuration_that_cannot_be_measured_is_refused_and_the_rest_goes_on(backend: Backend) -> None:
    other = next(a for a in Architecture if a not in backend.describe().architectures)
    samples = measure(backend, Trial(0, Configuration(512, other), 1, 1), trial(1, 512))
    assert [run.outcome for run in runs_of(samples, 0)] == [Outcome.REFUSED]
    assert all(run.usable for run in runs_of(samples, 1))


def test_nothing_is_measured_once_it_was_told_to_stop(backend: Backend) -> None:
    stop = threading.Event()
    stop.set()
    assert not list(backend.measure([trial(0, 512), trial(1, 1024)], stop))


def test_it_can_be_stopped_in_the_middle_and_keeps_what_it_has(backend: Backend) -> None:
    stop, samples = threading.Event(), []
    trials = [trial(n, 512, environments=1, runs=1) for n in range(12)]
    for sample in backend.measure(trials, stop):
        samples.append(sample)
        stop.set()
    assert 1 <= len(samples) < len(trials)
    assert all(run.outcome is Outcome.OK for sample in samples for run in sample.invocations)


def test_samples_survive_being_written_and_read(backend: Backend) -> None:
    for sample in measure(backend, trial(0, 512, environments=1)):
        assert decode_sample(json.loads(json.dumps(encode_sample(sample)))) == sample


def test_notices_have_a_code_and_a_sentence(backend: Backend) -> None:
    measure(backend, trial(0, 512))
    for notice in backend.notices():
        assert notice.code.replace("_", "").isalnum()
        assert notice.message.endswith(".")
