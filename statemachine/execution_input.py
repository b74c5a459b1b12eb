"""Reads the input of an execution: as Power Tuning reads it, with the defaults and ceilings of the deployment.

Every fault is found together. Knows no AWS and no payload in S3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from statemachine.deployment import Deployment
from tuner.aws.api.function_reference import FunctionReference, parse_function_reference
from tuner.documents.input import decode_valid, input_faults
from tuner.documents.power_tuning import translate
from tuner.errors import Fault, InputError
from tuner.model import Notice
from tuner.settings import Settings


@dataclass(frozen=True, slots=True)
class ExecutionInput:
    """A valid input.

    Attributes:
        document: the input that this tool reads, with defaults and ceilings.
        settings: what it asks for.
        reference: the function that it names.
        notices: what reading it changed.
    """

    document: Mapping[str, Any]
    settings: Settings
    reference: FunctionReference
    notices: tuple[Notice, ...] = ()


def read_execution_input(given: Any, deployment: Deployment) -> ExecutionInput:
    """Read the input of an execution.

    Raises:
        InputError: every fault at once.
    """
    read = translate(given)
    document = with_defaults(read.document, deployment)
    faults = [*read.faults, *input_faults(document)]
    name = document.get("lambdaARN") if isinstance(document, Mapping) else None
    reference = None
    if isinstance(name, str) and name:
        try:
            reference = parse_function_reference(name)
        except InputError as exc:
            faults.extend(Fault("$.lambdaARN", fault.problem, fault.remedy) for fault in exc.faults)
    if faults or reference is None:
        raise InputError(faults)
    settings = decode_valid(document)
    return ExecutionInput(document, settings, reference, (*read.notices, *settings.notices))


def with_defaults(document: Any, deployment: Deployment) -> Any:
    """Return a translated input with the defaults of the deployment, then its ceilings.

    The translation dropped every null, so no null hides a default or a ceiling. The check refuses what is no object.
    """
    if not isinstance(document, Mapping):
        return document
    filled = dict(document)
    if ("num" in filled or filled.get("dryRun")) and deployment.power_values:
        filled.setdefault("powerValues", list(deployment.power_values))
    if deployment.architectures != "current":
        filled.setdefault("architectures", deployment.architectures)
    budget = filled.get("budget", {})
    if deployment.budget_usd is not None and isinstance(budget, Mapping):
        asked = budget.get("maxUsd", deployment.budget_usd)
        if isinstance(asked, (int, float)):
            filled["budget"] = {**budget, "maxUsd": min(asked, deployment.budget_usd)}
    return filled
