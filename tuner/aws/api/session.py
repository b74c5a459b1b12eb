"""Finds credentials and region, and creates service clients with their time limits.

Creates each client at its first use, with the SDK's retries off. `tuner.aws.api.retry` repeats control-plane
calls. Nothing repeats an invocation that ran.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import RefreshableCredentials

from tuner.aws.api.connection import Connection
from tuner.aws.api.errors import aws_errors
from tuner.errors import InputError

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
"""Timeout of control-plane calls, which answer within seconds, also for uploads of code."""
INVOKE_MARGIN_S = 30
"""How much longer than the function's timeout a client waits for the reply of an invocation."""
AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn")
"""Domains of AWS endpoints (AWS General Reference, service endpoints; dual-stack endpoints)."""
PRICE_LIST_REGION = "us-east-1"
"""The region of the Price List API, which serves all regions."""


@dataclass(slots=True)
class Clients:
    """The service clients of one run."""

    region: str
    endpoint_url: str | None
    _session: Any = field(repr=False)
    _made: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def emulated(self) -> bool:
        """Whether an emulator answers: an endpoint outside the domains of AWS, from a flag or the environment."""
        host = urlsplit(str(self.control.meta.endpoint_url)).hostname or ""
        return not host.endswith(AWS_DOMAINS)

    @property
    def control(self) -> Any:
        """Lambda, for everything but invocations."""
        return self._client("lambda")

    @property
    def logs(self) -> Any:
        """CloudWatch Logs."""
        return self._client("logs")

    @property
    def s3(self) -> Any:
        """S3, with path addresses at a local endpoint."""
        style = "path" if self.endpoint_url else "auto"
        return self._client("s3", s3={"addressing_style": style})

    @property
    def metrics(self) -> Any:
        """CloudWatch."""
        return self._client("cloudwatch")

    @property
    def optimizer(self) -> Any:
        """Compute Optimizer."""
        return self._client("compute-optimizer")

    @property
    def stacks(self) -> Any:
        """CloudFormation."""
        return self._client("cloudformation")

    @property
    def states(self) -> Any:
        """Step Functions."""
        return self._client("stepfunctions")

    @property
    def events(self) -> Any:
        """EventBridge."""
        return self._client("events")

    @property
    def notifications(self) -> Any:
        """SNS."""
        return self._client("sns")

    @property
    def pricing(self) -> Any:
        """The Price List API."""
        return self._client("pricing", region=PRICE_LIST_REGION)

    def invoker(self, *, timeout_s: float, concurrency: int) -> Any:
        """Lambda for invocations, with a timeout beyond the function's own and without retries."""
        return self._client(
            "lambda",
            read_timeout=timeout_s + INVOKE_MARGIN_S,
            max_pool_connections=concurrency,
            parameter_validation=False,
        )

    def close(self) -> None:
        """Close all connections."""
        for client in self._made.values():
            client.close()

    def _client(self, service: str, *, region: str | None = None, **options: Any) -> Any:
        key = f"{service} {region} {options}"
        if key not in self._made:
            merged = {
                "connect_timeout": CONNECT_TIMEOUT_S,
                "read_timeout": READ_TIMEOUT_S,
                "retries": {"total_max_attempts": 1},
                "tcp_keepalive": True,
                "user_agent_extra": "lambda-tuner",
            } | options
            with aws_errors(f"use {service}"):
                self._made[key] = self._session.client(
                    service,
                    region_name=region or self.region,
                    endpoint_url=self.endpoint_url,
                    config=Config(**merged),
                )
        return self._made[key]


def connect(connection: Connection, *, region: str | None = None) -> Clients:
    """Find the region and the credentials.

    Args:
        connection: what the user gave.
        region: the region of the function's ARN, which takes precedence.

    Raises:
        InputError: the profile does not exist, or there is no region.
        AwsError: the role cannot be assumed.
    """
    with aws_errors("read the AWS configuration"):
        session = boto3.Session(profile_name=connection.profile)
        chosen = region or connection.region or os.environ.get("AWS_REGION") or session.region_name
    if not chosen:
        raise InputError.single("--region", "no region is given or configured", "for example --region eu-west-1")
    if connection.role_arn:
        session = _assume(session, connection.role_arn, chosen, connection.endpoint_url)
    return Clients(chosen, connection.endpoint_url, session)


def _assume(session: Any, role_arn: str, region: str, endpoint_url: str | None) -> Any:
    sts = session.client("sts", region_name=region, endpoint_url=endpoint_url)

    def refresh() -> dict[str, str]:
        with aws_errors(f"assume the role {role_arn}"):
            reply = sts.assume_role(RoleArn=role_arn, RoleSessionName="lambda-tuner")
        credentials = reply["Credentials"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }

    inner = botocore.session.get_session()
    # botocore has no public interface for credentials that renew themselves.
    inner._credentials = RefreshableCredentials.create_from_metadata(refresh(), refresh, "sts-assume-role")
    return boto3.Session(botocore_session=inner, region_name=region)
