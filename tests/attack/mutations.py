"""Makes damaged texts from good ones: by bytes, and by values of their JSON."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

HOSTILE_VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 10**400, 1e308, -0.5, float("nan"), float("inf"), "", "x" * 5000, "\ud800", "\x1b[2J",
    "\u202e", "<script>", "`|@all", [], {}, [[]], {"a": {}}, "__proto__", "128", [None] * 50,
    "9" * 5000, "\u00b2", "\u0661\u0662\u0668", "1e999", "128\u00b2", ["9" * 5000],
)  # fmt: skip
HOSTILE_BYTES = (
    b"", b"\x00", b"\xff\xfe", b"{", b"}", b"[" * 2000, b'{"a":' * 900, b"9" * 400, b"NaN", b"\n", b"\r\n", b'"', b"\\",
    b"-", b"\\ud800", b"null", b"\xe2\x80\xae",
)  # fmt: skip


def damaged_bytes(rng: random.Random, content: bytes) -> bytes:
    """A text with a few cuts, insertions and repetitions."""
    for _ in range(rng.randint(1, 3)):
        start = rng.randint(0, len(content))
        end = min(len(content), start + rng.choice((0, 1, 3, 40, 4000)))
        middle = rng.choice((b"", rng.choice(HOSTILE_BYTES), content[start:end] * 2))
        content = content[:start] + middle + content[end:]
    return content


def damaged_value(rng: random.Random, value: Any) -> Any:
    """A JSON value of which one part, anywhere in it, is another one, missing, repeated or unknown."""
    value = copy.deepcopy(value)
    node, depth = value, rng.randint(0, 5)
    while isinstance(node, (dict, list)) and node:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = rng.choice(keys)
        if depth == 0 or not isinstance(node[key], (dict, list)) or not node[key]:
            _damage(rng, node, key)
            break
        node, depth = node[key], depth - 1
    return value


def damaged_json(rng: random.Random, value: Any) -> bytes:
    """The text of a JSON value, damaged in one way or the other."""
    if rng.random() < 0.7:
        return json.dumps(damaged_value(rng, value), ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    return damaged_bytes(rng, json.dumps(value).encode())


def _damage(rng: random.Random, node: Any, key: Any) -> None:
    what = rng.randrange(4)
    if what == 0:
        del node[key]
    elif what == 1 and isinstance(node, list):
        node.insert(key, copy.deepcopy(node[key]))
    elif what == 1:
        node["unknown"] = node[key]
    else:
        node[key] = copy.deepcopy(rng.choice(HOSTILE_VALUES))
