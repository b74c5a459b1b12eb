"""Reads JSON that may be damaged: whatever the text, it gives a value that can be used, or one clear ValueError.

Knows only what no document of the tool ever holds. Schemas decide what a document means, and name numbers that are
not finite.
"""

from __future__ import annotations

import json
from typing import Any

LARGEST_NUMBER = 2**63
"""Beyond every count, size and price that a document can hold."""
DEEPEST = 100
"""Levels of nesting beyond every document: a result has 8, and a payload has what its author gave it."""


def parse_strictly(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: the text is not JSON, or it has numbers, characters or levels of nesting that no document has. The
            message names the line of a text that is not JSON.
    """
    try:
        value = json.loads(text, parse_int=_integer)
    except RecursionError:
        raise ValueError(f"it has more than {DEEPEST} levels of nesting") from None
    _check_values(value)
    return value


def parse_json(text: str) -> Any:
    """The value of a JSON text of somebody else, such as a payload: any numbers and characters that JSON has.

    Raises:
        ValueError: it is not JSON, or has more levels of nesting than Python follows.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it has too many levels of nesting") from None


def decode_text(content: bytes) -> str:
    """The text of a file.

    Raises:
        ValueError: it is not UTF-8; the message names the line.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise ValueError(f"line {line} is not text in UTF-8") from None


def _integer(digits: str) -> int:
    number = int(digits) if len(digits) <= len(str(-LARGEST_NUMBER)) else LARGEST_NUMBER
    if abs(number) >= LARGEST_NUMBER:
        raise ValueError(f"{digits[:20]}… is too large a number")
    return number


def _check_values(value: Any) -> None:
    """Refuse nesting that other parts of Python cannot follow, and half characters that no file can hold."""
    waiting = [(value, 1)]
    while waiting:
        item, level = waiting.pop()
        if isinstance(item, str):
            _check_characters(item)
        elif isinstance(item, (dict, list)):
            if level > DEEPEST:
                raise ValueError(f"it has more than {DEEPEST} levels of nesting")
            if isinstance(item, dict):
                waiting.extend((name, level) for name in item)
            waiting.extend((inner, level + 1) for inner in (item.values() if isinstance(item, dict) else item))


def _check_characters(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as exc:
            raise ValueError(f"{text[exc.start]!a} is half a character") from None
