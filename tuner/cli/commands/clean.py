"""`tuner clean`: undo what a killed run left on a function."""

from __future__ import annotations

import os
from typing import Any

import click

from tuner.cli.options import common_options


@click.command(epilog="Example: tuner clean my-function --dry-run")
@click.argument("function")
@click.option("--dry-run", is_flag=True, help="Print what would be undone; change nothing.")
@click.option("--region", metavar="NAME", help="AWS region.")
@click.option("--profile", metavar="NAME", help="AWS profile.")
@click.option("--role-arn", metavar="ARN", help="Role to assume, such as one in another account.")
@click.option("--endpoint-url", metavar="URL", help="Endpoint of all AWS services.")
@common_options
def command(function: str, dry_run: bool, **options: Any) -> None:
    """Undo what interrupted runs left on FUNCTION (name or ARN): versions, copies, memory and description.

    Finds it by descriptions, names and tags, on any machine, and can be repeated. A run
    that is alive on this machine is left alone; make sure that none is alive on another.
    """
    from tuner.aws.api.connection import Connection
    from tuner.aws.changes.cleanup import clean

    connection = Connection(options["region"], options["profile"], options["role_arn"], options["endpoint_url"])
    for line in clean(function, connection, os.environ, dry_run=dry_run):
        click.echo(line)
