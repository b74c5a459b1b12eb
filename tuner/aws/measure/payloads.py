"""Reads payloads that the user keeps in S3."""

from __future__ import annotations

import json
from typing import Any

from tuner.aws.api.s3 import Objects, parse_address
from tuner.aws.api.session import Clients
from tuner.documents.power_tuning import NULL_PAYLOAD, weighted
from tuner.errors import InputError
from tuner.payloads import Payloads
from tuner.search.registry import measures_every_size
from tuner.settings import Settings

_PATH = "$.payloadS3"


def read_payloads(settings: Settings, clients: Clients) -> Payloads:
    """The payloads of a run: those in S3 when the settings name an address, else those in the settings.

    Raises:
        InputError: the address is wrong, or there is no object.
        AwsError: it cannot be read.
    """
    if settings.payload_s3 is None:
        return settings.payloads
    runs = settings.runs if measures_every_size(settings) else None
    value = _read(clients.s3, settings.payload_s3)
    return Payloads.decode(NULL_PAYLOAD if value is None else weighted(value, runs=runs), path=_PATH)


def _read(client: Any, text: str) -> Any:
    """Return the JSON at an address; a text that is no JSON is a JSON string, as in Power Tuning."""
    address = parse_address(text, path=_PATH)
    content = Objects(client, address.bucket).read(address.key)
    if content is None:
        raise InputError.single(_PATH, f"there is no object at {address}", "check the address")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")
