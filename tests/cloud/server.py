"""The HTTP server: identifies each call, records it, applies faults, and hands it to its service.

Lambda and the Price List are ours, everything else is moto's. Knows no service's rules.
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server

from tests.cloud import clock, faults, history, insights, metrics, policies, pricing
from tests.cloud.calls import CallLog
from tests.cloud.errors import AwsError, Reply, render
from tests.cloud.faults import Fault, FaultPlan, Kind
from tests.cloud.lambda_service.service import DOWNLOADS_PATH, LambdaService
from tests.cloud.motofixes import MotoFixes
from tests.cloud.runtime import Runtimes
from tests.cloud.settings import DEFAULT_ACCOUNT, DEFAULT_REGION, Settings
from tests.cloud.wire import Call, identify

CONTROL_PATH = "/_cloud/"
POLL_SECONDS = 0.05
"""How often the server looks whether it is to end."""
HOOK_SECONDS = 120.0
"""How long a test's callback may take."""


class StandIn:
    """A local AWS on one port."""

    def __init__(self, port: int = 0, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._first_settings = asdict(self.settings)
        self._server = _listen(port, self)
        self.port = self._server.server_port
        self.endpoint = f"http://127.0.0.1:{self.port}"
        os.environ["MOTO_PORT"] = str(self.port)  # where moto's state machines send their calls
        self.calls, self.faults = CallLog(), FaultPlan()
        self.runtimes = Runtimes(self.settings, self.endpoint)
        self.insights = insights.Insights(self.settings)
        self.lambdas = LambdaService(self.settings, self.runtimes, self.endpoint)
        self.runtimes.lambdas = self.lambdas
        self._moto = _MotoServices(MotoFixes(self.settings, self.endpoint))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True)

    def start(self) -> None:
        """Serve until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """End the server and all workers."""
        self._server.shutdown()
        self._server.server_close()
        self.runtimes.close()

    def reset(self) -> None:
        """An empty account with the default settings, no faults, no calls."""
        self.faults.clear()
        self._moto.fixes.reset()
        self.lambdas.reset()
        self.runtimes.reset()
        self.insights.clear()
        self.settings.update(self._first_settings)
        self.calls.clear()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI application."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path = environ["PATH_INFO"]
        if path.startswith(CONTROL_PATH):
            status, headers, answer = self._control(path.removeprefix(CONTROL_PATH), body)
        else:
            status, headers, answer = self._aws(environ, body)
        sent = [(key, value) for key, value in headers.items() if key.lower() not in ("content-length", "connection")]
        start_response(f"{status} -", [*sent, ("Content-Length", str(len(answer)))])
        return [answer]

    def _aws(self, environ: dict[str, Any], body: bytes) -> Reply:
        call = identify(environ, body)
        if call is None:
            return self._moto.send("s3", environ, body)
        entry = self.calls.begin(call)
        striking = self.faults.for_call(call)
        entry["faults"] = [str(fault.kind) for fault in striking]
        try:
            self._before(striking, call, environ)
            reply = self._send(call, environ, body)
            for fault in striking:
                if fault.kind is Kind.TWICE:
                    reply = self._send(call, environ, body)
            entry["outcome"] = "ok" if reply[0] < 400 else _error_code(reply)
            self._after(striking, call, environ)
        except AwsError as error:
            entry["outcome"] = error.code
            reply = render(error, protocol=call.protocol, request_id=call.request_id)
        except ConnectionError:
            entry["outcome"] = entry["outcome"] or "cut off"
            raise
        except Exception:  # noqa: BLE001 - a fault of the stand-in itself is shown, and answered as AWS answers its own
            traceback.print_exc()
            entry["outcome"] = "fault of the stand-in"
            reply = render(faults.server_error(call), protocol=call.protocol, request_id=call.request_id)
        return reply

    def _send(self, call: Call, environ: dict[str, Any], body: bytes) -> Reply:
        if self.settings.enforce_policies:
            policies.authorize(call)
        if call.service == "lambda":
            return self.lambdas.handle(call)
        if call.service == "pricing":
            return pricing.handle(call)
        if call.service in ("logs", "cloudwatch", "compute-optimizer"):
            self.lambdas.logs.arrive()
        if call.service == "logs" and call.operation in insights.OPERATIONS:
            return self.insights.handle(call)
        if call.service == "cloudwatch":
            return metrics.handle(call)
        if call.service == "compute-optimizer":
            return metrics.recommend(call, self.settings)
        reply = self._moto.send(call.service, environ, body)
        if self.settings.enforce_policies and call.service == "s3" and reply[0] == 404:
            policies.authorize_listing(call)
        return reply

    def _before(self, striking: list[Fault], call: Call, environ: dict[str, Any]) -> None:
        for fault in striking:
            if fault.kind is Kind.DELAY:
                time.sleep(fault.seconds)
            if fault.kind is Kind.HOOK:
                _call_back(fault, call)
            if fault.kind is Kind.LOSE_REQUEST:
                _cut(environ)
            if error := faults.refusal(fault, call):
                raise error

    def _after(self, striking: list[Fault], call: Call, environ: dict[str, Any]) -> None:
        for fault in striking:
            if fault.kind is Kind.HOOK_AFTER:
                _call_back(fault, call)
            if fault.kind is Kind.KILL_CLIENT:
                os.kill(_client_pid(environ), signal.SIGKILL)
            if fault.kind is Kind.LOSE_REPLY:
                _cut(environ)
            if fault.kind is Kind.ERROR_AFTER:
                raise faults.server_error(call)

    def _control(self, path: str, body: bytes) -> Reply:
        if path.startswith(DOWNLOADS_PATH.removeprefix(CONTROL_PATH)):
            data = self.lambdas.download(path.rsplit("/", 1)[-1])
            return (404, {}, b"") if data is None else (200, {"Content-Type": "application/zip"}, data)
        document = json.loads(body or b"{}")
        if path not in self._controls:
            return 404, {}, f"no {path}".encode()
        result = self._controls[path](document)
        return 200, {"Content-Type": "application/json"}, json.dumps(result).encode()

    @property
    def _controls(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        """What the control path can do: name to a function of the JSON document sent."""
        return {
            "ping": lambda _: {"pid": os.getpid()},
            "reset": lambda _: self.reset(),
            "settings": self._change_settings,
            "faults": lambda document: self.faults.add(Fault.from_json(document)),
            "faults/clear": lambda _: self.faults.clear(),
            "calls": lambda document: self.calls.entries(document.get("since", 0)),
            "calls/clear": lambda _: self.calls.clear(),
            "simulate": lambda document: self.runtimes.simulate(document["function"], document["model"]),
            "invocations": lambda _: self.runtimes.invocations(),
            "history": lambda document: history.write(DEFAULT_ACCOUNT, DEFAULT_REGION, document),
            "cool": lambda _: self.runtimes.close(),
            "pass_by": lambda document: clock.pass_by(document["seconds"]),
        }

    def _change_settings(self, changes: dict[str, Any]) -> dict[str, Any]:
        self.settings.update(changes)
        return asdict(self.settings)


class _MotoServices:
    """moto's own WSGI application, imported when the first call needs it."""

    def __init__(self, fixes: MotoFixes) -> None:
        self.fixes = fixes
        self._application: Any = None
        self._lock, self._objects = threading.Lock(), threading.Lock()

    def send(self, service: str, environ: dict[str, Any], body: bytes) -> Reply:
        """Have moto answer a request."""
        self.fixes.before(service)
        with self._lock:
            if self._application is None:
                from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

                self._application = DomainDispatcherApplication(create_backend_app)
        captured: list[Any] = []
        environ = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        # moto looks and writes in two steps, and lists objects while others are deleted.
        with self._objects if service == "s3" else nullcontext():
            answer = self._application(environ, lambda status, headers, *_: captured.extend((status, headers)))
            content = b"".join(answer)
        return int(captured[0].split()[0]), dict(captured[1]), content


def _listen(port: int, application: StandIn) -> BaseWSGIServer:
    from moto.moto_server.werkzeug_app import MotoRequestHandler

    class Handler(MotoRequestHandler):
        """Keeps connections, as AWS does, and answers in one piece: werkzeug closes each, after a wait of 10 ms."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def run_wsgi(self) -> None:
            if "Transfer-Encoding" in self.headers:  # a body without a length is read by nobody
                self.close_connection = True
            try:
                for part in application(self.make_environ(), self._begin):
                    self.wfile.write(part)
                self.wfile.flush()
            except ConnectionError as error:
                self.connection_dropped(error)

        def _begin(self, status: str, headers: Iterable[tuple[str, str]]) -> None:
            self.send_response(int(status.split()[0]), "-")
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()

        def handle_expect_100(self) -> bool:
            self.send_response_only(100)
            self.end_headers()
            self.wfile.flush()
            return True

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

        def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:
            self.close_connection = True

    return make_server("127.0.0.1", port, application, threaded=True, request_handler=Handler)


def _cut(environ: dict[str, Any]) -> None:
    """End the connection without an answer."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError


def _call_back(fault: Fault, call: Call) -> None:
    document = {"service": call.service, "operation": call.operation, "number": call.number}
    request = urllib.request.Request(fault.callback, data=json.dumps(document).encode(), method="POST")
    urllib.request.urlopen(request, timeout=HOOK_SECONDS).close()


def _client_pid(environ: dict[str, Any]) -> int:
    """The process at the other end of the connection: others may have the same port of their own, to other servers."""
    import psutil

    port, server = int(environ["REMOTE_PORT"]), int(environ["SERVER_PORT"])
    for connection in psutil.net_connections(kind="tcp4"):
        ends = [end.port for end in (connection.laddr, connection.raddr) if end]
        if ends == [port, server] and connection.pid:
            return int(connection.pid)
    raise LookupError(f"no process with port {port} of a connection to {server}")


def _error_code(reply: Reply) -> str:
    status, headers, body = reply
    lowered = {key.lower(): value for key, value in headers.items()}
    if code := lowered.get("x-amzn-errortype"):
        return code.split(":")[0]
    text = body.decode("utf-8", "replace")
    if "<Code>" in text:
        return text.split("<Code>")[1].split("</Code>")[0]
    try:
        return str(json.loads(text)["__type"]).rsplit("#", 1)[-1]
    except (ValueError, KeyError, TypeError):
        return str(status)
