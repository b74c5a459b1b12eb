"""A checkout in six small functions. Each waits for a service, computes, or does both in turn.

Deploy them with template.yaml; definition.asl.json runs them. No dependencies.
"""

import hashlib
import time


def compute(rounds):
    """Work that takes as long as the CPU share of the memory size says."""
    return hashlib.pbkdf2_hmac("sha256", b"order", b"example", rounds).hex()


def ask_service(milliseconds):
    """Stands for the answer of another service: no memory size makes it faster."""
    time.sleep(milliseconds / 1000)


def check(event, context):
    """Checks an order: `items`, `express`. Asks who the customer is."""
    ask_service(40)
    compute(2_000)
    return {"items": event["items"], "express": bool(event.get("express"))}


def fraud(event, context):
    """Scores the order: computes alone."""
    compute(15_000 + 1_000 * len(event["items"]))
    return {"score": len(event["items"])}


def reserve(event, context):
    """Reserves the items in the stock: waits for the most part."""
    ask_service(250)
    compute(2_000)
    return {"reserved": event["items"]}


def price(event, context):
    """Prices an item, or a whole order; used twice in the workflow."""
    ask_service(100)
    compute(6_000)
    return {"price": 5}


def courier(event, context):
    """Books a courier, who answers slowly."""
    ask_service(400)
    compute(2_000)
    return {"by": "courier"}


def post(event, context):
    """Prints a stamp."""
    ask_service(80)
    compute(2_000)
    return {"by": "post"}
