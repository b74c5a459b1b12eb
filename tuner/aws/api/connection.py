"""Which account and region to use, as the user or the environment says. Imports no SDK."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach AWS; None: as the SDK's own configuration says.

    Attributes:
        region: a region; it loses to the one of a function ARN.
        profile: a profile of the AWS configuration.
        role_arn: a role to assume, in this account or another.
        endpoint_url: another address for every service.
    """

    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    endpoint_url: str | None = None
