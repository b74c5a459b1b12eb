"""Advice on a function from its logs: reads them, and returns what they already tell.

Invokes nothing and changes nothing. Prices and the source of the log are arguments.
"""

from __future__ import annotations

from pathlib import Path
from typing import TextIO, TypeVar

from tuner.api.backends import Prices
from tuner.api.price_cache import current_prices
from tuner.errors import Fault, InputError
from tuner.evidence.advice import Advice, advise_on_rows
from tuner.evidence.log_rows import read_log
from tuner.model import Architecture, Objective, StrategyName
from tuner.pricing.price_list import DEFAULT_REGION

E = TypeVar("E", Architecture, StrategyName)

UNNAMED = "FUNCTION"
"""Stands for the function in commands where its name is not given."""


def advise(
    logs: str | Path | TextIO,
    *,
    function: str = UNNAMED,
    arch: str = Architecture.X86_64,
    strategy: str = StrategyName.COST,
    region: str = DEFAULT_REGION,
    discount: float = 0.0,
    seed: int = 0,
    prices: Prices = current_prices,
) -> Advice:
    """Tell what the logs of a function already show, without invoking it.

    Args:
        logs: a file of exported logs in any form that AWS tools write, or an open text file.
        function: name of the function, for the commands of the findings.
        arch: its architecture, `x86_64` or `arm64`. Reports do not name it.
        strategy: `cost`, `speed` or `balanced`.
        region: whose prices hold.
        discount: fraction off the duration price, such as 0.12 for a Savings Plan.
        seed: of every draw.
        prices: the price list of a region.

    Raises:
        InputError: the file cannot be read, it holds no report, or an argument is wrong. With every fault.
    """
    faults: list[Fault] = []
    architecture = _member(Architecture, arch, "arch", faults)
    objective = _member(StrategyName, strategy, "strategy", faults)
    if not 0 <= discount < 1:
        faults.append(Fault("discount", f"{discount} is not within 0..1", "give a fraction, such as 0.12"))
    text = _text(logs, faults)
    if faults or architecture is None or objective is None:
        raise InputError(faults)
    rows = read_log(text).rows
    own = prices(region).with_discount(discount)
    found = advise_on_rows(function, rows, own, architecture=architecture, objective=Objective(objective), seed=seed)
    if found is None:
        problem = f"{_name(logs)} holds no REPORT line with a memory size"
        raise InputError([Fault("logs", problem, "export the whole log; log level WARN leaves reports out")])
    return found


def _member(kind: type[E], value: str, name: str, faults: list[Fault]) -> E | None:
    try:
        return kind(value)
    except ValueError:
        faults.append(Fault(name, f"{value} is unknown", f"use {', '.join(kind)}"))
        return None


def _text(logs: str | Path | TextIO, faults: list[Fault]) -> str:
    try:
        return Path(logs).read_text("utf-8", "replace") if isinstance(logs, (str, Path)) else logs.read()
    except OSError as exc:
        faults.append(Fault("logs", f"{_name(logs)} cannot be read: {exc.strerror}", "give the path of a log file"))
        return ""


def _name(logs: str | Path | TextIO) -> str:
    return str(logs) if isinstance(logs, (str, Path)) else "the log"
