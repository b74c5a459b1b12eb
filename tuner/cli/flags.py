"""The flags of all commands: each is declared here once, with its group, help and conversion.

A command picks the flags it takes by name. Values that a flag cannot convert are handed on as they are, so
that the schema tells every fault at once.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import wraps
from inspect import cleandoc
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from tuner.cli.values import (
    OneOf,
    RefusedValue,
    Region,
    as_names,
    as_pairs,
    as_share,
    as_sizes,
    before_equals,
    read_share,
)
from tuner.documents.validation import as_number
from tuner.errors import Fault, InputError
from tuner.redaction import HIDDEN
from tuner.shell_lines import command_lines

F = TypeVar("F", bound=Callable[..., Any])


class Topic(StrEnum):
    """Headings of the options in a command's help, in their order."""

    COMMON = "Most used"
    TARGET = "What is invoked"
    SEARCH = "Search"
    BUDGET = "Budget"
    SAFETY = "Safety"
    VERDICT = "Verdict"
    LOCAL = "On this machine"
    AWS = "AWS"
    OUTPUT = "Output"


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag.

    Attributes:
        name: as it is written, e.g. `--max-p95-ms`.
        group: its heading in the help.
        help: what it does, with its default.
        metavar: what its value is; empty: it takes none.
        convert: turns its text into a value of the input document.
        more: further arguments of `option`.
    """

    name: str
    group: Topic
    help: str
    metavar: str = ""
    convert: Callable[[Any], Any] = _same
    more: Mapping[str, Any] | None = None

    @property
    def parameter(self) -> str:
        """Its name as a Python parameter, and as an option of `tuner.tune`."""
        return self.name.removeprefix("--").replace("-", "_")

    @property
    def path(self) -> str:
        """JSONPath of the field that it sets in the input document."""
        from tuner.api.options import FIELDS  # its settings and payloads, for a path in a fault alone

        return f"$.{FIELDS[self.parameter]}"

    def option(self) -> Callable[[F], F]:
        """The click option."""
        kind: dict[str, Any] = {"metavar": self.metavar} if self.metavar else {"is_flag": True}
        return option(self.name, group=self.group, help=self.help, **kind, **(self.more or {}))


PARAMETER = re.compile(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b")
"""What can be the name of a parameter within a sentence."""
EXAMPLE_INDENT = 2
"""By how much click indents the examples."""
PROGRAMS = ("tuner ", "aws ")
"""What the commands of examples begin with."""
MISSING = "tuner.missing"
"""Says in the context of a command that an option has no value, and that nobody can look at the others."""
ONCE = "give it once"
COMMON_OPTIONS = ("quiet", "debug", "help")
"""Options of every command, which stand last."""


class GroupedOption(click.Option):
    """An option with a heading in the help, which never takes the last of several values in silence.

    Args:
        names, more: as click has them.
        group: its heading.
        several: what to do instead of giving it several times, where it takes one value.
        key: the name in a value such as NAME=VALUE, of which there may be one.
    """

    def __init__(
        self,
        *names: Any,
        group: Topic = Topic.OUTPUT,
        several: str = ONCE,
        key: Callable[[str], str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(*names, **more)
        self.group = group
        self.several = several
        self.key = key

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Have the parser collect every value: by itself it keeps the last one alone."""
        if self.is_flag or self.multiple:
            super().add_to_parser(parser, ctx)
        else:
            parser.add_option(obj=self, opts=self.opts, dest=self.name, action="append", nargs=self.nargs)

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """Read the value. One that is refused, repeated or missing is kept as a fault, to be told with all others."""
        given = opts.get(str(self.name))
        if isinstance(given, list):
            _faults_of(ctx).extend(self._repeated(given))
            opts = opts if self.multiple else {**opts, str(self.name): given[-1]}
        try:
            return super().handle_parse_result(ctx, opts, args)
        except click.MissingParameter:
            _faults_of(ctx).append(Fault(self.opts[0], "is missing", "add it"))
            ctx.meta[MISSING] = True
        except RefusedValue as refused:
            _faults_of(ctx).append(Fault(self.opts[0], refused.problem, refused.remedy))
            if self.required:
                ctx.meta[MISSING] = True
            else:  # as if it was not given
                return super().handle_parse_result(ctx, {n: v for n, v in opts.items() if n != self.name}, args)
        ctx.params[str(self.name)] = None
        return None, args

    def _repeated(self, given: Sequence[str]) -> Iterator[Fault]:
        """Faults of values of which one alone would count."""
        if len(given) > 1 and not self.multiple:
            yield Fault(self.opts[0], f"is given {len(given)} times", self.several)
        for name, times in Counter(map(self.key, given) if self.key else ()).items():
            if name and times > 1:
                yield Fault(self.opts[0], f"{name} is given {times} times", ONCE)


def _faults_of(context: click.Context) -> list[Fault]:
    """What is wrong with the values of a command's options."""
    faults: list[Fault] = context.meta.setdefault("tuner.faults", [])
    return faults


class GroupedCommand(click.Command):
    """A command whose help lists its options under headings.

    Args:
        names, more: as click has them.
        adds_faults: the function gets the `faults` of its options, adds its own, and raises all of them together.
            It does nothing else where there are any.
    """

    def __init__(self, *names: Any, adds_faults: bool = False, **more: Any) -> None:
        super().__init__(*names, **more)
        self.adds_faults = adds_faults

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            InputError: options have values that they do not take, or none: every fault together.
        """
        faults = _faults_of(ctx)
        if faults and (ctx.meta.get(MISSING) or not self.adds_faults):
            raise InputError(faults)
        if self.adds_faults:
            ctx.params["faults"] = faults
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each group that has an option."""
        found: dict[Topic, list[tuple[str, str]]] = {group: [] for group in Topic}
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        for parameter in sorted(options, key=lambda option: option.name in COMMON_OPTIONS):
            record = parameter.get_help_record(ctx)
            if record is not None:
                found[getattr(parameter, "group", Topic.OUTPUT)].append(record)
        for group, records in found.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples; those that are too long break before an option."""
        if self.epilog:
            formatter.write_paragraph()
            width = formatter.width - EXAMPLE_INDENT
            lines = [part for line in cleandoc(self.epilog).splitlines() for part in _example_lines(line, width)]
            with formatter.indentation():
                formatter.write_text("\n".join(lines))


def _example_lines(line: str, width: int) -> list[str]:
    """A line of the examples; a command that is too long in several."""
    text = line.lstrip()
    if len(line) <= width or not text.startswith(PROGRAMS):
        return [line]
    return command_lines(text, width, line[: -len(text)])


def command(**more: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Declare a command of the tool: its help is grouped, and it has `--quiet` and `--debug`."""

    def declare(function: Callable[..., Any]) -> click.Command:
        return click.command(cls=GroupedCommand, **more)(_common(function))

    return declare


def option(*names: str, group: Topic, **more: Any) -> Callable[[F], F]:
    """Declare an option that one command alone has. A default such as 14.0 is shown as 14."""
    default = more.get("default")
    if isinstance(default, float) and default.is_integer():
        more["default"] = int(default)
    return click.option(*names, cls=GroupedOption, group=group, **more)


def _common(function: F) -> F:
    quiet = option("--quiet", group=Topic.OUTPUT, is_flag=True, help="Show no progress.")
    debug = option(
        "--debug", group=Topic.OUTPUT, is_flag=True, expose_value=False, help="Show the traceback of an error."
    )
    return debug(quiet(function))


def format_flag(*formats: str, default: str = "text", help_: str = "What stdout carries.") -> Callable[[F], F]:
    """`--format`."""
    return option(
        "--format", "format_", group=Topic.OUTPUT, type=OneOf(formats), default=default, show_default=True,
        help=help_,
    )  # fmt: skip


REACHING = ("--profile", "--role-arn", "--endpoint-url")
"""Flags that say how to reach AWS, beside the region, which also has its prices."""


def aws_flags(purpose: str = "", *, region: bool = True) -> Callable[[F], F]:
    """`--region`, `--profile`, `--role-arn` and `--endpoint-url`; the command gets them as one `connection`.

    Args:
        purpose: what AWS is reached for, where that is not the command's whole work.
        region: whether the command takes a region. Others take it from an ARN.
    """
    told = f", for {purpose}" if purpose else ""
    flags = {
        "region": ("NAME", f"AWS region{told}."),
        "profile": ("NAME", f"AWS profile{told}."),
        "role_arn": ("ARN", f"Role to assume, e.g. in another account{told}."),
        "endpoint_url": ("URL", f"Endpoint of all AWS services{told}."),
    }
    if not region:
        del flags["region"]

    def declare(function: F) -> F:
        @wraps(function)
        def connected(*arguments: Any, **options: Any) -> Any:
            from tuner.aws.api.connection import Connection

            values = {name: options.pop(name) for name in flags}
            return function(*arguments, connection=Connection(**values), **options)

        declared: Any = connected
        for name, (metavar, text) in reversed(flags.items()):
            flag = f"--{name.replace('_', '-')}"
            kind = Region() if name == "region" else None
            declared = option(flag, group=Topic.AWS, metavar=metavar, type=kind, help=text)(declared)
        return declared  # type: ignore[no-any-return]

    return declare


FLAGS = (
    Flag("--payload", Topic.COMMON, "One payload, or a weighted list: [{payload, weight}, …].", "JSON|@FILE",
         more={"several": "give several as one list, [{payload, weight}, …]"}),
    Flag("--power-values", Topic.COMMON, "128,512,1024, or 128-3008, or all. [default: every size allowed]", "SIZES",
         as_sizes, {"several": "give several as one list, 128,512"}),
    Flag("--arch", Topic.COMMON, "current, x86_64, arm64 or both. [default: current]", "ARCH",
         more={"several": "both measures x86_64 and arm64"}),
    Flag("--strategy", Topic.COMMON, "cost, speed or balanced. [default: cost]", "NAME"),
    Flag("--max-p95-ms", Topic.COMMON, "Constraint: 95th percentile of the duration at most.", "MS", as_number),
    Flag("--payload-s3", Topic.TARGET, "Payload in S3. Wins over --payload.", "S3URL"),
    Flag("--pre-processor", Topic.TARGET, "Function called before each run. Its answer replaces the payload.", "ARN"),
    Flag("--post-processor", Topic.TARGET, "Function called with the output of each run.", "ARN"),
    Flag("--allowed-exceptions", Topic.TARGET, "Error types that count as normal runs, e.g. NotFound,Gone.", "NAMES",
         as_names, {"several": "give several as one list, NotFound,Gone"}),
    Flag("--only-cold-starts", Topic.TARGET, "Make every run in a new environment."),
    Flag("--sleep-between-runs-ms", Topic.TARGET, "Pause between runs in an environment. [default: 0]", "MS",
         as_number),
    Flag("--code-for", Topic.TARGET, "Package for an architecture: s3://bucket/key, or an image. May be repeated.",
         "ARCH=URI", as_pairs, {"multiple": True, "key": before_equals}),
    Flag("--balanced-weight", Topic.SEARCH, "For balanced: 0 is speed, 1 is cost. [default: 0.5]", "0..1", as_number),
    Flag("--max-cost-per-million", Topic.SEARCH, "Constraint: cost of a million invocations at most.", "USD",
         as_number),
    Flag("--min-memory", Topic.SEARCH, "Constraint: memory size at least.", "MB", as_number),
    Flag("--max-error-rate", Topic.SEARCH, "Recommend no size whose runs fail more often. [default: 5%]", "PERCENT",
         as_share),
    Flag("--sampler", Topic.SEARCH, "adaptive or grid. [default: adaptive, or grid with --runs]", "NAME"),
    Flag("--runs", Topic.SEARCH, "Runs of each configuration. Asks for the grid. [default: 10]", "N", as_number),
    Flag("--environments", Topic.SEARCH, "Execution environments of a trial. [default: 2]", "N", as_number),
    Flag("--concurrency", Topic.SEARCH, "Invocations at once. [default: 10]", "N", as_number),
    Flag("--tolerance", Topic.SEARCH, "Stop when the answer is this close to the best. [default: 2%]", "PERCENT",
         as_share),
    Flag("--cold-start-share", Topic.SEARCH, "Share of invocations that are cold starts. [default: 0%]", "PERCENT",
         as_share),
    Flag("--discard-top-bottom", Topic.SEARCH, "Fraction left out on each side for trimmed means. [default: 0.2]",
         "0..0.4", as_number),
    Flag("--seed", Topic.SEARCH, "Source of every random choice. [default: 0]", "N", as_number),
    Flag("--max-invocations", Topic.BUDGET, "Stop after this many invocations.", "N", as_number),
    Flag("--max-usd", Topic.BUDGET, "Stop after this much money.", "USD", as_number),
    Flag("--max-seconds", Topic.BUDGET, "Stop after this much time.", "S", as_number),
    Flag("--invocations-per-month", Topic.BUDGET, "Traffic of the function, for the money shown.", "N", as_number),
    Flag("--discount", Topic.BUDGET, "Discount on the duration price, e.g. 12% for a Savings Plan.", "PERCENT",
         as_share),
    Flag("--isolation", Topic.SAFETY, "copy, versions, or auto: copies where they are safe. [default: auto]", "HOW"),
    Flag("--root", Topic.LOCAL, "Folder of the function's code. [default: that of the handler's file]", "DIR"),
    Flag("--handler", Topic.LOCAL, "Handler name for a bootstrap, or for a command after --.", "NAME"),
    Flag("--python", Topic.LOCAL, "Python of the handler: a program, or an environment such as .venv.", "PATH"),
    Flag("--node", Topic.LOCAL, "Node.js of the handler: a program.", "PATH"),
    Flag("--env", Topic.LOCAL, "Environment variable of the function. May be repeated; of a name the last counts.",
         "KEY=VALUE", as_pairs, {"multiple": True}),
    Flag("--timeout", Topic.LOCAL, "Timeout of an invocation. [default: 900]", "S", as_number),
    Flag("--ephemeral-storage", Topic.LOCAL, "Size of /tmp. [default: 512]", "MB", as_number),
    Flag("--memory-in-use", Topic.LOCAL, "Memory size in use, to compare with. --from knows it.", "MB", as_number),
    Flag("--log", Topic.LOCAL, "File that gets all output of the function.", "FILE"),
    Flag("--disable-payload-logs", Topic.SAFETY, "Keep payloads out of messages and results."),
)  # fmt: skip
"""Every flag that sets a field of the input document."""
_BY_NAME = {flag.name: flag for flag in FLAGS}


def settings_flags(*names: str, **told: str) -> Callable[[F], F]:
    """Declare flags that set fields of the input document.

    Args:
        names: the flags; none: all of them.
        told: other help texts, by parameter.
    """
    chosen = [_BY_NAME[name] for name in names or _BY_NAME]

    def declare(function: F) -> F:
        for flag in reversed(chosen):
            function = replace(flag, help=told.get(flag.parameter, flag.help)).option()(function)
        return function

    return declare


def converted(options: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """The values of the flags that were given. A fault is added for each that cannot be read in one way."""
    values = {
        flag.parameter: flag.convert(options[flag.parameter])
        for flag in FLAGS
        if options.get(flag.parameter) not in (None, False, ())
    }
    for flag in FLAGS:
        if flag.convert is as_share and flag.parameter in values:
            values[flag.parameter] = read_share(flag.name, options[flag.parameter], faults, bounds=_bounds(flag))
            if math.isnan(values[flag.parameter]):
                del values[flag.parameter]
        if flag.convert is as_pairs:
            parts = [text.partition("=") for text in options.get(flag.parameter) or ()]
            remedy = f"write it as {flag.metavar}"
            faults += [Fault(flag.name, f"{name} has no =", remedy) for name, equals, _ in parts if not equals]
            faults += [
                Fault(flag.name, "a value has no name", remedy) for name, equals, _ in parts if equals and not name
            ]
            hidden = [name for name, value in values.get(flag.parameter, {}).items() if value == HIDDEN]
            faults += [Fault(flag.name, f"the value of {name} is not filled in", "put it there") for name in hidden]
    return values


def _bounds(flag: Flag) -> Mapping[str, float]:
    """The bounds of the field that a flag sets."""
    from tuner.documents.input import input_schema

    bounds: Mapping[str, float] = input_schema()["properties"][flag.path.removeprefix("$.")]
    return bounds


def unheeded(flags: Iterable[str], problem: str, remedy: str = "leave it out") -> list[Fault]:
    """Faults of options that were given, and that nothing heeds beside the others.

    Args:
        flags: that nothing heeds.
        problem: why.
        remedy: what to do instead.
    """
    context = click.get_current_context()
    names = {parameter.opts[0]: parameter.name or "" for parameter in context.command.params}
    given = (flag for flag in flags if context.get_parameter_source(names[flag]) is ParameterSource.COMMANDLINE)
    return [Fault(flag, problem, remedy) for flag in given]


def as_flags(faults: Iterable[Fault], **others: str) -> list[Fault]:
    """Faults of the library as the command line spells them: names of parameters become flags, also in sentences.

    Arguments are in capitals, as in the help.

    Args:
        faults: with names of parameters.
        others: names that are no parameters of the command, and what the command line calls them.
    """
    declared = click.get_current_context().command.params
    names = {p.name: p.opts[0] for p in declared if isinstance(p, click.Option)} | others
    arguments = {p.name: p.human_readable_name for p in declared if isinstance(p, click.Argument)}

    def spelt(text: str) -> str:
        return PARAMETER.sub(lambda found: names.get(found[0], found[0]), text)

    return [Fault((arguments | names).get(f.path, f.path), spelt(f.problem), spelt(f.remedy)) for f in faults]


def flag_names(parameters: Sequence[str]) -> dict[str, str]:
    """Names of flags by the JSONPath of the field that each sets."""
    return {"$.lambdaARN": "TARGET"} | {flag.path: flag.name for flag in FLAGS if flag.parameter in parameters}
