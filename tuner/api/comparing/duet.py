"""Measures two versions of a function side by side, until it is decided whether one is worse.

From its target or settings to a `ComparisonResult`; the runs are kept as they are made, where that is asked for.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Unpack, cast

from tuner.api.backends import Prices, default_factories, discounted, factory_of
from tuner.api.comparing.results import ComparisonResult, question_of, within
from tuner.api.options import Options, input_document, keyword_names, read_settings, refuse_unknown, with_payloads
from tuner.api.price_cache import current_prices
from tuner.aws.api.connection import Connection
from tuner.backend import BackendFactory
from tuner.comparison.duets.plan import Duet, DuetFactory, DuetPlan, EnvironmentPair
from tuner.comparison.duets.run import CutShortError, run_duet
from tuner.comparison.question import Metric, Question
from tuner.comparison.verdicts import Comparison, DuetStop
from tuner.documents.samples import encode_sample
from tuner.errors import (
    AllFailedError,
    BackendError,
    Fault,
    InputError,
    InterruptedRunError,
    LeftBehindError,
    TunerError,
)
from tuner.model import MB_PER_VCPU, BackendKind, Configuration, FunctionIdentity, Notice, Sample
from tuner.plain_numbers import plural
from tuner.pricing.price_list import DEFAULT_REGION
from tuner.settings import MemorySizes, Settings

DEFAULT_LOCAL_MB = MB_PER_VCPU
"""Size of a local duet unless another is named: one whole core. Below it the CPU share comes in periods of
20 ms, so that a change shows as nothing, or as a whole period."""
RUNS, LOCAL_RUNS = 2, 4
"""Runs in each environment. In AWS environments differ as much as runs do. On one machine they do not,
while other programs disturb single runs, which the median of three leaves out."""
INVOCATIONS, LOCAL_INVOCATIONS = 400, 1000
"""Where a duet ends at the latest. Runs on this machine cost nothing."""
OWN_OPTIONS = ("runs", "max_invocations", "max_usd", "max_seconds")
"""Options whose meaning in a duet is another one than in a tuning."""


class DuetObserver(Protocol):
    """Somebody who watches a duet."""

    def measured(self, plan: DuetPlan, pair: EnvironmentPair) -> None:
        """A pair has been measured."""
        ...


def duet(
    target: str | Settings,
    payload: Any = None,
    *,
    baseline: str,
    candidate: str,
    threshold: float = 0.05,
    confidence: float = 0.95,
    metrics: Sequence[Metric | str] | None = (),
    samples: str | Path | None = None,
    connection: Connection | None = None,
    prices: Prices = current_prices,
    factories: Sequence[BackendFactory] | None = None,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
    observers: Sequence[DuetObserver] = (),
    **options: Unpack[Options],
) -> ComparisonResult:
    """Measure two versions of a function side by side, until it is decided whether one is worse.

    Args:
        target: `FILE:HANDLER` on this machine, or the name or ARN of a function in AWS; or complete settings.
        payload: what to invoke both with.
        baseline, candidate: versions or aliases in AWS; on this machine files or git revisions.
        threshold, confidence, metrics: see `compare`.
        samples: a file that gets every run as it is made.
        connection, prices, factories, stop, clock: see `tune`.
        observers: told of every pair.
        options: see `Options`. `power_values` and `arch` name one configuration. `runs` are those in each
            environment. `max_invocations` counts both versions.

    Raises:
        InputError: every fault of the arguments. Nothing was started.
        InterruptedRunError: `stop` was set.
        TunerError: the work failed. `error.result` holds what the pairs until then say; None: nothing.
    """
    refuse_unknown("duet", options, OWN_OPTIONS)
    question = question_of(threshold, confidence, metrics)
    connection, stop = connection or Connection(), stop or threading.Event()
    own = {name: cast("Mapping[str, Any]", options).get(name) for name in OWN_OPTIONS}
    _refuse_own(own)
    shared = {name: value for name, value in options.items() if name not in OWN_OPTIONS}
    if isinstance(target, Settings):
        settings = target
    else:
        document, names = input_document(target, {"payload": payload, **shared})
        finder = factory_of(target, factories or default_factories(connection, prices))
        settings = read_settings(document, finder, keyword_names(names))
    own_prices = discounted(prices, settings)
    factory = factory_of(settings.target, factories or default_factories(connection, own_prices))
    settings = with_payloads(settings, connection, factory.kind)
    job = _DuetJob(settings, (str(baseline), str(candidate)), question, own, own_prices, stop, clock, observers)
    return job.run(factory, connection.region, None if samples is None else Path(samples))


@dataclass(frozen=True, slots=True)
class _DuetJob:
    """One duet, from its settings to the comparison."""

    settings: Settings
    versions: tuple[str, str]
    question: Question
    own: Mapping[str, Any]
    prices: Prices
    stop: threading.Event
    clock: Callable[[], float]
    observers: Sequence[DuetObserver]

    def run(self, factory: BackendFactory, region: str | None, samples: Path | None) -> ComparisonResult:
        """Measure; an error carries what was found until then."""
        found: Comparison | None = None
        failure: TunerError | None = None
        try:
            with ExitStack() as resources:
                opened = resources.enter_context(_duet_factory(factory).open_duet(self.settings, self.versions))
                try:
                    found = self._measure(opened, region, resources.enter_context(_recording(samples)))
                except CutShortError as exc:
                    found, failure = exc.comparison, exc
                except AllFailedError as exc:
                    hints = (exc.hint, self.settings.payloads.hint)
                    raise AllFailedError(exc.message, "\n".join(filter(None, hints))) from None
        except LeftBehindError as exc:
            if found is None:
                raise
            failure = exc.after(failure)
        if failure is None and found.stopped_by is DuetStop.INTERRUPTED:
            failure = InterruptedRunError(f"Interrupted after {plural(found.invocations or 0, 'invocation')}.")
        if failure:
            kept = f"The runs until then are kept in {samples}." if samples and found.invocations else ""
            failure.hint = "\n".join(filter(None, [failure.hint, kept]))
            failure.result = ComparisonResult(found)
            raise failure
        return ComparisonResult(found)

    def _measure(self, opened: Duet, region: str | None, keep: DuetObserver) -> Comparison:
        identity = opened.candidate.describe()
        plan = self._plan(identity, opened.step)
        same = _same_code(opened.baseline.describe(), identity)
        where = f"{self.settings.target} at {plan.configuration}"

        def watch(pair: EnvironmentPair) -> None:
            for observer in (keep, *self.observers):
                observer.measured(plan, pair)

        baseline, candidate = (label or version for label, version in zip(opened.labels, self.versions, strict=True))
        return run_duet(
            opened.pairs(plan, self.settings.seed),
            plan,
            self.question,
            self.prices(identity.region or region or DEFAULT_REGION),
            names=(f"{baseline} of {where}", f"{candidate} of {where}"),
            stop=self.stop,
            clock=self.clock,
            watch=watch,
            notices=lambda: [*same, *_notices(opened)],
        )

    def _plan(self, identity: FunctionIdentity, step: int) -> DuetPlan:
        local = identity.backend is BackendKind.LOCAL
        return DuetPlan(
            _configuration(self.settings, identity),
            self.own["runs"] or (LOCAL_RUNS if local else RUNS),
            max_invocations=self.own["max_invocations"] or (LOCAL_INVOCATIONS if local else INVOCATIONS),
            max_usd=self.own["max_usd"],
            max_seconds=self.own["max_seconds"],
            step=step,
            may_widen=self.own["runs"] is None and not local,
        )


def _same_code(baseline: FunctionIdentity, candidate: FunctionIdentity) -> list[Notice]:
    """What to know where both versions have the same code, for example two names of one commit."""
    if None in (baseline.code_sha256, candidate.code_sha256) or baseline.code_sha256 != candidate.code_sha256:
        return []
    told = "Baseline and candidate have the same code: only their configuration, or files beside it, can differ."
    return [Notice("same_code", told)]


def _notices(opened: Duet) -> list[Notice]:
    """What to know of both versions: where they answer the same payload differently, and what each side says.

    What both sides say is said once. What one side alone says is one notice that names it, with the code of its first.
    """
    difference = opened.difference()
    sides = {"Baseline": opened.baseline.notices(), "Candidate": opened.candidate.notices()}
    told = [notice for notice in sides["Baseline"] if notice in sides["Candidate"]]
    found = [Notice("answers_differ", difference), *told] if difference else [*told]
    for side, notices in sides.items():
        own = [notice for notice in notices if notice not in told]
        if difference:  # which shows the answers
            own = [notice for notice in own if notice.code != "first_answer"]
        if own:
            messages = dict.fromkeys(notice.message for notice in own)
            found.append(Notice(own[0].code, f"{side}: {' '.join(messages)}"))
    return [*dict.fromkeys(found)]


@dataclass(slots=True)
class _PairFile:
    """Keeps every run as it comes, one line for each side of a pair."""

    write: Callable[[str], object]
    pairs: int = 0

    def measured(self, plan: DuetPlan, pair: EnvironmentPair) -> None:
        """Write both sides of a pair.

        Raises:
            BackendError: they cannot be written: what cannot be kept is not paid for.
        """
        self.pairs += 1
        for side, runs in (("baseline", pair.baseline), ("candidate", pair.candidate)):
            sample = encode_sample(Sample(self.pairs, plan.configuration, runs))
            try:
                self.write(json.dumps({"side": side, **sample}) + "\n")
            except OSError as exc:
                raise BackendError(f"cannot keep the runs: {exc.strerror}", "See whether there is space.") from exc


@contextmanager
def _recording(path: Path | None) -> Iterator[_PairFile]:
    if path is None:
        yield _PairFile(lambda line: None)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w", encoding="utf-8", buffering=1)
    except OSError as exc:
        raise TunerError(f"cannot write {path}: {exc.strerror}", "Give another file for the samples.") from exc
    try:
        yield _PairFile(file.write)
    finally:
        with suppress(OSError):  # told when it was written
            file.close()


def _refuse_own(own: Mapping[str, Any]) -> None:
    """Refuse what the options of a duet cannot be.

    Raises:
        InputError: with every fault.
    """
    given = {name: value for name, value in own.items() if value is not None}
    faults = []
    for name, value in given.items():
        whole = name in ("runs", "max_invocations")
        if not within(value, 0, math.inf) or (whole and not isinstance(value, int)):
            kind = "a whole number from 1" if whole else "a number above 0"
            faults.append(Fault(name, f"{value!r} is not {kind}", "leave it out for the usual one"))
    if faults:
        raise InputError(faults)


def _duet_factory(factory: BackendFactory) -> DuetFactory:
    """The factory as one that opens duets.

    Raises:
        InputError: its backend cannot measure two versions.
    """
    if not isinstance(factory, DuetFactory):
        problem = "this backend cannot measure two versions side by side"
        raise InputError.single("$.lambdaARN", problem, "tune both, and compare the results")
    return factory


def _configuration(settings: Settings, identity: FunctionIdentity) -> Configuration:
    """Where to measure: the size and architecture that were named, else those in use.

    Raises:
        InputError: more than one size or architecture was named, or one that cannot be measured.
    """
    architectures = settings.architectures or identity.architectures[:1]
    if len(architectures) != 1:
        problem = "a duet measures on one architecture"
        raise InputError.single("$.architectures", problem, "name one, or run one duet for each")
    if architectures[0] not in identity.architectures:
        raise InputError.single("$.architectures", f"{architectures[0]} cannot be measured here", "leave it out")
    memory = settings.memory
    if memory != MemorySizes() and len(memory.listed or ()) != 1:
        raise InputError.single("$.powerValues", "a duet measures at one size", "name one, or run one duet for each")
    in_use = identity.current.memory_mb if identity.current else min(DEFAULT_LOCAL_MB, identity.max_memory_mb)
    size = memory.listed[0] if memory.listed else in_use
    if size > identity.max_memory_mb:
        problem = f"{size} MB cannot be measured here"
        raise InputError.single("$.powerValues", problem, f"name one up to {identity.max_memory_mb}")
    return Configuration(size, architectures[0])
