"""What measuring has cost, and what more of it is expected to cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tuner.model import Configuration, Invocation, Outcome, Sample, invocations_of
from tuner.pricing.price_list import PriceList, gb_seconds


@dataclass(frozen=True, slots=True)
class Spent:
    """What a study has used so far.

    Attributes:
        invocations: runs that were started.
        billed_gb_seconds: what was billed for them.
        usd: what they cost, in the currency of the prices.
        untold: runs without a report, whose duration is not known and not in the sums.
    """

    invocations: int
    billed_gb_seconds: float
    usd: float
    untold: int = 0


def spent(samples: Iterable[Sample], prices: PriceList) -> Spent:
    """What samples have cost, without those that were free; of runs without a report the request alone is known."""
    invocations, total_gb_seconds, usd, untold = 0, 0.0, 0.0, 0
    for sample in samples:
        for invocation in () if sample.free else sample.invocations:
            if not invocation.ran:
                continue
            billed_ms = _billed_ms(invocation)
            invocations += 1
            untold += billed_ms is None
            total_gb_seconds += gb_seconds(sample.configuration.memory_mb, billed_ms or 0)
            usd += prices.invocation_cost(sample.configuration, billed_ms or 0, extra_usd=invocation.extra_cost_usd)
    return Spent(invocations, total_gb_seconds, usd, untold)


@dataclass(frozen=True, slots=True)
class RunPrice:
    """What a run is expected to cost, in the currency of the prices."""

    cold_usd: float
    warm_usd: float

    def of(self, runs: int, lanes: int) -> float:
        """The price of runs in new environments, the first run in each of which is cold."""
        return lanes * self.cold_usd + (runs - lanes) * self.warm_usd


def expected_prices(
    samples: Iterable[Sample], configurations: Iterable[Configuration], prices: PriceList
) -> dict[Configuration, RunPrice]:
    """What a run of each configuration is expected to cost; nothing before anything was billed.

    A configuration that was not measured is taken to last as long as the measured one that is nearest
    in memory, which is too dear rather than too cheap where more memory makes it faster.
    """
    billed = {
        configuration: told
        for configuration, runs in invocations_of(samples).items()
        if (told := [run for run in runs if _billed_ms(run) is not None])
    }
    if not billed:
        return {}
    expected = {}
    for configuration in configurations:
        nearest = min(billed, key=lambda other: (other != configuration, _distance_mb(other, configuration)))
        runs = billed[nearest]
        cold, warm = [run for run in runs if run.cold], [run for run in runs if not run.cold]
        expected[configuration] = RunPrice(
            _mean_usd(cold or warm, configuration, prices), _mean_usd(warm or cold, configuration, prices)
        )
    return expected


def affordable_runs(
    wanted: Mapping[Configuration, int], price: Callable[[Configuration, int], float], usd: float
) -> dict[Configuration, int]:
    """The runs that money pays for: of each configuration as many as of the others, else one of the first ones.

    Args:
        wanted: runs of each configuration at most.
        price: of a number of runs of a configuration.
        usd: the money.
    """
    for share in range(max(wanted.values(), default=0), 0, -1):
        runs = {configuration: min(count, share) for configuration, count in wanted.items()}
        if sum(price(configuration, count) for configuration, count in runs.items()) <= usd:
            return runs
    single = {}
    for configuration in wanted:
        usd -= price(configuration, 1)
        if usd < 0:
            break
        single[configuration] = 1
    return single


def _billed_ms(invocation: Invocation) -> int | None:
    """What was billed; a timeout is billed for its duration."""
    if invocation.billed_duration_ms is None and invocation.outcome is Outcome.TIMEOUT:
        return round(invocation.duration_ms or 0)
    return invocation.billed_duration_ms


def _mean_usd(runs: Sequence[Invocation], configuration: Configuration, prices: PriceList) -> float:
    """What the runs would cost at a configuration if they lasted as long there, on average."""
    costs = [prices.invocation_cost(configuration, _billed_ms(r) or 0, extra_usd=r.extra_cost_usd) for r in runs]
    return sum(costs) / len(costs)


def _distance_mb(one: Configuration, other: Configuration) -> int:
    return abs(one.memory_mb - other.memory_mb)
