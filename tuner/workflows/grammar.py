"""Checks that a definition has the form of the Amazon States Language, as far as the tool reads it.

Every field that is read has its type and its limits here, so that what reads a definition meets no other.
Refuses to know what a workflow takes, and fields that change neither time nor cost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tuner.errors import Fault

DEEPEST = 30
"""Levels of branches and bodies inside each other; a definition of 1 MB has far fewer."""
LONGEST_S = 99_999_999
"""Seconds that a Wait, a Retry and a timeout may have (Amazon States Language, States and Retriers)."""
_SHOWN = 40
"""Characters of a value in a message."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a field may hold, in code and in words."""

    accepts: Callable[[Any], bool]
    wanted: str


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_expression(value: Any) -> bool:
    """JSONata, or the placeholder of a template."""
    return isinstance(value, str) and value.strip().startswith(("{%", "${"))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(low: float, high: float = LONGEST_S) -> _Rule:
    return _Rule(lambda v: _is_number(v) and low <= v <= high, f"a number from {low:g} to {high:,}")


def _or_expression(rule: _Rule) -> _Rule:
    return _Rule(lambda v: _is_expression(v) or rule.accepts(v), f"{rule.wanted}, or a JSONata expression")


_STATE = _Rule(_is_text, "the name of a state")
_OBJECTS = _Rule(lambda v: isinstance(v, list) and all(isinstance(e, Mapping) for e in v), "a list of objects")
_RULES: Mapping[str, _Rule] = {
    "Type": _Rule(_is_text, "a type of state, such as Task"),
    "Next": _STATE,
    "Default": _STATE,
    "End": _Rule(lambda v: isinstance(v, bool), "true or false"),
    "Resource": _Rule(_is_text, "the ARN of what it calls"),
    "Seconds": _or_expression(_number(0)),
    "MaxConcurrency": _or_expression(_number(0)),
    "Items": _or_expression(_Rule(lambda v: isinstance(v, list), "a list")),
    "Choices": _OBJECTS,
    "Catch": _OBJECTS,
    "Retry": _OBJECTS,
    "Branches": _OBJECTS,
    "IntervalSeconds": _number(1),
    "MaxAttempts": _number(0),
    "BackoffRate": _number(1),
    "MaxDelaySeconds": _number(1),
}
_NEEDED: Mapping[str, tuple[str, ...]] = {"Task": ("Resource",), "Choice": ("Choices",), "Parallel": ("Branches",)}
"""Fields without which a state of a type means nothing."""
_WITHOUT_NEXT = ("Choice", "Succeed", "Fail")
"""Types of states that have neither Next nor End of their own."""
_WITH_NEXT = ("Choices", "Catch")
"""Lists whose entries lead to a state."""
_RETRIER = ("IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds")


def grammar_faults(definition: Any, path: str = "$") -> list[Fault]:
    """What keeps a definition from being read, every fault at once.

    Args:
        definition: a JSON value.
        path: what to call it.
    """
    return list(_machine(definition, path, {}, 1))


def _machine(machine: Any, path: str, seen: dict[str, str], level: int) -> Iterator[Fault]:
    """A definition, a branch or a body. `seen`: where each name of a state was met first."""
    if not isinstance(machine, Mapping):
        yield _wrong(path, machine, "an object with StartAt and States")
        return
    states = machine.get("States")
    if not isinstance(states, Mapping) or not states:
        yield Fault(path, "has no States", "give a definition in the Amazon States Language")
        return
    if level > DEEPEST:
        yield Fault(path, f"lies more than {DEEPEST} levels deep", "move it into a state machine of its own")
        return
    start = machine.get("StartAt")
    if not (isinstance(start, str) and start in states):
        yield Fault(f"{path}.StartAt", f"{_shown(start)} is no state", "name the first state")
    for name, state in states.items():
        where = _state_path(path, name)
        if name in seen:
            yield Fault(where, f"has the name of {seen[name]}", "names are unique in a whole state machine")
        seen.setdefault(name, where)
        yield from _state(state, where, states, seen, level)
    yield from _strays(states, start, path)


def _state(state: Any, path: str, states: Mapping[str, Any], seen: dict[str, str], level: int) -> Iterator[Fault]:
    if not isinstance(state, Mapping):
        yield _wrong(path, state, "an object with a Type")
        return
    faults = [*_form(state, path)] or [*_ways(state, path, states)]
    yield from faults
    if not faults:
        yield from _inside(state, path, seen, level)


def _form(state: Mapping[str, Any], path: str) -> Iterator[Fault]:
    """Fields of a state that are missing or hold what they must not."""
    faults = [*_fields(state, path, ("Type", *_NEEDED.get(str(state.get("Type")), ())))]
    yield from faults or _entries(state, path)


def _entries(state: Mapping[str, Any], path: str) -> Iterator[Fault]:
    """What is wrong inside the lists of a state."""
    for name in _WITH_NEXT:
        for number, entry in enumerate(state.get(name, ())):
            yield from _fields(entry, f"{path}.{name}[{number}]", ("Next",))
    for number, retrier in enumerate(state.get("Retry", ())):
        yield from _fields({k: retrier[k] for k in _RETRIER if k in retrier}, f"{path}.Retry[{number}]", ())


def _fields(holder: Mapping[str, Any], path: str, needed: tuple[str, ...]) -> Iterator[Fault]:
    for name, rule in _RULES.items():
        if name in holder and not rule.accepts(holder[name]):
            yield _wrong(f"{path}.{name}", holder[name], rule.wanted)
        elif name not in holder and name in needed:
            yield Fault(f"{path}.{name}", "is missing", f"give {rule.wanted}")


def _ways(state: Mapping[str, Any], path: str, states: Mapping[str, Any]) -> Iterator[Fault]:
    """States that do not exist, and a state of which not exactly one thing is said to follow."""
    targets = next_states(state)
    for target in dict.fromkeys(targets):
        if target not in states:
            yield Fault(path, f"leads to {_shown(target)}, which does not exist", "name a state beside it")
    given = [name for name, is_given in (("Next", "Next" in state), ("End", bool(state.get("End")))) if is_given]
    kind = state["Type"]
    if kind == "Choice" and not targets:
        yield Fault(path, "has no choices", "give at least one choice, or a Default")
    if kind in _WITHOUT_NEXT:
        yield from (Fault(f"{path}.{name}", f"is not allowed in a {kind} state", "leave it out") for name in given)
    elif not given:
        yield Fault(path, "has neither Next nor End", "say what follows it")
    elif len(given) > 1:
        yield Fault(path, "has both Next and End", "leave one out")


def _strays(states: Mapping[str, Any], start: Any, path: str) -> Iterator[Fault]:
    """States that nothing leads to; a state machine that has one cannot be created."""
    well_formed = all(isinstance(state, Mapping) and not [*_form(state, "")] for state in states.values())
    if not (isinstance(start, str) and start in states and well_formed):
        return
    reached = _reached(states, start)
    for name in states:
        if name not in reached:
            yield Fault(_state_path(path, name), "is a state that nothing leads to", "lead to it, or leave it out")


def _reached(states: Mapping[str, Any], start: str) -> set[str]:
    reached, ahead = set[str](), [start]
    while ahead:
        name = ahead.pop()
        if name in states and name not in reached:
            reached.add(name)
            ahead += next_states(states[name])
    return reached


def _state_path(path: str, name: str) -> str:
    return f"{path}.States.{name}" if name.isidentifier() else f"{path}.States[{_shown(name)}]"


def _inside(state: Mapping[str, Any], path: str, seen: dict[str, str], level: int) -> Iterator[Fault]:
    if state["Type"] == "Parallel":
        for number, branch in enumerate(state["Branches"]):
            yield from _machine(branch, f"{path}.Branches[{number}]", seen, level + 1)
    if state["Type"] == "Map":
        name = "Iterator" if "Iterator" in state and "ItemProcessor" not in state else "ItemProcessor"
        processor = state.get(name)
        yield from _machine(processor, f"{path}.{name}", seen, level + 1)
        config = processor.get("ProcessorConfig", {}) if isinstance(processor, Mapping) else {}
        if not isinstance(config, Mapping):
            yield _wrong(f"{path}.{name}.ProcessorConfig", config, "an object")
        elif config.get("Mode", "INLINE") not in ("INLINE", "DISTRIBUTED"):
            yield _wrong(f"{path}.{name}.ProcessorConfig.Mode", config["Mode"], "INLINE or DISTRIBUTED")


def next_states(state: Mapping[str, Any]) -> list[str]:
    """The names of the states that may follow, in the order of the definition."""
    targets = [choice["Next"] for choice in state.get("Choices", ())]
    targets += [state[key] for key in ("Default", "Next") if key in state]
    return targets + [catcher["Next"] for catcher in state.get("Catch", ())]


def _wrong(path: str, value: Any, wanted: str) -> Fault:
    return Fault(path, f"{_shown(value)} is not {wanted}", f"give {wanted}")


def _shown(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=True, default=repr)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
