"""The stand-in, and a driver that calls the handlers as the state machine does."""

from __future__ import annotations

import pytest

from tests.cloud.fixtures import Cloud, cloud
from tests.integration.statemachine.driver import Driver

__all__ = ["cloud"]


@pytest.fixture
def driver(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """A driver with a bucket of its own in an empty account."""
    for name, value in cloud.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return Driver(cloud)
