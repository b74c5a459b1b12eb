"""Options with which Lambda's managed runtimes start Node.js, as far as they are known.

Limits of the heap: what the `bootstrap` of nodejs18.x (2023-12) and nodejs24.x (2026-02) says, and command lines of
nodejs20.x (from 2023-11). Features that are switched off: the developer guide, "Experimental Node.js features"
(2026-02), which names Node.js 20 and 22. The first of them is off in later runtimes too, as users report (2026-09).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

_ALWAYS = ("--expose-gc", "--max-http-header-size=81920")
_OF_THE_HEAP = ("--max-semi-space-size", "--max-old-space-size")
_SEMI_SPACES = 3
"""Semi-spaces in V8's young generation. The runtime of Node.js 18 counts one alone."""
_SWITCHED_OFF: dict[str, Callable[[tuple[int, int]], bool]] = {
    "experimental-require-module": lambda version: version >= (20, 17) and version[0] != 21,
    "experimental-detect-module": lambda version: version[0] == 22,
}
"""Features that Lambda switches off, and in which versions. An older Node.js has no such option, and would exit."""


def node_options(version: tuple[int, int] | None, memory_mb: int, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Options of Node.js at a memory size.

    Args:
        version: major and minor version; None: it cannot be told.
        memory_mb: memory size of the function.
        variables: of the function. The command line wins over NODE_OPTIONS. So what that says of the heap or of a
            feature is left out, as in Lambda.
    """
    given = variables.get("NODE_OPTIONS", "").replace("_", "-")  # Node.js takes both
    heap = () if any(option in given for option in _OF_THE_HEAP) else _heap_options(version, memory_mb)
    off = (name for name, applies in _SWITCHED_OFF.items() if version and applies(version) and f"--{name}" not in given)
    return (*_ALWAYS, *heap, *(f"--no-{name}" for name in off))


def _heap_options(version: tuple[int, int] | None, memory_mb: int) -> tuple[str, ...]:
    """Limits of V8's heap: 90% of the memory size for old objects, 5% for young ones."""
    young_mb = memory_mb // 10
    semi_mb = young_mb // 2 // (1 if version and version < (20, 0) else _SEMI_SPACES)
    # V8 takes 0 for its own default.
    sizes = (max(1, semi_mb), memory_mb - young_mb)
    return tuple(f"{option}={size}" for option, size in zip(_OF_THE_HEAP, sizes, strict=True))
