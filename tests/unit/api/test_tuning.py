"""A run: what was measured is kept whatever happens, and a run goes on where it belongs to the same function."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.full_disk import file_size_limit
from tests.unit.studies import function_of
from tuner.api.records.run_folder import SAMPLES_FILE, read_record
from tuner.api.result import Result
from tuner.api.tuning import tune
from tuner.documents.input import decode_input
from tuner.errors import (
    AllFailedError,
    BackendError,
    InputError,
    InterruptedRunError,
    LeftBehindError,
    NotRecordedError,
    TunerError,
)
from tuner.model import FunctionError, FunctionIdentity, Invocation, Notice, Outcome, Sample, Trial
from tuner.settings import Settings
from tuner.simulated.backend import SimulatedBackend

HIDES = {"disablePayloadLogs": True}
PAYLOADS = [{"payload": {"token": "a"}, "weight": 1}, {"payload": {"token": "b"}, "weight": 1}]


def settings_of(payload: Any = PAYLOADS, **more: Any) -> Settings:
    document = {"lambdaARN": "orders", "powerValues": [512, 1024], "num": 4, "payload": payload, **more}
    return decode_input(document)


class Function(SimulatedBackend):
    """A simulated function that somebody may change, lose or leave behind."""

    def __init__(self, arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:orders") -> None:
        super().__init__(function_of())
        self.arn = arn
        self.code = "1"
        self.lost_after: int | None = None
        self.left_behind = False
        self.at_the_end: threading.Event | None = None
        self.recalled: Sequence[Sample] = ()
        self.noticed: tuple[Notice, ...] = ()

    def describe(self) -> FunctionIdentity:
        return replace(super().describe(), arn=self.arn, code_sha256=self.code)

    def recall(self, samples: Sequence[Sample]) -> None:
        self.recalled = samples

    def notices(self) -> Sequence[Notice]:
        return (*super().notices(), *self.noticed)

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        yield from super().measure(trials[: self.lost_after], stop)
        if self.lost_after is not None:
            raise BackendError("The network is gone.")
        if self.at_the_end:
            self.at_the_end.set()

    def __exit__(self, *exc: object) -> None:
        if self.left_behind:
            raise LeftBehindError("Version 7 is left.", "tuner clean orders")


def sit(
    folder: Path,
    settings: Settings,
    function: Function,
    *,
    stop: threading.Event | None = None,
    resume: bool = False,
) -> Result:
    return tune(settings, backend=function, output=folder, resume=resume, stop=stop)


def result_in(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "result.json").read_text("utf-8"))
    return document


def test_a_lost_run_is_written_and_what_could_not_be_undone_is_told_after_what_failed(tmp_path: Path) -> None:
    function = Function()
    function.lost_after, function.left_behind = 1, True
    with pytest.raises(LeftBehindError, match=r"network is gone\.\nVersion 7 is left") as caught:
        sit(tmp_path, settings_of(), function)
    assert caught.value.hint == "tuner clean orders"
    document = result_in(tmp_path)
    assert caught.value.result.document == document
    assert document["tuning"]["invocations"] > 0
    assert "simulated" in {warning["code"] for warning in document["warnings"]}


def test_a_folder_that_cannot_be_written_does_not_hide_what_could_not_be_undone(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file is in the way")
    function = Function()
    function.left_behind = True
    with pytest.raises(LeftBehindError, match=r"cannot write [^\n]+\nVersion 7 is left"):
        sit(tmp_path / "out", settings_of(), function)


def test_a_result_that_cannot_be_written_does_not_hide_what_could_not_be_undone(tmp_path: Path) -> None:
    class Blocking(Function):
        """A function during whose run something gets into the way of the result."""

        def __exit__(self, *exc: object) -> None:
            (tmp_path / "result.json").mkdir()
            super().__exit__(*exc)

    function = Blocking()
    function.left_behind = True
    with pytest.raises(NotRecordedError, match=r"Version 7 is left\.\ncannot write [^\n]+result\.json") as caught:
        sit(tmp_path, settings_of(), function)
    assert caught.value.hint == f"tuner clean orders\nWhat was measured until then is kept in {tmp_path}."


@pytest.mark.parametrize("resume", [False, True])
def test_two_runs_never_work_in_one_folder_at_once(tmp_path: Path, *, resume: bool) -> None:
    folder, seconds = tmp_path / "out", []

    class Interfering(Function):
        def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
            before = (folder / SAMPLES_FILE).read_bytes()
            with pytest.raises(TunerError, match=re.escape(f"another run works in {folder}")):
                sit(folder, settings_of(), Function(), resume=resume)
            assert (folder / SAMPLES_FILE).read_bytes() == before
            seconds.append(1)
            yield from super().measure(trials, stop)

    sit(folder, settings_of(), Interfering())
    assert seconds
    assert sit(folder, settings_of(), Function(), resume=True).recommendation, "afterwards another one may"


def test_a_signal_after_the_last_run_ends_with_130_and_the_result(tmp_path: Path) -> None:
    function, stop = Function(), threading.Event()
    function.at_the_end = stop
    with pytest.raises(InterruptedRunError) as caught:
        sit(tmp_path, settings_of(), function, stop=stop)
    assert caught.value.exit_code == 130
    assert result_in(tmp_path)["recommendation"]
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize("hidden", [False, True])
def test_a_run_goes_on_with_its_own_payloads_function_and_code_alone(tmp_path: Path, *, hidden: bool) -> None:
    asked = settings_of(disablePayloadLogs=hidden)
    first = sit(tmp_path, asked, Function())
    assert sit(tmp_path, asked, Function(), resume=True).measurements == first.measurements
    heavier = [PAYLOADS[0], {**PAYLOADS[1], "weight": 2}]
    deployed = Function()
    deployed.code = "2"
    for settings, function, what in (
        (settings_of(heavier, disablePayloadLogs=hidden), Function(), "payload_digest"),
        (settings_of({"token": "ab"}, disablePayloadLogs=hidden), Function(), "payload_digest"),
        (asked, Function("arn:aws:lambda:eu-west-1:210987654321:function:orders"), "function_arn"),
        (asked, deployed, "code_sha256"),
    ):
        with pytest.raises(InputError) as caught:
            sit(tmp_path, settings, function, resume=True)
        assert [fault.path for fault in caught.value.faults] == [f"--resume ({what})"]


def test_a_payload_that_must_not_be_shown_leaves_no_plain_digest(tmp_path: Path) -> None:
    asked = settings_of(disablePayloadLogs=True)
    for name in ("one", "two"):
        sit(tmp_path / name, asked, Function())
    seals = {read_record(tmp_path / name).header["payload_digest"] for name in ("one", "two")}
    assert len({*seals, asked.payloads.digest()}) == 3, "equal payloads are not recognised either"
    written = "".join(path.read_text("utf-8") for path in (tmp_path / "one").iterdir())
    assert asked.payloads.digest() not in written
    assert "token" not in written


class Talkative(Function):
    """A function that answers with its event, and quotes it when it fails.

    Attributes:
        lasts: whether it lives until its runs are made.
    """

    lasts = True

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        if not self.lasts:
            raise KeyError("a defect")
        for sample in super().measure(trials, stop):
            first, second, *rest = sample.invocations
            answered = replace(first, answer=SECRET)
            failed = replace(second, outcome=Outcome.ERROR, error=FunctionError("ValueError", SECRET, (SECRET,)))
            yield replace(sample, invocations=(answered, failed, *rest))


SECRET = '{"token": "a-long-secret"}'
OPEN, HIDING = (settings_of({"token": "a-long-secret"}, maxErrorRate=1, **more) for more in ({}, HIDES))


def texts_in(folder: Path) -> str:
    return "".join(path.read_text("utf-8") for path in folder.iterdir())


def test_a_session_that_hides_payloads_leaves_nothing_that_earlier_ones_told_of_them(tmp_path: Path) -> None:
    sit(tmp_path, OPEN, Talkative())
    before = read_record(tmp_path)
    assert texts_in(tmp_path).count("a-long-secret") > 2
    sit(tmp_path, HIDING, Talkative(), resume=True)
    assert "a-long-secret" not in texts_in(tmp_path)
    assert OPEN.payloads.digest() not in texts_in(tmp_path)
    after = read_record(tmp_path)
    assert after.rounds == before.rounds
    assert [len(sample.invocations) for sample in after.samples] == [len(s.invocations) for s in before.samples]
    assert result_in(tmp_path)["tuning"]["invocations"] == 8
    record = (tmp_path / SAMPLES_FILE).read_bytes()
    sit(tmp_path, HIDING, Talkative(), resume=True)
    assert (tmp_path / SAMPLES_FILE).read_bytes() == record, "nothing is left to be taken out"
    with pytest.raises(InputError, match="payload_digest"):
        sit(tmp_path, settings_of({"token": "another"}, **HIDES), Talkative(), resume=True)


def test_files_tell_nothing_of_payloads_before_a_session_measures(tmp_path: Path) -> None:
    sit(tmp_path, OPEN, Talkative())
    broken = Talkative()
    broken.lasts = False
    with pytest.raises(KeyError):
        sit(tmp_path, replace(HIDING, runs=6), broken, resume=True)
    assert "a-long-secret" not in texts_in(tmp_path)
    assert result_in(tmp_path)["tuning"]["invocations"] == 8
    assert (tmp_path / "report.html").exists()


def test_where_payloads_cannot_be_taken_out_the_record_stays_and_can_be_resumed(tmp_path: Path) -> None:
    sit(tmp_path, OPEN, Talkative())
    record = (tmp_path / SAMPLES_FILE).read_bytes()
    with file_size_limit(len(record) // 2), pytest.raises(NotRecordedError, match="cannot write"):
        sit(tmp_path, HIDING, Talkative(), resume=True)
    assert (tmp_path / SAMPLES_FILE).read_bytes() == record
    assert {path.name for path in tmp_path.iterdir()} == {"samples.jsonl", "result.json", "report.html"}
    sit(tmp_path, HIDING, Talkative(), resume=True)
    assert "a-long-secret" not in texts_in(tmp_path)


def test_a_session_of_another_run_takes_nothing_out(tmp_path: Path) -> None:
    sit(tmp_path, OPEN, Talkative())
    record = (tmp_path / SAMPLES_FILE).read_bytes()
    with pytest.raises(InputError, match="payload_digest"):
        sit(tmp_path, settings_of({"token": "another"}, **HIDES), Talkative(), resume=True)
    assert (tmp_path / SAMPLES_FILE).read_bytes() == record


def test_what_a_later_session_asks_for_is_recorded_for_the_next_one(tmp_path: Path) -> None:
    sit(tmp_path, settings_of(), Function())
    sit(tmp_path, settings_of(num=6), Function(), resume=True)
    assert read_record(tmp_path).header["input"]["num"] == 6
    sit(tmp_path, settings_of(num=6), Function(), resume=True)
    lines = (tmp_path / SAMPLES_FILE).read_text("utf-8").splitlines()
    assert sum('"kind": "header"' in line for line in lines) == 2


def test_time_goes_on_where_the_last_session_ended(tmp_path: Path) -> None:
    sit(tmp_path, settings_of(), Function())
    path = tmp_path / SAMPLES_FILE
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    lines[-1]["elapsed_s"] = 1000.0
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    sit(tmp_path, settings_of(num=8, budget={"maxSeconds": 900}), Function(), resume=True)
    document = result_in(tmp_path)
    assert document["stopped_by"] == "max_seconds"
    assert document["tuning"]["seconds"] >= 1000


def test_what_a_session_noticed_of_its_runs_is_told_as_long_as_they_count(tmp_path: Path) -> None:
    first, later = Function(), Function()
    first.noticed = (Notice("no_logs", "Denied.", lasting=True), Notice("recovered", "Undone."))
    later.noticed = (Notice("versions", "No copies.", lasting=True),)
    sit(tmp_path, settings_of(), first)
    for function in (later, Function(), Function()):
        found = sit(tmp_path, settings_of(num=6), function, resume=True)
    told = {notice.code: notice.message for notice in found.warnings}
    assert (told["no_logs"], told["versions"]) == ("Denied.", "No copies.")
    assert "recovered" not in told


def test_a_backend_that_tells_of_runs_knows_those_of_earlier_sessions(tmp_path: Path) -> None:
    sit(tmp_path, settings_of(), Function())
    resumed = Function()
    sit(tmp_path, settings_of(), resumed, resume=True)
    assert resumed.recalled == read_record(tmp_path).samples


class Hanging(Function):
    """A function whose calls do not end before the time is up."""

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        return iter(())


class Failing(Function):
    """A function that cannot do anything with its event."""

    def measure(self, trials: Sequence[Trial], stop: threading.Event) -> Iterator[Sample]:
        failed = Invocation(Outcome.ERROR, error=FunctionError("KeyError", "'n'"))
        for trial in trials:
            yield Sample(trial.id, trial.configuration, (failed,) * trial.invocations)


def test_a_tuning_without_an_ended_call_says_which_bound_ended_it(tmp_path: Path) -> None:
    times = iter([0.0, *[99.0] * 99])
    settings = settings_of(budget={"maxSeconds": 30})
    with pytest.raises(AllFailedError, match=r"No test call ended within 99 s: raise --max-seconds"):
        tune(settings, backend=Hanging(), output=tmp_path, clock=lambda: next(times))


@pytest.mark.parametrize(("payload", "told"), [({}, True), ({"n": 1}, False)])
def test_where_all_fails_an_empty_event_is_named(tmp_path: Path, payload: Any, *, told: bool) -> None:
    with pytest.raises(AllFailedError, match="KeyError: 'n'") as caught:
        sit(tmp_path, settings_of(payload), Failing())
    assert ("The event was {}. Another one comes from --payload." in caught.value.hint) == told
    assert str(tmp_path) in caught.value.hint
