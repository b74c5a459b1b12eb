"""Plans provisioned concurrency of a function from its log: a file, or what AWS has. Changes and invokes nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from tuner.api.advising import UNNAMED, Logs, log_texts, reading_faults, rows_of, without_reports
from tuner.api.backends import Prices
from tuner.api.price_cache import current_prices
from tuner.aws.api.connection import Connection
from tuner.aws.api.function_reference import common_region
from tuner.errors import Fault, InputError, or_faults
from tuner.evidence.concurrency_plan import ConcurrencyPlan, Target, Workload, plan_concurrency
from tuner.evidence.function_evidence import requests_of
from tuner.evidence.known_function import KnownFunction, Selection
from tuner.evidence.logs.log_rows import LogRow, read_log
from tuner.evidence.logs.log_samples import invocation_of
from tuner.evidence.logs.test_calls import without_test_calls
from tuner.model import Architecture, Configuration
from tuner.plain_numbers import days_words, plural
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
        say: told the price of the query before it is asked, and runs that are left out.

    Raises:
        InputError: an argument is wrong, or the log has no requests with their times.
        AwsError: the function cannot be read.
    """
    faults = planning_faults(function, cold_share=cold_share, p99_ms=p99_ms, days=days, max_usd=max_usd, logs=logs)
    texts = None if logs is None else log_texts(logs, faults)
    if faults:
        raise InputError(faults)
    region = (connection.region if connection else None) or DEFAULT_REGION
    if texts is not None and logs is not None:
        log = read_log(*texts)
        rows, test_calls = without_test_calls(rows_of(log.rows, function))
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
        rows, test_calls = without_test_calls(known.rows, known.versions)
        where, runtime, function = known.current, known.runtime, known.name
        if not rows:
            raise InputError.single("function", _no_request(known, days), "read more days, or give an exported log")
    if test_calls.runs and not test_calls.count:
        say(f"Left out: {plural(test_calls.runs, 'run')} that look like test calls of a tuning with versions.")
    workload = _workload(rows, where, Architecture(arch), runtime)
    target = Target(P99_SHARE if cold_share is None else cold_share, p99_ms)
    own = prices(region).with_discount(discount)
    return PlannedFunction(function, plan_concurrency(workload, target, own, seed=seed))


def planning_faults(
    function: str, *, cold_share: float | None, p99_ms: float | None, days: float, max_usd: float, logs: Logs | None
) -> list[Fault]:
    """What is wrong with the arguments of `concurrency`, as far as nothing need be read."""
    faults = []
    if (cold_share is None) == (p99_ms is None):
        problem = "is missing, and so is p99_ms" if p99_ms is None else "is given, and so is p99_ms"
        faults.append(Fault("cold_share", problem, "give one of the two"))
    if cold_share is not None and not 0 < cold_share < 1:
        faults.append(Fault("cold_share", f"{cold_share} is not above 0 and below 1", "give a fraction, such as 0.001"))
    if p99_ms is not None and not 0 < p99_ms < math.inf:
        faults.append(Fault("p99_ms", f"{p99_ms:g} is not a number above 0", "give milliseconds"))
    faults += reading_faults(days, max_usd)
    if logs is None and function == UNNAMED:
        faults.append(Fault("function", "is missing, and no log is given", "name a function, or give its exported log"))
    elif logs is None:
        or_faults(partial(common_region, [function]), faults)
    return faults


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
