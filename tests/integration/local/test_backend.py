"""The local backend: what it accepts, what it measures, what it leaves out, and that it ends."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.integration.local.workers import processes_with, soon
from tuner.documents.samples import decode_sample, encode_sample
from tuner.errors import BackendError, InputError
from tuner.local.backend import LocalBackend, describe_local, handler_faults, open_local
from tuner.local.factory import LocalFactory
from tuner.local.host import architecture, cores, cpu_model, max_memory_mb
from tuner.local.limits.cpu import PERIOD_S
from tuner.local.limits.governor import Governor
from tuner.model import Architecture, BackendKind, Configuration, Invocation, Outcome, Sample, Trial
from tuner.payloads import Payloads
from tuner.pricing.price_list import price_list
from tuner.search.space import left_out
from tuner.settings import LocalOptions, MemorySizes, Settings

HERE = architecture() or Architecture.X86_64
EXAMPLES = Path(__file__).parents[3] / "examples" / "functions"


def write(folder: Path, source: str, name: str = "app.py") -> str:
    (folder / name).write_text(source)
    return f"{folder / name}:handler"


def trial(number: int, memory_mb: int = 512, *, environments: int = 1, runs: int = 2) -> Trial:
    return Trial(number, Configuration(memory_mb, HERE), environments, runs)


def measure(settings: Settings, *trials: Trial) -> list[Sample]:
    with open_local(settings) as backend:
        return list(backend.measure(trials, threading.Event()))


def _measured(settings: Settings, stop: threading.Event, *trials: Trial) -> list[Sample]:
    began = time.monotonic()
    with open_local(settings) as backend:
        samples = list(backend.measure(trials, stop))
    assert time.monotonic() - began < 30
    return samples


def runs_of(samples: list[Sample]) -> list[Invocation]:
    return [run for sample in samples for run in sample.invocations]


def test_a_description_tells_the_machine_and_how_the_handler_was_named(tmp_path: Path) -> None:
    target = write(tmp_path, "def handler(event, context): ...")
    found = describe_local(Settings(target))
    assert found.details == {"cores": cores(), "cpu": cpu_model(), "arguments": [target]}


def test_a_target_has_all_its_faults_told_at_once(tmp_path: Path) -> None:
    faults = handler_faults(f"{tmp_path}/absent.py:not a name")
    assert [fault.path for fault in faults] == ["TARGET", "TARGET"]
    assert "absent.py does not exist" in faults[0].problem
    assert "'not a name' is not the name of a function" in faults[1].problem
    assert all(fault.remedy for fault in faults)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def other(event, context): ...", "Handler 'handler' missing on module 'app'"),
        ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
        ("def handler(:", "Runtime.UserCodeSyntaxError"),
        ("raise OSError('no disk')", "OSError: no disk"),
        ("import sys; sys.exit(5)", "exit status 5"),
    ],
)
def test_a_handler_that_cannot_be_loaded_is_a_fault_with_its_own_error(tmp_path: Path, source: str, told: str) -> None:
    (fault,) = handler_faults(write(tmp_path, source))
    assert told in fault.problem


def test_a_handler_that_loads_has_no_fault(tmp_path: Path) -> None:
    assert handler_faults(write(tmp_path, "def handler(event, context): ...")) == ()


def test_runs_of_an_environment_begin_with_a_period_of_their_own(tmp_path: Path) -> None:
    """Else a short run would wait for the quota that the run before it used up, as no traffic over a network does."""
    settings = Settings(write(tmp_path, "def handler(event, context): ..."))
    runs = runs_of(measure(settings, trial(0, 512, environments=1, runs=6)))
    began = [datetime.fromisoformat(run.started_at) for run in runs]
    apart_s = [(later - earlier).total_seconds() for earlier, later in pairwise(began)]
    assert min(apart_s) >= PERIOD_S


def test_processors_must_be_handlers_on_this_machine_too(tmp_path: Path) -> None:
    target = write(tmp_path, "def handler(event, context): ...")
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:pre"
    with pytest.raises(InputError) as caught:
        LocalBackend(Settings(f"{target}x y", pre_processor=arn))
    assert {fault.path for fault in caught.value.faults} == {"TARGET", "--pre-processor"}


def test_it_is_told_what_it_is_and_what_can_be_measured(tmp_path: Path) -> None:
    settings = Settings(write(tmp_path, "def handler(event, context): ..."))
    identity = describe_local(settings)
    assert identity.backend is BackendKind.LOCAL
    assert identity.name == f"{tmp_path.name}/app.py:handler"
    assert identity.architectures == (HERE,)
    assert identity.max_memory_mb == max_memory_mb()
    assert identity.current is None
    assert identity.runtime is not None
    assert identity.runtime.startswith("python3.")


def test_a_timeout_that_nobody_set_is_none_of_the_function(tmp_path: Path) -> None:
    target = write(tmp_path, "def handler(event, context): ...")
    assert describe_local(Settings(target)).timeout_s is None
    assert describe_local(Settings(target, local=LocalOptions(timeout_s=3))).timeout_s == 3


def test_the_code_hash_follows_the_sources_and_nothing_else(tmp_path: Path) -> None:
    settings = Settings(write(tmp_path, "def handler(event, context): ..."))
    before = describe_local(settings).code_sha256
    (tmp_path / "result.json").write_text("{}")
    assert describe_local(settings).code_sha256 == before
    (tmp_path / "helper.py").write_text("")
    assert describe_local(settings).code_sha256 != before


def test_what_is_no_source_file_is_left_out_of_the_code_hash(tmp_path: Path) -> None:
    settings = Settings(write(tmp_path, "def handler(event, context): ..."))
    before = describe_local(settings).code_sha256
    (tmp_path / ".#app.py").symlink_to("somebody@host.1234")  # the lock of Emacs
    (tmp_path / "broken.py").symlink_to("nowhere.py")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    assert describe_local(settings).code_sha256 == before


def test_weighted_payloads_get_their_shares_of_a_trial(tmp_path: Path) -> None:
    payloads = Payloads.decode([{"payload": {"n": 1}, "weight": 3}, {"payload": {"n": 2}, "weight": 1}])
    source = "def handler(event, context):\n    raise ValueError(event['n'])"
    settings = Settings(write(tmp_path, source), payloads=payloads, allowed_exceptions=("ValueError",))
    runs = runs_of(measure(settings, trial(0, environments=2, runs=4)))
    assert sorted(run.payload for run in runs) == [0] * 6 + [1] * 2
    assert all(run.error and run.error.message == str(run.payload + 1) for run in runs)
    assert all(run.usable and run.outcome is Outcome.ERROR for run in runs), "the exception is allowed"


def test_processors_see_every_payload_and_every_output(tmp_path: Path, notes: Path) -> None:
    (tmp_path / "pre.py").write_text("def handler(event, context): return {'n': event['n'] + 1}")
    (tmp_path / "post.py").write_text(
        "import os\n"
        "def handler(event, context):\n"
        "    with open(os.environ['NOTES'] + '/outputs', 'a') as file: file.write(f'{event}\\n')\n"
    )
    settings = Settings(
        write(tmp_path, "def handler(event, context): return event['n'] * 10"),
        payloads=Payloads.decode({"n": 1}),
        pre_processor=f"{tmp_path}/pre.py:handler",
        post_processor=f"{tmp_path}/post.py:handler",
    )
    measure(settings, trial(0))
    assert (notes / "outputs").read_text() == "20\n20\n"


def test_the_output_of_a_run_that_failed_is_not_processed(tmp_path: Path) -> None:
    (tmp_path / "post.py").write_text("def handler(event, context): return event['status']")
    source = "def handler(event, context): raise ValueError('no order')"
    settings = Settings(write(tmp_path, source), post_processor=f"{tmp_path}/post.py:handler")
    runs = runs_of(measure(settings, trial(0)))
    assert [run.error.type for run in runs if run.error] == ["ValueError", "ValueError"]


def test_a_processor_that_fails_ends_the_work_with_its_own_error(tmp_path: Path) -> None:
    (tmp_path / "pre.py").write_text("def handler(event, context): raise KeyError('gone')")
    settings = Settings(write(tmp_path, "def handler(event, context): ..."), pre_processor=f"{tmp_path}/pre.py:handler")
    with pytest.raises(BackendError, match="pre-processor failed: KeyError: 'gone'"):
        measure(settings, trial(0))


def test_what_was_measured_before_a_processor_failed_is_kept(tmp_path: Path) -> None:
    (tmp_path / "post.py").write_text("def handler(event, context):\n    if event == 2: raise KeyError('gone')\n")
    source = "runs = 0\ndef handler(event, context):\n    global runs\n    runs += 1\n    return runs\n"
    settings = Settings(write(tmp_path, source), post_processor=f"{tmp_path}/post.py:handler")
    with open_local(settings) as backend:
        samples = backend.measure([trial(0, runs=4)], threading.Event())
        assert len(next(samples).invocations) == 2
        with pytest.raises(BackendError, match="post-processor failed: KeyError: 'gone'"):
            next(samples)


@pytest.mark.parametrize("processor", ["pre_processor", "post_processor"])
def test_stopping_ends_a_processor_that_hangs_and_keeps_what_was_measured(
    tmp_path: Path, notes: Path, processor: str
) -> None:
    hang = (
        "import os, time\n"
        "def handler(event, context):\n    open(os.environ['NOTES'] + '/hangs', 'w').close(); time.sleep(600)\n"
    )
    settings = Settings(
        write(tmp_path, "def handler(event, context): ..."),
        **{processor: write(tmp_path, hang, "hang.py")},  # type: ignore[arg-type]
    )
    stop = threading.Event()
    threading.Thread(target=lambda: soon((notes / "hangs").exists) and stop.set()).start()
    runs = runs_of(list(_measured(settings, stop, trial(0))))
    assert [run.outcome for run in runs] == [Outcome.OK] * (processor == "post_processor")


def test_runs_of_different_trials_take_turns(tmp_path: Path) -> None:
    settings = Settings(write(tmp_path, "def handler(event, context): ..."), sleep_between_runs_ms=5)
    samples = measure(settings, *(trial(number, runs=3) for number in range(3)))
    last_first_run = max(sample.invocations[0].started_at for sample in samples)
    first_last_run = min(sample.invocations[-1].started_at for sample in samples)
    assert last_first_run < first_last_run


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to a core")
def test_a_machine_with_one_core_measures_what_it_has_the_cores_for_and_says_what_it_left_out(tmp_path: Path) -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        with open_local(Settings(write(tmp_path, "def handler(event, context): ..."))) as backend:
            samples = list(backend.measure([trial(0, 512), trial(1, 1769), trial(2, 1770)], threading.Event()))
            notices = {notice.code: notice.message for notice in backend.notices()}
    finally:
        os.sched_setaffinity(0, allowed)
    assert {sample.trial_id: sample.refused for sample in samples} == {0: False, 1: False, 2: True}
    assert all(run.outcome is Outcome.OK for sample in samples if not sample.refused for run in sample.invocations)
    assert "1 core (" in notices["one_core"]
    assert "1,770 MB" in notices["sizes_left_out"]


def test_a_local_estimate_says_so_and_how_steady_the_machine_was(tmp_path: Path) -> None:
    with open_local(Settings(write(tmp_path, "def handler(event, context): ..."))) as backend:
        list(backend.measure([trial(0, environments=5)], threading.Event()))
        notice = backend.notices()[0]
    assert notice.code == "local_estimate"
    assert "local estimate" in notice.message
    assert "The CPU time of a fixed piece of work varied by" in notice.message
    assert "of their time for a core" in notice.message


def test_a_session_that_measures_nothing_tells_the_same_of_the_runs_before_it(tmp_path: Path) -> None:
    settings = Settings(write(tmp_path, "def handler(event, context): return {'statusCode': 500}"))
    with open_local(settings) as first:
        samples = list(first.measure([trial(0, environments=5)], threading.Event()))
        told = first.notices()
    with open_local(settings) as later:
        later.recall([decode_sample(encode_sample(sample)) for sample in samples])
        assert later.notices() == told
    assert {"local_estimate", "first_answer", "failing_answers"} <= {notice.code for notice in told}


def test_stopping_ends_a_long_run_at_once_and_leaves_no_worker(tmp_path: Path, notes: Path) -> None:
    source = (
        "import os, time\n"
        "def handler(event, context):\n    open(os.environ['NOTES'] + '/runs', 'w').close(); time.sleep(600)"
    )
    settings = Settings(write(tmp_path, source))
    stop = threading.Event()
    with open_local(settings) as backend:
        watcher = threading.Thread(target=lambda: soon((notes / "runs").exists) and stop.set())
        watcher.start()
        began = time.monotonic()
        assert list(backend.measure([trial(0)], stop)) == []
        watcher.join()
        assert time.monotonic() - began < 60
    assert not processes_with(f"LAMBDA_TASK_ROOT={tmp_path}")


def test_stopping_ends_a_function_that_is_still_loading(tmp_path: Path, notes: Path) -> None:
    source = "import os, time\nopen(os.environ['NOTES'] + '/loads', 'w').close(); time.sleep(600)\n"
    settings = Settings(write(tmp_path, f"{source}def handler(event, context): ..."))
    stop, stopped_at = threading.Event(), []
    with open_local(settings) as backend:
        watcher = threading.Thread(
            target=lambda: soon((notes / "loads").exists) and (stopped_at.append(time.monotonic()), stop.set())
        )
        watcher.start()
        assert list(backend.measure([trial(0)], stop)) == []
        watcher.join()
    assert time.monotonic() - stopped_at[0] < 6


@pytest.mark.usefixtures("notes")
def test_a_worker_killed_from_outside_is_an_error_and_the_trial_goes_on(tmp_path: Path) -> None:
    source = """
import os, signal
def handler(event, context):
    try:
        open(os.environ["NOTES"] + "/killed", "x")
    except FileExistsError:
        return "well"
    os.kill(os.getpid(), signal.SIGKILL)
"""
    runs = runs_of(measure(Settings(write(tmp_path, source)), trial(0, runs=3)))
    assert [run.outcome for run in runs] == [Outcome.ERROR, Outcome.OK, Outcome.OK]
    assert runs[0].error is not None
    assert runs[0].error.type == "Runtime.ExitError"
    assert runs[1].cold, "a new environment"


def test_a_function_that_cannot_start_fails_each_run_with_its_own_error(tmp_path: Path) -> None:
    runs = runs_of(measure(Settings(write(tmp_path, "raise OSError('no disk')")), trial(0)))
    assert [run.outcome for run in runs] == [Outcome.ERROR] * 2
    assert all(run.error and run.error.type == "OSError" for run in runs)


def example(folder: str, file: str = "app.py") -> Settings:
    payload = json.loads((EXAMPLES / folder / "payload.json").read_text())
    return Settings(f"{EXAMPLES / folder / file}:handler", payloads=Payloads.decode(payload))


@pytest.mark.parametrize(
    ("folder", "file"),
    [("cpu_bound", "app.py"), ("io_bound", "app.py"), ("mixed", "app.py"), ("nodejs", "index.mjs")],
)
def test_the_example_functions_work_and_leave_a_whole_report(folder: str, file: str) -> None:
    for run in runs_of(measure(example(folder, file), trial(0, 1769))):
        assert run.outcome is Outcome.OK, run.error
        assert run.cpu_ms is not None
        assert run.max_memory_used_mb


def test_the_example_that_waits_is_flat_and_the_one_that_computes_is_not() -> None:
    def runs(folder: str, memory_mb: int) -> list[Invocation]:
        return runs_of(measure(example(folder), trial(0, memory_mb, runs=3)))

    waiting = [min(run.duration_ms or 0 for run in runs("io_bound", memory_mb)) for memory_mb in (256, 1769)]
    assert waiting[0] < 2 * waiting[1]
    # Against its own CPU time: that holds on a busy machine too.
    assert all((run.duration_ms or 0) > 5 * (run.cpu_ms or 0) for run in runs("cpu_bound", 256))


def test_the_memory_hungry_example_fails_at_small_sizes_alone() -> None:
    samples = measure(example("memory_hungry"), trial(0, 256, runs=1), trial(1, 1769, runs=1))
    outcomes = {sample.trial_id: sample.invocations[0].outcome for sample in samples}
    assert outcomes == {0: Outcome.OUT_OF_MEMORY, 1: Outcome.OK}


def test_the_flaky_example_fails_at_the_same_invocations_for_the_same_seed() -> None:
    target = f"{EXAMPLES / 'flaky' / 'app.py'}:handler"
    settings = Settings(target, payloads=Payloads.decode({"failure_rate": 0.5, "seed": 3, "rounds": 1}))
    first, second = (runs_of(measure(settings, trial(0, 1769, runs=12))) for _ in range(2))
    assert [run.outcome for run in first] == [run.outcome for run in second]
    assert {run.outcome for run in first} == {Outcome.OK, Outcome.ERROR}
    assert {run.error.type for run in first if run.error} == {"UpstreamUnavailableError"}


@pytest.mark.parametrize("hidden", [False, True])
def test_an_error_quotes_the_payload_unless_payloads_must_not_be_shown(tmp_path: Path, hidden: bool) -> None:
    target = write(tmp_path, "def handler(event, context): raise ValueError(f'cannot read {event}')")
    payloads = Payloads.decode({"token": "hunter2"})
    (run,) = runs_of(measure(Settings(target, payloads=payloads, disable_payload_logs=hidden), trial(0, runs=1)))
    assert run.error is not None
    assert run.error.message == ("cannot read {'…': '…'}" if hidden else "cannot read {'token': 'hunter2'}")


@pytest.mark.parametrize("processor", ["pre_processor", "post_processor"])
def test_a_processor_that_fails_does_not_quote_what_must_not_be_shown(tmp_path: Path, processor: str) -> None:
    (tmp_path / "fails.py").write_text("def handler(event, context): raise ValueError(f'cannot read {event}')")
    settings = Settings(
        write(tmp_path, "def handler(event, context): return event"),
        payloads=Payloads.decode({"token": "hunter2"}),
        disable_payload_logs=True,
        **{processor: f"{tmp_path}/fails.py:handler"},  # type: ignore[arg-type]
    )
    with pytest.raises(BackendError, match="processor failed: ValueError: cannot read") as caught:
        measure(settings, trial(0, runs=1))
    assert "hunter2" not in caught.value.message


def test_no_error_of_a_processor_or_of_loading_tells_a_variable(tmp_path: Path) -> None:
    quotes = "import os\ndef handler(event, context): raise ValueError(os.environ['DB_URL'])\n"
    local = LocalOptions(environment={"DB_URL": "postgres://hunter2@db"})
    post = write(tmp_path, quotes, "post.py")
    settings = Settings(write(tmp_path, "def handler(event, context): ..."), local=local, post_processor=post)
    with pytest.raises(BackendError, match="post-processor failed: ValueError: …"):
        measure(settings, trial(0, runs=1))
    (tmp_path / "loads.py").write_text("import os, sys\nprint(os.environ['DB_URL'])\nsys.exit(os.environ['DB_URL'])")
    (fault,) = handler_faults(f"{tmp_path}/loads.py:handler", local)
    assert "hunter2" not in fault.problem
    assert "…" in fault.problem


def test_code_that_lies_in_tmp_itself_is_a_fault_where_workers_have_their_own() -> None:
    with Governor() as governor:
        if not governor.isolates:
            pytest.skip("workers share /tmp here")
    with tempfile.NamedTemporaryFile("w", dir="/tmp", prefix="app", suffix=".py") as file:
        file.write("def handler(event, context): ...")
        file.flush()
        (fault,) = handler_faults(f"{file.name}:handler")
    assert fault.problem == "the code lies in /tmp itself, of which each environment has its own"
    assert fault.remedy == "put it into a folder below"


def test_a_plan_tells_what_would_be_left_out_as_the_result_does(tmp_path: Path) -> None:
    other = next(architecture for architecture in Architecture if architecture is not HERE)
    settings = Settings(
        write(tmp_path, "def handler(event, context): ..."),
        memory=MemorySizes(listed=(128, 10_240)),
        architectures=tuple(Architecture),
        local=LocalOptions(architecture=other.value),
    )
    told = LocalFactory(price_list).plan(settings)
    with open_local(settings) as backend:
        found = [*backend.notices(), *left_out(settings, backend.describe())]
    messages = [notice.message for notice in found if notice.code.endswith("_left_out")]
    assert any(f"{other} cannot be measured here" in message for message in messages)
    assert any(f"declared for {other}" in message for message in messages)
    assert all(f"  note       {message}" in told.splitlines() for message in messages)
