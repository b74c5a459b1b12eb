"""Inputs of Power Tuning mean here what they mean there, and what is odd about them becomes a notice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.documents.input import decode_valid, input_faults
from tuner.documents.power_tuning import ALL_SIZES_MB, translate
from tuner.settings import Settings

ARN = "arn:aws:lambda:us-east-1:123456789012:function:orders"
BASE: dict[str, Any] = {"lambdaARN": ARN, "powerValues": [128, 256], "num": 5, "payload": {"k": 1}}


def read(**fields: Any) -> Settings:
    """The settings of the base input with some fields laid over it."""
    found = translate({**BASE, **fields})
    assert (found.faults, input_faults(found.document)) == ((), ())
    return decode_valid(found.document)


def notices(**fields: Any) -> list[str]:
    return [notice.message for notice in translate({**BASE, **fields}).notices]


def sent(settings: Settings) -> dict[str, int]:
    """How often each payload is sent in one trial of all runs."""
    schedule = settings.payloads.schedule(settings.runs, seed=3, trial=7)
    bodies = [settings.payloads.items[index].body.decode() for index in schedule]
    return {body: bodies.count(body) for body in bodies}


@pytest.mark.parametrize(("value", "runs"), [("5", 5), ("5 runs", 5), (5.9, 5), (" 7", 7), ("12.5", 12), (20, 20)])
def test_num_is_parsed_as_a_whole_number(value: Any, runs: int) -> None:
    assert read(num=value).runs == runs


@pytest.mark.parametrize("value", ["five", True, {}, "-5", 0.5])
def test_a_num_without_a_number_is_refused(value: Any) -> None:
    assert input_faults(translate({**BASE, "num": value}).document)


@pytest.mark.parametrize("value", [[], None, 0, "", False])
def test_empty_sizes_were_not_given(value: Any) -> None:
    assert "powerValues" not in translate({**BASE, "powerValues": value}).document


def test_all_means_the_46_sizes_of_power_tuning() -> None:
    assert read(powerValues="ALL").memory.listed == ALL_SIZES_MB
    assert (len(ALL_SIZES_MB), ALL_SIZES_MB[-1]) == (46, 3008)


def test_sizes_may_be_texts_and_a_size_listed_twice_is_measured_twice() -> None:
    memory = read(powerValues=["256", 128.9, "128"]).memory
    assert memory.listed == (128, 128, 256)
    assert memory.repeats == {128: 2, 256: 1}


@pytest.mark.parametrize("value", ["128,256", [64, 128], ["x"], "all sizes"])
def test_sizes_that_power_tuning_refuses_are_refused(value: Any) -> None:
    assert input_faults(translate({**BASE, "powerValues": value}).document)


@pytest.mark.parametrize(("value", "body"), [(None, "null"), (0, "null"), (False, "null"), ("", "null"), (True, "true"),
    ([], "[]"), ({}, "{}"), ('"q"', '"q"'), ("null", "null"), ("text", '"text"'), (7, "7"), ('{"a": 1}', '{"a": 1}'),
    ([{"payload": None, "weight": 1}], '[{"payload":null,"weight":1}]'),
    ([{"payload": 1, "weight": 0}], '[{"payload":1,"weight":0}]'),
    ([1, 2], "[1,2]"), ("NaN", '"NaN"'), ({"n": [10.0, 2.5]}, '{"n":[10,2.5]}'), (1e21, "1e+21"),
    ({"n": float("inf")}, '{"n":null}'), ('{"n": 10.0}', '{"n": 10.0}'), (2**53 + 1, "9007199254740993")])  # fmt: skip
def test_a_payload_is_sent_as_power_tuning_sends_it(value: Any, body: str) -> None:
    assert sent(read(payload=value)) == {body: 5}


def test_an_input_without_payload_sends_null() -> None:
    document = {name: value for name, value in BASE.items() if name != "payload"}
    assert sent(decode_valid(translate(document).document)) == {"null": 5}


@pytest.mark.parametrize(("weights", "runs", "counts"), [((1, 1, 1), 20, (6, 6, 8)), ((0.1, 0.9), 10, (1, 9)),
    ((10, 30, 60), 10, (1, 3, 6)), (("5",), 5, (5,)), (("5", "5"), 100, (9, 91)), ((-1,), 5, (5,)), (("x",), 5, (5,)),
    ((-1, -1), 10, (5, 5)), ((True, [1]), 100, (9, 91))])  # fmt: skip
def test_weighted_payloads_are_sent_as_often_as_there(weights: Any, runs: int, counts: Any) -> None:
    names = "ABC"[: len(weights)]
    payload = [{"payload": {"t": name}, "weight": weight, "x": 1} for name, weight in zip(names, weights, strict=True)]
    expected = {f'{{"t":"{name}"}}': count for name, count in zip(names, counts, strict=True)}
    assert sent(read(num=runs, payload=payload)) == expected


@pytest.mark.parametrize("weights", [(1, 99), ("20", "80"), (-1, 2), (1,) * 6])
def test_weights_that_leave_a_payload_out_of_a_size_are_refused(weights: Any) -> None:
    payload = [{"payload": {"t": number}, "weight": weight} for number, weight in enumerate(weights)]
    assert [fault.path for fault in translate({**BASE, "payload": payload}).faults] == ["$.payload"]
    assert not translate({**BASE, "payload": payload, "dryRun": True}).faults


def test_the_num_that_would_be_enough_is_told() -> None:
    payload = [{"payload": {"t": number}, "weight": weight} for number, weight in enumerate((3, 1))]
    (fault,) = translate({**BASE, "payload": payload, "num": 2}).faults
    assert fault.problem == "a payload of weight 1 of 4 would be sent in less than one of 2 runs"
    assert fault.remedy == "use a num of at least 4, or larger weights, as numbers"
    assert not translate({**BASE, "payload": payload, "num": 4}).faults


def test_without_num_weights_keep_their_share_over_all_trials() -> None:
    payload = [{"payload": {"t": "A"}, "weight": 1}, {"payload": {"t": "B"}, "weight": 99}]
    found = decode_valid(translate({"lambdaARN": ARN, "payload": payload}).document)
    assert [item.weight for item in found.payloads.items] == [1.0, 99.0]


@pytest.mark.parametrize("value", [1, "true", [], {}, "x"])
def test_booleans_are_read_by_truthiness_with_a_notice(value: Any) -> None:
    settings = read(onlyColdStarts=value)
    assert settings.only_cold_starts
    assert any("onlyColdStarts" in said for said in notices(onlyColdStarts=value))


@pytest.mark.parametrize("value", [0, "", None, False])
def test_falsy_booleans_are_false(value: Any) -> None:
    assert not read(includeOutputResults=value).include_output_results


@pytest.mark.parametrize("value", ["false", "no", "0", " Off "])
def test_a_text_that_says_false_never_applies_a_recommendation(value: str) -> None:
    assert [fault.path for fault in translate({**BASE, "autoOptimize": value}).faults] == ["$.autoOptimize"]


def test_absent_parallel_invocation_is_one_environment_in_series() -> None:
    assert read().environments == 1
    assert read(parallelInvocation=1).environments == 5
    assert read(environments=3).environments == 3


@pytest.mark.parametrize(("field", "value", "expected"), [
    ("discardTopBottom", -0.1, 0.0), ("discardTopBottom", "0.1", 0.1), ("discardTopBottom", 3, 0.4),
    ("discardTopBottom", "", 0.0), ("discardTopBottom", None, 0.0), ("discardTopBottom", [0.1], 0.1),
    ("sleepBetweenRunsMs", "1e3", 1), ("sleepBetweenRunsMs", True, 0), ("sleepBetweenRunsMs", [50], 50),
    ("discardTopBottom", "x", 0.0), ("sleepBetweenRunsMs", "Not a number", 0), ("sleepBetweenRunsMs", -5, 0),
    ("sleepBetweenRunsMs", 50.5, 50), ("sleepBetweenRunsMs", "", 0),
    ("sleepBetweenRunsMs", 10**12, 900_000)])  # fmt: skip
def test_numbers_are_parsed_and_clamped(field: str, value: Any, expected: float) -> None:
    settings = read(**{field: value})
    found = {"discardTopBottom": settings.discard_top_bottom, "sleepBetweenRunsMs": settings.sleep_between_runs_ms}
    assert found[field] == expected


@pytest.mark.parametrize(("value", "weight"), [(0, 0.0), (-1, 0.0), ("0.3", 0.3), (7, 1.0), (None, 0.0), ("", 0.0),
    ("0x1", 1.0)])  # fmt: skip
def test_the_balanced_weight_is_clamped(value: Any, weight: float) -> None:
    assert read(strategy="balanced", balancedWeight=value).objective.balanced_weight == weight


def test_without_num_a_null_weight_was_not_given() -> None:
    assert decode_valid(translate({"lambdaARN": ARN, "balancedWeight": None}).document).objective.balanced_weight == 0.5


def test_with_cold_starts_only_nothing_is_trimmed_whatever_was_asked_for() -> None:
    assert read(onlyColdStarts=1, discardTopBottom=0.3).discard_top_bottom == 0.0


@pytest.mark.parametrize("value", ["my alias", 5, ["prod"], {}])
def test_an_alias_is_looked_at_only_where_something_is_applied(value: Any) -> None:
    assert read(autoOptimizeAlias=value).auto_optimize_alias is None
    assert read(autoOptimizeAlias=value, autoOptimize=True, dryRun=True).auto_optimize_alias is None
    assert input_faults(translate({**BASE, "autoOptimizeAlias": value, "autoOptimize": True}).document)


@pytest.mark.parametrize("value", ["", None, 0])
def test_an_empty_strategy_is_the_default(value: Any) -> None:
    assert read(strategy=value).objective.strategy.value == "cost"


@pytest.mark.parametrize(("value", "names"), [("MyErr", ("MyErr",)), (None, ()), ("", ()), (["A", "", 3], ("A",)),
    ("A,B", ("A,B", "A", "B")), (True, ()), ({}, ())])  # fmt: skip
def test_allowed_exceptions_may_be_one_text(value: Any, names: tuple[str, ...]) -> None:
    assert read(allowedExceptions=value).allowed_exceptions == names


def test_only_true_itself_is_a_dry_run_and_another_truthy_value_applies_nothing() -> None:
    assert read(dryRun=True, autoOptimize=True).runs == 1
    asked = read(dryRun="yes", autoOptimize=True)
    assert (asked.runs, asked.dry_run, asked.auto_optimize) == (5, False, False)


def test_a_key_in_s3_is_decoded_from_percents() -> None:
    assert read(payloadS3="s3://pay/my%20key.json").payload_s3 == "s3://pay/my key.json"


def test_an_unknown_field_is_ignored_with_the_nearest_name() -> None:
    (said,) = notices(powerValue=[1])
    assert 'powerValue"' in said
    assert "Did you mean powerValues?" in said
    assert notices(AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID="arn")


def test_nulls_within_parts_were_not_given() -> None:
    assert translate({**BASE, "budget": {"maxUsd": None, "maxSeconds": 3}}).document["budget"] == {"maxSeconds": 3}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@given(
    st.dictionaries(st.sampled_from([*BASE, "strategy", "budget", "dryRun", "payloadS3", "autoOptimize", "x"]), JSON)
)
def test_any_document_is_translated_or_refused_and_never_breaks(document: dict[str, Any]) -> None:
    found = translate(document)
    if not found.faults and not input_faults(found.document):
        decode_valid(found.document)
    json.dumps(found.document)
    assert translate(found.document).document == found.document, "a translation means itself"


@given(JSON)
def test_what_is_no_object_is_left_to_the_schema(document: Any) -> None:
    if not isinstance(document, dict):
        assert translate(document).document is document
        assert input_faults(document)
