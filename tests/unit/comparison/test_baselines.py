"""Baselines: what is read, what is refused, what may stand beside what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.comparison.documents import result
from tuner.api.result_store import FileStore, load_result, read_result
from tuner.comparison.baselines import Mismatch, check_comparable, refuse_unmeasured
from tuner.comparison.comparison_document import comparison_document
from tuner.comparison.question import Question
from tuner.comparison.results import compare
from tuner.errors import InputError


class FakeStore:
    """S3 in a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, str] = {}

    def read(self, address: str) -> str | None:
        return self.objects.get(address)

    def write(self, address: str, text: str) -> None:
        self.objects[address] = text


WHOLE = json.dumps(result(sizes=(256,), runs=4, environments=2))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("{}", "no schema_version"),
        ("[]", "no schema_version"),
        ("null", "no schema_version"),
        (WHOLE[: len(WHOLE) // 2], "is not JSON"),
        (WHOLE.replace('"schema_version": 1', '"schema_version": 9'), "schema_version 9"),
        (WHOLE.replace('"measurements"', '"Measurements"'), "measurements"),
        (WHOLE.replace("2026-09-01T10:00:00Z", "yesterday"), "created_at"),
        (WHOLE.replace('"details": {}', '"details": {"cores": "two"}'), r"details\.cores"),
    ],
)
def test_a_broken_document_is_bad_input_with_its_name_and_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(InputError, match=reason) as caught:
        load_result(path)
    assert "baseline.json" in caught.value.message


def test_a_result_without_measurements_is_not_compared() -> None:
    document = json.loads(WHOLE) | {"measurements": []}
    with pytest.raises(InputError, match="holds no measurement"):
        refuse_unmeasured(document, name="old.json")


def shorter(column: list[float]) -> None:
    column.pop()


@pytest.mark.parametrize(
    "damage",
    [shorter, lambda column: column.append(float("nan")), lambda column: column.append(-1.0)],
    ids=["short", "nan", "negative"],
)
def test_damaged_columns_are_bad_input(tmp_path: Path, damage: Callable[[list[float]], None]) -> None:
    document = json.loads(WHOLE)
    damage(document["measurements"][0]["data"]["duration_ms"])
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"\$\.measurements\[0\]\.data"):
        load_result(path)


def test_a_missing_file_a_folder_and_bytes_are_bad_input(tmp_path: Path) -> None:
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.json", tmp_path, tmp_path / "bytes.json"):
        with pytest.raises(InputError):
            load_result(path)


def test_a_baseline_goes_to_s3_and_back() -> None:
    store = FakeStore()
    store.write("s3://builds/baseline.json", WHOLE)
    assert read_result("s3://builds/baseline.json", store).document == json.loads(WHOLE)
    with pytest.raises(InputError, match="does not exist"):
        read_result("s3://builds/other.json", store)


def other(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(WHOLE)
    for path, value in changes.items():
        section, _, name = path.partition("__")
        document[section][name] = value
    return document


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"function__region": "eu-west-1"}, Mismatch.REGION),
        ({"function__backend": "aws"}, Mismatch.BACKEND),
        ({"request__payload": {"count": 1, "sha256": "cd" * 32}}, Mismatch.PAYLOAD),
        ({"request__only_cold_starts": True}, Mismatch.START),
    ],
)
def test_unlike_results_are_refused_unless_told_otherwise(change: dict[str, Any], difference: Mismatch) -> None:
    remedy = "tune both in the same way" if difference is Mismatch.START else f"--allow-different {difference}"
    with pytest.raises(InputError, match=remedy):
        check_comparable(other(), other(**change), [])
    (notice,) = check_comparable(other(), other(**change), [difference])
    assert notice.code == f"other_{difference}"


LAPTOP = {"cores": 8.0, "cpu": "Example M3"}


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({"cores": 2.0}, "8 cores in the baseline, 2 cores in the candidate"),
        ({"cpu": "Example 7763"}, "Example M3 in the baseline, Example 7763 in the candidate"),
    ],
)
def test_local_results_of_different_machines_are_refused_unless_told_otherwise(
    details: dict[str, Any], said: str
) -> None:
    here = other(function__backend="local", function__details=LAPTOP)
    there = other(function__backend="local", function__details=LAPTOP | details)
    with pytest.raises(InputError, match=said):
        check_comparable(here, there, [])
    assert [notice.code for notice in check_comparable(here, there, [Mismatch.HOST])] == ["other_host"]


def test_a_machine_that_is_not_known_is_no_difference() -> None:
    here = other(function__backend="local", function__details=LAPTOP)
    assert check_comparable(here, other(function__backend="local", function__details={"cpu": ""}), []) == []


def test_every_difference_is_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        check_comparable(other(), other(function__region="eu-west-1", function__backend="aws"), [])
    assert len(caught.value.faults) == 2


def test_a_payload_that_was_not_logged_is_told_not_refused() -> None:
    (notice,) = check_comparable(other(), other(request__payload=None), [])
    assert notice.code == "payload_unknown"


def test_a_folder_holds_the_runs_in_it_and_neither_hidden_files_nor_summaries(tmp_path: Path) -> None:
    for name in ("1.json", "._1.json", "summary.json", "workflow.json", "undo.json", "notes.txt",
                 "runs/result.json", "runs/samples.json",
                 ".cache/result.json", "deep/er/result.json", "earlier/result.json"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "folder.json").mkdir()
    found = FileStore().results_in(str(tmp_path))
    assert found == [str(tmp_path / "1.json"), str(tmp_path / "runs" / "result.json")]


def test_the_answer_of_a_comparison_among_results_is_told_in_one_fault(tmp_path: Path) -> None:
    answer = tmp_path / "comparison.json"
    document = comparison_document(compare(result(), result(seed=1), Question()))
    answer.write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        load_result(answer)
    assert [fault.problem for fault in caught.value.faults] == [
        "is not a result document: it is the answer of a comparison"
    ]
