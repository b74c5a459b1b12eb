"""The request of a run as the result document keeps it: the settings, without any payload."""

from __future__ import annotations

from tuner.documents.result import EvidenceText, PayloadDocument, RequestDocument
from tuner.model import SearchSpace
from tuner.search.registry import measures_every_size
from tuner.settings import Settings


def request_document(settings: Settings, space: SearchSpace, *, evidence: EvidenceText = "logs") -> RequestDocument:
    """The settings in the form of the result document, without any payload.

    Args:
        settings: what was asked for.
        space: the configurations that were open to the search.
        evidence: `logs` where the search could begin with runs that the log of the function knows, else `off`.
    """
    objective, constraints, budget = settings.objective, settings.objective.constraints, settings.budget
    repeats = settings.memory.repeats
    return {
        "strategy": objective.strategy.value,
        "balanced_weight": objective.balanced_weight,
        "tolerance": objective.tolerance,
        "max_error_rate": objective.max_error_rate,
        "cold_start_share": objective.cold_start_share,
        "constraints": {
            "max_p95_ms": constraints.max_p95_ms,
            "max_cost_per_million_usd": constraints.max_cost_per_million_usd,
            "min_memory_mb": constraints.min_memory_mb,
        },
        "sampler": settings.sampler,
        "runs": settings.runs if measures_every_size(settings) else None,
        "environments": settings.environments,
        "concurrency": settings.concurrency,
        "seed": settings.seed,
        "memory_sizes_mb": list(space.memory_sizes_mb),
        "listed": space.listed,
        "architectures": [a.value for a in space.architectures],
        "budget": {
            "max_invocations": budget.max_invocations,
            "max_usd": budget.max_usd,
            "max_seconds": budget.max_seconds,
        },
        "invocations_per_month": settings.invocations_per_month,
        "discount": settings.discount,
        "discard_top_bottom": settings.discard_top_bottom,
        "only_cold_starts": settings.only_cold_starts,
        "allowed_exceptions": list(settings.allowed_exceptions),
        "sleep_between_runs_ms": settings.sleep_between_runs_ms,
        "isolation": settings.isolation.value,
        "payload": None if settings.disable_payload_logs else _payload(settings),
        "repeated_sizes_mb": [size for size in space.memory_sizes_mb for _ in range(repeats.get(size, 1) - 1)],
        "pre_processor": settings.pre_processor,
        "post_processor": settings.post_processor,
        "code_for": {architecture.value: place for architecture, place in settings.code_for.items()},
        "evidence": evidence,
    }


def _payload(settings: Settings) -> PayloadDocument:
    told: PayloadDocument = {"count": len(settings.payloads.items), "sha256": settings.payloads.digest()}
    if settings.payload_s3 is not None:
        return {**told, "s3": settings.payload_s3}
    return told if settings.payload_file is None else {**told, "file": settings.payload_file}
