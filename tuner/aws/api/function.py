"""Gives typed access to what AWS returns about a function, a version or an account.

Decides what counts as the same function: its content without the fields that change by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuner.model import Architecture, Configuration
from tuner.pricing.price_list import FREE_EPHEMERAL_MB

LATEST = "$LATEST"
_VOLATILE = frozenset(
    {
        "RevisionId", "LastModified", "ConfigSha256", "ResponseMetadata", "RuntimeVersionConfig",
        "State", "StateReason", "StateReasonCode",
        "LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode",
    }
)  # fmt: skip
_BY_VERSION = frozenset({"Version", "FunctionArn", "MasterArn", "SnapStart"})


@dataclass(frozen=True, slots=True, eq=False)
class FunctionState:
    """One reading of GetFunctionConfiguration. `raw` is the reply."""

    raw: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The function's name, without account and region."""
        return str(self.raw["FunctionName"])

    @property
    def arn(self) -> str:
        """ARN without qualifier."""
        return ":".join(str(self.raw["FunctionArn"]).split(":")[:7])

    @property
    def version(self) -> str:
        """Version number, or `$LATEST`."""
        return str(self.raw.get("Version", LATEST))

    @property
    def is_published(self) -> bool:
        """Whether this is a published version, whose code and settings never change."""
        return self.version != LATEST

    @property
    def memory_mb(self) -> int:
        """Memory size."""
        return int(self.raw.get("MemorySize", 128))

    @property
    def architecture(self) -> Architecture:
        """Architecture; x86_64 when the reply has none."""
        return Architecture((self.raw.get("Architectures") or ["x86_64"])[0])

    @property
    def configuration(self) -> Configuration:
        """Memory size and architecture."""
        return Configuration(self.memory_mb, self.architecture)

    @property
    def description(self) -> str:
        """The description; empty when there is none."""
        return str(self.raw.get("Description") or "")

    @property
    def revision_id(self) -> str:
        """The revision, which every change renews. A write names the revision that it expects."""
        return str(self.raw.get("RevisionId", ""))

    @property
    def code_sha256(self) -> str:
        """Hash of the code package."""
        return str(self.raw.get("CodeSha256", ""))

    @property
    def code_size(self) -> int:
        """Bytes of the code package. Every version counts against the account's code storage."""
        return int(self.raw.get("CodeSize", 0))

    @property
    def timeout_s(self) -> int:
        """The function's timeout."""
        return int(self.raw.get("Timeout", 3))

    @property
    def runtime(self) -> str | None:
        """Runtime identifier; None for container images."""
        return self.raw.get("Runtime")

    @property
    def is_image(self) -> bool:
        """Whether it is a container image."""
        return self.raw.get("PackageType") == "Image"

    @property
    def has_snapstart(self) -> bool:
        """Whether published versions start from snapshots."""
        return (self.raw.get("SnapStart") or {}).get("ApplyOn") == "PublishedVersions"

    @property
    def ephemeral_mb(self) -> int:
        """Size of /tmp."""
        return int((self.raw.get("EphemeralStorage") or {}).get("Size", FREE_EPHEMERAL_MB))

    @property
    def region(self) -> str:
        """Region of the function."""
        return str(self.raw["FunctionArn"]).split(":")[3]

    @property
    def log_group(self) -> str:
        """CloudWatch log group of the function."""
        return str((self.raw.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{self.name}")

    @property
    def reports_are_off(self) -> bool:
        """Whether its system log level drops the report line."""
        return (self.raw.get("LoggingConfig") or {}).get("SystemLogLevel") == "WARN"

    @property
    def layers(self) -> tuple[str, ...]:
        """ARNs of the layer versions."""
        return tuple(str(layer["Arn"]) for layer in self.raw.get("Layers") or ())

    @property
    def busy(self) -> bool:
        """Whether a creation or an update is still in progress."""
        return self.raw.get("State") == "Pending" or self.raw.get("LastUpdateStatus") == "InProgress"

    @property
    def failure(self) -> str:
        """Why the creation or the last update failed; empty when it succeeded."""
        if self.raw.get("State") == "Failed":
            return str(self.raw.get("StateReason") or self.raw.get("StateReasonCode") or "its creation failed")
        if self.raw.get("LastUpdateStatus") == "Failed":
            return str(self.raw.get("LastUpdateStatusReason") or "its last update failed")
        return ""

    def content(self, **changes: Any) -> dict[str, Any]:
        """Everything that a deployment can change, with some fields replaced."""
        return {k: v for k, v in self.raw.items() if k not in _VOLATILE} | changes

    def same_deployment(self, other: FunctionState) -> bool:
        """Whether two versions have the same code and settings, memory and description left aside."""
        return not self.deployment_changes(other)

    def deployment_changes(self, other: FunctionState) -> list[str]:
        """Fields of code and settings in which two versions differ, without memory size and description."""
        return changed_fields(self._deployed(), other._deployed())

    def _deployed(self) -> dict[str, Any]:
        apart = _BY_VERSION | {"MemorySize", "Description", "CodeSize"}
        deployed = {k: v for k, v in self.content().items() if k not in apart}
        return deployed | {"SnapStart": self.has_snapstart}


def changed_fields(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Names of the fields in which two contents differ. Their values may be secret and are left out."""
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


@dataclass(frozen=True, slots=True)
class FunctionDetails:
    """The reply of GetFunction: the configuration, code, tags and reserved concurrency.

    Attributes:
        state: the configuration.
        code: the location of the code (`Location` or `ImageUri`), valid for minutes.
        tags: the function's tags without those of AWS itself.
        reserved_concurrency: the reserved concurrency; None when there is none.
    """

    state: FunctionState
    code: Mapping[str, Any] = field(repr=False)
    tags: Mapping[str, str]
    reserved_concurrency: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """The account limits that bound a run, from GetAccountSettings.

    Attributes:
        concurrency: concurrent executions that no function has reserved.
        code_bytes_free: free code storage in bytes.
    """

    concurrency: int
    code_bytes_free: int


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias and the version that it points to. `weighted` means that it splits traffic."""

    name: str
    version: str
    revision_id: str
    weighted: bool
