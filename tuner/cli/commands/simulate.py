"""`tuner simulate`: tune known curves, and say what was lost against the truth."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.flags import input_document, name_flags, read_json_file
from tuner.cli.options import common_options
from tuner.documents.input import decode_valid, input_faults
from tuner.errors import Fault, InputError

if TYPE_CHECKING:
    from tuner.simulated.known_curves import Finding


@click.command(
    epilog="""Example:

\b
  tuner simulate curves.json --seeds 3
  tuner simulate curves.json --sampler grid --runs 10 --strategy balanced

CURVES is a JSON list of {"id", "arch", "memory_mb": […], "duration_ms": […]}."""
)
@click.argument("curves")
@click.option("--sampler", metavar="NAME", help="adaptive (default) or grid.")
@click.option("--runs", metavar="N", help="Runs of each configuration, default 10. Asks for the grid.")
@click.option("--strategy", metavar="NAME", help="cost (default), speed or balanced.")
@click.option("--balanced-weight", metavar="0..1", help="0 is speed, 1 is cost. Default 0.5.")
@click.option("--tolerance", metavar="PERCENT", help="Stop when the answer is within this of the best. Default 2%.")
@click.option("--max-invocations", metavar="N", help="Stop after this many invocations.")
@click.option("--invocations-per-month", metavar="N", help="Traffic over which a saving must pay.")
@click.option("--seeds", metavar="N", type=click.IntRange(min=1), default=1, help="Repetitions, each with other noise.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="What stdout carries.")
@common_options
def command(curves: str, seeds: int, format_: str, quiet: bool, **options: Any) -> None:
    """Tune known CURVES with the noise of real functions; print regret and search cost."""
    faults: list[Fault] = []
    loaded = read_json_file(Path(curves), "CURVES", faults)
    document, origins = input_document("simulated", options, {})
    faults.extend(name_flags(input_faults(document), origins))
    from tuner.simulated.known_curves import decode_curves, simulate

    try:
        known = () if loaded is None else decode_curves(loaded)
    except InputError as exc:
        faults.extend(exc.faults)
    if faults:
        raise InputError(faults)
    settings = decode_valid(document)
    findings = []
    for seed in range(seeds):
        for number, curve in enumerate(known, start=1):
            if not quiet:
                click.echo(f"seed {seed + 1}/{seeds}  curve {number}/{len(known)}  {curve.id}", err=True)
            findings.append(simulate(curve, settings, seed))
    click.echo(_as_json(findings) if format_ == "json" else _as_text(findings))


def _as_json(findings: list[Finding]) -> str:
    rows = [
        {
            "id": finding.curve.id,
            "seed": finding.seed,
            "recommended_mb": finding.recommended.memory_mb,
            "best_mb": finding.best.memory_mb,
            "regret": finding.regret,
            "search_cost": finding.search_cost,
            "invocations": finding.invocations,
        }
        for finding in findings
    ]
    return json.dumps({"runs": rows, "summary": _summary(findings)}, indent=1)


def _as_text(findings: list[Finding]) -> str:
    width = max(len(finding.curve.id) for finding in findings)
    head = f"{'curve':{width}}  recommended  true best  regret  cost (C*)  invocations"
    rows = [
        f"{f.curve.id:{width}}  {f.recommended.memory_mb:8} MB  {f.best.memory_mb:6} MB  {f.regret:6.1%}"
        f"  {f.search_cost:9.1f}  {f.invocations:11}"
        for f in findings
    ]
    total = _summary(findings)
    last = (
        f"regret mean {total['regret_mean']:.2%}, median {total['regret_median']:.2%}, p90 {total['regret_p90']:.2%}; "
        f"search cost {total['search_cost']:.1f} C*, {total['invocations']:.1f} invocations"
    )
    return "\n".join([head, *rows, "", last])


def _summary(findings: list[Finding]) -> dict[str, float]:
    """Averages, kinds of functions counting alike (see `tuner.simulated.regret`)."""
    from tuner.simulated.regret import SearchRun, quality

    runs = [
        SearchRun(f.curve.family, f.regret, f.regret, None, f.search_cost, f.invocations, None, 1, 0.0)
        for f in findings
    ]
    kept = ("regret_mean", "regret_median", "regret_p90", "search_cost", "invocations")
    return {name: value for name, value in asdict(quality(runs)).items() if name in kept}
