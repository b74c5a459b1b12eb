"""Both versions of a duet: two files or git revisions on this machine, or two versions of a function in AWS.

On this machine the runs of a pair take turns, so that whatever disturbs one disturbs the
other. In AWS both versions are measured on copies, so that every pair has environments of its own,
at the same configuration, and the function itself is not touched.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tuner.comparison.duets.plan import Duet, DuetPlan, EnvironmentPair
from tuner.errors import Fault, InputError
from tuner.local.backend import LocalBackend, handler_faults
from tuner.local.revisions import Checkout, commit_of, file_at
from tuner.local.scheduling import Lane, LocalScheduler
from tuner.model import Trial
from tuner.settings import Settings


@dataclass(slots=True)
class LocalPairs:
    """Pairs on this machine: two open environments whose runs take turns.

    Attributes:
        baseline, candidate: entered backends.
        plan: where, and how many runs in each environment.
        seed: of which version begins a pair.
    """

    baseline: LocalBackend
    candidate: LocalBackend
    plan: DuetPlan
    seed: int = 0
    _taken: int = 0

    def take(self, count: int, runs: int, stop: threading.Event) -> Iterator[tuple[EnvironmentPair, ...]]:
        """Measure `count` pairs, one after the other; see `PairSource`."""
        for _ in range(count):
            self._taken += 1
            pair = self._pair(Trial(self._taken, self.plan.configuration, 1, runs), stop)
            if pair.runs:
                yield (pair,)
            if stop.is_set():
                return

    def _pair(self, trial: Trial, stop: threading.Event) -> EnvironmentPair:
        """One pair; what is done of it when it was stopped.

        The versions take turns in the order A B B A A B B A …, so that a machine that grows slower
        or quicker meanwhile moves both alike; who begins is drawn.
        """
        (before,), (after,) = self.baseline.lanes([trial]), self.candidate.lanes([trial])
        lanes = [before, after]
        if random.Random(f"{self.seed}/{trial.id}").random() < 0.5:
            lanes.reverse()

        def take_turn(lane: Lane) -> None:
            backend = self.baseline if lane is before else self.candidate
            alone = not lane.done or (lane is lanes[0] and len(lane.done) == 1)
            for _ in range(1 if alone else 2):
                if not lane.complete and not lane.cut:
                    stop.wait(max(0.0, lane.ready_at - time.monotonic()))  # also before the second run of a turn
                    backend.make_run(lane)

        runner = LocalScheduler(lanes, take_turn, slots=1, at_once=1, open_mb=2 * trial.configuration.memory_mb)
        for _ in runner.samples(stop):
            pass
        return EnvironmentPair(tuple(before.done), tuple(after.done))


@contextmanager
def local_duet(settings: Settings, baseline: str, candidate: str) -> Iterator[Duet]:
    """Both versions of a handler on this machine.

    Args:
        settings: how to measure; its target is the `FILE:HANDLER` that revisions are taken of.
        baseline, candidate: a file, `FILE:HANDLER`, ROOT:package.module.handler, a folder with an executable
            `bootstrap`, or a git revision of the target's file or folder.

    Raises:
        InputError: a version cannot be found or loaded, with every fault.
    """
    with ExitStack() as resources:
        versions = {
            flag: resources.enter_context(_local_version(settings, version, flag))
            for flag, version in (("--baseline", baseline), ("--candidate", candidate))
        }
        faults = [
            Fault(flag, fault.problem, fault.remedy)
            for flag, version in versions.items()
            for fault in handler_faults(version.target, version.local)
        ]
        if faults:
            raise InputError(faults)
        before, after = (resources.enter_context(LocalBackend(version)) for version in versions.values())
        labels = _label(settings.target, baseline), _label(settings.target, candidate)
        yield Duet(
            before,
            after,
            lambda plan, seed: LocalPairs(before, after, plan, seed),
            labels=labels,
            difference=lambda: before.answers_otherwise(after),
        )


def version_faults(target: str, versions: Mapping[str, str]) -> Iterator[Fault]:
    """What is wrong with the versions of a handler, by flag, without laying them out."""
    for flag, version in versions.items():
        try:
            if not _own_target(target, version) and _place(target).parent.is_dir():
                commit_of(_place(target), version, path=flag)
        except InputError as exc:
            yield from exc.faults


def _label(target: str, version: str) -> str:
    """What to call a version: a revision with its commit, which `HEAD~1` alone does not tell; a file as it is."""
    if _own_target(target, version):
        return version
    commit = commit_of(_place(target), version, path=version)[:10]
    return commit if commit.startswith(version) else f"{commit} ({version})"


def _place(target: str) -> Path:
    """The file or folder of a target."""
    return Path(target.rpartition(":")[0] or target)


def _own_target(target: str, version: str) -> str | None:
    """The target that a version names by itself; None: it is a revision.

    That is a file, which has the handler of `target` unless it names its own, ROOT:package.module.handler, or a folder
    with an executable `bootstrap`.
    """
    place = version.rpartition(":")[0]
    if (Path(version) / "bootstrap").is_file() or (place and Path(place).exists()):
        return version
    if not Path(version).is_file():
        return None
    handler = target.rpartition(":")[2]
    # ROOT:package.module.handler names the module as well, which the file is.
    return f"{version}:{handler.rpartition('.')[2] if _place(target).is_dir() else handler}"


@contextmanager
def _local_version(settings: Settings, version: str, flag: str) -> Iterator[Settings]:
    """The settings of a version of a handler, which is a target of its own."""
    if own := _own_target(settings.target, version):
        yield replace(settings, target=own)
        return
    with file_at(_place(settings.target), version, path=flag) as checkout:
        root = _root_at(settings.local.root, checkout)
        local = replace(settings.local, root=root, excluded=str(checkout.working_tree), checkout=str(checkout.folder))
        _, colon, handler = settings.target.rpartition(":")
        yield replace(settings, target=f"{checkout.file}{colon}{handler if colon else ''}", local=local)


def _root_at(root: str | None, checkout: Checkout) -> str | None:
    """The folder of the code in a checkout.

    Raises:
        InputError: it is not in the repository.
    """
    if root is None:
        return None
    given = Path(root).resolve()
    if not given.is_relative_to(checkout.working_tree):
        raise InputError.single(
            "--root", f"{root} is not in {checkout.working_tree}", "give a folder of the repository"
        )
    return str(checkout.folder / given.relative_to(checkout.working_tree))
