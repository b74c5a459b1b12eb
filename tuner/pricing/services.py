"""Prices that are not in the price list of Lambda's duration: log queries, provisioned concurrency, Fargate.

All are those of us-east-1, each with its source and its date (services.json). Derives nothing from another region.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from tuner.model import Architecture


@dataclass(frozen=True, slots=True)
class ProvisionedPrices:
    """Prices of provisioned concurrency.

    Attributes:
        idle_usd_per_gb_second: for being ready, whether or not it runs.
        usd_per_gb_second: of the duration that runs on it, beside the former.
        as_of, source: where they come from.
    """

    idle_usd_per_gb_second: float
    usd_per_gb_second: float
    as_of: str
    source: str


@dataclass(frozen=True, slots=True)
class FargatePrices:
    """Prices of a Fargate task, in USD an hour.

    Attributes:
        vcpu_hour_usd, gb_hour_usd: of its CPU and of its memory.
        as_of, source: where they come from.
    """

    vcpu_hour_usd: float
    gb_hour_usd: float
    as_of: str
    source: str


@dataclass(frozen=True, slots=True)
class InstancePrices:
    """Prices of the EC2 instances that Lambda Managed Instances run on, in USD an hour.

    Attributes:
        family: of the instances, general purpose.
        gb_per_vcpu: their memory.
        vcpu_hour_usd: on demand; every size of a family has the same price for a vCPU.
        fee: what Lambda adds, a share of the price on demand.
        as_of, source: where they come from.
    """

    family: str
    gb_per_vcpu: float
    vcpu_hour_usd: float
    fee: float
    as_of: str
    source: str


def logs_query_usd(scanned_bytes: float) -> float:
    """Price of what a Logs Insights query scans. A GB counts as 10^9 bytes, which is the dearer reading."""
    return float(_document()["logs_query"]["scanned_gb"]) * scanned_bytes / 1e9


def provisioned_prices(architecture: Architecture) -> ProvisionedPrices:
    """Prices of provisioned concurrency on an architecture."""
    found = _document()["provisioned"]
    own = found[architecture]
    return ProvisionedPrices(own["idle_gb_second"], own["gb_second"], found["as_of"], found["source"])


def fargate_prices(architecture: Architecture) -> FargatePrices:
    """Prices of Fargate on an architecture."""
    found = _document()["fargate"]
    own = found[architecture]
    return FargatePrices(own["vcpu_hour"], own["gb_hour"], found["as_of"], found["source"])


def instance_prices(architecture: Architecture) -> InstancePrices:
    """Prices of Lambda Managed Instances on an architecture."""
    found = _document()["managed_instances"]
    own = found[architecture]
    return InstancePrices(
        own["family"], own["gb_per_vcpu"], own["vcpu_hour"], found["fee"], found["as_of"], found["source"]
    )


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files("tuner.pricing").joinpath("services.json").read_text("utf-8"))
    return document
