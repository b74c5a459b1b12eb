"""What a round of a search costs beside its invocations: what it is worth to ask for fewer, wider rounds.

Knows typical seconds and prices of a round. It does not know what a round measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SECONDS_OF_A_ROUND = 3.5
"""Waiting for copies where none was begun ahead, planning, and storing, without the runs (benchmarks/stack)."""
TRANSITIONS_OF_A_ROUND = 3
"""States that a round of an adaptive search enters, whatever the number of its trials (statemachine/transitions.py)."""
TRANSITION_USD = 0.000025
"""Price of a state transition in most regions (Step Functions pricing, 2026-09)."""
HANDLER_USD_OF_A_ROUND = 0.00004
"""About 3 GB-seconds of the handlers of a round on arm64 (benchmarks/stack)."""
LOGS_USD_OF_A_TRIAL = 0.000002
"""Four runs, each with 1 kB of log lines at $0.50 a GB (CloudWatch pricing, us-east-1, 2026). Calls are free."""
HANDLER_USD_A_SECOND = 0.25 * 0.0000133334
"""The handler that waits for the runs: 256 MB on arm64 (template.yaml; Lambda pricing, us-east-1, 2026-09)."""
USER_USD_A_SECOND = 0.00003
"""What a second of the user's wait counts: 11 cents an hour. A search goes on unattended, so a wage is no measure.
It decides between another round and a wider one, and between slow and quick sizes of equal worth. It never outweighs an
answer that is still open."""


@dataclass(frozen=True, slots=True)
class RoundPrice:
    """What a round costs beside its invocations, in the currency of the prices.

    Attributes:
        round_usd: a round, whatever it measures.
        trial_usd: each trial in it: the logs of its runs.
        second_usd: each second that its longest lane runs: the handler that waits, and the user's time.
    """

    round_usd: float = 0.0
    trial_usd: float = 0.0
    second_usd: float = 0.0

    def of(self, seconds: Sequence[float]) -> float:
        """What a round costs beside its invocations.

        Args:
            seconds: how long a lane of each trial runs. Lanes run in parallel.
        """
        return self.round_usd + len(seconds) * self.trial_usd + max(seconds, default=0.0) * self.second_usd


IN_AWS = RoundPrice(
    TRANSITIONS_OF_A_ROUND * TRANSITION_USD + HANDLER_USD_OF_A_ROUND + SECONDS_OF_A_ROUND * USER_USD_A_SECOND,
    LOGS_USD_OF_A_TRIAL,
    USER_USD_A_SECOND + HANDLER_USD_A_SECOND,
)
"""A round in AWS. The command line uses the same figures, so that both ways give the same answer."""
NOTHING = RoundPrice()
"""A round that costs nothing beside its invocations: on this machine, and in simulations of the search."""
