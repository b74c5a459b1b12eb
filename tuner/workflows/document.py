"""The answer for a workflow as a JSON document: what scripts read, and what the reports are drawn from."""

from __future__ import annotations

from typing import Any

from tuner.model import Configuration
from tuner.workflows.flow import Flow, Map, Parallel, Task
from tuner.workflows.plan import Plan, PlannedSize

Document = dict[str, Any]
MILLION = 1_000_000


def plan_document(plan: Plan, *, currency: str, transition_usd: float) -> Document:
    """The answer, with costs for a million executions.

    Args:
        plan: the answer.
        currency: of the prices.
        transition_usd: price of a state transition.
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
        "warnings": [{"code": notice.code, "message": notice.message} for notice in plan.notices],
    }


def _choice(choice: PlannedSize) -> Document:
    return {
        "duration_ms": choice.time_ms,
        "mean_ms": choice.mean_ms,
        "cost_per_million_usd": choice.cost_usd * MILLION,
        "configurations": {name: _configuration(c) for name, c in choice.configurations.items()},
    }


def _configuration(configuration: Configuration) -> Document:
    return {"memory_mb": configuration.memory_mb, "architecture": configuration.architecture.value}


def _functions(plan: Plan) -> list[Document]:
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


def _graph(flow: Flow) -> list[Document]:
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
