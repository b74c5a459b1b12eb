"""The monthly ceiling holds, whoever spends at the same time."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field

import pytest

from tuner.watch.ceiling import Ledger


@dataclass
class Bucket:
    """Objects with conditional writes, as S3 has them."""

    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, key: str, content: bytes) -> bool:
        with self.lock:
            if key in self.objects:
                return False
            self.objects[key] = (content, "0")
            return True

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        with self.lock:
            return self.objects[key]

    def replace(self, key: str, content: bytes, tag: str) -> bool:
        with self.lock:
            if self.objects[key][1] != tag:
                return False
            self.objects[key] = (content, str(int(tag) + 1))
            return True


def test_many_executions_at_once_never_exceed_the_ceiling() -> None:
    bucket, granted, guard = Bucket(), list[float](), threading.Lock()

    def spend(run: int) -> None:
        usd = random.Random(run).uniform(0.1, 0.5)
        if Ledger(bucket, "2026-11", 1.0).reserve(str(run), usd):
            with guard:
                granted.append(usd)

    threads = [threading.Thread(target=spend, args=(run,)) for run in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert granted
    assert sum(granted) <= 1.0
    assert Ledger(bucket, "2026-11", 1.0).left_usd() == pytest.approx(1.0 - sum(granted))


def test_a_retried_reservation_counts_once_and_settling_frees_the_rest() -> None:
    ledger = Ledger(Bucket(), "2026-11", 1.0)
    assert ledger.reserve("a", 0.8)
    assert ledger.reserve("a", 0.8)
    assert not ledger.reserve("b", 0.3)
    ledger.settle("a", 0.2)
    assert ledger.reserve("b", 0.3)
    assert ledger.left_usd() == pytest.approx(0.5)


def test_every_month_begins_anew() -> None:
    bucket = Bucket()
    assert Ledger(bucket, "2026-11", 1.0).reserve("a", 1.0)
    assert not Ledger(bucket, "2026-11", 1.0).reserve("b", 0.01)
    assert Ledger(bucket, "2026-12", 1.0).reserve("b", 1.0)
