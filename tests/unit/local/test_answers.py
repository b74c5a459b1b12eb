"""What is told of the answers of a function."""

from __future__ import annotations

import pytest

from tuner.local.answers import MAX_SHOWN, AnswerMeter, failure_of
from tuner.redaction import Redaction


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b'{"statusCode": 200}', ""),
        (b'{"statusCode": 404}', "statusCode 404"),
        (b'{"statusCode": "500"}', "statusCode 500"),
        (b'{"errorMessage": "no"}', "an errorMessage"),
        (b'{"errorMessage": null}', ""),
        (b'["statusCode", 500]', ""),
        (b"statusCode: 500", ""),
        (b"null", ""),
        (b'{"statusCode": 500}' + bytes(8) + b"<html>", "statusCode 500"),
        (b'{"statusCode": 500.0}', "statusCode 500"),
        (b'{"statusCode": "' + b"9" * 5000 + b'"}', ""),
        (b'{"statusCode": ' + b"[" * 100_000, ""),
    ],
)
def test_an_answer_tells_of_a_failure_by_its_status_or_its_message(answer: bytes, failure: str) -> None:
    assert failure_of(answer) == failure


def test_the_first_answer_is_shown_in_part_and_only_where_it_may_be() -> None:
    for shows in (True, False):
        meter = AnswerMeter(shows=shows)
        meter.saw(b"x" * 1000)
        meter.saw(b"second")
        told = [notice.message for notice in meter.notices()]
        assert told == [f"The function answered first with {'x' * MAX_SHOWN}… (1,000 bytes in all)."] * shows


def test_failing_answers_are_counted() -> None:
    meter = AnswerMeter(shows=False)
    for answer in (b'{"statusCode": 500}', b"1", b'{"statusCode": 500}', b'{"statusCode": 400}'):
        meter.saw(answer)
    (notice,) = meter.notices()
    assert "in 3 of 4 answers, e.g. with statusCode 500" in notice.message


def test_the_first_answer_shows_no_value_of_an_environment_variable() -> None:
    meter = AnswerMeter(shows=True, hide=Redaction.of_variables({"TOKEN": "hunter2-hunter3", "STAGE": "dev"}))
    meter.saw(b'{"token": "hunter2-hunter3", "stage": "dev"}')
    (notice,) = meter.notices()
    assert notice.message == 'The function answered first with {"token": "…", "stage": "dev"}.'
