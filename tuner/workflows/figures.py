"""What a definition leaves open: chances, item counts, failures, times of what is no function, and orchestration.

Figures come from recorded executions, from a file, and from flags; those given by hand win.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tuner.errors import Fault, InputError
from tuner.workflows.flow import TASK_OVERHEAD_MS, TRANSITION_MS


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures by the name of a state, which is unique in a state machine.

    Attributes:
        chances: for each state, how often each next state follows; an empty name ends the flow.
        items: numbers of items of a Map, each as likely as the others.
        failures: chance that an attempt of a state fails and is tried again.
        durations_ms: mean time of a state that invokes no function.
        overheads_ms: what a Task takes beside its function, a Parallel or a Map beside what is inside it.
        functions: function of a Task that names it only when it runs.
        task_overhead_ms: the same of every other Lambda task; None: not known.
        transition_ms: time between two states; None: not known.
    """

    chances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    items: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    failures: Mapping[str, float] = field(default_factory=dict)
    durations_ms: Mapping[str, float] = field(default_factory=dict)
    overheads_ms: Mapping[str, float] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)
    task_overhead_ms: float | None = None
    transition_ms: float | None = None

    @property
    def task_or_default_ms(self) -> float:
        """Orchestration of a task, the published figure where none is known."""
        return TASK_OVERHEAD_MS if self.task_overhead_ms is None else self.task_overhead_ms

    @property
    def transition_or_default_ms(self) -> float:
        """Time between states, the published figure where none is known."""
        return TRANSITION_MS if self.transition_ms is None else self.transition_ms

    def overridden_by(self, other: Figures) -> Figures:
        """These figures, where the other has none of its own."""
        merged: dict[str, Any] = {}
        for each in fields(self):
            ours, theirs = getattr(self, each.name), getattr(other, each.name)
            merged[each.name] = {**ours, **theirs} if isinstance(ours, Mapping) else ours if theirs is None else theirs
        return Figures(**merged)


def read_figures(document: Any, *, name: str, flags: Mapping[str, str] | None = None) -> Figures:
    """Figures from a file, or from flags.

    Args:
        document: {"chances": {state: {next: 0.8}}, "items": {state: 12}, "failures": {state: 0.01},
            "durations_ms": {state: 250}, "overheads_ms": {state: 20}, "functions": {state: name},
            "task_overhead_ms": 15, "transition_ms": 8};
            every member may be left out.
        name: of the file, for messages.
        flags: the flag that gave each member, for messages, where it is no file.

    Raises:
        InputError: every member that is wrong.
    """
    if not isinstance(document, dict):
        raise InputError.single(name, "is not a JSON object", "see docs/workflows.md for its members")
    faults: list[Fault] = []
    known = {each.name for each in fields(Figures)}
    faults += [
        Fault(f"{name}: {key}", "is not known", "one of " + ", ".join(sorted(known))) for key in document.keys() - known
    ]
    given: dict[str, Any] = {}
    for key in known & document.keys():
        try:
            given[key] = _READERS[key](document[key])
        except ValueError as exc:
            faults.append(Fault((flags or {}).get(key, f"{name}: {key}"), str(exc), "see docs/workflows.md"))
    if faults:
        raise InputError(faults)
    return Figures(**given)


MOST_SHOWN = 40
"""Characters of a value in a message."""
MOST_ITEMS = 100_000_000
"""Items of a Map at most: a distributed one reads so many (Step Functions quotas, 2026-11)."""
LONGEST_MS = 365 * 86_400_000.0
"""A year: no execution lasts longer (Step Functions quotas, 2026-11)."""


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{_shown(value)} is not a number")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{_shown(value)} is not a number that can be used") from None


def _share(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError(f"{_shown(value)} is not within 0..1")
    return number


def _time_ms(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= LONGEST_MS:
        raise ValueError(f"{_shown(value)} is not a time from 0 ms to a year")
    return number


def _count(value: Any) -> int:
    number = _number(value)
    if not (0 <= number <= MOST_ITEMS and number == int(number)):
        raise ValueError(f"{_shown(value)} is not a number of items from 0 to {MOST_ITEMS:,}")
    return int(number)


def _counts(value: Any) -> tuple[int, ...]:
    counts = tuple(_count(count) for count in (value if isinstance(value, list) else [value]))
    if not counts:
        raise ValueError("it names no number of items")
    return counts


def _function_name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{_shown(value)} is not the name of a function")
    return value


def _chances(value: Any) -> dict[str, float]:
    if not isinstance(value, dict):
        raise ValueError(f"{_shown(value)} does not name the states that follow")
    chances = {str(target): _share(chance) for target, chance in value.items()}
    if abs(sum(chances.values()) - 1) > 1e-3:
        raise ValueError(f"chances sum to {sum(chances.values()):g}, not to 1")
    return chances


def _by_state(read: Any) -> Any:
    def read_all(document: Any) -> dict[str, Any]:
        if not isinstance(document, dict):
            raise ValueError(f"{_shown(document)} does not name states")
        return {state: _of_state(read, state, value) for state, value in document.items()}

    return read_all


def _of_state(read: Any, state: str, value: Any) -> Any:
    try:
        return read(value)
    except ValueError as exc:
        raise ValueError(f"{state}: {exc}") from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


_READERS = {
    "chances": _by_state(_chances),
    "items": _by_state(_counts),
    "failures": _by_state(_share),
    "durations_ms": _by_state(_time_ms),
    "overheads_ms": _by_state(_time_ms),
    "functions": _by_state(_function_name),
    "task_overhead_ms": _time_ms,
    "transition_ms": _time_ms,
}
