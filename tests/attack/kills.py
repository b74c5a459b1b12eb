"""Kills runs at random calls on the stand-in, and looks whether the function is as before after at most one clean."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.aws_e2e.harness import quick_api, settings, stand_in, tune_at
from tests.cloud.fixtures import CREDENTIALS, Cloud
from tuner.aws.api.errors import AnotherRunError
from tuner.aws.changes import apply, cleanup
from tuner.cli.signals import stop_on_signals
from tuner.errors import TunerError

SIGNALS = {"kill": signal.SIGKILL, "hang up": signal.SIGHUP}
QUICK = dict.fromkeys(("create_seconds", "update_seconds", "publish_seconds", "log_delay_seconds"), 0.0)


@dataclass(frozen=True, slots=True)
class Kill:
    """What is killed, how, and at which call.

    Attributes:
        action: `tune`, `tune copies`, `apply` or `clean`.
        signal: `kill` or `hang up`.
        nth: the call of the action at which it comes.
        after: whether the call is done before.
    """

    action: str
    signal: str
    nth: int
    after: bool


SURE = {"mean": 100.0, "low": 98.0, "high": 102.0, "level": 0.95}
"""A duration whose interval is narrow."""


def random_kill(rng: random.Random, signal_name: str) -> Kill:
    """A kill at a call that an action may reach."""
    action = rng.choice(("tune", "tune copies", "apply", "clean"))
    calls = {"tune": 40, "tune copies": 30, "apply": 6, "clean": 12}[action]
    return Kill(action, signal_name, rng.randint(1, calls), rng.random() < 0.5)


def attack(cloud: Cloud, folder: Path, kill: Kill) -> bool:
    """Kill an action once, and check what is left.

    Returns:
        Whether the signal came before the action ended.

    Raises:
        AssertionError: the function is not as before after one clean, or something is left.
    """
    cloud.reset()
    cloud.settings(**QUICK, retry_after_seconds=None)
    cloud.simulate_function("orders", memory_mb=1024, Description="All orders")
    cloud.publish("orders")
    before = cloud.snapshot("orders")
    if kill.action == "clean":
        _strike(cloud, folder, Kill("tune", "kill", 12, after=True))
    struck = _strike(cloud, folder, kill)
    now = cloud.snapshot("orders")
    if kill.action == "apply":
        applied = {**before["configuration"], "MemorySize": 256}
        assert now["configuration"] in (before["configuration"], applied), kill
        assert len(now["versions"]) == len(before["versions"]), kill
        return struck
    if kill.signal == "kill" or kill.action == "clean":
        cleanup.clean("orders", stand_in(cloud.endpoint), _state(folder), make_api=quick_api)
        now = cloud.snapshot("orders")
    assert now == before, kill
    assert cloud.function_names() == ["orders"], kill
    assert not list((folder / "lambda-tuner").iterdir()), kill
    return struck


def _strike(cloud: Cloud, folder: Path, kill: Kill) -> bool:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.attack.kills"])
    victim = context.Process(target=_act, args=(kill.action, cloud.endpoint, str(folder), _result(cloud)))
    victim.start()
    struck = False

    def strike(_: object) -> None:
        nonlocal struck
        struck = True
        os.kill(victim.pid or 0, SIGNALS[kill.signal])

    cloud.faults.hook(strike, "*", after=kill.after, service="lambda", nth=kill.nth)
    victim.join(60)
    assert not victim.is_alive(), f"{kill}: it goes on"
    cloud.faults.clear()
    # A signal that would have come later than the end of the action is none.
    with contextlib.nullcontext() if struck else contextlib.suppress(AssertionError):
        cloud.faults.close()
    return struck


def _act(action: str, endpoint: str, folder: str, result: dict[str, Any]) -> None:
    """What the victim does; it ends in order or by a signal."""
    os.environ |= CREDENTIALS
    try:
        with stop_on_signals() as stop:
            if action.startswith("tune"):
                isolation = "copy" if action == "tune copies" else "versions"
                tune_at(endpoint, Path(folder) / "lambda-tuner", settings(runs=2, isolation=isolation), stop)
            elif action == "apply":
                apply.apply_recommendation(result, stand_in(endpoint), make_api=quick_api)  # type: ignore[arg-type]
            else:
                cleanup.clean("orders", stand_in(endpoint), _state(Path(folder)), make_api=quick_api)
    except (TunerError, AnotherRunError):
        pass


def _state(folder: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(folder)}


def _result(cloud: Cloud) -> dict[str, Any]:
    """What `apply` reads of a result."""
    found = cloud.client("lambda").get_function_configuration(FunctionName="orders")
    chosen = {"memory_mb": 256, "architecture": "x86_64"}
    return {
        "function": {
            "backend": "aws",
            "name": "orders",
            "arn": found["FunctionArn"],
            "region": cloud.region,
            "code_sha256": None,
        },
        "recommendation": {**chosen, "expected_regret": 0.0, "given_to_ties": 0.0, "unmet": None, "duration_ms": SURE},
        "request": {"tolerance": 0.01},
        "stopped_by": "tolerance",
        "curve": [{}, {}],
        "current": None,
        "warnings": [],
        "measurements": [
            {
                **chosen,
                "outcomes": {"ok": 4, "error": 0, "timeout": 0, "refused": 0},
                "data": {"usable": [True] * 4, "cold": [True, False] * 2, "environment": ["a", "a", "b", "b"]},
            }
        ],
    }
