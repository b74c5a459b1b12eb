"""Packages are downloaded again after faults that may pass, and checked against their hash."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.errors import AwsError
from tuner.aws.api.function import FunctionDetails, FunctionState
from tuner.aws.api.retry import Retrier
from tuner.aws.changes.packages import Packages

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders"


class Server(BaseHTTPRequestHandler):
    """Answers with the statuses of its path, one after the other: `/503/200`; 0 hangs up."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        status = int(self.path.split("/")[1:][len(self.asked)])
        self.asked.append(self.path)
        if status:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"a package")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def packages() -> Iterator[Callable[[str], Packages]]:
    """Makes the packages of a function whose code is at a path of a local server."""
    Server.asked.clear()
    digest = base64.b64encode(hashlib.sha256(b"a package").digest()).decode()
    state = FunctionState({"FunctionName": "orders", "FunctionArn": ARN, "CodeSha256": digest})
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        api = LambdaApi(None, Retrier(attempts=3, sleep=lambda _: None))
        at = f"http://127.0.0.1:{server.server_port}"
        yield lambda path: Packages(api, FunctionDetails(state, {"Location": at + path}, {}, None))
        server.shutdown()


def test_a_download_that_may_pass_is_tried_again(packages: Callable[[str], Packages]) -> None:
    assert packages("/503/0/200").package() == b"a package"


def test_a_download_that_is_refused_is_not_tried_again(packages: Callable[[str], Packages]) -> None:
    with pytest.raises(AwsError, match="403"):
        packages("/403/200").package()
    assert len(Server.asked) == 1
