"""`tuner schema`: the published JSON Schemas."""

from __future__ import annotations

import json

import click

from tuner.cli.options import common_options


@click.command(epilog="Example: tuner schema result > result.schema.json")
@click.argument("document", type=click.Choice(["input", "result"]))
@common_options
def command(document: str, **_options: bool) -> None:
    """Print the JSON Schema of the input of an execution, or of a result."""
    from tuner.inputs import input_schema
    from tuner.result import schema

    click.echo(json.dumps(input_schema() if document == "input" else schema(), indent=2))
