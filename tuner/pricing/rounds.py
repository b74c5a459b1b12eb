"""What a round of a search costs beside its invocations: what it is worth to ask for fewer, wider rounds.

Knows typical seconds and prices of a round. It does not know what a round measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.vocabulary import DEFAULT_CONCURRENCY

SECONDS_OF_A_ROUND = 6.0
"""Waiting for copies, planning and storing, without the runs: measured by benchmarks/stack on a busy machine of two
cores, 18 s of the three rounds of the law `waiting`."""
TRANSITIONS_OF_AN_EXECUTION = 10
"""States that an adaptive search enters, whatever the number of its rounds (statemachine/transitions.py)."""
TRANSITION_USD = 0.000025
"""Price of a state transition in most regions (Step Functions pricing, 2026-09)."""
HANDLER_USD_OF_A_ROUND = 0.000058
"""4.3 GB-seconds of the handlers on arm64: measured by benchmarks/stack, the bill of 4 rounds less that of 3."""
LOGS_USD_OF_A_TRIAL = 0.000002
"""Four runs, each with 1 kB of log lines at $0.50 a GB (CloudWatch pricing, us-east-1, 2026). Calls are free."""
AT_STAKE = 100
"""Rounds that a search which pays for them has at stake at least: two cents. A function that costs less in its whole
life is not worth an execution."""
USER_USD_A_SECOND = 0.00002
"""What a second of the user's wait counts: 7.2 cents an hour. A search goes on unattended, so a wage is no measure.
It decides between another round and a wider one, and never outweighs an answer that is still open."""


@dataclass(frozen=True, slots=True)
class RoundPrice:
    """What a round costs beside its invocations, in the currency of the prices.

    Attributes:
        round_usd: a round, whatever it measures.
        trial_usd: each trial in it: the logs of its runs.
        second_usd: each second that its longest lane runs: the handler that waits, and the user's time.
        lanes: environments that it runs at once at most: more would wait, or need handlers of their own. None: any.
    """

    round_usd: float = 0.0
    trial_usd: float = 0.0
    second_usd: float = 0.0
    lanes: int | None = None

    @property
    def at_stake_usd(self) -> float:
        """What a regret of 1 costs at least where the traffic is unknown."""
        return AT_STAKE * self.round_usd

    def of(self, seconds: Sequence[float]) -> float:
        """What a round costs beside its invocations.

        Args:
            seconds: how long a lane of each trial runs. Lanes run in parallel.
        """
        return self.round_usd + len(seconds) * self.trial_usd + max(seconds, default=0.0) * self.second_usd


IN_AWS = RoundPrice(
    HANDLER_USD_OF_A_ROUND + SECONDS_OF_A_ROUND * USER_USD_A_SECOND,
    LOGS_USD_OF_A_TRIAL,
    lanes=DEFAULT_CONCURRENCY,
)
"""A round in AWS. The command line uses the same figures, so that both ways give the same answer. How long the runs of
a round last has no price: with one, searches took more rounds."""
NOTHING = RoundPrice()
"""A round that costs nothing beside its invocations: on this machine, and in simulations of the search."""
