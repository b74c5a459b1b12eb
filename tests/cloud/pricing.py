"""The Price List API with a handful of recorded rows of AWS Lambda and AWS Step Functions (2026-09).

GetProducts filters by exact field values and pages, as the real one; prices are lists of JSON strings.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.cloud.errors import AwsError, Reply
from tests.cloud.wire import Call

PAGE = 3
"""Rows per page: few, so that a caller that does not follow NextToken is found out."""

_TIERS_X86 = ((0, 6_000_000_000), (6_000_000_000, 15_000_000_000), (15_000_000_000, None))
_TIERS_ARM = ((0, 7_500_000_000), (7_500_000_000, 18_750_000_000), (18_750_000_000, None))

_ROWS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("us-east-1", "AWS-Lambda-Duration", "Lambda-GB-Second", ("0.0000166667", "0.0000150000", "0.0000133334")),
    ("us-east-1", "AWS-Lambda-Duration-ARM", "Lambda-GB-Second-ARM", ("0.0000133334", "0.0000120001", "0.0000106667")),
    ("us-east-1", "AWS-Lambda-Requests", "Request", ("0.0000002000",)),
    ("us-east-1", "AWS-Lambda-Requests-ARM", "Request-ARM", ("0.0000002000",)),
    ("us-east-1", "AWS-Lambda-Storage-Duration", "Lambda-Storage-GB-Second", ("0.0000000309",)),
    ("us-east-1", "AWS-Lambda-Storage-Duration-ARM", "Lambda-Storage-GB-Second-ARM", ("0.0000000309",)),
    ("us-east-1", "AWS-Lambda-Provisioned-Concurrency", "Lambda-Provisioned-Concurrency", ("0.0000041667",)),
    ("us-east-1", "AWS-Lambda-Provisioned-Concurrency-ARM", "Lambda-Provisioned-Concurrency-ARM", ("0.0000033334",)),
    ("us-east-1", "AWS-Lambda-Duration-Provisioned", "Lambda-Provisioned-GB-Second", ("0.0000097222",)),
    ("us-east-1", "AWS-Lambda-Duration-Provisioned-ARM", "Lambda-Provisioned-GB-Second-ARM", ("0.0000077778",)),
    ("eu-south-1", "AWS-Lambda-Duration", "EUS1-Lambda-GB-Second", ("0.0000195172", "0.0000175655", "0.0000156138")),
    (
        "eu-south-1",
        "AWS-Lambda-Duration-ARM",
        "EUS1-Lambda-GB-Second-ARM",
        ("0.0000156138", "0.0000140524", "0.0000124910"),
    ),
    ("eu-south-1", "AWS-Lambda-Requests", "EUS1-Request", ("0.0000002300",)),
    ("eu-south-1", "AWS-Lambda-Requests-ARM", "EUS1-Request-ARM", ("0.0000002300",)),
    ("cn-north-1", "AWS-Lambda-Duration", "CNN1-Lambda-GB-Second", ("0.0001136000",)),
)


def handle(call: Call) -> Reply:
    """Answer a call of the Price List API.

    Raises:
        AwsError: an operation or a region that it does not have.
    """
    if call.region not in ("us-east-1", "ap-south-1", "eu-central-1"):
        raise AwsError("EndpointConnectionError", f"The Price List API has no endpoint in {call.region}", status=404)
    if call.operation != "GetProducts":
        raise AwsError("NotImplemented", f"The local stand-in has no pricing:{call.operation}", status=501)
    rows = [
        row for row in _products(call.parameters["ServiceCode"]) if _passes(row, call.parameters.get("Filters") or [])
    ]
    start = int(call.parameters.get("NextToken") or 0)
    size = min(int(call.parameters.get("MaxResults") or PAGE), PAGE)
    page: dict[str, Any] = {
        "FormatVersion": "aws_v1",
        "PriceList": [json.dumps(row) for row in rows[start : start + size]],
    }
    if start + size < len(rows):
        page["NextToken"] = str(start + size)
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": call.request_id}
    return 200, headers, json.dumps(page).encode()


def _products(service_code: str) -> list[dict[str, Any]]:
    if service_code == "AWSLambda":
        return [_lambda_row(*row) for row in _ROWS] + [_free_tier()]
    if service_code == "AmazonStates":
        attributes = {"servicecode": service_code, "regionCode": "us-east-1", "group": "SFN-StateTransitions"}
        return [
            _row(attributes, "USE1-StateTransition", [_dimension("0.0000250000", 0, None, "StateTransitions", "USD")])
        ]
    return []


def _lambda_row(region: str, group: str, usage: str, prices: tuple[str, ...]) -> dict[str, Any]:
    tiers = ((0, None),) if len(prices) == 1 else (_TIERS_ARM if group.endswith("ARM") else _TIERS_X86)
    unit = "Requests" if "Request" in group else "Lambda-GB-Second"
    currency = "CNY" if region.startswith("cn-") else "USD"
    dimensions = [
        _dimension(price, low, high, unit, currency) for price, (low, high) in zip(prices, tiers, strict=True)
    ]
    attributes = {
        "servicecode": "AWSLambda",
        "regionCode": region,
        "location": region,
        "group": group,
        "usagetype": usage,
    }
    return _row(attributes, usage, dimensions)


def _free_tier() -> dict[str, Any]:
    attributes = {
        "servicecode": "AWSLambda",
        "location": "Any",
        "group": "AWS-Lambda-Duration",
        "usagetype": "Global-Lambda-GB-Second",
    }
    return _row(attributes, "Global-Lambda-GB-Second", [_dimension("0.0000000000", 0, 400_000, "seconds", "USD")])


def _row(attributes: dict[str, str], usage: str, dimensions: list[dict[str, Any]]) -> dict[str, Any]:
    sku = hashlib.sha256(json.dumps(attributes, sort_keys=True).encode()).hexdigest()[:16].upper()
    term = f"{sku}.JRTCKXETXF"
    return {
        "product": {"productFamily": "Serverless", "sku": sku, "attributes": {**attributes, "usagetype": usage}},
        "serviceCode": attributes["servicecode"],
        "terms": {
            "OnDemand": {term: {"sku": sku, "priceDimensions": {f"{term}.{i}": d for i, d in enumerate(dimensions)}}}
        },
        "version": "20260901000000",
        "publicationDate": "2026-09-01T00:00:00Z",
    }


def _dimension(price: str, low: int, high: int | None, unit: str, currency: str) -> dict[str, Any]:
    end = "Inf" if high is None else str(high)
    return {"unit": unit, "beginRange": str(low), "endRange": end, "pricePerUnit": {currency: price}}


def _passes(row: dict[str, Any], filters: list[dict[str, str]]) -> bool:
    attributes = row["product"]["attributes"]
    return all(
        attributes.get(item["Field"], "").lower() == item["Value"].lower()
        for item in filters
        if item["Type"] == "TERM_MATCH"
    )
