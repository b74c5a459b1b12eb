"""`tuner schema`: the published JSON Schemas."""

from __future__ import annotations

import click

from tuner.cli.flags import command as declare
from tuner.cli.output import say_json
from tuner.cli.values import OneOf


@declare(epilog="Example: tuner schema result > result.schema.json")
@click.argument("document", type=OneOf(["input", "result", "comparison"]))
def command(document: str, **_options: bool) -> None:
    """Print the JSON Schema of the input of an execution, of a result, or of a comparison."""
    from tuner.documents.comparison import comparison_schema
    from tuner.documents.input import input_schema
    from tuner.documents.result import schema

    schemas = {"input": input_schema, "result": schema, "comparison": comparison_schema}
    say_json(schemas[document]())
