"""`tuner apply`: applies the recommendation of a result to its function."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.flags import Topic, aws_flags, option
from tuner.cli.flags import command as declare
from tuner.cli.output import say
from tuner.cli.results import file_faults
from tuner.errors import Fault, InputError, or_faults

if TYPE_CHECKING:
    from tuner.aws.api.connection import Connection


@declare(
    adds_faults=True,
    epilog="""Example:

\b
  tuner apply tuning/orders-20260918T041200Z/result.json --alias live --dry-run""",
)
@click.argument("result")
@option("--alias", group=Topic.SAFETY, metavar="NAME", help="Publish a version, and point this alias to it.")
@option("--dry-run", group=Topic.SAFETY, is_flag=True, help="Print what would be changed. Change nothing.")
@option("--force", group=Topic.SAFETY, is_flag=True, help="Apply a result with weak evidence too.")
@aws_flags(region=False)
def command(
    result: str,
    *,
    alias: str | None,
    dry_run: bool,
    force: bool,
    connection: Connection,
    faults: list[Fault],
    **_options: Any,
) -> None:
    """Apply the recommendation in RESULT (result.json, the folder of a run, or s3://) to its function.

    Sets the memory size and the architecture of $LATEST, guarded by its RevisionId. Refuses a result of low
    confidence, of an interrupted run, with an unmet constraint, or with failing runs, unless --force is given.
    """
    from tuner.api.result_store import load_result
    from tuner.aws.changes.apply import apply_faults, apply_recommendation

    if faults:
        raise InputError([*faults, *file_faults([result], connection), *apply_faults(None, alias)])
    loaded = or_faults(partial(load_result, result, connection=connection), faults)
    faults += apply_faults(loaded.document if loaded else None, alias)
    if faults or loaded is None:
        raise InputError(faults)
    say(apply_recommendation(loaded.document, connection, alias=alias, dry_run=dry_run, force=force))
