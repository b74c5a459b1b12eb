"""The attack in its short form: a few texts of each kind, and a few kills. `make attack` does the rest."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack import fuzzers, kills
from tests.cloud.fixtures import CREDENTIALS, Cloud

TEXTS = {
    "logs": 300,
    "inputs": 60,
    "results": 10,
    "samples": 150,
    "journals": 150,
    "caches": 30,
    "workflows": 150,
    "histories": 100,
    "lists": 60,
    "templates": 30,
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_damaged_text_is_refused_clearly_or_can_be_used(kind: str) -> None:
    for number in range(TEXTS[kind]):
        fuzzers.attack(kind, f"short-{number}")


@pytest.fixture(scope="module")
def cloud(cloud_server: Cloud) -> Iterator[Cloud]:
    cloud_server.reset()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield cloud_server


@pytest.mark.parametrize(("name", "count"), [("kill", 3), ("hang up", 1)])
def test_a_function_survives_a_kill_at_any_call(name: str, count: int, cloud: Cloud, tmp_path: Path) -> None:
    rng = random.Random(name)
    for number in range(count):
        kills.attack(cloud, tmp_path / str(number), kills.random_kill(rng, name))
