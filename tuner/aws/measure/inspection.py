"""Reads a function before any change, and decides whether and how it can be measured.

A run of the command line and an execution of the state machine begin with the same inspection. It changes
nothing: Lambda always rejects its one write, which asks for the largest memory size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.errors import DeniedError
from tuner.aws.api.function import FunctionState
from tuner.aws.api.function_reference import FunctionReference
from tuner.aws.changes.copies import MAX_TAGS, copied_tags, refuse_other_copies
from tuner.aws.changes.latest import refuse_marked
from tuner.aws.changes.markers import fits
from tuner.aws.changes.packages import Packages
from tuner.aws.changes.versions import VersionPublisher, refuse_other_runs
from tuner.aws.measure import preconditions
from tuner.aws.measure.dry_run import plan_text
from tuner.errors import Fault, InputError
from tuner.model import MAX_MEMORY_MB, Architecture, BackendKind, FunctionIdentity, Notice
from tuner.pricing.price_list import PriceList
from tuner.search.registry import measures_every_size
from tuner.settings import Isolation, Settings

EVERY_ACCOUNT_MB = 3008
"""Memory size that every account may use. For more, the inspection asks Lambda (Lambda quotas, 2026-09)."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was read of a function, and what follows from it.

    Attributes:
        settings: what the user asked for.
        reference: the function.
        api: Lambda's control plane.
        region: where the function is.
        run: the id of the run.
        facts: everything that was read.
        packages: the code of the function.
        obstacles: for each other requested architecture why it cannot be measured; empty when it can.
        notices: what the user should know about the function.
    """

    settings: Settings
    reference: FunctionReference
    api: LambdaApi
    region: str
    run: str
    facts: preconditions.FunctionFacts
    packages: Packages
    obstacles: Mapping[Architecture, str]
    notices: tuple[Notice, ...]

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """The measured architectures, the function's own first."""
        others = [architecture for architecture, obstacle in self.obstacles.items() if not obstacle]
        return (self.facts.details.state.architecture, *others)

    @property
    def copied(self) -> tuple[Architecture, ...]:
        """Architectures that are measured on copies."""
        return self.architectures if self.facts.copies_only else self.architectures[1:]

    @property
    def is_of_published(self) -> bool:
        """Whether everything runs on copies of a published version, which no deployment can change."""
        return self.facts.copies_only and self.facts.details.state.is_published

    def obstacle(self, architecture: Architecture) -> str:
        """Why an architecture cannot be measured; empty when it can."""
        if architecture in self.architectures:
            return ""
        return self.obstacles.get(architecture, "It was not requested when the run began.")

    def identity(self, *, max_memory_mb: int = MAX_MEMORY_MB) -> FunctionIdentity:
        """The function as it was found, and what of it can be measured."""
        state = self.facts.details.state
        return FunctionIdentity(
            name=state.name,
            backend=BackendKind.AWS,
            architectures=self.architectures,
            max_memory_mb=max_memory_mb,
            arn=state.arn,
            version=self.reference.qualifier or state.version,
            runtime=state.runtime,
            code_sha256=state.code_sha256,
            region=self.region,
            current=state.configuration,
            timeout_s=float(state.timeout_s),
            details={
                "run": self.run,
                "isolation": "copy" if self.facts.copies_only else "versions",
                "may_publish": self.facts.may_publish,
                "package_type": str(state.raw.get("PackageType", "Zip")),
                "snapstart": state.has_snapstart,
                "ephemeral_mb": state.ephemeral_mb,
            },
        )

    def check(self) -> FunctionState:
        """Make sure that no other run works on the function, and that copies can be created.

        Returns:
            $LATEST as it is.

        Raises:
            InputError: the function cannot be copied.
            AnotherRunError: another run works on it.
        """
        latest = self.api.wait_ready(self.reference.name)
        refuse_marked(latest.name, latest)
        refuse_other_runs(latest.name, self.api.versions(latest.name))
        if self.copied:
            self.packages.check(self.copied)
            refuse_other_copies(self.api, latest.name)
        return latest

    def memory_cap_mb(self, publisher: VersionPublisher) -> int:
        """The largest memory size that the account allows, up to what the settings can choose.

        Does not ask when the function must not be written to, because the question is a write, although a rejected
        one. Lambda then refuses each copy that is too large.
        """
        wanted, facts = _largest(self.settings), self.facts
        if wanted <= EVERY_ACCOUNT_MB or (facts.copies_only and not facts.may_publish):
            return MAX_MEMORY_MB
        try:
            return publisher.memory_cap_mb(wanted)
        except DeniedError:
            if not facts.may_publish:
                raise
            return MAX_MEMORY_MB

    def plan(self, prices: PriceList) -> str:
        """What a run would do, the permissions it needs, and its cost at most by the run's price list."""
        return plan_text(self.settings, self.identity(), self.facts, self.notices, run=self.run, prices=prices)


def inspect_function(
    settings: Settings, reference: FunctionReference, api: LambdaApi, *, region: str, run: str
) -> Inspection:
    """Read a function, the account's limits, and what prevents other architectures.

    Raises:
        InputError: the function cannot be tuned, with every reason.
        AwsError: a permission is missing, or AWS cannot be reached.
    """
    function = api.details(reference.name)
    version = api.details(reference.name, reference.qualifier) if reference.qualifier else function
    # Tags and reserved concurrency belong to the function, not to a version.
    details = replace(function, state=version.state, code=version.code)
    on_request = settings.isolation is Isolation.COPY
    reason = "" if on_request else _reason_for_copies(reference, details.state, function.state, run)
    others = [other for other in settings.architectures or () if other is not details.state.architecture]
    auto = settings.isolation is Isolation.AUTO and not reason
    versions = preconditions.reason_for_versions(details) if auto else ""
    preferred = auto and not versions
    # Whoever cannot see the copies of other runs makes none where there is another way.
    unseen = _listing_refused(api) if preferred or (others and not on_request and not reason) else ""
    if preferred and unseen:
        preferred, versions = False, f"{unseen}: versions are measured."
    facts = preconditions.FunctionFacts(
        details=details,
        account=api.account(),
        provisioned=api.provisioned_concurrency(reference.name, needed=details.reserved_concurrency is not None),
        copies_only=on_request or bool(reason) or preferred,
        may_publish=preferred,
    )
    preconditions.check(facts)
    packages = Packages(api, details, settings.code_for)
    obstacles = {other: unseen or packages.obstacle(other) for other in others}
    _refuse_obstacles(settings, obstacles)
    notices = [
        *([Notice("copies", reason)] if reason else []),
        *([Notice("versions", versions)] if versions else []),
        *preconditions.notices(facts),
        *(Notice("architecture", f"{other} is left out: {found}.") for other, found in obstacles.items() if found),
        *(_tags_left_out(details.tags) if facts.copies_only or not all(obstacles.values()) else []),
    ]
    return Inspection(settings, reference, api, region, run, facts, packages, obstacles, tuple(notices))


def _reason_for_copies(reference: FunctionReference, state: FunctionState, latest: FunctionState, run: str) -> str:
    """Why $LATEST cannot be used, so that everything runs on copies; empty when it can."""
    if not state.same_deployment(latest):
        return f"{reference.qualifier} differs from $LATEST in code or settings, so it is measured on copies."
    if not fits(latest.description, run):
        return "Its description has no room for the original settings of $LATEST, so it is measured on copies."
    return ""


def _refuse_obstacles(settings: Settings, obstacles: Mapping[Architecture, str]) -> None:
    """Refuse a request for architectures none of which can be measured.

    Raises:
        InputError: tells for each why.
    """
    asked = settings.architectures or ()
    if asked and all(obstacles.get(architecture) for architecture in asked):
        faults = [
            Fault("$.architectures", f"{other} cannot be measured: {obstacles[other]}", "use `current` or `both`")
            for other in asked
        ]
        raise InputError(faults)


def _listing_refused(api: LambdaApi) -> str:
    """Why copies of other runs cannot be seen, so that none are made; empty when they can."""
    try:
        next(api.functions(), None)
    except DeniedError:
        return "lambda:ListFunctions is not allowed, which shows the copies of other runs"
    return ""


def _tags_left_out(tags: Mapping[str, str]) -> list[Notice]:
    """What copies lack of the function's tags, for rules that ask for them."""
    left_out = sorted(tags.keys() - copied_tags(tags))
    if not left_out:
        return []
    message = f"Copies have no room for {', '.join(left_out)} among the {MAX_TAGS} tags that Lambda allows."
    return [Notice("tags", message)]


def _largest(settings: Settings) -> int:
    """The largest memory size that these settings can choose."""
    memory = settings.memory
    if memory.listed is not None:
        return max(memory.listed)
    return memory.high_mb if memory.every_64 or not measures_every_size(settings) else EVERY_ACCOUNT_MB
