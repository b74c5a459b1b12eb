"""How the tests of a parallel run are handed out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import pytest_xdist_make_scheduler, together


class Asked:
    """The options of a run that asks for groups."""

    def getvalue(self, name: str) -> Any:
        return {"dist": "loadgroup", "tx": ["2*popen"], "numprocesses": 2}[name]


@pytest.mark.parametrize(
    ("test", "group"),
    [
        ("tests/e2e/statemachine/test_build.py::test_two_builds", "stack"),
        ("tests/browser/test_page.py::test_it[a@b/c]", "browser"),
        ("tests/integration/local/test_hostile.py::test_it", "hostile"),
        ("tests/integration/local/test_backend.py::test_it", "workers"),
        ("tests/unit/aws/test_pace.py::test_it[tests/browser]", "unit/aws/test_pace.py"),
        ("tests/aws_e2e/test_workflow.py::test_it", "workflow"),
        ("tests/aws_e2e/test_apply.py::test_it", "accounts"),
        ("tests/integration/cli/test_tune.py::test_it", None),
    ],
)
def test_tests_that_share_what_is_dear_share_a_process(test: str, group: str | None) -> None:
    assert together(test) == group


def test_single_tests_are_handed_out_one_by_one() -> None:
    scheduler = pytest_xdist_make_scheduler(Asked(), None)
    test = "tests/integration/cli/test_tune.py::test_it"
    assert scheduler._split_scope(test) == test
    assert scheduler._split_scope("tests/browser/test_page.py::test_it") == "browser"
