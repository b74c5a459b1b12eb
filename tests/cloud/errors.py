"""Errors as AWS sends them: a code, a message, a status, written in the protocol of the service.

Knows the protocols, not the services; the texts of Lambda are in `lambda_service.errors`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

Reply = tuple[int, dict[str, str], bytes]
"""Status, headers and body of an HTTP response."""


class AwsError(Exception):
    """A refusal by the API. `fields` join the body, `headers` the response."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        fields: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status
        self.fields, self.headers = dict(fields or {}), dict(headers or {})


def render(error: AwsError, *, protocol: str, request_id: str) -> Reply:
    """The response to `error` in a protocol: rest-json, json, query, rest-xml."""
    headers = {"x-amzn-RequestId": request_id, **error.headers}
    if protocol == "rest-json":
        body = {"Type": "User" if error.status < 500 else "Server", "message": error.message, **error.fields}
        headers |= {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
        return error.status, headers, json.dumps(body).encode()
    if protocol == "json":
        body = {"__type": error.code, "message": error.message, **error.fields}
        headers |= {"Content-Type": "application/x-amz-json-1.1"}
        return error.status, headers, json.dumps(body).encode()
    inner = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    headers |= {"Content-Type": "text/xml"}
    if protocol == "query":
        error_text = f"<Error><Type>Sender</Type>{inner}</Error>"
        text = f"<ErrorResponse>{error_text}<RequestId>{request_id}</RequestId></ErrorResponse>"
    else:
        text = f"<Error>{inner}<RequestId>{request_id}</RequestId></Error>"
    return error.status, headers, text.encode()
