"""A fleet is tuned several functions at once, within the account's limit, and goes on where it ended."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.comparison.documents import result
from tuner.api.fleets.selection import matched
from tuner.api.fleets.tuning import PAGE_FILE, Fleet, bounded, folders_of, tune_fleet
from tuner.api.result import Result
from tuner.aws.api.connection import Connection
from tuner.cli.progress.fleet import FleetProgress
from tuner.documents.result import SUMMARY_FILE
from tuner.errors import AllFailedError, InterruptedRunError, NoSpaceError, NotRecordedError
from tuner.projects.functions import RANDOM_PART, DeclaredFunction, Format, Setting
from tuner.search.loop import Observer
from tuner.settings import Settings


@dataclass
class FakeTune:
    """Tunes by writing a result; functions named `broken` fail.

    Attributes:
        stop_after: interrupts the fleet after so many functions; None: never.
        full_after: the disk is full after so many functions; None: never.
        record: what an interrupted function leaves.
    """

    stop_after: int | None = None
    full_after: int | None = None
    record: str = "{}\n"
    tuned: list[str] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)

    def __call__(
        self,
        target: Settings,
        *,
        output: Path,
        resume: bool,
        connection: Connection,
        stop: threading.Event,
        observers: Sequence[Observer],
    ) -> Result:
        self.tuned.append(target.target)
        self.resumed += [target.target] * resume
        if len(self.tuned) - 1 == self.stop_after:
            output.mkdir(parents=True)
            (output / "samples.jsonl").write_text(self.record)
            stop.set()
            raise InterruptedRunError("Interrupted.")
        if len(self.tuned) - 1 == self.full_after:
            raise NotRecordedError(NoSpaceError(f"cannot write {output / 'samples.jsonl'}: no space"), output)
        if target.target == "broken":
            raise AllFailedError("No configuration can be recommended.")
        found = Result(result(sizes=(512,), environments=2, runs=4, name=target.target))
        found.save(output)
        return found


def fleet(folder: Path, *names: str, **changes: Any) -> Fleet:
    return Fleet([Settings(name) for name in names], folder, Connection(), **changes)


def run(given: Fleet, tune: FakeTune, at_once: int = 1) -> dict[str, Any]:
    progress = FleetProgress(len(given.members), quiet=True)
    return tune_fleet(given, at_once=at_once, tune=tune, watcher=progress, stop=threading.Event())


def test_one_function_that_fails_leaves_the_others_and_is_told(tmp_path: Path) -> None:
    summary = run(fleet(tmp_path, "orders", "broken", "billing"), FakeTune(), at_once=3)
    assert {item["function"] for item in summary["savings"]} == {"orders", "billing"}
    assert [item["error"] for item in summary["failures"]] == ["AllFailedError"]
    assert json.loads((tmp_path / SUMMARY_FILE).read_text()) == summary
    assert "orders" in (tmp_path / PAGE_FILE).read_text()


def test_an_interrupted_fleet_goes_on_with_what_began_and_keeps_what_is_finished(tmp_path: Path) -> None:
    given, first, second = fleet(tmp_path, "a", "b", "c"), FakeTune(stop_after=1), FakeTune()
    with pytest.raises(InterruptedRunError):
        run(given, first)
    assert json.loads((tmp_path / SUMMARY_FILE).read_text())["notStarted"] == ["b", "c"]
    assert run(given, second)["tuned"] == 3
    assert (first.tuned, second.tuned, second.resumed) == (["a", "b"], ["b", "c"], ["b"])


def test_a_record_without_a_whole_line_is_begun_anew(tmp_path: Path) -> None:
    given, second = fleet(tmp_path, "a"), FakeTune()
    with pytest.raises(InterruptedRunError):
        run(given, FakeTune(stop_after=0, record='{"kind": "hea'))
    run(given, second)
    assert (second.tuned, second.resumed) == (["a"], [])


def test_a_full_disk_ends_a_fleet_and_tells_files_what_is_kept_and_how_far_it_is(tmp_path: Path) -> None:
    given, first, second = fleet(tmp_path, "a", "b", "c"), FakeTune(full_after=1), FakeTune()
    with pytest.raises(NotRecordedError) as caught:
        run(given, first)
    assert caught.value.message == f"cannot write {tmp_path}/b/samples.jsonl: no space"
    assert caught.value.hint == (
        f"Free some space. What was measured until then is kept in {tmp_path}. "
        "1 function tuned, 1 cut short or failed, 1 not begun."
    )
    assert first.tuned == ["a", "b"], "what the others would measure could not be kept"
    assert run(given, second)["tuned"] == 3
    assert second.tuned == ["b", "c"]


def test_a_summary_that_cannot_be_written_is_told_with_what_is_kept(tmp_path: Path) -> None:
    (tmp_path / SUMMARY_FILE).mkdir()
    with pytest.raises(NotRecordedError, match=r"cannot write .*summary\.json") as caught:
        run(fleet(tmp_path, "a"), FakeTune())
    assert f"kept in {tmp_path}. 1 function tuned" in caught.value.hint
    assert "space" not in caught.value.hint


def test_a_finished_function_whose_report_was_not_written_gets_it(tmp_path: Path) -> None:
    given, second = fleet(tmp_path, "a"), FakeTune()
    run(given, FakeTune())
    (tmp_path / "a" / "report.html").unlink()
    run(given, second)
    assert second.tuned == []
    assert "<html" in (tmp_path / "a" / "report.html").read_text()


def test_a_finished_function_is_gone_on_with_where_its_files_tell_what_is_to_be_hidden(tmp_path: Path) -> None:
    run(fleet(tmp_path, "a", "b"), FakeTune())
    for name, salt in (("a", None), ("b", "ab")):
        header = {"kind": "header", "input": {"disablePayloadLogs": True}, "payload_salt": salt}
        (tmp_path / name / "samples.jsonl").write_text(json.dumps(header) + "\n")
    given, second = fleet(tmp_path, "a", "b"), FakeTune()
    hiding = replace(given, members=[replace(settings, disable_payload_logs=True) for settings in given.members])
    run(hiding, second)
    assert (second.tuned, second.resumed) == (["a"], ["a"])


@pytest.mark.parametrize(("asked", "free", "allowed"), [(4, 1000, 4), (4, 50, 2), (4, 10, 1), (8, 1000, 5)])
def test_functions_at_once_take_at_most_half_of_the_free_concurrency(asked: int, free: int, allowed: int) -> None:
    assert bounded(fleet(Path(), *"abcde", at_once=asked), free) == allowed


def test_functions_of_one_name_get_folders_of_their_own() -> None:
    arns = [f"arn:aws:lambda:{region}:123456789012:function:orders" for region in ("eu-west-1", "us-east-1")]
    assert folders_of(fleet(Path("t"), *arns, "orders:live")) == [
        Path("t/orders"),
        Path("t/orders-2"),
        Path("t/orders-live"),
    ]


def declared(name: str, deployed: str) -> DeclaredFunction:
    return DeclaredFunction(name, Path("template.yaml"), Format.CLOUDFORMATION, Setting(), Setting(), deployed)


def test_functions_of_a_project_are_found_by_their_names_in_aws() -> None:
    project = [
        declared("Orders", f"shop-Orders-{RANDOM_PART}"),
        declared("Billing", "billing"),
        declared("Gone", "gone-fn"),
    ]
    names, left_out = matched(project, ["shop-Orders-1A2B3C4D5E6F", "billing", "other"])
    assert names == ("shop-Orders-1A2B3C4D5E6F", "billing")
    assert left_out == ("Gone: no function of the region has its name.",)
    both = ["shop-Orders-1A2B3C4D5E6F", "shop-Orders-000000000000"]
    assert matched(project[:1], both)[1][0].startswith("Orders: can be shop-Orders-1A2B3C4D5E6F, shop-")
