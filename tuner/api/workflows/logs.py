"""Curves of functions of a workflow from what their logs already tell, where nothing was tuned.

Invokes nothing. A curve from logs is predicted: it is in more doubt than one that was measured, and is told as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tuner.api.advising import advise, advise_functions
from tuner.api.backends import Prices
from tuner.aws.api.connection import Connection
from tuner.errors import Fault, InputError, TunerError
from tuner.evidence.advice import Advice
from tuner.model import Notice
from tuner.plain_numbers import plural
from tuner.pricing.price_list import DEFAULT_REGION
from tuner.workflows.curves import FunctionCurve, curve_from_belief


@dataclass(frozen=True, slots=True)
class Logs:
    """Where logs are read.

    Attributes:
        files: exported logs by function; reports do not name an architecture, so that x86_64 is taken.
        in_aws: whether the log of every other function is read in AWS.
        say: told the price of each query before it is asked.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    in_aws: bool = False
    say: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class LogCurves:
    """What the logs of functions tell.

    Attributes:
        curves: by function.
        regions: whose prices the costs of the curves have.
        notices: which curves are predicted, and which logs say nothing.
    """

    curves: Mapping[str, FunctionCurve]
    regions: frozenset[str]
    notices: tuple[Notice, ...]


def read_logs(logs: Logs, functions: Iterable[str], connection: Connection, prices: Prices, *, seed: int) -> LogCurves:
    """The curve of every function whose log tells one.

    Args:
        logs: where they are.
        functions: those that are asked for.
        connection: how to reach AWS.
        prices: the price list of a region.
        seed: of every draw.

    Raises:
        InputError: a file cannot be read, or holds no report.
        AwsError: AWS cannot be reached.
    """
    names = list(functions)
    region = connection.region or DEFAULT_REGION
    found = [_from_file(name, logs.files[name], region, prices, seed) for name in names if name in logs.files]
    others = [name for name in names if name not in logs.files]
    failures: list[TunerError] = []
    if logs.in_aws and others:
        found += advise_functions(
            others, connection=connection, seed=seed, prices=prices, say=logs.say, failed=failures.append
        )
    found.sort(key=lambda advice: names.index(advice.function) if advice.function in names else len(names))
    curves = {advice.function: curve for advice in found if (curve := _curve(advice))}
    silent = [Notice("log_says_nothing", failure.message) for failure in failures]
    silent += [
        Notice("log_says_nothing", f"The log of {advice.function} has no run that tells its duration.")
        for advice in found
        if advice.function not in curves
    ]
    told = [_predicted(advice) for advice in found if advice.function in curves]
    return LogCurves(curves, frozenset([region] if curves else []), (*told, *silent))


def _from_file(name: str, file: Path, region: str, prices: Prices, seed: int) -> Advice:
    try:
        return advise(file, function=name, region=region, prices=prices, seed=seed)
    except InputError as exc:
        raise InputError(Fault(f"--logs {name}", fault.problem, fault.remedy) for fault in exc.faults) from exc


def _curve(advice: Advice) -> FunctionCurve | None:
    if advice.prediction is None:
        return None
    return curve_from_belief(advice.function, advice.prediction.belief, advice.current)


def _predicted(advice: Advice) -> Notice:
    runs = advice.evidence.runs if advice.evidence else 0
    message = (
        f"{advice.function}: its curve is predicted from {plural(runs, 'run')} at {advice.current} in its log, "
        "not measured."
    )
    return Notice("curve_from_logs", message)
