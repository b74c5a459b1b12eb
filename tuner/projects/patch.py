"""Changes the settings of functions where they are written, and nothing else.

Each change is tried on the texts and read back: it stands only when the function then has the new value, and every
other function has what it had. So a shared value is never changed for one function alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tuner.errors import Fault, InputError
from tuner.model import Configuration
from tuner.projects.cdk import cdk_hint
from tuner.projects.discovery import read_functions, read_uses
from tuner.projects.functions import DeclaredFunction, Format, Setting, find_deployed, find_local, find_named
from tuner.projects.sources import Place, Sources, boundary


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a function should have.

    Attributes:
        function: its name in AWS, or its target on this machine.
        configuration: memory and architecture.
        named: its name in the project's files; None: the name in AWS or the target finds it.
        compared: whether the architecture was compared with the other one. If not, it stays.
        source: where its result is, for errors.
        note: what a person has to know of the configuration before it is used; empty: nothing.
    """

    function: str
    configuration: Configuration
    named: str | None = None
    compared: bool = True
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Patched:
    """What became of one function.

    Attributes:
        wanted: what it should have.
        name: its name in the project's file; empty: it was not found.
        changes: what was changed, in words.
        left_alone: what was not changed, and why.
        notes: what a person has to know, or to do as well.
    """

    wanted: Wanted
    name: str = ""
    changes: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectPatch:
    """The texts after all changes, and what became of each function."""

    sources: Sources
    functions: tuple[Patched, ...]

    @property
    def complete(self) -> bool:
        """Whether every function has what it should have."""
        return not any(function.left_alone for function in self.functions)

    def root(self, project: Path) -> Path:
        """Where the paths of a diff start: the current folder, or that of the project if a file lies elsewhere."""
        here = Path.cwd()
        inside = all(path.resolve().is_relative_to(here) for path in self.sources.changed)
        return here if inside else boundary(project)


def make_patch(path: Path, wanted: Iterable[Wanted]) -> ProjectPatch:
    """Change what functions should have, one after the other.

    Args:
        path: a file or the folder of a project.
        wanted: functions and their configurations.

    Raises:
        InputError: the project cannot be read, or defines no function; or two results are of one function.
    """
    sources = Sources()
    done = []
    for one in wanted:
        sources, patched = _patch_one(path, sources, one)
        done.append(patched)
    _require_one_each(done)
    return ProjectPatch(sources, tuple(done))


def _require_one_each(functions: Iterable[Patched]) -> None:
    """Make sure that no function is patched twice, where the last result would win.

    Raises:
        InputError: one is.
    """
    first: dict[str, Patched] = {}
    faults = [
        Fault(patched.wanted.source, f"is a result of {patched.name}, as {before.wanted.source} is", "give one of them")
        for patched in functions
        if patched.name and (before := first.setdefault(patched.name, patched)) is not patched
    ]
    if faults:
        raise InputError(faults)


def _patch_one(path: Path, sources: Sources, wanted: Wanted) -> tuple[Sources, Patched]:
    functions = read_functions(path, sources)
    found = _find(functions, wanted)
    if len(found) != 1:
        reason = _not_one(wanted.named or wanted.function, found or functions, bool(found))
        return sources, Patched(wanted, left_alone=(reason,))
    function = found[0]
    patched = Patched(wanted, function.name)
    for kind in (_MEMORY, _ARCHITECTURE):
        sources, patched = _change(path, sources, patched, kind)
    if function.format is Format.CDK and patched.left_alone:
        root = path if path.is_dir() else path.parent
        patched = replace(patched, left_alone=(cdk_hint(function, wanted.configuration, root),))
    if wanted.note and (patched.changes or patched.left_alone):
        patched = replace(patched, notes=(*patched.notes, wanted.note))
    return sources, patched


def _find(functions: tuple[DeclaredFunction, ...], wanted: Wanted) -> tuple[DeclaredFunction, ...]:
    if wanted.named is not None:
        return find_named(functions, wanted.named)
    return find_deployed(functions, wanted.function) or find_local(functions, wanted.function)


def _not_one(name: str, functions: Sequence[DeclaredFunction], several: bool) -> str:
    names = ", ".join(function.name for function in functions)
    if not several and any(function.name == name for function in functions):
        return f"{name} here has another name in AWS, or an unknown one: confirm it with --function {name}"
    if several:
        return f"{name} can be {names}: name the one with --function"
    return f"{name} is none of the functions here ({names}): name one with --function"


@dataclass(frozen=True, slots=True)
class SettingKind:
    """One of the two settings: what people and files call it, and how a function and a configuration have it."""

    name: str
    keys: frozenset[str]
    of: Callable[[DeclaredFunction], Setting]
    wanted: Callable[[Configuration], str]


_MEMORY = SettingKind(
    "memory size",
    frozenset({"MemorySize", "memorySize", "memory_size"}),
    lambda found: found.memory,
    lambda wanted: str(wanted.memory_mb),
)
_ARCHITECTURE = SettingKind(
    "architecture",
    frozenset({"Architectures", "architecture", "architectures"}),
    lambda found: found.architecture,
    lambda wanted: wanted.architecture.value,
)


def _change(path: Path, sources: Sources, patched: Patched, kind: SettingKind) -> tuple[Sources, Patched]:
    """Change one setting at the first place where that changes it for this function alone."""
    before = {function.name: function for function in read_functions(path, sources)}
    setting = kind.of(before[patched.name])
    value = kind.wanted(patched.wanted.configuration)
    if setting.value == value:
        return sources, patched
    if kind is _ARCHITECTURE and not patched.wanted.compared:
        told = f"the architecture stays {setting.value or 'as it is'}: {value} alone was measured"
        return sources, replace(patched, notes=(*patched.notes, told))
    reason = setting.reason
    for place in setting.places:
        changed = sources.with_value(place, value)
        fault = (
            _outside(path, place.path)
            or _fault(path, changed, before, patched.name, kind, value)
            or _used_elsewhere(path, sources, changed, patched.name, kind)
        )
        if not fault:
            return changed, _with_change(patched, kind, setting, value, place, sources)
        reason = reason or fault
    told = f"{kind.name} {setting.value or 'unknown'} -> {value}: {reason or 'it is written nowhere in these files'}"
    return sources, replace(patched, left_alone=(*patched.left_alone, told))


def _with_change(
    patched: Patched, kind: SettingKind, setting: Setting, value: str, place: Place, sources: Sources
) -> Patched:
    line = sources.text(place.path).count("\n", 0, place.start) + 1
    told = f"{kind.name} {setting.value} -> {value} ({place.path.name}:{line})"
    notes = (place.note.format(value=value),) if place.note else ()
    return replace(patched, changes=(*patched.changes, told), notes=(*patched.notes, *notes))


def _fault(
    path: Path, changed: Sources, before: dict[str, DeclaredFunction], name: str, kind: SettingKind, value: str
) -> str:
    """Why a change does not do what it should, and nothing else; empty: it does."""
    try:
        after = {function.name: function for function in read_functions(path, changed)}
    except InputError:
        return "the file could not be read after the change"
    if after.keys() != before.keys():
        return "the change would add or remove a function"
    result = kind.of(after[name])
    if result.value != value:
        return result.reason or "the change does not reach the function"
    others = [other for other in before if other != name and _values(after[other]) != _values(before[other])]
    return f"the same value is of {', '.join(others)} too" if others else ""


def _outside(project: Path, path: Path) -> str:
    """Why a file is none of the project's; empty: it is one."""
    within = boundary(project)
    return "" if path.resolve().is_relative_to(within) else f"{path} is outside of {within}"


def _used_elsewhere(path: Path, sources: Sources, changed: Sources, name: str, kind: SettingKind) -> str:
    """What else a change alters; empty: nothing."""
    before, after = read_uses(path, sources), read_uses(path, changed)
    places = [
        f"{key} of {owner}"
        for owner, key in {**before, **after}
        if before.get((owner, key)) != after.get((owner, key)) and not (owner == name and key in kind.keys)
    ]
    return f"{', '.join(places)} uses the same value" if places else ""


def _values(function: DeclaredFunction) -> tuple[str | None, str | None]:
    return function.memory.value, function.architecture.value
