"""The request of a run as the result document keeps it: the settings, without any payload."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tuner.model import SearchSpace
from tuner.settings import Settings


def request_document(settings: Settings, space: SearchSpace) -> dict[str, Any]:
    """The settings in the form of the result document, without any payload."""
    payload = {"count": len(settings.payloads.items), "sha256": settings.payloads.digest()}
    objective = settings.objective
    return {
        "strategy": objective.strategy.value,
        "balanced_weight": objective.balanced_weight,
        "tolerance": objective.tolerance,
        "cold_start_share": objective.cold_start_share,
        "constraints": asdict(objective.constraints),
        "sampler": settings.sampler,
        "runs": settings.runs if settings.sampler == "grid" else None,
        "environments": settings.environments,
        "concurrency": settings.concurrency,
        "seed": settings.seed,
        "memory_sizes_mb": list(space.memory_sizes_mb),
        "listed": space.listed,
        "architectures": [a.value for a in space.architectures],
        "budget": asdict(settings.budget),
        "invocations_per_month": settings.invocations_per_month,
        "discount": settings.discount,
        "discard_top_bottom": settings.discard_top_bottom,
        "only_cold_starts": settings.only_cold_starts,
        "allowed_exceptions": list(settings.allowed_exceptions),
        "sleep_between_runs_ms": settings.sleep_between_runs_ms,
        "isolation": settings.isolation,
        "payload": None if settings.disable_payload_logs else payload,
    }
