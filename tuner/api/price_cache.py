"""Keeps the prices that the user has refreshed in the user's cache directory, and reads them again.

A cache that is damaged counts as none: the shipped prices serve instead, and one message says so.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from tuner.aws.changes.private_files import read_private, write_private
from tuner.documents.strict_json import decode_text, parse_strictly
from tuner.documents.validation import find_faults, published_schema
from tuner.errors import TunerError
from tuner.pricing.price_list import PriceList, decode_prices, price_list
from tuner.shell_lines import with_command


def current_prices(
    region: str,
    environment: Mapping[str, str] = os.environ,
    *,
    tell: Callable[[str], None] = warnings.warn,
) -> PriceList:
    """Prices of a region: refreshed ones where the user has them.

    Args:
        region: AWS region.
        environment: names the user's cache directory.
        tell: is told why a cache cannot be used; the shipped prices then serve instead.
    """
    path = cache_file(region, environment)
    try:
        return decode_prices(read_prices(path), region)
    except FileNotFoundError:
        return price_list(region)
    except (OSError, ValueError, LookupError) as exc:
        problem = exc.strerror if isinstance(exc, OSError) else exc
        tell(
            with_command(
                f"The prices in {path} are not used: {problem}. Those of the tool serve instead. "
                "Delete the file, or run:",
                f"tuner prices {region} --refresh",
            )
        )
        return price_list(region)


def read_prices(path: Path) -> dict[str, Any]:
    """The price document in a file.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read, or is no regular file.
        ValueError: it is damaged; the message names where and how.
    """
    document = parse_strictly(decode_text(read_private(path)))
    if faults := find_faults(document, published_schema("prices-1")):
        raise ValueError(str(faults[0]))
    for architecture, bounds in document["tier_bounds_gb_seconds"].items():
        if any(low >= high for low, high in pairwise(bounds)):
            raise ValueError(f"$.tier_bounds_gb_seconds.{architecture}: the bounds are not ascending")
    return dict(document)


def keep_prices(region: str, document: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Path:
    """Keep a price document; returns its file.

    Raises:
        TunerError: it cannot be written.
    """
    path = cache_file(region, environment)
    try:
        write_private(path, f"{json.dumps(document, indent=1)}\n".encode())
    except OSError as exc:
        problem = f"cannot write {path}: {exc.strerror}"
        raise TunerError(problem, "Free some space, or set XDG_CACHE_HOME to another folder of your own.") from exc
    return path


def cache_file(region: str, environment: Mapping[str, str]) -> Path:
    """Where the prices of a region are kept."""
    given = environment.get("XDG_CACHE_HOME")
    base = Path(given) if given else Path(environment.get("HOME", "~")).expanduser() / ".cache"
    return base / "lambda-tuner" / f"prices-{region}.json"
