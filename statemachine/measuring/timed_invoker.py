"""Makes the invoker of an execution. It starts no invocation that might not end before the handler does."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from statemachine.execution import Execution
from statemachine.services import Services
from tuner.aws.api.errors import AwsError
from tuner.aws.api.logs import LogLookup
from tuner.aws.measure.concurrency import ConcurrencyLimiter
from tuner.aws.measure.invoke import InvocationTarget, Invoker
from tuner.model import Invocation
from tuner.redaction import Redaction

MARGIN_S = 20.0
"""Seconds kept at the end of a handler for a late reply and for the store."""

LONGEST_PROCESSOR_S = 900.0
"""Longest run of a processor: as long as a handler lives (Lambda quotas, 2026-09)."""


def make_invoker(
    execution: Execution,
    services: Services,
    *,
    remaining_s: Callable[[], float] = lambda: math.inf,
    longest_s: float | None = None,
) -> Invoker:
    """Return an invoker for the function of an execution.

    Args:
        execution: what to invoke, and how.
        services: what handlers are given.
        remaining_s: seconds until the handler ends. An invocation begins only when its timeout fits into them.
        longest_s: seconds that one invocation may take at most; None for the function's timeout.
    """
    settings, timeout_s = execution.settings, execution.identity.timeout_s or 0.0
    timeout_s = timeout_s if longest_s is None else longest_s
    clients = services.clients_in(execution.identity.region)
    return TimedInvoker(
        clients.invoker(timeout_s=timeout_s, concurrency=execution.concurrency),
        ConcurrencyLimiter(execution.concurrency),
        LogLookup(clients.logs),
        frozenset(settings.allowed_exceptions),
        settings.pre_processor,
        settings.post_processor,
        hide_payload=settings.disable_payload_logs,
        hide_variables=read_once(lambda: _hidden_variables(execution, services)),
        client_in=lambda region: services.clients_in(region).invoker(
            timeout_s=LONGEST_PROCESSOR_S, concurrency=execution.concurrency
        ),
        enough_time=lambda: remaining_s() > timeout_s + MARGIN_S,
    )


def read_once(read: Callable[[], Redaction]) -> Callable[[], Redaction]:
    """A reader that reads at its first call. Runs that fail at the same time wait for it: they may be fifty."""
    lock, known = threading.Lock(), functools.cache(read)

    def reader() -> Redaction:
        with lock:
            return known()

    return reader


def _hidden_variables(execution: Execution, services: Services) -> Redaction:
    """What hides the function's environment variables: asked for at the first error alone, and stored nowhere."""
    identity = execution.identity
    try:
        state = services.api_in(identity.region).state(identity.arn or identity.name)
    except AwsError:
        return Redaction.of_everything()
    return Redaction.of_environment(state.raw.get("Environment"))


@dataclass(slots=True)
class TimedInvoker(Invoker):
    """An invoker that starts nothing once the time is short. The study asks for the rest again."""

    enough_time: Callable[[], bool] = lambda: True

    def measure(
        self, target: InvocationTarget, body: bytes, *, payload: int, stop: threading.Event
    ) -> Invocation | None:
        """Invoke once; None when the remaining time is less than the function's timeout."""
        if not self.enough_time():
            return None
        # Explicit: the decorator makes a slotted dataclass anew, and super() would look for the old class.
        return Invoker.measure(self, target, body, payload=payload, stop=stop)
