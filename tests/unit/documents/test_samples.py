"""Samples and rounds survive their JSON unchanged, and short lines mean defaults."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.documents.samples import decode_round, decode_sample, encode_round, encode_sample
from tuner.model import Architecture, Configuration, FunctionError, Invocation, Outcome, Round, Sample, Trial

configurations = st.builds(Configuration, st.integers(128, 10_240), st.sampled_from(list(Architecture)))
figures = st.none() | st.floats(0, 1e6)
errors = st.builds(FunctionError, st.text(), st.text(), st.lists(st.text(), max_size=3).map(tuple))
invocations = st.builds(
    Invocation,
    st.sampled_from(list(Outcome)),
    environment=st.text(max_size=20),
    duration_ms=figures,
    billed_duration_ms=st.none() | st.integers(0, 900_000),
    init_duration_ms=figures,
    restore_duration_ms=figures,
    max_memory_used_mb=st.none() | st.integers(0, 10_240),
    allowed=st.booleans(),
    error=st.none() | errors,
    request_id=st.text(max_size=20),
    cpu_ms=figures,
    waited_ms=figures,
    payload=st.integers(0, 9),
    started_at=st.text(max_size=20),
    extra_cost_usd=st.floats(0, 1),
    fixed_work_ms=figures,
    answer=st.text(max_size=20),
    failed_answer=st.text(max_size=20),
)
samples = st.builds(Sample, st.integers(0, 99), configurations, st.lists(invocations, max_size=4).map(tuple))
trials = st.builds(Trial, st.integers(0, 99), configurations, st.integers(1, 9), st.integers(1, 9), st.booleans())
rounds = st.builds(Round, st.lists(trials, max_size=4).map(tuple), figures)


@given(samples)
def test_a_sample_survives_its_json(sample: Sample) -> None:
    text = json.dumps(encode_sample(sample), ensure_ascii=False, allow_nan=False)
    assert text.encode()
    assert decode_sample(json.loads(text)) == sample


@given(rounds)
def test_a_round_survives_its_json(round_: Round) -> None:
    assert decode_round(json.loads(json.dumps(encode_round(round_)))) == round_


def test_what_has_its_default_is_left_out() -> None:
    sample = Sample(3, Configuration(128, Architecture.ARM64), (Invocation(Outcome.OK, "e", 1.5, 2),))
    assert encode_sample(sample) == {
        "trial_id": 3,
        "memory_mb": 128,
        "architecture": "arm64",
        "invocations": [{"outcome": "ok", "environment": "e", "duration_ms": 1.5, "billed_duration_ms": 2}],
    }


def test_fields_of_a_later_version_are_passed_over() -> None:
    document = {
        "trial_id": 0,
        "memory_mb": 128,
        "architecture": "x86_64",
        "later": 1,
        "invocations": [{"outcome": "ok", "later": 2}],
    }
    assert decode_sample(document).invocations == (Invocation(Outcome.OK),)


@pytest.mark.parametrize(
    "damage",
    [
        {"memory_mb": 64},
        {"memory_mb": "128"},
        {"architecture": "mips"},
        {"invocations": [{"outcome": "good"}]},
        {"invocations": [{}]},
        {"invocations": [{"outcome": "ok", "duration_ms": "5"}]},
        {"invocations": [{"outcome": "ok", "billed_duration_ms": [5]}]},
        {"invocations": [{"outcome": "ok", "environment": 5}]},
        {"invocations": [{"outcome": "error", "error": {"type": "E"}}]},
        {"invocations": [{"outcome": "error", "error": {"type": "E", "message": 5, "stack": []}}]},
        {"invocations": 5},
        {"trial_id": "first"},
    ],
)
def test_what_is_no_sample_is_refused(damage: dict[str, object]) -> None:
    document = {"trial_id": 0, "memory_mb": 128, "architecture": "x86_64", "invocations": [{"outcome": "ok"}]}
    assert decode_sample(document)
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        decode_sample({**document, **damage})
