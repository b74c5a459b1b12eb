"""Runs a Python handler as Lambda's runtime does: imports it once, then answers requests from a pipe.

Stands alone: the interpreter that runs it needs no package of this project, and may be an
older one. Requests and answers are a JSON line with the length `n` of the body that follows.
"""

from __future__ import annotations

import os
import sys
import time

_STARTED = time.monotonic()
if sys.path[0] == __file__.rpartition(os.sep)[0]:  # not so under PYTHONSAFEPATH
    del sys.path[0]  # this file's directory is no place for the function's imports

import importlib.machinery  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import traceback  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:  # the module `typing` is not imported: it would lengthen every cold start
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn


class Context:
    """The context object of a Python handler (Lambda developer guide, "Using the Lambda context object")."""

    def __init__(self, request: dict[str, Any]) -> None:
        env = os.environ
        self.aws_request_id = request["id"]
        self.invoked_function_arn = request["arn"]
        self.function_name = env["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = env["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = env["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = env["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.client_context = None
        self.identity = Identity()
        self._deadline_ms = request["deadlineMs"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the timeout."""
        return max(0, int(self._deadline_ms - time.time() * 1000))

    def log(self, message: object) -> None:
        """Write to the log as it is."""
        sys.stdout.write(str(message))


class Identity:
    """Nobody: there is no Amazon Cognito here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class LogHandler(logging.StreamHandler):  # type: ignore[type-arg]  # not subscriptable before 3.11
    """The handler that Lambda installs at the root logger: level, time, request id, message."""

    request_id = ""

    def format(self, record: logging.LogRecord) -> str:
        """One record as Lambda's default format writes it."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        when = f"{seconds}.{int(record.msecs):03d}Z"
        line = "\t".join((f"[{record.levelname}]", when, self.request_id, record.getMessage()))
        if record.exc_info:
            line += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return line


class SourceLoader(importlib.machinery.SourceFileLoader):
    """Compiles a module at every cold start, as in Lambda, whatever byte code somebody left beside it."""

    def path_stats(self, path: str) -> NoReturn:
        """Without them the import system looks for no byte code (`importlib.abc.SourceLoader.path_stats`)."""
        raise OSError(f"no byte code is read for {path}")


class InitError(Exception):
    """The handler could not be had; carries Lambda's error document."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["errorMessage"])
        self.error = error


class Channel:
    """Messages to and from the tuner."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        for fd in (read_fd, write_fd):
            os.set_inheritable(fd, False)  # a child must not keep the pipes open
        self._requests = os.fdopen(read_fd, "rb")
        self._write_fd = write_fd

    def receive(self) -> tuple[dict[str, Any], bytes] | None:
        """The next request and its body; None when the tuner is gone."""
        line = self._requests.readline()
        if not line:
            return None
        request = json.loads(line)
        return request, self._requests.read(request["n"])

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        """Send one answer."""
        rest = memoryview(json.dumps(dict(head, n=len(body))).encode() + b"\n" + body)
        while rest:
            rest = rest[os.write(self._write_fd, rest) :]


def open_code(root: str) -> None:
    """Put the function's folder first in the path, for imports from source alone.

    What is installed below it (a virtual environment) is not the function's own: it keeps its byte code.
    """
    installed = tuple(entry + os.sep for entry in sys.path if entry.startswith(root + os.sep))
    machinery = importlib.machinery
    finder = machinery.FileFinder.path_hook(
        (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES),
        (SourceLoader, machinery.SOURCE_SUFFIXES),
        (machinery.SourcelessFileLoader, machinery.BYTECODE_SUFFIXES),
    )

    def find_own(path: str) -> Any:
        folder = path + os.sep
        if not folder.startswith(root + os.sep) or folder.startswith(installed):
            raise ImportError(path)
        return finder(path)

    sys.path_hooks.insert(0, find_own)
    sys.path_importer_cache.pop(root, None)
    sys.path.insert(0, root)


def load(name: str) -> Callable[..., Any]:
    """Import the module of `module.function` and return the function.

    Raises:
        InitError: with the error type that Lambda's runtime gives.
    """
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise InitError(document("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values"))
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise InitError(document("Runtime.ImportModuleError", message, stack_of(error))) from error
    except SyntaxError as error:
        where = [f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").rstrip()}\n']
        message = f"Syntax error in module '{module_name}': {error}"
        raise InitError(document("Runtime.UserCodeSyntaxError", message, where)) from error
    except Exception as error:  # whatever the function raises
        raise InitError(document(type(error).__name__, str(error), stack_of(error))) from error
    try:
        handler = getattr(module, function_name)
    except AttributeError as error:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise InitError(document("Runtime.HandlerNotFound", message)) from error
    if not callable(handler):
        message = f"Handler '{function_name}' on module '{module_name}' is not callable"
        raise InitError(document("Runtime.HandlerNotFound", message))
    return handler  # type: ignore[no-any-return]


def run(handler: Callable[..., Any], body: bytes, context: Context) -> tuple[bytes | None, dict[str, Any] | None]:
    """Call the handler; return its response as bytes and None, or None and the error document."""
    try:
        event = json.loads(body) if body else {}
        response = handler(event, context)
    except Exception as error:  # noqa: BLE001  (whatever the function raises)
        return None, document(type(error).__name__, str(error), stack_of(error), context.aws_request_id)
    try:
        encoded = json.dumps(response, ensure_ascii=False).encode()
    except Exception as error:  # noqa: BLE001  (whatever the response's own methods raise)
        message = f"Unable to marshal response: {error}"
        return None, document("Runtime.MarshalError", message, (), context.aws_request_id)
    return encoded, None


def document(error_type: str, message: str, stack: Iterable[str] = (), request_id: str = "") -> dict[str, Any]:
    """An error as Lambda returns it."""
    return {
        "errorMessage": message,
        "errorType": error_type,
        "requestId": request_id,
        "stackTrace": list(stack),
    }


def stack_of(error: BaseException) -> list[str]:
    """The function's own frames of a traceback, formatted."""
    own = (__file__, importlib.__file__)
    frames = traceback.extract_tb(error.__traceback__)
    return traceback.format_list([f for f in frames if f.filename not in own and not f.filename.startswith("<frozen")])


def log_error(error: dict[str, Any]) -> None:
    """Tell an error in the log as Lambda's runtime does."""
    lines = f"[ERROR] {error['errorType']}: {error['errorMessage']}\n"
    if error["stackTrace"]:
        lines += "Traceback (most recent call last):\n" + "".join(error["stackTrace"])
    # A message may hold what has no encoding, such as half of a surrogate pair.
    encoding = sys.stdout.encoding
    sys.stdout.write(lines.encode(encoding, "backslashreplace").decode(encoding))


def cpu_ms() -> float:
    """CPU time so far of this process and of the children that it has waited for."""
    times = os.times()
    return (time.process_time() + times.children_user + times.children_system) * 1000


def start(name: str) -> tuple[Callable[..., Any] | None, dict[str, Any] | None]:
    """Load the handler; return it, or None and the error that every invocation gets."""
    try:
        return load(name), None
    except InitError as failure:
        log_error(failure.error)
        return None, failure.error


def serve(channel: Channel, handler: Callable[..., Any] | None, init_error: dict[str, Any] | None, limit: int) -> None:
    """Answer requests until the tuner is gone."""
    while (message := channel.receive()) is not None:
        request, body = message
        LogHandler.request_id = request["id"]
        began, used = time.monotonic(), cpu_ms()
        response, error = run(handler, body, Context(request)) if handler is not None else (None, init_error)
        if error is not None and handler is not None:
            log_error(error)
        if response is not None and len(response) > limit:
            text = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
            error = {"errorMessage": text, "errorType": "Function.ResponseSizeTooLarge"}
        sys.stdout.flush()
        sys.stderr.flush()
        answer = {
            "error": error is not None,
            "durationMs": (time.monotonic() - began) * 1000,
            "cpuMs": cpu_ms() - used,
        }
        body = json.dumps(error).encode() if error is not None or response is None else response
        channel.send(answer, body)


def main() -> None:
    """Init phase, then the loop."""
    settings = json.loads(os.environ.pop("_TUNER_WORKER"))
    channel = Channel(settings["readFd"], settings["writeFd"])
    root = os.environ["LAMBDA_TASK_ROOT"]
    open_code(root)
    os.chdir(root)
    logging.getLogger().addHandler(LogHandler(sys.stdout))
    handler, init_error = start(os.environ["_HANDLER"])
    sys.stdout.flush()
    channel.send(
        {"initMs": (time.monotonic() - _STARTED) * 1000, "error": init_error is not None},
        json.dumps(init_error).encode() if init_error else b"",
    )
    serve(channel, handler, init_error, settings["responseLimit"])


if __name__ == "__main__":
    main()
