"""Handlers on disk and specs for them, for tests that run real workers."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tuner.local.worker.environment import ExecutionEnvironment
from tuner.local.worker.runtimes import PYTHON
from tuner.local.worker.spec import LocalInvocationResult, WorkerSpec

NODES = [node for node in (shutil.which("node"), *os.environ.get("NODES", "").split(":")) if node]
"""Programs of Node.js to try."""
PATIENCE_S = 60.0

HANDLERS = """
import os, subprocess, sys, threading, time

def burn_cpu(seconds):
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass

def echo(event, context):
    return event

def about(event, context):
    names = ("aws_request_id", "function_name", "function_version", "memory_limit_in_mb", "invoked_function_arn")
    left = context.get_remaining_time_in_millis()
    return {name: getattr(context, name) for name in names} | {"left_ms": left, "variable": os.environ.get("GREETING")}

def burn(event, context):
    burn_cpu(event["s"])

def burn_in_threads(event, context):
    import hashlib  # lets go of the interpreter lock
    def work():
        data = bytes(1 << 20)
        end = time.thread_time() + event["s"]
        while time.thread_time() < end:
            hashlib.sha256(data).digest()
    threads = [threading.Thread(target=work) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

def burn_in_grandchild(event, context):
    burner = "import time\\nwhile time.process_time() < %r: pass" % event["s"]
    shell = "import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', %r])" % burner
    subprocess.run([sys.executable, "-S", "-c", shell], check=True)

def sleep(event, context):
    time.sleep(event["s"])

def clock(event, context):
    began = time.monotonic()
    time.sleep(event["s"])
    return [began, time.monotonic()]

def fail(event, context):
    print("about to fail")
    raise ValueError("no good")

def fail_without_encoding(event, context):
    raise ValueError("half a pair: \\ud83d")

class Falsy:
    def __call__(self, event, context): return "called"
    def __len__(self): return 0

falsy, nothing = Falsy(), None

def leave(event, context):
    os._exit(3)

def quit(event, context):
    sys.exit(0)

def hold(event, context):
    data = [bytearray(1024 * 1024) for _ in range(event["mb"])]
    if event.get("quickly"):
        del data
        return None
    return len(data)

def hold_in_child(event, context):
    hold = "data = bytearray(%d << 20); data[::4096] = b'x' * len(data[::4096]); import time; time.sleep(10)"
    subprocess.run([sys.executable, "-S", "-c", hold % event["mb"]])

def large(event, context):
    return "x" * 7_000_000

def unserialisable(event, context):
    return object()

def forge(event, context):
    print("REPORT RequestId: %s\\tDuration: 99999.00 ms" % context.aws_request_id)
    print("Duration: 77 ms Billed Duration: 77 ms")

def pids_of_children(event, context):
    sleep = "import time; time.sleep(60)"
    parent = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-S', '-c', %r]).pid, flush=True)" % sleep
    child = subprocess.Popen([sys.executable, "-S", "-c", sleep], start_new_session=True)
    orphans = subprocess.Popen([sys.executable, "-S", "-c", parent + "; " + sleep], start_new_session=True, stdout=-1)
    pids = [child.pid, orphans.pid, int(orphans.stdout.readline())]
    time.sleep(0.05)
    orphans.kill()
    orphans.wait()
    if folder := os.environ.get("NOTES"):
        with open(f"{folder}/pids.new", "w") as file:
            file.write(" ".join(map(str, pids)))
        os.rename(f"{folder}/pids.new", f"{folder}/pids")
    time.sleep(event.get("s", 0))
    return pids
"""


def python_spec(
    code_dir: Path, handler: str, *, memory_mb: int = 1769, interpreter: str = "", **more: Any
) -> WorkerSpec:
    """A spec for one of `HANDLERS`, written to `code_dir/app.py` unless something is there."""
    if not (code_dir / "app.py").exists():
        (code_dir / "app.py").write_text(HANDLERS)
    # AWS's client may be installed here; what this project's loop does is tested, and both agree (test_conformance).
    variables = (("_TUNER_OWN_LOOP", "1"), *more.pop("environment", ()))
    return WorkerSpec(
        name="example",
        handler=f"app.{handler}",
        runtime="python3.11",
        command=PYTHON.command(interpreter),
        code_dir=code_dir,
        memory_mb=memory_mb,
        environment=variables,
        **{"timeout_s": 30.0, **more},
    )


def shadow(folder: Path) -> None:
    """Put modules into a folder that break whoever takes them for those of the standard library."""
    for name in ("types", "enum", "select", "json", "signal", "contextlib"):
        (folder / f"{name}.py").write_text("raise RuntimeError('not the standard library')")


def returned(result: LocalInvocationResult) -> Any:
    """The response, decoded."""
    assert result.error is None, result.error
    return json.loads(result.payload)


def soon(condition: Callable[[], bool]) -> bool:
    """Whether something that takes a moment comes true, on a machine of any speed."""
    deadline = time.monotonic() + PATIENCE_S
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return holds


def left_of(environment: ExecutionEnvironment) -> list[int]:
    """Pids of processes of an environment that still run."""
    return processes_with(f"AWS_LAMBDA_LOG_STREAM_NAME={environment.label}")


def processes_with(variable: str) -> list[int]:
    """Pids of running processes that were started with an environment variable, written as NAME=VALUE."""
    label = f"{variable}\0".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if label in (folder / "environ").read_bytes() and lives(int(folder.name)):
                found.append(int(folder.name))
    return found


def lives(pid: int) -> bool:
    """Whether a process runs, or is stopped; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
