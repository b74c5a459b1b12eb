"""Reads current prices from the Price List API into the form that `tuner.pricing.price_list` decodes.

The API names products by group and region. A tier is a price dimension with a range.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from tuner.aws.api.errors import aws_errors
from tuner.aws.api.retry import Retrier
from tuner.errors import TunerError
from tuner.model import Architecture
from tuner.pricing.price_list import shipped_document

_SUFFIX = {Architecture.X86_64: "", Architecture.ARM64: "-ARM"}


def fetch_prices(client: Any, region: str, today: date, *, retry: Retrier | None = None) -> dict[str, Any]:
    """Prices of one region.

    Args:
        client: a boto3 `pricing` client.
        region: AWS region code.
        today: the date of the prices.
        retry: the retry layer.

    Returns:
        A price document with this region.

    Raises:
        TunerError: the list has no prices for the region.
        AwsError: it cannot be read.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for product in _products(client, region, retry or Retrier()):
        groups.setdefault(str(product["product"]["attributes"].get("group")), []).append(product)
    tiers = {
        architecture: _tiers(groups.get(f"AWS-Lambda-Duration{suffix}")) for architecture, suffix in _SUFFIX.items()
    }
    requests = _tiers(groups.get("AWS-Lambda-Requests"))
    storage = _tiers(groups.get("AWS-Lambda-Storage-Duration"))
    shipped = shipped_document()
    if not tiers[Architecture.X86_64]:
        raise TunerError(f"The Price List API has no Lambda prices of {region}", "Check the name of the region.")
    usual = shipped["regions"].get(region, shipped["default"])
    currency = _currency(groups["AWS-Lambda-Duration"][0])
    missing = {**{f"{name} duration": tiers[name] for name in Architecture}, "requests": requests, "storage": storage}
    return {
        **shipped,
        "as_of": today.isoformat(),
        "source": "AWS Price List API, ServiceCode AWSLambda",
        "currency": currency,
        "tier_bounds_gb_seconds": {
            name: [end for end, _ in found[:-1]] if len(found) > 1 else shipped["tier_bounds_gb_seconds"][name]
            for name, found in tiers.items()
        },
        "ephemeral_gb_second": storage[0][1] if storage else shipped["ephemeral_gb_second"],
        "regions": {
            region: {
                "gb_second": {
                    name: [price for _, price in found] or usual["gb_second"][name] for name, found in tiers.items()
                },
                "million_requests": requests[0][1] * 1e6 if requests else usual["million_requests"],
                "currency": currency,
                "unconfirmed": [name for name, found in missing.items() if not found],
            }
        },
    }


def _products(client: Any, region: str, retry: Retrier) -> Iterator[dict[str, Any]]:
    """Products of Lambda in a region. Products for the location "Any" are the free tier and are left out."""
    arguments: dict[str, Any] = {
        "ServiceCode": "AWSLambda",
        "Filters": [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}],
    }

    def read_page() -> dict[str, Any]:
        with aws_errors(f"read the prices of {region}"):
            page: dict[str, Any] = client.get_products(**arguments)
        return page

    while True:
        reply = retry.read(read_page)
        for text in reply["PriceList"]:
            product: dict[str, Any] = json.loads(text)
            if product["product"]["attributes"].get("location") != "Any":
                yield product
        if not reply.get("NextToken"):
            return
        arguments["NextToken"] = reply["NextToken"]


def _tiers(products: list[Mapping[str, Any]] | None) -> list[tuple[float, float]]:
    """Upper ends of the tiers and their prices, ascending; empty when the product does not exist."""
    found = []
    for dimension in _dimensions(products[0]) if products else ():
        price = next(iter(dimension["pricePerUnit"].values()))
        found.append((float(dimension["endRange"].replace("Inf", "inf")), float(price)))
    return sorted(found)


def _currency(product: Mapping[str, Any]) -> str:
    return str(next(iter(_dimensions(product)[0]["pricePerUnit"])))


def _dimensions(product: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    terms = next(iter(product["terms"]["OnDemand"].values()))
    return list(terms["priceDimensions"].values())
