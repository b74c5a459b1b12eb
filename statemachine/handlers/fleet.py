"""Fleet: reads the list before the executions start, and sums up what they found.

The state machine writes one object to S3 for each outcome. So the summary holds all outcomes, even when too many
executions fail.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reports.fleet import render
from statemachine.deputy import refuse_own_object
from statemachine.fleet.request import ITEMS, OUTCOMES, decode_fleet, encode_fleet, read_list
from statemachine.fleet.summary import Document, encode_fleet_output, summarize
from statemachine.identifiers import run_id
from statemachine.services import Services, shared_services, with_readable_errors
from tuner.aws.api.s3 import Objects, parse_address
from tuner.errors import InputError


@with_readable_errors
def handler(event: Mapping[str, Any], _context: Any) -> Document:
    """Read the list, or sum up."""
    if event["step"] == "list":
        return begin(event["input"], event["execution"], event["startedAt"], shared_services())
    return end(event["fleet"]["folder"], shared_services())


def begin(document: Any, execution: str, started_at: str, services: Services) -> Document:
    """Read and check the list, and store it in the form that the Map reads.

    Raises:
        InputError: every fault of the input and of every entry.
    """
    fleet = decode_fleet(document)
    refuse_own_object(fleet.address, bucket=services.bucket, path="$.list")
    address = parse_address(fleet.address, path="$.list")
    content = Objects(services.clients.s3, address.bucket).read(address.key)
    if content is None:
        raise InputError.single("$.list", f"{address} does not exist", "upload the list to this address")
    inputs = read_list(content.decode("utf-8", "replace"), fleet)
    folder = f"fleets/{run_id(execution, started_at)}"
    services.objects.write(f"{folder}/{ITEMS}", json.dumps(inputs).encode())
    return encode_fleet(fleet, services.bucket, folder)


def end(folder: str, services: Services) -> Document:
    """Write the summary and its page, and return the output."""
    objects = services.objects
    inputs = json.loads(objects.read(f"{folder}/{ITEMS}") or b"[]")
    keys = objects.keys(f"{folder}/{OUTCOMES}/")
    contents = zip(keys, objects.read_all(keys), strict=True)
    outcomes = {
        int(key.rpartition("/")[2].removesuffix(".json")): json.loads(content or b"{}") for key, content in contents
    }
    made_at = f"{services.now():%Y-%m-%dT%H:%M:%SZ}"
    summary = summarize(inputs, outcomes, made_at)
    text, page = f"{folder}/summary.json", f"{folder}/summary.html"
    objects.write(text, json.dumps(summary, indent=1).encode())
    objects.write(page, render(summary).encode(), content_type="text/html; charset=utf-8")
    return encode_fleet_output(summary, str(objects.address(text)), str(objects.address(page)))
