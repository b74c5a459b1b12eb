"""Reads the newest runs of the configuration in use from its log, for a search to begin with.

Reads by FilterLogEvents, which costs nothing, and makes few calls. A log that cannot be read gives no runs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.function import LATEST, FunctionState
from tuner.aws.api.retry import Pacer, Retrier
from tuner.aws.api.session import Clients
from tuner.aws.evidence.log_reader import CALLS_PER_SECOND, SECONDS_PER_DAY, LogReader, Window, source_of
from tuner.aws.evidence.read_api import ReadApi
from tuner.aws.evidence.reader import changed_s, same_code
from tuner.errors import BackendError
from tuner.evidence.known_function import KnownFunction
from tuner.evidence.logs.log_rows import read_messages
from tuner.evidence.logs.log_samples import MOST_RUNS, samples_of
from tuner.model import Sample

DAYS = 14
"""Older runs say little of today."""
MOST_CALLS = 30
"""Calls of FilterLogEvents at most, 4 in a second."""
FIRST_SLICE_S = 900


def _patient() -> Retrier:
    return Retrier(Pacer(CALLS_PER_SECOND), attempts=2)


@dataclass(frozen=True, slots=True)
class PastRunsReader:
    """Reads past runs of one function.

    Attributes:
        clients: of AWS.
        api: Lambda.
        now_s: the time, in seconds since 1970.
        retry: of CloudWatch Logs.
    """

    clients: Clients
    api: LambdaApi
    now_s: float = field(default_factory=time.time)
    retry: Retrier = field(default_factory=_patient)

    def read(self, state: FunctionState) -> tuple[Sample, ...]:
        """The newest runs of a function's code at its memory size; none where the log may not be read."""
        if state.reports_are_off:
            return ()
        try:
            versions = same_code(self.api, state)
            reader = LogReader(ReadApi(self.clients.logs, self.retry), MOST_RUNS, most_calls=MOST_CALLS)
            window = self._window(state, versions)
            found = reader.by_filter(source_of(state), window, first_slice_s=FIRST_SLICE_S)
        except BackendError:
            return ()
        rows = read_messages(found.messages).rows
        known = KnownFunction(
            state.name, state.configuration, code_since_s=changed_s(state), versions=versions, rows=rows
        )
        return samples_of(known.present_rows, state.architecture)

    def _window(self, state: FunctionState, versions: frozenset[str]) -> Window:
        begin_s = self.now_s - DAYS * SECONDS_PER_DAY
        # $LATEST has no older runs of its present code.
        return Window(int(max(begin_s, changed_s(state)) if versions == {LATEST} else begin_s), int(self.now_s) + 1)
