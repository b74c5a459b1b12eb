"""Opens the backend for handlers on this machine, and finds what it cannot do for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuner.backend import Backend
from tuner.comparison.duets.plan import Duet
from tuner.documents.input import local_options
from tuner.errors import Fault, InputError
from tuner.local.worker.runtimes import RUNTIMES, names_a_handler
from tuner.model import BackendKind, FunctionIdentity
from tuner.plain_numbers import listed
from tuner.pricing.price_list import DEFAULT_REGION, PriceList
from tuner.search.registry import measures_every_size, runs_of_grid
from tuner.search.setup import make_study
from tuner.search.space import left_out, search_space
from tuner.settings import LocalOptions, Settings

PROCESSORS = ("preProcessorARN", "postProcessorARN")
LEAVE_OUT = "leave it out"
ONLY_IN_AWS = ("isolation", "codeFor", "autoOptimize")
"""Fields of the input document that mean nothing for a handler on this machine."""


@dataclass(frozen=True, slots=True)
class LocalFactory:
    """Opens handlers on this machine.

    Attributes:
        prices: the price list of a region.
        region: region of the functions. None: that of the shell.
    """

    prices: Callable[[str], PriceList]
    region: str | None = None
    kind: BackendKind = BackendKind.LOCAL

    def accepts(self, target: str) -> bool:
        """Whether a target is on this machine."""
        return names_a_handler(target)

    def faults(self, document: Mapping[str, Any], settings: Settings | None) -> Iterator[Fault]:
        """Load the handler and its processors in a worker, and tell what this machine cannot do."""
        from tuner.local.backend import beside, handler_faults

        local = local_options(document)
        for name, options in {"lambdaARN": local, **dict.fromkeys(PROCESSORS, beside(local))}.items():
            if isinstance(text := document.get(name), str):
                for fault in handler_faults(text, options):
                    path = fault.path if fault.path.startswith("--") else f"$.{name}"
                    yield Fault(path, fault.problem, fault.remedy)
        yield from faults_of_aws(document)
        yield from _unheeded(document, local)
        if settings is not None:
            yield from _space_faults(settings)

    def plan(self, settings: Settings) -> str:
        """What a run would do: handler, sampler, sizes and runs. It costs nothing."""
        from tuner.local.backend import declared_elsewhere, describe_local

        identity = describe_local(self._placed(settings))
        study = make_study(settings, identity, self.prices(identity.region or DEFAULT_REGION))
        architectures = ", ".join(study.space.architectures)
        if measures_every_size(settings):
            wanted = sum(runs_of_grid(settings, study.space).values())
            runs = str(min(wanted, study.budget.max_invocations or wanted))
        elif settings.budget.max_invocations:
            runs = f"{settings.budget.max_invocations} at most"
        else:
            runs = "until the answer is within the tolerance"
        most_s = study.budget.max_seconds
        notes = [*settings.notices, *declared_elsewhere(settings.local), *left_out(settings, identity)]
        return "\n".join(
            [
                f"Would tune {identity.name} on this machine ({architectures}, {identity.runtime}).",
                f"  sampler    {settings.sampler}",
                f"  sizes      {listed(study.space.memory_sizes_mb)} MB",
                f"  runs       {runs}",
                *([f"  time       {most_s:g} s at most"] if most_s is not None else []),
                "  cost       nothing: local runs are not paid for",
                *(f"  note       {notice.message}" for notice in notes),
            ]
        )

    def open(self, settings: Settings) -> Backend:
        """The backend for a handler.

        Raises:
            InputError: the target or a processor is not a handler on this machine.
        """
        from tuner.local.backend import open_local

        return open_local(self._placed(settings))

    def open_duet(self, settings: Settings, versions: tuple[str, str]) -> AbstractContextManager[Duet]:
        """Both versions of a handler: files, or git revisions of the target's file."""
        from tuner.local.duet import local_duet

        return local_duet(self._placed(settings), *versions)

    def _placed(self, settings: Settings) -> Settings:
        """The settings with the region of the functions."""
        return replace(settings, local=replace(settings.local, region=self.region))


def faults_of_aws(document: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of fields that mean nothing for a handler on this machine."""
    for name in ONLY_IN_AWS:
        if document.get(name):
            yield Fault(f"$.{name}", "works in AWS alone", "leave it out, or tune the function in AWS by its name")


def _unheeded(document: Mapping[str, Any], local: LocalOptions) -> Iterator[Fault]:
    """Faults of options that the target and its processors do not heed; none where one of these cannot be read."""
    from tuner.local.backend import beside
    from tuner.local.handler import parse_handler

    target, _ = parse_handler(str(document.get("lambdaARN", "")), local)
    texts = [document[name] for name in PROCESSORS if isinstance(document.get(name), str)]
    others = [parse_handler(text, beside(local))[0] for text in texts]
    if target is None or None in others:
        return
    runtimes = {handler.runtime for handler in (target, *others) if handler}
    for runtime in RUNTIMES:
        if runtime.option in local.interpreters and runtime not in runtimes:
            yield Fault(f"$.local.{runtime.option}", f"runs {runtime.title}, and nothing here needs it", LEAVE_OUT)
    if local.handler and target.handler != local.handler:
        yield Fault("$.local.handler", f"is for a program; the target names {target.handler} itself", LEAVE_OUT)
    if local.root and target.root != Path(local.root).resolve():
        yield Fault("$.local.root", f"does not count: the target names its folder, {target.root}", LEAVE_OUT)


def _space_faults(settings: Settings) -> tuple[Fault, ...]:
    """Why nothing of what is asked for can be measured on this machine."""
    from tuner.local.host import architecture, max_memory_mb

    here = architecture()
    machine = FunctionIdentity(settings.target, BackendKind.LOCAL, (here,) if here else (), max_memory_mb())
    try:
        search_space(settings, machine)
    except InputError as exc:
        return exc.faults
    return ()
