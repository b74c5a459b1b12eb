"""What a test may change about the account: quotas, how long things take, which limits are on.

One mutable object, shared by all parts of the stand-in; set from outside as JSON.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"


@dataclass(slots=True)
class Settings:
    """The account's quotas as AWS gives them to an established account, and short waiting times."""

    create_seconds: float = 0.05
    """How long a new function stays Pending."""
    update_seconds: float = 0.05
    """How long an update stays InProgress."""
    publish_seconds: float = 0.05
    """How long a new version stays Pending."""
    snapstart_seconds: float = 0.25
    """How long a new version stays Pending while its snapshot is made."""
    provisioned_seconds: float = 0.05
    """How long provisioned concurrency stays IN_PROGRESS."""

    log_delay_seconds: float = 0.05
    """How long a log takes to CloudWatch (seconds in AWS)."""
    empty_log_pages: int = 1
    """Pages without events before the first with some, as FilterLogEvents gives them while it searches."""

    query_page: int = 10_000
    """Rows of one page of GetQueryResults (CloudWatch Logs quotas)."""
    optimizer_enrolled: bool = False
    """Whether the account has opted in to Compute Optimizer."""

    update_fails: str = ""
    """Reason code with which updates of functions end in Failed (for example SubnetOutOfIPAddresses)."""
    publish_fails: str = ""
    """Reason code with which new versions end in Failed (for example FunctionError: no snapshot can be made)."""

    memory_limit_mb: int = 10_240
    """Largest memory size; 3008 in accounts that AWS has not raised yet."""
    concurrency: int = 1000
    """Invocations at once in the account and region."""
    unreserved_minimum: int = 100
    """What reservations must leave to the other functions (10 in new accounts)."""
    code_storage_bytes: int = 75 * 1024**3
    """All function versions and layers together (Lambda quotas: 75 GB)."""
    control_plane_rate: float | None = None
    """Control-plane requests per second before throttling (15 in AWS); None: no limit."""
    retry_after_seconds: int | None = 1
    """`Retry-After` of a throttled invocation; None leaves the header out, as AWS sometimes does."""

    enforce_policies: bool = True
    """Hold roles and users that exist in IAM to their policies."""

    limit_cpu: bool = True
    """Give functions Lambda's CPU share of their memory size."""
    unthrottled: list[str] = field(default_factory=list)
    """Names (with * and ?) of functions that run with the whole CPU."""
    unthrottled_stacks: bool = True
    """Functions that CloudFormation made (the tool's own) run with the whole CPU."""
    skip_layers: list[str] = field(default_factory=lambda: ["*"])
    """Layers (names with * and ?) left out of the workers' path: built for Lambda's platform, they cannot run here."""
    async_retry_seconds: float = 0.05
    """Pause before each of the two retries of a failed asynchronous invocation (1 and 2 minutes in AWS)."""

    states_pace: float = 0.02
    """How long Wait states and pauses before retries last, as a part of what the definition says."""
    largest_state_bytes: int = 262_144
    """Input, output and parameters of a state (Step Functions quotas)."""
    history_limit: int = 25_000
    """Events of one execution (Step Functions quotas)."""

    def update(self, changes: dict[str, Any]) -> None:
        """Set some fields.

        Raises:
            KeyError: there is no such setting.
        """
        known = {item.name for item in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise KeyError(name)
            setattr(self, name, value)
