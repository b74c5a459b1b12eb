"""CPU-bound: finds prime numbers, compresses the list and signs it. Its duration falls with memory up to one vCPU."""

import hashlib
import zlib


def primes_below(limit):
    """All prime numbers below `limit`, by the sieve of Eratosthenes."""
    sieve = bytearray([1]) * limit
    sieve[:2] = b"\0\0"
    for number in range(2, int(limit**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return [number for number, is_prime in enumerate(sieve) if is_prime]


def handler(event, context):
    """`n`: the primes below it are wanted."""
    primes = primes_below(int(event.get("n", 200_000)))
    packed = zlib.compress(" ".join(map(str, primes)).encode(), level=9)
    return {"primes": len(primes), "bytes": len(packed), "sha256": hashlib.sha256(packed).hexdigest()}
