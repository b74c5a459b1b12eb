"""From an HTTP request to the API call it is: service, operation, parameters, who and where.

Reads the service models of botocore through moto's routers, so each operation of each service
is known without a list here. Executes nothing.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.cloud.settings import DEFAULT_REGION

SERVICE_OF_SIGNING_NAME = {"states": "stepfunctions", "monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}
"""Where the name in the signature is not botocore's name of the service."""

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


@dataclass(slots=True)
class Call:
    """One API call. `parameters` uses the names of the API; blobs are bytes."""

    service: str
    operation: str
    parameters: dict[str, Any]
    protocol: str
    region: str
    access_key: str
    account: str
    principal: str
    body: bytes = b""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    number: int = 0
    """1 for the first call since the last reset."""
    outcome: str = ""
    """`ok`, the code of the error, or what a fault did."""

    @property
    def caller(self) -> str:
        """`user`, `function` (code running in Lambda), `states` (Step Functions) or `stacks` (CloudFormation)."""
        return next((name for prefix, name in _CALLERS.items() if self.access_key.startswith(prefix)), "user")


FUNCTION_KEY_PREFIX, STATES_KEY_PREFIX, STACKS_KEY_PREFIX = "ASIALAMBDA", "ASIASTATES", "ASIASTACKS"
_CALLERS = {FUNCTION_KEY_PREFIX: "function", STATES_KEY_PREFIX: "states", STACKS_KEY_PREFIX: "stacks"}
_principals: dict[str, tuple[str, str]] = {}


def register_principal(prefix: str, account: str, role_arn: str, session: str) -> str:
    """An access key whose calls are known to come from `role_arn`; the same key for the same arguments."""
    digest = hashlib.sha256(f"{account}|{role_arn}|{session}".encode()).hexdigest().upper()
    key = (prefix + digest)[:20]
    role = role_arn.rsplit("/", 1)[-1]
    _principals[key] = (account, f"arn:aws:sts::{account}:assumed-role/{role}/{session}")
    return key


def identify(environ: dict[str, Any], body: bytes) -> Call | None:
    """The API call that a request is; None where it is none (a download by a plain address)."""
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    match = _CREDENTIAL.search(authorization)
    if match:
        access_key, region, signing_name = match.groups()
    else:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        credential = query.get("X-Amz-Credential", [""])[0].split("/")
        if len(credential) != 5:
            return None
        access_key, _, region, signing_name, _ = credential
    service = SERVICE_OF_SIGNING_NAME.get(signing_name, signing_name)
    operation, parameters, protocol = _operation(service, environ, body)
    account, principal = _principal_of(access_key)
    return Call(
        service=service,
        operation=operation,
        parameters=parameters,
        protocol=protocol,
        region=region if region != "aws-global" else DEFAULT_REGION,
        access_key=access_key,
        account=account,
        principal=principal,
        body=body,
    )


def _operation(service: str, environ: dict[str, Any], body: bytes) -> tuple[str, dict[str, Any], str]:
    from io import BytesIO

    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import Request, determine_request_protocol
    from moto.core.routing import get_service_router
    from moto.core.utils import get_service_model
    from werkzeug.exceptions import HTTPException

    request = Request({**environ, "wsgi.input": BytesIO(body)})
    model = get_service_model(service)
    try:
        operation, uri_parameters = get_service_router(service).match(request)
        protocol = determine_request_protocol(model, request.content_type)
        parser = PROTOCOL_PARSERS[protocol](operation)
        parsed = parser.parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": body,
                "url_path": request.path,
                "url_params": uri_parameters,
            }
        )
    except (HTTPException, NotImplementedError):
        return f"{request.method} {request.path}", {}, str(model.protocol)
    return operation.name, parsed or {}, protocol


def _principal_of(access_key: str) -> tuple[str, str]:
    """Account and ARN behind an access key: our workers, moto's assumed roles and users, else the default user."""
    if access_key in _principals:
        return _principals[access_key]
    from moto.iam.models import get_account_id_from
    from moto.sts.models import sts_backends

    account = get_account_id_from(access_key)
    role = sts_backends[account]["aws"].get_assumed_role_from_access_key(access_key)
    return account, role.arn if role else f"arn:aws:iam::{account}:user/tester"
