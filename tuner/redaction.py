"""Takes what must not be shown out of texts: values whole, in part, and encoded.

Knows forms in which programs quote values: JSON, repr, URL, base64, hexadecimal, other case. Does not know where texts
or values come from. Its time is linear in the text.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "…"
GRAM = 8
"""Characters of a value that are enough to be hidden: any piece of this length is looked for."""
WORD = 4
"""Shorter values are hidden as words of their own alone: their characters occur in any text."""
MOST_CHARACTERS = 32_768
"""Of longer values the pieces are too many to look for: a text near them is hidden as a whole."""
SHORTEST_VARIABLE = 8
"""Characters from which the value of an environment variable can be a secret rather than a setting."""
_SECRET_NAME = re.compile(
    r"(?i)secret|token|passw|credential|apikey|(?:^|_)(?:key|pass|passphrase|dsn|pat)s?(?:_|$)|._pwd"
)
_CREDENTIALS_IN_URL = re.compile(r"://[^/\s]*:[^/\s]*@")
_ENCODED = re.compile(r"[A-Za-z0-9+/=_%-]+")
"""A stretch of text that base64, hexadecimal or a URL can be."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """What to hide: pieces of long values, and short values by their length; plain and encoded ones apart.

    Attributes:
        whole: whether every text is hidden altogether.
        plain, encoded: what hides itself, and what hides the encoded stretch that it stands in.
    """

    whole: bool
    plain: _Pieces
    encoded: _Pieces

    @classmethod
    def of(cls, values: Iterable[str]) -> Redaction:
        """What hides these values in all their forms."""
        found = sorted({value for value in values if any(map(str.isalnum, value)) or len(value) >= WORD})
        if sum(map(len, found)) > MOST_CHARACTERS:
            return cls.of_everything()
        plain = {form for value in found for form in _quoted(value)}
        return cls(False, _Pieces.of(plain), _Pieces.of({form for value in found for form in _encoded(value)} - plain))

    @classmethod
    def of_variables(cls, variables: Mapping[str, str]) -> Redaction:
        """What hides the values of environment variables, which may be credentials; short ones are settings."""
        return cls.of(value for value in variables.values() if len(value) >= SHORTEST_VARIABLE)

    @classmethod
    def of_local_variables(cls, variables: Mapping[str, str], shell: Mapping[str, str]) -> Redaction:
        """The same where a function sees the variables of a shell too: of these, what are credentials by their names.

        Most variables of a shell are paths and settings, of which errors are full.
        """
        return cls.of_variables({**{k: v for k, v in shell.items() if _may_be_secret(k, v)}, **variables})

    @classmethod
    def of_environment(cls, environment: Mapping[str, Any] | None) -> Redaction:
        """The same of what Lambda says of a function's environment; every text where it does not tell the values."""
        told = environment or {}
        return cls.of_everything() if told.get("Error") else cls.of_variables(told.get("Variables") or {})

    @classmethod
    def of_everything(cls) -> Redaction:
        """What hides every text altogether."""
        return cls(True, _Pieces.of(()), _Pieces.of(()))

    def __call__(self, text: str) -> str:
        """The text with `…` where a value stood."""
        if self.whole:
            return HIDDEN if text else text
        if not self.plain:
            return text
        folded = _folded(text)
        spans = list(self.plain.places(folded))
        inside = {place for start, end in self.encoded.places(folded) for place in range(start, end)}
        if inside:
            spans += [found.span() for found in _ENCODED.finditer(text) if not inside.isdisjoint(range(*found.span()))]
        return _without(text, spans)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Texts to look for: all pieces of the long ones, and the short ones by length, longest first."""

    grams: frozenset[str]
    short: tuple[tuple[int, frozenset[str]], ...]

    def __bool__(self) -> bool:
        return bool(self.grams or self.short)

    @classmethod
    def of(cls, forms: Iterable[str]) -> _Pieces:
        grams: set[str] = set()
        short: dict[int, set[str]] = {}
        for form in map(_folded, forms):
            if len(form) >= GRAM:
                grams.update(form[i : i + GRAM] for i in range(len(form) - GRAM + 1))
            elif form:
                short.setdefault(len(form), set()).add(form)
        return cls(frozenset(grams), tuple((n, frozenset(short[n])) for n in sorted(short, reverse=True)))

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Where one of them begins and ends."""
        for i in range(len(text)):
            if self.grams and text[i : i + GRAM] in self.grams:
                yield i, i + GRAM
            for length, forms in self.short:
                if text[i : i + length] in forms and (length >= WORD or _is_word(text, i, i + length)):
                    yield i, i + length


def _may_be_secret(name: str, value: str) -> bool:
    """Whether a variable of a shell is a credential. Where one lies is none: stacks are full of paths."""
    is_path = value.startswith(("/", "~")) and not any(map(str.isspace, value))
    return bool((_SECRET_NAME.search(name) and not is_path) or _CREDENTIALS_IN_URL.search(value))


def _folded(text: str) -> str:
    """Lower case, character by character, so that places stay."""
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _is_word(text: str, start: int, end: int) -> bool:
    return not text[start - 1 : start].isalnum() and not text[end : end + 1].isalnum()


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    parts: list[str] = []
    last = 0
    for start, end in sorted(spans):
        if start > last or not parts:
            parts += [text[last:start], HIDDEN]
        last = max(last, end)
    return "".join([*parts, text[last:]])


def _quoted(value: str) -> Iterator[str]:
    """The value as programs print it."""
    yield from (value, repr(value)[1:-1], json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])


def _encoded(value: str) -> Iterator[str]:
    """The value in encodings: as a whole, and as a part of something longer."""
    data = value.encode("utf-8", "surrogatepass")
    yield from (quote(data, safe=""), quote(data), quote_plus(data), data.hex())
    yield from _both_alphabets(base64.b64encode(data).decode().rstrip("="))
    for offset in range(3):
        code = base64.b64encode(b"\0" * offset + data).decode()
        # The characters at its ends depend on what stands around the value.
        yield from _both_alphabets(code[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6])


def _both_alphabets(code: str) -> tuple[str, str]:
    return code, code.replace("+", "-").replace("/", "_")
