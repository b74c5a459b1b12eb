"""`tuner compare`: compares two results and says what got worse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tuner.cli.comparison import comparison_flags, comparison_question, deliver
from tuner.cli.exit_codes import EXIT_OK
from tuner.cli.flags import Topic, aws_flags, option
from tuner.cli.flags import command as declare
from tuner.cli.output import say
from tuner.cli.results import file_faults
from tuner.cli.values import OneOf, read_share
from tuner.comparison.baselines import Mismatch
from tuner.comparison.verdicts import Verdict
from tuner.errors import Fault, InputError

if TYPE_CHECKING:
    from tuner.aws.api.connection import Connection


@declare(
    adds_faults=True,
    epilog="""Examples:

\b
  tuner compare baseline.json tuning/orders/result.json
  tuner compare s3://builds/baseline.json result.json --threshold 10% --metric duration --output report.xml
  tuner compare releases/ --output trend.html
  tuner compare baseline.json result.json --update-baseline --strict""",
)
@click.argument("baseline")
@click.argument("candidate", required=False)
@comparison_flags
@option(
    "--update-baseline",
    group=Topic.SAFETY,
    is_flag=True,
    help="Replace BASELINE by CANDIDATE when it is proved no worse.",
)
@option(
    "--allow-different",
    "allowed",
    group=Topic.SAFETY,
    multiple=True,
    type=OneOf([mismatch.value for mismatch in Mismatch]),
    help="Compare although this differs. May be repeated.",
)
@option(
    "--drift",
    group=Topic.VERDICT,
    metavar="PERCENT",
    help="Spread between two sessions of measuring. Default: by the days between them.",
)
@aws_flags("s3://")
def command(
    baseline: str, candidate: str | None, *, connection: Connection, faults: list[Fault], **options: Any
) -> int:
    """Compare the results BASELINE and CANDIDATE: files, folders of runs, or s3:// addresses.

    BASELINE may be a folder of earlier results, or an s3:// prefix with a slash at its end. Then the last
    ten of them together are the baseline, and their spread tells what moves besides the function. Without
    CANDIDATE, the newest result in it is compared with those before it.

    Exits with 3 when a metric is worse than the threshold allows, with 4 under --strict
    when it is not decided, and with 2 when the two cannot be compared.
    """
    from tuner.api.comparing.results import compare, first_baseline, newest_result
    from tuner.api.result import Result
    from tuner.api.result_store import load_result, store_of

    question = comparison_question(options, faults)
    drift = None if options["drift"] is None else read_share("--drift", options["drift"], faults, example="3%")
    if faults:
        # A first baseline is yet to be made.
        sides = (candidate,) if options["update_baseline"] else (baseline, candidate)
        raise InputError([*faults, *file_faults(filter(None, sides), connection)])
    titles = baseline, candidate or f"the newest result of {baseline}"
    with store_of(baseline, connection) as store:
        if options["update_baseline"] and store.results_in(baseline):
            problem = f"{baseline} holds several results: none of them is replaced"
            raise InputError.single("--update-baseline", problem, "add the candidate to them yourself")
        if options["update_baseline"] and store.read(baseline) is None:
            after = load_result(candidate, connection=connection) if candidate else newest_result(baseline, connection)
            deliver(first_baseline(after, names=titles, **question), options)
            store.write(baseline, after.to_json())
            return EXIT_OK
        found = compare(
            baseline,
            candidate,
            drift=None if drift is None else float(drift),
            allow_different=options["allowed"],
            names=titles,
            connection=connection,
            **question,
        )
        code = deliver(found, options)
        if options["update_baseline"] and found.sides and found.verdict in (Verdict.SAME, Verdict.BETTER):
            store.write(baseline, Result(found.sides[1]).to_json())
            say(f"{baseline} is now {titles[1]}.", err=True)
        elif options["update_baseline"]:
            # What is not decided may be a regression, which a new baseline would hide for good.
            why = "worse" if found.verdict is Verdict.WORSE else "not decided"
            say(f"{baseline} is left as it is: {why}. To accept the candidate, copy the file.", err=True)
    return code
