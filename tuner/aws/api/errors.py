"""Translates botocore exceptions into errors that name the failed action and a remedy.

Decides the kind of a failure, and nothing about retries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto

from tuner.errors import BackendError, Fault, InputError, TunerError
from tuner.shell_lines import with_command

PERMISSIONS_PAGE = "docs/permissions.md shows the policy for each use."
AS_AWS_SAYS = "Correct what AWS names, then run again."

_DENIED = re.compile(r"not authorized to perform: (?P<action>[\w:-]+)(?: on resource: \"?(?P<resource>[^\s\"]+))?")
_ACTIONS = {
    "Invoke": "lambda:InvokeFunction",
    "GetLayerVersionByArn": "lambda:GetLayerVersion",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "ListObjectsV2": "s3:ListBucket",
    "FilterLogEvents": "logs:FilterLogEvents",
    "DescribeLogGroups": "logs:DescribeLogGroups",
    "StartQuery": "logs:StartQuery",
    "GetQueryResults": "logs:GetQueryResults",
    "StopQuery": "logs:StopQuery",
    "GetMetricData": "cloudwatch:GetMetricData",
    "GetLambdaFunctionRecommendations": "compute-optimizer:GetLambdaFunctionRecommendations",
    "ListStackResources": "cloudformation:ListStackResources",
    "GetProducts": "pricing:GetProducts",
    "StartExecution": "states:StartExecution",
    "DescribeExecution": "states:DescribeExecution",
    "GetExecutionHistory": "states:GetExecutionHistory",
    "AssumeRole": "sts:AssumeRole",
}
"""IAM actions of operations. The action of any other operation is `lambda:` and its name."""

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN_CALLER = {"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure"}
_BAD_SIGNATURE = {"InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature"}
_DENIED_CODES = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "403"}
_THROTTLED = {
    "TooManyRequestsException", "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded",
    "SlowDown", "EC2ThrottledException",
}  # fmt: skip
_BUSY = {"ResourceConflictException", "ConditionalRequestConflict", "OperationAborted"}
"""The last two are of S3, which asks to repeat a write that met another one of the same object."""
_BAD_VALUE = {"InvalidParameterValueException", "ValidationException", "InvalidRequestContentException"}
_LOST = (
    boto.ReadTimeoutError, boto.ConnectionClosedError, boto.ResponseStreamingError, boto.IncompleteReadError,
    boto.HTTPClientError,
)  # fmt: skip
_UNREACHABLE = (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError)
_NO_CREDENTIALS = (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError)
_SSO = (boto.SSOError, boto.TokenRetrievalError, boto.UnauthorizedSSOTokenError)


class AwsError(BackendError):
    """AWS refused or failed a call.

    Args:
        message: what failed.
        hint: the remedy.
        code: AWS's error code, or the name of the network failure.
        retry_after_s: the wait that AWS asks for before the next attempt.
    """

    def __init__(self, message: str, hint: str = "", *, code: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(message, hint)
        self.code = code
        self.retry_after_s = retry_after_s


class NotFoundError(AwsError):
    """The resource does not exist."""


class DeniedError(AwsError):
    """The caller lacks a permission; the message names it."""


class ThrottledError(AwsError):
    """AWS throttled the call, which was not made."""


class ConflictError(AwsError):
    """The resource is busy, exists already, or is still in use."""


class HeldByAliasError(AwsError):
    """The version cannot be deleted because an alias points to it."""


class StaleError(AwsError):
    """The RevisionId is out of date: somebody else made a change."""


class BadValueError(AwsError):
    """AWS rejects a value, such as a memory size above the limit or an unsupported architecture."""


class StorageFullError(AwsError):
    """The account's code storage is full."""


class ServiceFaultError(AwsError):
    """AWS failed (5xx). The call may have been made."""


class LostReplyError(AwsError):
    """The connection broke after the request was sent. The call may have been made."""


class UnreachableError(AwsError):
    """No connection was possible, so nothing was sent."""


class AnotherRunError(TunerError):
    """Another run works on the same function, or was killed and left something behind."""


@contextmanager
def aws_errors(action: str) -> Iterator[None]:
    """Turn botocore exceptions inside the block into an `AwsError` or `InputError`.

    Args:
        action: the action in words that follow "Could not", such as `publish a version of orders`.
    """
    try:
        yield
    except boto.ClientError as exc:
        raise _of_reply(exc, action) from exc
    except boto.BotoCoreError as exc:
        raise _of_sdk(exc, action) from exc


def _of_reply(exc: boto.ClientError, action: str) -> TunerError:
    error = exc.response.get("Error", {})
    code = str(error.get("Code", ""))
    text = str(error.get("Message") or exc.response.get("message") or code)
    status = int(exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = f"Could not {action}: {text}"
    if code in _EXPIRED:
        hint = with_command("The credentials have expired: log in again, for SSO with:", "aws sso login")
        return AwsError(said, hint, code=code)
    if code in _UNKNOWN_CALLER:
        return AwsError(said, "AWS does not know these credentials: check the profile and its keys.", code=code)
    if code in _BAD_SIGNATURE:
        return AwsError(said, "Check the secret key, and that this machine's clock is right.", code=code)
    if code.startswith("KMS"):
        return AwsError(said, "Check the function's KMS key: it must be enabled, and kms:Decrypt allowed.", code=code)
    if code in _DENIED_CODES or "AccessDenied" in code:
        return DeniedError(said, _permission_hint(text, exc.operation_name), code=code)
    if code in _THROTTLED or status == 429:
        hint = "AWS throttled all retries: try later, or with a lower --concurrency."
        return ThrottledError(said, hint, code=code, retry_after_s=_retry_after(exc))
    for kind, matches, hint in (
        (NotFoundError, code in ("ResourceNotFoundException", "NoSuchKey", "NoSuchBucket", "404"), _elsewhere(exc)),
        (StaleError, code == "PreconditionFailedException", "Somebody changed it meanwhile: run again."),
        (ConflictError, code in _BUSY, "Another change is in progress: run again in a minute."),
        (StorageFullError, code == "CodeStorageExceededException", "Delete old versions, or raise the quota."),
        (BadValueError, code in _BAD_VALUE, AS_AWS_SAYS),
        (ServiceFaultError, status >= 500, "AWS failed after all retries: try again later."),
    ):
        if matches:
            return kind(said, hint, code=code)
    return AwsError(f"{said} ({code})" if code and code not in text else said, AS_AWS_SAYS, code=code)


def _retry_after(exc: boto.ClientError) -> float:
    headers = exc.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return float(headers.get("retry-after", 0))
    except ValueError:
        return 0.0  # a date: Lambda sends seconds


def _of_sdk(exc: boto.BotoCoreError, action: str) -> TunerError:
    code = type(exc).__name__
    said = f"Could not {action}: {exc}"
    if isinstance(exc, boto.ProfileNotFound):
        hint = with_command("See which exist:", "aws configure list-profiles")
        return InputError([Fault("--profile", str(exc), "give a profile that exists")], hint)
    if isinstance(exc, boto.NoRegionError):
        return InputError.single("--region", "no region is given or configured", "for example --region eu-west-1")
    if isinstance(exc, _NO_CREDENTIALS):
        return AwsError(
            f"Could not {action}: no AWS credentials were found ({exc})",
            with_command(
                "Give --profile, set AWS_PROFILE, or log in, with SSO or with keys:", "aws sso login", "aws configure"
            ),
            code=code,
        )
    if isinstance(exc, _SSO):
        hint = with_command("The SSO session is missing or has expired. Log in:", "aws sso login")
        return AwsError(said, hint, code=code)
    if isinstance(exc, _UNREACHABLE):
        return UnreachableError(said, "Check the network, --region and --endpoint-url.", code=code)
    if isinstance(exc, _LOST):
        return LostReplyError(said, "The connection was lost: check the network, then run again.", code=code)
    if isinstance(exc, boto.ParamValidationError):
        return InputError.single("request", f"{action}: {exc}")
    return AwsError(said, "Correct what the SDK names, then run again.", code=code)


def _permission_hint(text: str, operation: str) -> str:
    found = _DENIED.search(text)
    if found:
        action, resource = found["action"], found["resource"]
    else:
        action, resource = _ACTIONS.get(operation, f"lambda:{operation}"), None
    return f"Allow {action}{f' on {resource}' if resource else ''}. {PERMISSIONS_PAGE}"


def _elsewhere(exc: boto.ClientError) -> str:
    if exc.operation_name in ("GetObject", "HeadObject"):
        return "Check the s3:// address."
    return "Check the name, the account (--profile, --role-arn) and the region (--region)."
