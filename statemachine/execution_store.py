"""Reads and writes what an execution keeps in S3: its facts, rounds, invocation targets, claims and samples.

Each execution has one folder. Every handler reads from it what it needs, so the execution's own state stays
tiny, and a repeated handler finds what its first attempt did. Knows names and forms of the objects; decides nothing.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
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

    def add_round(self, round_: Round) -> None:
        """Write a round. Its name follows from its first trial, so a repetition writes the same object."""
        name = f"rounds/{round_.trials[0].id:06d}.json" if round_.trials else "rounds/last.json"
        self._write(name, encode_round(round_))

    def rounds(self) -> tuple[Round, ...]:
        """Return every round, in order."""
        return tuple(decode_round(document) for document in self._folder("rounds/"))

    def tell_progress(self, progress: SearchProgress) -> None:
        """Write how far the search is, for those who follow it."""
        self._write(PROGRESS, asdict(progress))

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
        """Write the samples of a lane."""
        document = {
            "samples": [encode_sample(sample) for sample in measured.samples],
            "notices": [asdict(notice) for notice in measured.notices],
        }
        self._write(f"samples/{trial:06d}-{lane}.json", document)

    def has_measured(self, trial: int, lane: str) -> bool:
        """Return whether a lane is complete."""
        return self.objects.read(f"{self.folder}/samples/{trial:06d}-{lane}.json") is not None

    def measured(self) -> Measured:
        """Return everything measured so far, in the order of the trials."""
        documents = self._folder("samples/")
        samples = [decode_sample(sample) for document in documents for sample in document["samples"]]
        noticed = [*(notice for document in documents for notice in document["notices"]), *self._folder("notices/")]
        notices = [Notice(**notice) for notice in noticed]
        return Measured(tuple(samples), tuple(dict.fromkeys(notices)))

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

    def intend_copies(self, names: Iterable[str]) -> None:
        """Write the names of copies before they are made, so that the tool knows every copy after a crash."""
        self._write("copies.json", sorted(set(names)))

    def copies(self) -> list[str]:
        """Return the names of copies that may exist."""
        content = self.objects.read(f"{self.folder}/copies.json")
        return [] if content is None else [str(name) for name in json.loads(content)]

    def confirm_copies(self, names: Iterable[str]) -> None:
        """Write the names of copies that the execution is certain to have created: nobody else's have these names."""
        self._write("created.json", sorted({*self.created_copies(), *names}))

    def created_copies(self) -> list[str]:
        """Return the names of copies that were certainly created, maybe not yet of all."""
        content = self.objects.read(f"{self.folder}/created.json")
        return [] if content is None else [str(name) for name in json.loads(content)]

    def add_spares(self, spares: Iterable[Configuration]) -> None:
        """Write the configuration of each copy that is begun ahead of need, before it is begun."""
        self._write("spares.json", [[found.memory_mb, found.architecture.value] for found in spares])

    def spares(self) -> list[Configuration]:
        """Return the configuration of each copy that was begun ahead of need, also of those that a trial has taken."""
        content = self.objects.read(f"{self.folder}/spares.json")
        found = [] if content is None else json.loads(content)
        return [Configuration(memory, Architecture(name)) for memory, name in found]

    def begin_publishing(self, until: float) -> None:
        """Write that a Publisher is at work, until a time in Unix seconds at the latest."""
        self._write("publishing.json", until)

    def end_publishing(self) -> None:
        """Write that no Publisher is at work."""
        self._write("publishing.json", 0.0)

    def publishing_until(self) -> float:
        """Return when a Publisher that is at work must have ended, Unix seconds; 0 when none is."""
        content = self.objects.read(f"{self.folder}/publishing.json")
        return 0.0 if content is None else float(json.loads(content))

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
        content = self.objects.read(f"{self.folder}/{name}")
        if content is None:
            raise BackendError(f"{self.address(name)} is missing", "Was it deleted during the execution?")
        return json.loads(content)

    def _write(self, name: str, document: object) -> None:
        content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        self.objects.write(f"{self.folder}/{name}", content)


def _encode_target(target: InvocationTarget | Refusal) -> dict[str, Any]:
    return {"refused": isinstance(target, Refusal), **asdict(target)}


def _decode_target(document: Mapping[str, Any]) -> InvocationTarget | Refusal:
    values = {name: value for name, value in document.items() if name != "refused"}
    if document["refused"]:
        return Refusal(**values)
    at = values["configuration"]
    values["configuration"] = Configuration(at["memory_mb"], Architecture(at["architecture"]))
    return InvocationTarget(**values)
