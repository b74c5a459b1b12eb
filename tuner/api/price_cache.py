"""Prices that the user has refreshed, kept in the user's cache directory; else those that came with the tool."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.api.files import write_text
from tuner.pricing.price_list import PriceList, decode_prices, price_list


def current_prices(region: str, environment: Mapping[str, str] = os.environ) -> PriceList:
    """Prices of a region: refreshed ones where the user has them. A damaged cache counts as none."""
    try:
        document = json.loads(cache_file(region, environment).read_text("utf-8"))
        return decode_prices(document, region)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return price_list(region)


def keep_prices(region: str, document: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Path:
    """Keep a price document; returns its file."""
    path = cache_file(region, environment)
    write_text(path, json.dumps(document, indent=1) + "\n")
    return path


def cache_file(region: str, environment: Mapping[str, str]) -> Path:
    """Where the prices of a region are kept."""
    given = environment.get("XDG_CACHE_HOME")
    base = Path(given) if given else Path(environment.get("HOME", "~")).expanduser() / ".cache"
    return base / "lambda-tuner" / f"prices-{region}.json"
