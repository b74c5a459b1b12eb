"""What an answer of Lambda becomes: an outcome, a repetition, or the end of the run."""

from __future__ import annotations

import base64
import io
import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from tuner.aws.api.errors import AwsError, DeniedError
from tuner.aws.api.logs import LogLookup
from tuner.aws.measure.concurrency import ConcurrencyLimiter
from tuner.aws.measure.invoke import InvocationTarget, Invoker
from tuner.errors import BackendError
from tuner.model import Architecture, Configuration, FunctionError, Invocation, Outcome
from tuner.redaction import Redaction

ID = "8f5e1a2c-0000-4000-8000-000000000001"
REPORT = (
    f"REPORT RequestId: {ID}\tDuration: 12.34 ms\tBilled Duration: 113 ms\tMemory Size: 256 MB\t"
    "Max Memory Used: 60 MB\tInit Duration: 100.10 ms\t"
)
PLACE = InvocationTarget("orders", "7", Configuration(256, Architecture.X86_64), "python3.13", "/aws/lambda/orders")
NEVER = threading.Event()


class FakeLambda:
    """Answers with what it was given, and keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), []

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        self.asked.append(arguments)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeLogs:
    """Has an event from the n-th look on."""

    def __init__(self, after: int = 0, error: Exception | None = None) -> None:
        self.after, self.error, self.looks = after, error, 0

    def filter_log_events(self, **_: Any) -> dict[str, Any]:
        self.looks += 1
        if self.error:
            raise self.error
        found = [{"message": REPORT + "\n", "logStreamName": "2026/09/18/[7]abc"}]
        return {"events": found if self.looks > self.after else []}


def reply(payload: Any = "ok", *, log: str = REPORT, failed: bool = False) -> dict[str, Any]:
    return {
        "Payload": io.BytesIO(json.dumps(payload).encode()),
        "LogResult": base64.b64encode(log.encode()).decode(),
        "ResponseMetadata": {"RequestId": ID},
        **({"FunctionError": "Unhandled"} if failed else {}),
    }


def refusal(code: str, status: int = 400, message: str = "said so", **headers: str) -> ClientError:
    about = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": about}, "Invoke")


def invoke(*answers: Any, body: bytes = b"{}", **options: Any) -> tuple[Invocation | None, FakeLambda]:
    client = FakeLambda(*answers)
    options = {"base_pause_s": 0.001, "attempts": 4, **options}
    return Invoker(client, ConcurrencyLimiter(4), **options).measure(PLACE, body, payload=3, stop=NEVER), client


def test_a_report_becomes_an_invocation() -> None:
    done, client = invoke(reply())
    assert done is not None
    assert (done.outcome, done.duration_ms, done.billed_duration_ms) == (Outcome.OK, 12.34, 113)
    assert (done.init_duration_ms, done.max_memory_used_mb, done.payload) == (100.1, 60, 3)
    assert client.asked == [{"FunctionName": "orders", "Qualifier": "7", "LogType": "Tail", "Payload": b"{}"}]


def test_a_throttled_call_is_repeated_and_counted_when_it_never_passes() -> None:
    throttled = refusal("TooManyRequestsException", 429)
    done, client = invoke(throttled, throttled, reply())
    assert done is not None
    assert done.outcome is Outcome.OK
    assert len(client.asked) == 3
    lost, client = invoke(throttled)
    assert lost is not None
    assert lost.outcome is Outcome.THROTTLED
    assert lost.error is not None
    assert "--concurrency" in lost.error.message
    assert len(client.asked) == 4


class Clock(threading.Event):
    """Never set; keeps how long it was waited for, without waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout)
        return False


def test_the_pause_that_lambda_asks_for_is_kept() -> None:
    client, stop = FakeLambda(refusal("TooManyRequestsException", 429, **{"retry-after": "3"}), reply()), Clock()
    Invoker(client, ConcurrencyLimiter(4)).measure(PLACE, b"{}", payload=0, stop=stop)
    assert stop.waited == [3.0]


@pytest.mark.parametrize(
    "failure", [ReadTimeoutError(endpoint_url="https://x"), refusal("ServiceException", 500)], ids=["lost", "500"]
)
def test_a_call_that_may_have_run_is_not_repeated(failure: Exception) -> None:
    done, client = invoke(failure)
    assert done is not None
    assert done.outcome is Outcome.NO_REPORT
    assert len(client.asked) == 1


@pytest.mark.parametrize(
    "failure",
    [EndpointConnectionError(endpoint_url="https://x"), refusal("ResourceConflictException", 409),
     refusal("SnapStartNotReadyException", 409)],
    ids=["unreachable", "conflict", "snapshot"],
)  # fmt: skip
def test_a_call_that_did_not_run_is_repeated(failure: Exception) -> None:
    done, client = invoke(failure, reply())
    assert done is not None
    assert done.outcome is Outcome.OK
    assert len(client.asked) == 2


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "KMSAccessDeniedException"])
def test_what_would_fail_every_call_ends_the_run(code: str) -> None:
    with pytest.raises(AwsError):
        invoke(refusal(code, 403))


def test_the_functions_own_error_is_shown_as_it_is() -> None:
    said = {"errorType": "CardDeclined", "errorMessage": "no cover", "stackTrace": ['  File "app.py", line 3\n']}
    done, _ = invoke(reply(said, failed=True))
    assert done is not None
    assert done.outcome is Outcome.ERROR
    assert done.error is not None
    assert (done.error.type, done.error.message) == ("CardDeclined", "no cover")
    assert done.error.stack == ('  File "app.py", line 3\n',)
    assert not done.usable
    allowed, _ = invoke(reply(said, failed=True), allowed=frozenset({"CardDeclined"}))
    assert allowed is not None
    assert allowed.usable


@pytest.mark.parametrize(("kind", "log"), [("Sandbox.Timedout", REPORT),
    ("CardDeclined", REPORT.replace("60 MB", "128 MB")), ("Runtime.ExitError", REPORT)])  # fmt: skip
def test_an_allowed_type_is_a_normal_run_however_the_run_ended(kind: str, log: str) -> None:
    said = {"errorType": kind, "errorMessage": "Task timed out after 3.00 seconds"}
    done, _ = invoke(reply(said, log=log, failed=True), allowed=frozenset({kind}))
    assert done is not None
    assert (done.outcome, done.usable) == (Outcome.ERROR, True)
    refused, _ = invoke(reply(said, log=log, failed=True))
    assert refused is not None
    assert not refused.usable


def test_a_report_that_the_tail_lacks_is_looked_up_with_its_environment() -> None:
    logs = FakeLogs(after=2)
    done, _ = invoke(reply(log="a lot of other output"), logs=LogLookup(logs, pauses_s=(0.0,) * 4))
    assert done is not None
    assert (done.outcome, done.duration_ms) == (Outcome.OK, 12.34)
    assert done.environment == "2026/09/18/[7]abc"
    assert logs.looks == 3


@pytest.mark.parametrize(
    "log",
    [
        "START RequestId: other\nREPORT RequestId: fake Duration: 1 ms\nEND RequestId: other\n"
        + REPORT.replace(ID, "other"),
        json.dumps({"type": "platform.report", "record": {"requestId": "other", "metrics": {"durationMs": 12.34}}}),
    ],
    ids=["text", "json"],
)
def test_the_log_of_an_emulator_may_use_other_request_ids_than_its_replies(log: str) -> None:
    done, _ = invoke(reply(log=log), emulated=True)
    assert done is not None
    assert (done.outcome, done.duration_ms) == (Outcome.OK, 12.34)
    in_aws, _ = invoke(reply(log=log))
    assert in_aws is not None
    assert in_aws.outcome is Outcome.NO_REPORT


@pytest.mark.parametrize("request_id", ["other", ID])
def test_a_report_that_the_function_prints_itself_is_not_taken_where_the_platform_writes_none(request_id: str) -> None:
    log = f"END RequestId: {request_id}\n" + REPORT.replace(ID, request_id)
    client = FakeLambda(reply(log=log))
    silent = replace(PLACE, log_group="", reports=False)
    done = Invoker(client, ConcurrencyLimiter(4), emulated=True).measure(silent, b"{}", payload=0, stop=NEVER)
    assert done is not None
    assert (done.outcome, done.duration_ms) == (Outcome.NO_REPORT, None)


def test_a_report_of_another_request_is_not_taken_where_the_log_knows_this_one() -> None:
    log = f"START RequestId: {ID} Version: 7\nEND RequestId: other\n" + REPORT.replace(ID, "other")
    done, _ = invoke(reply(log=log))
    assert done is not None
    assert done.outcome is Outcome.NO_REPORT


def test_without_a_report_anywhere_the_run_is_counted_as_such() -> None:
    done, _ = invoke(reply(log=""), logs=LogLookup(FakeLogs(after=99), pauses_s=(0.0,) * 3))
    assert done is not None
    assert done.outcome is Outcome.NO_REPORT
    assert done.duration_ms is None


def test_logs_that_may_not_be_read_are_said_once_and_not_asked_again() -> None:
    fake = FakeLogs(error=refusal("AccessDeniedException"))
    logs = LogLookup(fake, pauses_s=(0.0,) * 3)
    for _ in range(2):
        done, _ = invoke(reply(log=""), logs=logs)
        assert done is not None
        assert done.outcome is Outcome.NO_REPORT
    assert fake.looks == 1
    assert logs.problem is not None
    assert "/aws/lambda/orders" in logs.problem.message


def test_a_processor_that_fails_ends_the_run_with_its_own_words() -> None:
    with pytest.raises(BackendError, match="prepare failed: Broken: no") as failed:
        invoke(reply({"errorType": "Broken", "errorMessage": "no"}, failed=True), pre_processor="prepare")
    assert failed.value.hint


@pytest.mark.parametrize("processor", ["pre_processor", "post_processor"])
def test_a_processor_that_fails_does_not_tell_a_payload_that_is_hidden(processor: str) -> None:
    broken = reply({"errorType": "Broken", "errorMessage": "cannot use hunter2"}, failed=True)
    answers = [broken] if processor == "pre_processor" else [reply(), broken]
    with pytest.raises(BackendError, match="Broken: cannot use …"):
        invoke(*answers, body=b'{"password": "hunter2"}', hide_payload=True, **{processor: "prepare"})


def test_an_error_tells_no_value_of_an_environment_variable() -> None:
    broken = reply({"errorType": "Denied", "errorMessage": "no: hunter2-hunter3"}, failed=True)
    found, _ = invoke(broken, hide_variables=lambda: Redaction.of_variables({"TOKEN": "hunter2-hunter3"}))
    assert found is not None
    assert found.error is not None
    assert found.error.message == "no: …"


def test_the_error_of_a_run_that_only_its_log_tells_of_says_nothing_of_the_payload() -> None:
    invoker = Invoker(FakeLambda(), ConcurrencyLimiter(1), hide_payload=True)
    logged = Invocation(Outcome.ERROR, error=FunctionError("Pin_hunter2", "only its log tells of it"))
    found = invoker.without_secrets(logged, b'{"password": "hunter2"}')
    assert found.error == FunctionError("Pin_…", "only its log tells of it")


@pytest.mark.parametrize(("said", "body"), [(None, b"null"), ("", b'""'), ({"n": 2}, b'{"n": 2}')])
def test_what_a_processor_answers_replaces_the_payload_and_null_does_too(said: Any, body: bytes) -> None:
    _, client = invoke(reply(said), reply(), pre_processor="prepare")
    assert [asked["Payload"] for asked in client.asked] == [b"{}", body]


def test_nothing_is_invoked_once_it_was_told_to_stop() -> None:
    stop, client = threading.Event(), FakeLambda(reply())
    stop.set()
    assert Invoker(client, ConcurrencyLimiter(1)).measure(PLACE, b"{}", payload=0, stop=stop) is None
    assert client.asked == []


def test_denied_names_the_permission() -> None:
    with pytest.raises(DeniedError) as denied:
        invoke(refusal("AccessDeniedException", 403, "no"))
    assert "lambda:InvokeFunction" in denied.value.hint
