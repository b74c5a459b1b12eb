"""The stack's parameters that bear on an execution, as the handlers' environment variables carry them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_BATCH_S = 900
"""Longest run of a Lambda function, and so of one handler (Lambda quotas, 2026-09)."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What whoever deployed the stack decided for every execution.

    Attributes:
        power_values: sizes in MB for an input with `num` and without `powerValues`.
        architectures: architectures for an input that names none.
        budget_usd: ceiling of one execution's spending; None for no ceiling.
        batch_seconds: how long one Executor may measure.
        own_functions: names of the stack's handlers, which no input may name.
        visualization_url: page that the output's visualization address leads to; empty for the default.
    """

    power_values: tuple[int, ...] = ()
    architectures: str = "current"
    budget_usd: float | None = None
    batch_seconds: int = DEFAULT_BATCH_S
    visualization_url: str = ""
    own_functions: tuple[str, ...] = ()


def read_deployment(environment: Mapping[str, str]) -> Deployment:
    """Read the parameters from environment variables. An absent or empty one means its default."""
    values, own = environment.get("TUNER_POWER_VALUES", ""), environment.get("TUNER_HANDLERS", "")
    budget_usd = float(environment.get("TUNER_BUDGET_USD") or 0)
    return Deployment(
        power_values=tuple(int(value) for value in values.split(",") if value.strip()),
        architectures=environment.get("TUNER_ARCHITECTURES") or "current",
        budget_usd=budget_usd or None,
        batch_seconds=int(environment.get("TUNER_BATCH_SECONDS") or DEFAULT_BATCH_S),
        visualization_url=environment.get("TUNER_VISUALIZATION_URL", ""),
        own_functions=tuple(filter(None, [*own.split(","), environment.get("AWS_LAMBDA_FUNCTION_NAME")])),
    )
