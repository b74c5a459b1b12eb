"""Leaves out runs that look like test calls of a tuning which published versions of the function.

Nothing in a log marks them. They are runs of several versions, of one memory size each, which began together and were
over within hours. Test calls of copies are known by the name of the copy, and are left out where a log is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuner.evidence.logs.log_rows import LogRow

LEAST_SIZES = 3
"""Versions that users invoke hardly ever have as many memory sizes within hours. A tuning measures more."""
LONGEST_S = 6 * 3600.0
"""A tuning rarely takes longer."""
PAUSE_S = 900.0
"""Between the runs of two versions of one tuning at most."""


@dataclass(frozen=True, slots=True)
class TestCalls:
    """Runs that look like test calls of tunings with versions.

    Attributes:
        runs: how many.
        versions: that they are of.
        sizes: how many memory sizes these versions have.
        count: whether they are taken for requests all the same, since the log holds no other run.
    """

    runs: int = 0
    versions: frozenset[str] = frozenset()
    sizes: int = 0
    count: bool = False


NONE = TestCalls()


@dataclass(frozen=True, slots=True)
class _Version:
    number: str
    runs: int
    memory_mb: int
    first_s: float
    last_s: float


def without_test_calls(rows: Sequence[LogRow], existing: Collection[str] = ()) -> tuple[tuple[LogRow, ...], TestCalls]:
    """The rows without those that look like test calls of tunings with versions, and what these are.

    Args:
        rows: of one function.
        existing: versions that the function has. A tuning deletes its own.
    """
    found = _test_calls([row for row in rows if row.version not in existing])
    others = tuple(row for row in rows if row.version not in found.versions)
    return (others, found) if others or not rows else (tuple(rows), replace(found, count=True))


def _test_calls(rows: Iterable[LogRow]) -> TestCalls:
    tunings = [tuning for tuning in _tunings(_short_versions(rows)) if len(_sizes(tuning)) >= LEAST_SIZES]
    together = [version for tuning in tunings for version in tuning]
    runs = sum(version.runs for version in together)
    return TestCalls(runs, frozenset(version.number for version in together), len(_sizes(together)))


def _short_versions(rows: Iterable[LogRow]) -> list[_Version]:
    """Numbered versions that ran at one size, and for hours at most."""
    by_version: dict[str, list[LogRow]] = {}
    for row in rows:
        if row.version.isdecimal() and row.started_s is not None and row.report.memory_size_mb:
            by_version.setdefault(row.version, []).append(row)
    found = []
    for number, own in by_version.items():
        times_s = [row.started_s or 0.0 for row in own]
        sizes = {row.report.memory_size_mb or 0 for row in own}
        if len(sizes) == 1 and max(times_s) - min(times_s) <= LONGEST_S:
            found.append(_Version(number, len(own), sizes.pop(), min(times_s), max(times_s)))
    return found


def _tunings(versions: Iterable[_Version]) -> Iterator[list[_Version]]:
    """Versions that ran together or soon after one another."""
    current: list[_Version] = []
    for version in sorted(versions, key=lambda version: version.first_s):
        if current and (
            version.first_s > max(one.last_s for one in current) + PAUSE_S
            or version.last_s > current[0].first_s + LONGEST_S
        ):
            yield current
            current = []
        current.append(version)
    yield current


def _sizes(versions: Sequence[_Version]) -> set[int]:
    return {version.memory_mb for version in versions}
