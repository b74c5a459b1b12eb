"""Places to invoke: versions of the function or copies, made when a batch needs them and undone at the end.

Knows which configuration is published in place and which on a copy, and how many still fit;
does not know what is measured.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tuner.aws.api.client import SNAPSHOT_LIMIT_S, LambdaApi
from tuner.aws.api.function import FunctionState
from tuner.aws.changes.copies import CopyMaker
from tuner.aws.changes.journal import Journal
from tuner.aws.changes.markers import CopyMarker, VersionMarker
from tuner.aws.changes.versions import Refusal, VersionPublisher
from tuner.aws.measure.invoke import Place
from tuner.errors import BackendError
from tuner.model import MAX_MEMORY_MB, Configuration
from tuner.pricing.price_list import FREE_EPHEMERAL_MB, price_list

Key = tuple[Configuration, int]
"""A configuration, and which of its versions: each has environments of its own."""


@dataclass(slots=True)
class Bench:
    """The places of one run.

    Attributes:
        publisher: publishes and deletes versions of the function.
        copies: makes and deletes copies.
        copies_only: whether $LATEST is left alone.
        room: how many versions still fit into the account's code storage.
        cap_mb: largest memory size that the account is known to allow.
    """

    api: LambdaApi
    publisher: VersionPublisher
    copies: CopyMaker
    journal: Journal
    copies_only: bool
    room: int
    cap_mb: int = MAX_MEMORY_MB
    _places: dict[Key, Place | Refusal] = field(default_factory=dict)
    _alone: bool = False

    def places(self, wanted: Sequence[Key], stop: threading.Event) -> dict[Key, Place | Refusal]:
        """Have a place for each key, made now unless it exists already.

        Returns:
            For each key its place, or why AWS refuses the configuration; fewer when `stop` was set.

        Raises:
            FunctionChangedError: the function was deployed meanwhile.
            AnotherRunError: an earlier run is at work on the function.
        """
        missing = sorted({key for key in wanted if key not in self._places})
        self._places |= {key: refusal for key in missing if (refusal := self._refused(key[0])) is not None}
        missing = [key for key in missing if key not in self._places]
        fitting, rest = missing[: max(0, self.room)], missing[max(0, self.room) :]
        full = Refusal("CodeStorageExceededException", "The account's code storage has no room for another version.")
        self._places |= dict.fromkeys(rest, full)
        self._make([key for key in fitting if not self.copied(key[0])], stop)
        self._copy([key for key in fitting if self.copied(key[0])], stop)
        return {key: self._places[key] for key in wanted if key in self._places}

    def retire(self, keys: Iterable[Key]) -> None:
        """Delete places that are not needed again. What fails is tried again at the end."""
        for key in keys:
            place = self._places.pop(key, None)
            if not isinstance(place, Place):
                continue
            self.room += 1
            if not self.copied(key[0]):
                self.publisher.delete([str(VersionMarker(self.journal.run, *key))])
            else:
                self.copies.delete([place.function])

    def undo(self) -> list[BackendError]:
        """Put everything back; what cannot be undone is returned."""
        failures = [] if self.copies_only else self.publisher.undo()
        return failures + self.copies.delete(list(self.journal.copies))

    def copied(self, configuration: Configuration) -> bool:
        """Whether a configuration is measured on a copy."""
        return self.copies_only or configuration.architecture is not self.publisher.original.architecture

    def _refused(self, configuration: Configuration) -> Refusal | None:
        if configuration.memory_mb <= self.cap_mb:
            return None
        return Refusal("MemoryCap", f"{configuration} is above the {self.cap_mb} MB that the account allows.")

    def _make(self, keys: Sequence[Key], stop: threading.Event) -> None:
        markers = {VersionMarker(self.journal.run, *key): key for key in keys}
        published = self.publisher.publish(list(markers), stop) if markers else {}
        if published and not self._alone:
            self.publisher.withdraw_if_second()
            self._alone = True
        for marker, version in published.items():
            self._settle(markers[marker], self._ready(version, stop))

    def _copy(self, keys: Sequence[Key], stop: threading.Event) -> None:
        if not keys or stop.is_set():
            return
        function = self.publisher.original.name
        markers = {CopyMarker(VersionMarker(self.journal.run, *key), function): key for key in keys}
        for marker, version in self.copies.create(list(markers), stop).items():
            self._settle(markers[marker], version)

    def _ready(self, version: FunctionState | Refusal, stop: threading.Event) -> FunctionState | Refusal:
        if isinstance(version, Refusal):
            return version
        if version.busy:
            version = self.api.wait_ready(version.name, version.version, limit_s=SNAPSHOT_LIMIT_S, stop=stop)
        return Refusal("Failed", version.failure) if version.failure else version

    def _settle(self, key: Key, version: FunctionState | Refusal) -> None:
        if isinstance(version, Refusal):
            self.cap_mb = min(self.cap_mb, version.memory_cap_mb or self.cap_mb)
            self._places[key] = version
            return
        self.room -= 1
        if version.busy:
            return  # stopped while it was waited for: it is not invoked, and undone at the end
        log_group = "" if version.reports_are_off else version.log_group
        price = price_list(version.region).ephemeral_usd_per_gb_second
        storage = price * max(0, version.ephemeral_mb - FREE_EPHEMERAL_MB) / 1024
        self._places[key] = Place(version.name, version.version, key[0], version.runtime or "", log_group, storage)
