"""What a function is: $LATEST, its published versions and its aliases, and how their states pass with time.

Time decides states and revisions when they are looked at, so nothing runs in the background.
Knows nothing of HTTP and of running code.
"""

from __future__ import annotations

import copy
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.cloud import clock
from tests.cloud.lambda_service import errors
from tests.cloud.lambda_service.code import Package
from tests.cloud.lambda_service.names import LATEST, FunctionName

MAX_TAGS = 50
"""Tags of a function. Those that AWS itself sets do not count (Lambda developer guide, tags, 2026-11)."""

Configuration = dict[str, Any]
"""The fields of FunctionConfiguration that the caller decides, in the API's spelling."""


@dataclass(slots=True)
class Version:
    """$LATEST or a published version: configuration, code, and how far its making has come."""

    number: str
    configuration: Configuration
    package: Package
    modified: str = field(default_factory=lambda: timestamp())
    revision: str = field(default_factory=lambda: new_revision())
    settled_revision: str = ""
    """The revision from the moment at which it is ready; empty: the same."""
    creating_until: float = 0.0
    updating_until: float = 0.0
    before_update: Version | None = None
    """What is invoked until an update is through, and after one that failed."""
    failure: str = ""
    """Reason code with which its creation or update ends; empty: it succeeds."""
    fingerprint: str = ""
    """Of a published version: $LATEST's content when it was published."""

    @property
    def pending(self) -> bool:
        """Still being created: cannot be invoked."""
        return clock.monotonic() < self.creating_until

    @property
    def updating(self) -> bool:
        """An update is in progress: invocations still reach what was before."""
        return clock.monotonic() < self.updating_until

    @property
    def current_revision(self) -> str:
        """The RevisionId now: Lambda gives a new one when a creation or an update ends, too."""
        if self.settled_revision and not (self.pending or self.updating):
            return self.settled_revision
        return self.revision

    @property
    def effective(self) -> Version:
        """What an invocation runs now."""
        return self.before_update if self.before_update and (self.updating or self.failure) else self

    def content(self) -> str:
        """What PublishVersion compares: the configuration and the code, without revision and time."""
        return repr(sorted(self.configuration.items(), key=str)) + self.package.sha256


@dataclass(slots=True)
class Alias:
    """A name for a version, with weights for a second one."""

    name: str
    version: str
    description: str
    weights: dict[str, float]
    revision: str = field(default_factory=lambda: new_revision())

    @property
    def versions(self) -> set[str]:
        """Every version that it may send invocations to."""
        return {self.version, *self.weights}


@dataclass(slots=True)
class Function:
    """A function. Version numbers only ever grow."""

    name: FunctionName
    latest: Version
    versions: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    last_number: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    reserved: int | None = None
    provisioned: dict[str, dict[str, Any]] = field(default_factory=dict)
    urls: dict[str, dict[str, Any]] = field(default_factory=dict)
    event_invoke: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Small documents that are only kept: runtime management, recursion."""

    def tag(self, tags: dict[str, str]) -> None:
        """Add tags.

        Raises:
            AwsError: the function would have too many.
        """
        tags = self.tags | tags
        if sum(not key.startswith("aws:") for key in tags) > MAX_TAGS:
            raise errors.too_many_tags()
        self.tags = tags

    def resolve(self, qualifier: str | None) -> Version:
        """The version behind a version number, an alias, `$LATEST` or nothing.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        if qualifier in (None, LATEST):
            return self.latest
        assert qualifier is not None
        number = self.aliases[qualifier].version if qualifier in self.aliases else qualifier
        found = self.latest if number == LATEST else self.versions.get(number)
        if found is None:
            raise errors.not_found(f"{self.name.arn}:{qualifier}")
        return found

    def must_be_changeable(self, revision: str | None) -> None:
        """Refuse a change of $LATEST while it is made or updated, and one that knows an older revision.

        Raises:
            AwsError: ResourceConflictException, PreconditionFailedException.
        """
        if self.latest.pending:
            raise errors.pending()
        if self.latest.updating:
            raise errors.update_in_progress(self.name.arn)
        if revision and revision != self.latest.current_revision:
            raise errors.stale_revision()

    def begin_update(
        self,
        seconds: float,
        *,
        configuration: Configuration | None = None,
        package: Package | None = None,
        failure: str = "",
    ) -> None:
        """Change $LATEST; invocations see it when the update is through, unless it fails."""
        old = self.latest
        self.latest = Version(
            LATEST,
            old.configuration if configuration is None else configuration,
            old.package if package is None else package,
            settled_revision=new_revision(),
            updating_until=clock.monotonic() + seconds,
            before_update=old.effective,
            failure=failure,
        )
        old.before_update = None

    def publish(self, description: str | None, seconds: float, *, failure: str = "") -> Version:
        """A new version of $LATEST, or the last one where nothing has changed since."""
        content = self.latest.content()
        last = max(self.versions, key=int, default=None)
        if last is not None and self.versions[last].fingerprint == content:
            return self.versions[last]
        self.last_number += 1
        configuration = copy.deepcopy(self.latest.configuration)
        if description:
            configuration["Description"] = description
        version = Version(
            str(self.last_number),
            configuration,
            self.latest.package,
            modified=self.latest.modified,
            creating_until=clock.monotonic() + seconds,
            fingerprint=content,
            failure=failure,
        )
        self.versions[version.number] = version
        self.latest.revision = new_revision()  # publishing is a new revision of $LATEST as well
        self.latest.settled_revision = ""
        return version

    def delete_version(self, number: str) -> None:
        """Delete a published version; deleting one that is not there does nothing, as in AWS.

        Raises:
            AwsError: ResourceConflictException where an alias points to it.
        """
        users = sorted(alias.name for alias in self.aliases.values() if number in alias.versions)
        if users:
            raise errors.conflict(
                f"Unable to delete version because the following aliases reference it: [{', '.join(users)}]"
            )
        self.versions.pop(number, None)
        self.provisioned.pop(number, None)

    def has_code(self, package: Package) -> bool:
        """Whether a version has the code of a package."""
        return any(one.package.sha256 == package.sha256 for one in (self.latest, *self.versions.values()))

    @property
    def code_bytes(self) -> int:
        """What it takes of the account's code storage: each version counts."""
        return self.latest.package.size + sum(version.package.size for version in self.versions.values())


class FunctionStore:
    """The functions and layers of one account and region. Take `lock` around every use."""

    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
        self.lock = threading.RLock()
        self.functions: dict[str, Function] = {}
        self.layers: dict[str, dict[int, Layer]] = {}
        self.last_layer_number: dict[str, int] = {}
        self.running: dict[str, int] = {}
        """Invocations that run now, by function name."""

    def get(self, name: FunctionName) -> Function:
        """The function, whatever the qualifier.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        function = self.functions.get(name.name) if name.account == self.account else None
        if function is None:
            raise errors.not_found(name.qualified_arn)
        return function

    def layer(self, arn: str) -> Layer:
        """A layer version by its ARN.

        Raises:
            AwsError: it does not exist.
        """
        *_, name, number = arn.split(":")
        found = self.layers.get(name, {}).get(int(number)) if number.isdigit() else None
        if found is None:
            raise errors.invalid(f"Layer version {arn} does not exist.")
        return found

    @property
    def code_bytes(self) -> int:
        """Code storage in use, layers included."""
        layers = sum(layer.package.size for versions in self.layers.values() for layer in versions.values())
        return layers + sum(function.code_bytes for function in self.functions.values())


@dataclass(slots=True)
class Layer:
    """One version of a layer."""

    arn: str
    number: int
    package: Package
    document: dict[str, Any]


def new_revision() -> str:
    """A fresh RevisionId."""
    return str(uuid.uuid4())


def timestamp() -> str:
    """LastModified as Lambda writes it: 2026-09-30T12:00:00.000+0000."""
    now = datetime.now(UTC)
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}+0000"
