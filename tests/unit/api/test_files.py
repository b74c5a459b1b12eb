"""Files of an earlier run are moved aside with the links among them, and a refusal names what is in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.full_disk import file_size_limit
from tuner.api.files import MAKE_WRITABLE, folder_names, set_aside, write_text
from tuner.errors import NoSpaceError, TunerError

NAMES = ("samples.jsonl", "result.json", "report.html")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of an earlier run."""
    found = tmp_path / "runs" / "out"
    found.mkdir(parents=True)
    (found / "samples.jsonl").write_text("samples")
    return found


def test_the_folder_of_a_name_lies_within_the_folder_around_it_and_is_of_no_other_name() -> None:
    names = ["../../evil", "..", "", "a/b", "a b", "\x1b[31mred", "Orders", "orders", "orders-2", "größe", "x" * 300]
    assert folder_names(names) == [
        "-..-evil", "function", "function-2", "a-b", "a-b-2", "--31mred",
        "Orders", "orders-2", "orders-2-2", "größe", "x" * 200,
    ]  # fmt: skip


@pytest.mark.parametrize("leads_to", ["../shared/result.json", "kept/result.json", "../out/kept/../../shared/r"])
def test_a_relative_link_that_is_set_aside_leads_to_the_same_file(folder: Path, leads_to: str) -> None:
    (folder / "kept").mkdir()
    target = folder / leads_to
    target.parent.resolve().mkdir(parents=True, exist_ok=True)
    target.write_text("result")
    (folder / "result.json").symlink_to(leads_to)
    place = set_aside(folder, NAMES)
    assert place is not None
    assert (place / "result.json").is_symlink()
    assert (place / "result.json").resolve() == target.resolve()
    assert not os.path.lexists(folder / "result.json")


def test_a_link_leads_to_the_same_file_where_folders_are_links_too(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "disk" / "deep" / "earlier").mkdir(parents=True)
    (folder / "earlier").symlink_to(tmp_path / "disk" / "deep" / "earlier")
    (folder.parent / "result.json").write_text("result")
    (folder / "result.json").symlink_to("../result.json")
    (tmp_path / "out").symlink_to(folder)
    place = set_aside(tmp_path / "out", NAMES)
    assert place is not None
    assert (place / "result.json").resolve() == folder.parent / "result.json"


def test_a_link_to_a_file_that_is_moved_along_leads_to_that_file(folder: Path) -> None:
    (folder / "report.html").symlink_to("samples.jsonl")
    (folder / "result.json").symlink_to(folder / "samples.jsonl.bak")
    place = set_aside(folder, NAMES)
    assert place is not None
    assert (place / "report.html").resolve() == place / "samples.jsonl"
    assert os.path.lexists(folder / "result.json"), "a link that leads nowhere is no file of a run"


def test_a_file_in_a_folder_is_set_aside_in_a_folder_of_that_name(folder: Path) -> None:
    (folder / "payloads").mkdir()
    (folder / "payloads" / "orders.json").write_text("payload")
    place = set_aside(folder, ["payloads/orders.json"])
    assert place is not None
    assert (place / "payloads" / "orders.json").read_text() == "payload"
    assert (folder / "samples.jsonl").exists()


@pytest.mark.parametrize("leads_to", ["", "nowhere"])
def test_what_stands_where_earlier_runs_go_is_named(folder: Path, leads_to: str) -> None:
    blocked = folder / "earlier"
    if leads_to:
        blocked.symlink_to(leads_to)
    else:
        blocked.write_text("mine")
    with pytest.raises(TunerError) as caught:
        set_aside(folder, NAMES)
    assert f"{blocked} is not a folder" in caught.value.message
    assert f"Move or rename {blocked}" in caught.value.hint
    assert (folder / "samples.jsonl").read_text() == "samples"


def test_a_file_in_the_place_of_a_folder_is_named(folder: Path) -> None:
    with pytest.raises(TunerError, match=r"samples\.jsonl is not a folder") as caught:
        write_text(folder / "samples.jsonl" / "deep" / "plan.json", "plan")
    assert "Move or rename" in caught.value.hint


def test_a_disk_that_is_full_is_told_from_other_reasons(folder: Path) -> None:
    with file_size_limit(10), pytest.raises(NoSpaceError, match="cannot write") as caught:
        write_text(folder / "samples.jsonl", "x" * 100)
    assert "Free some space" in caught.value.hint
    assert (folder / "samples.jsonl").read_text() == "samples"
    assert [path.name for path in folder.iterdir()] == ["samples.jsonl"]


def test_what_to_do_where_a_file_cannot_be_written_is_of_the_command_that_writes_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for otherwise, told in (({}, "or give another --output."), ({"otherwise": MAKE_WRITABLE}, "or make it writable.")):
        with pytest.raises(TunerError) as caught:
            write_text(tmp_path / "file" / "out.json", "{}", **otherwise)
        assert caught.value.hint.endswith(told)
