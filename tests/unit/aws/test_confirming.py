"""Copies of a workflow's functions: made side by side, and removed whatever happens to one of them."""

from __future__ import annotations

import _thread
import threading
import time
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


def test_an_interrupt_makes_no_further_copy_and_waits_for_those_that_were_begun() -> None:
    begun, removed = set[str](), set[str]()

    def open_copy(name: str, _size: int, resources: ExitStack) -> str:
        begun.add(name)
        time.sleep(0.1)
        if name == "function-0":
            _thread.interrupt_main()
        time.sleep(0.2)  # the copy exists only now
        resources.callback(removed.add, name)
        return name

    many = {f"function-{number}": 512 for number in range(40)}
    with pytest.raises(KeyboardInterrupt), ExitStack() as resources:
        open_copies(many, open_copy, resources)
    assert begun == removed
    assert len(begun) < len(many)
