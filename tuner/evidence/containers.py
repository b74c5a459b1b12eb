"""From which volume containers would cost less than a function, from its evidence: a volume with its interval.

Never a bare yes or no. What surrounds containers (load balancer, NAT, logs) is what the user says it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from tuner.evidence.findings import FindingCode, Insight
from tuner.evidence.function_evidence import DAYS_PER_MONTH, SECONDS_PER_DAY, FunctionEvidence, Traffic
from tuner.evidence.shares import FEWEST_FOR_INTERVAL
from tuner.model import Interval
from tuner.pricing.containers import BreakEven, ContainerInputs, break_even
from tuner.pricing.price_list import PriceList
from tuner.pricing.services import fargate_prices


def fargate(evidence: FunctionEvidence, prices: PriceList, inputs: ContainerInputs) -> Insight | None:
    """The volume at which Fargate costs as much, beside the traffic; None: the duration is not known."""
    billed_ms = billed_duration_ms(evidence, prices)
    if evidence.duration_ms is None:
        return None
    ratio = peak_over_mean(evidence.traffic, billed_ms.mean)

    def at(ms: float) -> BreakEven:
        return break_even(evidence.current, ms, prices, inputs, peak_over_mean=ratio)

    middle = at(billed_ms.mean)
    source = fargate_prices(evidence.current.architecture)
    terms = (
        f"Tasks of {middle.vcpu:g} vCPU and {middle.gb:g} GB at ${middle.task_usd_per_month:,.2f} a month, "
        f"{inputs.requests_at_once:g} requests at once, at most {inputs.utilisation:.0%} in use, "
        f"${inputs.fixed_usd_per_month:,.2f} a month beside. {source.source}, {source.as_of}."
    )
    if middle.volume is None:
        return Insight(FindingCode.FARGATE, "Fargate costs more at every volume that was looked at", terms)
    month = evidence.traffic.per_month if evidence.traffic else None
    now = f"Now it is {month.mean:,.0f} ({month.low:,.0f} to {month.high:,.0f}). " if month else ""
    title = f"Fargate would cost less from about {middle.volume:,.0f} invocations a month"
    between = (
        _volume_words([at(ms).volume for ms in (billed_ms.low, billed_ms.high)])
        if evidence.runs >= FEWEST_FOR_INTERVAL
        else f"{evidence.runs} runs are too few for an interval"
    )
    return Insight(FindingCode.FARGATE, title, f"{between}. {now}{terms}")


def _volume_words(ends: Sequence[float | None]) -> str:
    """The interval of a volume from both ends of the duration; None: no volume that was looked at."""
    known = sorted(volume for volume in ends if volume is not None)
    if len(known) == len(ends):
        return f"{known[0]:,.0f} to {known[-1]:,.0f}"
    if not known:
        return "At both ends of the interval of the duration Fargate costs more at every volume that was looked at"
    return (
        f"{known[0]:,.0f} at one end of the interval of the duration; at the other Fargate costs more at every volume "
        "that was looked at"
    )


def billed_duration_ms(evidence: FunctionEvidence, prices: PriceList) -> Interval:
    """Mean billed duration, from the mean cost of an invocation."""
    where = evidence.current
    per_ms = where.memory_mb / 1024 / 1000 * prices.gb_second_usd(where.architecture)
    cost = evidence.cost_per_million_usd
    return Interval(*((usd / 1e6 - prices.request_usd) / per_ms for usd in (cost.mean, cost.low, cost.high)))


def peak_over_mean(traffic: Traffic | None, billed_ms: float) -> float:
    """Peak concurrency over mean concurrency, at least 1; 1 where the traffic is not known."""
    if traffic is None:
        return 1.0
    mean = traffic.per_month.mean * billed_ms / 1000 / (DAYS_PER_MONTH * SECONDS_PER_DAY)
    return max(1.0, traffic.peak_concurrency / mean) if mean else 1.0
