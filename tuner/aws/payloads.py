"""Reads the payload that a user keeps in S3."""

from __future__ import annotations

import json
import re
from typing import Any

from tuner.aws.errors import aws_errors
from tuner.aws.session import Clients
from tuner.errors import InputError
from tuner.payloads import Payloads
from tuner.settings import Settings

_ADDRESS = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)")


def read_payloads(settings: Settings, clients: Clients) -> Payloads:
    """The payloads of a run: those in S3 win over those of the settings.

    Raises:
        InputError: no S3 address, or no JSON there.
        AwsError: it cannot be read.
    """
    if settings.payload_s3 is None:
        return settings.payloads
    return Payloads.decode(read_s3_json(clients.s3, settings.payload_s3), path="$.payloadS3")


def read_s3_json(client: Any, address: str) -> Any:
    """The JSON document at an `s3://bucket/key` address.

    Raises:
        InputError: no S3 address, or no JSON there.
        AwsError: it cannot be read.
    """
    found = _ADDRESS.fullmatch(address)
    if not found:
        raise InputError.single("$.payloadS3", f"{address!r} is no S3 address", "write it as s3://bucket/key")
    with aws_errors(f"read {address}"):
        body = client.get_object(Bucket=found["bucket"], Key=found["key"])["Body"].read()
    try:
        return json.loads(body)
    except ValueError as exc:
        raise InputError.single("$.payloadS3", f"{address} is not JSON: {exc}", "store the payload as JSON") from exc
