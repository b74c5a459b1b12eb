"""A record of sessions that told of payloads and answers loses both, and nothing else, when a later one hides them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.studies import ran, sample_of
from tuner.api.records.open_record import is_open, without_payloads
from tuner.api.records.run_folder import SAMPLES_FILE, decode_record
from tuner.documents.input import decode_input
from tuner.documents.samples import encode_sample
from tuner.model import FunctionError, Invocation, Outcome, Sample

TOKENS = ("first-secret", "other-secret")
PAYLOADS = [{"payload": {"token": token}, "weight": 1} for token in TOKENS]
SETTINGS = decode_input({"lambdaARN": "orders", "payload": PAYLOADS})
DIGEST = SETTINGS.payloads.digest()
ROUND = '{"kind": "round",  "trials": [], "expected_regret": 1e-1, "of_a_later_version": true}\n'
ANSWERED = Invocation(Outcome.OK, "a", 5.0, 6, answer='{"token": "first-secret"}', failed_answer="statusCode 500")


def failed(payload: int = 0, outcome: Outcome = Outcome.ERROR, *, text: str = "") -> Invocation:
    error = FunctionError("KeyError", text or TOKENS[payload], (f"at {TOKENS[payload]}",))
    return Invocation(outcome, "a", 5.0, 6, error=error, payload=payload)


def header(*, hides: bool = False, digest: str = DIGEST, salt: str | None = None) -> str:
    asked = {"num": 4, **({"disablePayloadLogs": True} if hides else {})}
    return line("header", version=1, input=asked, target="orders", payload_digest=digest, payload_salt=salt)


def line(kind: str, **members: Any) -> str:
    return json.dumps({"kind": kind, **members}) + "\n"


def told(*runs: Invocation) -> str:
    return line("sample", **encode_sample(sample_of(128, runs)), elapsed_s=2.5)


def samples_of(record: bytes) -> tuple[Sample, ...]:
    return decode_record(record, Path("samples.jsonl")).samples


def test_answers_errors_and_the_plain_digest_are_taken_out_and_nothing_else() -> None:
    before = "".join([header(), ROUND, told(ran(7.0)), told(ANSWERED, failed(1)), told(failed(0))])
    after = without_payloads(before.encode(), SETTINGS)
    assert b"secret" not in after
    assert DIGEST.encode() not in after
    assert ROUND + told(ran(7.0)) in after.decode(), "lines that tell nothing stay byte by byte"
    read = decode_record(after, Path("samples.jsonl"))
    answered, error = read.samples[1].invocations
    assert (answered.answer, answered.failed_answer, answered.duration_ms) == ("", "statusCode 500", 5.0)
    assert error.error is not None
    assert (error.error.type, error.error.message) == ("KeyError", "…")
    assert read.elapsed_s == 2.5
    assert read.header["payload_digest"] == SETTINGS.payloads.sealed_digest(read.header["payload_salt"])
    assert read.header["input"] == {"num": 4, "disablePayloadLogs": True}


def test_a_record_that_tells_nothing_any_more_stays_as_it_is() -> None:
    once = without_payloads("".join([header(), told(ANSWERED, failed())]).encode(), SETTINGS)
    assert without_payloads(once, SETTINGS) == once


def test_sessions_that_hid_payloads_are_left_alone() -> None:
    hidden = header(hides=True, digest="sealed", salt="ab") + told(failed(text="of no payload: first-secret"))
    assert without_payloads(hidden.encode(), SETTINGS) == hidden.encode()
    mixed = hidden + header(digest="sealed", salt="ab") + told(ANSWERED)
    first, second = samples_of(without_payloads(mixed.encode(), SETTINGS))
    assert first == samples_of(hidden.encode())[0]
    assert second.invocations[0].answer == ""


def test_the_seal_of_a_record_is_kept() -> None:
    before = header(digest="sealed", salt="ab" * 16) + told(ANSWERED)
    read = decode_record(without_payloads(before.encode(), SETTINGS), Path("samples.jsonl"))
    assert read.header["payload_salt"] == "ab" * 16


def test_a_plain_digest_is_sealed_also_after_a_session_that_hid_the_rest() -> None:
    before = (header() + told(ran(7.0)) + header(hides=True)).encode()
    assert DIGEST.encode() not in without_payloads(before, SETTINGS)


def test_an_error_loses_all_its_text_where_what_was_sent_is_not_known() -> None:
    made = decode_input({"lambdaARN": "orders", "payload": PAYLOADS, "preProcessorARN": "maker"})
    before = header() + told(failed(text="made-of-it"), failed(outcome=Outcome.THROTTLED, text="Rate Exceeded."))
    error, throttled = samples_of(without_payloads(before.encode(), made))[0].invocations
    assert error.error == FunctionError("…", "…", ("…",))
    assert throttled.error is not None
    assert throttled.error.message == "Rate Exceeded.", "no function wrote it"
    beyond = Invocation(Outcome.ERROR, error=FunctionError("KeyError", "made-of-it"), payload=7)
    assert b"made-of-it" not in without_payloads((header() + told(beyond)).encode(), SETTINGS)


def test_an_error_with_any_text_stays_readable() -> None:
    error = FunctionError("E", "first-secret \u2028 \ud83d\x00\r\n ü", ())
    before = header() + told(Invocation(Outcome.ERROR, error=error))
    found = samples_of(without_payloads(before.encode(), SETTINGS))[0].invocations[0].error
    assert found == FunctionError("E", "… \u2028 \ud83d\x00\r\n ü", ())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (header(), True),
        (header(hides=True), True),
        (header(hides=True, salt="ab"), False),
        (header(salt="ab"), True),
        ("{", False),
        (None, False),
    ],
)
def test_a_record_is_open_while_a_header_tells_of_payloads(tmp_path: Path, text: str | None, *, found: bool) -> None:
    if text is not None:
        (tmp_path / SAMPLES_FILE).write_text(text)
    assert is_open(tmp_path) == found
