"""What a duet says of its sides, and what is told of results that cannot be compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.comparison.documents import result
from tuner.api.comparing.duet import _notices, _same_code, duet
from tuner.api.comparing.results import compare
from tuner.comparison.verdicts import Verdict
from tuner.documents.result import dumps
from tuner.errors import InputError
from tuner.model import BackendKind, FunctionIdentity, Notice

BUSY, ESTIMATE = Notice("busy", "The machine was busy."), Notice("local_estimate", "A local estimate.")
ANSWER = Notice("first_answer", "It answered with 3.")


def _duet(baseline: list[Notice], candidate: list[Notice], difference: str = "") -> Any:
    sides = {"baseline": baseline, "candidate": candidate}
    measured = {side: SimpleNamespace(notices=lambda own=own: own) for side, own in sides.items()}
    return SimpleNamespace(**measured, difference=lambda: difference)


def test_a_side_has_one_notice_that_names_it_and_what_both_say_is_said_once() -> None:
    found = _notices(_duet([ESTIMATE, ANSWER, BUSY], [BUSY, ESTIMATE]))
    told = [notice.message for notice in found]
    assert told == ["A local estimate.", "The machine was busy.", "Baseline: It answered with 3."]
    apart = _notices(_duet([ESTIMATE, ANSWER], [BUSY]))
    assert [notice.message for notice in apart] == [
        "Baseline: A local estimate. It answered with 3.",
        "Candidate: The machine was busy.",
    ]
    assert [notice.code for notice in apart] == ["local_estimate", "busy"]


def test_answers_that_differ_are_told_once() -> None:
    other = Notice("first_answer", "It answered with 4.")
    found = _notices(_duet([ESTIMATE, ANSWER], [ESTIMATE, BUSY, other], "They answer differently: 3 and 4."))
    assert [notice.message for notice in found] == [
        "They answer differently: 3 and 4.",
        "A local estimate.",
        "Candidate: The machine was busy.",
    ]
    assert [notice.code for notice in found] == ["answers_differ", "local_estimate", "busy"]


def test_versions_of_the_same_code_are_told_and_unknown_code_is_not() -> None:
    one, other, unknown = (FunctionIdentity("f", BackendKind.LOCAL, code_sha256=code) for code in ("a", "b", None))
    assert [notice.code for notice in _same_code(one, one)] == ["same_code"]
    assert _same_code(one, other) == _same_code(unknown, unknown) == []


def test_the_faults_of_both_results_come_at_once(tmp_path: Path) -> None:
    cut, missing = tmp_path / "cut.json", tmp_path / "missing.json"
    cut.write_text('{"schema_version": 3,')
    with pytest.raises(InputError) as raised:
        compare(cut, missing)
    assert [name for name in (str(cut), str(missing)) if name not in raised.value.message] == []


def test_the_faults_of_all_results_of_a_folder_come_once_each(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.json").write_text("{")
    with pytest.raises(InputError) as raised:
        compare(tmp_path)
    assert len(raised.value.faults) == 2


def write(folder: Path, levels: Sequence[float], **asked: Any) -> str:
    """A folder of results at some levels, one a day; its path."""
    folder.mkdir(exist_ok=True)
    for day, level in enumerate(levels, 1):
        made = result(level, seed=day, created_at=f"2026-08-{day:02}T10:00:00Z", **asked)
        (folder / f"{asked.get('name', 'own')}-{day:02}.json").write_text(dumps(made))
    return str(folder)


@pytest.mark.parametrize(
    ("level", "verdict"), [(0.31, {Verdict.NOT_DECIDED, Verdict.SAME}), (0.7, {Verdict.WORSE}), (0.0, {Verdict.BETTER})]
)
def test_a_change_that_was_accepted_does_not_hide_the_next_one(
    tmp_path: Path, level: float, verdict: set[Verdict]
) -> None:
    folder = write(tmp_path / "releases", (0.0, 0.01, -0.01, 0.0, 0.3, 0.31, 0.29, level))
    found = compare(folder)
    assert found.verdict in verdict
    assert "the last 3 results (2026-08-05" in found.comparison.baseline
    assert [notice.message for notice in found.warnings] == [
        "The function became worse with the result of 2026-08-05T10:00:00Z: earlier ones are not part of the baseline."
    ]


def test_results_without_a_size_in_common_are_a_baseline_without_changes(tmp_path: Path) -> None:
    folder = Path(write(tmp_path / "releases", (0.0, 0.0)))
    (folder / "own-01.json").write_text(dumps(result(sizes=(128,), created_at="2026-08-01T10:00:00Z")))
    newest = tmp_path / "newest.json"
    newest.write_text(dumps(result(0.5, seed=9, created_at="2026-08-03T10:00:00Z")))
    assert compare(folder, newest).verdict is Verdict.WORSE


def test_results_of_other_functions_are_left_out_of_a_baseline(tmp_path: Path) -> None:
    folder = Path(write(tmp_path / "releases", (0.0, 0.0, 0.01), name="orders"))
    write(folder, (2.0, 2.0, 2.0), name="billing")
    newest = tmp_path / "newest.json"
    newest.write_text(dumps(result(0.5, seed=9, created_at="2026-08-09T10:00:00Z", name="orders")))
    found = compare(folder, newest)
    assert found.verdict is Verdict.WORSE
    assert [notice.message for notice in found.warnings] == ["3 results of other functions are left out: billing."]
    newest.write_text(dumps(result(0.5, seed=9, created_at="2026-08-09T10:00:00Z", name="renamed")))
    assert "other_function" in [notice.code for notice in compare(folder, newest).warnings]


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"threshold": "5%"}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"confidence": True}, "confidence"),
        ({"drift": "3%"}, "drift"),
        ({"drift": -0.1}, "drift"),
        ({"metrics": "speed"}, "metrics"),
    ],
)
def test_an_argument_of_a_comparison_that_cannot_be_is_bad_input(arguments: dict[str, Any], path: str) -> None:
    with pytest.raises(InputError) as raised:
        compare("a.json", "b.json", **arguments)
    assert raised.value.faults[0].path == path


def test_a_metric_may_be_named_alone_or_not_at_all(tmp_path: Path) -> None:
    folder = write(tmp_path / "releases", (0.0, 0.5))
    named, all_of_them = compare(folder, metrics="duration"), compare(folder, metrics=None)
    assert named.document["decisive"] == ["duration"]
    assert all_of_them.document["decisive"] == ["duration", "tail"]


@pytest.mark.parametrize(
    "options",
    [
        {"runs": 0},
        {"runs": 2.0},
        {"max_invocations": 0},
        {"max_invocations": "100"},
        {"max_usd": 0},
        {"max_usd": float("inf")},
        {"max_seconds": float("nan")},
        {"max_seconds": -1},
    ],
)
def test_an_option_of_a_duet_that_cannot_be_is_bad_input(options: Any) -> None:
    with pytest.raises(InputError) as raised:
        duet("app.py:handler", baseline="a.py", candidate="b.py", **options)
    assert [fault.path for fault in raised.value.faults] == [*options]


def test_a_candidate_that_is_a_folder_of_results_is_told_as_one(tmp_path: Path) -> None:
    folder = write(tmp_path / "releases", (0.0, 0.5))
    with pytest.raises(InputError, match="is a folder without a result"):
        compare(Path(folder) / "own-01.json", folder)
