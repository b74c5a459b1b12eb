"""`tuner apply`: apply the recommendation of a result to its function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tuner.cli.options import common_options


@click.command(epilog="Example: tuner apply tuning/orders-20260918T041200Z/result.json --alias live --dry-run")
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--alias", metavar="NAME", help="Publish a version and point this alias to it.")
@click.option("--dry-run", is_flag=True, help="Print what would be changed; change nothing.")
@click.option("--force", is_flag=True, help="Apply a result with weak evidence too.")
@click.option("--profile", metavar="NAME", help="AWS profile.")
@click.option("--role-arn", metavar="ARN", help="Role to assume, such as one in another account.")
@click.option("--endpoint-url", metavar="URL", help="Endpoint of all AWS services.")
@common_options
def command(result: Path, alias: str | None, dry_run: bool, force: bool, **options: Any) -> None:
    """Apply the recommendation in RESULT (result.json, or the folder of a run) to its function.

    Sets the memory size and the architecture of $LATEST, guarded by its RevisionId. Refuses a result of low
    confidence, of an interrupted run, with an unmet constraint, or with failing runs, unless --force is given.
    """
    from tuner.aws.api.connection import Connection
    from tuner.aws.changes.apply import apply_recommendation
    from tuner.documents.result import loads
    from tuner.errors import InputError

    path = result / "result.json" if result.is_dir() else result
    try:
        text = path.read_text("utf-8")
    except OSError as exc:
        problem = f"{path} cannot be read: {exc.strerror}"
        raise InputError.single("RESULT", problem, "give the result.json of a run") from exc
    connection = Connection(None, options["profile"], options["role_arn"], options["endpoint_url"])
    document = loads(text, name=str(path))
    click.echo(apply_recommendation(document, connection, alias=alias, dry_run=dry_run, force=force))
