"""Opens both versions of a duet in AWS: two published versions, measured on copies of the function.

Each pair has environments of its own at the same configuration. The function itself does not change.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.function_reference import is_qualifier, parse_function_reference
from tuner.aws.api.session import connect
from tuner.aws.backend import AwsBackend
from tuner.aws.changes.journal import state_dir
from tuner.aws.environment_pairs import BackendPairs
from tuner.comparison.duets.plan import Duet
from tuner.errors import Fault, InputError, or_faults
from tuner.pricing.price_list import PriceList
from tuner.settings import Isolation, Settings

PAIRS_PER_LOOK = 5
"""Least number of pairs between two looks in AWS, because each batch waits for its own copies."""


@contextmanager
def aws_duet(
    settings: Settings,
    connection: Connection,
    versions: tuple[str, str],
    prices: Callable[[str], PriceList],
    *,
    environment: Mapping[str, str] = os.environ,
) -> Iterator[Duet]:
    """Open both versions of a function in AWS.

    Args:
        settings: how to measure; the target is the function without a version.
        connection: how to reach AWS.
        versions: version numbers or aliases of the baseline and the candidate.
        prices: the run's price list for a region.
        environment: names the folder of the journals.

    Raises:
        InputError: the target names a version itself, a version cannot be one, or the concurrency is below 2.
        AwsError: a permission is missing, or AWS cannot be reached.
    """
    faults = version_faults(settings.target, dict(zip(("--baseline", "--candidate"), versions, strict=True)))
    if settings.concurrency < 2:
        faults.append(Fault("--concurrency", "a duet invokes both versions at the same moment", "give 2 or more"))
    if faults:
        raise InputError(faults)
    start, half = threading.Barrier(2), settings.concurrency // 2
    with ExitStack() as resources:
        opened: list[AwsBackend] = []
        for version in versions:
            own = replace(settings, target=f"{settings.target}:{version}", isolation=Isolation.COPY, concurrency=half)
            backend = _open(own, connection, prices, environment, start=start, candidate=bool(opened))
            opened.append(resources.enter_context(backend))
        first, second = opened
        at_once = min(half, PAIRS_PER_LOOK)
        before, after = (_label(backend, version) for backend, version in zip(opened, versions, strict=True))
        yield Duet(
            first,
            second,
            lambda plan, _: BackendPairs(first, second, plan, at_once, start),
            step=PAIRS_PER_LOOK,
            labels=(before, after),
        )


def _label(backend: AwsBackend, version: str) -> str:
    """What to call a version: an alias with the number that it stands for now; a number as it is."""
    number = backend.inspection.facts.details.state.version
    return version if number == version else f"{number} ({version})"


def _open(
    settings: Settings,
    connection: Connection,
    prices: Callable[[str], PriceList],
    environment: Mapping[str, str],
    *,
    start: threading.Barrier,
    candidate: bool,
) -> AwsBackend:
    """The backend of one version, which waits for the other one before each batch."""
    reference = parse_function_reference(settings.target)
    clients = connect(connection, region=reference.region)
    return AwsBackend(
        settings,
        reference,
        clients,
        LambdaApi(clients.control),
        state_dir(environment),
        prices(clients.region),
        candidate=candidate,
        before_runs=start.wait,
    )


def version_faults(target: str, versions: Mapping[str, str]) -> list[Fault]:
    """What is wrong with a target and the versions of it, by flag, as far as AWS need not be asked."""
    faults = [
        Fault(flag, f"{version!r} is neither a version nor an alias", "give one, such as 41, live or $LATEST")
        for flag, version in versions.items()
        if not is_qualifier(version)
    ]
    named = or_faults(partial(parse_function_reference, target), faults)
    if named and named.qualifier:
        faults.append(Fault("TARGET", f"{target} names a version", "give the function alone"))
    return faults
