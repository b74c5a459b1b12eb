"""Advice on functions from their logs: reads a file or AWS, and returns what is known already.

Invokes nothing and changes nothing. Prices, the clock and the source of the log are arguments.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TextIO

from tuner.api.backends import Prices
from tuner.api.price_cache import current_prices
from tuner.aws.api.connection import Connection
from tuner.aws.api.function_reference import common_region
from tuner.errors import Fault, InputError, TunerError, or_faults
from tuner.evidence.advice import Advice, advise_on_known, advise_on_rows, by_money_at_stake
from tuner.evidence.known_function import Selection
from tuner.evidence.logs.exported_logs import decoded
from tuner.evidence.logs.log_functions import by_function
from tuner.evidence.logs.log_rows import LogRow, LogRows, read_log
from tuner.model import Architecture, Objective, StrategyName
from tuner.plain_numbers import plural
from tuner.pricing.containers import ContainerInputs
from tuner.pricing.price_list import DEFAULT_REGION

Log = str | Path | TextIO
"""A file of exported logs, or an open text file."""
Logs = Log | Sequence[Log]
"""One of them, or several that are parts of one log."""

MOST_DAYS = 90
"""Logs and metrics that are older say little of the present code."""
UNNAMED = "FUNCTION"
"""Stands for the function in commands where its name is not given."""


def advise(
    logs: Logs,
    *,
    function: str = UNNAMED,
    arch: str = Architecture.X86_64,
    strategy: str = StrategyName.COST,
    region: str = DEFAULT_REGION,
    discount: float = 0.0,
    seed: int = 0,
    compare: Collection[str] = (),
    containers: ContainerInputs | None = None,
    prices: Prices = current_prices,
) -> Advice:
    """Tell what the logs of a function already show, without invoking it.

    Args:
        logs: a file of exported logs in any form that AWS tools write, an open text file, or several of them.
        function: name of the function: of the runs that count, where the log names several, and for the commands.
        arch: its architecture, `x86_64` or `arm64`. Reports do not name it.
        strategy: `cost`, `speed` or `balanced`.
        region: whose prices hold.
        discount: fraction off the duration price, such as 0.12 for a Savings Plan.
        seed: of every draw.
        compare: `fargate`, `managed-instances`: tells from which volume each would cost less.
        containers: the terms of that comparison.
        prices: the price list of a region.

    Raises:
        InputError: the file cannot be read, it holds no report, or those of several functions of which `function` is
            none, or an argument is wrong. With every fault.
    """
    terms = Terms(arch, strategy, region, discount, seed, compare, containers)
    found = advise_log(logs, function=function, terms=terms, prices=prices)
    if len(found) > 1:
        names = ", ".join(sorted(advice.function for advice in found))
        raise InputError.single("function", f"{_name(logs)} holds runs of {names}", "name one of them")
    return found[0]


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a log is judged; see the arguments of `advise`."""

    arch: str = Architecture.X86_64
    strategy: str = StrategyName.COST
    region: str = DEFAULT_REGION
    discount: float = 0.0
    seed: int = 0
    compare: Collection[str] = ()
    containers: ContainerInputs | None = None


def advise_log(
    logs: Logs, *, function: str = UNNAMED, terms: Terms | None = None, prices: Prices = current_prices
) -> list[Advice]:
    """Advice on every function whose runs a log holds, that with most money at stake first; on one where it is named.

    Raises:
        InputError: as `advise` does, but for a log of several functions.
    """
    terms = terms or Terms()
    faults = term_faults(terms)
    texts = log_texts(logs, faults)
    if faults:
        raise InputError(faults)
    own = prices(terms.region).with_discount(terms.discount)
    log = read_log(*texts)
    rows = log.rows
    parts = {function: rows_of(rows, function)} if function != UNNAMED else by_function(rows)
    left_out = len(rows) - sum(map(len, parts.values()))
    found = []
    for name, part in parts.items():
        advice = advise_on_rows(
            *(name or UNNAMED, part, own),
            architecture=Architecture(terms.arch),
            objective=Objective(StrategyName(terms.strategy)),
            seed=terms.seed,
            others=left_out,
        )
        if advice is not None:
            found.append(advice.compared(terms.compare, own, terms.containers or ContainerInputs()))
    if not found:
        raise without_reports(logs, texts, log)
    return by_money_at_stake(found)


def term_faults(terms: Terms) -> list[Fault]:
    """What is wrong with the terms on which a log is judged."""
    found = (_member_fault(Architecture, terms.arch, "arch"), _member_fault(StrategyName, terms.strategy, "strategy"))
    return [*filter(None, found), *_number_faults(terms.discount, terms.seed)]


def without_reports(logs: Logs, texts: Sequence[str], log: LogRows) -> InputError:
    """Why a log tells nothing."""
    if log.test_calls:
        problem = f"holds no requests, but {plural(log.test_calls, 'test call')} of `tuner tune` alone"
        return InputError.single("logs", f"{_name(logs)} {problem}", "export the log of days with requests")
    problem = "holds no REPORT line with a memory size" if any(map(str.strip, texts)) else "is empty"
    remedy = "export whole messages (@message of Logs Insights); log level WARN leaves reports out"
    return InputError([Fault("logs", f"{_name(logs)} {problem}", remedy)])


def rows_of(rows: Sequence[LogRow], function: str) -> Sequence[LogRow]:
    """The rows of a function, where a log names several; else all of them.

    Raises:
        InputError: it names several, and this is none of them.
    """
    parts = by_function(rows)
    named = [name for name in parts if name]
    if len(named) < 2:
        return rows
    if function not in parts:
        none = "" if function == UNNAMED else f", and none of {function}"
        raise InputError.single("logs", f"the log holds runs of {', '.join(named)}{none}", "name one of them")
    return parts[function]


def advise_functions(
    selection: Selection | Sequence[str],
    *,
    connection: Connection | None = None,
    days: float = 14.0,
    max_usd: float = 0.10,
    query: bool = True,
    strategy: str = StrategyName.COST,
    discount: float = 0.0,
    seed: int = 0,
    compare: Collection[str] = (),
    containers: ContainerInputs | None = None,
    prices: Prices = current_prices,
    now: Callable[[], float] = time.time,
    say: Callable[[str], None] = lambda _: None,
    failed: Callable[[TunerError], None] | None = None,
) -> list[Advice]:
    """Tell what AWS already knows of functions, that with most money at stake first. Invokes nothing.

    Args:
        selection: names or ARNs, or a `Selection` by tag or stack.
        connection: region, profile and role for AWS. None: as the AWS configuration says.
        days: how far back, up to 90.
        max_usd: for log queries, all functions together.
        query: whether CloudWatch Logs Insights may be asked, which costs money; else FilterLogEvents reads the log.
        strategy: `cost`, `speed` or `balanced`.
        discount: fraction off the duration price, such as 0.12 for a Savings Plan.
        seed: of every draw.
        compare: `fargate`, `managed-instances`: tells from which volume each would cost less.
        containers: the terms of that comparison.
        prices: the price list of a region.
        now: seconds since 1970.
        say: told the price of each query before it is asked.
        failed: told of a function that cannot be read. None: the first such failure is raised.

    Raises:
        InputError: nothing is selected, or an argument is wrong. With every fault.
        AwsError: a function cannot be read.
    """
    if not isinstance(selection, Selection):
        selection = Selection(tuple(selection))
    faults = [*term_faults(Terms(strategy=strategy, discount=discount, seed=seed)), *reading_faults(days, max_usd)]
    faults += selection_faults(selection)
    if faults:
        raise InputError(faults)
    from tuner.aws.evidence.reader import ReadingLimits, open_reader

    limits = ReadingLimits(days, max_usd, query)
    with open_reader(connection or Connection(), selection, limits, now_s=now(), say=say) as reader:
        own = prices(reader.clients.region).with_discount(discount)
        found = list(reader.read_all(selection, failed))
    advised = [advise_on_known(one, own, objective=Objective(StrategyName(strategy)), seed=seed) for one in found]
    advised = [advice.compared(compare, own, containers or ContainerInputs()) for advice in advised]
    return by_money_at_stake(advised)


def selection_faults(selection: Selection) -> list[Fault]:
    """What is wrong with a choice of functions, as far as AWS need not be asked."""
    if not selection:
        return [Fault("selection", "no function is named", "name functions, a tag or a stack, or ask for all")]
    faults: list[Fault] = []
    or_faults(partial(common_region, selection.functions), faults)
    return faults


def reading_faults(days: float, max_usd: float) -> Iterator[Fault]:
    """What is wrong with how far back AWS is asked, and for how much money."""
    if not MOST_DAYS >= days > 0:
        problem = f"{days:g} is not above 0 and up to {MOST_DAYS}"
        yield Fault("days", problem, "14 days show every hour of a week twice")
    if not 0 <= max_usd < math.inf:
        yield Fault("max_usd", f"{max_usd} is not 0 or a positive number", "give dollars, such as 0.10")


def _number_faults(discount: float, seed: object) -> Iterator[Fault]:
    if not 0 <= discount < 1:
        yield Fault("discount", f"{discount} is not from 0 to below 1", "give a fraction, such as 0.12")
    if not isinstance(seed, int) or seed < 0:
        yield Fault("seed", f"{seed} is not a whole number of at least 0", "give one, such as 0")


def _member_fault(kind: type[StrEnum], value: str, name: str) -> Fault | None:
    return None if value in set(kind) else Fault(name, f"{value} is unknown", f"use {', '.join(kind)}")


def log_texts(logs: Logs, faults: list[Fault]) -> tuple[str, ...]:
    """The texts of one log or of several. A fault is added for each that cannot be read."""
    return tuple(log_text(log, faults) for log in _each(logs))


def log_text(logs: Log, faults: list[Fault]) -> str:
    """The text of a log. A fault is added where it cannot be read."""
    try:
        if isinstance(logs, (str, Path)):
            return decoded(Path(logs).read_bytes())
        # A compressed log may come through a pipe as well.
        raw = getattr(logs, "buffer", None)
        return logs.read() if raw is None else decoded(raw.read())
    except OSError as exc:
        faults.append(Fault("logs", f"{_name(logs)} cannot be read: {exc.strerror}", "give the path of a log file"))
    except ValueError as exc:
        faults.append(Fault("logs", f"{_name(logs)} cannot be read: {exc}", "export it again"))
    return ""


def _each(logs: Logs) -> Sequence[Log]:
    return logs if isinstance(logs, Sequence) and not isinstance(logs, str) else [logs]


def _name(logs: Logs) -> str:
    return ", ".join(str(log) if isinstance(log, (str, Path)) else "the log" for log in _each(logs))
