"""The Lambda service as a whole: its stores, its rate limit, and the way from a call to its response."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from tests.cloud import clock
from tests.cloud.errors import Reply
from tests.cloud.lambda_service import errors, extras, operations  # noqa: F401 - importing registers operations
from tests.cloud.lambda_service.api import RateLimit, Request, respond
from tests.cloud.lambda_service.code import Package
from tests.cloud.lambda_service.functions import Function, FunctionStore, Version
from tests.cloud.lambda_service.invocation import Run, Runtime
from tests.cloud.lambda_service.log_delivery import LogDelivery
from tests.cloud.settings import Settings
from tests.cloud.wire import Call

DOWNLOADS_PATH = "/_cloud/packages/"
"""Where packages are served, in place of the presigned addresses of AWS."""


class LambdaService:
    """Lambda in every account and region of the stand-in."""

    def __init__(self, settings: Settings, runtime: Runtime, endpoint: str) -> None:
        self.settings, self.runtime, self.endpoint = settings, runtime, endpoint
        self._stores: dict[tuple[str, str], FunctionStore] = {}
        self._packages: dict[str, Package] = {}
        self.logs = LogDelivery()
        self._limit = RateLimit()
        self._lock = threading.Lock()

    def store(self, account: str, region: str) -> FunctionStore:
        """The functions of an account in a region."""
        with self._lock:
            return self._stores.setdefault((account, region), FunctionStore(account, region))

    def reset(self) -> None:
        """Forget all functions and layers."""
        with self._lock:
            self._stores.clear()
            self._packages.clear()
        self.logs.clear()

    def handle(self, call: Call) -> Reply:
        """Answer a call.

        Raises:
            AwsError: what AWS would refuse.
        """
        store = self.store(call.account, call.region)
        request = Request(self, store, call)
        if call.operation == "Invoke":
            return respond(request)
        with store.lock:
            self._limit.take(self.settings.control_plane_rate)
            return respond(request)

    def run(self, function: Function, version: Version, event: bytes, request_id: str, qualified_arn: str) -> Run:
        """Run an invocation and send its log to CloudWatch."""
        run = self.runtime.run(function, version, event, request_id, qualified_arn)
        group = version.configuration["LoggingConfig"]["LogGroup"]
        name = function.name
        self.logs.send(name.account, name.region, group, run, delay_s=self.settings.log_delay_seconds)
        return run

    def in_seconds(self, seconds: float) -> float:
        """A moment of the monotonic clock."""
        return clock.monotonic() + seconds

    def code_location(self, function: Function, version: Version) -> dict[str, Any]:
        """The `Code` of GetFunction, with an address that can be downloaded."""
        package = version.package
        if package.image_uri:
            resolved = f"{package.image_uri.split('@')[0].rsplit(':', 1)[0]}@sha256:{package.sha256}"
            return {"RepositoryType": "ECR", "ImageUri": package.image_uri, "ResolvedImageUri": resolved}
        return {"RepositoryType": "S3", "Location": self.download_location(package)}

    def download_location(self, package: Package) -> str:
        """An address under which the package can be fetched without credentials."""
        assert package.data is not None
        key = hashlib.sha256(package.data).hexdigest()
        self._packages[key] = package
        return f"{self.endpoint}{DOWNLOADS_PATH}{key}?X-Amz-Expires=600"

    def download(self, key: str) -> bytes | None:
        """The package behind an address; None: there is none."""
        package = self._packages.get(key)
        return package.data if package else None

    def check_role(self, account: str, arn: str) -> None:
        """Refuse an execution role that does not exist.

        Raises:
            AwsError: InvalidParameterValueException.
        """
        from moto.iam.exceptions import NotFoundException
        from moto.iam.models import iam_backends

        try:
            iam_backends[account]["aws"].get_role_by_arn(arn)
        except NotFoundException:
            raise errors.invalid("The role defined for the function cannot be assumed by Lambda.") from None
