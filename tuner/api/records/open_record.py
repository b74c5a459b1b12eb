"""Takes payloads and answers out of the record of a run that a later session wants to hide.

Sessions that hide them write none, so samples of the others alone are changed. In every header the digest of the
payloads is sealed. All other lines stay as they are, byte by byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuner.api.records.run_folder import SAMPLES_FILE, payload_seal
from tuner.documents.samples import decode_sample, encode_sample
from tuner.documents.strict_json import decode_text, parse_strictly
from tuner.model import FunctionError, Invocation, Outcome
from tuner.payloads import without_payload, without_values
from tuner.redaction import Redaction
from tuner.settings import Settings

_OF_PLATFORM = {Outcome.THROTTLED, Outcome.REFUSED}
"""Outcomes whose errors no function wrote."""
_HIDES = "disablePayloadLogs"


def is_open(folder: Path) -> bool:
    """Whether the record in a folder tells of payloads and answers. False: it does not, or there is none."""
    try:
        documents = list(map(_document, (folder / SAMPLES_FILE).read_bytes().splitlines()))
    except (OSError, ValueError):
        return False
    return any(_is_open(document) for document in documents if document.get("kind") == "header")


def without_payloads(record: bytes, settings: Settings) -> bytes:
    """A record without what its sessions tell of payloads and answers.

    Args:
        record: whole lines that `read_record` has read.
        settings: of the run, with the payloads of the record.
    """
    lines = record.splitlines(keepends=True)
    documents = list(map(_document, lines))
    headers = [document for document in documents if document["kind"] == "header"]
    if not any(map(_is_open, headers)):
        return record
    salt = next((header["payload_salt"] for header in headers if header.get("payload_salt")), None)
    return b"".join(_closed(lines, documents, settings, payload_seal(settings, salt)))


def _closed(
    lines: Iterable[bytes], documents: Iterable[dict[str, Any]], settings: Settings, seal: Mapping[str, str]
) -> Iterator[bytes]:
    tells = False
    for line, document in zip(lines, documents, strict=True):
        if document["kind"] == "header":
            tells = _tells(document)
            yield _line({**document, **seal, "input": {**document["input"], _HIDES: True}})
        elif document["kind"] == "sample" and tells:
            yield _hidden_sample(document, line, settings)
        else:
            yield line


def _is_open(header: Mapping[str, Any]) -> bool:
    """Whether a header has a plain digest of the payloads, or is of a session that told of them."""
    return not header.get("payload_salt") or _tells(header)


def _tells(header: Mapping[str, Any]) -> bool:
    """Whether the samples after a header tell of payloads and answers."""
    return not header["input"].get(_HIDES, False)


def _hidden_sample(document: Mapping[str, Any], line: bytes, settings: Settings) -> bytes:
    sample = decode_sample(document)
    hidden = replace(sample, invocations=tuple(_hidden(run, settings) for run in sample.invocations))
    return line if hidden == sample else _line({**document, **encode_sample(hidden)})


def _hidden(run: Invocation, settings: Settings) -> Invocation:
    """A run as a session that hides payloads would have recorded it."""
    return replace(run, answer="", error=run.error and _hidden_error(run.error, run, settings))


def _hidden_error(error: FunctionError, run: Invocation, settings: Settings) -> FunctionError:
    """The error of a run without its payload; without any text where what was sent is not known any more."""
    if run.outcome in _OF_PLATFORM:
        return error
    items = settings.payloads.items
    if settings.pre_processor or run.payload >= len(items):
        return without_values(error, Redaction.of_everything())
    return without_payload(error, items[run.payload].body)


def _document(line: bytes) -> dict[str, Any]:
    """A line of a record.

    Raises:
        ValueError: it is none.
    """
    document = parse_strictly(decode_text(line))
    if not isinstance(document, dict):
        raise ValueError("a line is no object")
    return document


def _line(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
