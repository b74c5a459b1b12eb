"""Function names as callers write them: a name, a partial ARN or an ARN, with or without a qualifier."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.cloud.lambda_service import errors

LATEST = "$LATEST"
_NAME = re.compile(
    r"^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]{1,64})(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?$"
)


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function and, where the caller named one, its version or alias."""

    region: str
    account: str
    name: str
    qualifier: str | None

    @property
    def arn(self) -> str:
        """ARN without qualifier."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def qualified_arn(self) -> str:
        """ARN with the qualifier that was given."""
        return f"{self.arn}:{self.qualifier}" if self.qualifier else self.arn


def parse(text: str, *, region: str, account: str, qualifier: str | None = None) -> FunctionName:
    """Read a FunctionName and the Qualifier beside it.

    Raises:
        AwsError: not a name; two qualifiers that differ; a function of another region.
    """
    match = _NAME.match(text)
    if not match:
        pattern = "(arn:…)?(region:)?(account:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"
        raise errors.invalid_member(text, "functionName", f"Member must satisfy regular expression pattern: {pattern}")
    inside = match["qualifier"]
    if inside and qualifier and inside != qualifier:
        raise errors.invalid("The derived qualifier from the function name does not match the specified qualifier.")
    if match["region"] and match["region"] != region:
        raise errors.resource_not_found(
            f"Functions from '{match['region']}' are not reachable in this region ('{region}')"
        )
    return FunctionName(region, match["account"] or account, match["name"], inside or qualifier or None)
