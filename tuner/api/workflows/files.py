"""Files that a workflow is chosen from: results, figures, histories, definitions, and the undo of a change.

Each is read whole or refused in one message that names the file and the remedy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tuner.api.files import read_text, set_aside, write_text
from tuner.documents.decision import backend_kind
from tuner.documents.result import EARLIER_FOLDER, NO_RESULTS, RESULT_FILE, UNDO_FILE, ResultDocument, loads
from tuner.documents.strict_json import parse_strictly
from tuner.errors import Fault, InputError, TunerError
from tuner.model import Architecture, BackendKind, Configuration
from tuner.workflows.definition import Source
from tuner.workflows.figures import Figures, read_figures

_TEXT_OR_PLACEHOLDER = re.compile(r'"(?:[^"\\]|\\.)*"|\$\{[^}"]*\}')


def unreadable(definition: Path, results: Sequence[Path]) -> Iterator[Fault]:
    """Faults of a definition in a file, and of folders of results that are not there: all of them, before a run."""
    try:
        Source(read_definition_file(definition, "STATE_MACHINE"))
    except InputError as error:
        yield from error.faults
    for folder in results:
        if not folder.exists():
            yield Fault("--results", f"{folder} is not there", "give a folder of tuning results")


def read_results(sources: Sequence[Path | ResultDocument]) -> dict[str, ResultDocument]:
    """Result documents by the name of their function, and by the folder that holds them.

    A measurement in AWS counts before an estimate of a handler of that name, and then the newest.

    Raises:
        InputError: a file cannot be read, or a folder holds no result.
    """
    found: dict[str, ResultDocument] = {}
    for source in sources:
        named = [("", source)] if isinstance(source, Mapping) else _results_in(source)
        for folder, document in named:
            for name in {folder, document["function"]["name"]} - {""}:
                if name not in found or _rank(found[name]) <= _rank(document):
                    found[name] = document
    return found


def _rank(document: ResultDocument) -> tuple[bool, str]:
    return is_of_aws(document), document["created_at"]


def is_of_aws(document: ResultDocument) -> bool:
    """Whether a result was measured in AWS, and is no estimate from elsewhere."""
    return backend_kind(document) is BackendKind.AWS


def read_figures_file(path: Path) -> Figures:
    """Figures by hand from a file; see `tuner.workflows.figures.read_figures`."""
    return read_figures(read_json(path, "--figures"), name=str(path))


def read_undo(file: Path) -> tuple[str, dict[str, Configuration]]:
    """The region, and the size of each function, that an `undo.json` holds.

    Raises:
        InputError: it cannot be read, or `apply` did not write it so.
    """
    document = read_json(file, "--undo")
    try:
        sizes = {str(name): _configuration(size) for name, size in document["configurations"].items()}
        region = document["region"]
        if not isinstance(region, str):
            raise TypeError("region")
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        problem = f"{file} is not what --apply wrote"
        raise InputError.single("--undo", problem, "give an undo.json, or set the sizes by hand") from exc
    return region, sizes


def write_undo(
    region: str, sizes: Mapping[str, Configuration], folder: Path, *, beside: Path | None = None
) -> Path | None:
    """Write the sizes that functions had before a change, as `read_undo` reads them.

    Args:
        region: of the functions.
        sizes: by function.
        folder: that gets `undo.json`. That of an earlier change is set aside.
        beside: where other files of that change were set aside; see `set_aside`.

    Returns:
        Where the earlier one is now; None: there was none.

    Raises:
        TunerError: it cannot be written. The message tells the sizes.
    """
    configurations = {
        name: {"memory_mb": size.memory_mb, "architecture": size.architecture.value} for name, size in sizes.items()
    }
    text = json.dumps({"region": region, "configurations": configurations}, indent=1) + "\n"
    try:
        kept = set_aside(folder, [UNDO_FILE], beside=beside)
        write_text(folder / UNDO_FILE, text)
    except TunerError as exc:
        had = (f"{name} had {size}." for name, size in sizes.items())
        raise TunerError("\n".join([exc.message, "The sizes are applied all the same.", *had]), exc.hint) from exc
    return kept


def read_definition_file(path: Path, flag: str) -> Any:
    """The definition in a file; a placeholder that a template fills in may stand for a number.

    Raises:
        InputError: it cannot be read, or is not JSON.
    """
    return _parsed(_TEXT_OR_PLACEHOLDER.sub(_as_text, _text(path, flag)), path, flag)


def read_json(path: Path, flag: str) -> Any:
    """The JSON value in a file that a flag names.

    Raises:
        InputError: it cannot be read, or is not JSON.
    """
    return _parsed(_text(path, flag), path, flag)


def _as_text(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else f'"{found[0]}"'


def _parsed(text: str, path: Path, flag: str) -> Any:
    try:
        return parse_strictly(text)
    except ValueError as exc:
        raise InputError.single(flag, f"{path} is not JSON: {exc}", "give a JSON file") from exc


def _results_in(path: Path) -> list[tuple[str, ResultDocument]]:
    if path.is_dir():
        found = {*path.rglob(RESULT_FILE), *path.glob("*.json")} - {path / name for name in NO_RESULTS}
        files = sorted(file for file in found if EARLIER_FOLDER not in file.relative_to(path).parts)
        if not files:
            raise InputError.single("--results", f"{path} holds no result.json", "give a folder of tuning results")
    else:
        files = [path]
    return [
        (file.parent.name if file.name == "result.json" else file.stem, loads(_text(file, "--results"), name=str(file)))
        for file in files
    ]


def _text(path: Path, flag: str) -> str:
    remedy = "give a file that exists" + (", or an ARN" if flag == "STATE_MACHINE" else "")
    try:
        return read_text(path)
    except OSError as exc:
        raise InputError.single(flag, f"{path} cannot be read: {exc.strerror}", remedy) from exc
    except ValueError as exc:
        raise InputError.single(flag, f"{path} is no text: {exc}", "give a text file in UTF-8") from exc


def _configuration(document: Mapping[str, Any]) -> Configuration:
    return Configuration(int(document["memory_mb"]), Architecture(document["architecture"]))
