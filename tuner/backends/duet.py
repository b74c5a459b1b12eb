"""The two backends of a duet: two files or git revisions on this machine, or two versions of a function in AWS.

In AWS both versions are measured on copies, so that every pair has environments of its own,
at the same configuration, and the function itself is not touched.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.errors import Fault, InputError
from tuner.local.revisions import file_at
from tuner.loop import Backend
from tuner.settings import Settings

if TYPE_CHECKING:
    from tuner.aws.session import Connection


@dataclass(frozen=True, slots=True)
class DuetBackends:
    """Entered backends of both versions, and how pairs are best taken from them.

    Attributes:
        side_by_side: they do not disturb each other, so both are measured at once.
        fresh: new environments have to be asked for.
        step: pairs that a batch should bring at least.
    """

    baseline: Backend
    candidate: Backend
    side_by_side: bool = False
    fresh: bool = False
    step: int = 1


@contextmanager
def local_duet(settings: Settings, baseline: str, candidate: str) -> Iterator[DuetBackends]:
    """Both versions of a handler on this machine.

    Args:
        settings: how to measure; its target is the `FILE:HANDLER` that revisions are taken of.
        baseline, candidate: a file, `FILE:HANDLER`, or a git revision of the target's file.

    Raises:
        InputError: a version cannot be found or loaded, with every fault.
    """
    from tuner.backends.local import LocalBackend, target_faults

    with ExitStack() as resources:
        targets = {
            flag: resources.enter_context(_local_version(settings.target, version, flag))
            for flag, version in (("--baseline", baseline), ("--candidate", candidate))
        }
        faults = [
            Fault(flag, fault.problem, fault.remedy) for flag, name in targets.items() for fault in target_faults(name)
        ]
        if faults:
            raise InputError(faults)
        before, after = (
            resources.enter_context(LocalBackend(replace(settings, target=target))) for target in targets.values()
        )
        yield DuetBackends(before, after)


@contextmanager
def _local_version(target: str, version: str, flag: str) -> Iterator[str]:
    """A version of a handler as a target of its own."""
    name, _, handler = target.rpartition(":")
    file, _, own_handler = version.rpartition(":")
    if file and Path(file).is_file():
        yield f"{file}:{own_handler}"
    elif Path(version).is_file():
        yield f"{version}:{handler}"
    else:
        with file_at(Path(name), version, path=flag) as found:
            yield f"{found}:{handler}"


@contextmanager
def aws_duet(
    settings: Settings,
    connection: Connection,
    baseline: str,
    candidate: str,
    environment: Mapping[str, str] = os.environ,
) -> Iterator[DuetBackends]:
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
    from tuner.aws.client import LambdaApi
    from tuner.aws.journal import state_dir
    from tuner.aws.session import connect
    from tuner.aws.target import parse_target
    from tuner.backends.aws import AwsBackend

    if parse_target(settings.target).qualifier:
        raise InputError.single("TARGET", f"{settings.target} names a version", "give the function alone")
    with ExitStack() as resources:
        opened: list[Backend] = []
        for version, folder in ((baseline, ""), (candidate, "duet")):
            half = max(1, settings.concurrency // 2)
            own = replace(settings, target=f"{settings.target}:{version}", isolation="copy", concurrency=half)
            target = parse_target(own.target)
            clients = connect(connection, region=target.region)
            # One record for each side: both are at work on the function at the same time.
            backend = AwsBackend(own, target, clients, LambdaApi(clients.control), state_dir(environment) / folder)
            opened.append(resources.enter_context(backend))
        yield DuetBackends(opened[0], opened[1], side_by_side=True, fresh=True, step=5)
