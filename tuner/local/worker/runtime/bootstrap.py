"""Runs a Python handler as Lambda's runtime does: imports it once, then serves invocations of the Runtime API.

Stands alone: the interpreter that runs it needs no package of this project, and may be an older one. Where the
handler's environment has AWS's own runtime client (awslambdaric), that one serves. Both behave alike (docs/local.md).
"""

from __future__ import annotations

import os
import sys
import time

if sys.path[0] == __file__.rpartition(os.sep)[0]:  # not so under PYTHONSAFEPATH
    del sys.path[0]  # this file's directory is no place for the function's imports

import _socket
import importlib.machinery
import json
import logging
import re
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:  # the module `typing` is not imported: it would lengthen every cold start
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

CLIENT = "awslambdaric"
EXCLUDED = "_TUNER_EXCLUDED"
"""Variable with a folder from which no module may be loaded."""
CHECKOUT = "_TUNER_CHECKOUT"
"""Variable with a folder from which every module may be loaded, although it lies in the other one."""
OWN_LOOP = "_TUNER_OWN_LOOP"
"""Variable that has this loop serve although AWS's client is there."""
PREFIX = "/2018-06-01/runtime/"
UNICODE_SINCE = (3, 12)
"""From this Python on Lambda writes responses in UTF-8; before it escapes what is not ASCII (awslambdaric)."""


class LambdaContext:
    """The context object of a Python handler (Lambda developer guide, "Using the Lambda context object")."""

    def __init__(self, headers: dict[str, str]) -> None:
        env = os.environ
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.function_name = env.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = env.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = env.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context = None
        self.identity = CognitoIdentity()
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the timeout."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Write to the log as it is."""
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        names = ("aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb",
                 "function_version", "invoked_function_arn", "client_context", "identity", "tenant_id")  # fmt: skip
        return f"LambdaContext([{','.join(f'{name}={getattr(self, name)}' for name in names)}])"


class CognitoIdentity:
    """Nobody: there is no Amazon Cognito here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None

    def __repr__(self) -> str:
        return "CognitoIdentity([cognito_identity_id=None,cognito_identity_pool_id=None])"


class LambdaLoggerHandler(logging.StreamHandler):  # type: ignore[type-arg]  # not subscriptable before 3.11
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


class Guard:
    """Refuses modules from a folder: the working tree of a function of which a revision is measured.

    What is installed in an environment there belongs to no revision, nor does the interpreter's own library. What the
    folder of the revision has or links to is the revision's.
    """

    def __init__(self, excluded: str, checkout: str, root: str) -> None:
        self._excluded, self._root = os.path.realpath(excluded) + os.sep, root
        self._checkout = checkout and os.path.abspath(checkout) + os.sep
        own = (os.path.dirname(os.__file__), *(path for path in sys.path if path.endswith("lib-dynload")))
        self._library = tuple(os.path.realpath(folder) + os.sep for folder in own)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The module as the other finders find it.

        Raises:
            ImportError: it lies in the folder.
        """
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is None:
                continue
            origin = os.path.abspath(spec.origin) if spec.has_location and spec.origin else ""
            if origin and self._refuses(origin):
                message = f"{name} would be loaded from {origin}, which is the working tree and not this revision"
                raise ImportError(f"{message} ({self._root})", name=name, path=origin)
            return spec
        return None

    def _refuses(self, origin: str) -> bool:
        if self._checkout and origin.startswith(self._checkout):
            return False
        place = os.path.realpath(origin)
        installed = f"{os.sep}site-packages{os.sep}" in place or f"{os.sep}dist-packages{os.sep}" in place
        return place.startswith(self._excluded) and not place.startswith(self._library) and not installed


class Fault(Exception):  # noqa: N818  (Lambda's word)
    """What the runtime itself finds wrong; carries Lambda's error document."""

    def __init__(self, kind: str, message: str, stack: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.document = document(kind, message, stack)


class RuntimeApi:
    """The client's side of the Runtime API, over one connection that stays open."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self._socket.connect((host, int(port)))
        self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._unread = b""

    def next(self) -> tuple[dict[str, str], bytes]:
        """Headers and event of the next invocation."""
        self._socket.sendall(f"GET {PREFIX}invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return self._receive()

    def post(self, path: str, body: bytes, content_type: str = "application/json", kind: str = "") -> None:
        """Send a response or an error, and read that it was taken."""
        head = f"POST {PREFIX}{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
        if kind:
            head += f"Lambda-Runtime-Function-Error-Type: {kind}\r\n"
        self._socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode("ascii", "replace") + body)
        self._receive()

    def _receive(self) -> tuple[dict[str, str], bytes]:
        while b"\r\n\r\n" not in self._unread:
            self._fill()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        parts, missing = [self._unread], length - len(self._unread)
        while missing > 0:
            parts.append(self._socket.recv(min(missing, 1 << 20)))
            if not parts[-1]:
                raise ConnectionError("the Runtime API has closed the connection")
            missing -= len(parts[-1])
        whole = b"".join(parts)
        self._unread = whole[length:]
        return headers, whole[:length]

    def _fill(self) -> None:
        data = self._socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the Runtime API has closed the connection")
        self._unread += data


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
        Fault: with the error type that Lambda's runtime gives.
    """
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        message = f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", message)
    if module_name.partition(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {module_name} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise Fault("Runtime.ImportModuleError", message, stack_of(error)) from error
    except SyntaxError as error:
        where = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", where) from error
    try:
        return getattr(module, function_name)  # type: ignore[no-any-return]
    except AttributeError as error:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", message) from error


def decode(body: bytes) -> Any:
    """The event.

    Raises:
        Fault: it is not JSON.
    """
    try:
        return json.loads(body, parse_constant=refuse)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error


def refuse(constant: str) -> NoReturn:
    """NaN and infinities are no JSON."""
    raise ValueError(f"{constant} is not JSON")


def encode(response: Any) -> tuple[bytes, str]:
    """A response and its content type, as Lambda's runtime writes them.

    Raises:
        Fault: it cannot be written as JSON.
    """
    if isinstance(response, bytes):
        return response, "application/unknown"
    try:
        text = to_json(response)
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
    return text.encode(), "application/json"


def to_json(value: Any) -> str:
    """A value as JSON in the manner of simplejson, which Lambda's runtime uses.

    The standard library writes namedtuples as lists and refuses Decimal and bytes: where there may be any, they are
    replaced first.
    """
    ascii_only = sys.version_info < UNICODE_SINCE
    try:
        text = json.dumps(value, ensure_ascii=ascii_only)
    except (TypeError, ValueError):
        text = ""
    if not text or not is_plain(value):
        numbers: list[str] = []
        text = json.dumps(replaced(value, numbers, ()), ensure_ascii=ascii_only)
        mark = rf'"\\u0000([0-9]+)\\u0000{id(numbers)}"'  # as JSON writes it
        text = re.sub(mark, lambda found: numbers[int(found[1])], text)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


LEAVES = frozenset({str, int, float, bool, type(None)})


def is_plain(value: Any) -> bool:
    """Whether a value, which has no circle, holds only what both libraries write alike."""
    waiting = [value]
    for one in waiting:
        kind = type(one)
        if kind is dict:
            items: Iterable[Any] = one.values()
        elif kind is list or kind is tuple:
            items = one
        elif kind in LEAVES:
            continue
        else:
            return False
        if not set(map(type, items)) <= LEAVES:
            waiting += [item for item in items if type(item) not in LEAVES]
    return True


def replaced(value: Any, numbers: list[str], above: tuple[int, ...]) -> Any:
    """A copy of a value for the standard library: text for bytes, objects for namedtuples, marks for Decimals."""
    if isinstance(value, bytes):
        return value.decode()
    as_dict = None if isinstance(value, (dict, list)) else getattr(value, "_asdict", None)
    if isinstance(value, (dict, list, tuple)) or callable(as_dict):
        if id(value) in above:
            raise ValueError("Circular reference detected")
        above = (*above, id(value))
        if callable(as_dict):  # a namedtuple, or an object that behaves as one
            value = as_dict()
        if isinstance(value, dict):
            return {key_of(key): replaced(item, numbers, above) for key, item in value.items()}
        return [replaced(item, numbers, above) for item in value]
    decimal = sys.modules.get("decimal")  # not loaded: there are no Decimals
    if decimal is not None and isinstance(value, decimal.Decimal):
        numbers.append("NaN" if value.is_nan() else str(value))
        return f"\x00{len(numbers) - 1}\x00{id(numbers)}"
    return value


def key_of(key: Any) -> Any:
    """A key of an object for the standard library.

    Raises:
        TypeError: it cannot be one.
    """
    if isinstance(key, bytes):
        return key.decode()
    if key is None or isinstance(key, (str, int, float)):
        return key
    raise TypeError(f"keys must be str, int, float, bool or None, not {type(key).__name__}")


def document(kind: str, message: str, stack: Iterable[str] = (), request_id: str = "") -> dict[str, Any]:
    """An error as Lambda returns it."""
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": list(stack)}


def stack_of(error: BaseException) -> list[str]:
    """The function's own frames of a traceback, formatted."""
    own = (__file__, importlib.__file__)
    frames = traceback.extract_tb(error.__traceback__)
    return traceback.format_list([f for f in frames if f.filename not in own and not f.filename.startswith("<frozen")])


def log_error(error: dict[str, Any]) -> None:
    """Tell an error in the log as Lambda's runtime does: one event, with carriage returns between its lines."""
    lines = [f"[ERROR] {error['errorType']}: {error['errorMessage']}"]
    lines += ["Traceback (most recent call last):", *"".join(error["stackTrace"]).splitlines()]
    # A message may hold what has no encoding, such as half of a surrogate pair.
    text = "\r".join(lines).encode("utf-8", "backslashreplace").decode()
    quietly(lambda: sys.stdout.write(text + "\n"))
    flush()


def flush() -> None:
    """Write out what the function has written."""
    quietly(lambda: sys.stdout.flush())
    quietly(lambda: sys.stderr.flush())


def quietly(write: Callable[[], object]) -> None:
    """Write to a stream that the function may have closed or replaced."""
    try:
        write()
    except (AttributeError, OSError, ValueError):
        return


def invoke(
    handler: Callable[..., Any], headers: dict[str, str], body: bytes
) -> tuple[bytes, str, dict[str, Any] | None]:
    """Call the handler; return its response with the content type, and the error document in its place."""
    request_id = headers["lambda-runtime-aws-request-id"]
    try:
        return (*encode(handler(decode(body), LambdaContext(headers))), None)
    except Fault as fault:
        return b"", "", dict(fault.document, requestId=request_id)
    except Exception as error:  # noqa: BLE001  (whatever the function raises)
        return b"", "", document(type(error).__name__, str(error), stack_of(error), request_id)


def serve(api: RuntimeApi, handler: Callable[..., Any]) -> NoReturn:
    """Serve invocations until the process is ended."""
    while True:
        headers, body = api.next()
        request_id = LambdaLoggerHandler.request_id = headers["lambda-runtime-aws-request-id"]
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("lambda-runtime-trace-id", "")
        response, content_type, error = invoke(handler, headers, body)
        flush()
        if error is None:
            api.post(f"invocation/{request_id}/response", response, content_type)
        else:
            log_error(error)
            api.post(f"invocation/{request_id}/error", json.dumps(error).encode(), kind=error["errorType"])


def main() -> None:
    """Init phase, then the loop."""
    own_loop = os.environ.pop(OWN_LOOP, "")
    root = os.environ["LAMBDA_TASK_ROOT"]
    open_code(root)
    os.chdir(root)
    excluded, checkout = os.environ.pop(EXCLUDED, ""), os.environ.pop(CHECKOUT, "")
    if excluded:
        sys.meta_path.insert(0, Guard(excluded, checkout, root))
    name = os.environ["_HANDLER"]
    if not own_loop and importlib.machinery.PathFinder.find_spec(CLIENT) is not None:
        client = importlib.import_module(f"{CLIENT}.__main__")
        sys.argv = [CLIENT, name]
        client.main(sys.argv)
        return
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    logging.getLogger().addHandler(LambdaLoggerHandler(sys.stdout))
    try:
        handler = load(name)
    except Fault as fault:
        error = fault.document
    except Exception as raised:  # noqa: BLE001  (whatever the function raises)
        error = document(type(raised).__name__, str(raised), stack_of(raised))
    else:
        serve(api, handler)
    log_error(error)
    api.post("init/error", json.dumps(error).encode(), kind=error["errorType"])
    sys.exit(1)


if __name__ == "__main__":
    main()
