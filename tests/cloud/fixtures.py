"""Pytest fixtures and the client of a stand-in that runs in a process of its own.

`cloud` is an empty account for each test, in one server per session. Its clients use dummy
credentials; faults, settings and the record of calls go over the server's control path.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.faults import Fault, Kind
from tests.cloud.settings import DEFAULT_ACCOUNT, DEFAULT_REGION
from tests.cloud.zips import zipped

ROOT = Path(__file__).parents[2]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIATESTER0000000000", "AWS_SECRET_ACCESS_KEY": "secret"}
ASSUMED_BY_LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
MAY_DO_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass
class Cloud:
    """A running stand-in as a test sees it."""

    endpoint: str
    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT
    faults: Faults = field(init=False)
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.faults = Faults(self)

    def control(self, path: str, document: Mapping[str, Any] | None = None) -> Any:
        """A request to the control path."""
        data = json.dumps(dict(document or {})).encode()
        request = urllib.request.Request(f"{self.endpoint}/_cloud/{path}", data=data, method="POST")
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read())

    def reset(self) -> None:
        """An empty account, default settings, no faults, no calls."""
        self.faults.close()
        self.control("reset")

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings (tests/cloud/settings.py); returns all of them."""
        return dict(self.control("settings", changes))

    def calls(self, *, caller: str = "*", service: str = "*", since: int = 0) -> list[dict[str, Any]]:
        """The API calls made so far: service, operation, parameters, IAM action and resource, caller, outcome."""
        entries = self.control("calls", {"since": since})
        return [e for e in entries if caller in ("*", e["caller"]) and service in ("*", e["service"])]

    def operations(self, *, caller: str = "user", service: str = "*") -> list[str]:
        """The calls as `service:Operation`, in order."""
        return [f"{e['service']}:{e['operation']}" for e in self.calls(caller=caller, service=service)]

    def forget_calls(self) -> None:
        """Clear the record of calls."""
        self.control("calls/clear")

    def invocations(self) -> list[dict[str, Any]]:
        """Every invocation that ran: function, version, memory_mb, architecture, error, request_id."""
        return list(self.control("invocations"))

    def cool(self) -> None:
        """End every execution environment of a function whose code really runs: the next invocation is cold."""
        self.control("cool")

    def pass_by(self, seconds: float) -> None:
        """Let time pass for what is under way: changes of functions, and logs."""
        self.control("pass_by", {"seconds": seconds})

    def environment(self) -> dict[str, str]:
        """Variables for a subprocess (the tool, aws, sam) that make it use this account, and no other's files."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return {
            **clean,
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.2",
        }

    def session(self, region: str | None = None) -> Any:
        """A boto3 session with dummy credentials (pass `endpoint_url=cloud.endpoint` to its clients)."""
        import boto3

        return boto3.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=region or self.region,
        )

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client for this account; it does not retry, so that tests see every error."""
        key = (service, region or self.region)
        if key not in self._clients:
            from botocore.config import Config

            config = Config(retries={"total_max_attempts": 1}, max_pool_connections=50)
            self._clients[key] = self.session(region).client(service, endpoint_url=self.endpoint, config=config)
        return self._clients[key]

    def role(self, name: str = "lambda-role", *, policy: Mapping[str, Any] | None = None) -> str:
        """ARN of a role, made at first use; without a policy it may do all. Roles are held to their policies."""
        iam = self.client("iam")
        try:
            return str(iam.get_role(RoleName=name)["Role"]["Arn"])
        except iam.exceptions.NoSuchEntityException:
            trust = json.dumps(ASSUMED_BY_LAMBDA)
            arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
            document = json.dumps(policy or MAY_DO_ALL)
            iam.put_role_policy(RoleName=name, PolicyName="test", PolicyDocument=document)
            return arn

    def create_function(
        self,
        name: str,
        folder: Path | str | Mapping[str, str],
        handler: str,
        *,
        memory_mb: int = 256,
        timeout_s: int = 10,
        architectures: tuple[str, ...] = ("x86_64",),
        runtime: str = "python3.13",
        wait: bool = True,
        **options: Any,
    ) -> str:
        """Create a function from a folder, or from a mapping of file names to texts; returns its ARN.

        `options` are further members of CreateFunction (with PackageType Image, the Code as well). Waits until it is
        Active.
        """
        members: dict[str, Any] = {"Handler": handler, "Runtime": runtime, "Code": {"ZipFile": zipped(folder)}}
        if options.get("PackageType") == "Image":
            members = {}
        members |= {"MemorySize": memory_mb, "Timeout": timeout_s, "Architectures": list(architectures)}
        members |= {"Role": self.role(), **options}
        function = self.client("lambda").create_function(FunctionName=name, **members)
        if wait:
            self.wait(name)
        return str(function["FunctionArn"])

    def simulate_function(self, name: str, *, model: Mapping[str, Any] | None = None, **options: Any) -> str:
        """Create a function that is a formula (tests/cloud/simulated.py): quick, with true logs. Returns its ARN.

        Temporary copies, which have its code, behave alike.
        """
        self.control("simulate", {"function": name, "model": dict(model or {})})
        return self.create_function(name, {"app.py": simulated_code(name)}, "app.handler", **options)

    def wait(self, name: str) -> None:
        """Until the function is Active and its update is through."""
        client, quickly = self.client("lambda"), {"Delay": 0.02, "MaxAttempts": 500}
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=quickly)
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=quickly)

    def publish(self, name: str, **options: Any) -> str:
        """Publish a version and wait until it is Active; returns its number."""
        client = self.client("lambda")
        number = str(client.publish_version(FunctionName=name, **options)["Version"])
        waiter = client.get_waiter("published_version_active")
        waiter.wait(FunctionName=name, Qualifier=number, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500})
        return number

    def snapshot(self, name: str) -> dict[str, Any]:
        """All that a run must leave as it found it: configuration but for RevisionId and LastModified, code, tags,
        concurrency, versions and aliases."""
        client = self.client("lambda")
        function = client.get_function(FunctionName=name)
        versions = client.get_paginator("list_versions_by_function").paginate(FunctionName=name).build_full_result()
        aliases = client.get_paginator("list_aliases").paginate(FunctionName=name).build_full_result()
        return {
            "configuration": _lasting(function["Configuration"]),
            "tags": function.get("Tags", {}),
            "concurrency": function.get("Concurrency"),
            "versions": [_lasting(version) for version in versions["Versions"]],
            "aliases": aliases["Aliases"],
        }

    def function_names(self) -> list[str]:
        """The names of all functions: no temporary copy may be left."""
        functions = self.client("lambda").get_paginator("list_functions").paginate().build_full_result()
        return sorted(function["FunctionName"] for function in functions["Functions"])


@dataclass
class Faults:
    """Sets faults (tests/cloud/faults.py). All end with the test."""

    cloud: Cloud
    _hooks: list[_HookServer] = field(default_factory=list)

    def add(self, kind: str, operation: str = "*", **options: Any) -> None:
        """Set a fault: `add("lose_reply", "PublishVersion", nth=2)`."""
        self.cloud.control("faults", Fault(Kind(kind), operation, **options).to_json())

    def hook(
        self, callback: Callable[[dict[str, Any]], None], operation: str = "*", *, after: bool = False, **options: Any
    ) -> None:
        """Run `callback` in the test's process while a call waits: before it is done, or `after`."""
        server = _HookServer(callback)
        self._hooks.append(server)
        self.add("hook_after" if after else "hook", operation, callback=server.address, **options)

    def clear(self) -> None:
        """No faults any more."""
        self.cloud.control("faults/clear")

    def close(self) -> None:
        """End the hooks; an error of a callback is raised here, and so is that one was never called."""
        hooks, self._hooks = self._hooks, []
        failures = [failure for hook in hooks for failure in hook.close()]
        if failures:
            raise failures[0]


class _HookServer:
    """Receives the stand-in's request at a hook, in a thread of the test."""

    def __init__(self, callback: Callable[[dict[str, Any]], None]) -> None:
        failures: list[BaseException] = []
        called = threading.Event()
        self._failures, self._called = failures, called

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                called.set()
                try:
                    callback(json.loads(body))
                except BaseException as failure:  # noqa: BLE001 - raised in the test by close()
                    failures.append(failure)
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> list[BaseException]:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        never = [] if self._called.is_set() else [AssertionError("the call of a hook was never made")]
        return [*self._failures, *never]


@contextmanager
def running(settings: Mapping[str, Any] | None = None) -> Iterator[Cloud]:
    """A stand-in in a process of its own, on a free port."""
    command = [
        sys.executable,
        "-m",
        "tests.cloud",
        "--port",
        "0",
        "--attached",
        "--settings",
        json.dumps(dict(settings or {})),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        words = process.stdout.readline().split()
        if not words:
            raise RuntimeError("the stand-in did not start")
        yield Cloud(words[1])
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


@pytest.fixture(scope="session")
def cloud_server() -> Iterator[Cloud]:
    """The stand-in of this process: every folder's tests share it, since starting one takes seconds."""
    with running() as cloud:
        yield cloud


@pytest.fixture
def cloud(cloud_server: Cloud) -> Iterator[Cloud]:
    """An empty account."""
    cloud_server.reset()
    yield cloud_server
    cloud_server.faults.close()


def simulated_code(name: str) -> str:
    """The code of a simulated function: what has it, a copy or a version of another one, behaves alike."""
    return f"# {name}\ndef handler(event, context): ...\n"


def _lasting(configuration: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in configuration.items() if key not in ("RevisionId", "LastModified")}
