"""Any program that speaks the Runtime API can be tuned: a bootstrap in C or Rust, a command such as Java.

A test runs where its toolchain is found. Where REQUIRE_TOOLCHAINS names the toolchain, it must be found.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tuner.local.backend import describe_local, handler_faults, open_local
from tuner.local.handler import parse_handler
from tuner.local.host import architecture
from tuner.model import Architecture, Configuration, Outcome, Trial
from tuner.payloads import Payloads
from tuner.settings import LocalOptions, Settings

EXAMPLES = Path(__file__).parents[3] / "examples" / "functions"
HERE = architecture() or Architecture.X86_64


def needs(program: str) -> str:
    """Path of a toolchain's program; without it the test is skipped, or fails where it is required."""
    found = shutil.which(program)
    if found is None and program in os.environ.get("REQUIRE_TOOLCHAINS", "").split():
        pytest.fail(f"there is no {program} in PATH, and REQUIRE_TOOLCHAINS names it")
    if found is None:
        pytest.skip(f"there is no {program} in PATH")
    return found


def build_c(folder: Path) -> str:
    subprocess.run(
        [needs("cc"), "-O2", "-D_GNU_SOURCE", "-o", folder / "bootstrap", EXAMPLES / "c_bootstrap" / "bootstrap.c"],
        check=True,
    )
    return str(folder)


def build_java(folder: Path) -> str:
    subprocess.run([needs("javac"), "-d", folder, EXAMPLES / "java" / "Orders.java"], check=True)
    return f"-- {needs('java')} -cp {shlex.quote(str(folder))} Orders"


def write_shell(folder: Path) -> str:
    script = folder / "bootstrap"
    script.write_text("""#!/bin/sh
next="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  curl -sS -D "/tmp/head" -o /tmp/event "$next/next" || exit 1
  id=$(sed -n 's/^Lambda-Runtime-Aws-Request-Id: *//p' /tmp/head | tr -d '\\r')
  curl -sS -o /dev/null "$next/$id/response" -d '{"primes": 9592}'
done
""")
    script.chmod(0o755)
    needs("curl")
    return str(folder)


@pytest.mark.parametrize("build", [build_c, build_java, write_shell])
def test_a_program_with_its_own_runtime_is_measured(tmp_path: Path, build: Callable[[Path], str]) -> None:
    target = build(tmp_path)
    settings = Settings(target, payloads=Payloads.decode({"n": 100000}), local=LocalOptions(root=str(tmp_path)))
    assert handler_faults(target, settings.local) == ()
    with open_local(settings) as backend:
        (sample,) = backend.measure([Trial(0, Configuration(1769, HERE), 1, 3)], threading.Event())
        notices = {notice.code: notice.message for notice in backend.notices()}
    assert [run.outcome for run in sample.invocations] == [Outcome.OK] * 3, sample.invocations[0].error
    assert [run.cold for run in sample.invocations] == [True, False, False]
    assert '{"primes": 9592}' in notices["first_answer"]


@pytest.mark.parametrize("said", ["HTTP/1.1\\r\\nConnection: close", "HTTP/1.0"])
def test_a_client_that_reads_to_the_end_of_the_connection_gets_one(tmp_path: Path, said: str) -> None:
    script = tmp_path / "bootstrap"
    script.write_text(f"""#!{sys.executable}
import os, re, socket

def talk(line, body=""):
    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(f"{{line}} {said}\\r\\nContent-Length: {{len(body)}}\\r\\n\\r\\n{{body}}".encode())
        return b"".join(iter(lambda: client.recv(4096), b"")).decode()

while True:
    head = talk("GET /2018-06-01/runtime/invocation/next")
    name = re.search("(?i)aws-request-id: (.*)\\r", head)[1]
    talk(f"POST /2018-06-01/runtime/invocation/{{name}}/response", "7")
""")
    script.chmod(0o755)
    with open_local(Settings(str(tmp_path), local=LocalOptions(timeout_s=20))) as backend:
        (sample,) = backend.measure([Trial(0, Configuration(1769, HERE), 1, 2)], threading.Event())
    assert [run.outcome for run in sample.invocations] == [Outcome.OK] * 2, sample.invocations[0].error


def test_malformed_requests_of_a_runtime_are_refused_and_the_run_goes_on(tmp_path: Path) -> None:
    script = tmp_path / "bootstrap"
    script.write_text(f"""#!{sys.executable}
import os, re, socket

def talk(line, body="", length=""):
    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
    with socket.create_connection((host, int(port))) as client:
        head = f"{{line}} HTTP/1.1\\r\\nConnection: close\\r\\nContent-Length: {{length or len(body)}}"
        client.sendall(f"{{head}}\\r\\n\\r\\n{{body}}".encode())
        return b"".join(iter(lambda: client.recv(4096), b"")).decode()

while True:
    head = talk("GET /2018-06-01/runtime/invocation/next")
    answer = "POST /2018-06-01/runtime/invocation/" + re.search("(?i)aws-request-id: (.*)\\r", head)[1]
    told = [talk(f"{{answer}}/response/", "1")[9:12], talk(f"{{answer}}/response/more", "2")[9:12]]
    told.append(talk(f"{{answer}}/response", "3", "9" * 5000))
    talk(f"{{answer}}/response", repr(told).replace("'", '"'))
""")
    script.chmod(0o755)
    with open_local(Settings(str(tmp_path), local=LocalOptions(timeout_s=20))) as backend:
        (sample,) = backend.measure([Trial(0, Configuration(1769, HERE), 1, 2)], threading.Event())
        notices = {notice.code: notice.message for notice in backend.notices()}
    assert [run.outcome for run in sample.invocations] == [Outcome.OK] * 2, sample.invocations[0].error
    assert '["404", "404", ""]' in notices["first_answer"]


def test_a_command_may_be_named_from_the_root_or_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "build").mkdir()
    program = tmp_path / "build" / "serve"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for words in ("./serve", "build/serve"):
        handler, faults = parse_handler(f"-- {words} now", LocalOptions(root="build"))
        assert faults == ()
        assert handler is not None
        assert handler.command == (str(program), "now")


def test_what_a_program_is_shows_in_its_identity(tmp_path: Path) -> None:
    before = describe_local(Settings(build_c(tmp_path)))
    assert before.runtime == "provided"
    (tmp_path / "bootstrap").write_bytes(b"other")
    assert describe_local(Settings(str(tmp_path))).code_sha256 != before.code_sha256


def test_a_program_that_never_speaks_the_runtime_api_is_a_fault(tmp_path: Path) -> None:
    (fault,) = handler_faults("-- echo hello", LocalOptions(root=str(tmp_path)))
    assert "Runtime.ExitError" in fault.problem
    assert "hello" in fault.problem, "what it printed is shown"


@pytest.mark.parametrize(
    ("target", "told", "remedy"),
    [
        ("{0}", "has no executable bootstrap", "/app.py:handler"),
        ("{0}/app.py", "no handler is named", "app.py:NAME"),
        ("handler", "does not exist", "FILE:HANDLER"),
        ("{0}/app.handler", "names no file", "app.py:handler"),
        ("{0}/index.ts:handler", "is TypeScript", "bundle it to JavaScript"),
        ("{0}:absent.handler", "has none of absent.py", "ROOT:package.module.handler"),
        ("-- nothing-of-that-name", "cannot be run", "install it"),
    ],
)
def test_a_target_that_is_none_says_what_to_write(tmp_path: Path, target: str, told: str, remedy: str) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context): ...")
    found, (fault,) = parse_handler(target.format(tmp_path))
    assert found is None
    assert told in fault.problem
    assert remedy in fault.remedy


def test_a_module_that_is_missing_is_told_once_after_what_the_function_wrote(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print('reading settings')\nimport nothing_of_that_name")
    (fault,) = handler_faults(f"{tmp_path}/app.py:handler")
    assert fault.problem.count("nothing_of_that_name") <= 2, "the message, and the line of the stack where there is one"
    assert "LAMBDA_WARNING" not in fault.problem
    assert "--python" in fault.remedy


def project(folder: Path) -> Path:
    """A project whose handlers lie in a package and import another one."""
    files = {
        "shared/__init__.py": "",
        "shared/rates.py": "FACTOR = 2",
        "orders/__init__.py": "",
        "orders/maths.py": "def twice(x): return 2 * x",
        "orders/handlers/__init__.py": "",
        "orders/handlers/create.py": (
            "import os\nfrom shared.rates import FACTOR\nfrom ..maths import twice\n"
            "def handler(event, context):\n"
            "    return [twice(FACTOR), os.getcwd(), os.environ.get('GREETING'), os.environ['AWS_REGION']]"
        ),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("form", ["root", "dots"])
def test_a_project_has_a_root_variables_and_a_region(tmp_path: Path, form: str) -> None:
    project(tmp_path)
    file = f"{tmp_path}/orders/handlers/create.py:handler"
    target = file if form == "root" else f"{tmp_path}:orders.handlers.create.handler"
    options = LocalOptions(
        root=str(tmp_path) if form == "root" else None, environment={"GREETING": "hello"}, region="eu-west-1"
    )
    settings = Settings(target, local=options)
    assert handler_faults(target, options) == ()
    with open_local(settings) as backend:
        assert backend.describe().region == "eu-west-1"
        list(backend.measure([Trial(0, Configuration(1769, HERE), 1, 1)], threading.Event()))
        answer = {notice.code: notice.message for notice in backend.notices()}["first_answer"]
    assert f'[4, "{tmp_path}", "hello", "eu-west-1"]' in answer


def test_a_missing_module_says_who_looked_where(tmp_path: Path) -> None:
    project(tmp_path)
    (fault,) = handler_faults(f"{tmp_path}/orders/handlers/create.py:handler")
    assert "No module named 'shared'" in fault.problem
    assert f"looked in {tmp_path}/orders/handlers" in fault.remedy
    assert "--root" in fault.remedy
    assert "--python" in fault.remedy


def test_each_environment_has_a_tmp_of_its_own(tmp_path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir="/tmp") as of_the_host:
        _check_tmp(tmp_path, of_the_host.name)


def _check_tmp(tmp_path: Path, of_the_host: str) -> None:
    source = f"""
import os
def handler(event, context):
    found = os.path.exists("/tmp/cache") or os.path.exists({of_the_host!r})
    open("/tmp/cache", "w").close()
    return [found, os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize >> 20]
"""
    (tmp_path / "app.py").write_text(source)
    settings = Settings(f"{tmp_path}/app.py:handler", local=LocalOptions(tmp_mb=600))
    for _ in range(2):
        with open_local(settings) as backend:
            list(backend.measure([Trial(0, Configuration(1769, HERE), 1, 1)], threading.Event()))
            notices = {notice.code: notice.message for notice in backend.notices()}
        if "shared_tmp" in notices:
            pytest.skip("this host gives no worker a /tmp of its own")
        assert "[false, 600]" in notices["first_answer"]


def test_answers_that_tell_of_failures_are_counted(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context): return {'statusCode': 500}")
    with open_local(Settings(f"{tmp_path}/app.py:handler")) as backend:
        list(backend.measure([Trial(0, Configuration(1769, HERE), 1, 2)], threading.Event()))
        notices = {notice.code: notice.message for notice in backend.notices()}
    assert "every answer, e.g. with statusCode 500" in notices["failing_answers"]


def test_what_a_failing_function_printed_is_part_of_its_error_and_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import os\ndef handler(event, context):\n    print('almost there')\n    os._exit(9)"
    )
    log = tmp_path / "all.log"
    with open_local(Settings(f"{tmp_path}/app.py:handler", local=LocalOptions(log=str(log)))) as backend:
        (sample,) = backend.measure([Trial(0, Configuration(1769, HERE), 1, 1)], threading.Event())
    error = sample.invocations[0].error
    assert error is not None
    assert error.stack == ("almost there",)
    assert log.read_text() == "almost there\n"


@pytest.mark.parametrize(
    ("source", "name", "remedy"),
    [
        ("def handler(event, context): ...", "handlr", "did you mean handler?"),
        ("def handler(event, context): ...", "other", "name a function that app.py defines"),
        ("def handler(event, context)", "handler", "correct the file"),
        ("raise KeyError('TABLE')", "handler", "this is the function's own error"),
    ],
)
def test_a_handler_that_does_not_load_says_what_to_do(tmp_path: Path, source: str, name: str, remedy: str) -> None:
    (tmp_path / "app.py").write_text(source)
    (fault,) = handler_faults(f"{tmp_path}/app.py:{name}")
    assert remedy in fault.remedy
