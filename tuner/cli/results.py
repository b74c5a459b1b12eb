"""Results that a command is given: what is wrong with them is told with all other faults."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from tuner.errors import Fault, or_faults

if TYPE_CHECKING:
    from tuner.aws.api.connection import Connection


def file_faults(addresses: Iterable[str], connection: Connection) -> list[Fault]:
    """What is wrong with results on this machine. S3 is not asked: options that must change may say how."""
    from tuner.api.result_store import S3_SCHEME, load_result, load_trend

    faults: list[Fault] = []
    for address in addresses:
        if not address.startswith(S3_SCHEME):
            before = len(faults)
            trend = or_faults(partial(load_trend, address, connection=connection), faults)
            if trend is None and len(faults) == before:
                or_faults(partial(load_result, address, connection=connection), faults)
    return faults
