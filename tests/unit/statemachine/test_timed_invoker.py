"""What an invoker of the state machine reads, and how often."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from statemachine.measuring.timed_invoker import read_once
from tuner.redaction import Redaction


def test_variables_are_read_once_for_however_many_runs_that_fail_together() -> None:
    reads, together = [], threading.Barrier(20)

    def read() -> Redaction:
        reads.append(threading.get_ident())
        threading.Event().wait(0.01)
        return Redaction.of_everything()

    reader = read_once(read)

    def run(_: int) -> Redaction:
        together.wait()
        return reader()

    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(run, range(20)))
    assert len(reads) == 1
    assert all(one is found[0] for one in found)
