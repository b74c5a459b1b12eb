"""Reads what `tuner tune` is asked for from flags, an input file and a run that goes on, with every fault at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuner.api.backends import default_factories, factory_of
from tuner.api.options import input_document, read_settings, renamed
from tuner.api.price_cache import current_prices
from tuner.api.records.run_folder import read_record
from tuner.aws.api.connection import Connection
from tuner.aws.api.function_reference import ALIAS_FORM, is_alias
from tuner.cli.again import RESUMED_ELSEWHERE
from tuner.cli.flags import REACHING, converted, flag_names
from tuner.cli.values import read_json_file, read_payload, read_share, read_variables
from tuner.documents.input import input_faults
from tuner.documents.power_tuning import Translation, translate
from tuner.errors import Fault, InputError, TunerError
from tuner.model import BackendKind, Notice, SamplerName, StrategyName
from tuner.settings import Settings

ONLY_IN_AWS = {"--apply": "apply_", "--alias": "alias", "--fail-above": "fail_above"}
"""Flags that mean nothing for a handler on this machine, and their parameters."""

ONLY_WITH = {"--force": ("--apply", "apply_", "alias", "input_file"), "--strict": ("--fail-above", "fail_above")}
"""Flags that change what another one does: that one, and the parameters of what they may go with."""

ONLY_HERE = {
    f"--{name}": name.replace("-", "_")
    for name in ("root", "handler", "python", "node", "env", "env-file", "timeout", "ephemeral-storage",
                 "memory-in-use", "log")
}  # fmt: skip
"""Flags that mean nothing for a function in AWS, and their parameters."""


@dataclass(frozen=True, slots=True)
class TuneRequest:
    """What a command is asked for.

    Attributes:
        settings: as typed values.
        names: what set each field of the input document, by JSONPath.
    """

    settings: Settings
    names: Mapping[str, str]


def read_request(
    target: str, options: Mapping[str, Any], connection: Connection, known: Iterable[Fault] = ()
) -> TuneRequest:
    """Read the settings of `tuner tune`.

    Args:
        target: what to tune.
        options: values of the flags by parameter.
        connection: how to reach AWS.
        known: faults that are known already.

    Raises:
        InputError: every fault of flags, files and target together.
    """
    faults = list(known)
    factory = factory_of(target, default_factories(connection, current_prices))
    asked = _asked(target, options, connection, factory.kind, faults)
    settings = read_settings(asked.document, factory, asked.names, found=faults)
    notices = (*settings.notices, *asked.notices)
    return TuneRequest(replace(settings, notices=notices, payload_file=_payload_file(options)), asked.names)


def project_faults(options: Mapping[str, Any], connection: Connection) -> list[Fault]:
    """Faults of flags that hold for every function of a project on this machine, whichever it is."""
    from tuner.local.factory import faults_of_aws

    faults: list[Fault] = []
    asked = _asked("FUNCTION", options, connection, BackendKind.LOCAL, faults)
    form = [*input_faults(asked.document), *faults_of_aws(asked.document)]
    return list(dict.fromkeys([*faults, *renamed(form, asked.names)]))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What flags and files ask for: the input document, what set its fields, and what reading it changed."""

    document: Mapping[str, Any]
    names: Mapping[str, str]
    notices: tuple[Notice, ...]


def _asked(
    target: str, options: Mapping[str, Any], connection: Connection, kind: BackendKind, faults: list[Fault]
) -> _Asked:
    """Read flags and files; what is wrong with them is added to the faults."""
    read = _input_file(options["input_file"], faults)
    base = {**_resumed_input(options["resume"], faults), **(read.document or {})}
    given = converted({name: value for name, value in options.items() if name != "payload"}, faults)
    _read_env_file(options, given, faults)
    if options["payload"] is not None:
        hidden = bool(options["disable_payload_logs"] or base.get("disablePayloadLogs"))
        base["payload"] = read_payload(options["payload"], faults, show=not hidden)
    document, parameters = input_document(target, given, base)
    names = flag_names([*parameters, *(["payload"] if options["payload"] is not None else [])])
    faults.extend(_flag_faults(options, kind))
    faults.extend(reaching_faults(connection, kind, document.get("payloadS3")))
    faults.extend(search_faults(options, document))
    return _Asked(document, names, tuple(read.notices))


def settings_of(target: str, options: Mapping[str, Any], connection: Connection, faults: list[Fault]) -> TuneRequest:
    """Settings from flags alone, for commands that take neither an input file nor a run to go on with.

    Args:
        target: what to measure.
        options: values of the flags by parameter.
        connection: how to reach AWS.
        faults: that are known already.

    Raises:
        InputError: every fault together.
    """
    given = converted({name: value for name, value in options.items() if name != "payload"}, faults)
    _read_env_file(options, given, faults)
    base = {}
    if options.get("payload") is not None:
        base["payload"] = read_payload(options["payload"], faults, show=not options["disable_payload_logs"])
    document, parameters = input_document(target, given, base)
    names = flag_names([*parameters, *base])
    factory = factory_of(target, default_factories(connection, current_prices))
    faults.extend(_only_here(options, factory.kind))
    faults.extend(reaching_faults(connection, factory.kind, document.get("payloadS3")))
    return TuneRequest(read_settings(document, factory, names, found=faults), names)


def member_settings(document: Mapping[str, Any], options: Mapping[str, Any], connection: Connection) -> Settings:
    """Settings of one function of a fleet: fields of a list, with flags that win.

    Args:
        document: fields of the list.
        options: values of the flags by parameter.
        connection: how to reach AWS.

    Raises:
        InputError: every fault together.
    """
    faults: list[Fault] = []
    given = converted({name: value for name, value in options.items() if name != "payload"}, faults)
    base = dict(translate(document).document or {})
    if options.get("payload") is not None:
        hidden = bool(options["disable_payload_logs"] or base.get("disablePayloadLogs"))
        base["payload"] = read_payload(options["payload"], faults, show=not hidden)
    target = str(base.get("lambdaARN", ""))
    whole, parameters = input_document(target, given, base)
    factory = factory_of(target, default_factories(connection, current_prices))
    if factory.kind is not BackendKind.AWS:
        faults.append(Fault("LIST", f"{target} is not in AWS", "tuner tune --from tunes a project on this machine"))
    settings = read_settings(whole, factory, flag_names(parameters), found=faults)
    return replace(settings, payload_file=_payload_file(options))


@contextmanager
def faults_named(names: Mapping[str, str]) -> Iterator[None]:
    """Tell faults that are found out later under the flags that set the fields."""
    try:
        yield
    except InputError as exc:
        raise InputError(renamed(exc.faults, names), exc.hint) from exc


@contextmanager
def handler_meant(target: str) -> Iterator[None]:
    """Tell how a handler on this machine is written, where the name of a function in AWS looks like one and fails."""
    try:
        yield
    except TunerError as error:
        from tuner.local.handler import written_as_lambda_does

        if error.result is None and (meant := written_as_lambda_does(target)):
            told = f"If you mean the handler on this machine, write {meant}"
            error.hint = "\n".join(filter(None, [error.hint, told]))
        raise


def reaching_faults(connection: Connection, kind: BackendKind, payload_s3: object) -> Iterator[Fault]:
    """Faults of flags that say how to reach AWS, where a run needs nothing of it."""
    for flag in REACHING:
        given = getattr(connection, flag.removeprefix("--").replace("-", "_"))
        if kind is BackendKind.LOCAL and not payload_s3 and given:
            remedy = "leave it out; --env gives the function variables such as AWS_PROFILE"
            yield Fault(flag, "reaches AWS, and a run on this machine needs nothing there", remedy)


def search_faults(options: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of flags that the strategy or the sampler does not heed.

    Args:
        options: values of the flags by parameter.
        document: the input document.
    """
    if options.get("balanced_weight") is not None and document.get("strategy", "") != StrategyName.BALANCED:
        yield Fault("--balanced-weight", "counts with --strategy balanced alone", "add that, or leave it out")
    if options.get("runs") is not None and document.get("sampler", "") == SamplerName.ADAPTIVE:
        yield Fault("--runs", "is of the grid, and the sampler is adaptive", "use --sampler grid, or leave it out")


def _read_env_file(options: Mapping[str, Any], given: dict[str, Any], faults: list[Fault]) -> None:
    """Add the variables of `--env-file`; those of `--env` win."""
    if options.get("env_file"):
        given["env"] = {**read_variables(Path(options["env_file"]), faults), **given.get("env", {})}


def _payload_file(options: Mapping[str, Any]) -> str | None:
    """The file of `--payload @FILE`."""
    given = options.get("payload") or ""
    return given[1:] if given.startswith("@") else None


def _resumed_input(folder: str | None, faults: list[Fault]) -> dict[str, Any]:
    """The input of the run that goes on. A fault is added when it cannot be read."""
    if folder is None:
        return {}
    try:
        return dict(read_record(Path(folder)).header["input"])
    except InputError as exc:
        faults.extend(exc.faults)
    return {}


def _input_file(name: str | None, faults: list[Fault]) -> Translation:
    """The input of an execution from a file, read as the state machine reads it. Its faults are added."""
    if name is None:
        return Translation(None)
    known = len(faults)
    loaded = read_json_file(Path(name), "--input", faults)
    if isinstance(loaded, dict):
        read = translate(loaded)
        faults.extend(read.faults)
        return read
    if len(faults) == known:
        faults.append(Fault("--input", "is not a JSON object", "give the input of an execution"))
    return Translation(None)


def _only_here(options: Mapping[str, Any], kind: BackendKind) -> Iterator[Fault]:
    """Faults of flags that mean nothing for a function in AWS."""
    for flag, parameter in ONLY_HERE.items():
        if kind is BackendKind.AWS and options.get(parameter):
            yield Fault(flag, "works on this machine alone", "leave it out: a function in AWS has its own")


def _flag_faults(options: Mapping[str, Any], kind: BackendKind) -> Iterator[Fault]:
    """Faults of what only the command line knows."""
    if options["fail_above"] is not None:
        faults: list[Fault] = []
        read_share("--fail-above", options["fail_above"], faults, example="10%")
        yield from faults
    if options["alias"] is not None and not is_alias(options["alias"]):
        yield Fault("--alias", f"{options['alias']!r} cannot be an alias", ALIAS_FORM)
    if options["resume"] and options["output"]:
        yield RESUMED_ELSEWHERE
    if options["dry_run"] and options["format_"] == "json":
        yield Fault("--format", "a plan is text, not a result", "leave out --format or --dry-run")
    for flag, (other, *needed) in ONLY_WITH.items():
        if options[flag.removeprefix("--")] and not any(map(options.get, needed)):
            yield Fault(flag, f"does nothing without {other}", f"add {other}, or leave it out")
    yield from _only_here(options, kind)
    for flag, parameter in ONLY_IN_AWS.items():
        if kind is BackendKind.LOCAL and options[parameter]:
            problem = "works in AWS alone"
            yield Fault(flag, problem, "leave it out, or tune the function in AWS by its name")
