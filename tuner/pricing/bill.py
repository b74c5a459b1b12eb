"""The whole bill of a run: invocations, transitions, handlers, logs, requests to S3, and the calls that are free.

Invocations are what the reports say and transitions are counted. The others are estimates, from figures that
`benchmarks/stack` measured. Knows nothing of how a run is made.
"""

from __future__ import annotations

from dataclasses import dataclass

from tuner.pricing.rounds import (
    HANDLER_USD_OF_A_ROUND,
    TRANSITION_USD,
    TRANSITIONS_OF_AN_EXECUTION,
)

LOG_BYTES_A_RUN, LOG_USD_A_GB = 1000, 0.50
"""Bytes of an invocation's platform lines and their headers; ingestion in us-east-1 (CloudWatch pricing, 2026).
What the function itself writes comes on top."""
HANDLER_USD_OF_AN_EXECUTION = 0.0001
"""7.5 GB-seconds of the handlers on arm64 beside the rounds: measured by benchmarks/stack on a busy machine, $0.00026
to $0.00029 with 3 rounds and $0.00058 with 8."""

HANDLER_USD_OF_AN_EXECUTOR = 0.00001
"""0.8 GB-seconds beside its wait: measured by benchmarks/stack, $0.00022 for a grid of six trials."""
HANDLER_USD_A_GB_S = 0.0000133334
"""Price of a GB-second on arm64 in most regions (Lambda pricing, us-east-1, 2026)."""
STORAGE_WRITE_USD, STORAGE_READ_USD = 0.000005, 0.0000004
"""A request to S3 that writes or lists, and one that reads (S3 pricing, Standard, us-east-1, 2026)."""
WRITES_OF_AN_EXECUTION, WRITES_OF_A_ROUND = 13, 5
WRITES_OF_AN_EXECUTOR = 2
READS_OF_AN_EXECUTION, READS_OF_A_ROUND = 20, 12
"""Requests of an adaptive search, counted on the stand-in by benchmarks/stack."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What a run in AWS has cost, by part.

    Attributes:
        invocations_usd: of the function, as in the reports, in the currency of the prices.
        transitions_usd: of the state machine; 0 from the command line.
        handlers_usd: of the stack's own functions, estimated; 0 from the command line.
        logs_usd: of the platform lines of every run, estimated.
        storage_usd: of the requests to S3, in which an execution keeps its state, estimated; 0 from the command line.
        control_calls: requests to the Lambda control plane, which are free; None: not counted.
    """

    invocations_usd: float
    transitions_usd: float = 0.0
    handlers_usd: float = 0.0
    logs_usd: float = 0.0
    storage_usd: float = 0.0
    control_calls: int | None = None

    @property
    def total_usd(self) -> float:
        """The sum of the parts."""
        return self.invocations_usd + self.transitions_usd + self.handlers_usd + self.logs_usd + self.storage_usd


def logs_usd(invocations: int) -> float:
    """What the platform lines of so many runs cost."""
    return invocations * LOG_BYTES_A_RUN / 1e9 * LOG_USD_A_GB


def storage_usd(rounds: int, *, executors: int = 0) -> float:
    """What the requests to S3 of an execution cost; `executors` as for its handlers."""
    writes = WRITES_OF_AN_EXECUTION + rounds * WRITES_OF_A_ROUND + executors * WRITES_OF_AN_EXECUTOR
    reads = READS_OF_AN_EXECUTION + rounds * READS_OF_A_ROUND
    return writes * STORAGE_WRITE_USD + reads * STORAGE_READ_USD


def transitions_usd() -> float:
    """What the state transitions of an adaptive search cost in most regions, where one handler measures its rounds."""
    return TRANSITIONS_OF_AN_EXECUTION * TRANSITION_USD


def handlers_usd(rounds: int, *, executors: int = 0, waiting_gb_s: float = 0.0) -> float:
    """What the handlers of an execution cost.

    Args:
        rounds: how many rounds it measured.
        executors: handlers that measured one trial each, where one handler does not measure a round.
        waiting_gb_s: GB-seconds in which handlers waited for the function's runs.
    """
    beside = HANDLER_USD_OF_AN_EXECUTION + rounds * HANDLER_USD_OF_A_ROUND
    return beside + executors * HANDLER_USD_OF_AN_EXECUTOR + waiting_gb_s * HANDLER_USD_A_GB_S
