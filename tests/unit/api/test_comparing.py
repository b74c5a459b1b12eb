"""What a duet says of its sides, and what is told of results that cannot be compared."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tuner.api.comparing import _side_notices, compare
from tuner.errors import InputError
from tuner.model import Notice

BUSY, ESTIMATE = Notice("busy", "The machine was busy."), Notice("local_estimate", "A local estimate.")
ANSWER = Notice("first_answer", "It answered with 3.")


def _duet(baseline: list[Notice], candidate: list[Notice]) -> Any:
    sides = {"baseline": baseline, "candidate": candidate}
    return SimpleNamespace(**{side: SimpleNamespace(notices=lambda own=own: own) for side, own in sides.items()})


def test_a_side_has_one_notice_that_names_it_and_what_both_say_is_said_once() -> None:
    found = _side_notices(_duet([ESTIMATE, ANSWER, BUSY], [BUSY, ESTIMATE]))
    told = [notice.message for notice in found]
    assert told == ["A local estimate.", "The machine was busy.", "Baseline: It answered with 3."]
    apart = _side_notices(_duet([ESTIMATE, ANSWER], [BUSY]))
    assert [notice.message for notice in apart] == [
        "Baseline: A local estimate. It answered with 3.",
        "Candidate: The machine was busy.",
    ]
    assert [notice.code for notice in apart] == ["local_estimate", "busy"]


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
