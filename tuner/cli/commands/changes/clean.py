"""`tuner clean`: undoes what a killed run left on a function."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.flags import Topic, as_flags, aws_flags, option
from tuner.cli.flags import command as declare
from tuner.cli.output import say
from tuner.errors import Fault, InputError, or_faults

if TYPE_CHECKING:
    from tuner.aws.api.connection import Connection

STATE_MACHINE_ARN = re.compile(r"arn:[^:]*:states:")


@declare(adds_faults=True, epilog="Example: tuner clean my-function --dry-run")
@click.argument("function", metavar="FUNCTION|STATE_MACHINE_ARN")
@option("--dry-run", group=Topic.SAFETY, is_flag=True, help="Print what would be undone. Change nothing.")
@aws_flags()
def command(function: str, *, dry_run: bool, connection: Connection, faults: list[Fault], **_options: Any) -> None:
    """Undo what interrupted runs left on FUNCTION (name or ARN): versions, copies, memory and description.

    Finds it by descriptions, names and tags, on any machine, and can be repeated. A run that is alive on this
    machine is left alone. Make sure that none is alive on another machine. Of a state machine, the temporary
    copies of a confirmation are deleted, and each of its functions is cleaned.
    """
    from tuner.aws.api.function_reference import parse_function_reference
    from tuner.aws.changes.cleanup import clean
    from tuner.aws.workflows.cleaning import clean_workflow

    if not STATE_MACHINE_ARN.match(function):
        named: list[Fault] = []
        or_faults(partial(parse_function_reference, function), named)
        faults += as_flags(named, TARGET="FUNCTION")
    if faults:
        raise InputError(faults)
    undo = clean_workflow if STATE_MACHINE_ARN.match(function) else clean
    for line in undo(function, connection, os.environ, dry_run=dry_run):
        say(line)
