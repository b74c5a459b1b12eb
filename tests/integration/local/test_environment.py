"""Execution environments run a handler as Lambda does, whatever it does."""

from __future__ import annotations

import errno
import json
import os
import py_compile
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.local import busy_loops
from tests.integration.local.workers import left_of, python_spec, returned, shadow, soon
from tuner.errors import BackendError
from tuner.local.limits.governor import Governor
from tuner.local.limits.processes import any_is_ready
from tuner.local.worker.environment import ExecutionEnvironment, error_of
from tuner.local.worker.runtimes import NODE
from tuner.local.worker.spec import LogFormat, WorkerSpec
from tuner.report_line import parse_log


def test_the_response_is_what_the_handler_returned(tmp_path: Path, governor: Governor) -> None:
    with ExecutionEnvironment(python_spec(tmp_path, "echo"), governor) as environment:
        assert returned(environment.invoke(b'{"a": [1, "\xc3\xbc"]}')) == {"a": [1, "ü"]}
        assert returned(environment.invoke(b"")) == {}


def test_nothing_can_be_written_beside_the_code_and_tmp_can_as_in_lambda(tmp_path: Path, governor: Governor) -> None:
    if not governor.isolates:
        pytest.skip("this host lets no process have mounts of its own")
    (tmp_path / "app.py").write_text(
        "def write(event, context):\n"
        "    try:\n"
        "        open(event, 'w').close()\n"
        "    except OSError as error:\n"
        "        return error.errno\n"
    )
    with ExecutionEnvironment(python_spec(tmp_path, "write"), governor) as environment:
        assert returned(environment.invoke(b'"cache.db"')) == errno.EROFS
        assert returned(environment.invoke(json.dumps(f"{tmp_path}/app.py").encode())) == errno.EROFS
        assert returned(environment.invoke(b'"/tmp/cache.db"')) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.py"]


def test_modules_are_looked_for_in_folders_that_the_shell_names_from_where_it_is(
    tmp_path: Path, governor: Governor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fn").mkdir()
    (tmp_path / "fn" / "app.py").write_text("import theirs\ndef echo(event, context): return theirs.there")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "theirs.py").write_text("there = 'here'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "lib")
    with ExecutionEnvironment(python_spec(tmp_path / "fn", "echo", inherit_environment=True), governor) as environment:
        assert returned(environment.invoke(b"{}")) == "here"


def test_a_child_that_stays_stopped_is_continued(tmp_path: Path, governor: Governor) -> None:
    """Whoever is forked while the limiter stops and continues its group may stay stopped: here it stops itself."""
    (tmp_path / "app.py").write_text(
        "import os, signal\n"
        "def fork(event, context):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        os.kill(os.getpid(), signal.SIGSTOP)\n"
        "        os._exit(7)\n"
        "    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
    )
    with ExecutionEnvironment(python_spec(tmp_path, "fork", timeout_s=10.0), governor) as environment:
        assert returned(environment.invoke(b"{}")) == 7


def test_a_handler_need_not_be_true(tmp_path: Path, governor: Governor) -> None:
    with ExecutionEnvironment(python_spec(tmp_path, "falsy"), governor) as environment:
        assert returned(environment.invoke(b"{}")) == "called"


@pytest.mark.parametrize("safe_path", ["", "1"])
def test_a_worker_starts_beside_modules_that_are_named_like_those_of_the_standard_library(
    tmp_path: Path, governor: Governor, monkeypatch: pytest.MonkeyPatch, safe_path: str
) -> None:
    shadow(tmp_path)
    (tmp_path / "app.py").write_text(
        "import theirs, colorsys\ndef echo(event, context): return [theirs.there, colorsys.__file__]"
    )
    (tmp_path / "colorsys.py").write_text("")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "theirs.py").write_text("there = True")
    monkeypatch.setenv("PYTHONSAFEPATH", safe_path)
    monkeypatch.setenv("PYTHONPATH", f"{theirs}{os.pathsep}")  # ends with an empty entry: the current folder
    with ExecutionEnvironment(python_spec(tmp_path, "echo", inherit_environment=True), governor) as environment:
        own = str(tmp_path / "colorsys.py")
        assert returned(environment.invoke(b"{}")) == [True, own], "the function's own come first, as in Lambda"


def test_byte_code_that_lies_beside_the_code_is_not_used_but_that_of_packages_installed_below_is(
    tmp_path: Path, governor: Governor, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, installed = tmp_path / "package", tmp_path / "pack"
    package.mkdir()
    installed.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(installed))
    (tmp_path / "app.py").write_text(
        "import package.module, theirs\ndef echo(event, context): return [package.module.answer, theirs.answer]"
    )
    for module in (package / "__init__.py", package / "module.py", installed / "theirs.py"):
        module.write_text("answer = 'stale'")
        py_compile.compile(str(module), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        module.write_text("answer = 'fresh'")
    with ExecutionEnvironment(python_spec(tmp_path, "echo", inherit_environment=True), governor) as environment:
        assert returned(environment.invoke(b"{}")) == ["fresh", "stale"]


def test_the_context_and_the_variables_are_those_of_lambda(tmp_path: Path, governor: Governor) -> None:
    spec = python_spec(
        tmp_path, "about", memory_mb=512, timeout_s=20.0, environment=(("GREETING", "hello"),), version="7"
    )
    with ExecutionEnvironment(spec, governor) as environment:
        about = returned(environment.invoke(b"{}", request_id="id-1", arn="arn:aws:lambda:eu-west-1:1:function:f:7"))
    assert 10_000 < about.pop("left_ms") <= 20_000
    assert about == {
        "aws_request_id": "id-1",
        "function_name": "example",
        "function_version": "7",
        "memory_limit_in_mb": "512",
        "invoked_function_arn": "arn:aws:lambda:eu-west-1:1:function:f:7",
        "variable": "hello",
    }


def test_the_first_invocation_alone_is_cold_and_pays_for_its_init(tmp_path: Path, governor: Governor) -> None:
    with ExecutionEnvironment(python_spec(tmp_path, "echo"), governor) as environment:
        first, second = environment.invoke(b"{}"), environment.invoke(b"{}")
    assert first.init_duration_ms is not None
    assert first.billed_duration_ms >= first.init_duration_ms
    assert second.init_duration_ms is None
    assert first.environment == second.environment


def test_an_init_phase_beyond_its_limit_goes_on_within_the_first_invocation_which_is_cold(
    tmp_path: Path, governor: Governor
) -> None:
    (tmp_path / "app.py").write_text("import time\ntime.sleep(0.4)\ndef echo(event, context): return event")
    with ExecutionEnvironment(python_spec(tmp_path, "echo", init_limit_s=0.1), governor) as environment:
        first, second = environment.invoke(b"{}"), environment.invoke(b"{}")
    assert first.init_duration_ms == 100.0
    assert first.duration_ms >= 300.0
    assert second.init_duration_ms is None
    assert second.duration_ms < 300.0


def test_the_report_line_is_read_by_the_same_parser_as_those_of_aws(tmp_path: Path, governor: Governor) -> None:
    for form in LogFormat:
        with ExecutionEnvironment(python_spec(tmp_path, "echo", log_format=form), governor) as environment:
            result = environment.invoke(b"{}")
        report = parse_log(result.log.decode(), result.request_id)
        assert report is not None
        assert report.duration_ms == pytest.approx(result.duration_ms, abs=0.01)
        assert report.billed_duration_ms == result.billed_duration_ms
        assert report.memory_size_mb == 1769
        assert report.max_memory_used_mb == result.max_memory_used_mb
        assert report.init_duration_ms == pytest.approx(result.init_duration_ms, abs=0.01)


def test_what_a_function_prints_is_not_taken_for_its_report(tmp_path: Path, governor: Governor) -> None:
    with ExecutionEnvironment(python_spec(tmp_path, "forge"), governor) as environment:
        result = environment.invoke(b"{}")
    assert b"Duration: 99999.00 ms" in result.log
    report = parse_log(result.log.decode(), result.request_id)
    assert report is not None
    assert report.duration_ms < 10_000


def test_an_error_keeps_its_type_message_and_stack_and_the_worker_lives_on(tmp_path: Path, governor: Governor) -> None:
    with ExecutionEnvironment(python_spec(tmp_path, "fail"), governor) as environment:
        result = environment.invoke(b"{}")
        assert environment.usable
    assert result.error is not None
    assert (result.error.type, result.error.message) == ("ValueError", "no good")
    assert 'raise ValueError("no good")' in result.error.stack[-1]
    assert len(result.error.stack) == 1, "the runtime's own frames are not shown"
    assert b"about to fail\n[ERROR] ValueError: no good\rTraceback" in result.log


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("leave", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("quit", "Runtime.ExitError", "Runtime exited without providing a reason"),
        ("large", "Function.ResponseSizeTooLarge", "exceeded maximum allowed payload size (6291556 bytes)"),
        ("unserialisable", "Runtime.MarshalError", "Unable to marshal response: Object of type object"),
        ("absent", "Runtime.HandlerNotFound", "Handler 'absent' missing on module 'app'"),
        ("nothing", "TypeError", "'NoneType' object is not callable"),
        ("fail_without_encoding", "ValueError", "half a pair: ?"),
    ],
)
def test_errors_have_the_types_of_lambda(
    tmp_path: Path, governor: Governor, handler: str, kind: str, message: str
) -> None:
    with ExecutionEnvironment(python_spec(tmp_path, handler), governor) as environment:
        result = environment.invoke(b"{}")
    assert result.error is not None
    assert result.error.type == kind
    assert message in result.error.message


@pytest.mark.skipif(not shutil.which("node"), reason="there is no Node.js in PATH")
def test_an_error_of_node_is_told_whatever_was_put_into_its_fields(tmp_path: Path, governor: Governor) -> None:
    (tmp_path / "index.mjs").write_text(
        "export const handler = () => { throw Object.assign(new Error('x'), { message: undefined, stack: ['a'] }); };"
    )
    spec = WorkerSpec("example", "index.handler", "nodejs20.x", NODE.command(), tmp_path, 1769, timeout_s=30.0)
    with ExecutionEnvironment(spec, governor) as environment:
        error = environment.invoke(b"{}").error
    assert error is not None
    assert error.type == "handled"
    assert "there was a problem while retrieving" in error.message


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("import nothing_of_that_name", "Runtime.ImportModuleError"),
        ("def f(:", "Runtime.UserCodeSyntaxError"),
        ("raise OSError('at start')", "OSError"),
    ],
)
def test_a_module_that_cannot_be_loaded_fails_its_invocation(
    tmp_path: Path, governor: Governor, source: str, kind: str
) -> None:
    (tmp_path / "app.py").write_text(source)
    with ExecutionEnvironment(python_spec(tmp_path, "f"), governor) as environment:
        error = environment.load()
        assert error is not None
        result = environment.invoke(b"{}")
        assert not environment.usable
    assert result.error == error
    assert result.error.type == kind


def test_a_worker_that_cannot_be_started_is_told_with_a_remedy(tmp_path: Path, governor: Governor) -> None:
    with pytest.raises(BackendError, match="cannot start nothing-of-that-name") as caught:
        ExecutionEnvironment(python_spec(tmp_path, "echo", interpreter="nothing-of-that-name"), governor)
    assert "PATH" in caught.value.hint


def test_an_interruption_while_a_worker_is_handed_over_leaves_none_behind(tmp_path: Path) -> None:
    class Interrupted(Governor):
        def start(self, *arguments: Any) -> int:
            super().start(*arguments)
            raise KeyboardInterrupt

    with Interrupted() as governor:
        with pytest.raises(KeyboardInterrupt):
            ExecutionEnvironment(python_spec(tmp_path, "echo"), governor)
        helper = psutil.Process(governor.pid)
    assert not helper.is_running()


def test_a_process_that_ends_while_loading_is_an_exit_error(tmp_path: Path, governor: Governor) -> None:
    (tmp_path / "app.py").write_text("import sys; sys.exit(9)")
    with ExecutionEnvironment(python_spec(tmp_path, "f"), governor) as environment:
        result = environment.invoke(b"{}")
    assert result.error is not None
    assert result.error.type == "Runtime.ExitError"
    assert "exit status 9" in result.error.message


def test_a_timeout_ends_the_worker_and_lasts_as_long_as_it_says(tmp_path: Path, governor: Governor) -> None:
    with ExecutionEnvironment(python_spec(tmp_path, "sleep", timeout_s=0.2), governor) as environment:
        result = environment.invoke(b'{"s": 60}')
        assert not environment.usable
    assert result.error is not None
    assert result.error.type == "Sandbox.Timedout"
    assert "Task timed out after 0.20 seconds" in result.error.message
    report = parse_log(result.log.decode(), result.request_id)
    assert report is not None
    assert (report.status, report.duration_ms) == ("timeout", 200.0)


def test_a_timeout_does_not_count_the_wait_for_a_core(tmp_path: Path, governor: Governor) -> None:
    with ExecutionEnvironment(python_spec(tmp_path, "burn", timeout_s=0.4), governor) as environment:
        environment.invoke(b'{"s": 0}')
        with busy_loops(6 * (os.cpu_count() or 1)):
            result = environment.invoke(b'{"s": 0.2}')
    assert result.error is None
    assert result.wall_ms > 400, "it took longer than the timeout, and waited"


def test_a_timeout_does_not_come_while_a_wait_for_a_core_is_under_way(tmp_path: Path) -> None:
    class Busy(Governor):
        asked = 0

        def lost(self, pid: int) -> tuple[float, bool]:
            self.asked += 1
            return 0.0, self.asked < 20

    with Busy() as governor:
        with ExecutionEnvironment(python_spec(tmp_path, "sleep", timeout_s=0.1), governor) as environment:
            assert environment.invoke(b'{"s": 0.4}').error is None
        with ExecutionEnvironment(python_spec(tmp_path, "sleep", timeout_s=0.1), governor) as environment:
            error = environment.invoke(b'{"s": 60}').error
    assert error is not None
    assert error.type == "Sandbox.Timedout"
    assert governor.asked >= 20


def test_whoever_computes_is_ready_and_whoever_sleeps_is_not() -> None:
    with busy_loops(1) as loops:
        assert soon(lambda: any_is_ready(loops)) == (sys.platform == "linux")
    with subprocess.Popen(["sleep", "60"]) as asleep:
        assert soon(lambda: not any_is_ready([asleep.pid]))
        asleep.kill()


def test_a_run_that_timed_out_tells_its_wait_for_a_core(tmp_path: Path, governor: Governor) -> None:
    with ExecutionEnvironment(python_spec(tmp_path, "burn", timeout_s=0.1), governor) as environment:
        environment.invoke(b'{"s": 0}')
        with busy_loops(4 * (os.cpu_count() or 1)):
            result = environment.invoke(b'{"s": 60}')
    assert result.error is not None
    assert result.error.type == "Sandbox.Timedout"
    assert 0 < result.waited_ms < result.wall_ms


@pytest.mark.parametrize(
    ("handler", "payload"),
    [("hold", b'{"mb": 200}'), ("hold", b'{"mb": 200, "quickly": true}'), ("hold_in_child", b'{"mb": 200}')],
)
def test_memory_over_the_limit_kills_the_worker(
    tmp_path: Path, governor: Governor, handler: str, payload: bytes
) -> None:
    spec = python_spec(tmp_path, handler, memory_mb=128, throttled=False)
    with ExecutionEnvironment(spec, governor) as environment:
        result = environment.invoke(payload)
        assert not environment.usable
    assert result.error is not None
    assert result.error.type == "Runtime.OutOfMemory"
    report = parse_log(result.log.decode(), result.request_id)
    assert report is not None
    assert (report.status, report.error_type, report.max_memory_used_mb) == ("error", "Runtime.OutOfMemory", 128)


def test_memory_within_the_limit_is_reported_at_its_peak(tmp_path: Path, governor: Governor) -> None:
    spec = python_spec(tmp_path, "hold", memory_mb=512, throttled=False)
    with ExecutionEnvironment(spec, governor) as environment:
        result = environment.invoke(b'{"mb": 100, "quickly": true}')
    assert result.error is None
    assert 100 <= result.max_memory_used_mb <= 150


def test_a_worker_killed_from_outside_is_an_outcome(tmp_path: Path, governor: Governor) -> None:
    with ExecutionEnvironment(python_spec(tmp_path, "sleep"), governor) as environment:
        threading.Timer(0.1, os.kill, (environment.pid, signal.SIGKILL)).start()
        result = environment.invoke(b'{"s": 20}')
        assert not environment.usable
    assert result.error is not None
    assert result.error.type == "Runtime.ExitError"
    assert "signal: killed" in result.error.message


def test_nothing_runs_between_invocations(tmp_path: Path, governor: Governor) -> None:
    with ExecutionEnvironment(python_spec(tmp_path, "echo"), governor) as environment:
        environment.invoke(b"{}")
        worker = psutil.Process(environment.pid)
        assert soon(lambda: worker.status() == psutil.STATUS_STOPPED)
        assert returned(environment.invoke(b"7")) == 7


@pytest.mark.parametrize("end", ["close", "kill", "timeout"])
def test_whatever_a_worker_started_ends_with_it_even_orphans_and_sessions_of_their_own(
    tmp_path: Path, notes: Path, governor: Governor, end: str
) -> None:
    timeout_s = 1.0 if end == "timeout" else 30.0
    spec = python_spec(tmp_path, "pids_of_children", timeout_s=timeout_s, environment=(("NOTES", str(notes)),))
    with ExecutionEnvironment(spec, governor) as environment:
        if end == "kill":
            threading.Thread(target=lambda: soon((notes / "pids").exists) and environment.kill()).start()
        environment.invoke(b"{}" if end == "close" else b'{"s": 60}')
        assert (notes / "pids").exists()
        if end == "close":
            assert len(left_of(environment)) == 1 + 2, "the worker, and what it started and did not kill"
    assert soon(lambda: not left_of(environment))


def test_an_error_document_that_is_nested_too_deeply_is_told_as_it_is() -> None:
    assert error_of(b"[" * 100_000, "Bad").type == "Bad"
