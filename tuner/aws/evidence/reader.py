"""Reads everything that AWS already knows of a function. Each source may be missing: then a notice says why.

The price of a log query is said before it is asked. It must fit the money that is left, or fewer days are read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.errors import AwsError, DeniedError, NotFoundError
from tuner.aws.api.function import FunctionState
from tuner.aws.api.function_reference import common_region, parse_function_reference
from tuner.aws.api.retry import Pacer, Retrier
from tuner.aws.api.session import Clients, connect
from tuner.aws.evidence.daily_reports import DailyReports, read_daily_reports, whole_days
from tuner.aws.evidence.log_reader import (
    CALLS_PER_SECOND,
    LEAST_WINDOW_S,
    SECONDS_PER_DAY,
    LogAnswer,
    LogReader,
    LogSource,
    Window,
    source_of,
)
from tuner.aws.evidence.metrics import MetricReader
from tuner.aws.evidence.optimizer import OptimizerReader
from tuner.aws.evidence.read_api import ReadApi
from tuner.evidence.known_function import KnownFunction, LogAccess, Metrics, OptimizerOpinion, Selection
from tuner.evidence.logs.log_rows import LogRow, read_messages
from tuner.model import Notice
from tuner.plain_numbers import days_words
from tuner.pricing.services import logs_query_usd

T = TypeVar("T")

LAMBDA_INSIGHTS_GROUP = "/aws/lambda-insights"
LAMBDA_INSIGHTS_LAYER = "LambdaInsightsExtension"
MOST_DAILY_ROWS = 10_000
"""Rows of a query by day: 50 functions in 90 days at one size, with and without cold starts."""
DELIVERY = "DELIVERY"
"""Class of log groups that hand everything on and keep nothing to query."""


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """How much is read.

    Attributes:
        days: back from now.
        max_usd: for log queries, all functions together.
        query: whether Logs Insights may be asked; else FilterLogEvents is.
        most_rows: newest reports of a function.
        with_opinions: whether metrics of traffic and Compute Optimizer are asked too.
    """

    days: float = 14.0
    max_usd: float = 0.10
    query: bool = True
    most_rows: int = 20_000
    with_opinions: bool = True


@dataclass(slots=True)
class EvidenceReader:
    """Reads functions, one after the other.

    Attributes:
        clients: of AWS.
        api: Lambda.
        limits: how much is read.
        now_s: the time, in seconds since 1970.
        say: told what is about to be paid.
        sleep: waits between two looks at a query.
        retry: of all services but Lambda.
        spent_usd: for log queries so far.
    """

    clients: Clients
    api: LambdaApi
    limits: ReadingLimits
    now_s: float
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    retry: Retrier = field(default_factory=lambda: Retrier(Pacer(CALLS_PER_SECOND)))
    spent_usd: float = 0.0

    def read_all(
        self, selection: Selection, failed: Callable[[AwsError], None] | None = None
    ) -> Iterator[KnownFunction]:
        """Everything that is known of functions, each of them once.

        Args:
            selection: which ones.
            failed: told of a function that cannot be read. None: the failure is raised.

        Raises:
            InputError: a target is no function name or ARN.
            AwsError: the functions cannot be listed, or one of them cannot be read.
        """
        yield from map(self.read, self.states(selection, failed))

    def read(self, state: FunctionState) -> KnownFunction:
        """Everything that is known of a function whose configuration is read already."""
        notices: list[Notice] = []
        window = Window(int(self.now_s - self.limits.days * SECONDS_PER_DAY), int(self.now_s))
        measured = _optional(lambda: self._metrics(state, window), notices)
        metrics, log_bytes = measured or (None, None)
        answer = self._log(state, window, log_bytes, notices)
        rows = read_messages(answer.messages).rows if answer else ()
        versions = _optional(lambda: same_code(self.api, state), notices) or frozenset([state.version])
        return KnownFunction(
            name=state.name,
            current=state.configuration,
            timeout_s=float(state.timeout_s),
            runtime=state.runtime,
            code_since_s=changed_s(state),
            versions=versions,
            provisioned=self._provisioned(state, notices),
            rows=self._with_cpu_time(state, rows, window, notices),
            metrics=metrics,
            optimizer=self._opinion(state, notices),
            access=_access(answer),
            notices=tuple(notices),
        )

    def states(self, selection: Selection, failed: Callable[[AwsError], None] | None = None) -> Iterator[FunctionState]:
        """The configuration of functions, each of them once. `read_all` says what is raised."""
        seen: set[str] = set()
        for state in self._selected(selection, failed):
            if state.arn not in seen:
                seen.add(state.arn)
                yield state

    def read_days(self, states: Sequence[FunctionState]) -> DailyReports:
        """What the logs of functions say day by day, with few queries for all of them.

        Raises:
            AwsError: a query was refused or failed.
        """
        reader = LogReader(ReadApi(self.clients.logs, self.retry), MOST_DAILY_ROWS, self.sleep)
        window = whole_days(self.now_s, self.limits.days)
        left_usd = self.limits.max_usd - self.spent_usd
        found = read_daily_reports(reader, [source_of(state) for state in states], window, max_usd=left_usd)
        self.spent_usd += found.usd
        return found

    def _selected(self, selection: Selection, failed: Callable[[AwsError], None] | None) -> Iterator[FunctionState]:
        names = list(selection.functions)
        if selection.stack is not None:
            names += _of_stack(self.clients, self.retry, selection.stack)
        for target in names:
            reference = parse_function_reference(target)
            try:
                yield self.api.state(reference.name, reference.qualifier)
            except AwsError as exc:
                if failed is None:
                    raise
                failed(exc)
        if selection.tag or selection.everything:
            yield from (state for state in self.api.functions() if self._is_wanted(state, selection.tag))

    def _is_wanted(self, state: FunctionState, tag: tuple[str, str] | None) -> bool:
        return tag is None or self.api.tags(state.arn).get(tag[0]) == tag[1]

    def _metrics(self, state: FunctionState, window: Window) -> tuple[Metrics, float]:
        return MetricReader(ReadApi(self.clients.metrics, self.retry)).read(state.name, state.log_group, window)

    def _log(
        self, state: FunctionState, window: Window, log_bytes: float | None, notices: list[Notice]
    ) -> LogAnswer | None:
        if state.reports_are_off:
            problem = f"The system log level of {state.name} is WARN: its log has no reports. INFO writes them."
            notices.append(Notice("reports_off", problem))
            return None
        reader = LogReader(ReadApi(self.clients.logs, self.retry), self.limits.most_rows, self.sleep)
        return _optional(lambda: self._answer(reader, source_of(state), window, log_bytes, notices), notices)

    def _answer(
        self, reader: LogReader, source: LogSource, window: Window, log_bytes: float | None, notices: list[Notice]
    ) -> LogAnswer | None:
        if not self.limits.query:
            return reader.by_filter(source, window)
        group = reader.group(source.group)
        if group is None or group.get("logGroupClass") == DELIVERY:
            reason = "does not exist" if group is None else f"is of class {DELIVERY}, which keeps nothing to query"
            notices.append(Notice("no_log", f"The log group {source.group} {reason}."))
            return None
        # Without the metric all that is stored may be scanned.
        scanned = float(group.get("storedBytes", 0)) if log_bytes is None else log_bytes
        affordable = self._affordable(source.group, window, scanned, notices)
        if affordable is None:
            return None
        answer = reader.by_query(source, affordable)
        self.spent_usd += logs_query_usd(answer.scanned_bytes)
        return answer

    def _affordable(self, group: str, window: Window, scanned: float, notices: list[Notice]) -> Window | None:
        """The newest part of the window whose scan the money that is left pays for; None: it pays for too little."""
        usd, left = logs_query_usd(scanned), max(0.0, self.limits.max_usd - self.spent_usd)
        chosen = window if usd <= left else window.newest(left / usd)
        if chosen.end_s - chosen.begin_s < LEAST_WINDOW_S:
            told = f"A query of {group} costs about ${usd:.4f}, and ${left:.4f} is left (--max-usd). It was not asked."
            notices.append(Notice("too_dear", f"{told} --no-query reads without a price."))
            return None
        price = logs_query_usd(scanned * chosen.days / window.days)
        much = f"about {scanned / 1e6:,.1f} MB" if scanned >= 5e4 else "less than 0.1 MB"
        costs = f"${price:.4f}" if price >= 5e-5 else "less than $0.0001"
        self.say(f"Querying {group}, {days_words(chosen.days)}: {much}, {costs}")
        if chosen is not window:
            read = f"The newest {days_words(chosen.days)} of {days_words(window.days)} were read"
            told = f"{read}, since --max-usd pays for no more."
            notices.append(Notice("fewer_days", told))
        return chosen

    def _with_cpu_time(
        self, state: FunctionState, rows: tuple[LogRow, ...], window: Window, notices: list[Notice]
    ) -> tuple[LogRow, ...]:
        """The rows with the CPU time that Lambda Insights has counted, where the function has its extension."""
        if not rows or not self.limits.query or not any(LAMBDA_INSIGHTS_LAYER in arn for arn in state.layers):
            return rows
        cpu_ms = _optional(lambda: self._cpu_times(state, window, notices), notices) or {}
        return tuple(replace(row, cpu_ms=cpu_ms.get(row.report.request_id)) for row in rows)

    def _cpu_times(self, state: FunctionState, window: Window, notices: list[Notice]) -> dict[str, float]:
        reader = LogReader(ReadApi(self.clients.logs, self.retry), self.limits.most_rows, self.sleep)
        group = reader.group(LAMBDA_INSIGHTS_GROUP)
        stored = float(group.get("storedBytes", 0)) if group else 0.0
        affordable = self._affordable(LAMBDA_INSIGHTS_GROUP, window, stored, notices) if group else None
        if affordable is None:
            return {}
        query = f'fields request_id, cpu_total_time\n| filter function_name = "{state.name}"\n| sort @timestamp desc'
        found, scanned = reader.query(LAMBDA_INSIGHTS_GROUP, query, affordable)
        self.spent_usd += logs_query_usd(scanned)
        return {row["request_id"]: float(row["cpu_total_time"]) for row in found if row.get("cpu_total_time")}

    def _provisioned(self, state: FunctionState, notices: list[Notice]) -> int:
        if not self.limits.with_opinions:
            return 0
        return _optional(lambda: self.api.provisioned_concurrency(state.name, needed=True), notices) or 0

    def _opinion(self, state: FunctionState, notices: list[Notice]) -> OptimizerOpinion | None:
        if not self.limits.with_opinions:
            return None
        api = ReadApi(self.clients.optimizer, self.retry)
        return _optional(lambda: OptimizerReader(api).read(state.arn), notices)


@contextmanager
def open_reader(
    connection: Connection, selection: Selection, limits: ReadingLimits, *, now_s: float, say: Callable[[str], None]
) -> Iterator[EvidenceReader]:
    """A reader of functions in AWS, with its clients open.

    Raises:
        InputError: a target is no function name or ARN, or they are in several regions.
        AwsError: the role cannot be assumed.
    """
    clients = connect(connection, region=common_region(selection.functions))
    try:
        yield EvidenceReader(clients, LambdaApi(clients.control), limits, now_s, say)
    finally:
        clients.close()


def _of_stack(clients: Clients, retry: Retrier, stack: str) -> Iterator[str]:
    pages = ReadApi(clients.stacks, retry).pages(
        f"list the functions of the stack {stack}", "list_stack_resources", following="NextToken", StackName=stack
    )
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::Lambda::Function" and resource.get("PhysicalResourceId"):
                yield str(resource["PhysicalResourceId"])


def _optional(read: Callable[[], T], notices: list[Notice]) -> T | None:
    """What a source says; None, and a notice, where it may not or cannot be read."""
    try:
        return read()
    except (DeniedError, NotFoundError) as exc:
        notices.append(Notice("not_read", f"{exc.message.removesuffix('.')}."))
    except AwsError as exc:
        notices.append(Notice("not_read", f"{exc.message.removesuffix('.')}. {exc.hint}".strip()))
    return None


def _access(answer: LogAnswer | None) -> LogAccess:
    if answer is None:
        return LogAccess(0.0)
    return LogAccess(answer.window.days, answer.scanned_bytes, logs_query_usd(answer.scanned_bytes))


def same_code(api: LambdaApi, state: FunctionState) -> frozenset[str]:
    """The version that was read, `$LATEST` where it is none, and the versions with the same code."""
    same = [one for one in api.versions(state.name) if one.code_sha256 == state.code_sha256]
    return frozenset([state.version, *(one.version for one in same)])


def changed_s(state: FunctionState) -> float:
    """When code or settings changed last, in seconds since 1970. 0 where it cannot be read: then all runs count."""
    try:
        return datetime.fromisoformat(str(state.raw.get("LastModified"))).timestamp()
    except ValueError:
        return 0.0
