"""Settings of all tests: properties try the same examples on every run, so that a green tree stays green.

`HYPOTHESIS_PROFILE=explore pytest` looks for new counterexamples instead.
"""

from __future__ import annotations

import functools
import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.cloud.fixtures import cloud_server

__all__ = ["cloud_server"]

TOGETHER = {
    "stack": ("e2e/statemachine",),
    "hostile": ("integration/local/test_hostile.py",),
    "workflow": ("aws_e2e/test_workflow.py",),
    "accounts": ("aws_e2e", "contract", "attack"),
    "browser": ("browser",),
    "handlers": ("integration/statemachine", "cloud", "e2e/test_readme.py"),
    "workers": ("integration/local",),
    "examples": (
        "examples",
        "e2e/test_tune_local.py",
        "e2e/test_duet_local.py",
        "e2e/test_tutorial.py",
        "e2e/test_python_docs.py",
    ),
    "terminals": ("integration/cli/test_terminal.py",),
}
"""Tests that share one process where they run in parallel, those that take longest first: one deployed stack, one
browser, never two handlers at a time whose share of the CPU is looked at, and one stand-in with warm clients. The first
folder that fits counts. While they wait, the tests of units keep the cores busy."""

for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
    os.unsetenv(name)
"""Width of the screen, which the readline library tells processes that pytest starts. Tests say theirs."""

for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, default)
"""Processes that tests start and then interrupt heed it, also where pytest was started by `nohup` or in a script."""

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
"""The tests start hundreds of processes: none compiles again what the first has compiled."""

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
"""Tests run side by side: threads of linear algebra would wait for each other's cores, and burn them meanwhile."""

gc.set_threshold(100_000, 50, 50)
"""While modules are imported, garbage is hardly looked for: there is none."""

settings.register_profile(
    "same", deadline=None, max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "explore", deadline=None, max_examples=1000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session", autouse=True)
def _service_models() -> Iterator[None]:
    """The SDK's sessions share what loads its models: each would find and parse them again, at 0.1 to 0.3 s of CPU."""
    import botocore.session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
        yield


def pytest_collection_finish() -> None:
    """Garbage is looked for among what the tests make, not again and again in the modules that were imported."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest. Single tests come last: they leave no process with work for long when the others
    have none."""
    names = list(TOGETHER)

    def place(item: pytest.Item) -> int:
        name = together(item.nodeid)
        if name is None:
            return len(names) + 1
        return names.index(name) if name in TOGETHER else len(names)

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep what belongs together in one process of a parallel run, also with a pytest that ignores what xdist's
    `loadgroup` writes behind the names of tests (9.2)."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return together(nodeid) or nodeid

    return Groups(config, log)


def together(nodeid: str) -> str | None:
    """The name of a test's group, if it has one. Tests of one unit share what their file makes once: the file is it."""
    file = nodeid.partition("::")[0].partition("tests/")[2]
    if file.startswith("unit/"):
        return file
    return next((name for name, places in TOGETHER.items() if file.startswith(places)), None)


@pytest.fixture
def notes(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a function on this machine can write: beside its code it cannot. `NOTES` tells it where."""
    folder = tmp_path_factory.mktemp("notes")
    monkeypatch.setenv("NOTES", str(folder))
    return folder
