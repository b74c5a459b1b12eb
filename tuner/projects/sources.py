"""Files of a project as texts, with changes on top that nothing was written of yet.

Knows positions and files. It knows no format.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tuner.errors import InputError


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a file that a new value may replace. An empty part is where the value is inserted.

    Attributes:
        path: the file.
        start, end: characters from the start of its text.
        before, after: what stands around the new value, e.g. the quotes, or a key of its own.
        note: what a person has to know when the value is changed here.
    """

    path: Path
    start: int
    end: int
    before: str = ""
    after: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """Texts of files: those of the disk, with changes on top.

    Attributes:
        changed: new texts by file.
    """

    changed: Mapping[Path, str] = field(default_factory=dict)

    def text(self, path: Path) -> str:
        """The text of a file, with its line ends as they are.

        Raises:
            InputError: it cannot be read, or is not UTF-8.
        """
        if path in self.changed:
            return self.changed[path]
        return _read(path)

    def exists(self, path: Path) -> bool:
        """Whether there is such a file."""
        return path in self.changed or is_file(path)

    def with_value(self, place: Place, value: str) -> Sources:
        """The same with a value at a place."""
        text = self.text(place.path)
        new = text[: place.start] + place.before + value + place.after + text[place.end :]
        return replace(self, changed={**self.changed, place.path: new})

    def diff(self, root: Path) -> str:
        """The changes as a unified diff that `git apply` and `patch -p1` read. Paths are relative to `root`."""
        return "".join(self._diff_of(path, root) for path in sorted(self.changed))

    def _diff_of(self, path: Path, root: Path) -> str:
        name = Path(os.path.relpath(path.resolve(), root.resolve())).as_posix()
        lines = difflib.unified_diff(
            _lines(_read(path)), _lines(self.changed[path]), f"a/{name}", f"b/{name}", lineterm="\n"
        )
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def is_file(path: Path) -> bool:
    """Whether a file is there. No file has a name that the system refuses."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder is there. No folder has a name that the system refuses."""
    try:
        return path.is_dir()
    except OSError:
        return False


def boundary(project: Path) -> Path:
    """The folder that holds all files of a project: its repository, else the current folder, else its own folder."""
    folder = (project if project.is_dir() else project.parent).resolve()
    repository = next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), None)
    here = Path.cwd()
    return repository or (here if folder.is_relative_to(here) else folder)


def _lines(text: str) -> list[str]:
    """Lines with their ends; a form feed or a lone carriage return ends none."""
    return [line + "\n" for line in text.split("\n")[:-1]] + ([last] if (last := text.rpartition("\n")[2]) else [])


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as exc:
        raise InputError.single(str(path), f"cannot be read: {exc.strerror}", "give a template") from exc
    except UnicodeDecodeError as exc:
        raise InputError.single(str(path), "is not text in UTF-8", "save it as UTF-8") from exc
