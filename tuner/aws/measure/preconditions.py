"""What stands in the way of tuning a function, or should be known before: each said by its name.

Judges what was read; makes no calls and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from tuner.aws.api.function import Account, FunctionDetails, FunctionState
from tuner.errors import Fault, InputError
from tuner.model import Notice

CACHE_HOURS = 3
"""SnapStart's cache is paid for at least this long (Lambda pricing, 2026-09; Python and .NET)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read of a function before anything is changed.

    Attributes:
        details: the function or the version to tune.
        account: what is left of the account's limits.
        provisioned: provisioned concurrency of the function's versions and aliases.
        copies_only: whether every configuration is measured on a copy.
    """

    details: FunctionDetails
    account: Account
    provisioned: int
    copies_only: bool


def refuse(facts: Facts) -> None:
    """Refuse what cannot be tuned, all reasons at once.

    Raises:
        InputError: names each reason and a remedy.
    """
    state, faults = facts.details.state, _unsupported(facts.details.state)
    if state.failure:
        faults.append(Fault("TARGET", f"{state.name} is not usable: {state.failure}", "deploy it again first"))
    if state.code_size > facts.account.code_bytes_free:
        faults.append(
            Fault(
                "TARGET",
                f"each version of {state.name} takes {state.code_size:,} bytes of code storage, "
                f"and {max(0, facts.account.code_bytes_free):,} are left",
                "delete old versions, or have the quota raised",
            )
        )
    if not facts.copies_only and own_concurrency(facts) == 0:
        reserved = facts.details.reserved_concurrency
        problem = (
            f"{state.name} has a reserved concurrency of 0, which throttles every invocation"
            if reserved == 0
            else f"its reserved concurrency of {reserved} is all provisioned for other versions of {state.name}"
        )
        faults.append(Fault("TARGET", problem, "raise it, or measure on copies: --isolation copy"))
    if faults:
        raise InputError(faults)


def own_concurrency(facts: Facts) -> int | None:
    """Concurrency of the function that its new versions may use; None: that of the account."""
    reserved = facts.details.reserved_concurrency
    return None if reserved is None else max(0, reserved - facts.provisioned)


def concurrency(facts: Facts, wanted: int) -> tuple[int, Notice | None]:
    """How many invocations may be under way: at most half of what is free, so that other callers keep the rest."""
    own = None if facts.copies_only else own_concurrency(facts)
    free = facts.account.concurrency if own is None else own
    allowed = max(1, min(wanted, free // 2))
    if allowed == wanted:
        return wanted, None
    whose = "the account's unreserved" if own is None else "the function's reserved"
    return allowed, Notice(
        "concurrency", f"{allowed} invocations at once instead of {wanted}: half of {whose} concurrency of {free}."
    )


def notices(facts: Facts) -> list[Notice]:
    """What does not stop a run, and should be known."""
    state = facts.details.state
    said = {
        "snapstart": (
            state.has_snapstart,
            f"SnapStart: each version waits for a snapshot, paid for {CACHE_HOURS} hours (Python, .NET).",
        ),
        "provisioned_concurrency": (
            facts.provisioned > 0,
            f"{facts.provisioned} environments are provisioned, at another price; measured is on demand.",
        ),
        "file_system": (
            bool(state.raw.get("FileSystemConfigs")),
            "The function mounts a file system: its test runs use the same files.",
        ),
        "reports_off": (
            state.reports_are_off and not facts.copies_only,
            "Its system log level WARN drops the report lines: measure with --isolation copy, whose copies log them.",
        ),
    }
    return [Notice(code, message) for code, (holds, message) in said.items() if holds]


def _unsupported(state: FunctionState) -> list[Fault]:
    raw = state.raw
    reasons = {
        "CapacityProviderConfig": (
            "runs on Lambda Managed Instances, which are paid by instance and serve several requests at once",
            "tune a function on the standard compute type",
        ),
        "DurableConfig": (
            "is a durable function: the report of a replay is not the whole cost",
            "tune the plain functions that it calls",
        ),
        "TenancyConfig": (
            "isolates tenants, so that every invocation needs a tenant id",
            "tune a copy of it without tenant isolation",
        ),
        "AcceleratorConfig": ("uses an accelerator, which has a price of its own", "tune a function without one"),
    }
    return [
        Fault("TARGET", f"{state.name} {problem}", remedy) for key, (problem, remedy) in reasons.items() if raw.get(key)
    ]
