"""What can be wrong with a request beside its form: found out before anything is started, and told together.

A handler on this machine is loaded in a worker, and so are its processors; of a function in AWS
only the name is judged here, for the rest is read from AWS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tuner.cli.tuning import is_local
from tuner.documents.input import local_options
from tuner.errors import Fault, InputError
from tuner.search.space import search_space
from tuner.settings import Settings

ONLY_IN_AWS = {
    "$.isolation": "isolation",
    "$.codeFor": "codeFor",
    "$.autoOptimize": "autoOptimize",
    "--apply": "apply_",
    "--alias": "alias",
    "--fail-above": "fail_above",
}
"""What a handler on this machine has no use for, by its name in the input document or among the options."""


def target_faults(target: str, document: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of the target, of its processors, and of what it cannot honour.

    Args:
        target: as the user gave it.
        document: the input document; its form may be at fault too.
        options: of the command, by parameter name.
    """
    if not is_local(target):
        yield from _name_faults(target)
        return
    from tuner.local.backend import handler_faults

    processors = {path: document.get(path.removeprefix("$.")) for path in ("$.preProcessorARN", "$.postProcessorARN")}
    for path, text in {"TARGET": target, **processors}.items():
        if isinstance(text, str):
            yield from (
                Fault(path, fault.problem, fault.remedy) for fault in handler_faults(text, local_options(document))
            )
    for path, name in ONLY_IN_AWS.items():
        if (document if path.startswith("$") else options).get(name):
            problem = "cannot be had for a handler on this machine"
            yield Fault(path, problem, "leave it out, or tune the function in AWS by its name")


def space_faults(settings: Settings) -> tuple[Fault, ...]:
    """Why nothing of what is asked for can be measured on this machine; in AWS that depends on the function."""
    if not is_local(settings.target):
        return ()
    from tuner.local.host import architecture, max_memory_mb
    from tuner.model import BackendKind, FunctionIdentity

    here = architecture()
    machine = FunctionIdentity(settings.target, BackendKind.LOCAL, (here,) if here else (), max_memory_mb())
    try:
        search_space(settings, machine)
    except InputError as exc:
        return exc.faults
    return ()


def _name_faults(target: str) -> tuple[Fault, ...]:
    from tuner.aws.api.function_reference import parse_function_reference

    try:
        parse_function_reference(target)
    except InputError as exc:
        return exc.faults
    return ()
