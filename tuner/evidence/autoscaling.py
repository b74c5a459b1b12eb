"""Provisioned concurrency as commands of the AWS CLI, as a SAM template and as Terraform.

A schedule becomes actions of Application Auto Scaling: one for each change of the number, hours of several days with
the same change in one. Times are UTC.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
HOURS_PER_DAY = 24
DIMENSION = "lambda:function:ProvisionedConcurrency"


@dataclass(frozen=True, slots=True)
class ScheduledChange:
    """A change of the number of environments at an hour (UTC) of some days.

    Attributes:
        hour: 0 to 23.
        days: names as in cron expressions.
        count: environments from then on.
    """

    hour: int
    days: tuple[str, ...]
    count: int

    @property
    def name(self) -> str:
        """A name that no other change has."""
        return f"tuner-{self.hour:02d}-{self.count}"

    @property
    def schedule(self) -> str:
        """As Application Auto Scaling writes it."""
        return f"cron(0 {self.hour} ? * {','.join(self.days)} *)"


def changes_of(counts: Sequence[int]) -> tuple[ScheduledChange, ...]:
    """The changes of a week.

    Args:
        counts: environments by hour of the week, 168 of them from Monday 00:00 UTC.
    """
    found: dict[tuple[int, int], list[str]] = {}
    for slot, count in enumerate(counts):
        if count != counts[slot - 1]:
            day, hour = divmod(slot, HOURS_PER_DAY)
            found.setdefault((hour, count), []).append(DAYS[day])
    return tuple(ScheduledChange(hour, tuple(days), count) for (hour, count), days in sorted(found.items()))


def as_cli(function: str, alias: str, counts: Sequence[int]) -> str:
    """Commands of the AWS CLI."""
    changes = changes_of(counts)
    if not changes:
        return _command("lambda put-provisioned-concurrency-config", function_name=function, qualifier=alias,
                        provisioned_concurrent_executions=counts[0])  # fmt: skip
    resource = {
        "service_namespace": "lambda",
        "scalable_dimension": DIMENSION,
        "resource_id": f"function:{function}:{alias}",
    }
    lines = [
        _command(
            "application-autoscaling register-scalable-target", **resource, min_capacity=0, max_capacity=max(counts)
        )
    ]
    for change in changes:
        action = f"MinCapacity={change.count},MaxCapacity={change.count}"
        lines.append(
            _command(
                "application-autoscaling put-scheduled-action",
                **resource,
                scheduled_action_name=change.name,
                schedule=change.schedule,
                scalable_target_action=action,
            )
        )
    return "".join(lines)


def as_sam(function: str, alias: str, counts: Sequence[int]) -> str:
    """Resources of a SAM or CloudFormation template, as JSON, which is YAML too."""
    changes = changes_of(counts)
    if not changes:
        properties = {"ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": counts[0]}}
        return json.dumps({"Properties": {"AutoPublishAlias": alias, **properties}}, indent=2) + "\n"
    actions = [
        {
            "ScheduledActionName": change.name,
            "Schedule": change.schedule,
            "ScalableTargetAction": {"MinCapacity": change.count, "MaxCapacity": change.count},
        }
        for change in changes
    ]
    target = {
        "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "Properties": {
            "ServiceNamespace": "lambda",
            "ScalableDimension": DIMENSION,
            "ResourceId": f"function:{function}:{alias}",
            "MinCapacity": 0,
            "MaxCapacity": max(counts),
            "ScheduledActions": actions,
        },
    }
    return json.dumps({"Resources": {"ProvisionedConcurrency": target}}, indent=2) + "\n"


def as_terraform(function: str, alias: str, counts: Sequence[int]) -> str:
    """Resources of Terraform."""
    changes = changes_of(counts)
    if not changes:
        return _block(
            "aws_lambda_provisioned_concurrency_config", "tuner",
            function_name=function, qualifier=alias, provisioned_concurrent_executions=counts[0],
        )  # fmt: skip
    target = _block(
        "aws_appautoscaling_target", "tuner",
        service_namespace="lambda", scalable_dimension=DIMENSION, resource_id=f"function:{function}:{alias}",
        min_capacity=0, max_capacity=max(counts),
    )  # fmt: skip
    return "\n".join([target, *(_terraform_action(change) for change in changes)])


def _terraform_action(change: ScheduledChange) -> str:
    references = "".join(
        f"  {name} = aws_appautoscaling_target.tuner.{name}\n"
        for name in ("service_namespace", "scalable_dimension", "resource_id")
    )
    return (
        f'resource "aws_appautoscaling_scheduled_action" "{change.name}" {{\n{references}'
        f'  name = "{change.name}"\n  schedule = "{change.schedule}"\n'
        f"  scalable_target_action {{\n    min_capacity = {change.count}\n    max_capacity = {change.count}\n  }}\n}}\n"
    )


def _command(name: str, **options: object) -> str:
    words = [f"--{option.replace('_', '-')} {shlex.quote(str(value))}" for option, value in options.items()]
    return f"aws {name} {' '.join(words)}\n"


def _block(kind: str, name: str, **values: object) -> str:
    lines = "".join(f"  {key} = {json.dumps(value)}\n" for key, value in values.items())
    return f'resource "{kind}" "{name}" {{\n{lines}}}\n'
