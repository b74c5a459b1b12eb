"""The protocols that a backend meets: what invokes a function, and what opens it for a target.

AWS, this machine and known curves are backends. Nothing here knows any of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from tuner.errors import Fault
from tuner.model import BackendKind, Configuration, FunctionIdentity, Notice, Sample, Trial
from tuner.settings import Settings


class Backend(Protocol):
    """Invokes one function at any configuration.

    It is a context manager. Leaving it puts everything back as it was found, however that
    happens, and leaves no process, version or copy behind.
    """

    def __enter__(self) -> Backend: ...

    def __exit__(self, *exc: object) -> None: ...

    def describe(self) -> FunctionIdentity:
        """Which function it is, where it runs, and its current configuration."""
        ...

    def notices(self) -> Sequence[Notice]:
        """What the user should know of the measuring so far, e.g. sizes that were left out."""
        ...

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        """Measure a batch, interleaved and in parallel, and yield samples as they complete.

        Every trial ends in at least one sample, unless `stop` is set. Then running invocations
        end, complete ones are yielded, and the iterator ends. What happens to the function is
        an outcome in a sample.

        Raises:
            BackendError: the measuring cannot go on.
            FunctionChangedError: the function was deployed. The study ends with what it has.
        """
        ...


@runtime_checkable
class CountsCalls(Protocol):
    """A backend that counts its requests to a control plane."""

    def control_calls(self) -> int:
        """Requests so far, without invocations."""
        ...


@runtime_checkable
class KnowsPastRuns(Protocol):
    """A backend that knows runs of the configuration in use that were made before, at no cost."""

    def past_runs(self) -> Sequence[Sample]:
        """These runs; none where they may not be read."""
        ...


@runtime_checkable
class TellsOfRuns(Protocol):
    """A backend whose notices tell of the runs themselves, e.g. how steady the machine was during them."""

    def recall(self, samples: Sequence[Sample]) -> None:
        """Take in runs that earlier sessions made, so that what is told is told of all runs."""
        ...


@runtime_checkable
class PreparesAhead(Protocol):
    """A backend that prepares configurations while it measures others."""

    def expect(self, likely: Sequence[Configuration]) -> None:
        """Tell what later batches probably measure, the likeliest first. The next `measure` prepares it meanwhile."""
        ...


class BackendFactory(Protocol):
    """Opens the backend for the targets of one kind."""

    @property
    def kind(self) -> BackendKind:
        """What sort of place runs the invocations."""
        ...

    def accepts(self, target: str) -> bool:
        """Whether a target is of this kind. Judges its form alone, so that it costs nothing."""
        ...

    def faults(self, document: Mapping[str, Any], settings: Settings | None) -> Iterator[Fault]:
        """Find what this backend cannot do, before anything is changed or paid for.

        Args:
            document: the input document. Its form may be at fault too.
            settings: what it asks for; None: its form is at fault.

        Yields:
            Faults with JSONPaths of the input document.
        """
        ...

    def plan(self, settings: Settings) -> str:
        """What a run would do and cost at most, in words. Changes and invokes nothing."""
        ...

    def open(self, settings: Settings) -> Backend:
        """The backend for the target; the caller enters it.

        Raises:
            InputError: the target cannot be measured.
        """
        ...
