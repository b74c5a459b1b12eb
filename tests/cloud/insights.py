"""CloudWatch Logs Insights: StartQuery, GetQueryResults and StopQuery, as far as row queries go.

Knows `fields`, `filter` (`=`, `like`, `not like`, `and`, `or`), `stats`, `sort @timestamp`, and `limit`. Refuses what
AWS refuses, and any other command. A query is Running at the first look, and its results come in pages.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.cloud import history
from tests.cloud.errors import AwsError, Reply
from tests.cloud.history import Event
from tests.cloud.insights_stats import Column, Stats, shown, split
from tests.cloud.settings import Settings
from tests.cloud.wire import Call

OPERATIONS = ("StartQuery", "GetQueryResults", "StopQuery")
MOST_GROUPS, MOST_ROWS, DEFAULT_ROWS, MOST_AT_ONCE = 50, 100_000, 1000, 100
"""CloudWatch Logs quotas, 2026-11."""
_TOKEN = re.compile(r"\s*(/(?:[^/\\]|\\.)*/|\"(?:[^\"\\]|\\.)*\"|'[^']*'|[@\w.]+|[=(),])")
_REPORT_FIELDS = {
    "@duration": re.compile(r"\tDuration: ([\d.]+) ms"),
    "@billedDuration": re.compile(r"\tBilled Duration: ([\d.]+) ms"),
    "@memorySize": re.compile(r"\tMemory Size: (\d+) MB"),
    "@maxMemoryUsed": re.compile(r"\tMax Memory Used: (\d+) MB"),
    "@initDuration": re.compile(r"\tInit Duration: ([\d.]+) ms"),
}
Row = dict[str, str]


@dataclass(slots=True)
class _Query:
    rows: list[list[dict[str, str]]]
    statistics: dict[str, float]
    looks: int = 0


@dataclass(slots=True)
class Insights:
    """The queries of the account."""

    settings: Settings
    _queries: dict[str, _Query] = field(default_factory=dict)

    def handle(self, call: Call) -> Reply:
        """Answer a call.

        Raises:
            AwsError: what AWS would refuse.
        """
        answer = {"StartQuery": self._start, "GetQueryResults": self._results, "StopQuery": self._stop}[call.operation]
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": call.request_id}
        return 200, headers, json.dumps(answer(call)).encode()

    def clear(self) -> None:
        """Forget all queries."""
        self._queries.clear()

    def _start(self, call: Call) -> dict[str, Any]:
        asked = call.parameters
        names = asked.get("logGroupNames") or [asked[k] for k in ("logGroupName",) if k in asked]
        if not 0 < len(names) <= MOST_GROUPS:
            raise _invalid("Exactly one of logGroupName, logGroupNames or logGroupIdentifiers is required")
        if asked["startTime"] >= asked["endTime"]:
            raise _invalid("Query start time must be before its end time")
        if not 1 <= (limit := asked.get("limit", DEFAULT_ROWS)) <= MOST_ROWS:
            raise _invalid(f"limit must be between 1 and {MOST_ROWS}")
        if sum(query.looks < 2 for query in self._queries.values()) >= MOST_AT_ONCE:
            raise AwsError("LimitExceededException", "Account maximum query concurrency limit of [100] reached.")
        known = history.groups(call)
        if missing := [name for name in names if name not in known]:
            raise AwsError("ResourceNotFoundException", f"Log group '{missing[0]}' does not exist")
        plan = _Plan.of(asked["queryString"], limit)
        begin_ms, end_ms = 1000 * asked["startTime"], 1000 * asked["endTime"] + 999
        scanned = [
            (f"{call.account}:{name}", e)
            for name in names
            for e in history.events(call, name)
            if begin_ms <= e.time_ms <= end_ms
        ]
        rows = plan.run(scanned)
        statistics = {
            "recordsMatched": float(len(rows)),
            "recordsScanned": float(len(scanned)),
            "bytesScanned": float(sum(len(event.message) for _, event in scanned)),
        }
        query_id = str(uuid.uuid4())
        self._queries[query_id] = _Query(rows, statistics)
        return {"queryId": query_id}

    def _results(self, call: Call) -> dict[str, Any]:
        query = self._queries.get(call.parameters["queryId"])
        if query is None:
            raise AwsError("ResourceNotFoundException", "Query does not exist")
        query.looks += 1
        if query.looks == 1:
            return {"status": "Running", "results": [], "statistics": dict.fromkeys(query.statistics, 0.0)}
        first = int(call.parameters.get("nextToken") or 0)
        last = first + min(int(call.parameters.get("maxItems") or 10_000), self.settings.query_page)
        more = {"nextToken": str(last)} if last < len(query.rows) else {}
        return {"status": "Complete", "results": query.rows[first:last], "statistics": query.statistics, **more}

    def _stop(self, call: Call) -> dict[str, Any]:
        return {"success": self._queries.pop(call.parameters["queryId"], None) is not None}


@dataclass(frozen=True, slots=True)
class _Plan:
    """A query, read."""

    fields: tuple[Column, ...]
    tests: tuple[Callable[[Row], bool], ...]
    stats: Stats | None
    newest_first: bool
    limit: int

    @classmethod
    def of(cls, text: str, limit: int) -> _Plan:
        fields: list[Column] = []
        tests: list[Callable[[Row], bool]] = []
        stats, newest = None, True
        for command in re.split(r"\n\s*\||^\s*\||\s\|\s", text):
            name, _, rest = command.strip().partition(" ")
            if name == "fields":
                fields += map(Column.of, split(rest))
            elif name == "filter":
                tests.append(_Condition(rest).read())
            elif name == "stats":
                stats = Stats.of(rest)
            elif name == "sort" and re.fullmatch(r"@timestamp( asc| desc)?", rest.strip()):
                newest = not rest.strip().endswith("asc")
            elif name == "limit" and rest.strip().isdigit():
                limit = min(limit, int(rest))
            elif command.strip():
                raise _malformed(f"unexpected symbol found {command.strip()[:40]}")
        return cls(tuple(fields or map(Column.of, ("@timestamp", "@message"))), tuple(tests), stats, newest, limit)

    def run(self, found: list[tuple[str, Event]]) -> list[list[dict[str, str]]]:
        rows = [row for row in (_row(*one) for one in found) if all(test(row) for test in self.tests)]
        if self.stats:
            counted = self.stats.run([row | self._computed(row) for row in rows])[: self.limit]
            return [[{"field": name, "value": value} for name, value in row.items()] for row in counted]
        rows.sort(key=lambda row: row["@timestamp"], reverse=self.newest_first)
        return [
            [{"field": name, "value": value} for name, value in self._computed(row).items()]
            + [{"field": "@ptr", "value": row["@ptr"]}]
            for row in rows[: self.limit]
        ]

    def _computed(self, row: Row) -> Row:
        """The fields that are asked for. A later one may use those before it."""
        values: Row = {}
        for column in self.fields:
            if (value := shown(column.value(row | values))) is not None:
                values[column.name] = value
        return values


class _Condition:
    """The condition of a `filter`, read from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens).replace(" ", "") != re.sub(r"\s+(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", "", text).replace(
            " ", ""
        ):
            raise _malformed(f"unexpected symbol found in {text[:60]}")

    def read(self) -> Callable[[Row], bool]:
        test = self._any()
        if self._tokens:
            raise _malformed(f"unexpected symbol found {self._tokens[0]}")
        return test

    def _any(self) -> Callable[[Row], bool]:
        tests = [self._all()]
        while self._next_is("or"):
            tests.append(self._all())
        return lambda row: any(test(row) for test in tests)

    def _all(self) -> Callable[[Row], bool]:
        tests = [self._one()]
        while self._next_is("and"):
            tests.append(self._one())
        return lambda row: all(test(row) for test in tests)

    def _one(self) -> Callable[[Row], bool]:
        if self._next_is("("):
            test = self._any()
            if not self._next_is(")"):
                raise _malformed("missing )")
            return test
        name = self._tokens.pop(0) if self._tokens else ""
        wanted = not self._next_is("not")
        if len(self._tokens) < 2:
            raise _malformed("unexpected end of the filter")
        operator, value = self._tokens.pop(0), self._tokens.pop(0)
        if operator == "like":
            pattern = re.compile(value[1:-1] if value[0] == "/" else re.escape(value[1:-1].replace('\\"', '"')))
            return lambda row: bool(pattern.search(row.get(name, ""))) is wanted
        if not wanted:
            raise _malformed(f"unexpected symbol found not {operator}")
        if operator == "=":
            return lambda row: row.get(name) == value.strip("\"'")
        raise _malformed(f"unexpected symbol found {operator}")

    def _next_is(self, word: str) -> bool:
        if self._tokens and self._tokens[0] == word:
            self._tokens.pop(0)
            return True
        return False


def _row(log: str, event: Event) -> Row:
    at = datetime.fromtimestamp(event.time_ms / 1000, UTC)
    row = {
        "@timestamp": at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03d}",
        "@message": event.message,
        "@logStream": event.stream,
        "@log": log,
        "@ptr": uuid.uuid5(uuid.NAMESPACE_OID, f"{event.time_ms}{event.stream}{event.message}").hex,
    }
    return row | (_discovered(event.message) if event.message.startswith("{") else _of_report(event.message))


def _of_report(message: str) -> Row:
    """The fields that Logs Insights finds in a report in text. Memory is in units of 10^6 bytes times its MB."""
    if not message.startswith("REPORT RequestId"):
        return {}
    found = {name: pattern.search(message) for name, pattern in _REPORT_FIELDS.items()}
    row = {name: match[1] for name, match in found.items() if match}
    memory = {name: f"{1_000_000 * int(row[name])}" for name in ("@memorySize", "@maxMemoryUsed") if name in row}
    return {"@type": "REPORT", **row, **memory}


def _discovered(message: str) -> Row:
    """The fields that Logs Insights finds in JSON, those of objects with a dot."""
    try:
        document = json.loads(message)
    except ValueError:
        return {}
    found: Row = {}

    def take(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                take(inner, f"{path}.{name}" if path else name)
        else:
            found[path] = str(value)

    take(document, "")
    return found


def _invalid(text: str) -> AwsError:
    return AwsError("InvalidParameterException", text)


def _malformed(text: str) -> AwsError:
    return AwsError("MalformedQueryException", text)
