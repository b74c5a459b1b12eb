"""Derives a key from a password and signs messages."""

import hashlib
import hmac


def handler(event: dict[str, int], context: object) -> object:
    key = hashlib.pbkdf2_hmac("sha256", b"password", b"salt", event.get("rounds", 150_000))
    return [hmac.new(key, b"message %d" % n, "sha256").hexdigest() for n in range(200)][-1]
