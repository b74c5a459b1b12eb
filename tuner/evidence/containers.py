"""From which volume Fargate or Managed Instances would cost less than a function: a volume with its interval.

Never a bare yes or no. What surrounds containers (load balancer, NAT, logs) is what the user says it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tuner.evidence.findings import FindingCode, Insight
from tuner.evidence.function_evidence import DAYS_PER_MONTH, SECONDS_PER_DAY, FunctionEvidence, Traffic
from tuner.evidence.shares import FEWEST_FOR_INTERVAL
from tuner.model import MB_PER_VCPU, Architecture, Interval
from tuner.plain_numbers import significant
from tuner.pricing.containers import (
    FEWEST_INSTANCES,
    BreakEven,
    ContainerInputs,
    break_even,
    instances_break_even,
)
from tuner.pricing.price_list import PriceList
from tuner.pricing.services import fargate_prices, instance_prices


@dataclass(frozen=True, slots=True)
class Alternative:
    """What a function may run on instead.

    Attributes:
        code: of the finding.
        name: as a person reads it.
        unit: what runs, in the plural.
        break_even: the volume from which it costs less, as `tuner.pricing.containers.break_even`.
        source_of: where its prices come from, with their date.
    """

    code: FindingCode
    name: str
    unit: str
    break_even: Callable[..., BreakEven]
    source_of: Callable[[Architecture], str]


def fargate(evidence: FunctionEvidence, prices: PriceList, inputs: ContainerInputs) -> Insight | None:
    """The volume at which Fargate costs as much, beside the traffic; None: the duration is not known."""
    return _compared(_FARGATE, evidence, prices, inputs)


def managed_instances(evidence: FunctionEvidence, prices: PriceList, inputs: ContainerInputs) -> Insight | None:
    """The volume at which Lambda Managed Instances cost as much; None: the duration is not known."""
    return _compared(_MANAGED_INSTANCES, evidence, prices, inputs)


def requests_at_once(evidence: FunctionEvidence) -> float | None:
    """How many requests the CPU share of the function serves in parallel, from its CPU time; None: not known."""
    if evidence.cpu_ms is None or evidence.duration_ms is None or evidence.cpu_ms <= 0:
        return None
    share = evidence.current.memory_mb / MB_PER_VCPU
    return max(1.0, share * evidence.duration_ms.mean / evidence.cpu_ms)


def _compared(
    other: Alternative, evidence: FunctionEvidence, prices: PriceList, inputs: ContainerInputs
) -> Insight | None:
    billed_ms = billed_duration_ms(evidence, prices)
    if evidence.duration_ms is None:
        return None
    ratio = peak_over_mean(evidence.traffic, billed_ms.mean)
    measured = requests_at_once(evidence) if inputs.requests_at_once is None else None
    inputs = replace(inputs, requests_at_once=measured or inputs.at_once)
    requests = "request" if inputs.at_once == 1 else "requests"
    at_once = f"{inputs.at_once:.3g} {requests} at once on the CPU share of the function"
    at_once += ", as its CPU time tells" if measured else ""

    def at(ms: float) -> BreakEven:
        return other.break_even(evidence.current, ms, prices, inputs, peak_over_mean=ratio)

    middle = at(billed_ms.mean)
    less = f", {inputs.discount:.0%} off by a Savings Plan" if inputs.discount else ""
    fixed = f", and ${inputs.fixed_usd_per_month:,.2f} a month for what is fixed" if inputs.fixed_usd_per_month else ""
    terms = (
        f"{other.unit} of {middle.vcpu:g} vCPU and {middle.gb:g} GB "
        f"at ${middle.task_usd_per_month:,.2f} a month{less}, "
        f"{at_once}, at most {inputs.utilisation:.0%} in use{fixed}. "
        f"Prices: {other.source_of(evidence.current.architecture)}."
    )
    if middle.volume is None:
        return Insight(other.code, f"{other.name} would cost more at every volume that was looked at", terms)
    month = evidence.traffic.per_month if evidence.traffic else None
    now = f"Now it is {_about(month.mean)} ({_about(month.low)} to {_about(month.high)}). " if month else ""
    title = f"{other.name} would cost less from about {_about(middle.volume)} invocations a month"
    between = (
        _volume_words(other, [at(ms).volume for ms in (billed_ms.low, billed_ms.high)])
        if evidence.runs >= FEWEST_FOR_INTERVAL
        else f"Too few runs for an interval: {evidence.runs}"
    )
    return Insight(other.code, title, f"{between}. {now}{terms}")


def _about(volume: float) -> str:
    """A volume as well as anybody knows it."""
    return significant(volume, 3)


def _volume_words(other: Alternative, ends: Sequence[float | None]) -> str:
    """The interval of a volume from both ends of the duration; None: no volume that was looked at."""
    known = sorted(volume for volume in ends if volume is not None)
    never = f"{other.name} would cost more at every volume that was looked at"
    if len(known) == len(ends):
        return f"{_about(known[0])} to {_about(known[-1])}"
    if not known:
        return f"At both ends of the interval of the duration {never}"
    return f"{_about(known[0])} at one end of the interval of the duration; at the other {never}"


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


def _fargate_source(architecture: Architecture) -> str:
    found = fargate_prices(architecture)
    return f"{found.source}, {found.as_of}"


def _instances_source(architecture: Architecture) -> str:
    found = instance_prices(architecture)
    return f"{found.family} with the fee of {found.fee:.0%}, {found.source}, {found.as_of}"


_FARGATE = Alternative(FindingCode.FARGATE, "Fargate", "Tasks", break_even, _fargate_source)
_MANAGED_INSTANCES = Alternative(
    FindingCode.MANAGED_INSTANCES,
    "Managed Instances",
    f"At least {FEWEST_INSTANCES} instances",
    instances_break_even,
    _instances_source,
)
COMPARISONS = {"fargate": fargate, "managed-instances": managed_instances}
"""What a function can be compared with, by the name that a user gives."""
