"""The rules of payloads: what counts as weighted, what is sent, and who gets how many runs."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.errors import InputError
from tuner.model import FunctionError
from tuner.payloads import MAX_PAYLOAD_BYTES, Payload, Payloads, without_payload

weights = st.lists(st.floats(1e-300, 1e300) | st.integers(1, 1000).map(float), min_size=1, max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def weighted(*values: float) -> Payloads:
    return Payloads(tuple(Payload(b"%d" % index, weight) for index, weight in enumerate(values)))


@given(weights, st.integers(0, 200), st.integers(0, 2**32))
def test_every_payload_gets_its_share_of_the_runs_to_within_one(values: list[float], count: int, seed: int) -> None:
    counts = Counter(weighted(*values).schedule(count, seed=seed % 1000, trial=seed // 1000))
    assert counts.total() == count
    largest = max(values)
    total = sum(value / largest for value in values)
    for index, value in enumerate(values):
        assert abs(counts[index] - count * (value / largest) / total) <= 1 + 1e-9


@pytest.mark.parametrize("values", [(9, 1), (1, 1, 1, 1, 1), (97, 2, 1), (1,)])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_small_trials_give_every_payload_its_share_together(values: tuple[float, ...], count: int) -> None:
    payloads, trials = weighted(*values), 100
    for seed in range(5):
        sent = Counter(index for trial in range(trials) for index in payloads.schedule(count, seed=seed, trial=trial))
        for index, value in enumerate(values):
            assert abs(sent[index] - count * trials * value / sum(values)) <= 3


def test_a_schedule_is_in_random_order_and_follows_from_the_seed_and_the_trial() -> None:
    payloads = weighted(3, 1)
    order = payloads.schedule(40, seed=1, trial=5)
    assert order == payloads.schedule(40, seed=1, trial=5)
    assert order not in (payloads.schedule(40, seed=2, trial=5), payloads.schedule(40, seed=1, trial=6))
    assert order != tuple(sorted(order))


def test_a_digest_tells_bodies_weights_and_order_apart() -> None:
    one = Payloads((Payload(b"ab", 1), Payload(b"c", 2)))
    others = (
        Payloads((Payload(b"a", 1), Payload(b"bc", 2))),
        Payloads((Payload(b"ab", 1), Payload(b"c", 3))),
        Payloads((Payload(b"c", 2), Payload(b"ab", 1))),
        Payloads((Payload(b"abc"),)),
    )
    assert len({payloads.digest() for payloads in (one, *others)}) == 5
    assert one.digest() == Payloads((Payload(b"ab", 50), Payload(b"c", 100))).digest(), "the same mixture"


def test_a_sealed_digest_depends_on_its_salt_and_does_not_hold_the_plain_one() -> None:
    payloads = weighted(1)
    assert payloads.sealed_digest("a") == payloads.sealed_digest("a")
    assert len({payloads.digest(), payloads.sealed_digest("a"), payloads.sealed_digest("b")}) == 3


def test_a_list_in_which_every_item_has_payload_and_weight_is_weighted() -> None:
    payloads = Payloads.decode([{"payload": {"n": 1}, "weight": 30}, {"payload": {"n": 2}, "weight": 10.5}])
    assert payloads.items == (Payload(b'{"n":1}', 30.0), Payload(b'{"n":2}', 10.5))


@pytest.mark.parametrize(
    "value",
    [
        [],
        [{"payload": 1, "weight": 2}, {"payload": 1}],
        [{"payload": 1, "weight": 2}, 7],
        [1, 2],
        {"payload": 1, "weight": 2},
        [[{"payload": 1, "weight": 2}]],
    ],
)
def test_any_other_list_is_one_payload(value: Any) -> None:
    (only,) = Payloads.decode(value).items
    assert json.loads(only.body) == value


@given(json_values.filter(lambda value: value is not None and not isinstance(value, (str, list))))
def test_a_payload_is_sent_as_the_json_that_it_is(value: Any) -> None:
    (only,) = Payloads.decode(value).items
    assert json.loads(only.body) == value


def test_no_payload_is_an_empty_object() -> None:
    assert Payloads.decode(None).items == (Payload(b"{}"),)


def test_a_string_that_holds_json_is_sent_as_it_is_and_another_as_a_json_string() -> None:
    assert Payloads.decode('{"n": 1 }').items[0].body == b'{"n": 1 }'
    assert Payloads.decode("hello").items[0].body == b'"hello"'
    assert Payloads.decode("[" * 100_000).items[0].body == b'"' + b"[" * 100_000 + b'"'


def test_half_a_surrogate_pair_is_sent_as_json_says_it() -> None:
    assert Payloads.decode({"t": "\ud800"}).items[0].body == b'{"t":"\\ud800"}'
    assert Payloads.decode('"\ud800"').items[0].body.isascii()


@pytest.mark.parametrize("weight", [0, -1, True, "3", None, float("nan"), float("inf"), 10**400])
def test_a_weight_that_is_no_positive_number_is_a_fault_at_its_path(weight: Any) -> None:
    value = [{"payload": 1, "weight": 1}, {"payload": 2, "weight": weight}, {"payload": 3, "weight": -2}]
    with pytest.raises(InputError) as caught:
        Payloads.decode(value)
    assert [fault.path for fault in caught.value.faults] == ["$.payload[1].weight", "$.payload[2].weight"]
    assert all("positive" in fault.problem and fault.remedy for fault in caught.value.faults)


def test_a_payload_above_the_limit_of_lambda_is_a_fault() -> None:
    fits = "x" * (MAX_PAYLOAD_BYTES - 2)
    assert len(Payloads.decode(fits).items[0].body) == MAX_PAYLOAD_BYTES
    with pytest.raises(InputError, match="6,291,457 bytes"):
        Payloads.decode(fits + "x")
    with pytest.raises(InputError) as caught:
        Payloads.decode([{"payload": fits + "x", "weight": 1}])
    assert caught.value.faults[0].path == "$.payload[0]"


def test_a_payload_that_must_not_be_shown_is_taken_out_of_an_error() -> None:
    body = json.dumps({"token": "hunter2", "card": 4111111111111111, "note": "it's \n ünïcode", "n": 1}).encode()
    error = FunctionError(
        "ValueError",
        f"no: {body.decode()} nor 'hunter2' nor 4111111111111111 nor {{'n': 1}}",
        ("line 3", repr("it's \n ünïcode"), json.dumps("it's \n ünïcode"), "hunter2hunter2"),
    )
    hidden = without_payload(error, body)
    assert hidden.type == "ValueError"
    assert hidden.message == "no: … nor '…' nor… nor {'…': …}"
    assert hidden.stack == ("line 3", '…"', "…", "…")


@pytest.mark.parametrize("body", [b"", b"{}", b'"ab"', b"not json", b"\xff", b"[" * 5000])
def test_an_error_that_quotes_nothing_stays_as_it_is(body: bytes) -> None:
    error = FunctionError("KeyError", "'n' of {} in abc", ("line 3",))
    assert without_payload(error, body) == error


@given(json_values, st.text())
def test_no_text_of_a_payload_is_left_in_an_error(value: Any, around: str) -> None:
    body = Payloads.decode(value).items[0].body
    quoted = value if isinstance(value, str) else json.dumps(value)
    error = without_payload(FunctionError("E", f"{around}{quoted}{body.decode()}"), body)
    if len(quoted) >= 4 and isinstance(value, (str, dict, list)) and "…" not in quoted:
        assert body.decode() not in error.message
