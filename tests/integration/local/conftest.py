"""What all tests of workers share: one governor for each file, and the versions of Node.js to try."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.local.workers import NODES
from tuner.local.limits.governor import Governor


@pytest.fixture(scope="module")
def governor() -> Iterator[Governor]:
    with Governor() as one:
        yield one


@pytest.fixture(params=NODES or [""])
def node(request: pytest.FixtureRequest) -> str:
    """A program that runs Node.js: that of PATH, and those that the variable NODES lists."""
    return str(request.param)
