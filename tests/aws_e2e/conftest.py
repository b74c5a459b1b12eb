"""Makes the stand-in's fixtures known to the tests of this folder, with waiting times near zero."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.fixtures import CREDENTIALS, Cloud

collect_ignore = [] if "TUNER_LIVE_FUNCTION" in os.environ else ["test_live.py"]
"""Tests against a real account are asked for by naming a function."""
QUICK = dict.fromkeys(
    ("create_seconds", "update_seconds", "publish_seconds", "snapstart_seconds", "log_delay_seconds"), 0.0
)


@pytest.fixture
def cloud(cloud_server: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """An empty account, whose credentials are those of the environment."""
    cloud_server.reset()
    cloud_server.settings(**QUICK, retry_after_seconds=None)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    yield cloud_server
    cloud_server.faults.close()


@pytest.fixture
def here(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a user with credentials, who has folders of their own for state and cache."""
    for name, value in cloud.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    return tmp_path
