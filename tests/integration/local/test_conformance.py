"""Handlers behave here as under Lambda's own runtimes.

Python: every case runs under this project's loop and under AWS's runtime client (awslambdaric), which must agree.
Node.js: the expectations are those of the developer guide and of AWS's runtime client (aws-lambda-ric 3.3).
docs/local.md lists the cases.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tuner.local.limits.governor import Governor
from tuner.local.worker.environment import ExecutionEnvironment
from tuner.local.worker.runtimes import NODE, PYTHON
from tuner.local.worker.spec import LocalInvocationResult, WorkerSpec

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
OWN_LOOP = "_TUNER_OWN_LOOP"
needs_client = pytest.mark.skipif(not importlib.util.find_spec("awslambdaric"), reason="awslambdaric is not installed")
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="there is no Node.js in PATH")


@dataclass(frozen=True)
class Outcome:
    """What a caller and a log see of an invocation, without what differs each time."""

    payload: bytes
    error: tuple[str, str] | None
    output: str


def outcome(result: LocalInvocationResult) -> Outcome:
    """The outcome of an invocation; of an error type and message alone, since stacks name the runtime's files."""
    output = result.output.decode("utf-8", "replace").replace(result.request_id, "ID")
    output = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", output)
    output = re.sub(r"\[ERROR\].*", "", output, flags=re.DOTALL)  # its stack names the runtime's files
    output = re.sub(r".*RuntimeWarning: (.*\n)*", "", output)  # tells where in the runtime a coroutine was dropped
    output = re.sub(r"\[WARNING\]\tTIME\t\tLAMBDA_WARNING: Unhandled exception.*", "", output)
    if result.error is None:
        return Outcome(result.payload, None, output)
    message = result.error.message.replace(result.request_id, "ID")
    return Outcome(b"", (result.error.type, message), output)


def python_spec(folder: Path, handler: str, *, reference: bool, timeout_s: float = 20.0) -> WorkerSpec:
    own, client = PYTHON.command(), (sys.executable, "-uBm", "awslambdaric", handler)
    return WorkerSpec(
        name="conformance",
        handler=handler,
        runtime=RUNTIME,
        command=client if reference else own,
        code_dir=folder,
        memory_mb=1769,
        timeout_s=timeout_s,
        environment=(("AWS_EXECUTION_ENV", f"AWS_Lambda_{RUNTIME}"), *(() if reference else ((OWN_LOOP, "1"),))),
        throttled=False,
        provided=reference,
    )


def run_once(spec: WorkerSpec, governor: Governor, event: bytes = b"{}") -> Outcome:
    with ExecutionEnvironment(spec, governor) as environment:
        return outcome(environment.invoke(event))


# ---- what a handler returns or raises, in one environment of each runtime

CALLS = """
import asyncio, collections, dataclasses, datetime, decimal, enum, fractions, logging, os, sys, time, uuid
D, Point = decimal.Decimal, collections.namedtuple("Point", "x y")
class Broken(Exception):
    pass
class Fault(Exception):
    class Inner(Exception):
        pass
class Colour(enum.IntEnum):
    RED = 1
class Text(str):
    pass
@dataclasses.dataclass
class Record:
    n: int = 1
circle = []
circle.append(circle)
def fail(error):
    raise error
def recurse():
    return recurse()
async def later():
    return 1
def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value
def fail_with_note():
    error = ValueError("noted")
    error.add_note("see the order")
    raise error
def with_cause():
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise Broken("outer") from error
def public(context):
    names = [name for name in dir(context) if not name.startswith("_") and name not in ("w3c",)]
    hidden = ("log", "get_remaining_time_in_millis", "aws_request_id", "log_stream_name", "identity", "client_context")
    return {name: getattr(context, name) for name in names if name not in hidden}
CASES = {
    "nothing": lambda e, c: None,
    "text": lambda e, c: "gr\\u00fc\\u00df \\U0001f600",
    "text with line separators": lambda e, c: "a\\u2028b\\u2029c",
    "half a surrogate pair": lambda e, c: "\\ud83d",
    "number": lambda e, c: 10 ** 30,
    "float": lambda e, c: [0.1, 1e300, -0.0],
    "not a number": lambda e, c: [float("nan"), float("inf"), -float("inf")],
    "Decimal": lambda e, c: {"total": D("12.50")},
    "Decimal that is not a number": lambda e, c: D("NaN"),
    "Decimal with exponent": lambda e, c: [D("1E+5"), D("-0"), D("1E-9")],
    "Decimal as key": lambda e, c: {D("1"): 1},
    "bytes": lambda e, c: b"\\x00raw",
    "bytes within": lambda e, c: {"data": b"abc", b"key": 1},
    "bytes without encoding": lambda e, c: {"data": b"\\xff"},
    "namedtuple": lambda e, c: Point(1, [Point(2, 3)]),
    "tuple": lambda e, c: (1, (2,)),
    "keys": lambda e, c: {None: 1, True: 2, 3: 4, 1.5: 6},
    "set": lambda e, c: {1},
    "object": lambda e, c: object(),
    "dataclass": lambda e, c: Record(),
    "datetime": lambda e, c: datetime.datetime(2026, 1, 1),
    "uuid": lambda e, c: uuid.UUID(int=0),
    "fraction": lambda e, c: fractions.Fraction(1, 3),
    "enum": lambda e, c: Colour.RED,
    "subclass of str": lambda e, c: Text("t"),
    "OrderedDict": lambda e, c: collections.OrderedDict(b=1, a=2),
    "deque": lambda e, c: collections.deque([1]),
    "generator": lambda e, c: (n for n in range(3)),
    "coroutine": lambda e, c: later(),
    "circle": lambda e, c: circle,
    "too large": lambda e, c: "x" * 6_291_600,
    "ValueError": lambda e, c: fail(ValueError("no good")),
    "KeyError": lambda e, c: fail(KeyError("name")),
    "own exception": lambda e, c: fail(Broken("broken", 2)),
    "nested exception class": lambda e, c: fail(Fault.Inner("in")),
    "exception without message": lambda e, c: fail(Broken()),
    "exception with a cause": lambda e, c: with_cause(),
    "exception group": lambda e, c: fail(ExceptionGroup("many", [ValueError(1), KeyError(2)])),
    "StopIteration": lambda e, c: next(iter(())),
    "RecursionError": lambda e, c: recurse(),
    "TimeoutError": lambda e, c: fail(TimeoutError("upstream")),
    "MemoryError": lambda e, c: fail(MemoryError()),
    "event": lambda e, c: e,
    "context": lambda e, c: public(c),
    "remaining time": lambda e, c: 15_000 < c.get_remaining_time_in_millis() <= 20_000,
    "type of remaining time": lambda e, c: type(c.get_remaining_time_in_millis()).__name__,
    "identity": lambda e, c: [c.identity.cognito_identity_id, c.identity.cognito_identity_pool_id, c.client_context],
    "trace": lambda e, c: os.environ["_X_AMZN_TRACE_ID"].startswith("Root=1-"),
    "variables": lambda e, c: sorted(name for name in os.environ if name.startswith(("AWS_", "LAMBDA_", "TZ"))),
    "execution environment": lambda e, c: os.environ["AWS_EXECUTION_ENV"],
    "working directory": lambda e, c: os.getcwd() == os.environ["LAMBDA_TASK_ROOT"],
    "print": lambda e, c: print("printed"),
    "print to stderr": lambda e, c: print("printed", file=sys.stderr),
    "context.log": lambda e, c: c.log("logged"),
    "logging below the level": lambda e, c: logging.info("not shown"),
    "logging": lambda e, c: logging.warning("warned %s", "twice"),
    "logging of an exception": lambda e, c: logging.error("failed", exc_info=False),
    "Decimal that is infinite": lambda e, c: [D("Infinity")],
    "tuple as key": lambda e, c: {(1, 2): 3},
    "enum member": lambda e, c: enum.Enum("E", "A").A,
    "range": lambda e, c: range(3),
    "bytearray": lambda e, c: {"data": bytearray(b"a")},
    "memoryview": lambda e, c: memoryview(b"a"),
    "defaultdict": lambda e, c: collections.defaultdict(list, a=[1]),
    "ChainMap": lambda e, c: collections.ChainMap({"a": 1}),
    "Counter": lambda e, c: collections.Counter("aab"),
    "subclass of int": lambda e, c: type("Count", (int,), {"__repr__": lambda self: "many"})(3),
    "subclass of float": lambda e, c: type("Ratio", (float,), {"__repr__": lambda self: "half"})(0.5),
    "object with _asdict": lambda e, c: type("Row", (), {"_asdict": lambda self: {"a": 1}})(),
    "object with for_json": lambda e, c: type("Row", (), {"for_json": lambda self: {"a": 1}})(),
    "nested too deep": lambda e, c: deep(5000),
    "numbers at the edge": lambda e, c: [2 ** 63, 2 ** 53 + 1, 1e22, 5e-324, True],
    "error with a note": lambda e, c: fail_with_note(),
    "error of several lines": lambda e, c: fail(ValueError("a\\nb\\tc")),
    "AssertionError": lambda e, c: fail(AssertionError()),
    "ImportError in the handler": lambda e, c: __import__("nothing_of_that_name"),
    "SyntaxError in the handler": lambda e, c: eval("1 +"),
    "UnicodeDecodeError": lambda e, c: b"\\xff".decode(),
    "print without an end": lambda e, c: print("part", end=""),
    "print of half a surrogate pair": lambda e, c: print("\\ud83d"),
    "bytes on stdout": lambda e, c: os.write(1, b"\\xff\\n"),
    "logging of several lines": lambda e, c: logging.warning("a\\nb"),
    "logging with extra": lambda e, c: logging.warning("w", extra={"order": 7}),
    "logger of a name": lambda e, c: logging.getLogger("shop").warning("w"),
    "log handlers": lambda e, c: [type(one).__name__ for one in logging.getLogger().handlers],
    "log level": lambda e, c: logging.getLogger().level,
    "recursion limit": lambda e, c: sys.getrecursionlimit(),
    "standard input": lambda e, c: sys.stdin.read(),
    "encoding of output": lambda e, c: [sys.stdout.encoding, sys.stderr.encoding],
    "context as text": lambda e, c: str(c).replace(c.aws_request_id, "").replace(c.log_stream_name, ""),
    "field that no context has": lambda e, c: c.no_such_field,
    "local time": lambda e, c: time.localtime(0).tm_hour,
}
def handler(event, context):
    return CASES[event["case"]](event, context)
"""
CALL_NAMES = re.findall(r'^    "(.+?)": lambda', CALLS, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, governor: Governor) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("calls")
    (folder / "app.py").write_text(CALLS)
    pair = Pair(folder, governor)
    yield pair
    pair.close()


class Pair:
    """An environment of each runtime with the same function; one that has ended is replaced."""

    def __init__(self, folder: Path, governor: Governor) -> None:
        self._folder, self._governor = folder, governor
        self._open: dict[bool, ExecutionEnvironment] = {}

    def invoke(self, event: bytes, *, reference: bool) -> Outcome:
        environment = self._open.get(reference)
        if environment is None or not environment.usable:
            if environment:
                environment.close()
            spec = python_spec(self._folder, "app.handler", reference=reference)
            environment = self._open[reference] = ExecutionEnvironment(spec, self._governor)
        return outcome(environment.invoke(event))

    def close(self) -> None:
        for environment in self._open.values():
            environment.close()


@needs_client
@pytest.mark.parametrize("name", CALL_NAMES)
def test_a_call_ends_as_under_the_client_of_aws(both: Pair, name: str) -> None:
    event = json.dumps({"case": name}).encode()
    assert both.invoke(event, reference=False) == both.invoke(event, reference=True)


@needs_client
@pytest.mark.parametrize("event", [b"null", b"[1, 2]", b'"text"', b"{", b'{"case": "event", "n": NaN}', b"\xff"])
def test_an_event_is_read_as_by_the_client_of_aws(both: Pair, event: bytes) -> None:
    own, client = (both.invoke(event, reference=reference) for reference in (False, True))
    assert own.payload == client.payload
    assert (own.error or ("",))[0] == (client.error or ("",))[0], "each library has words of its own"


# ---- how a module loads and how a process ends, in an environment of each case

LOADS: dict[str, tuple[dict[str, str], str]] = {
    "missing module": ({}, "absent.handler"),
    "missing import": ({"app.py": "import nothing_of_that_name"}, "app.handler"),
    "missing function": ({"app.py": ""}, "app.handler"),
    "no dot": ({"app.py": ""}, "handler"),
    "syntax error": ({"app.py": "def handler(:"}, "app.handler"),
    "syntax error in an import": ({"app.py": "import other", "other.py": "x ="}, "app.handler"),
    "exception while loading": ({"app.py": "raise OSError('no disk')"}, "app.handler"),
    "exit while loading": ({"app.py": "import sys; sys.exit(5)"}, "app.handler"),
    "not callable": ({"app.py": "handler = None"}, "app.handler"),
    "callable object": (
        {"app.py": "class C:\n    def __call__(self, e, c): return 1\n    def __len__(self): return 0\nhandler = C()"},
        "app.handler",
    ),
    "too few parameters": ({"app.py": "def handler(event): return 1"}, "app.handler"),
    "built-in module": ({"sys.py": "def handler(e, c): return 1"}, "sys.handler"),
    "name of the standard library": ({"colorsys.py": "def handler(e, c): return __file__"}, "colorsys.handler"),
    "import that hides the standard library": (
        {"app.py": "import colorsys\ndef handler(e, c): return colorsys.mine", "colorsys.py": "mine = 1"},
        "app.handler",
    ),
    "package with dots": (
        {
            "a/__init__.py": "",
            "a/b/__init__.py": "",
            "a/b/c.py": "from ..d import n\ndef handler(e, c): return n",
            "a/d.py": "n = 4",
        },
        "a.b.c.handler",
    ),
    "package with slashes": ({"a/b/c.py": "def handler(e, c): return __name__"}, "a/b/c.handler"),
    "relative import without a package": ({"app.py": "from . import other", "other.py": ""}, "app.handler"),
    "exit in the handler": ({"app.py": "import sys\ndef handler(e, c): sys.exit(3)"}, "app.handler"),
    "exit without status": ({"app.py": "import sys\ndef handler(e, c): sys.exit()"}, "app.handler"),
    "exit with text": ({"app.py": "import sys\ndef handler(e, c): sys.exit('bye')"}, "app.handler"),
    "hard exit": ({"app.py": "import os\ndef handler(e, c): os._exit(7)"}, "app.handler"),
    "KeyboardInterrupt": ({"app.py": "def handler(e, c): raise KeyboardInterrupt"}, "app.handler"),
    "error whose text fails": (
        {"app.py": "class E(Exception):\n  def __str__(self): return 1\ndef handler(e, c): raise E"},
        "app.handler",
    ),
    "CancelledError": ({"app.py": "import asyncio\ndef handler(e, c): raise asyncio.CancelledError"}, "app.handler"),
    "GeneratorExit": ({"app.py": "def handler(e, c): raise GeneratorExit"}, "app.handler"),
    "exit in a thread": (
        {"app.py": "import sys, threading as t\ndef handler(e, c): x = t.Thread(target=sys.exit); x.start(); x.join()"},
        "app.handler",
    ),
    "class as handler": (
        {"app.py": "class handler:\n    def __init__(self, e, c): raise OSError('no')"},
        "app.handler",
    ),
    "coroutine function": ({"app.py": "async def handler(e, c): return 1"}, "app.handler"),
    "keyword-only parameters": ({"app.py": "def handler(*, event, context): return 1"}, "app.handler"),
    "any parameters": ({"app.py": "def handler(*a, **k): return [len(a), k]"}, "app.handler"),
    "built-in function": ({"app.py": "handler = max"}, "app.handler"),
    "partial": ({"app.py": "import functools\nhandler = functools.partial(lambda n, e, c: n, 4)"}, "app.handler"),
    "handler of a class": ({"app.py": "class A:\n    handler = None"}, "app.A.handler"),
    "empty function name": ({"app.py": ""}, "app."),
    "empty module name": ({"app.py": ""}, ".handler"),
    "tabs and blanks": ({"app.py": "if 1:\n\tx = 1\n        y = 2"}, "app.handler"),
    "NUL in the source": ({"app.py": "x = 1\0"}, "app.handler"),
    "unknown encoding": ({"app.py": "# coding: nothing\n"}, "app.handler"),
    "killed": ({"app.py": "import os\ndef handler(e, c): os.kill(os.getpid(), 9)"}, "app.handler"),
    "crash": ({"app.py": "import os\ndef handler(e, c): os.kill(os.getpid(), 11)"}, "app.handler"),
}


@needs_client
@pytest.mark.parametrize("name", LOADS)
def test_a_module_loads_and_ends_as_under_the_client_of_aws(tmp_path: Path, governor: Governor, name: str) -> None:
    files, handler = LOADS[name]
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    own, client = (run_once(python_spec(tmp_path, handler, reference=r), governor) for r in (False, True))
    assert (own.payload, own.error) == (client.payload, client.error)


@needs_client
@pytest.mark.parametrize("reference", [False, True])
def test_a_handler_that_takes_too_long_times_out(tmp_path: Path, governor: Governor, *, reference: bool) -> None:
    (tmp_path / "app.py").write_text("import time\ndef handler(e, c): time.sleep(60)")
    found = run_once(python_spec(tmp_path, "app.handler", reference=reference, timeout_s=0.5), governor)
    assert found.error == ("Sandbox.Timedout", "RequestId: ID Error: Task timed out after 0.50 seconds")


# ---- Node.js

NODE_MODULE = """
exports.nothing = () => {};
exports.value = () => 7;
exports.async = async () => ({ ok: true });
exports.undefinedResult = async () => undefined;
exports.event = async (event) => event;
exports.two = (event, context) => { setTimeout(() => console.log('timer'), 50); };
exports.three = (event, context, callback) => { setTimeout(() => callback(null, 'done'), 20); };
exports.twoWithArguments = function (event, context) { setTimeout(() => arguments[2](null, 'by arguments'), 20); };
exports.waits = (event, context, callback) => { setTimeout(() => console.log('later'), 50); callback(null, 'early'); };
exports.doesNotWait = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 60000); callback(null, 'at once'); };
exports.callbackError = (event, context, callback) => callback(new RangeError('too far'));
exports.callbackText = (event, context, callback) => callback('as text');
exports.never = async () => { await new Promise(() => {}); };
exports.succeed = (event, context) => { context.succeed({ ok: true }); };
exports.fail = (event, context) => { context.fail(new Error('no stock')); };
exports.failWithNothing = (event, context) => { context.fail(); };
exports.done = (event, context) => { context.done(null, 'by done'); };
exports.throwsError = () => { throw new TypeError('bad'); };
exports.rejects = async () => { throw new TypeError('bad'); };
exports.throwsText = () => { throw 'only text'; };
exports.throwsObject = async () => { throw { code: 7 }; };
exports.ownError = async () => { throw Object.assign(new Error('gone'), { name: 'Missing' }); };
exports.thenable = () => ({ then(resolve) { resolve('by then'); } });
exports.bigInt = async () => 1n;
exports.circle = async () => { const a = {}; a.a = a; return a; };
exports.date = async () => ({ at: new Date(0), nan: NaN, fn() {} });
exports.unhandled = async () => { Promise.reject(new Error('nobody')); await new Promise((r) => setTimeout(r, 1000)); };
exports.uncaught = () => { setTimeout(() => { throw new Error('out of reach'); }, 10); };
exports.exit = async () => { process.exit(3); };
exports.log = async () => { console.log('a %s', 'b'); console.error('c'); };
exports.context = async (event, context) =>
  [context.functionName, context.memoryLimitInMB, context.getRemainingTimeInMillis() > 1000];
exports.collector = async () => { gc(); return process.execArgv.some((word) => word.startsWith('--max-old-space')); };
exports.trace = async () => process.env._X_AMZN_TRACE_ID.startsWith('Root=1-');
exports.stream = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('a'); stream.write('b'); stream.end(); });
exports.streamOfHttp = awslambda.streamifyResponse(async (event, stream) => {
  const http = awslambda.HttpResponseStream.from(stream, { statusCode: 201 }); http.write('body'); http.end(); });
exports.streamThatFails = awslambda.streamifyResponse(async () => { throw new Error('broken pipe'); });
exports.deep = { er: { handler: async () => 'deep' } };
exports.notAFunction = 5;
"""
NODE_CASES: dict[str, tuple[str, object]] = {
    "nothing": ("null", None),
    "value": ("null", None),
    "async": ('{"ok":true}', None),
    "undefinedResult": ("null", None),
    "event": ("{}", None),
    "two": ("null", "timer"),
    "three": ('"done"', None),
    "twoWithArguments": ('"by arguments"', None),
    "waits": ('"early"', "later"),
    "doesNotWait": ('"at once"', None),
    "callbackError": ("RangeError", "too far"),
    "callbackText": ("string", "as text"),
    "never": ("Runtime.NodeJsExit", "Promise that was never settled"),
    "succeed": ('{"ok":true}', None),
    "fail": ("Error", "no stock"),
    "failWithNothing": ("string", "handled"),
    "done": ('"by done"', None),
    "throwsError": ("TypeError", "bad"),
    "rejects": ("TypeError", "bad"),
    "throwsText": ("string", "only text"),
    "throwsObject": ("object", "[object Object]"),
    "ownError": ("Missing", "gone"),
    "thenable": ('"by then"', None),
    "bigInt": ("Error", "Unable to stringify response body"),
    "circle": ("Error", "Unable to stringify response body"),
    "date": ('{"at":"1970-01-01T00:00:00.000Z","nan":null}', None),
    "unhandled": ("Runtime.UnhandledPromiseRejection", "Error: nobody"),
    "uncaught": ("Error", "out of reach"),
    "exit": ("Runtime.ExitError", "exit status 3"),
    "log": ("null", "\tINFO\ta b\n"),
    "context": ('["conformance","1769",true]', None),
    "collector": ("true", None),
    "trace": ("true", None),
    "stream": ("ab", None),
    "streamOfHttp": ('{"statusCode":201}' + "\0" * 8 + "body", None),
    "streamThatFails": ("Error", "broken pipe"),
    "deep.er.handler": ('"deep"', None),
    "notAFunction": ("Runtime.HandlerNotFound", "index.notAFunction is not a function"),
    "absent": ("Runtime.HandlerNotFound", "index.absent is undefined or not exported"),
}
NODE_LOADS: dict[str, tuple[dict[str, str], str, str]] = {
    "ES module": ({"app.mjs": "export const handler = () => Promise.resolve(1);"}, "app.handler", "1"),
    "package of modules": (
        {"package.json": '{"type": "module"}', "app.js": "export const handler = async () => 1;"}, "app.handler", "1"
    ),
    "CommonJS": ({"app.cjs": "exports.handler = async () => __filename.slice(-3);"}, "app.handler", '"cjs"'),
    "folder": ({"src/app.js": "exports.handler = async () => 2;"}, "src/app.handler", "2"),
    "path from the task root": (
        {"src/app.js": "exports.handler = async () => require('lib/two')", "lib/two.js": "module.exports = 2"},
        "src/app.handler", "2"
    ),
    "folder that is not there": ({"app.js": "exports.handler = async () => 2;"}, "dist/app.handler", "2"),
    "top-level await": ({"app.mjs": "const n = await 3; export const handler = async () => n;"}, "app.handler", "3"),
    "require of an ES module": (
        {"app.js": "require('./module.mjs')", "module.mjs": "export const n = 1;"}, "app.handler", "Error"
    ),
    "ES module without a type": (
        {"app.js": "export const handler = async () => 1;"}, "app.handler", "Runtime.UserCodeSyntaxError"
    ),
    "missing module": ({}, "app.handler", "Runtime.ImportModuleError"),
    "missing import": ({"app.js": "require('absent')"}, "app.handler", "Runtime.ImportModuleError"),
    "missing ES import": ({"app.mjs": "import 'absent';"}, "app.handler", "Runtime.ImportModuleError"),
    "syntax error": ({"app.js": "exports.handler = ("}, "app.handler", "Runtime.UserCodeSyntaxError"),
    "exception while loading": ({"app.js": "throw new RangeError('no')"}, "app.handler", "RangeError"),
    "exit while loading": ({"app.js": "process.exit(4)"}, "app.handler", "Runtime.ExitError"),
    "no dot": ({"app.js": ""}, "app", "Runtime.MalformedHandlerName"),
    "two dots": ({"app.js": ""}, "../app.handler", "Runtime.MalformedHandlerName"),
}  # fmt: skip


def node_spec(folder: Path, handler: str) -> WorkerSpec:
    return WorkerSpec(
        "conformance", handler, "nodejs20.x", NODE.command(), folder, 1769, timeout_s=20.0, throttled=False
    )


def told(found: Outcome) -> str:
    return found.error[0] if found.error else found.payload.decode()


@needs_node
@pytest.mark.parametrize("name", NODE_CASES)
def test_a_node_handler_ends_as_the_developer_guide_says(tmp_path: Path, governor: Governor, name: str) -> None:
    (tmp_path / "index.js").write_text(NODE_MODULE)
    found = run_once(node_spec(tmp_path, f"index.{name}"), governor)
    expected, says = NODE_CASES[name]
    assert told(found) == expected, found
    assert says is None or str(says) in (found.error[1] if found.error else found.output)


@needs_node
@pytest.mark.parametrize("name", NODE_LOADS)
def test_a_node_module_loads_as_under_the_client_of_aws(tmp_path: Path, governor: Governor, name: str) -> None:
    files, handler, expected = NODE_LOADS[name]
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert told(run_once(node_spec(tmp_path, handler), governor)) == expected


@needs_node
def test_null_stays_null_in_node(tmp_path: Path, governor: Governor) -> None:
    (tmp_path / "index.js").write_text(NODE_MODULE)
    assert told(run_once(node_spec(tmp_path, "index.event"), governor, b"null")) == "null"
