"""Unit tests start no process and open no socket: what does belongs to `tests/integration`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

FORBIDDEN = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "socket.__new__"})
_running_unit_test = False


def _audit(event: str, _arguments: tuple[object, ...]) -> None:
    if _running_unit_test and event in FORBIDDEN:
        raise AssertionError(f"a unit test must not do this: {event}")


sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def no_process_and_no_socket() -> Iterator[None]:
    """Fail a unit test at the moment when it starts a process or opens a socket."""
    global _running_unit_test
    _running_unit_test = True
    yield
    _running_unit_test = False
