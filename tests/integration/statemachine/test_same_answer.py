"""The handlers and the command line come to the same recommendation on the same samples, to the last digit."""

from __future__ import annotations

import dataclasses

import pytest

from statemachine.execution_study import rebuild_study
from tests.cloud.fixtures import Cloud
from tests.integration.statemachine.driver import Driver
from tuner.documents.input import decode_input
from tuner.documents.power_tuning import translate
from tuner.documents.result_builder import build_result
from tuner.search.setup import make_study

ANSWER = (
    "recommendation",
    "alternatives",
    "curve",
    "curve_choice",
    "saving",
    "measurements",
    "stopped_by",
    "tuning",
    "request",
)
PAYLOADS = [{"payload": {"n": 1}, "weight": 3}, {"payload": {"n": 2}, "weight": 1}]


@pytest.mark.parametrize("extra", [{"num": 4}, {"budget": {"maxInvocations": 16}}], ids=["grid", "adaptive"])
def test_the_same_samples_give_the_same_answer(cloud: Cloud, driver: Driver, extra: dict[str, object]) -> None:
    arn = cloud.simulate_function("orders", model={"cpu_ms": 200})
    document = {
        "lambdaARN": arn,
        "powerValues": [128, 512, 1024],
        "architectures": "both",
        "seed": 7,
        "payload": PAYLOADS,
        **extra,
    }
    state = driver.run(document)
    store = driver.store(state)
    execution = store.execution
    ours = rebuild_study(store, store.samples())
    study = make_study(execution.settings, execution.identity, execution.prices)
    # As `tuner tune` does it: one process, told sample by sample, rounds as they were asked for.
    for sample in ours.samples:
        study.tell(sample)
    study.rounds.extend(ours.rounds)
    stop = store.stop()
    assert stop is not None
    study.interrupt(stop.reason)
    theirs = build_result(
        study,
        dataclasses.replace(execution.identity),
        decode_input(translate(document).document),
        created_at="2026-09-18T04:12:00Z",
        seconds=driver.result(state)["tuning"]["seconds"],
        evidence="off",  # an execution reads no log
    )
    result = driver.result(state)
    # Each way has a bill of its own, for the same invocations.
    bill = result["tuning"].pop("bill")
    for name in ANSWER:
        assert result[name] == theirs[name], name
    assert bill["invocations_usd"] == theirs["tuning"]["cost_usd"]
