"""How amounts of a currency are written. Knows no price."""

from __future__ import annotations

SIGNS = {"USD": "$", "CNY": "CN¥", "EUR": "€"}


def currency_sign(currency: str) -> str:
    """What stands before an amount: `$`, `CN¥`; for others the name and a blank."""
    return SIGNS.get(currency, f"{currency} ")
