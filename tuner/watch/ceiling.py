"""Keeps what watching spends in a month below a ceiling, also when several executions spend at once.

Money is reserved before it is spent, by a write that fails when somebody else has written meanwhile. So the sum of
spent and reserved money never exceeds the ceiling. It knows no S3: the store is an argument.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tuner.errors import TunerError

_MOST_TRIES = 50
"""Writers that come in between, before something else must be wrong."""


class LedgerStore(Protocol):
    """Texts that are replaced only when nobody else has replaced them: `tuner.aws.api.s3.Objects` is one."""

    def create(self, key: str, content: bytes) -> bool:
        """Write unless it exists; False: it exists."""
        ...

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        """The content, and a tag that changes with it."""
        ...

    def replace(self, key: str, content: bytes, tag: str) -> bool:
        """Replace the content with this tag; False: the tag has changed."""
        ...


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a month has cost.

    Attributes:
        store: where it is kept.
        month: e.g. `2026-11`.
        ceiling_usd: what it may cost at most.
        prefix: of the keys in the store.
    """

    store: LedgerStore
    month: str
    ceiling_usd: float
    prefix: str = "watch/spending"

    def reserve(self, run: str, usd: float) -> bool:
        """Reserve money for a run. Reserving for the same run again counts once.

        Returns:
            False: the ceiling has no room for it, and nothing is reserved.

        Raises:
            TunerError: too many others write at the same time.
        """
        if not 0 <= usd < float("inf"):
            raise ValueError(f"{usd} is no sum of money")
        self.store.create(self._key, b"{}")
        for _ in range(_MOST_TRIES):
            booked, tag = self._read()
            if run in booked:
                return True
            if sum(booked.values()) + usd > self.ceiling_usd:
                return False
            if self._replace({**booked, run: usd}, tag):
                return True
        raise self._busy()

    def settle(self, run: str, usd: float) -> None:
        """Replace what was reserved for a run by what it cost.

        Raises:
            TunerError: too many others write at the same time.
        """
        self.store.create(self._key, b"{}")
        for _ in range(_MOST_TRIES):
            booked, tag = self._read()
            if self._replace({**booked, run: usd}, tag):
                return
        raise self._busy()

    def left_usd(self) -> float:
        """What is neither spent nor reserved."""
        self.store.create(self._key, b"{}")
        return self.ceiling_usd - sum(self._read()[0].values())

    @property
    def _key(self) -> str:
        return f"{self.prefix}/{self.month}.json"

    def _read(self) -> tuple[Mapping[str, float], str]:
        content, tag = self.store.read_tagged(self._key)
        return json.loads(content), tag

    def _replace(self, booked: Mapping[str, float], tag: str) -> bool:
        return self.store.replace(self._key, json.dumps(booked, sort_keys=True).encode(), tag)

    def _busy(self) -> TunerError:
        return TunerError(f"{self._key} is written by too many at once.", "Start fewer executions at a time.")
