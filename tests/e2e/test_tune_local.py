"""`tuner tune` on real handlers of this machine: what it prints, leaves, refuses and survives."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import psutil
import pytest

from tuner.cli.main import run
from tuner.documents.result import loads

ROOT = Path(__file__).parents[2]
QUICK = """
def handler(event, context):
    total = 0
    for i in range(event.get("n", 20000)):
        total += i * i
    return {"total": total}
"""
FAILING = """
class Broken(Exception):
    pass

def handler(event, context):
    raise Broken("no such table: orders")
"""
ENDLESS = """
import os, time

def handler(event, context):
    os.chdir(os.environ["NOTES"])
    with open("runs", "a") as runs:
        runs.write(".")
    if os.path.getsize("runs") >= 8 and not os.path.exists("go"):
        time.sleep(600)
    return {}
"""
"""A handler whose eighth run hangs, until there is a file `go`."""
PAYLOAD = ("--payload", '{"n": 1}')
HUNGRY = """
def handler(event, context):
    block = bytearray(220 * 1024 * 1024)
    for i in range(0, len(block), 4096):
        block[i] = 1
    return len(block)
"""


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tuner", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def notes_of(folder: Path) -> Path:
    """Where the endless handler may write: nothing can be written beside its code."""
    return folder.with_name(f"{folder.name}-notes")


def start_endless(folder: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A run of eight that cannot come to its end, some samples of it, and its workers."""
    notes = notes_of(folder)
    notes.mkdir()
    arguments = (*PAYLOAD, "--power-values", "512,1024", "--runs", "4", "--output", "out", "--env", f"NOTES={notes}")
    process = start("tune", write(folder, ENDLESS), *arguments, cwd=folder)
    while process.poll() is None and not ((folder / "out" / "samples.jsonl").exists() and sample_lines(folder)):
        time.sleep(0.02)
    return process, psutil.Process(process.pid).children(recursive=True)


def resume(folder: Path, *command: str) -> dict[str, Any]:
    """The result of the run of eight once it may come to its end."""
    (notes_of(folder) / "go").touch()
    done = tuner(*command, "--env", f"NOTES={notes_of(folder)}", cwd=folder)
    assert done.returncode == 0, done.stderr
    return result_of(folder / "out")


def tuner(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in this process: starting one for each would take longer than what most of them do."""
    with contextlib.chdir(cwd), redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = run(list(arguments))
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def write(folder: Path, source: str) -> str:
    (folder / "app.py").write_text(source)
    return "app.py:handler"


def result_of(folder: Path) -> dict[str, Any]:
    return loads((folder / "result.json").read_text(), name="result.json")


def sample_lines(folder: Path) -> list[str]:
    return [line for line in (folder / "out" / "samples.jsonl").read_text().splitlines() if '"kind": "sample"' in line]


def test_a_handler_is_tuned_and_result_and_report_are_left(tmp_path: Path) -> None:
    arguments = ("--power-values", "512,1024", "--runs", "4", "--output", "out")
    process = start("tune", write(tmp_path, QUICK), *arguments, cwd=tmp_path)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    document = result_of(tmp_path / "out")
    assert [m["memory_mb"] for m in document["measurements"]] == [512, 1024]
    assert all(m["runs"] == 4 for m in document["measurements"])
    assert document["function"]["backend"] == "local"
    assert document["recommendation"]["memory_mb"] in (512, 1024)
    assert f"{document['recommendation']['memory_mb']:,} MB" in out
    assert "report.html" in out
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!doctype html>")
    assert "measuring" in err


def test_json_on_stdout_is_the_result_document_and_nothing_else(tmp_path: Path) -> None:
    arguments = ("--power-values", "1024", "--runs", "2", "--output", "out", "--format", "json", "--quiet")
    done = tuner("tune", write(tmp_path, QUICK), *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads(done.stdout) == result_of(tmp_path / "out")


def test_the_adaptive_sampler_is_the_default_and_its_runs_are_few(tmp_path: Path) -> None:
    done = tuner("tune", write(tmp_path, QUICK), "--max-invocations", "8", "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = result_of(tmp_path / "out")
    assert document["request"]["sampler"] == "adaptive"
    assert 0 < document["tuning"]["invocations"] <= 8


def test_sizes_that_run_out_of_memory_are_excluded_and_the_rest_is_tuned(tmp_path: Path) -> None:
    arguments = ("--power-values", "128,512", "--runs", "2", "--output", "out")
    done = tuner("tune", write(tmp_path, HUNGRY), *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = result_of(tmp_path / "out")
    small, large = document["measurements"]
    assert small["outcomes"]["out_of_memory"] >= 1
    assert large["outcomes"]["ok"] == 2
    assert document["recommendation"]["memory_mb"] == 512
    assert [e["memory_mb"] for e in document["excluded"]] == [128]


def test_a_function_that_always_fails_ends_with_its_own_error_and_exit_code_1(tmp_path: Path) -> None:
    arguments = ("--power-values", "512,1024", "--runs", "2", "--output", "out")
    done = tuner("tune", write(tmp_path, FAILING), *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "Broken: no such table: orders" in done.stderr
    assert 'raise Broken("no such table: orders")' in done.stderr
    assert result_of(tmp_path / "out")["stopped_by"] == "all_failed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_its_samples_and_resume_finishes_it(tmp_path: Path, number: signal.Signals) -> None:
    process, workers = start_endless(tmp_path)
    assert workers
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    lines = err.splitlines()
    told = lines[lines.index("  Go on with:") + 1]
    assert not psutil.wait_procs(workers, timeout=60)[1]
    kept = sample_lines(tmp_path)
    assert result_of(tmp_path / "out")["stopped_by"] == "interrupted"

    document = resume(tmp_path, *shlex.split(told)[1:])
    assert sample_lines(tmp_path)[: len(kept)] == kept
    assert [m["runs"] for m in document["measurements"]] == [4, 4]
    assert document["stopped_by"] == "complete"


def test_a_signal_while_the_handler_loads_ends_in_order(tmp_path: Path, notes: Path) -> None:
    source = "import os, pathlib, time\npathlib.Path(os.environ['NOTES'], 'loading').touch()\ntime.sleep(600)\n" + QUICK
    process = start("tune", write(tmp_path, source), "--output", "out", cwd=tmp_path)
    while process.poll() is None and not (notes / "loading").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Interrupted before anything was measured" in err
    assert not (tmp_path / "out").exists()


def test_a_run_that_was_killed_leaves_no_worker_and_can_be_resumed(tmp_path: Path) -> None:
    process, workers = start_endless(tmp_path)
    process.kill()
    process.communicate()
    assert not psutil.wait_procs(workers, timeout=60)[1]
    with (tmp_path / "out" / "samples.jsonl").open("a") as record:
        record.write('{"kind": "sample", "trial_id": 3, "mem')
    assert [
        m["runs"] for m in resume(tmp_path, "tune", "app.py:handler", *PAYLOAD, "--resume", "out")["measurements"]
    ] == [4, 4]


def test_a_resumed_run_refuses_other_code_and_another_payload(tmp_path: Path) -> None:
    target = write(tmp_path, QUICK)
    assert (
        tuner("tune", target, "--power-values", "1024", "--runs", "1", "--output", "out", cwd=tmp_path).returncode == 0
    )
    write(tmp_path, QUICK + "\n# changed\n")
    done = tuner("tune", target, "--resume", "out", "--payload", '{"n": 5}', cwd=tmp_path)
    assert done.returncode == 2
    assert "code_sha256" in done.stderr
    assert "payload_digest" in done.stderr


def test_every_fault_of_an_input_is_told_at_once_and_nothing_is_started(tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text(json.dumps({"strategy": "cheap", "powerValues": [128, 64], "num": 5}))
    arguments = ("--input", "input.json", "--payload", "@missing.json", "--balanced-weight", "-1", "--output", "out")
    done = tuner("tune", "nowhere.py:handler", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    for part in ('$.strategy: "cheap" is not known', "$.powerValues[1]: 64 is below 128"):
        assert part in done.stderr
    for part in ("--payload: missing.json cannot be read", "--balanced-weight: -1 is below 0", "nowhere.py"):
        assert part in done.stderr
    assert not (tmp_path / "out").exists()
    assert "Traceback" not in done.stderr


def test_a_handler_that_is_not_there_and_a_file_that_cannot_be_imported_are_bad_input(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import nothing_of_that_name\n")
    broken = tuner("tune", "app.py:handler", cwd=tmp_path)
    assert broken.returncode == 2
    assert "nothing_of_that_name" in broken.stderr
    write(tmp_path, QUICK)
    missing = tuner("tune", "app.py:handle", cwd=tmp_path)
    assert missing.returncode == 2
    assert "handle" in missing.stderr


def test_a_dry_run_prints_the_plan_and_leaves_nothing(tmp_path: Path) -> None:
    arguments = ("--power-values", "512,1024", "--runs", "3", "--output", "out", "--dry-run")
    done = tuner("tune", write(tmp_path, QUICK), *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "512, 1024" in done.stdout
    assert "6" in done.stdout
    assert not (tmp_path / "out").exists()


def test_a_dry_run_counts_every_run_of_a_size_that_is_listed_twice_whatever_bounds_the_time(tmp_path: Path) -> None:
    arguments = ("--power-values", "512,512,1024", "--runs", "40", "--max-seconds", "100", "--dry-run")
    done = tuner("tune", write(tmp_path, QUICK), "--sampler", "grid", *arguments, cwd=tmp_path)
    assert "  runs       120\n" in done.stdout, done.stderr
    done = tuner("tune", write(tmp_path, QUICK), *arguments, "--max-invocations", "70", cwd=tmp_path)
    assert "  runs       70\n" in done.stdout, done.stderr


def test_an_output_folder_that_cannot_be_written_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file is in the way")
    arguments = ("--power-values", "1024", "--runs", "1", "--output", "out")
    done = tuner("tune", write(tmp_path, QUICK), *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "--output" in done.stderr


def test_a_variable_that_is_not_set_is_told_with_the_flag_that_sets_it(tmp_path: Path) -> None:
    target = write(tmp_path, "import os\nRATE = os.environ['TAX_RATE']\ndef handler(event, context): ...\n")
    done = tuner("tune", target, cwd=tmp_path)
    assert done.returncode == 2
    assert "give it with --env NAME=VALUE" in done.stderr


def test_a_package_above_the_handler_is_told_with_the_root_that_has_it(tmp_path: Path) -> None:
    package = tmp_path / "src" / "orders" / "handlers"
    package.mkdir(parents=True)
    (package / "create.py").write_text("import orders.rates\ndef handler(event, context): ...\n")
    done = tuner("tune", "src/orders/handlers/create.py:handler", cwd=tmp_path)
    assert done.returncode == 2
    assert f"give --root {tmp_path.resolve()}/src" in done.stderr


def test_a_function_that_writes_beside_its_code_is_told_where_it_can(tmp_path: Path) -> None:
    target = write(tmp_path, "def handler(event, context): open('cache.db', 'w')\n")
    done = tuner("tune", target, "--power-values", "1024", "--runs", "1", "--output", "out", cwd=tmp_path)
    if done.returncode == 0:
        pytest.skip("this host lets no process have mounts of its own")
    assert "write to /tmp" in done.stderr
