"""EventBridge, as far as Step Functions tells it how executions end: rules of stacks start Lambda functions.

Delivers each event once, a moment after the execution ended, as EventBridge does at least once. Knows no other
source, and of patterns only lists of values.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

DETAIL_TYPE = "Step Functions Execution Status Change"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with its targets: ARNs of Lambda functions."""

    account: str
    region: str
    pattern: Mapping[str, Any]
    targets: tuple[str, ...]


_rules: dict[str, Rule] = {}
_invoke: Callable[[str, str, str, bytes], None] | None = None


def deliver_with(invoke: Callable[[str, str, str, bytes], None]) -> None:
    """Set how a function is invoked: account, region, function ARN, event."""
    global _invoke
    _invoke = invoke


def put_rule(name: str, rule: Rule) -> None:
    """Add a rule, or replace it."""
    _rules[name] = rule


def remove_rule(name: str) -> None:
    """Remove a rule."""
    _rules.pop(name, None)


def forget_rules() -> None:
    """Remove all rules."""
    _rules.clear()


def tell(execution: Any) -> None:
    """Deliver the event that an execution ended."""
    arn, machine = execution.exec_arn, execution.state_machine.arn
    _, _, _, region, account, *_ = arn.split(":")
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": DETAIL_TYPE,
        "source": "aws.states",
        "account": account,
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": region,
        "resources": [arn],
        "detail": {
            "executionArn": arn,
            "stateMachineArn": machine,
            "name": arn.rpartition(":")[2],
            "status": str(getattr(execution.exec_status, "value", execution.exec_status)),
            "startDate": int(execution.start_date.timestamp() * 1000),
            "stopDate": int(datetime.now(UTC).timestamp() * 1000),
        },
    }
    for rule in list(_rules.values()):
        if (rule.account, rule.region) == (account, region) and matches(rule.pattern, event):
            for target in rule.targets:
                threading.Thread(target=_deliver, args=(rule, target, event), daemon=True).start()


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an event has one of the listed values in every field that a pattern names."""
    return all(
        matches(wanted, event.get(name) or {}) if isinstance(wanted, Mapping) else event.get(name) in wanted
        for name, wanted in pattern.items()
    )


def _deliver(rule: Rule, target: str, event: Mapping[str, Any]) -> None:
    if _invoke is not None:
        _invoke(rule.account, rule.region, target, json.dumps(event).encode())
