"""`tuner compare`: two result documents, and what got worse."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Any

import click

from tuner.cli.comparison import comparison_options, deliver, read_question
from tuner.cli.options import common_options, fraction
from tuner.cli.result_store import S3_SCHEME, Store, exists, read_result, write_result
from tuner.comparison.baselines import Mismatch, check_comparable
from tuner.comparison.verdicts import Verdict
from tuner.errors import InputError


@click.command(
    epilog="""Examples:

\b
  tuner compare baseline.json tuning/my-function/result.json
  tuner compare s3://builds/baseline.json result.json --threshold 10% --metric duration --output report.xml
  tuner compare baseline.json result.json --update-baseline --strict"""
)
@click.argument("baseline")
@click.argument("candidate")
@comparison_options
@click.option("--update-baseline", is_flag=True, help="Put CANDIDATE in BASELINE's place when it is proved no worse.")
@click.option(
    "--allow-different",
    "allowed",
    type=click.Choice([mismatch.value for mismatch in Mismatch]),
    multiple=True,
    help="Compare although this differs; may be repeated.",
)
@click.option("--drift", metavar="PERCENT", default="0%", help="Spread between two sessions of measuring. Default 0%.")
@click.option("--region", metavar="NAME", help="AWS region, for s3://.")
@click.option("--profile", metavar="NAME", help="AWS profile, for s3://.")
@click.option("--role-arn", metavar="ARN", help="Role to assume, for s3://.")
@click.option("--endpoint-url", metavar="URL", help="Endpoint of S3.")
@common_options
def command(baseline: str, candidate: str, **options: Any) -> int:
    """Compare the results BASELINE and CANDIDATE: files, or s3:// addresses.

    Exits with 3 when a metric is worse than the threshold allows, with 4 under --strict
    when it is not decided, and with 2 when the two cannot be compared.
    """
    from tuner.comparison.results import compare, first_baseline

    question = read_question(options)
    drift = fraction(options["drift"])
    if isinstance(drift, str) or not 0 <= drift < math.inf:
        raise InputError.single("--drift", f"{options['drift']} is not a percentage", "write it as 3%")
    with ExitStack() as resources:
        store = _open_store(options, resources) if any(a.startswith(S3_SCHEME) for a in (baseline, candidate)) else None
        text, after = read_result(candidate, store)
        if options["update_baseline"] and not exists(baseline, store):
            deliver(first_baseline(after, question, names=(baseline, candidate)), options)
            write_result(baseline, text, store)
            return 0
        _, before = read_result(baseline, store)
        notices = check_comparable(before, after, [Mismatch(name) for name in options["allowed"]])
        found = compare(
            before, after, question, drift_sd=math.log1p(drift), names=(baseline, candidate), notices=notices
        )
        code = deliver(found, options)
        if options["update_baseline"] and found.verdict in (Verdict.SAME, Verdict.BETTER):
            write_result(baseline, text, store)
            click.echo(f"{baseline} is now {candidate}.", err=True)
        elif options["update_baseline"]:
            # What is not decided may be a regression, which a new baseline would hide for good.
            why = "worse" if found.verdict is Verdict.WORSE else "not decided"
            click.echo(f"{baseline} is left as it is: {why}. To accept the candidate, copy the file.", err=True)
    return code


def _open_store(options: dict[str, Any], resources: ExitStack) -> Store:
    from tuner.aws.api.connection import Connection
    from tuner.aws.api.text_store import open_texts

    connection = Connection(options["region"], options["profile"], options["role_arn"], options["endpoint_url"])
    return resources.enter_context(open_texts(connection))
