"""The refusals of the Lambda API with the texts that AWS sends."""

from __future__ import annotations

from tests.cloud.errors import AwsError


def not_found(arn: str) -> AwsError:
    return _user("ResourceNotFoundException", f"Function not found: {arn}", 404)


def alias_not_found(arn: str) -> AwsError:
    return _user("ResourceNotFoundException", f"Cannot find alias arn: {arn}", 404)


def resource_not_found(message: str = "The resource you requested does not exist.") -> AwsError:
    return _user("ResourceNotFoundException", message, 404)


def invalid(message: str) -> AwsError:
    return _user("InvalidParameterValueException", message, 400)


def invalid_member(value: object, member: str, constraint: str) -> AwsError:
    """The text that all services use for a value outside of its model."""
    text = f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    return AwsError("ValidationException", text, status=400)


def memory_over_account_limit(limit_mb: int) -> AwsError:
    text = f"'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to {limit_mb}"
    return AwsError("ValidationException", text, status=400)


def too_many_tags() -> AwsError:
    return invalid("Number of tags exceeds resource tag limit.")


def conflict(message: str) -> AwsError:
    return _user("ResourceConflictException", message, 409)


def pending(state: str = "Pending") -> AwsError:
    return conflict(
        f"The operation cannot be performed at this time. The function is currently in the following state: {state}"
    )


def update_in_progress(arn: str) -> AwsError:
    return conflict(f"The operation cannot be performed at this time. An update is in progress for resource: {arn}")


def stale_revision() -> AwsError:
    return _user(
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        412,
    )


def other_code(given: str, current: str) -> AwsError:
    return invalid(
        f"CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). "
        "Please try again with the CodeSHA256 in $LATEST."
    )


def code_storage_exceeded() -> AwsError:
    return _user("CodeStorageExceededException", "Code storage limit exceeded.", 400)


def throttled(reason: str, retry_after_s: int | None, message: str = "Rate Exceeded.") -> AwsError:
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return AwsError("TooManyRequestsException", message, status=429, fields={"Reason": reason}, headers=headers)


def _user(code: str, message: str, status: int) -> AwsError:
    return AwsError(code, message, status=status, fields={"Message": message})
