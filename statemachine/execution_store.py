"""Reads and writes what an execution keeps in S3: its facts, rounds, invocation targets, claims and samples.

Each execution has one folder. Every handler reads from it what it needs, so the execution's own state stays
tiny, and a repeated handler finds what its first attempt did. Knows names and forms of the objects; decides nothing.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from statemachine.execution import Execution, decode_execution, encode_execution
from tuner.aws.api.s3 import Address, Objects
from tuner.aws.changes.versions import Refusal
from tuner.aws.measure.invoke import InvocationTarget
from tuner.documents.samples import decode_round, decode_sample, encode_round, encode_sample
from tuner.errors import BackendError
from tuner.model import Architecture, Configuration, Invocation, Notice, Round, Sample, StopReason
from tuner.payloads import Payload, Payloads

RESULT, REPORT, PROGRESS = "result.json", "report.html", "progress.json"
ALL_LANES = "all"
"""Stands for every lane of a trial, or of a round."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a study ended, as the handler that ended it wrote it."""

    reason: StopReason
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Samples of one trial, or of one of its lanes, and what the user must know of them."""

    samples: tuple[Sample, ...]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """How far a search is.

    Attributes:
        round: number of the round that is measured now, from 1.
        sizes: its configurations, as a person reads them.
        invocations: made before it.
        cost: what they cost, in the currency of the prices.
        currency: of `cost`.
        expected_regret: expected excess cost of what would be recommended before it, a fraction; None: not known.
        tolerance: expected regret at which the search may stop.
    """

    round: int
    sizes: tuple[str, ...]
    invocations: int
    cost: float
    currency: str
    expected_regret: float | None
    tolerance: float


@dataclass(frozen=True, slots=True)
class Making:
    """What handlers have begun to make.

    Attributes:
        until: when the handler that is at work must have ended, Unix seconds; 0 when none is.
        copies: names of copies that may exist.
        created: names of those that the execution is certain to have created: nobody else's have these names.
        spares: configuration of each that was begun ahead of need, also of those that a trial has taken.
    """

    until: float = 0.0
    copies: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    spares: tuple[Configuration, ...] = ()


@dataclass(slots=True)
class ExecutionStore:
    """The objects of one execution.

    Attributes:
        objects: the bucket.
        folder: common prefix of their keys, without a slash at its end.
    """

    objects: Objects
    folder: str
    _execution: Execution | None = field(default=None, repr=False)

    @property
    def execution(self) -> Execution:
        """The facts and decisions of the Initializer.

        Raises:
            BackendError: the object is missing.
        """
        if self._execution is None:
            self._execution = decode_execution(self._json("execution.json"))
        return self._execution

    def begin(self, execution: Execution, payloads: Payloads) -> None:
        """Write the payloads, then the execution. A reader that finds the execution finds the payloads too."""
        items = [{"body": base64.b64encode(item.body).decode(), "weight": item.weight} for item in payloads.items]
        self._write("payload.json", items)
        self._write("execution.json", encode_execution(execution))
        self._execution = execution

    def payloads(self) -> Payloads:
        """Return what the function is invoked with."""
        items = self._json("payload.json")
        return Payloads(tuple(Payload(base64.b64decode(item["body"]), item["weight"]) for item in items))

    def add_round(self, round_: Round, progress: SearchProgress | None = None) -> None:
        """Write a round, and how far the search is for those who follow it: one object that the Planner alone writes.

        A repetition writes the same round again. A round without trials is the last one.
        """
        document = self._read(PROGRESS) or {"rounds": []}
        first = [trial.id for trial in round_.trials[:1]]
        earlier = [one for one in document["rounds"] if [trial["id"] for trial in one["trials"][:1]] != first]
        told = {} if progress is None else asdict(progress)
        self._write(PROGRESS, {**document, **told, "rounds": [*earlier, encode_round(round_)]})

    def rounds(self) -> tuple[Round, ...]:
        """Return every round, in order."""
        return tuple(decode_round(round_) for round_ in (self._read(PROGRESS) or {"rounds": []})["rounds"])

    def enter(self, first_trial: int) -> None:
        """Write that the state machine enters Round with a round, which the id of its first trial names."""
        self._write(f"entries/{first_trial:06d}.json", first_trial)

    def entries(self) -> int:
        """Return how often the state machine has entered Round. Repetitions of one round do not count."""
        return len(list(self.objects.keys(f"{self.folder}/entries/")))

    def claim(self, trial: int, lane: str, token: str) -> bool:
        """Claim a lane before its first invocation; False when another attempt has claimed it."""
        return self.objects.create(f"{self.folder}/claims/{trial:06d}-{lane}.json", json.dumps(token).encode())

    def add_measured(self, trial: int, lane: str, measured: Measured) -> None:
        """Write the samples of a lane, or of a round by the id of its first trial."""
        document = {
            "samples": [encode_sample(sample) for sample in measured.samples],
            "notices": [asdict(notice) for notice in measured.notices],
        }
        self._write(f"samples/{trial:06d}-{lane}.json", document)

    def has_measured(self, trial: int) -> bool:
        """Return whether samples of a trial are stored."""
        return any(sample.trial_id == trial for sample in _samples(self._folder("samples/")))

    def samples(self) -> tuple[Sample, ...]:
        """Return every sample so far, in the order of the trials."""
        return tuple(_samples(self._measured_documents()))

    def measured(self) -> Measured:
        """Return everything measured so far, in the order of the trials."""
        documents = self._measured_documents()
        noticed = [*(notice for document in documents for notice in document["notices"]), *self._folder("notices/")]
        notices = [Notice(**notice) for notice in noticed]
        return Measured(tuple(_samples(documents)), tuple(dict.fromkeys(notices)))

    def _measured_documents(self) -> list[Any]:
        """Return the objects with samples. Those of whole rounds have known names: a list costs as much as a write."""
        trials = [[trial.id for trial in round_.trials] for round_ in self.rounds() if round_.trials]
        names = [f"{self.folder}/samples/{own[0]:06d}-{ALL_LANES}.json" for own in trials]
        contents = self.objects.read_all(names)
        documents = [json.loads(content) for content in contents if content is not None]
        found = {sample.trial_id for sample in _samples(documents)}
        return documents if all(found.issuperset(own) for own in trials) else self._folder("samples/")

    def add_pass(self, trial: int, token: str) -> None:
        """Write that the Executor makes a pass over a trial that takes several."""
        self._write(f"passes/{trial:06d}-{token}.json", token)

    def passes(self) -> Mapping[int, int]:
        """Return how many passes each trial took."""
        keys = self.objects.keys(f"{self.folder}/passes/")
        return Counter(int(key.rpartition("/")[2].partition("-")[0]) for key in keys)

    def begin_run(self, trial: int, lane: str, run: int, began: float, token: str) -> bool:
        """Claim a run before it begins; False when another attempt has claimed it.

        Args:
            trial: id of the trial.
            lane: name of the lane.
            run: number of the run in its lane.
            began: Unix seconds.
            token: request id of the handler.
        """
        return self.objects.create(self._began_key(trial, lane, run), json.dumps([began, token]).encode())

    def began(self, trial: int, lane: str, run: int) -> float | None:
        """Return when a run began, Unix seconds; None when it has not."""
        content = self.objects.read(self._began_key(trial, lane, run))
        return None if content is None else float(json.loads(content)[0])

    def _began_key(self, trial: int, lane: str, run: int) -> str:
        return f"{self.folder}/began/{trial:06d}-{lane}/{run:06d}.json"

    def claim_report(self, request_id: str) -> bool:
        """Claim a report of the logs; False when another run has taken it."""
        return self.objects.create(f"{self.folder}/reports/{request_id}.json", uuid.uuid4().hex.encode())

    def add_invocation(self, trial: int, lane: str, run: int, invocation: Invocation, at: Configuration) -> None:
        """Write one run of such a trial. The first version stays."""
        content = json.dumps(encode_sample(Sample(trial, at, (invocation,)))).encode()
        self.objects.create(f"{self.folder}/lanes/{trial:06d}-{lane}/{run:06d}.json", content)

    def invocations(self, trial: int, lane: str) -> tuple[Invocation, ...]:
        """Return the runs of a lane so far, in order."""
        documents = self._folder(f"lanes/{trial:06d}-{lane}/")
        return tuple(invocation for document in documents for invocation in decode_sample(document).invocations)

    def add_targets(self, targets: Mapping[str, InvocationTarget | Refusal]) -> None:
        """Write which versions and copies exist; `targets` by the key that `target_key` gives."""
        self._write("targets.json", {key: _encode_target(target) for key, target in targets.items()})

    def targets(self) -> dict[str, InvocationTarget | Refusal]:
        """Return the versions and copies made so far, by the key that `target_key` gives."""
        content = self.objects.read(f"{self.folder}/targets.json")
        return {} if content is None else {key: _decode_target(item) for key, item in json.loads(content).items()}

    def making(self) -> Making:
        """Return which copies were begun, and whether a handler is at work."""
        document = self._read("making.json")
        if document is None:
            return Making()
        spares = tuple(Configuration(memory, Architecture(name)) for memory, name in document["spares"])
        return Making(document["until"], tuple(document["copies"]), tuple(document["created"]), spares)

    def begin_publishing(self, until: float) -> None:
        """Write that a handler makes targets, until a time in Unix seconds at the latest."""
        self._write_making(replace(self.making(), until=until))

    def end_publishing(self, created: Iterable[str] = ()) -> None:
        """Write that no handler is at work, and the names of copies that it is certain to have created."""
        making = self.making()
        self._write_making(replace(making, until=0.0, created=tuple(sorted({*making.created, *created}))))

    def intend_copies(self, names: Iterable[str], spares: Sequence[Configuration] = ()) -> None:
        """Write the names of copies before they are begun, so that the tool knows every copy after a crash.

        Args:
            names: of all that are about to be begun.
            spares: configurations of those among them that are begun ahead of need.
        """
        making = self.making()
        copies = tuple(sorted({*making.copies, *names}))
        self._write_making(replace(making, copies=copies, spares=(*making.spares, *spares)))

    def _write_making(self, making: Making) -> None:
        spares = [[found.memory_mb, found.architecture.value] for found in making.spares]
        self._write("making.json", {**asdict(making), "spares": spares})

    def note(self, notice: Notice) -> None:
        """Write what the user must know."""
        self._write(f"notices/{notice.code}.json", asdict(notice))

    def end(self, stop: Stop) -> None:
        """Write why the study ended. The first reason stays."""
        document = {"reason": stop.reason.value, "notice": asdict(stop.notice) if stop.notice else None}
        self.objects.create(f"{self.folder}/stop.json", json.dumps(document).encode())

    def stop(self) -> Stop | None:
        """Return why the study ended; None when it has not."""
        content = self.objects.read(f"{self.folder}/stop.json")
        if content is None:
            return None
        document = json.loads(content)
        return Stop(StopReason(document["reason"]), Notice(**document["notice"]) if document["notice"] else None)

    def write_text(self, name: str, text: str, *, content_type: str) -> Address:
        """Write the result or the report."""
        self.objects.write(f"{self.folder}/{name}", text.encode(), content_type=content_type)
        return self.address(name)

    def read_text(self, name: str) -> str | None:
        """Read the result or the report; None when there is none."""
        content = self.objects.read(f"{self.folder}/{name}")
        return None if content is None else content.decode()

    def address(self, name: str) -> Address:
        """Return the address of an object of the execution."""
        return self.objects.address(f"{self.folder}/{name}")

    def _folder(self, name: str) -> list[Any]:
        contents = self.objects.read_all(self.objects.keys(f"{self.folder}/{name}"))
        return [json.loads(content) for content in contents if content is not None]

    def _json(self, name: str) -> Any:
        document = self._read(name)
        if document is None:
            raise BackendError(f"{self.address(name)} is missing", "Was it deleted during the execution?")
        return document

    def _read(self, name: str) -> Any:
        """The document of an object; None when there is none."""
        content = self.objects.read(f"{self.folder}/{name}")
        return None if content is None else json.loads(content)

    def _write(self, name: str, document: object) -> None:
        content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        self.objects.write(f"{self.folder}/{name}", content)


def _samples(documents: Iterable[Any]) -> list[Sample]:
    found = (decode_sample(sample) for document in documents for sample in document["samples"])
    return sorted(found, key=lambda sample: sample.trial_id)


def _encode_target(target: InvocationTarget | Refusal) -> dict[str, Any]:
    return {"refused": isinstance(target, Refusal), **asdict(target)}


def _decode_target(document: Mapping[str, Any]) -> InvocationTarget | Refusal:
    values = {name: value for name, value in document.items() if name != "refused"}
    if document["refused"]:
        return Refusal(**values)
    at = values["configuration"]
    values["configuration"] = Configuration(at["memory_mb"], Architecture(at["architecture"]))
    return InvocationTarget(**values)
