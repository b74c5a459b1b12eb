"""Which function a report is of, as far as a log says, and whether a log seems to hold several.

A report does not name its function. Its log group may (`/aws/lambda/NAME`), and so may its log stream in a
group that functions share. Where neither does, sizes that take turns show that functions are mixed. Test calls of
copies stand in the log of their function, and count for nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from tuner.vocabulary import COPY_PREFIX

if TYPE_CHECKING:
    from tuner.evidence.logs.log_rows import LogRow

_GROUP = re.compile(r"(?:\S+:)?/aws/lambda/([\w.-]+)(?::\*)?")
_SHARED_STREAM = re.compile(r"\d{4}/\d\d/\d\d/([\w-]+)\[")
LEAST_TURNS = 6
"""So many changes of the memory size, in the order of the runs, may be settings that were changed now and then."""
MIXED_SHARE = 0.2
"""Changes between neighbours, over those of runs in random order, from which on sizes take turns. Settings that were
changed now and then have hardly any, and while a change takes effect there are some."""


def is_of_a_copy(stream: str) -> bool:
    """Whether a log stream is of a copy that a run measured: its test calls are nobody's requests."""
    return function_of(stream, "").startswith(COPY_PREFIX)


@lru_cache(maxsize=1024)
def function_of(stream: str, group: str) -> str:
    """Name of the function that writes to a log stream; empty: neither the stream nor its group tells."""
    found = _SHARED_STREAM.match(stream) or _GROUP.fullmatch(group)
    return found[1] if found else ""


def by_function(rows: Iterable[LogRow]) -> dict[str, tuple[LogRow, ...]]:
    """The rows of each function by its name, in their order; those that name none by the empty one.

    Where one function alone is named, all are of it.
    """
    found: dict[str, list[LogRow]] = {}
    for row in rows:
        found.setdefault(row.function, []).append(row)
    named = [name for name in found if name]
    if len(found) == 2 and len(named) == 1:
        return {named[0]: tuple(sorted((row for own in found.values() for row in own), key=_time))}
    return {name: tuple(own) for name, own in sorted(found.items())}


def turns_of_sizes(rows: Sequence[LogRow]) -> int:
    """How often runs of different memory sizes take turns, as those of one function do not; 0: they hardly do.

    Versions are looked at by themselves, since several of them may run side by side.

    Args:
        rows: in the order of their time.
    """
    versions: dict[str, list[int]] = {}
    for row in sorted(rows, key=lambda row: row.started_s or 0.0):
        if row.report.memory_size_mb:
            versions.setdefault(row.version, []).append(row.report.memory_size_mb)
    return sum(map(_turns, versions.values()))


def _turns(sizes: Sequence[int]) -> int:
    turns = sum(one != other for one, other in pairwise(sizes))
    shares = [count / len(sizes) for count in Counter(sizes).values()]
    by_chance = (len(sizes) - 1) * (1 - sum(share**2 for share in shares))
    return turns if turns > LEAST_TURNS and turns >= MIXED_SHARE * by_chance else 0


def _time(row: LogRow) -> float:
    return row.ended_s or 0.0
