"""Whatever a handler does, no process is left, its run has the right outcome, and the next run is clean.

In Python and Node.js: forks, daemons, ignored signals, full disks, closed or foreign descriptors, floods of output,
broken runtimes, killed helpers, endless loads.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.integration.local.workers import left_of, returned, soon
from tuner.local.limits.governor import Governor
from tuner.local.worker.environment import ExecutionEnvironment
from tuner.local.worker.output import MAX_LOG_BYTES
from tuner.local.worker.runtimes import NODE, PYTHON, Runtime
from tuner.local.worker.spec import WorkerSpec

TIMEOUT_S = 20.0
SHORT_TIMEOUT_S = 1.0
"""For handlers that are to run into it."""
OK, EXIT, TIMEOUT, MEMORY = "", "Runtime.ExitError", "Sandbox.Timedout", "Runtime.OutOfMemory"
"""Outcomes: the type of the error, or none. Several with `|`: any of them is right."""

IMPORTS = """import ctypes, os, resource, signal, socket, subprocess, sys, threading, time
def connect():
    return socket.create_connection(os.environ["AWS_LAMBDA_RUNTIME_API"].split(":"))
def fill(path):
    with open(path, "wb") as file:
        for _ in range(2000):
            file.write(bytes(1 << 20))
"""
DAEMON = """
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            {clean}
            while True: time.sleep(100)
        os._exit(0)
    os.wait()
"""
EXEC = "os.execve(sys.executable, [sys.executable, '-S', '-c', 'import time; time.sleep(600)'], {})"
SLEEPER = "[sys.executable, '-S', '-c', 'import time; time.sleep(600)']"
PYTHON_CASES: dict[str, tuple[str, str]] = {
    "child that stays": (f"subprocess.Popen({SLEEPER})", OK),
    "child in a session of its own": (f"subprocess.Popen({SLEEPER}, start_new_session=True)", OK),
    "child without variables": (f"subprocess.Popen({SLEEPER}, env={{}}, start_new_session=True)", OK),
    "daemon": (DAEMON.format(clean="pass"), OK),
    "daemon without variables": (DAEMON.format(clean=EXEC), OK),
    "daemon that closes everything": (DAEMON.format(clean="os.closerange(0, 256)"), OK),
    "daemon that ignores signals": (
        DAEMON.format(clean="[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 13, 15)]"), OK
    ),
    "daemon that burns CPU": (DAEMON.format(clean="[None for _ in iter(int, 1)]"), OK),
    "daemon that forks on": (
        DAEMON.format(clean="[os._exit(0) if os.fork() else time.sleep(0.01) for _ in range(200)]"), OK
    ),
    "daemon of a worker that exits": (DAEMON.format(clean="pass") + "    os._exit(3)", EXIT),
    "daemon of a worker that is killed": (DAEMON.format(clean="pass") + "    os.kill(os.getpid(), 9)", EXIT),
    "many children": (f"[subprocess.Popen({SLEEPER}) for _ in range(12)]", OK),
    "zombies": ("[os._exit(0) for _ in range(20) if os.fork() == 0]", OK),
    "forked handler that returns twice": ("os.fork()", f"{OK}|{EXIT}"),
    "threads that never end": ("[threading.Thread(target=time.sleep, args=(600,)).start() for _ in range(20)]", OK),
    "thread that burns CPU": ("threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()", OK),
    "ignores SIGTERM and sleeps": ("signal.signal(15, signal.SIG_IGN); time.sleep(600)", TIMEOUT),
    "sleeps in C": ("ctypes.CDLL(None).sleep(600)", TIMEOUT),
    "loops": ("[None for _ in iter(int, 1)]", TIMEOUT),
    "loops and catches all": (
        "\n    while True:\n        try: time.sleep(1)\n        except BaseException: pass", TIMEOUT
    ),
    "stops itself": ("os.kill(os.getpid(), signal.SIGSTOP)", f"{OK}|{TIMEOUT}"),
    "stops its group": ("os.killpg(0, signal.SIGSTOP)", f"{OK}|{TIMEOUT}"),
    "waits for input": ("sys.stdin.read(); input()", "EOFError"),
    "alarm": ("signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(600)", EXIT),
    "kills everything it sees": ("os.kill(-1, 9)", f"{OK}|{EXIT}|ProcessLookupError"),
    "terminates everything it sees": ("os.kill(-1, 15)", f"{OK}|{EXIT}|ProcessLookupError"),
    "kills its parent": ("os.kill(os.getppid(), 9)", f"{OK}|{EXIT}|PermissionError|ProcessLookupError"),
    "kills process 1": ("os.kill(1, 9)", f"{OK}|{EXIT}|PermissionError"),
    "exits": ("os._exit(0)", EXIT),
    "aborts": ("os.abort()", EXIT),
    "crashes": ("ctypes.string_at(0)", EXIT),
    "executes something else": ("os.execv('/bin/true', ['true'])", EXIT),
    "executes something that stays": ("os.execv('/bin/sleep', ['sleep', '600'])", TIMEOUT),
    "becomes another session": ("os.setsid() if os.getpid() != os.getsid(0) else None", OK),
    "closes stdout": ("os.close(1)", OK),
    "closes stdout and stderr objects": ("sys.stdout.close(); sys.stderr.close()", OK),
    "stdout is None": ("sys.stdout = sys.stderr = None", OK),
    "closes every descriptor": ("os.closerange(0, 256)", EXIT),
    "writes into foreign descriptors": (
        "\n    for fd in range(3, 64):\n        try: os.write(fd, b'garbage\\r\\n\\r\\n' * 50)\n        except OSError: pass", f"{OK}|{EXIT}"
    ),
    "speaks to the Runtime API itself": (
        "s = connect();"
        " s.sendall(b'POST /2018-06-01/runtime/init/error HTTP/1.1\\r\\nContent-Length: 2\\r\\n\\r\\n{}'); s.recv(99)",
        "*",
    ),
    "floods the Runtime API": (
        "x = [connect() for _ in range(200)];"
        " [c.sendall(b'x' * 1000) for c in x[:50]]", "*"
    ),
    "sends endless headers": (
        "s = connect();"
        " [s.sendall(b'GET / HTTP/1.1\\r\\nA: ' + b'x' * 100000) for _ in range(100)]", "*"
    ),
    "answers for another invocation": (
        "s = connect();"
        " s.sendall(b'POST /2018-06-01/runtime/invocation/other/response HTTP/1.1\\r\\nContent-Length: 1\\r\\n\\r\\n1');"
        " s.recv(99)", OK
    ),
    "replaces json.dumps": ("import json; json.dumps = lambda *a, **k: 1 / 0", "*"),
    "replaces json.loads": ("import json; json.loads = None", OK),
    "replaces print and open": ("import builtins; builtins.print = builtins.open = None", OK),
    "clears os.environ": ("os.environ.clear()", OK),
    "clears sys.modules": ("sys.modules.clear()", "*"),
    "traces every call": ("sys.settrace(lambda *a: 1 / 0)", "*"),
    "fills the disk": ("fill('/tmp/full')", "OSError|" + MEMORY),
    "fills shared memory": ("fill('/dev/shm/full')", "OSError"),
    "many files": ("[open(f'/tmp/{n}', 'w').close() for n in range(3000)]", OK),
    "opens every descriptor": ("x = [os.dup(0) for _ in range(100000)]", "OSError"),
    "fills memory": ("x = [bytearray(b'x' * (1 << 24)) for _ in range(200)]", MEMORY),
    "fills memory in a child": (
        "subprocess.run([sys.executable, '-S', '-c', 'x = [bytearray(b\"x\" * (1 << 22)) for _ in range(999)]'])", MEMORY
    ),
    "recursion": ("f = lambda: f(); f()", "RecursionError"),
    "answer without end": ("return 'x' * (1 << 26)", "Function.ResponseSizeTooLarge|" + MEMORY),
    "flood of output": ("[os.write(1, b'x' * (1 << 20)) for _ in range(100)]", OK),
    "flood of output without end": ("\n    while True: os.write(1, b'x' * (1 << 20))", TIMEOUT),
    "lines that look like a report": ("print('REPORT RequestId: x\\tDuration: 1 ms' * 1000)", OK),
    "control characters": ("os.write(1, bytes(range(256)) * 100)", OK),
    "changes the folder": ("os.chdir('/')", OK),
    "removes its code": ("os.remove(__file__)", "OSError|" + OK),  # it cannot where it has mounts of its own
    "other priorities": ("os.nice(19)", OK),
    "fills a memory file": (
        "\n    fd = os.memfd_create('x')\n    for _ in range(1000): os.write(fd, bytes(1 << 20))", MEMORY
    ),
    "fills a memory file that a child holds": (
        "\n    fd = os.memfd_create('x')\n    if os.fork() == 0:\n        for _ in range(1000): os.write(fd, bytes(1 << 20))"
        "\n        os._exit(0)\n    os.wait()", MEMORY
    ),
    "fills memory that it shares": (
        "import mmap; x = [mmap.mmap(-1, 1 << 24) for _ in range(60)]; [m.write(bytes(1 << 24)) for m in x]", MEMORY
    ),
    "calls itself a small memory": (
        "ctypes.CDLL(None).prctl(15, b'VmHWM: 1 kB'); x = [bytearray(b'x' * (1 << 24)) for _ in range(200)]", MEMORY
    ),
    "calls itself a state": ("ctypes.CDLL(None).prctl(15, b') R 1 (1) 9')", OK),
    "hides from its owner": ("ctypes.CDLL(None).prctl(4, 0)", OK),
    "blocks every signal": ("signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64)); time.sleep(600)", TIMEOUT),
    "stops when it is continued": (
        "signal.signal(signal.SIGCONT, lambda *_: os.kill(os.getpid(), signal.SIGSTOP));"
        " [None for _ in range(10**8)]", f"{OK}|{TIMEOUT}"
    ),
    "stops its parent": ("os.kill(os.getppid(), signal.SIGSTOP)", f"{OK}|PermissionError"),
    "leaves no word of its children": (
        f"signal.signal(signal.SIGCHLD, signal.SIG_IGN); subprocess.Popen({SLEEPER}, start_new_session=True)", OK
    ),
    "threads that fork on": (
        "threading.Thread(target=lambda: [os.fork() or time.sleep(600) for _ in range(40)], daemon=True).start()",
        f"{OK}|{EXIT}",
    ),
    "family of three generations": (
        "[os.setsid() for _ in range(3) if os.fork() == 0] and time.sleep(600)", f"{OK}|{EXIT}|{TIMEOUT}"
    ),
    "child in namespaces of its own": (
        f"ctypes.CDLL(None).unshare(0x30000000); subprocess.Popen({SLEEPER})", f"{OK}|OSError|PermissionError"
    ),
    "closes its sockets": (
        "import stat; [os.close(fd) for fd in map(int, os.listdir('/proc/self/fd'))"
        " if os.path.exists(f'/proc/self/fd/{fd}') and stat.S_ISSOCK(os.stat(fd).st_mode)]", f"{OK}|{EXIT}"
    ),
    "end that never ends": ("import atexit; atexit.register(time.sleep, 600); sys.exit(1)", f"{EXIT}|{TIMEOUT}"),
    "limit of CPU time": (
        "resource.setrlimit(resource.RLIMIT_CPU, (1, 1)); [None for _ in iter(int, 1)]", f"{EXIT}|{TIMEOUT}"
    ),
    "limit of file size": ("resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); fill('/tmp/x')", "OSError"),
    "limit of memory": (
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28)); x = bytearray(1 << 30)", "MemoryError"
    ),
    "limit of processes": ("resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))", OK),
    "other limits": ("resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))", f"{OK}|{EXIT}"),
}  # fmt: skip
PYTHON_LOADS: dict[str, tuple[str, str]] = {
    "loads without end": ("import time\nwhile True: time.sleep(1)", TIMEOUT),
    "daemon while loading": (
        f"import os, time\nif True:{DAEMON.format(clean='pass')}\ndef handler(e, c): pass", OK
    ),
    "exits while loading": ("import os; os._exit(0)", EXIT),
    "flood while loading": ("import os\nwhile True: os.write(2, b'x' * 65536)", TIMEOUT),
    "closes everything while loading": ("import os; os.closerange(0, 256)\ndef handler(e, c): pass", f"{EXIT}|OSError"),
}  # fmt: skip
NODE_CASES: dict[str, tuple[str, str]] = {
    "child that stays": ("cp.spawn('sleep', ['600'])", f"{OK}|{TIMEOUT}"),
    "daemon": ("cp.spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).unref()", OK),
    "daemon without variables": (
        "cp.spawn('/bin/sleep', ['600'], { detached: true, stdio: 'ignore', env: {} }).unref()",
        OK,
    ),
    "daemon of a daemon": ("cp.spawn('sh', ['-c', 'setsid sleep 600 & exit'], { stdio: 'ignore' }).unref()", OK),
    "loops": ("for (;;);", TIMEOUT),
    "loops in a promise": ("const f = () => Promise.resolve().then(f); f()", TIMEOUT),
    "timers without end": ("setInterval(() => {}, 10)", TIMEOUT),
    "worker thread": (
        "const { Worker } = require('worker_threads'); new Worker('for (;;);', { eval: true }).unref()",
        f"{OK}|{TIMEOUT}",
    ),
    "stops itself": ("process.kill(process.pid, 'SIGSTOP')", f"{OK}|{TIMEOUT}"),
    "kills itself": ("process.kill(process.pid, 'SIGKILL')", EXIT),
    "kills its parent": ("process.kill(process.ppid, 'SIGKILL')", "*"),
    "exits": ("process.exit(0)", EXIT),
    "aborts": ("process.abort()", EXIT),
    "ignores signals": ("process.on('SIGTERM', () => {}); for (;;);", TIMEOUT),
    "throws nothing": ("throw undefined", OK),
    "throws what has no text": ("throw Object.create(null)", "handled|object"),
    "throws a proxy": ("throw new Proxy({}, { get() { throw 1; } })", "*"),
    "getter that throws": ("return Promise.resolve({ get a() { throw new Error('no'); } })", "Error"),
    "toJSON that throws": ("return Promise.resolve({ toJSON() { throw 1; } })", "Error"),
    "replaces JSON.stringify": ("JSON.stringify = () => { throw 1; }", EXIT),
    "replaces Promise": ("globalThis.Promise = null", f"{OK}|{EXIT}"),
    "replaces process.exit": ("process.exit = () => {}; setTimeout(() => { throw new Error('x'); }, 1)", "Error"),
    "clears process.env": ("for (const n of Object.keys(process.env)) delete process.env[n]", OK),
    "removes listeners": ("process.removeAllListeners(); setTimeout(() => { throw 1; }, 1)", EXIT),
    "closes stdout": ("require('fs').closeSync(1)", f"{OK}|{EXIT}"),
    "closes every descriptor": (
        "for (let n = 3; n < 64; n++) try { require('fs').closeSync(n); } catch {}",
        f"{OK}|{EXIT}|{TIMEOUT}",
    ),
    "writes into foreign descriptors": (
        "for (let n = 3; n < 64; n++) try { require('fs').writeSync(n, 'garbage\\r\\n\\r\\n'.repeat(50)); } catch {}",
        f"{OK}|{EXIT}|{TIMEOUT}",
    ),
    "flood of output": ("for (let n = 0; n < 100; n++) require('fs').writeSync(1, 'x'.repeat(1 << 16))", OK),
    "fills the disk": (
        "const f = require('fs').openSync('/tmp/full', 'w'); for (;;) require('fs').writeSync(f, Buffer.alloc(1 << 20))",
        "Error|" + MEMORY,
    ),
    "fills memory": ("const a = []; for (;;) a.push(Buffer.alloc(1 << 24, 1))", MEMORY),
    "recursion": ("const f = () => f(); f()", "RangeError"),
    "answer without end": ("return Promise.resolve('x'.repeat(1 << 26))", "Function.ResponseSizeTooLarge|" + MEMORY),
    "never answers": ("return new Promise(() => {})", "Runtime.NodeJsExit"),
    "answers twice": ("context.succeed(1); context.succeed(2); callback(null, 3)", OK),
}
NEEDS_ISOLATION = {"kills everything it sees", "terminates everything it sees", "kills its parent", "kills process 1",
                   "fills shared memory", "fills the disk", "daemon without variables", "daemon that forks on"}  # fmt: skip
"""Cases that reach beyond the worker where it shares the machine's processes and folders."""


def python_spec(folder: Path, expected: str) -> WorkerSpec:
    return spec_of(folder, expected, PYTHON, (("_TUNER_OWN_LOOP", "1"),))


def spec_of(folder: Path, expected: str, runtime: Runtime, environment: tuple[tuple[str, str], ...] = ()) -> WorkerSpec:
    return WorkerSpec(
        name="hostile",
        handler="app.handler",
        runtime=runtime.family,
        command=runtime.command(),
        code_dir=folder,
        memory_mb=512,
        timeout_s=SHORT_TIMEOUT_S if TIMEOUT in expected or expected == "*" else TIMEOUT_S,
        init_limit_s=1.0,
        environment=environment,
        throttled=MEMORY not in expected,  # to fill something takes its time
    )


def check(spec: WorkerSpec, governor: Governor, expected: str, clean: WorkerSpec) -> None:
    """Run a hostile handler: its outcome, what it leaves, and the run after it."""
    began = time.monotonic()
    with ExecutionEnvironment(spec, governor) as environment:
        result = environment.invoke(b"{}")
    assert time.monotonic() - began < 60, "a bounded wait"
    kind = result.error.type if result.error else OK
    assert expected == "*" or kind in expected.split("|"), result
    assert len(result.output) <= 2 * MAX_LOG_BYTES, "bounded output"
    assert soon(lambda: not left_of(environment)), left_of(environment)
    assert not list(Path("/dev/shm").glob("full"))
    with ExecutionEnvironment(clean, governor) as environment:
        assert returned(environment.invoke(b"7")) == 7


@pytest.mark.parametrize("name", [*PYTHON_CASES, *PYTHON_LOADS])
def test_no_python_handler_leaves_anything_or_ends_the_work(tmp_path: Path, governor: Governor, name: str) -> None:
    if name in NEEDS_ISOLATION and not governor.isolates:
        pytest.skip("this host gives no worker its own processes")
    if name in PYTHON_CASES:
        body, expected = PYTHON_CASES[name]
        source = f"{IMPORTS}def handler(event, context):\n    {body.strip()}\n"
    else:
        source, expected = PYTHON_LOADS[name]
    hostile, clean = tmp_path / "hostile", tmp_path / "clean"
    for folder, text in ((hostile, source), (clean, "def handler(event, context): return event")):
        folder.mkdir()
        (folder / "app.py").write_text(text)
    check(python_spec(hostile, expected), governor, expected, python_spec(clean, OK))


@pytest.mark.skipif(not shutil.which("node"), reason="there is no Node.js in PATH")
@pytest.mark.parametrize("name", NODE_CASES)
def test_no_node_handler_leaves_anything_or_ends_the_work(tmp_path: Path, governor: Governor, name: str) -> None:
    if name in NEEDS_ISOLATION and not governor.isolates:
        pytest.skip("this host gives no worker its own processes")
    body, expected = NODE_CASES[name]
    hostile, clean = tmp_path / "hostile", tmp_path / "clean"
    source = f"const cp = require('child_process');\nexports.handler = (event, context, callback) => {{ {body}\n}};"
    for folder, text in ((hostile, source), (clean, "exports.handler = async (event) => event;")):
        folder.mkdir()
        (folder / "app.js").write_text(text)
    check(spec_of(hostile, expected, NODE), governor, expected, spec_of(clean, OK, NODE))
