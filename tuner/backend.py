"""The protocol that whatever invokes functions meets: AWS, this machine, a simulation."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from tuner.model import FunctionIdentity, Notice, Sample, Trial


class Backend(Protocol):
    """Something that can invoke the function at a configuration.

    Used as a context manager: leaving it, however that happens, puts everything back
    as it was found and leaves no process, version or copy behind.
    """

    def __enter__(self) -> Backend: ...

    def __exit__(self, *exc: object) -> None: ...

    def describe(self) -> FunctionIdentity:
        """Which function it is, where it runs, and its current configuration."""
        ...

    def notices(self) -> Sequence[Notice]:
        """What the user should know of the measuring so far (left out sizes, noise of the host)."""
        ...

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        """Measure a batch, interleaved and in parallel, yielding samples as they complete.

        Every trial ends in at least one sample, unless `stop` is set: then running
        invocations are ended, what is complete is yielded, and the iterator ends. What
        happens to the function is an outcome in a sample; only what makes going
        on impossible raises (`BackendError`; `FunctionChangedError` ends the study with
        what it has, and a notice says what changed).
        """
        ...
