"""The store returns what an execution wrote, and ids follow from the execution alone."""

from __future__ import annotations

from statemachine.execution import Execution, content_hash, decode_execution, encode_execution
from statemachine.execution_store import Measured, Stop
from statemachine.identifiers import run_id, target_key
from tests.integration.statemachine.driver import Driver, as_json
from tuner.aws.changes.markers import VersionMarker, parse_version
from tuner.aws.changes.versions import Refusal
from tuner.aws.measure.invoke import InvocationTarget
from tuner.model import (
    Architecture,
    BackendKind,
    Configuration,
    FunctionError,
    FunctionIdentity,
    Invocation,
    Notice,
    Outcome,
    Round,
    Sample,
    StopReason,
    Trial,
)
from tuner.payloads import Payload, Payloads
from tuner.pricing.price_list import price_list

AT = Configuration(512, Architecture.ARM64)
EXECUTION = Execution(
    run="20260918t041200z-3f2a9c",
    arn="arn:e",
    started_at="2026-09-18T04:12:00.000Z",
    document={"lambdaARN": "orders", "num": 5, "budget": {"maxUsd": 1}},
    identity=FunctionIdentity(
        "orders", BackendKind.AWS, (Architecture.ARM64,), current=AT, details={"isolation": "copy"}
    ),
    content_sha256="c",
    prices=price_list("eu-west-1").with_discount(0.12),
    concurrency=10,
    long=False,
    notices=(Notice("code", "said"),),
)


def run(environment: str, *, cold: bool = False) -> Invocation:
    init = 100.0 if cold else None
    return Invocation(Outcome.OK, environment=environment, duration_ms=1.0, billed_duration_ms=2, init_duration_ms=init)


def test_an_execution_survives_its_json() -> None:
    assert decode_execution(as_json(encode_execution(EXECUTION))) == EXECUTION
    assert EXECUTION.settings.runs == 5


def test_everything_written_is_read_as_it_was(driver: Driver) -> None:
    store = driver.services.store("executions/orders/run")
    payloads = Payloads((Payload(b'{"a": 1}', 2.0), Payload(b"\xff", 1.0)))
    store.begin(EXECUTION, payloads)
    error = FunctionError("T", "m", ("s",))
    sample = Sample(3, AT, (run("e", cold=True), Invocation(Outcome.ERROR, error=error)))
    round_ = Round((Trial(3, AT, 2, 1, fresh=True),), 0.1)
    targets = {target_key(AT, 1): InvocationTarget("f", "7", AT, "python3.13", "/log"), "x": Refusal("C", "m")}
    store.add_round(round_)
    store.add_measured(3, "all", Measured((sample,), (Notice("a", "b"),)))
    store.add_targets(targets)
    store.note(Notice("c", "d"))
    store.end(Stop(StopReason.TOLERANCE))
    store.end(Stop(StopReason.USD, Notice("late", "too late")))
    fresh = driver.services.store("executions/orders/run")
    assert fresh.execution == EXECUTION
    assert fresh.payloads() == payloads
    assert fresh.rounds() == (round_,)
    assert fresh.measured() == Measured((sample,), (Notice("a", "b"), Notice("c", "d")))
    assert fresh.targets() == targets
    assert fresh.stop() == Stop(StopReason.TOLERANCE)


def test_a_claim_is_taken_once_and_kept_by_its_taker(driver: Driver) -> None:
    store = driver.services.store("executions/orders/run")
    assert store.claim(1, "all", "first")
    assert store.claim(1, "all", "first")
    assert not store.claim(1, "all", "second")


def test_the_run_of_an_execution_is_the_same_for_every_attempt_and_fits_the_markers() -> None:
    run_of = run_id("arn:aws:states:eu-west-1:1:execution:m:n", "2026-09-18T04:12:00.123Z")
    assert run_of == run_id("arn:aws:states:eu-west-1:1:execution:m:n", "2026-09-18T04:12:00.123Z")
    assert run_of != run_id("arn:aws:states:eu-west-1:1:execution:m:o", "2026-09-18T04:12:00.123Z")
    marker = VersionMarker(run_of, AT, 1)
    assert parse_version(str(marker)) == marker


def test_the_hash_of_a_content_tells_any_change() -> None:
    assert content_hash({"a": 1, "b": [2]}) == content_hash({"b": [2], "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})
