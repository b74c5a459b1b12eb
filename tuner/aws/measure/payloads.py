"""Reads payloads that the user keeps in S3."""

from __future__ import annotations

import json
from typing import Any

from tuner.aws.api.s3 import Objects, parse_address
from tuner.aws.api.session import Clients
from tuner.errors import InputError
from tuner.payloads import Payloads
from tuner.settings import Settings

_PATH = "$.payloadS3"


def read_payloads(settings: Settings, clients: Clients) -> Payloads:
    """The payloads of a run: those in S3 when the settings name an address, else those in the settings.

    Raises:
        InputError: the address is wrong, or there is no JSON.
        AwsError: it cannot be read.
    """
    if settings.payload_s3 is None:
        return settings.payloads
    return Payloads.decode(_read_json(clients.s3, settings.payload_s3), path=_PATH)


def _read_json(client: Any, text: str) -> Any:
    address = parse_address(text, path=_PATH)
    content = Objects(client, address.bucket).read(address.key)
    if content is None:
        raise InputError.single(_PATH, f"there is no object at {address}", "check the address")
    try:
        return json.loads(content)
    except ValueError as exc:
        raise InputError.single(_PATH, f"{address} is not JSON: {exc}", "store the payload as JSON") from exc
