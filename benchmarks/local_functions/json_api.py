"""Reads an order, checks and sums its lines, and answers, as an API behind a gateway does."""

import json

BODY = json.dumps({"lines": [{"sku": f"A{n}", "count": n % 7 + 1, "price": n * 1.25} for n in range(6000)]})


def handler(event: dict[str, int], context: object) -> object:
    lines = json.loads(BODY)["lines"]
    wrong = [line["sku"] for line in lines if not line["sku"].startswith("A") or line["count"] < 1]
    total = sum(line["count"] * line["price"] for line in lines)
    return {"statusCode": 200, "body": json.dumps({"total": total, "wrong": wrong, "lines": lines[:200]})}
