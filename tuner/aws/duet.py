"""Both versions of a duet in AWS: two published versions, measured on copies of the function.

Every pair has environments of its own at the same configuration, and the function itself is not touched.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.function_reference import parse_target
from tuner.aws.api.session import connect
from tuner.aws.backend import AwsBackend
from tuner.aws.changes.journal import state_dir
from tuner.aws.pairs import BackendPairs
from tuner.backend import Backend
from tuner.comparison.duet_plan import Duet
from tuner.errors import InputError
from tuner.settings import Settings

AWS_STEP = 5
"""Pairs between two looks in AWS at least: each batch waits for copies of its own to be made."""


@contextmanager
def aws_duet(
    settings: Settings,
    connection: Connection,
    baseline: str,
    candidate: str,
    environment: Mapping[str, str] = os.environ,
) -> Iterator[Duet]:
    """Both versions of a function in AWS.

    Args:
        settings: how to measure; its target is the function, without a version.
        connection: how to reach AWS.
        baseline, candidate: version numbers or aliases.
        environment: tells where the records of runs are kept.

    Raises:
        InputError: the target names a version itself.
        AwsError: a permission is missing, or AWS cannot be reached.
    """

    if parse_target(settings.target).qualifier:
        raise InputError.single("TARGET", f"{settings.target} names a version", "give the function alone")
    if settings.concurrency < 2:
        raise InputError.single("--concurrency", "a duet invokes both versions at the same moment", "give 2 or more")
    start = threading.Barrier(2)
    with ExitStack() as resources:
        opened: list[Backend] = []
        for version in (baseline, candidate):
            half = settings.concurrency // 2
            own = replace(settings, target=f"{settings.target}:{version}", isolation="copy", concurrency=half)
            target = parse_target(own.target)
            clients = connect(connection, region=target.region)
            api, journals = LambdaApi(clients.control), state_dir(environment)
            backend = AwsBackend(own, target, clients, api, journals, candidate=bool(opened), before_runs=start.wait)
            opened.append(resources.enter_context(backend))
        first, second = opened
        at_once = min(half, AWS_STEP)
        yield Duet(first, second, lambda plan, _: BackendPairs(first, second, plan, at_once, start), step=AWS_STEP)
