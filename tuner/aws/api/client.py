"""Wraps the Lambda API in typed calls, each with a named action, a rate limit and retries.

Decides nothing about runs. A write takes a RevisionId. Its caller finds out what an unanswered write did.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tuner.aws.api.errors import (
    AwsError,
    ConflictError,
    HeldByAliasError,
    LostReplyError,
    NotFoundError,
    ServiceFaultError,
    ThrottledError,
    aws_errors,
)
from tuner.aws.api.function import Account, Alias, FunctionDetails, FunctionState
from tuner.aws.api.retry import Retrier
from tuner.shell_lines import with_command

FIRST_POLL_S, QUICK_POLL_S, POLL_CAP_S = 0.25, 0.5, 3.0
QUICK_POLLS_S = 10.0
"""Seconds of a wait with quick polls: most updates and creations take 1 to 5 s. A longer wait polls seldom."""
CREATION_S = 1.0
"""Seconds that no creation of a function falls short of, so that the first poll comes after them."""
UPDATE_LIMIT_S = 300.0
SNAPSHOT_LIMIT_S = 1200.0
"""A version with SnapStart is pending for minutes, until its snapshot exists."""


@dataclass(slots=True)
class LambdaApi:
    """Lambda's control plane.

    Attributes:
        client: a boto3 `lambda` client without its own retries.
        retry: the only retry layer.
        creation_s: pause between the creation of a function and the first poll.
    """

    client: Any
    retry: Retrier = field(default_factory=Retrier)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    first_poll_s: float = FIRST_POLL_S
    creation_s: float = CREATION_S

    def state(self, name: str, qualifier: str | None = None) -> FunctionState:
        """The configuration of $LATEST or of a version."""
        return FunctionState(
            self.read(f"read the configuration of {_named(name, qualifier)}", "get_function_configuration",
                      FunctionName=name, **_qualified(qualifier))
        )  # fmt: skip

    def details(self, name: str, qualifier: str | None = None) -> FunctionDetails:
        """Configuration, code address, tags and reserved concurrency."""
        reply = self.read(f"read {_named(name, qualifier)}", "get_function",
                          FunctionName=name, **_qualified(qualifier))  # fmt: skip
        tags = {key: value for key, value in (reply.get("Tags") or {}).items() if not key.startswith("aws:")}
        reserved = (reply.get("Concurrency") or {}).get("ReservedConcurrentExecutions")
        return FunctionDetails(FunctionState(reply["Configuration"]), reply.get("Code") or {}, tags, reserved)

    def account(self) -> Account:
        """The free concurrency and code storage of the account."""
        reply = self.read("read the account's limits", "get_account_settings")
        limit, usage = reply["AccountLimit"], reply["AccountUsage"]
        concurrency = limit.get("UnreservedConcurrentExecutions", limit["ConcurrentExecutions"])
        return Account(int(concurrency), int(limit["TotalCodeSize"]) - int(usage["TotalCodeSize"]))

    def versions(self, name: str) -> list[FunctionState]:
        """Every published version."""
        listed = self._pages(f"list the versions of {name}", "list_versions_by_function", "Versions", FunctionName=name)
        states = [FunctionState(raw) for raw in listed]
        return [state for state in states if state.is_published]

    def functions(self) -> Iterator[FunctionState]:
        """Every function of the account in the region."""
        return (FunctionState(raw) for raw in self._pages("list the functions", "list_functions", "Functions"))

    def aliases(self, name: str) -> list[Alias]:
        """Every alias of a function."""
        return [
            _alias(raw)
            for raw in self._pages(f"list the aliases of {name}", "list_aliases", "Aliases", FunctionName=name)
        ]

    def provisioned_concurrency(self, name: str, *, needed: bool) -> int:
        """Provisioned concurrency of all versions and aliases together.

        Args:
            name: the function.
            needed: whether a decision depends on it. If not, one attempt is made, and a failure counts as 0.
        """
        api = self if needed else replace(self, retry=replace(self.retry, attempts=1))
        key = "ProvisionedConcurrencyConfigs"
        configs = api._pages(
            f"read the provisioned concurrency of {name}",
            "list_provisioned_concurrency_configs",
            key,
            FunctionName=name,
        )
        try:
            return sum(int(config["RequestedProvisionedConcurrentExecutions"]) for config in configs)
        except (ServiceFaultError, LostReplyError, ThrottledError):
            if needed:
                raise
            return 0

    def tags(self, arn: str) -> Mapping[str, str]:
        """Tags of a function."""
        tags: Mapping[str, str] = self.read(f"read the tags of {arn}", "list_tags", Resource=arn).get("Tags") or {}
        return tags

    def layer_architectures(self, layer_arn: str) -> tuple[str, ...]:
        """Architectures that a layer version declares; empty when it declares none."""
        reply = self.read(f"read the layer {layer_arn}", "get_layer_version_by_arn", Arn=layer_arn)
        return tuple(reply.get("CompatibleArchitectures") or ())

    def wait_ready(
        self,
        name: str,
        qualifier: str | None = None,
        *,
        limit_s: float = UPDATE_LIMIT_S,
        stop: threading.Event | None = None,
    ) -> FunctionState:
        """Wait until a creation or an update has ended; see `FunctionState.failure` for its outcome.

        Args:
            name: the function.
            qualifier: a version; None is $LATEST.
            limit_s: how long to wait.
            stop: ends the wait. The returned state may then be busy.

        Raises:
            AwsError: it did not end within the limit.
        """
        began, pause = self.clock(), self.first_poll_s
        while True:
            state = self.state(name, qualifier)
            if not state.busy or (stop is not None and stop.is_set()):
                return state
            waited = self.clock() - began
            if waited > limit_s:
                raise AwsError(
                    f"{_named(name, qualifier)} was still being updated after {limit_s:.0f} s",
                    with_command(
                        "Wait until it is done, then run again. What a run may have left, this undoes:",
                        f"tuner clean {name}",
                    ),
                )
            self.sleep(pause)
            pause = min(QUICK_POLL_S if waited < QUICK_POLLS_S else POLL_CAP_S, pause * 1.5)

    def read(self, action: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Make a call that changes nothing, with retries."""
        return self.retry.read(lambda: self.once(action, operation, **arguments))

    def once(self, action: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Make a call once. `action` names it in errors."""
        with aws_errors(action):
            reply: dict[str, Any] = getattr(self.client, operation)(**arguments)
        return reply

    def delete(self, name: str, version: str | None = None) -> None:
        """Delete a version or a whole function. One that does not exist counts as deleted.

        Raises:
            HeldByAliasError: an alias points to the version.
        """
        action = f"delete {_named(name, version)}"

        def call() -> bool:
            try:
                self.once(action, "delete_function", FunctionName=name, **_qualified(version))
            except NotFoundError:
                return True
            except ConflictError as exc:
                if "alias" in exc.message:
                    raise HeldByAliasError(exc.message, "Point the alias elsewhere first.", code=exc.code) from exc
                raise
            return True

        self.retry.write(call, settled=lambda: None)

    def _pages(self, action: str, operation: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        marker: dict[str, str] = {}
        while True:
            reply = self.read(action, operation, **arguments, **marker)
            yield from reply.get(key) or ()
            if not (following := reply.get("NextMarker")):
                return
            marker = {"Marker": following}


def _named(name: str, qualifier: str | None) -> str:
    return f"{name}:{qualifier}" if qualifier else name


def _qualified(qualifier: str | None) -> dict[str, str]:
    return {"Qualifier": qualifier} if qualifier else {}


def _alias(raw: Mapping[str, Any]) -> Alias:
    weights = (raw.get("RoutingConfig") or {}).get("AdditionalVersionWeights")
    return Alias(str(raw["Name"]), str(raw["FunctionVersion"]), str(raw.get("RevisionId", "")), bool(weights))
