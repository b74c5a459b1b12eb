"""Ways to keep cold starts within a target, side by side in money: none, fixed, scheduled, SnapStart.

Replays requests of the past. Where they are too few, or their days too short, it gives a reason and no number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tuner.evidence.cold_starts import Flags, IdleLife, Replay, Requests, replay
from tuner.evidence.function_evidence import DAYS_PER_MONTH, HOURS_PER_WEEK, SECONDS_PER_DAY, hour_of_week
from tuner.evidence.provisioned import BLOCK_S, Slots, SlotSize, replay_schedule, size_provisioned, upper_bound
from tuner.model import Configuration
from tuner.plain_numbers import days_words
from tuner.pricing.price_list import PriceList, gb_seconds, snapstart_cache_usd, snapstart_restore_usd
from tuner.pricing.services import ProvisionedPrices, provisioned_prices

LEAST_DAYS, LEAST_DAYS_OF_A_SCHEDULE = 1.0, 7.0
"""Fixed provisioned concurrency needs a whole day, a schedule a whole week."""
FREE_SNAPSTART = re.compile(r"java(?:1[1-9]|[2-9]\d)")
PAID_SNAPSTART = re.compile(r"python3\.(?:1[2-9]|[2-9]\d)|dotnet(?:[89]|1\d)")
"""Runtimes with SnapStart, without and with a price (Lambda developer guide, 2026-11)."""
MS = 1000.0
HOURS_PER_DAY = 24
HOUR_S = 3600.0


class Readiness(StrEnum):
    """How environments are kept ready."""

    NONE = "none"
    FIXED = "fixed"
    SCHEDULED = "scheduled"
    SNAPSTART = "snapstart"


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked for.

    Attributes:
        share: of the requests that may be cold, or late where `within_ms` is given; a fraction.
        within_ms: a request that takes longer, its start included, is late; None: cold starts are counted.
    """

    share: float
    within_ms: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"share {self.share} is not within 0..1")

    @property
    def thing(self) -> str:
        """What is counted."""
        return "cold starts" if self.within_ms is None else f"requests over {self.within_ms:g} ms"


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """Requests of the past, and what they run on.

    Attributes:
        requests: in the order of their start; `busy_s` is the handler's time.
        init_ms: mean init of a cold start.
        configuration: in use.
        runtime: of the function; None: not known.
    """

    requests: Requests
    init_ms: float
    configuration: Configuration
    runtime: str | None = None

    @property
    def days(self) -> float:
        """From the first request to the last."""
        start_s = self.requests.start_s
        return float(start_s[-1] - start_s[0]) / SECONDS_PER_DAY if start_s.size else 0.0

    def breaches(self, cold: Flags, target: Target) -> Flags:
        """Which requests miss the target."""
        if target.within_ms is None:
            return cold
        took_ms = MS * self.requests.busy_s + np.where(cold, self.init_ms, 0.0)
        return np.asarray(took_ms > target.within_ms)


@dataclass(frozen=True, slots=True)
class ReadinessOption:
    """One way, and what it brings.

    Attributes:
        readiness: which one.
        provisioned: environments by hour of the week (168 of them, from Monday 00:00 UTC); all 0 without any.
        share: replayed share of requests that miss the target; None: no number can be given, as for the next two.
        upper_bound: its 95% bound.
        usd_per_month: duration, init and what readiness costs, without the price of requests.
        meets: whether the bound meets the target.
        reason: why no number can be given, or what is not known.
    """

    readiness: Readiness
    provisioned: tuple[int, ...]
    share: float | None
    upper_bound: float | None
    usd_per_month: float | None
    meets: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ConcurrencyPlan:
    """All ways side by side.

    Attributes:
        target: what was asked for.
        requests, days: what the plan rests on.
        arrivals: requests by hour of the week, of a mean week.
        options: all of them, in a fixed order.
        prices: of provisioned concurrency.
    """

    target: Target
    requests: int
    days: float
    arrivals: tuple[float, ...]
    options: tuple[ReadinessOption, ...]
    prices: ProvisionedPrices

    @property
    def cheapest(self) -> ReadinessOption | None:
        """The cheapest way that meets the target; None: none does."""
        meeting = [option for option in self.options if option.meets and option.usd_per_month is not None]
        return min(meeting, key=lambda option: option.usd_per_month or 0.0) if meeting else None

    def option(self, readiness: Readiness) -> ReadinessOption:
        """One of the ways."""
        return next(option for option in self.options if option.readiness is readiness)


def plan_concurrency(
    workload: Workload, target: Target, prices: PriceList, *, idle_life: IdleLife | None = None, seed: int = 0
) -> ConcurrencyPlan:
    """Compare every way to keep environments ready.

    Args:
        workload: requests of the past, at least one.
        target: what is asked for.
        prices: of duration on demand.
        idle_life: how long idle environments stay; default as measured in 2026.
        seed: of idle lives and of the bootstrap.
    """
    job = _Job(workload, target, prices, provisioned_prices(workload.configuration.architecture),
               idle_life or IdleLife(), seed)  # fmt: skip
    hours = hour_of_week(workload.requests.start_s)
    return ConcurrencyPlan(
        target,
        workload.requests.start_s.size,
        workload.days,
        _mean_week(workload.requests),
        (job.none(), job.fixed(), job.scheduled(hours), job.snapstart()),
        job.provisioned,
    )


def _mean_week(requests: Requests) -> tuple[float, ...]:
    """Requests by hour of the week, each over how often that hour was seen: eight days have two Mondays."""
    start_s = requests.start_s
    seen_s = np.arange(start_s[0] // HOUR_S, start_s[-1] // HOUR_S + 1) * HOUR_S
    counts, seen = (np.bincount(hour_of_week(times), minlength=HOURS_PER_WEEK) for times in (start_s, seen_s))
    return tuple(map(float, counts / np.maximum(1, seen)))


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    workload: Workload
    target: Target
    prices: PriceList
    provisioned: ProvisionedPrices
    idle_life: IdleLife
    seed: int

    def none(self) -> ReadinessOption:
        return self._option(Readiness.NONE, self._replay(0), np.zeros(HOURS_PER_WEEK, dtype=np.int64))

    def fixed(self) -> ReadinessOption:
        if reason := self._too_short(LEAST_DAYS):
            return self._refused(Readiness.FIXED, reason)
        (size,) = self._sizes(np.zeros(self.workload.requests.start_s.size, dtype=np.int64))
        if size.provisioned is None:
            return self._refused(Readiness.FIXED, size.reason)
        counts = np.full(HOURS_PER_WEEK, size.provisioned, dtype=np.int64)
        return self._option(Readiness.FIXED, self._replay(size.provisioned), counts)

    def scheduled(self, hours: Slots) -> ReadinessOption:
        """A number for every hour of the week with requests; where they are too few, for every hour of the day."""
        if reason := self._too_short(LEAST_DAYS_OF_A_SCHEDULE):
            return self._refused(Readiness.SCHEDULED, reason)
        reason = ""
        for period in (HOURS_PER_WEEK, HOURS_PER_DAY):
            slots = hours % period
            sizes = self._sizes(slots)
            reason = _too_few(sizes)
            if not reason:
                found = replay_schedule(self.workload.requests, slots, sizes, self.idle_life, seed=self.seed)
                return self._option(Readiness.SCHEDULED, found, _over_the_week(sizes, period))
        return self._refused(Readiness.SCHEDULED, reason)

    def snapstart(self) -> ReadinessOption:
        """As many starts are cold, but they restore a snapshot; how long that takes is not known beforehand."""
        runtime = self.workload.runtime
        if runtime is None:
            return self._refused(Readiness.SNAPSTART, "the runtime is not known, or it is a container image")
        free, paid = FREE_SNAPSTART.fullmatch(runtime), PAID_SNAPSTART.fullmatch(runtime)
        if not free and not paid:
            return self._refused(Readiness.SNAPSTART, f"{runtime} has no SnapStart")
        counts, found = np.zeros(HOURS_PER_WEEK, dtype=np.int64), self._replay(0)
        option = self._option(Readiness.SNAPSTART, found, counts)
        memory_mb = self.workload.configuration.memory_mb
        restores = float(found.cold.sum()) * self._months
        extra = restores * snapstart_restore_usd(memory_mb) + snapstart_cache_usd(
            memory_mb, DAYS_PER_MONTH * SECONDS_PER_DAY
        )
        usd = self._duration_usd(found) + (extra if paid else 0.0)
        reason = "how long a restore takes is known only from a trial"
        return ReadinessOption(Readiness.SNAPSTART, option.provisioned, option.share, option.upper_bound, usd,
                               option.meets, reason)  # fmt: skip

    @property
    def _months(self) -> float:
        """Factor from the days of the requests to a month."""
        return DAYS_PER_MONTH / max(self.workload.days, 1 / 24)

    def _sizes(self, slots: Slots) -> tuple[SlotSize, ...]:
        breaches: Callable[[Flags], Flags] = lambda cold: self.workload.breaches(cold, self.target)  # noqa: E731
        return size_provisioned(self.workload.requests, slots, self.idle_life, target_share=self.target.share,
                                seed=self.seed, breaches=breaches)  # fmt: skip

    def _replay(self, provisioned: int) -> Replay:
        return replay(self.workload.requests, self.idle_life, provisioned=provisioned, seed=self.seed)

    def _option(self, readiness: Readiness, found: Replay, counts: Slots) -> ReadinessOption:
        missed = self.workload.breaches(found.cold, self.target)
        blocks = (self.workload.requests.start_s // BLOCK_S).astype(np.int64)
        bound = upper_bound(missed, blocks, seed=self.seed)
        usd = self._duration_usd(found) + self._init_usd(found) + self._ready_usd(counts)
        return ReadinessOption(
            readiness, tuple(map(int, counts)), float(missed.mean()), bound, usd, bound <= self.target.share
        )

    def _duration_usd(self, found: Replay) -> float:
        """A month's handler time: on demand, and on provisioned environments."""
        where = self.workload.configuration
        on_ready = float(self.workload.requests.busy_s[found.provisioned].sum())
        on_demand = float(self.workload.requests.busy_s.sum()) - on_ready
        rate = self.prices.gb_second_usd(where.architecture)
        usd = gb_seconds(where.memory_mb, MS * on_demand) * rate
        usd += gb_seconds(where.memory_mb, MS * on_ready) * self.provisioned.usd_per_gb_second
        return usd * self._months

    def _init_usd(self, found: Replay) -> float:
        where = self.workload.configuration
        billed = gb_seconds(where.memory_mb, self.workload.init_ms * float(found.cold.sum()))
        return billed * self.prices.gb_second_usd(where.architecture) * self._months

    def _ready_usd(self, counts: Slots) -> float:
        """A month of provisioned environments, whether or not they run."""
        hours = float(counts.sum()) * DAYS_PER_MONTH / 7
        ready = gb_seconds(self.workload.configuration.memory_mb, MS * HOUR_S * hours)
        return ready * self.provisioned.idle_usd_per_gb_second

    def _too_short(self, days: float) -> str:
        have = self.workload.days
        return "" if have >= days else f"the requests cover {days_words(have)}: it takes {days_words(days)}"

    def _refused(self, readiness: Readiness, reason: str) -> ReadinessOption:
        return ReadinessOption(readiness, (0,) * HOURS_PER_WEEK, None, None, None, False, reason)


def _too_few(sizes: Sequence[SlotSize]) -> str:
    """Why slots have no number; empty where all have one."""
    short = [size for size in sizes if size.provisioned is None]
    if not short:
        return ""
    fewest = min(short, key=lambda size: size.requests)
    return f"too few requests in {len(short)} of {len(sizes)} hours: {fewest.reason}"


def _over_the_week(sizes: Sequence[SlotSize], period: int) -> Slots:
    counts = np.zeros(period, dtype=np.int64)
    for size in sizes:
        counts[size.slot] = size.provisioned or 0
    return np.tile(counts, HOURS_PER_WEEK // period)
