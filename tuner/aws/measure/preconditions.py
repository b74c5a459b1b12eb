"""Decides whether a function can be tuned, and which of its settings the user should know about.

Judges what was read. It makes no calls and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from tuner.aws.api.function import Account, FunctionDetails, FunctionState
from tuner.errors import Fault, InputError
from tuner.model import Notice

CACHE_HOURS = 3
"""Shortest time for which AWS charges SnapStart's cache (Lambda pricing, 2026-09; Python and .NET)."""

LARGEST_COPIED_BYTES = 8 * 1024 * 1024
"""Largest package that is uploaded for each copy by default: eight uploads at once hold 64 MB."""


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """What was read of a function before any change.

    Attributes:
        details: the function or the version to tune.
        account: what is left of the account's limits.
        provisioned: provisioned concurrency of the function's versions and aliases.
        copies_only: whether every configuration is measured on a copy.
        may_publish: whether versions can stand in where a copy is refused.
    """

    details: FunctionDetails
    account: Account
    provisioned: int
    copies_only: bool
    may_publish: bool = False


def check(facts: FunctionFacts) -> None:
    """Make sure that the function can be tuned.

    Raises:
        InputError: it cannot; names every reason and its remedy.
    """
    state, faults = facts.details.state, _unsupported(facts.details.state)
    if state.failure:
        faults.append(Fault("TARGET", f"{state.name} is not usable: {state.failure}", "deploy it again first"))
    if state.code_size > facts.account.code_bytes_free:
        faults.append(
            Fault(
                "TARGET",
                f"each version of {state.name} needs {state.code_size:,} bytes of code storage, "
                f"and {max(0, facts.account.code_bytes_free):,} are free",
                "delete old versions, or request a higher quota",
            )
        )
    if not facts.copies_only and own_concurrency(facts) == 0:
        reserved = facts.details.reserved_concurrency
        problem = (
            f"{state.name} has a reserved concurrency of 0, which throttles every invocation"
            if reserved == 0
            else f"other versions of {state.name} have all of its reserved concurrency of {reserved} provisioned"
        )
        faults.append(Fault("TARGET", problem, "raise it, or measure on copies: --isolation copy"))
    if faults:
        raise InputError(faults)


def own_concurrency(facts: FunctionFacts) -> int | None:
    """Reserved concurrency that new versions of the function can use; None: the account's concurrency."""
    reserved = facts.details.reserved_concurrency
    return None if reserved is None else max(0, reserved - facts.provisioned)


def allowed_concurrency(facts: FunctionFacts, wanted: int) -> tuple[int, Notice | None]:
    """How many invocations may run at once: at most half of what is free. Other callers keep the rest."""
    own = None if facts.copies_only else own_concurrency(facts)
    free = facts.account.concurrency if own is None else own
    allowed = max(1, min(wanted, free // 2))
    if allowed == wanted:
        return wanted, None
    whose = "the account's unreserved" if own is None else "the function's reserved"
    message = f"{allowed} invocations at once instead of {wanted}: half of {whose} concurrency of {free}."
    return allowed, Notice("concurrency", message, lasting=True)


def reason_for_versions(details: FunctionDetails) -> str:
    """Why versions are safer than copies of a function; empty when copies are as safe.

    A copy has the role, network, layers, storage and environment of the function, but not what belongs to its name.
    """
    state = details.state
    if (reserved := details.reserved_concurrency) is not None:
        return f"Copies would run beside its reserved concurrency of {reserved}: versions are measured."
    if state.raw.get("SigningProfileVersionArn"):
        return "Its code is signed, and copies would not be: versions are measured."
    if (state.raw.get("Environment") or {}).get("Error"):
        return "Its environment cannot be read, so it cannot be copied: versions are measured."
    if not state.is_image and state.code_size > LARGEST_COPIED_BYTES:
        return f"Each copy would upload its package of {state.code_size / 2**20:.0f} MB: versions are measured."
    return ""


def notices(facts: FunctionFacts) -> list[Notice]:
    """What does not prevent a run, but what the user should know."""
    state = facts.details.state
    messages = {
        "snapstart": (
            state.has_snapstart,
            f"SnapStart: each version waits for its snapshot. AWS charges {CACHE_HOURS} hours of it (Python, .NET).",
        ),
        "provisioned_concurrency": (
            facts.provisioned > 0,
            f"It has {facts.provisioned} provisioned environments at another price. The run measures on-demand ones.",
        ),
        "file_system": (
            bool(state.raw.get("FileSystemConfigs")),
            "The function mounts a file system. The test runs use the same files.",
        ),
        "reports_off": (
            state.reports_are_off and not facts.copies_only,
            "Its system log level WARN drops the report lines. Use --isolation copy: the copies log them.",
        ),
    }
    return [Notice(code, message) for code, (holds, message) in messages.items() if holds]


def _unsupported(state: FunctionState) -> list[Fault]:
    raw = state.raw
    reasons = {
        "CapacityProviderConfig": (
            "runs on Lambda Managed Instances, which AWS charges per instance and which serve several requests at once",
            "tune a function on the standard compute type",
        ),
        "DurableConfig": (
            "is a durable function, and the report of a replay does not show the whole cost",
            "tune the ordinary functions that it calls",
        ),
        "TenancyConfig": (
            "isolates tenants, so every invocation needs a tenant id",
            "tune a copy of it without tenant isolation",
        ),
        "AcceleratorConfig": ("uses an accelerator, which has a price of its own", "tune a function without one"),
    }
    return [
        Fault("TARGET", f"{state.name} {problem}", remedy) for key, (problem, remedy) in reasons.items() if raw.get(key)
    ]
