"""Applies a recommendation to a function: to $LATEST, and to an alias on request.

Every write carries the RevisionId of the reading that the decision used. An alias moves only to the code
and settings that it already serves, so that tuning releases nothing. When one change fails, those before it are
undone: the function is changed as a whole, or is as it was found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.errors import BadValueError
from tuner.aws.api.function import Alias, FunctionState
from tuner.aws.api.function_reference import ALIAS_FORM, is_alias
from tuner.aws.api.session import connect
from tuner.aws.changes.latest import ChangedAfterwardsError, changed, refuse_marked, unchanged, write_latest
from tuner.aws.changes.packages import Packages
from tuner.documents.decision import backend_kind, configuration_of, decision_evidence
from tuner.documents.result import FunctionDocument, ResultDocument
from tuner.errors import Fault, FunctionChangedError, InputError, LeftBehindError, TunerError
from tuner.model import Architecture, BackendKind, Configuration, Notice
from tuner.search.decision import objections, require_evidence


@dataclass(frozen=True, slots=True)
class ApplyPlan:
    """What applying a recommendation changes.

    Attributes:
        function: name of the function.
        before: $LATEST as it is.
        after: the recommended configuration.
        alias: the alias to move; None when no alias moves.
        alias_now: the alias as it is; None when it does not exist yet.
    """

    function: str
    before: FunctionState
    after: Configuration
    alias: str | None = None
    alias_now: Alias | None = None

    @property
    def lines(self) -> list[str]:
        """The changes in words, in order; empty when nothing changes."""
        name, now = self.function, self.before.configuration
        lines = []
        if now.memory_mb != self.after.memory_mb:
            lines.append(f"set {name} from {now.memory_mb:,} MB to {self.after.memory_mb:,} MB")
        if now.architecture is not self.after.architecture:
            lines.append(f"update the code of {name} from {now.architecture} to {self.after.architecture}")
        if self.alias:
            origin = f"from version {self.alias_now.version} " if self.alias_now else ""
            verb = "move" if self.alias_now else "create"
            lines.append(f"publish a version of {name}")
            lines.append(f"{verb} the alias {self.alias} {origin}to it")
        return lines


def apply_recommendation(
    result: ResultDocument,
    connection: Connection,
    *,
    alias: str | None = None,
    releases: bool = False,
    dry_run: bool = False,
    force: bool = False,
    make_api: Callable[[Any], LambdaApi] = LambdaApi,
) -> str:
    """Apply the recommendation of a result document.

    Args:
        result: the result, which its schema accepts.
        connection: how to reach AWS.
        alias: the alias that then points to a new version.
        releases: move the alias also when it serves other code or settings than $LATEST.
        dry_run: only say what would change.
        force: apply even when the evidence is weak.
        make_api: wraps the boto3 client.

    Returns:
        What was done, in words.

    Raises:
        InputError: the result does not describe a function in AWS, or the alias serves other code or settings.
        WeakEvidenceError: the evidence does not support a change, and `force` is not set.
        FunctionChangedError: somebody changed the function meanwhile.
        AwsError: AWS refused a change; the function is as it was.
        LeftBehindError: AWS refused a change, and another one after it to undo those before.
    """
    function, after = _recommended(result, alias)
    evidence = decision_evidence(result)
    require_evidence(evidence, force=force or dry_run)
    clients = connect(connection, region=function["region"])
    api = make_api(clients.control)
    try:
        plan = make_apply_plan(api, str(function["arn"]), after, alias, releases=releases)
        note = _other_code(function, plan.before)
        if not plan.lines:
            return f"{note}{plan.function} already has {after}. There is nothing to apply."
        if dry_run:
            note += "".join(f"Note: applying needs --force: {reason}.\n" for reason in objections(evidence))
            return f"{note}Would:\n" + "\n".join(f"  {line}" for line in plan.lines)
        version = Applier(api, plan).run()
    finally:
        clients.close()
    served = f"; {alias} points to version {version}" if alias else ""
    now = plan.before.configuration
    return (
        f"{note}{plan.function}: {now} -> {after}{served}."
        if now != after
        else f"{note}{plan.function}: {after}{served}."
    )


def make_apply_plan(
    api: LambdaApi, name: str, after: Configuration, alias: str | None, *, releases: bool = False
) -> ApplyPlan:
    """Read the function and the alias, and make sure that the change is possible.

    Raises:
        InputError: the alias splits traffic, or serves other code or settings than $LATEST.
        AnotherRunError: a run works on the function.
    """
    before = api.wait_ready(name)
    refuse_marked(before.name, before)
    found = _alias(api, name, alias) if alias else None
    if found is not None:
        faults = []
        if found.weighted:
            problem = f"{found.name} splits its traffic between versions"
            faults.append(Fault("--alias", problem, "finish that release first"))
        served = api.state(name, found.version)
        unreleased = [field for field in before.deployment_changes(served) if field != "Architectures"]
        if unreleased and not releases:
            problem = (
                f"{found.name} serves version {found.version}, which differs from $LATEST ({', '.join(unreleased)})"
            )
            faults.append(Fault("--alias", problem, "release $LATEST first, or apply without --alias"))
        if faults:
            raise InputError(faults)
        if not unreleased and served.configuration == after and before.configuration == after:
            alias = None
    return ApplyPlan(before.name, before, after, alias, found)


def release_notice(api: LambdaApi, name: str, alias: str) -> Notice | None:
    """Return what pointing an alias at $LATEST releases beside a memory size; None when it releases nothing.

    For whoever applies a recommendation after a long run, to know before the run begins.

    Raises:
        InputError: the alias cannot be moved, because it splits its traffic.
    """
    found = _alias(api, name, alias)
    if found is None:
        return None
    if found.weighted:
        problem = f"{found.name} splits its traffic between versions"
        raise InputError.single("$.autoOptimizeAlias", problem, "finish that release first")
    latest, served = api.state(name), api.state(name, found.version)
    changes = [field for field in latest.deployment_changes(served) if field != "Architectures"]
    if not changes:
        return None
    message = f"Applying the recommendation releases $LATEST through {found.name}: version {found.version} differs in "
    return Notice("alias_release", f"{message}{', '.join(changes)}.")


class LatestChange(StrEnum):
    """A change of $LATEST."""

    MEMORY = "memory"
    ARCHITECTURE = "architecture"


@dataclass(slots=True)
class Applier:
    """Makes the changes of a plan."""

    api: LambdaApi
    plan: ApplyPlan
    _code: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _begun: list[LatestChange] = field(default_factory=list)
    _published: str | None = None

    def run(self) -> str:
        """Make all changes, or none. Returns the version that the alias points to, or `$LATEST`.

        Raises:
            FunctionChangedError: somebody changed the function meanwhile; their change stays.
            AwsError: AWS refused a change, and those before it are undone.
            LeftBehindError: they could not be undone, or a version that was published stays.
        """
        state, after = self.plan.before, self.plan.after
        if state.architecture is not after.architecture:
            self._code = self._code_for(after.architecture)  # what prevents it is found before the first change
        try:
            return self._make(state)
        except BaseException as exc:
            self._undo(exc)
            raise

    def _make(self, state: FunctionState) -> str:
        after = self.plan.after
        if state.memory_mb != after.memory_mb:
            state = self._change(LatestChange.MEMORY, state, after)
        if state.architecture is not after.architecture:
            state = self._change(LatestChange.ARCHITECTURE, state, after)
        if self.plan.alias is None:
            return "$LATEST"
        version = self._publish(state)
        self._point(self.plan.alias, version)
        return version

    def _change(self, step: LatestChange, state: FunctionState, to: Configuration) -> FunctionState:
        """Make one change of $LATEST. Once it was begun it is undone, unless somebody else's change prevented it."""
        self._begun.append(step)
        try:
            if step is LatestChange.MEMORY:
                return write_latest(self.api, self.plan.function, state, to.memory_mb, state.description)
            return self._set_architecture(state, to.architecture)
        except ChangedAfterwardsError:
            raise
        except FunctionChangedError:
            self._begun.remove(step)
            raise

    def _undo(self, cause: BaseException) -> None:
        """Change $LATEST back, as far as it is still what was written. Does nothing once the alias has moved.

        Raises:
            LeftBehindError: it could not be changed back, or a version stays.
        """
        name, before, hints = self.plan.function, self.plan.before, [getattr(cause, "hint", "")]
        said = cause.message if isinstance(cause, TunerError) else "Applying was interrupted"
        left = []
        try:
            if self._is_served():
                return
            self._change_back()
        except TunerError as exc:
            left.append(f"{name} may not have {before.configuration} again: {exc.message}")
            hints.append("Set its memory size and architecture by hand, or apply again.")
        if self._published:
            left.append(f"Version {self._published} of {name} was published, and stays. Nothing uses it.")
            hints.append("Applying again uses that version.")
        if left:
            hint = " ".join(filter(None, hints))
            raise LeftBehindError("\n".join([said, *left]), hint) from cause

    def _is_served(self) -> bool:
        """Whether the alias points to the version that was published: an interrupt came after the last change."""
        if self._published is None or self.plan.alias is None:
            return False
        alias = _alias(self.api, self.plan.function, self.plan.alias)
        return alias is not None and alias.version == self._published

    def _change_back(self) -> None:
        before, after, begun = self.plan.before, self.plan.after, tuple(self._begun)
        now = self.api.wait_ready(self.plan.function) if begun else before
        same_code = now.code_sha256 == before.code_sha256  # other code has been deployed with its own architecture
        if LatestChange.ARCHITECTURE in begun and same_code and now.architecture is after.architecture:
            now = self._set_architecture(now, before.architecture)
        if LatestChange.MEMORY in begun and now.memory_mb == after.memory_mb:
            write_latest(self.api, self.plan.function, now, before.memory_mb, now.description)

    def _code_for(self, architecture: Architecture) -> Mapping[str, Any]:
        """The code as arguments of UpdateFunctionCode.

        Raises:
            TunerError: the code cannot run on the architecture.
        """
        name = self.plan.function
        packages = Packages(self.api, self.api.details(name))
        if obstacle := packages.obstacle(architecture):
            raise TunerError(
                f"{name} cannot be switched to {architecture}: {obstacle}", "Deploy it for that architecture."
            )
        return packages.code(architecture)

    def _set_architecture(self, before: FunctionState, architecture: Architecture) -> FunctionState:
        name = self.plan.function
        wanted = before.content(Architectures=[architecture.value])
        expected = before

        def call() -> FunctionState:
            self.api.once(
                f"update the code of {name}",
                "update_function_code",
                FunctionName=name,
                Architectures=[architecture.value],
                RevisionId=expected.revision_id,
                **self._code,
            )
            return self.api.wait_ready(name)

        def settled() -> FunctionState | None:
            nonlocal expected
            now = self.api.wait_ready(name)
            if now.content() == wanted:
                return now
            expected = unchanged(self.api, name, expected)
            return None

        after = self.api.retry.write(call, settled=settled)
        if after.failure:
            raise TunerError(f"Could not switch {name} to {architecture}: {after.failure}", "Lambda names this reason.")
        if after.content() != wanted:
            raise changed(name, wanted, after, kind=ChangedAfterwardsError)
        return after

    def _publish(self, state: FunctionState) -> str:
        name = self.plan.function
        known = {version.version for version in self.api.versions(name)}

        def call() -> str:
            reply = self.api.once(
                f"publish a version of {name}",
                "publish_version",
                FunctionName=name,
                CodeSha256=state.code_sha256,
                RevisionId=state.revision_id,
            )
            return str(reply["Version"])

        def settled() -> str | None:
            nonlocal state
            for version in self.api.versions(name):
                if version.version not in known and version.same_deployment(state):
                    return version.version
            state = unchanged(self.api, name, state)
            return None

        try:
            version: str = self.api.retry.write(call, settled=settled)
        except BadValueError:
            unchanged(self.api, name, state)  # Lambda refused the code hash: somebody deployed
            raise
        self._published = version if version not in known else None
        ready = self.api.wait_ready(name, version)
        if ready.failure:
            raise TunerError(f"Version {version} of {name} failed: {ready.failure}", "The alias did not move.")
        return version

    def _point(self, alias: str, version: str) -> None:
        name, now = self.plan.function, self.plan.alias_now

        def call() -> str:
            arguments = {"FunctionName": name, "Name": alias, "FunctionVersion": version}
            if now is None:
                self.api.once(f"create the alias {alias}", "create_alias", **arguments)
            else:
                self.api.once(f"move the alias {alias}", "update_alias", RevisionId=now.revision_id, **arguments)
            return version

        def settled() -> str | None:
            found = _alias(self.api, name, alias)
            if found is not None and found.version == version:
                return version
            if (found and found.version) != (now and now.version):
                raise TunerError(f"Somebody moved the alias {alias} meanwhile, so it was not changed", "Apply again.")
            return None

        self.api.retry.write(call, settled=settled)


def apply_faults(result: ResultDocument | None, alias: str | None) -> list[Fault]:
    """What prevents that a result is applied, whatever its evidence and the function in AWS are.

    Args:
        result: None: it cannot be read.
        alias: the alias that is to move.
    """
    faults = []
    if result is not None:
        function = result["function"]
        if backend_kind(result) is not BackendKind.AWS or not function["arn"]:
            problem = f"is a {function['backend']} estimate of {function['name']}: there is no function to change"
            faults.append(Fault("RESULT", problem, "tune the function in AWS first"))
        if not result["recommendation"]:
            faults.append(Fault("RESULT", "has no recommendation", "tune again with runs that succeed"))
    if alias is not None and not is_alias(alias):
        faults.append(Fault("--alias", f"{alias!r} cannot be an alias", ALIAS_FORM))
    return faults


def _recommended(result: ResultDocument, alias: str | None) -> tuple[FunctionDocument, Configuration]:
    recommendation = result["recommendation"]
    if (faults := apply_faults(result, alias)) or recommendation is None:
        raise InputError(faults)
    return result["function"], configuration_of(recommendation)


def _other_code(function: FunctionDocument, state: FunctionState) -> str:
    if not function["code_sha256"] or function["code_sha256"] == state.code_sha256:
        return ""
    return f"Note: {state.name} has other code now than during the measurement.\n"


def _alias(api: LambdaApi, name: str, alias: str) -> Alias | None:
    return next((found for found in api.aliases(name) if found.name == alias), None)
