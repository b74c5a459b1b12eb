"""Mixed: signs documents at the pace that a rate limit allows. It waits and computes in turn.

While there is enough CPU the rate limit decides, below that the CPU does: the knee
between the two is the size to find.
"""

import hashlib
import time


def sign(document, rounds):
    """An expensive signature: PBKDF2 of the document."""
    return hashlib.pbkdf2_hmac("sha256", document.encode(), b"example", rounds).hex()


def handler(event, context):
    """`documents`: how many; `interval_ms`: at most one starts in each; `rounds`: work for each."""
    interval_s = event.get("interval_ms", 25) / 1000
    next_at = time.monotonic()
    signatures = []
    for number in range(int(event.get("documents", 5))):
        time.sleep(max(0.0, next_at - time.monotonic()))
        next_at = time.monotonic() + interval_s
        signatures.append(sign(f"document {number}", int(event.get("rounds", 10_000))))
    return {"signed": len(signatures), "last": signatures[-1]}
