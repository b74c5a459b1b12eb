"""What is read from names, packages and replies before anything is decided."""

from __future__ import annotations

import io
import zipfile

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, NoCredentialsError, SSOTokenLoadError

from tuner.aws.api.errors import AwsError, DeniedError, LostReplyError, NotFoundError, ServiceFaultError, aws_errors
from tuner.aws.api.function import Account, FunctionDetails, FunctionState
from tuner.aws.api.function_reference import FunctionReference, parse_function_reference
from tuner.aws.api.s3 import Address, parse_address
from tuner.aws.changes.elf import foreign_binary
from tuner.aws.measure.preconditions import FunctionFacts, allowed_concurrency, check, reason_for_versions
from tuner.errors import InputError
from tuner.model import Architecture

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
X86, ARM = b"\x7fELF" + bytes(14) + b"\x3e\x00", b"\x7fELF" + bytes(14) + b"\xb7\x00"


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("orders", FunctionReference("orders")),
        ("orders:live", FunctionReference("orders", "live")),
        ("orders:$LATEST", FunctionReference("orders")),
        ("123456789012:function:orders:7", FunctionReference("123456789012:function:orders", "7")),
        (ARN, FunctionReference(ARN, None, "eu-west-1")),
        (f"{ARN}:live", FunctionReference(ARN, "live", "eu-west-1")),
        (ARN.replace("aws", "aws-cn", 1), FunctionReference(ARN.replace("aws", "aws-cn", 1), None, "eu-west-1")),
    ],
)
def test_a_function_may_be_named_as_lambda_names_it(text: str, target: FunctionReference) -> None:
    assert parse_function_reference(text) == target


@pytest.mark.parametrize("text", ["", "a b", "orders/1", "arn:aws:s3:::bucket", "x" * 65])
def test_anything_else_is_bad_input(text: str) -> None:
    with pytest.raises(InputError):
        parse_function_reference(text)


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"app.py": b"print()"}, ""),
        ({"lib/a.so": X86, "app.py": b""}, "lib/a.so"),
        ({"lib/a.so": X86, "lib/b.so": ARM}, ""),
        ({"lib/a.so": ARM}, ""),
        ({"bootstrap": X86, "lib/b.so": ARM}, "bootstrap"),
    ],
)
def test_a_package_runs_on_arm_unless_its_binaries_say_otherwise(files: dict[str, bytes], named: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    assert foreign_binary(buffer.getvalue(), Architecture.ARM64) == named


@pytest.mark.parametrize("key", ["one.json", "a/b.json", "what?", "50%#1"])
def test_an_address_in_s3_is_read_as_it_is_written(key: str) -> None:
    assert parse_address(f"s3://bucket/{key}", path="$") == Address("bucket", key)


@pytest.mark.parametrize("text", ["", "bucket/key", "s3://bucket", "s3://bucket/", "s3:///key", "https://bucket/key"])
def test_what_is_no_address_in_s3_is_bad_input(text: str) -> None:
    with pytest.raises(InputError, match="s3://bucket/key"):
        parse_address(text, path="$")


def reply(code: str, status: int, text: str = "said so") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Op")


@pytest.mark.parametrize(
    ("raised", "kind", "hint"),
    [
        (NoCredentialsError(), AwsError, "aws configure"),
        (SSOTokenLoadError(error_msg="gone"), AwsError, "aws sso login"),
        (reply("ExpiredTokenException", 403), AwsError, "log in again"),
        (reply("SignatureDoesNotMatch", 403), AwsError, "clock"),
        (reply("ResourceNotFoundException", 404), NotFoundError, "--region"),
        (reply("InternalFailure", 500), ServiceFaultError, "try again"),
        (ConnectionClosedError(endpoint_url="https://x"), LostReplyError, "network"),
    ],
)
def test_each_failure_has_a_kind_and_a_remedy(raised: Exception, kind: type[AwsError], hint: str) -> None:
    with pytest.raises(kind) as found, aws_errors("read orders"):
        raise raised
    assert hint in found.value.hint
    assert found.value.message.startswith("Could not read orders")


@pytest.mark.parametrize(
    ("operation", "said", "hint"),
    [
        ("PublishVersion", "no", "Allow lambda:PublishVersion. "),
        ("Invoke", "no", "Allow lambda:InvokeFunction. "),
        ("PutObject", "Access Denied", "Allow s3:PutObject. "),
        ("ListObjectsV2", "Access Denied", "Allow s3:ListBucket. "),
        ("GetExecutionHistory", "no", "Allow states:GetExecutionHistory. "),
        (
            "PutObject",
            'User: u is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::b/k" because of a boundary',
            "Allow s3:PutObject on arn:aws:s3:::b/k. ",
        ),
    ],
)
def test_what_is_denied_is_named_as_iam_names_it(operation: str, said: str, hint: str) -> None:
    refusal = ClientError({"Error": {"Code": "AccessDenied", "Message": said}}, operation)
    with pytest.raises(DeniedError) as found, aws_errors("read orders"):
        raise refusal
    assert found.value.hint.startswith(hint)


def facts(reserved: int | None = None, free: int = 1000, **changes: object) -> FunctionFacts:
    raw = {"FunctionName": "orders", "FunctionArn": ARN, "CodeSize": 1000, **changes}
    return FunctionFacts(
        FunctionDetails(FunctionState(raw), {}, {}, reserved), Account(free, 5000), 0, copies_only=False
    )


@pytest.mark.parametrize(
    ("given", "wanted", "allowed"),
    [(facts(), 10, 10), (facts(free=10), 10, 5), (facts(reserved=3), 10, 1), (facts(reserved=100, free=2), 40, 40)],
)
def test_at_most_half_of_what_is_free_is_used(given: FunctionFacts, wanted: int, allowed: int) -> None:
    found, notice = allowed_concurrency(given, wanted)
    assert found == allowed
    assert (notice is None) == (allowed == wanted)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (facts(), ""),
        (facts(reserved=3), "reserved concurrency of 3"),
        (facts(CodeSize=9 * 2**20), "9 MB"),
        (facts(CodeSize=9 * 2**20, PackageType="Image"), ""),
        (facts(SigningProfileVersionArn="arn"), "signed"),
        (facts(Environment={"Error": {"ErrorCode": "AccessDenied"}}), "environment"),
    ],
)
def test_versions_are_preferred_where_a_copy_is_not_as_safe(given: FunctionFacts, word: str) -> None:
    reason = reason_for_versions(given.details)
    assert word in reason
    assert bool(reason) == bool(word)


def test_every_reason_against_tuning_is_said_at_once() -> None:
    hopeless = facts(0, CodeSize=9000, DurableConfig={"ExecutionTimeout": 9}, State="Failed", StateReason="no role")
    with pytest.raises(InputError) as refused:
        check(hopeless)
    assert len(refused.value.faults) == 4
    assert all(fault.remedy for fault in refused.value.faults)
    check(facts())
