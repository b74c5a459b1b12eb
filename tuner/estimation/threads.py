"""Linear algebra on one thread: the matrices of a fit are so small that threads only wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold numpy's and scipy's linear algebra to one thread; a context and a decorator."""
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    """Finds the libraries once, when numpy is loaded already."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
