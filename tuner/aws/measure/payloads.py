"""Reads payloads that the user keeps in S3."""

from __future__ import annotations

from tuner.aws.api.s3 import Objects, parse_address
from tuner.aws.api.session import Clients
from tuner.documents.power_tuning import read_object
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
    address = parse_address(settings.payload_s3, path=_PATH)
    content = Objects(clients.s3, address.bucket).read(address.key)
    if content is None:
        raise InputError.single(_PATH, f"there is no object at {address}", "check the address")
    runs = settings.runs if measures_every_size(settings) and not settings.dry_run else None
    return Payloads.decode(read_object(content, runs=runs), path=_PATH)
