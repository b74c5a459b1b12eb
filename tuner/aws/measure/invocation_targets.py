"""Creates the versions or copies that a batch invokes, and deletes them again.

Decides which configuration is published in place and which on a copy, and how many still fit into the
account's code storage. Begins copies ahead of need, as spares. It does not know what is measured.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from tuner.aws.api.client import SNAPSHOT_LIMIT_S, LambdaApi
from tuner.aws.api.errors import AwsError, DeniedError
from tuner.aws.api.function import FunctionState
from tuner.aws.changes.copies import CopyMaker
from tuner.aws.changes.journal import Journal
from tuner.aws.changes.markers import CopyMarker, VersionMarker
from tuner.aws.changes.versions import Refusal, VersionPublisher
from tuner.aws.measure.invoke import InvocationTarget
from tuner.errors import BackendError
from tuner.model import MAX_MEMORY_MB, Configuration, Notice
from tuner.pricing.price_list import FREE_EPHEMERAL_MB, PriceList
from tuner.vocabulary import REFUSED_ARCHITECTURE

TargetKey = tuple[Configuration, int]
"""A configuration and the number of its version: each version has environments of its own."""
FIRST_SPARE = 90_000
"""Number of the first copy of a configuration that was begun ahead of need. Trials count from 1."""
SPARE_BYTES = 64 * 1024 * 1024
"""Bytes of packages that spares of one batch may upload and store: a large package is not copied on a chance."""


@dataclass(slots=True)
class InvocationTargets:
    """The invocation targets of one run.

    Attributes:
        api: Lambda's control plane.
        publisher: publishes and deletes versions of the function.
        copies: creates and deletes copies.
        journal: records every change before it is made.
        prices: the run's price list.
        copies_only: whether $LATEST stays unchanged.
        room: how many versions still fit into the account's code storage.
        cap_mb: the largest memory size that the account allows, as far as known.
        may_publish: whether versions stand in for copies that Lambda does not allow at all.
        notices: what the user should know about the targets.
        spares: copies that were begun ahead of need and that no trial has taken.
        begun: how many spares of each configuration the run has begun.
    """

    api: LambdaApi
    publisher: VersionPublisher
    copies: CopyMaker
    journal: Journal
    prices: PriceList
    copies_only: bool
    room: int
    cap_mb: int = MAX_MEMORY_MB
    may_publish: bool = False
    notices: list[Notice] = field(default_factory=list)
    spares: list[CopyMarker] = field(default_factory=list)
    begun: Counter[Configuration] = field(default_factory=Counter)
    _no_copy: Refusal | None = None
    _ahead: Future[None] | None = None
    _made: dict[TargetKey, InvocationTarget | Refusal] = field(default_factory=dict)
    _is_only_run: bool = False

    def provide(
        self,
        wanted: Sequence[TargetKey],
        stop: threading.Event,
        *,
        ahead: Sequence[CopyMarker] = (),
        shared: bool = False,
    ) -> dict[TargetKey, InvocationTarget | Refusal]:
        """Create the targets that do not exist yet.

        Args:
            wanted: what the batch invokes.
            stop: ends the wait.
            ahead: spares to begin meanwhile; see `likely_spares`. Nobody waits for them.
            shared: whether keys of one configuration share a target. Allowed where all lanes of the batch start
                together, so that each finds an environment of its own all the same.

        Returns:
            For each key its target, or why AWS refuses the configuration. Fewer when `stop` was set.

        Raises:
            FunctionChangedError: somebody deployed the function meanwhile.
            AnotherRunError: an earlier run works on the function.
        """
        self.settle()
        missing = sorted({key for key in wanted if key not in self._made})
        first = {key[0]: key for key in reversed(missing)}
        following = [key for key in missing if shared and first[key[0]] != key]
        missing = [key for key in missing if key not in following]
        self._made |= {key: refusal for key in missing if (refusal := self._refused(key[0])) is not None}
        missing = [key for key in missing if key not in self._made]
        fitting, rest = missing[: max(0, self.room)], missing[max(0, self.room) :]
        full = Refusal("CodeStorageExceededException", "The account's code storage has no room for another version.")
        self._made |= dict.fromkeys(rest, full)
        self._publish([key for key in fitting if not self.copied(key[0])], stop)
        self._copy([key for key in fitting if self.copied(key[0])], stop, ahead)
        self._made |= {key: self._made[first[key[0]]] for key in following if first[key[0]] in self._made}
        return {key: self._made[key] for key in wanted if key in self._made}

    def likely_spares(self, likely: Iterable[Configuration]) -> list[CopyMarker]:
        """The spares that are worth beginning for configurations that later batches probably measure.

        A configuration that is named twice gets two. Only as many as the code storage has ample room for.
        """
        room = max(0, min(self.room // 2, SPARE_BYTES // max(1, self.publisher.original.code_size)))
        left = Counter(marker.made.configuration for marker in self.spares)
        markers: list[CopyMarker] = []
        for configuration, wanted in Counter(likely).items():
            if self.copied(configuration) and self._refused(configuration) is None:
                first = FIRST_SPARE + self.begun[configuration]
                numbers = range(first, first + max(0, wanted - left[configuration]))
                markers += [self.marker((configuration, number)) for number in numbers]
        return markers[:room]

    def copies_without_spare(self, keys: Sequence[TargetKey]) -> list[CopyMarker]:
        """The copies that these keys may need beside the spares, all keys of a configuration with too few of them."""
        wanted = Counter(configuration for configuration, _ in keys)
        left = Counter(marker.made.configuration for marker in self.spares)
        return [self.marker(key) for key in keys if self.copied(key[0]) and wanted[key[0]] > left[key[0]]]

    def marker(self, key: TargetKey) -> CopyMarker:
        """The marker of a copy for this key."""
        return CopyMarker(VersionMarker(self.journal.run, *key), self.publisher.original.name)

    def settle(self) -> None:
        """Wait until every spare is begun."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.result()

    def retire(self, keys: Iterable[TargetKey]) -> None:
        """Delete targets that no later batch needs. `undo` tries again what fails."""
        retired = dict.fromkeys(self._made.pop(key, None) for key in keys)  # several keys may share one
        descriptions = {version: description for description, version in self.journal.versions.items()}
        for target in retired:
            if not isinstance(target, InvocationTarget):
                continue
            self.room += 1
            if target.function == self.publisher.original.name:
                self.publisher.delete([descriptions[target.qualifier]])
            else:
                self.copies.delete([target.function])

    def undo(self) -> list[BackendError]:
        """Restore $LATEST and delete every version and copy. Returns what failed."""
        self.settle()
        failures = [] if self.copies_only else self.publisher.undo()
        return failures + self.copies.delete(list(self.journal.copies))

    def copied(self, configuration: Configuration) -> bool:
        """Whether a configuration is measured on a copy."""
        return self.copies_only or configuration.architecture is not self.publisher.original.architecture

    def _refused(self, configuration: Configuration) -> Refusal | None:
        if self._no_copy is not None and self.copied(configuration):
            return self._no_copy
        if configuration.memory_mb <= self.cap_mb:
            return None
        return Refusal("MemoryCap", f"{configuration} is above the {self.cap_mb:,} MB that the account allows.")

    def _publish(self, keys: Sequence[TargetKey], stop: threading.Event) -> None:
        markers = {VersionMarker(self.journal.run, *key): key for key in keys}
        published = self.publisher.publish(list(markers), stop) if markers else {}
        if published and not self._is_only_run:
            self.publisher.withdraw_if_second()
            self._is_only_run = True
        for marker, version in published.items():
            self._keep(markers[marker], self._wait_ready(version, stop))

    def _copy(self, keys: Sequence[TargetKey], stop: threading.Event, ahead: Sequence[CopyMarker]) -> None:
        if not keys or stop.is_set():
            return
        markers = {self._take(key): key for key in keys}
        try:
            begun = self.copies.begin(list(markers))
            if not all(isinstance(found, Refusal) for found in begun.values()):
                self._begin_ahead(ahead)
            created = self.copies.wait_ready(begun, stop)
        except DeniedError as exc:
            if self.copies_only and not self.may_publish:
                raise
            self._publish_instead(keys, Refusal(exc.code, exc.message), stop)
            return
        if self.may_publish and (refused := _refused_whatever_the_size(created.values())):
            self._publish_instead(keys, refused, stop)
            return
        self.may_publish = self.may_publish and all(isinstance(version, Refusal) for version in created.values())
        for marker, version in created.items():
            self._keep(markers[marker], version)

    def _take(self, key: TargetKey) -> CopyMarker:
        """The spare of a configuration where there is one, else a copy of its own."""
        spare = next((marker for marker in self.spares if marker.made.configuration == key[0]), None)
        if spare is None:
            return self.marker(key)
        self.spares.remove(spare)
        self.room += 1  # counted when it was begun, and again when it is kept
        return spare

    def _begin_ahead(self, spares: Sequence[CopyMarker]) -> None:
        """Begin spares in a thread of their own, while the batch waits for its copies and is measured."""
        if not spares:
            return
        self.begun.update(marker.made.configuration for marker in spares)
        pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._ahead = pool.submit(self._begin_spares, spares)
        pool.shutdown(wait=False)

    def _begin_spares(self, spares: Sequence[CopyMarker]) -> None:
        with suppress(AwsError):  # a batch that needs one creates it then, and tells what is wrong
            begun = self.copies.begin(spares)
            made = [marker for marker, found in begun.items() if not isinstance(found, Refusal)]
            self.spares += made
            self.room -= len(made)

    def _publish_instead(self, keys: Sequence[TargetKey], refusal: Refusal, stop: threading.Event) -> None:
        """Measure versions from now on: Lambda allows no copy of this function, so no other architecture either."""
        self.copies_only = self.may_publish = False
        self._no_copy = Refusal(REFUSED_ARCHITECTURE, refusal.message)
        reason = refusal.message.rstrip(".")
        self.notices.append(Notice("versions", f"Copies are not possible: {reason}.", lasting=True))
        others = [key for key in keys if self.copied(key[0])]
        for architecture in sorted({configuration.architecture for configuration, _ in others}):
            left_out = f"{architecture} is left out: it is measured on copies, which are not possible here."
            self.notices.append(Notice("architecture", left_out, lasting=True))
        self._made |= dict.fromkeys(others, self._no_copy)
        self._publish([key for key in keys if key not in others], stop)

    def _wait_ready(self, version: FunctionState | Refusal, stop: threading.Event) -> FunctionState | Refusal:
        if isinstance(version, Refusal):
            return version
        if version.busy:
            version = self.api.wait_ready(version.name, version.version, limit_s=SNAPSHOT_LIMIT_S, stop=stop)
        return Refusal("Failed", version.failure) if version.failure else version

    def _keep(self, key: TargetKey, version: FunctionState | Refusal) -> None:
        if isinstance(version, Refusal):
            self.cap_mb = min(self.cap_mb, version.memory_cap_mb or self.cap_mb)
            self._made[key] = version
            return
        self.room -= 1
        if version.busy:
            return  # `stop` ended the wait: nothing invokes this version, and `undo` deletes it
        self._made[key] = InvocationTarget(
            version.name,
            version.version,
            key[0],
            version.runtime or "",
            "" if version.reports_are_off else version.log_group,
            self._storage_usd_per_s(version),
            reports=not version.reports_are_off,
        )

    def _storage_usd_per_s(self, version: FunctionState) -> float:
        """Price of the ephemeral storage above what is free."""
        paid_gb = max(0, version.ephemeral_mb - FREE_EPHEMERAL_MB) / 1024
        return self.prices.ephemeral_usd_per_gb_second * paid_gb


def _refused_whatever_the_size(created: Iterable[FunctionState | Refusal]) -> Refusal | None:
    """Why Lambda refuses every copy for another reason than its memory size, such as a retired runtime; or None."""
    refusals = [version for version in created if isinstance(version, Refusal)]
    sized = any("memorysize" in refusal.message.lower() for refusal in refusals)
    if not refusals or sized or len(refusals) < len(list(created)):
        return None
    return refusals[0]
