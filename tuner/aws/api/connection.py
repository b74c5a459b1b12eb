"""Defines which account and region to use. Imports no SDK."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach AWS. None means what the SDK's configuration says.

    Attributes:
        region: a region. The region of a function ARN takes precedence.
        profile: a profile of the AWS configuration.
        role_arn: a role to assume, in this account or another.
        endpoint_url: the endpoint of every service, instead of that of AWS.
    """

    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    endpoint_url: str | None = None
