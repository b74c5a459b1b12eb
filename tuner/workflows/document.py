"""The answer for a workflow as a JSON document: what scripts read, and what the reports are drawn from."""

from __future__ import annotations

from typing import TypedDict

from tuner.documents.result import ConfigurationDocument, WarningDocument
from tuner.model import Configuration
from tuner.workflows.flow import Flow, Map, Parallel, Task
from tuner.workflows.plan import Plan, PlannedSize

MILLION = 1_000_000


class BoundDocument(TypedDict):
    """What was asked for; one of the two bounds is None."""

    deadline_ms: float | None
    budget_per_million_usd: float | None
    percentile: float | None


class ChoiceDocument(TypedDict):
    """Sizes of all functions with the time and the cost of an execution."""

    duration_ms: float
    mean_ms: float
    cost_per_million_usd: float
    configurations: dict[str, ConfigurationDocument]


class TimeDocument(TypedDict):
    """Percentiles of the end-to-end time in ms."""

    p50: float
    p95: float
    p99: float


class TransitionsDocument(TypedDict):
    """State transitions, which no size changes."""

    per_execution: float
    cost_per_million_usd: float


class FunctionOfWorkflowDocument(TypedDict):
    """A function: its configuration, how often it runs in an execution, and what it costs."""

    function: str
    current: ConfigurationDocument | None
    recommended: ConfigurationDocument
    invocations: float
    cost_per_million_usd: float
    slack_ms: float


class StepDocument(TypedDict):
    """A state, by its path through parallel branches and maps."""

    path: list[str]
    kind: str
    function: str | None
    visits: float
    duration_ms: float
    cost_per_million_usd: float
    slack_ms: float
    critical: bool


class ExitDocument(TypedDict):
    """Where a state leads, and the chance of it; no target: the end."""

    target: str | None
    chance: float


class StateDocument(TypedDict):
    """A state as a picture needs it, with what it holds."""

    name: str
    function: str | None
    exits: list[ExitDocument]
    branches: list[list[StateDocument]]
    body: list[StateDocument] | None
    items: float | None
    concurrency: int | None


class ConfirmationDocument(TypedDict):
    """Executions with the chosen sizes on temporary copies; `off_by` is a fraction of the measured median."""

    executions: int
    times_ms: list[float]
    p50_ms: float
    predicted_p50_ms: float
    off_by: float


class WorkflowDocument(TypedDict):
    """The answer for a workflow. Costs are those of a million executions."""

    workflow: str
    bound: BoundDocument
    met: bool
    binding: str
    exact: bool
    excess: float | None
    front_excess: float
    currency: str
    chosen: ChoiceDocument
    current: ChoiceDocument | None
    time_ms: TimeDocument
    share_met: float | None
    transitions: TransitionsDocument
    functions: list[FunctionOfWorkflowDocument]
    steps: list[StepDocument]
    graph: list[StateDocument]
    front: list[ChoiceDocument]
    confirmation: ConfirmationDocument | None
    warnings: list[WarningDocument]


def plan_document(
    plan: Plan, *, currency: str, transition_usd: float, confirmation: ConfirmationDocument | None = None
) -> WorkflowDocument:
    """The answer, with costs for a million executions.

    Args:
        plan: the answer.
        currency: of the prices.
        transition_usd: price of a state transition.
        confirmation: executions with the chosen sizes; None: not asked for.
    """
    bound = plan.bound
    return {
        "workflow": plan.name,
        "bound": {
            "deadline_ms": bound.deadline_ms,
            "budget_per_million_usd": None if bound.budget_usd is None else bound.budget_usd * MILLION,
            "percentile": bound.percentile,
        },
        "met": plan.met,
        "binding": plan.binding.value,
        "exact": plan.exact,
        "excess": plan.excess,
        "front_excess": plan.front_excess,
        "currency": currency,
        "chosen": _choice(plan.chosen),
        "current": None if plan.current is None else _choice(plan.current),
        "time_ms": {"p50": plan.time.p50_ms, "p95": plan.time.p95_ms, "p99": plan.time.p99_ms},
        "share_met": plan.share_met,
        "transitions": {
            "per_execution": plan.transitions,
            "cost_per_million_usd": plan.transitions * transition_usd * MILLION,
        },
        "functions": _functions(plan),
        "steps": [
            {
                "path": list(step.path),
                "kind": step.kind,
                "function": step.function,
                "visits": step.visits,
                "duration_ms": step.duration_ms,
                "cost_per_million_usd": step.cost_usd * MILLION,
                "slack_ms": step.slack_ms,
                "critical": step.critical,
            }
            for step in plan.steps
        ],
        "graph": _graph(plan.flow),
        "front": [_choice(choice) for choice in plan.front],
        "confirmation": confirmation,
        "warnings": [{"code": notice.code, "message": notice.message} for notice in plan.notices],
    }


def _choice(choice: PlannedSize) -> ChoiceDocument:
    return {
        "duration_ms": choice.time_ms,
        "mean_ms": choice.mean_ms,
        "cost_per_million_usd": choice.cost_usd * MILLION,
        "configurations": {name: _configuration(c) for name, c in choice.configurations.items()},
    }


def _configuration(configuration: Configuration) -> ConfigurationDocument:
    return {"memory_mb": configuration.memory_mb, "architecture": configuration.architecture.value}


def _functions(plan: Plan) -> list[FunctionOfWorkflowDocument]:
    return [
        {
            "function": name,
            "current": None if plan.current is None else _configuration(plan.current.configurations[name]),
            "recommended": _configuration(configuration),
            "invocations": sum(step.visits for step in plan.steps if step.function == name),
            "cost_per_million_usd": sum(s.cost_usd for s in plan.steps if s.function == name) * MILLION,
            "slack_ms": min(step.slack_ms for step in plan.steps if step.function == name),
        }
        for name, configuration in plan.chosen.configurations.items()
    ]


def _graph(flow: Flow) -> list[StateDocument]:
    """The states and where they lead, at every depth: what a picture of the workflow needs."""
    return [
        {
            "name": step.name,
            "function": step.work.function if isinstance(step.work, Task) else None,
            "exits": [{"target": way.target, "chance": way.chance} for way in step.exits],
            "branches": [_graph(branch) for branch in step.work.branches] if isinstance(step.work, Parallel) else [],
            "body": _graph(step.work.body) if isinstance(step.work, Map) else None,
            "items": step.work.mean_items if isinstance(step.work, Map) else None,
            "concurrency": step.work.concurrency if isinstance(step.work, Map) else None,
        }
        for step in flow.steps
    ]
