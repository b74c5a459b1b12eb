"""What somebody means who writes a target as Lambda writes its handlers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tuner.local.handler import parse_handler, written_as_lambda_does
from tuner.local.worker.runtimes import names_a_handler
from tuner.settings import LocalOptions


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("app:handler", "app.py:handler"),
        ("app", "app.py:NAME"),
        ("web:handler", "web.mjs:handler"),
        ("orders", "orders/app.py:NAME"),
        ("orders:create", "orders/app.py:create"),
        ("compiled", "./compiled"),
        ("compiled:main", "./compiled:main"),
        ("other:handler", ""),
        ("app:17", ""),
        ("app.py:handler", ""),
        ("arn:aws:lambda:eu-west-1:123456789012:function:app", ""),
        ("", ""),
    ],
)
def test_a_target_that_lacks_a_file_or_its_end_is_told_with_it(
    target: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.py").touch()
    (tmp_path / "web.mjs").touch()
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "app.py").touch()
    (tmp_path / "compiled").mkdir()
    (tmp_path / "compiled" / "bootstrap").touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    assert written_as_lambda_does(target) == meant
    assert not meant or names_a_handler(meant), "the hint itself is taken for a handler"


def test_a_path_that_lacks_the_end_of_its_file_is_told_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.py").touch()
    monkeypatch.chdir(tmp_path)
    handler, (fault,) = parse_handler("./app:create")
    assert (handler, fault.remedy) == (None, "write app.py:create")


@pytest.mark.parametrize("target", ["./build", "src:orders.create.handler", "./orders/api:handler"])
def test_a_path_that_is_not_there_is_told_as_one_that_does_not_exist(target: str) -> None:
    handler, (fault,) = parse_handler(target)
    assert handler is None
    assert fault.problem == f"{target.partition(':')[0]} does not exist"


def test_a_module_that_two_files_may_hold_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    (tmp_path / "app.js").touch()
    handler, (fault,) = parse_handler(f"{tmp_path}:app.handler")
    assert handler is None
    assert fault.problem.endswith("has app.py and app.js")
    assert fault.remedy == f"name the file: {tmp_path}/app.py:handler, with --root {tmp_path}"


def test_a_link_to_a_handler_is_taken_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "app.py").touch()
    (tmp_path / "fn").mkdir()
    (tmp_path / "fn" / "app.py").symlink_to("../shared/app.py")
    handler, faults = parse_handler(f"{tmp_path}/fn/app.py:handler")
    assert faults == ()
    assert handler is not None
    assert (handler.root, handler.handler) == ((tmp_path / "fn").resolve(), "app.handler")


def test_an_interpreter_that_is_named_from_the_current_folder_is_found_from_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.py").touch()
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    handler, _ = parse_handler("app.py:handler", LocalOptions(interpreters={"python": "./python"}))
    assert handler is not None
    assert handler.command[0] == str(tmp_path / "python")


def test_a_folder_named_bootstrap_is_no_runtime(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    (tmp_path / "bootstrap").mkdir()
    handler, faults = parse_handler(f"{tmp_path}:app.handler")
    assert faults == ()
    assert handler is not None
    assert handler.handler == "app.handler"


@pytest.mark.parametrize("target", ["src/app.py:handler", "src:app.handler"])
def test_a_path_that_is_no_text_is_refused_before_a_worker_gets_it(tmp_path: Path, target: str) -> None:
    root = tmp_path / "by\udcffte"
    (root / "src").mkdir(parents=True)
    (root / "src" / "app.py").write_text("def handler(event, context): return event")
    found, faults = parse_handler(f"{root}/{target}")
    assert found is None
    assert [fault.problem for fault in faults] == ["its path has bytes that are no text in UTF-8"]
