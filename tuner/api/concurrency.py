"""Plans provisioned concurrency of a function from its log: a file, or what AWS has. Changes and invokes nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tuner.api.advising import MOST_DAYS, UNNAMED, Logs, log_texts, rows_of, without_reports
from tuner.api.backends import Prices
from tuner.api.price_cache import current_prices
from tuner.aws.api.connection import Connection
from tuner.errors import Fault, InputError
from tuner.evidence.concurrency_plan import ConcurrencyPlan, Target, Workload, plan_concurrency
from tuner.evidence.function_evidence import requests_of
from tuner.evidence.known_function import KnownFunction, Selection
from tuner.evidence.logs.log_rows import LogRow, read_log
from tuner.evidence.logs.log_samples import invocation_of
from tuner.model import Architecture, Configuration
from tuner.plain_numbers import days_words
from tuner.pricing.price_list import DEFAULT_REGION

P99_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class PlannedFunction:
    """A function, and the plan for it."""

    function: str
    plan: ConcurrencyPlan


def concurrency(
    function: str = UNNAMED,
    *,
    cold_share: float | None = None,
    p99_ms: float | None = None,
    logs: Logs | None = None,
    arch: str = Architecture.X86_64,
    runtime: str | None = None,
    connection: Connection | None = None,
    days: float = 14.0,
    max_usd: float = 0.10,
    query: bool = True,
    discount: float = 0.0,
    seed: int = 0,
    prices: Prices = current_prices,
    now: Callable[[], float] = time.time,
    say: Callable[[str], None] = lambda _: None,
) -> PlannedFunction:
    """Compare no, fixed and scheduled provisioned concurrency and SnapStart, in money.

    Args:
        function: name or ARN; with `logs` a name alone.
        cold_share: cold starts at most, a fraction of the requests.
        p99_ms: time, start included, that 99% of the requests keep. One of the two is given.
        logs: a file of exported logs, an open text file, or several of them. None: AWS is asked.
        arch: architecture of `logs`.
        runtime: runtime of `logs`, for SnapStart, such as `python3.13`.
        connection: region, profile and role for AWS.
        days: how far back AWS is asked.
        max_usd: for the log query.
        query: whether Logs Insights may be asked.
        discount: fraction off the duration price.
        seed: of every draw.
        prices: the price list of a region.
        now: seconds since 1970.
        say: told the price of the query before it is asked.

    Raises:
        InputError: an argument is wrong, or the log has no requests with their times.
        AwsError: the function cannot be read.
    """
    faults: list[Fault] = []
    if (cold_share is None) == (p99_ms is None):
        problem = "is missing, and so is p99_ms" if p99_ms is None else "is given, and so is p99_ms"
        faults.append(Fault("cold_share", problem, "give one of the two"))
    if cold_share is not None and not 0 < cold_share < 1:
        faults.append(Fault("cold_share", f"{cold_share} is not above 0 and below 1", "give a fraction, such as 0.001"))
    if p99_ms is not None and not 0 < p99_ms < math.inf:
        faults.append(Fault("p99_ms", f"{p99_ms:g} is not a number above 0", "give milliseconds"))
    if not 0 <= max_usd < math.inf:
        faults.append(Fault("max_usd", f"{max_usd} is not 0 or a positive number", "give dollars, such as 0.10"))
    if not 0 < days <= MOST_DAYS:
        faults.append(
            Fault("days", f"{days:g} is not above 0 and up to {MOST_DAYS}", "14 days show every hour of a week twice")
        )
    texts = None if logs is None else log_texts(logs, faults)
    if faults:
        raise InputError(faults)
    region = (connection.region if connection else None) or DEFAULT_REGION
    if texts is not None and logs is not None:
        log = read_log(*texts)
        rows: Sequence[LogRow] = rows_of(log.rows, function)
        if not any(row.report.memory_size_mb for row in rows):
            raise without_reports(logs, texts, log)
        where: Configuration | None = None
    else:
        from tuner.aws.evidence.reader import ReadingLimits, open_reader

        limits = ReadingLimits(days, max_usd, query, most_rows=100_000, with_opinions=False)
        selection = Selection((function,))
        with open_reader(connection or Connection(), selection, limits, now_s=now(), say=say) as reader:
            known = next(reader.read_all(selection))
            region = reader.clients.region
        rows, where, runtime, function = known.rows, known.current, known.runtime, known.name
        if not rows:
            raise InputError.single("function", _no_request(known, days), "read more days, or give an exported log")
    workload = _workload(rows, where, Architecture(arch), runtime)
    target = Target(P99_SHARE if cold_share is None else cold_share, p99_ms)
    own = prices(region).with_discount(discount)
    return PlannedFunction(function, plan_concurrency(workload, target, own, seed=seed))


def _no_request(known: KnownFunction, days: float) -> str:
    """That there is nothing to replay, and why where that is known."""
    told = f"the log of {known.name} holds no request of the last {days_words(days)}"
    return ". ".join([told, *(notice.message.removesuffix(".") for notice in known.notices)])


def _workload(
    rows: Sequence[LogRow], where: Configuration | None, architecture: Architecture, runtime: str | None
) -> Workload:
    requests = requests_of([row for row in rows if row.started_s is not None])
    sizes = [row.report.memory_size_mb for row in rows if row.report.memory_size_mb]
    if requests is None or not sizes:
        raise InputError.single("logs", "no report has a time and a memory size", "export the log with its times")
    starts = [run.start_ms for run in map(invocation_of, rows) if run.start_ms is not None]
    init_ms = float(np.mean(starts)) if starts else 0.0
    return Workload(requests, init_ms, where or Configuration(sizes[-1], architecture), runtime)
