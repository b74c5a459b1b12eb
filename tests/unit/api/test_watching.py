"""Watching results: what is told of a function, and the command that tunes it again."""

from __future__ import annotations

import copy
import shlex
from pathlib import Path

from tests.unit.reports.results import result
from tuner.api.result import Result
from tuner.api.watching import watch

HOUR = '{"timestamp": 1790000000000, "message": "START RequestId: 1"}\n'


def test_the_command_that_tunes_again_asks_the_question_of_the_result(tmp_path: Path) -> None:
    document = result("bounded")
    log = tmp_path / "app.log"
    log.write_text(HOUR)
    (report,) = watch([Result(document)], logs={document["function"]["name"]: log})
    words = shlex.split(report.command)
    assert words[:3] == ["tuner", "tune", document["function"]["arn"]]
    assert words[words.index("--max-p95-ms") + 1] == "150"
    assert words[words.index("--max-cost-per-million") + 1] == "30"


def test_the_command_that_tunes_again_names_the_target_and_the_payload_as_they_were_given(tmp_path: Path) -> None:
    document = copy.deepcopy(result("bounded"))
    document["function"] |= {"name": "orders/app.py:handler", "arn": None, "backend": "local"}
    document["function"]["details"] = {"arguments": ["src/orders/app.py:handler", "--root", "src"]}
    document["request"]["payload"] = {"count": 1, "sha256": "0" * 64, "file": "events/one.json"}
    log = tmp_path / "app.log"
    log.write_text(HOUR)
    (report,) = watch([Result(document)], logs={"orders/app.py:handler": log})
    assert report.command.startswith("tuner tune src/orders/app.py:handler --root src --payload @events/one.json ")
