"""Finds the messages in exported logs: which text is a message, and what stands beside it.

Knows the forms in which tools write logs, not what a report says.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_LISTS = ("events", "logEvents", "results")
"""Where a document holds its messages: `filter-log-events`, a subscription, Logs Insights."""
_MESSAGE, _TIME, _STREAM = ("message", "@message"), ("timestamp", "@timestamp"), ("logStreamName", "@logStream")
_GROUP = ("logGroup", "logGroupName", "@log", "logGroupIdentifier")
_LONGEST_FIELD = 1_048_576
"""Bytes of the longest log event."""


@dataclass(frozen=True, slots=True)
class LogMessage:
    """A log message, and what is said beside it: its time (ISO 8601, or ms since 1970), log stream and log group."""

    text: str
    time: object = None
    stream: str = ""
    group: str = ""


def decoded(content: bytes) -> str:
    """The text of an exported file, which may be compressed, and in UTF-8 or UTF-16.

    Raises:
        ValueError: the file is compressed and damaged.
    """
    if content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as exc:
            raise ValueError("the compressed file is damaged or incomplete") from exc
    return content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig", "replace")


def messages_of(text: str) -> Iterator[LogMessage]:
    """Every message of lines of a log, of a CSV file, of one JSON document, or of one in each line."""
    text = text.removeprefix("\ufeff")
    document = as_json(text) if text.lstrip()[:1] in ("{", "[") else None
    if document is not None and not is_report(document):
        yield from _exported(document)
        return
    columns = _columns(text)
    yield from _rows(text, columns) if columns else _lines(text)


def is_report(document: Any) -> bool:
    """Whether a document is a report in JSON format."""
    return isinstance(document, dict) and document.get("type") == "platform.report"


def as_json(text: str) -> Any:
    """What a text holds; None: it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _lines(text: str) -> Iterator[LogMessage]:
    for line in text.splitlines():
        # An event with its message in it, as `jq -c .events[]` writes them. A report in JSON has no such field.
        event = as_json(line) if line.startswith("{") and 'essage"' in line else None
        if isinstance(event, dict) and not is_report(event):
            yield from _exported([event])
        else:
            yield LogMessage(line)


def _exported(document: Any) -> Iterator[LogMessage]:
    """The messages of an export, or of a list of log records."""
    stream = group = ""
    if isinstance(document, dict):
        stream, group = str(document.get("logStream", "")), _first(document, _GROUP)
        document = next((document[name] for name in _LISTS if name in document), [])
    for entry in document if isinstance(document, list) else ():
        if isinstance(entry, list):
            entry = {f["field"]: f.get("value") for f in entry if isinstance(f, dict) and "field" in f}
        if not isinstance(entry, dict):
            continue
        if is_report(entry):
            yield LogMessage(json.dumps(entry))
        elif any(name in entry for name in _LISTS):
            yield from _exported(entry)
        else:
            yield _message(entry, stream, group)


def _message(entry: Mapping[str, Any], stream: str = "", group: str = "") -> LogMessage:
    text, time = (_value(entry, names) for names in (_MESSAGE, _TIME))
    # Logs Insights and subscriptions may hold a JSON message as a document of its own.
    message = json.dumps(text) if isinstance(text, dict) else str(text or "")
    return LogMessage(message, time, _first(entry, _STREAM) or stream, _first(entry, _GROUP) or group)


def _value(entry: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((entry[name] for name in names if entry.get(name) is not None), None)


def _first(entry: Mapping[str, Any], names: Sequence[str]) -> str:
    return str(_value(entry, names) or "")


def _columns(text: str) -> list[str]:
    """The columns of a CSV file with messages, as the console exports them; empty: it is none."""
    names = [name.strip().strip('"') for name in text[: text.find("\n") + 1].split(",")]
    return names if len(names) > 1 and any(name in names for name in _MESSAGE) else []


def _rows(text: str, columns: list[str]) -> Iterator[LogMessage]:
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        rows = list(csv.reader(text.splitlines(keepends=True)))
    except csv.Error:
        # A field is longer than any log event: it is no CSV, and the lines may still tell.
        yield from _lines(text)
        return
    finally:
        csv.field_size_limit(before)
    yield from (_message(dict(zip(columns, row, strict=False))) for row in rows[1:])
