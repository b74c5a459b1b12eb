"""Provides the code for copies: the function's own package, or one that the user names for an architecture.

Finds what prevents another architecture before anything is created.
"""

from __future__ import annotations

import base64
import hashlib
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.errors import AwsError, DeniedError, NotFoundError, ServiceFaultError
from tuner.aws.api.function import FunctionDetails
from tuner.aws.api.s3 import parse_address
from tuner.aws.changes.elf import foreign_binary
from tuner.errors import InputError
from tuner.model import Architecture

MAX_DIRECT_ZIP = 50 * 1024 * 1024
"""Largest package that a request can carry (Lambda quotas, 2026-09)."""
DOWNLOAD_TIMEOUT_S = 120.0


def download(address: str) -> bytes:
    """Download a package from the address in the reply of GetFunction.

    Raises:
        ServiceFaultError: another attempt may succeed.
        AwsError: the package cannot be downloaded.
    """
    try:
        with urllib.request.urlopen(address, timeout=DOWNLOAD_TIMEOUT_S) as response:  # noqa: S310  an address of Lambda
            package: bytes = response.read()
    except (OSError, HTTPException) as exc:
        refused = isinstance(exc, HTTPError) and exc.code < 500
        kind = AwsError if refused else ServiceFaultError
        said = f"Could not download the function's package: {exc}"
        raise kind(said, "Check the network, then run again.") from exc
    return package


@dataclass(slots=True)
class Packages:
    """The packages of one function.

    Attributes:
        source: the function or version that is copied.
        given: for an architecture the `s3://bucket/key` of a zip, or the address of an image.
        fetch: downloads the function's own package.
    """

    api: LambdaApi
    source: FunctionDetails
    given: Mapping[Architecture, str] = field(default_factory=dict)
    fetch: Callable[[str], bytes] = download
    _zip: bytes | None = field(default=None, repr=False)

    def check(self, architectures: Sequence[Architecture]) -> None:
        """Make sure that copies are possible.

        Raises:
            InputError: the environment cannot be read, or the package is too large for a request.
        """
        state = self.source.state
        if (state.raw.get("Environment") or {}).get("Error"):
            problem = f"the environment of {state.name} cannot be read, so it cannot be copied"
            raise InputError.single("TARGET", problem, "allow kms:Decrypt on its key")
        own = [architecture for architecture in architectures if architecture not in self.given]
        if own and not state.is_image and state.code_size > MAX_DIRECT_ZIP:
            problem = f"the package of {state.name} ({state.code_size / 2**20:.0f} MB) is too large for a request"
            raise InputError.single("--code-for", problem, f"name it: --code-for {own[0]}=s3://BUCKET/KEY")

    def obstacle(self, architecture: Architecture) -> str:
        """Why the function cannot run on an architecture; empty when no reason is known."""
        state = self.source.state
        if architecture is state.architecture or architecture in self.given:
            return ""
        if state.is_image:
            return f"its image is built for {state.architecture}: give --code-for {architecture}=IMAGE_URI"
        for layer in state.layers:
            supported = self._layer_architectures(layer)
            if supported and architecture not in supported:
                return f"its layer {layer} supports {', '.join(supported)} only"
        if state.code_size <= MAX_DIRECT_ZIP and (binary := foreign_binary(self.package(), architecture)):
            return f"{binary} is built for {state.architecture}: give --code-for {architecture}=s3://BUCKET/KEY"
        return ""

    def code(self, architecture: Architecture) -> dict[str, Any]:
        """The `Code` of CreateFunction or the arguments of UpdateFunctionCode."""
        if given := self.given.get(architecture):
            if not given.startswith("s3://"):
                return {"ImageUri": given}
            address = parse_address(given, path="--code-for")
            return {"S3Bucket": address.bucket, "S3Key": address.key}
        if self.source.state.is_image:
            return {"ImageUri": self.source.code.get("ResolvedImageUri") or self.source.code["ImageUri"]}
        return {"ZipFile": self.package()}

    def package(self) -> bytes:
        """The function's own zip, checked against its hash."""
        if self._zip is None:
            package = self.api.retry.read(lambda: self.fetch(str(self.source.code["Location"])))
            digest = base64.b64encode(hashlib.sha256(package).digest()).decode()
            if digest != self.source.state.code_sha256:
                raise AwsError(
                    f"The package of {self.source.state.name} does not match its hash",
                    "Somebody deployed it at this moment: run again.",
                )
            self._zip = package
        return self._zip

    def _layer_architectures(self, layer: str) -> tuple[str, ...]:
        try:
            return self.api.layer_architectures(layer)
        except (DeniedError, NotFoundError):
            return ()  # a layer of another account can be usable but not readable
