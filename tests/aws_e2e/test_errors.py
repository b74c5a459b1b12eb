"""Each error that a user can meet in AWS: one readable message with a remedy, exit 1 or 2, no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.aws_e2e.harness import settings, tune
from tests.cloud.fixtures import Cloud
from tuner.aws.api.connection import Connection
from tuner.aws.api.errors import ThrottledError
from tuner.aws.api.session import connect
from tuner.cli.main import run

Prepare = Callable[[Cloud, pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def orders(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cloud.simulate_function("orders", memory_mb=512)
    for name, value in cloud.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def no_credentials(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


def no_region(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")


def no_network(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


def fault(kind: str, operation: str = "*", **options: Any) -> Prepare:
    return lambda cloud, _: cloud.faults.add(kind, operation, times=None, **options)


def replies(code: str, message: str, status: int, operation: str = "GetFunctionConfiguration") -> Prepare:
    return fault("error", operation, code=code, message=message, status=status)


EXPIRED = replies("ExpiredTokenException", "The security token included in the request is expired", 403)
UNKNOWN = replies("UnrecognizedClientException", "The security token included in the request is invalid.", 403)
KEY = replies("KMSAccessDeniedException", "Lambda was unable to decrypt the environment variables", 502, "Invoke")


@pytest.mark.parametrize(
    ("prepare", "arguments", "words", "code"),
    [
        pytest.param(no_credentials, [], ["no AWS credentials", "aws configure"], 1, id="no credentials"),
        pytest.param(no_region, [], ["--region", "eu-west-1"], 2, id="no region"),
        pytest.param(None, ["--profile", "nobody"], ["--profile", "nobody"], 2, id="no such profile"),
        pytest.param(None, ["--region", "eu-west-1"], ["Function not found", "--region"], 1, id="wrong region"),
        pytest.param(EXPIRED, [], ["expired", "log in again"], 1, id="expired token"),
        pytest.param(UNKNOWN, [], ["does not know these credentials"], 1, id="unknown credentials"),
        pytest.param(KEY, [], ["decrypt", "kms:Decrypt"], 1, id="key"),
        pytest.param(
            fault("deny", "GetFunction"), [], ["lambda:GetFunction", "docs/permissions.md"], 1, id="may not read"
        ),
        pytest.param(
            fault("deny", "PublishVersion"),
            ["--isolation", "versions"],
            ["lambda:PublishVersion"],
            1,
            id="may not publish",
        ),
        pytest.param(
            fault("deny", "CreateFunction"), ["--isolation", "copy"], ["lambda:CreateFunction"], 1, id="may not copy"
        ),
        pytest.param(fault("deny", "Invoke"), [], ["lambda:InvokeFunction"], 1, id="may not invoke"),
        pytest.param(
            fault("deny", "DeleteFunction"), [], ["lambda:DeleteFunction", "tuner clean orders"], 1, id="may not delete"
        ),
    ],
)
def test_an_error_is_one_message_with_a_remedy(
    prepare: Prepare | None,
    arguments: list[str],
    words: list[str],
    code: int,
    cloud: Cloud,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if prepare:
        prepare(cloud, monkeypatch)
    assert run(["tune", "orders", "--power-values", "256", "--runs", "1", "--quiet", *arguments]) == code
    said = capsys.readouterr().err
    assert all(word in said for word in words), said
    assert said.count("error:") == 1
    assert "Traceback" not in said


@pytest.mark.parametrize("target", ["missing", "missing:live", "orders:nowhere"])
def test_a_function_that_does_not_exist_is_named(target: str, cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", target, "--power-values", "256", "--runs", "1"]) == 1
    said = capsys.readouterr().err
    assert target.split(":")[0] in said
    assert "--region" in said


@pytest.mark.parametrize("target", ["what/is this", "arn:aws:s3:::bucket"])
def test_a_target_that_is_no_function_is_bad_input(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", target]) == 2
    assert target in capsys.readouterr().err


def test_a_function_that_always_fails_shows_its_own_error(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.simulate_function("broken", memory_mb=512, model={"fails": "CardDeclined"})
    assert run(["tune", "broken", "--power-values", "256,512", "--runs", "1", "--quiet"]) == 1
    assert "CardDeclined: simulated" in capsys.readouterr().err


def test_throttled_for_good_ends_with_a_remedy(cloud: Cloud, tmp_path: Path) -> None:
    cloud.faults.add("throttle", "ListVersionsByFunction", times=None)
    with pytest.raises(ThrottledError) as refused:
        tune(cloud, tmp_path, settings())
    assert "try later" in refused.value.hint


def test_a_command_without_a_run_ends_the_same_way(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.faults.add("deny", "ListVersionsByFunction", times=None)
    assert run(["clean", "orders"]) == 1
    assert "lambda:ListVersionsByFunction" in capsys.readouterr().err
    assert run(["apply", "nothing.json"]) == 2
    assert "nothing.json" in capsys.readouterr().err


def test_aws_region_alone_tells_the_region_as_it_does_for_the_aws_command(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert connect(Connection(endpoint_url=cloud.endpoint)).region == "eu-west-1"
