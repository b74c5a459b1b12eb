"""Copies of a workflow's functions: made side by side, and removed whatever happens to one of them."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import ItemsView, Iterator
from contextlib import ExitStack

import pytest

from tuner.aws.workflows.confirming import open_copies
from tuner.errors import BackendError

SIZES = {"check": 256, "price": 512, "post": 1024}


def test_copies_are_made_side_by_side() -> None:
    """Each waits until all have begun: one after the other they would never end."""
    begun = threading.Barrier(len(SIZES), timeout=30)

    def open_copy(name: str, size: int, resources: ExitStack) -> str:
        begun.wait()
        return f"{name} at {size}"

    with ExitStack() as resources:
        assert open_copies(SIZES, open_copy, resources) == {name: f"{name} at {size}" for name, size in SIZES.items()}


def test_every_copy_is_removed_where_one_cannot_be_made() -> None:
    made, removed = set[str](), set[str]()

    def open_copy(name: str, _size: int, resources: ExitStack) -> str:
        made.add(name)
        resources.callback(removed.add, name)
        if name == "price":
            raise BackendError("price cannot run", "Nothing was changed.")
        return name

    with pytest.raises(BackendError, match="price cannot run"), ExitStack() as resources:
        open_copies(SIZES, open_copy, resources)
    assert made == removed == set(SIZES)


class Asked(dict[str, int]):
    """Sizes that tell when each of them has been asked for."""

    def __init__(self, sizes: dict[str, int]) -> None:
        super().__init__(sizes)
        self.whole = threading.Event()

    def items(self) -> ItemsView[str, int]:
        def each() -> Iterator[tuple[str, int]]:
            yield from super(Asked, self).items()
            self.whole.set()

        return each()  # type: ignore[return-value]


@pytest.fixture
def interrupted() -> Iterator[threading.Event]:
    """Is set by a Ctrl-C, which interrupts the test also where pytest was started with Ctrl-C ignored."""
    arrived = threading.Event()

    def interrupt(*_: object) -> None:
        if not arrived.is_set():
            arrived.set()
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    yield arrived
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_makes_no_further_copy_and_waits_for_those_that_were_begun(interrupted: threading.Event) -> None:
    many = Asked({f"function-{number}": 512 for number in range(400)})
    begun, removed = set[str](), set[str]()

    def open_copy(name: str, _size: int, resources: ExitStack) -> str:
        begun.add(name)
        many.whole.wait()
        while name == "function-0" and not interrupted.wait(0.05):  # one that comes just before a wait is not heeded
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        interrupted.wait()
        time.sleep(0.1)  # the copy exists only now; all of them would take seven seconds
        resources.callback(removed.add, name)
        return name

    with pytest.raises(KeyboardInterrupt), ExitStack() as resources:
        open_copies(many, open_copy, resources)
    assert begun == removed
    assert len(begun) < len(many)
