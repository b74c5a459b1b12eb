"""Says what a run would do to a function: its changes, the permissions it needs, and its cost at most.

Uses the same changes that a run makes, and makes none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tuner.aws.changes.markers import CopyMarker, LatestMarker, VersionMarker
from tuner.aws.changes.operations import (
    Change,
    CreateCopy,
    DeleteCopy,
    DeleteVersion,
    PublishVersion,
    RestoreLatest,
    SetLatest,
    permissions,
)
from tuner.aws.measure.preconditions import CACHE_HOURS, FunctionFacts
from tuner.model import Configuration, FunctionIdentity, Notice, SearchSpace
from tuner.plain_numbers import listed
from tuner.pricing.bill import handlers_usd, logs_usd, storage_usd, transitions_usd
from tuner.pricing.currency import currency_sign
from tuner.pricing.price_list import PriceList, snapstart_cache_usd
from tuner.search.registry import measures_every_size, runs_of_grid
from tuner.search.space import search_space
from tuner.settings import Settings

LONGEST_INIT_S = 10
"""Lambda ends a longer initialisation and repeats it within the timeout of the run (Lambda, execution environments)."""
MOST_LISTED = 12
"""Configurations whose changes a plan lists one by one."""
READS = (
    "lambda:GetFunction",
    "lambda:GetFunctionConfiguration",
    "lambda:GetAccountSettings",
    "lambda:ListProvisionedConcurrencyConfigs",
    "lambda:ListVersionsByFunction",
    "lambda:InvokeFunction",
)
"""IAM actions that every run needs."""


def plan_text(
    settings: Settings,
    identity: FunctionIdentity,
    facts: FunctionFacts,
    notices: Sequence[Notice],
    *,
    run: str,
    prices: PriceList,
) -> str:
    """The plan of a run, as `--dry-run` prints it."""
    space = search_space(settings, identity)
    phases = _phases(space, facts, run)
    changes = [change for phase in phases for step in phase for change in step]
    needed = sorted({*READS, *(action for change in changes for action in permissions(change)), *_extras(settings)})
    grid = measures_every_size(settings)
    return "\n".join(
        [
            f"Would tune {identity.arn} ({identity.runtime or 'image'}, now {identity.current}).",
            f"  sampler      {settings.sampler}",
            f"  sizes        {listed(space.memory_sizes_mb)} MB on {', '.join(space.architectures)}",
            f"  runs         {_runs(settings, space)}",
            f"  at most      {_worst_case(settings, space, identity, facts, prices)}",
            f"  beside       ${logs_usd(1_000):.4f} of logs for 1,000 runs; calls of the control plane are free. An",
            f"               execution of the state machine adds {_execution()}",
            "  changes      " + ("in this order:" if grid else "of these, for the sizes that the sampler chooses:"),
            *_told(phases),
            "  permissions  " + needed[0],
            *(f"               {action}" for action in needed[1:]),
            *(f"  note         {notice.message}" for notice in notices),
            "Nothing was changed or invoked.",
        ]
    )


def _phases(space: SearchSpace, facts: FunctionFacts, run: str) -> list[list[list[Change]]]:
    """The changes of a run that measures every configuration of a space, in phases that follow each other.

    A phase has a step for each configuration.
    """
    state = facts.details.state
    copied = [c for c in space.configurations if facts.copies_only or c.architecture is not state.architecture]
    versions = [VersionMarker(run, c, 1) for c in space.configurations if c not in copied]
    copies = [CopyMarker(VersionMarker(run, c, 1), state.name) for c in copied]
    published: list[list[Change]] = [
        [
            SetLatest(state.name, LatestMarker(marker, state.memory_mb, state.description)),
            PublishVersion(state.name, marker),
        ]
        for marker in versions
    ]
    restored: list[list[Change]] = [[RestoreLatest(state.name, state.memory_mb, state.description)]] if versions else []
    return [
        published,
        restored,
        [[CreateCopy(copy)] for copy in copies],
        [[DeleteVersion(state.name, "…", str(marker))] for marker in versions],
        [[DeleteCopy(copy.name)] for copy in copies],
    ]


def _told(phases: Sequence[Sequence[Sequence[Change]]]) -> Iterator[str]:
    """Every change of a few configurations in a line; of many those of the first and the last one."""
    for steps in phases:
        shown = steps if len(steps) <= MOST_LISTED else [steps[0], steps[-1]]
        for number, step in enumerate(shown):
            if number and len(shown) < len(steps):
                yield f"    … and so on for {len(steps) - len(shown)} more configurations …"
            yield from (f"    {change}" for change in step)


def _runs(settings: Settings, space: SearchSpace) -> str:
    bound = _invocations(settings, space)
    if measures_every_size(settings):
        return f"{bound}"
    return f"{bound} at most" if bound is not None else "until the answer is within the tolerance"


def _invocations(settings: Settings, space: SearchSpace) -> int | None:
    bounds = [settings.budget.max_invocations]
    if measures_every_size(settings):
        bounds.append(sum(runs_of_grid(settings, space).values()))
    return min((bound for bound in bounds if bound is not None), default=None)


def _worst_case(
    settings: Settings, space: SearchSpace, identity: FunctionIdentity, facts: FunctionFacts, prices: PriceList
) -> str:
    """The cost if every run starts cold and lasts until the timeout. Names what the figure leaves out."""
    timeout_s = identity.timeout_s or 0
    billed_ms, ephemeral_mb = (LONGEST_INIT_S + timeout_s) * 1000, facts.details.state.ephemeral_mb
    dear = {c: prices.invocation_cost(c, billed_ms, ephemeral_mb=ephemeral_mb) for c in space.configurations}
    dearest = max(dear.values())
    invocations, bounds = _invocations(settings, space), [settings.budget.max_usd]
    if measures_every_size(settings):
        bounds.append(sum(dear[c] * runs for c, runs in runs_of_grid(settings, space).items()))
    if invocations is not None:
        bounds.append(invocations * dearest)
    known = [bound for bound in bounds if bound is not None]
    sign = currency_sign(prices.currency)
    each = f"{sign}{dearest:.6f} a run that starts cold and lasts until the timeout of {timeout_s:g} s"
    total = f"{sign}{min(known):.4f}; {each}" if known else f"{each}; bound the sum with --max-usd"
    if settings.budget.max_usd is not None:
        total += "; runs in progress may exceed --max-usd"
    if settings.pre_processor or settings.post_processor:
        total += "; processors not included"
    if facts.details.state.has_snapstart:
        cache = sum(_cache_cost(c) for c in space.configurations)
        total += f"; and ${cache:.4f} for the snapshots of Python and .NET"
    return total


def _execution() -> str:
    """What a state machine adds to a run, estimated."""
    rounds = 3
    usd = transitions_usd() + handlers_usd(rounds) + storage_usd(rounds)
    return f"about ${usd:.4f} for {rounds} rounds: transitions, handlers, requests to S3."


def _cache_cost(configuration: Configuration) -> float:
    return snapstart_cache_usd(configuration.memory_mb, CACHE_HOURS * 3600)


def _extras(settings: Settings) -> tuple[str, ...]:
    return ("s3:GetObject",) if settings.payload_s3 else ()
