"""What the Initializer found and decided about an execution. All other handlers read it and change nothing of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from statemachine.deployment import DEFAULT_BATCH_S
from statemachine.identifiers import parse_time
from tuner.aws.api.function import FunctionState
from tuner.documents.input import decode_valid
from tuner.errors import FunctionChangedError
from tuner.model import Architecture, BackendKind, Configuration, FunctionIdentity, Notice
from tuner.pricing.price_list import PriceList, Tier
from tuner.settings import Settings

STORE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Execution:
    """The facts and decisions from before the first change.

    Attributes:
        run: id of the run, which versions and copies carry.
        arn: ARN of the execution.
        started_at: start time, UTC ISO 8601.
        document: the input without its payload, with the defaults of the deployment.
        identity: the function as it was found.
        content_sha256: `content_hash` of the function; empty when no deployment matters.
        prices: the one price list of the run, the user's discount included.
        concurrency: invocations at once.
        long: whether the function may run as long as a handler, so that a trial takes several passes.
        notices: what the user must know.
        handler_s: how long a handler that invokes may run.
    """

    run: str
    arn: str
    started_at: str
    document: Mapping[str, Any]
    identity: FunctionIdentity
    content_sha256: str
    prices: PriceList
    concurrency: int
    long: bool
    notices: tuple[Notice, ...] = ()
    handler_s: float = DEFAULT_BATCH_S

    @property
    def settings(self) -> Settings:
        """What the user asked for. The payloads are stored apart."""
        return decode_valid(self.document)

    @property
    def began(self) -> datetime:
        """When the execution began."""
        return parse_time(self.started_at)

    def refuse_changed(self, latest: FunctionState) -> None:
        """Check that the function is as it was found.

        Raises:
            FunctionChangedError: somebody deployed or changed it.
        """
        if self.content_sha256 and content_hash(latest.content()) != self.content_sha256:
            raise FunctionChangedError(
                f"{latest.name} was deployed or changed during the run; the tool overwrote nothing of that"
            )


def content_hash(content: Mapping[str, Any]) -> str:
    """Return the hash of `FunctionState.content`. The content itself may hold secrets, and is never stored."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def encode_execution(execution: Execution) -> dict[str, Any]:
    """Return an execution as JSON values."""
    return {"version": STORE_VERSION, **asdict(execution)}


def decode_execution(document: Mapping[str, Any]) -> Execution:
    """Read an execution from JSON values."""
    values = {name: value for name, value in document.items() if name != "version"}
    identity = dict(values["identity"])
    identity["backend"] = BackendKind(identity["backend"])
    identity["architectures"] = tuple(map(Architecture, identity["architectures"]))
    if current := identity["current"]:
        identity["current"] = Configuration(current["memory_mb"], Architecture(current["architecture"]))
    values["identity"] = FunctionIdentity(**identity)
    values["prices"] = _decode_prices(values["prices"])
    values["notices"] = tuple(Notice(**notice) for notice in values["notices"])
    return Execution(**values)


def _decode_prices(document: Mapping[str, Any]) -> PriceList:
    tiers = {Architecture(name): tuple(Tier(**tier) for tier in listed) for name, listed in document["tiers"].items()}
    return PriceList(**{**document, "tiers": tiers, "unconfirmed": tuple(document["unconfirmed"])})
