"""Flaky: raises now and then, as a function does whose upstream is not always there."""

import hashlib
import itertools
import random

INVOCATIONS = itertools.count()


class UpstreamUnavailableError(Exception):
    """The other side did not answer."""


def handler(event, context):
    """`failure_rate`: share of invocations that raise; with `seed`, the same ones in every environment."""
    number = next(INVOCATIONS)
    rng = random.Random(f"{event['seed']}/{number}" if "seed" in event else None)
    digest = hashlib.pbkdf2_hmac("sha256", b"example", b"salt", int(event.get("rounds", 20_000))).hex()
    if rng.random() < event.get("failure_rate", 0.2):
        raise UpstreamUnavailableError(f"no answer in invocation {number}")
    return {"digest": digest}
