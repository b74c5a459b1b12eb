"""What follows from what AWS says of a function beside its log: traffic, throttles, provisioned concurrency, opinions.

Each finding has its figures and the command that acts on it, as those of the log have.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from tuner.evidence.findings import FindingCode, Insight
from tuner.evidence.function_evidence import DAYS_PER_MONTH
from tuner.evidence.known_function import KnownFunction
from tuner.plain_numbers import significant
from tuner.pricing.price_list import gb_seconds
from tuner.pricing.services import provisioned_prices

IDLE_UTILIZATION = 0.5
"""Provisioned concurrency of which less was ever in use is said to be idle."""
MS_PER_MONTH = DAYS_PER_MONTH * 86_400_000


def account_findings(facts: KnownFunction) -> tuple[Insight, ...]:
    """Every finding about a function, the most useful first."""
    return tuple(finding for rule in RULES if (finding := rule(facts)) is not None)


def dead(facts: KnownFunction) -> Insight | None:
    """A function that nobody invokes."""
    metrics = facts.metrics
    if metrics is None or metrics.invocations:
        return None
    told = f"CloudWatch counted none. Its configuration changed last on {_day(facts)}." if facts.code_since_s else ""
    command = f"aws lambda get-function --function-name {facts.name}"
    return Insight(FindingCode.DEAD, f"No invocation in {metrics.days:g} days", told, command)


def throttles(facts: KnownFunction) -> Insight | None:
    """Invocations that were refused for want of concurrency."""
    metrics = facts.metrics
    if metrics is None or not metrics.throttles:
        return None
    told = f"Beside {metrics.invocations:,.0f} invocations in {metrics.days:g} days."
    command = f"aws lambda get-function-concurrency --function-name {facts.name}"
    return Insight(FindingCode.THROTTLES, f"{metrics.throttles:,.0f} invocations were throttled", told, command)


def provisioned(facts: KnownFunction) -> Insight | None:
    """Provisioned concurrency that idles, or that is too small."""
    metrics = facts.metrics
    if not facts.provisioned or metrics is None:
        return None
    utilization, command = metrics.provisioned_utilization, f"tuner concurrency {facts.name}"
    usd = provisioned_month_usd(facts)
    price = f"{facts.provisioned} provisioned environments cost ${usd:,.2f} a month (price of us-east-1)"
    if metrics.spillover:
        told = f"{price}; in {metrics.days:g} days {metrics.spillover:,.0f} invocations found none of them free."
        return Insight(FindingCode.PROVISIONED, "Provisioned concurrency is overrun", told, command)
    if utilization is not None and utilization < IDLE_UTILIZATION:
        told = f"{price}; at most {utilization:.0%} of them were in use in {metrics.days:g} days."
        return Insight(FindingCode.PROVISIONED, "Provisioned concurrency idles", told, command)
    return None


def compute_optimizer(facts: KnownFunction) -> Insight | None:
    """What Compute Optimizer advises, beside what is found here."""
    opinion = facts.optimizer
    if opinion is None:
        return None
    if opinion.memory_mb is None:
        told = f"It finds the function {opinion.finding}, and advises no other size."
        return Insight(FindingCode.COMPUTE_OPTIMIZER, "AWS Compute Optimizer keeps the size", told)
    ms = opinion.duration_ms
    expected = f" It expects {significant(ms.mean)} ms ({significant(ms.low)} to {significant(ms.high)})." if ms else ""
    told = f"It finds the function {opinion.finding}.{expected} It advises memory alone, from metrics."
    command = f"tuner tune {facts.name} --power-values {facts.current.memory_mb},{opinion.memory_mb}"
    return Insight(
        FindingCode.COMPUTE_OPTIMIZER, f"AWS Compute Optimizer advises {opinion.memory_mb:,} MB", told, command
    )


def not_read(facts: KnownFunction) -> Insight | None:
    """What could not be read, and why."""
    if not facts.notices:
        return None
    told = " ".join(notice.message for notice in facts.notices)
    return Insight(FindingCode.NOT_READ, "Not everything could be read", told)


Rule = Callable[[KnownFunction], Insight | None]
RULES: tuple[Rule, ...] = (dead, throttles, provisioned, compute_optimizer, not_read)
"""Every kind of finding, in the order in which they are told."""


def provisioned_month_usd(facts: KnownFunction) -> float:
    """What being ready costs in a month, without what runs on it."""
    idle = provisioned_prices(facts.current.architecture).idle_usd_per_gb_second
    return facts.provisioned * gb_seconds(facts.current.memory_mb, MS_PER_MONTH) * idle


def _day(facts: KnownFunction) -> str:
    return f"{datetime.fromtimestamp(facts.code_since_s, UTC):%Y-%m-%d}"
