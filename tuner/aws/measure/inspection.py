"""Reads a function before anything is changed, and judges whether and how it can be measured.

A run of the command line and an execution of the state machine begin with the same survey.
Nothing is changed here; the one write, which asks for the memory cap, is never made by Lambda.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.function import FunctionState
from tuner.aws.api.function_reference import Target
from tuner.aws.changes.copies import refuse_other_copies
from tuner.aws.changes.latest import refuse_marked
from tuner.aws.changes.markers import fits
from tuner.aws.changes.packages import Packages
from tuner.aws.changes.versions import VersionPublisher, refuse_other_runs
from tuner.aws.measure import preconditions as guards
from tuner.aws.measure.dry_run import plan_text
from tuner.model import MAX_MEMORY_MB, Architecture, BackendKind, FunctionIdentity, Notice
from tuner.settings import Settings

EVERY_ACCOUNT_MB = 3008
"""Memory that every account may use; about more the account is asked (Lambda quotas, 2026-09)."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found out about a function.

    Attributes:
        settings: what the user asked for.
        target: the function.
        api: Lambda's control plane.
        region: where the function is.
        run: the run that the survey is for.
        facts: everything that was read.
        packages: its code.
        obstacles: for each other architecture that was asked for, why it is left out; empty: it is not.
        notices: what the user should know of the function.
    """

    settings: Settings
    target: Target
    api: LambdaApi
    region: str
    run: str
    facts: guards.Facts
    packages: Packages
    obstacles: Mapping[Architecture, str]
    notices: tuple[Notice, ...]

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """Those that are measured, the function's own first."""
        others = [architecture for architecture, obstacle in self.obstacles.items() if not obstacle]
        return (self.facts.details.state.architecture, *others)

    @property
    def copied(self) -> tuple[Architecture, ...]:
        """Architectures that are measured on copies."""
        return self.architectures if self.facts.copies_only else self.architectures[1:]

    @property
    def is_of_published(self) -> bool:
        """Whether only copies of a published version are measured, which no deployment changes."""
        return self.facts.copies_only and self.facts.details.state.is_published

    def obstacle(self, architecture: Architecture) -> str:
        """Why an architecture is not measured; empty when it is."""
        if architecture in self.architectures:
            return ""
        return self.obstacles.get(architecture, "It was not asked for when the run began.")

    def identity(self, *, max_memory_mb: int = MAX_MEMORY_MB) -> FunctionIdentity:
        """The function as it was found, and what of it can be measured."""
        state = self.facts.details.state
        return FunctionIdentity(
            name=state.name,
            backend=BackendKind.AWS,
            architectures=self.architectures,
            max_memory_mb=max_memory_mb,
            arn=state.arn,
            version=self.target.qualifier or state.version,
            runtime=state.runtime,
            code_sha256=state.code_sha256,
            region=self.region,
            current=state.configuration,
            timeout_s=float(state.timeout_s),
            details={
                "run": self.run,
                "isolation": "copy" if self.facts.copies_only else "versions",
                "package_type": str(state.raw.get("PackageType", "Zip")),
                "snapstart": state.has_snapstart,
                "ephemeral_mb": state.ephemeral_mb,
            },
        )

    def check(self) -> FunctionState:
        """Make sure that no other run is at work, and that copies can be made.

        Returns:
            $LATEST as it is.

        Raises:
            InputError: the function cannot be copied.
            AnotherRunError: another run is at work on it.
        """
        latest = self.api.wait_ready(self.target.name)
        refuse_marked(latest.name, latest)
        refuse_other_runs(latest.name, self.api.versions(latest.name))
        if self.copied:
            self.packages.check(self.copied)
            refuse_other_copies(self.api, latest.name)
        return latest

    def memory_cap_mb(self, publisher: VersionPublisher) -> int:
        """The largest memory size that the account allows, as far as the settings can lead to it.

        Copies are refused one by one instead: asking would need a write to the function.
        """
        wanted = _largest(self.settings)
        unasked = self.facts.copies_only or wanted <= EVERY_ACCOUNT_MB
        return MAX_MEMORY_MB if unasked else publisher.memory_cap_mb(wanted)

    def plan(self) -> str:
        """What a run would do, the permissions it needs, and what it costs at most."""
        return plan_text(self.settings, self.identity(), self.facts, self.notices, self.run)


def make_survey(settings: Settings, target: Target, api: LambdaApi, *, region: str, run: str) -> Survey:
    """Read a function, the account's limits, and what stands against its other architectures.

    Raises:
        InputError: the function cannot be tuned, with every reason.
        AwsError: a permission is missing, or AWS cannot be reached.
    """
    function = api.details(target.name)
    version = api.details(target.name, target.qualifier) if target.qualifier else function
    # Tags and reserved concurrency are those of the function, whatever the version.
    details = replace(function, state=version.state, code=version.code)
    on_request = settings.isolation == "copy"
    reason = "" if on_request else _reason_for_copies(target, details.state, function.state, run)
    facts = guards.Facts(
        details=details,
        account=api.account(),
        provisioned=api.provisioned_concurrency(target.name, needed=details.reserved_concurrency is not None),
        copies_only=on_request or bool(reason),
    )
    guards.refuse(facts)
    packages = Packages(api, details, settings.code_for)
    others = [other for other in settings.architectures or () if other is not details.state.architecture]
    obstacles = {other: packages.obstacle(other) for other in others}
    notices = [
        *([Notice("copies", reason)] if reason else []),
        *guards.notices(facts),
        *(Notice("architecture", f"{other} is left out: {found}.") for other, found in obstacles.items() if found),
    ]
    return Survey(settings, target, api, region, run, facts, packages, obstacles, tuple(notices))


def _reason_for_copies(target: Target, state: FunctionState, latest: FunctionState, run: str) -> str:
    """Why $LATEST cannot serve, so that everything is measured on copies; empty when it can."""
    if not state.same_deployment(latest):
        return f"{target.qualifier} differs from $LATEST in code or settings: it is measured on copies."
    if not fits(latest.description, run):
        return "Its description leaves no room to note how $LATEST was: it is measured on copies."
    return ""


def _largest(settings: Settings) -> int:
    """The largest memory size that the settings can lead to."""
    memory = settings.memory
    if memory.listed is not None:
        return max(memory.listed)
    return memory.high_mb if memory.every_64 or settings.sampler != "grid" else EVERY_ACCOUNT_MB
