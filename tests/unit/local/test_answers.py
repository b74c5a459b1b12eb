"""What is told of the answers of a function."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tuner.local.answers import MAX_SHOWN, AnswerMeter, failure_of
from tuner.model import FunctionError, Invocation, Outcome
from tuner.redaction import Redaction

RUN = Invocation(Outcome.OK, "a", 10.0, 10)


def answered(meter: AnswerMeter, *answers: bytes) -> list[Invocation]:
    """The runs that gave these answers, each of which the meter has seen."""
    runs = [meter.read(RUN, answer) for answer in answers]
    for run in runs:
        meter.saw(run)
    return runs


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b'{"statusCode": 200}', ""),
        (b'{"statusCode": 404}', "statusCode 404"),
        (b'{"statusCode": "500"}', "statusCode 500"),
        (b'{"statusCode": 4111222233}', "a statusCode of 400 or more"),
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
        runs = answered(meter, b"x" * 1000, b"second")
        assert [bool(run.answer) for run in runs] == [shows, False], "a record holds no more than a result"
        told = [notice.message for notice in meter.notices()]
        assert told == [f"The function answered first with {'x' * MAX_SHOWN}… (1,000 bytes in all)."] * shows


def test_failing_answers_are_counted() -> None:
    meter = AnswerMeter(shows=False)
    answered(meter, b'{"statusCode": 500}', b"1", b'{"statusCode": 500}', b'{"statusCode": 400}')
    (notice,) = meter.notices()
    assert "in 3 of 4 answers, e.g. with statusCode 500" in notice.message


def test_the_first_answer_shows_no_value_of_an_environment_variable() -> None:
    meter = AnswerMeter(shows=True, hide=Redaction.of_variables({"TOKEN": "hunter2-hunter3", "STAGE": "dev"}))
    answered(meter, b'{"token": "hunter2-hunter3", "stage": "dev"}')
    (notice,) = meter.notices()
    assert notice.message == 'The function answered first with {"token": "…", "stage": "dev"}.'


def test_the_answer_of_an_earlier_session_shows_no_value_that_is_hidden_now() -> None:
    (run,) = answered(AnswerMeter(shows=True), b'{"token": "hunter2-hunter3"}')
    later = AnswerMeter(shows=True, hide=Redaction.of_variables({"TOKEN": "hunter2-hunter3"}))
    later.saw(run)
    (notice,) = later.notices()
    assert notice.message == 'The function answered first with {"token": "…"}.'


def test_a_value_is_hidden_wherever_a_long_answer_is_cut() -> None:
    hide = Redaction.of_variables({"LONG": "a" * 795, "PIN": "Zq7Xw9Yk2Lm4"})
    meter = AnswerMeter(shows=True, hide=hide)
    (run,) = answered(meter, b'{"a":"' + b"a" * 795 + b'","b":"Zq7Xw9Yk2Lm4"}')
    assert "Z" not in run.answer


def test_runs_of_an_earlier_session_tell_the_same_of_their_answers() -> None:
    first = AnswerMeter(shows=True)
    runs = answered(first, b'{"statusCode": 500}', b"1")
    for shows in (True, False):
        later = AnswerMeter(shows=shows)
        for run in runs:
            later.saw(run)
        answered(later, b'{"statusCode": 503}', b"2")
        told = [notice.message for notice in later.notices()]
        assert told[:-1] == ['The function answered first with {"statusCode": 500}.'] * shows
        assert "in 2 of 4 answers" in told[-1]


def test_a_run_that_ended_in_an_error_has_no_answer() -> None:
    meter = AnswerMeter(shows=True)
    failed = replace(RUN, outcome=Outcome.ERROR, allowed=True, error=FunctionError("KeyError", "x", ()))
    assert meter.read(failed, b'{"errorMessage": "x"}') == failed
    meter.saw(failed)
    assert not list(meter.notices())


def differing(baseline: list[bytes], candidate: list[bytes], *, shows: bool = True) -> str:
    """What is said of two versions that gave these answers, in turns to two payloads."""
    meters = [AnswerMeter(shows=shows) for _ in range(2)]
    for meter, answers in zip(meters, (baseline, candidate), strict=True):
        for number, answer in enumerate(answers):
            meter.read(replace(RUN, payload=number % 2), answer)
    return meters[0].difference(meters[1])


def test_two_versions_that_answer_a_payload_differently_are_told_with_both_answers_where_they_may_be_shown() -> None:
    told = "Baseline and candidate answer 1 of 2 payloads differently: 2 and 3. That is no fault where it was meant, "
    assert differing([b"1", b"2"], [b"1", b"3"]) == f"{told}or where answers hold times or ids."
    assert differing([b"1"], [b"3"]).startswith("Baseline and candidate answer the payload differently: 1 and 3. ")
    assert differing([b"1"], [b"3"], shows=False).startswith("Baseline and candidate answer the payload differently. ")


def test_answers_that_say_the_same_or_are_of_other_payloads_do_not_differ() -> None:
    assert differing([b'{"a": 1, "b": [2]}', b"x"], [b'{"b":[2],"a":1}', b"x"]) == ""
    assert differing([b"1"], []) == ""
    assert differing([b"1"], [b"true"]) != ""


def test_answers_that_differ_between_runs_of_one_version_are_told_as_such_after_those_that_do_not() -> None:
    assert "from run to run as well" in differing([b"1", b"x", b"2", b"x"], [b"3", b"x"])
    assert ": x and y. That is no fault" in differing([b"1", b"x", b"2", b"x"], [b"3", b"y"])
