"""Deployment packages: bytes from a zip, from S3 or an image address, kept once per content."""

from __future__ import annotations

import base64
import hashlib
import io
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cloud.errors import AwsError
from tests.cloud.lambda_service import errors

MAX_DIRECT_BYTES = 50 * 1024**2
"""A zip in the request itself (Lambda quotas: 50 MB)."""
MAX_UNZIPPED_BYTES = 250 * 1024**2
"""A package with its layers, unzipped (Lambda quotas: 250 MB)."""


@dataclass(frozen=True, slots=True)
class Package:
    """What a version runs. `data` is None for container images."""

    data: bytes | None
    sha256: str
    size: int
    image_uri: str | None = None


def from_request(parameters: dict[str, Any], account: str) -> Package | None:
    """The package that a CreateFunction `Code`, an UpdateFunctionCode or a layer's `Content` names; None: none named.

    Raises:
        AwsError: S3 object missing, not a zip, too large.
    """
    if uri := parameters.get("ImageUri"):
        # The hash is that of the image: the same whether a tag names it or its digest.
        return Package(None, uri.partition("@sha256:")[2] or hashlib.sha256(uri.encode()).hexdigest(), 0, uri)
    data = parameters.get("ZipFile")
    if isinstance(data, str):
        data = base64.b64decode(data)
    if data is not None and len(data) > MAX_DIRECT_BYTES:
        raise AwsError(
            "RequestEntityTooLargeException",
            f"Request must be smaller than {69905067} bytes for the UpdateFunctionCode operation",
            status=413,
        )
    if data is None and parameters.get("S3Bucket"):
        data = _object(parameters, account)
    return None if data is None else from_zip(data)


def from_zip(data: bytes) -> Package:
    """A checked zip package."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unzipped = sum(item.file_size for item in archive.infolist())
            empty = not archive.infolist()
    except zipfile.BadZipFile:
        raise errors.invalid(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from None
    if empty:
        raise errors.invalid("Uploaded file must be a non-empty zip")
    if unzipped > MAX_UNZIPPED_BYTES:
        raise errors.invalid(f"Unzipped size must be smaller than {MAX_UNZIPPED_BYTES} bytes")
    return Package(data, base64.b64encode(hashlib.sha256(data).digest()).decode(), len(data))


def _object(parameters: dict[str, Any], account: str) -> bytes:
    from moto.s3.exceptions import MissingBucket
    from moto.s3.models import s3_backends

    backend = s3_backends[account]["aws"]
    prefix = "Error occurred while GetObject. S3 Error Code: "
    try:
        found = backend.get_object(
            parameters["S3Bucket"], parameters["S3Key"], version_id=parameters.get("S3ObjectVersion")
        )
    except MissingBucket:
        raise errors.invalid(f"{prefix}NoSuchBucket. S3 Error Message: The specified bucket does not exist") from None
    if found is None:
        raise errors.invalid(f"{prefix}NoSuchKey. S3 Error Message: The specified key does not exist.")
    return bytes(found.value)


class Folders:
    """Unzipped packages on disk, one folder per content, removed with the stand-in."""

    def __init__(self) -> None:
        self._root = tempfile.TemporaryDirectory(prefix="stand-in-")
        self._lock = threading.Lock()

    def of(self, package: Package) -> Path:
        """The folder with the package's files, made at first use."""
        assert package.data is not None
        folder = Path(self._root.name) / hashlib.sha256(package.data).hexdigest()[:32]
        with self._lock:
            if not folder.exists():
                unfinished = folder.with_suffix(".tmp")
                _unzip(package.data, unfinished)
                unfinished.rename(folder)
        return folder

    def close(self) -> None:
        """Remove all folders."""
        self._root.cleanup()


def _unzip(data: bytes, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
        for item in archive.infolist():
            mode = item.external_attr >> 16
            if mode and not item.is_dir():
                (folder / item.filename).chmod(mode | 0o444)
