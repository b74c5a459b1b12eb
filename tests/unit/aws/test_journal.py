"""The record of a run: on disk before each change, held by one process, readable after a kill."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.full_disk import file_size_limit
from tuner.aws.api.errors import AnotherRunError
from tuner.aws.changes.journal import DamagedJournalError, Journal, JournalFile, Leftover, state_dir
from tuner.aws.changes.markers import CopyMarker, VersionMarker
from tuner.aws.changes.operations import CreateCopy, DeleteCopy, DeleteVersion, PublishVersion
from tuner.errors import BackendError
from tuner.model import Architecture, Configuration

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
RUN = "20260918t041200z-3f2a9c"
MARKER = VersionMarker(RUN, Configuration(512, Architecture.ARM64), 1)
PUBLISH, CREATE = PublishVersion("orders", MARKER), CreateCopy(CopyMarker(MARKER, "orders"))


def begin(folder: Path, *, candidate: bool = False) -> tuple[JournalFile, Journal]:
    file = JournalFile(folder, ARN, candidate=candidate)
    assert file.acquire() == []
    return file, file.begin(RUN, arn=ARN, began="2026-09-18T04:12:00Z")


def left_of(folder: Path, arn: str) -> list[Leftover]:
    """What is found by a process that takes the lock, and gives it back."""
    file = JournalFile(folder, arn)
    left = file.acquire()
    file.release(remove=False)
    return left


def test_a_change_is_on_disk_before_it_is_made(tmp_path: Path) -> None:
    file, journal = begin(tmp_path)
    journal.intend(PUBLISH)
    last = json.loads(file.path.read_text().splitlines()[-1])
    assert last["intend"]["step"] == "PublishVersion"
    file.release(remove=True)


def test_what_was_made_is_known_until_it_is_undone() -> None:
    journal = Journal(RUN)
    journal.intend(PUBLISH)
    assert journal.unanswered == {str(MARKER)}
    journal.done(PUBLISH, version="4")
    assert (journal.unanswered, journal.versions) == (set(), {str(MARKER): "4"})
    journal.done(DeleteVersion("orders", "4", str(MARKER)))
    journal.intend(CREATE)
    assert journal.copies == {CREATE.marker.name}
    journal.done(DeleteCopy(CREATE.marker.name))
    assert not journal.versions
    assert not journal.copies


def test_a_living_run_is_named_to_the_second(tmp_path: Path) -> None:
    first, _ = begin(tmp_path)
    with pytest.raises(AnotherRunError, match=RUN) as refused:
        left_of(tmp_path, ARN)
    assert "2026-09-18T04:12:00Z" in refused.value.message
    assert left_of(tmp_path, ARN + "-other") == []
    first.release(remove=True)
    assert left_of(tmp_path, ARN) == []


def test_a_killed_run_leaves_its_name_and_its_copies_even_with_a_torn_last_line(tmp_path: Path) -> None:
    first, journal = begin(tmp_path)
    journal.intend(CREATE)
    other = CreateCopy(CopyMarker(VersionMarker(RUN, MARKER.configuration, 2), "orders"))
    journal.intend(other)
    journal.done(DeleteCopy(other.marker.name))
    first.release(remove=False)
    with first.path.open("a") as file:
        file.write('{"intend": {"step": "Crea')
    assert left_of(tmp_path, ARN) == [Leftover(RUN, (CREATE.marker.name,))]


def test_a_finished_run_leaves_no_file(tmp_path: Path) -> None:
    file, _ = begin(tmp_path)
    file.release(remove=True)
    assert list(tmp_path.iterdir()) == []


def test_both_sides_of_a_killed_duet_are_found_until_the_next_run_begins(tmp_path: Path) -> None:
    baseline, _ = begin(tmp_path)
    candidate, journal = begin(tmp_path, candidate=True)
    journal.intend(CREATE)
    candidate.release(remove=False)
    baseline.release(remove=False)
    assert left_of(tmp_path, ARN) == [Leftover(RUN, ()), Leftover(RUN, (CREATE.marker.name,))]
    following = JournalFile(tmp_path, ARN)
    following.acquire()
    following.begin(RUN, arn=ARN, began="2026-09-18T05:00:00Z")
    following.release(remove=True)
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_cannot_be_written_is_said_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError, match="cannot be written") as refused:
        JournalFile(tmp_path / "file" / "folder", ARN).acquire()
    assert "XDG_STATE_HOME" in refused.value.hint


@pytest.mark.parametrize("room", [0, 20])
def test_on_a_full_disk_nothing_new_is_changed_and_all_is_undone(tmp_path: Path, room: int) -> None:
    file, journal = begin(tmp_path)
    journal.intend(PUBLISH)
    journal.done(PUBLISH, version="4")
    before = file.path.read_bytes()
    with file_size_limit(len(before) + room):
        with pytest.raises(BackendError, match=re.escape(f"The journal {file.path} cannot be written")):
            journal.intend(CREATE)
        undo = DeleteVersion("orders", "4", str(MARKER))
        journal.intend(undo)
        journal.done(undo)
        assert not journal.versions
        file.release(remove=False)
    assert file.path.read_bytes() == before, "no line is cut off"


def test_journals_are_kept_where_the_user_keeps_state() -> None:
    assert state_dir({"XDG_STATE_HOME": "/state"}) == Path("/state/lambda-tuner")
    assert state_dir({"HOME": "/home/ann"}) == Path("/home/ann/.local/state/lambda-tuner")


HEADER = json.dumps({"run": RUN, "function": ARN})


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (b"garbage\n", 1),
        (b"\xff\xfe\x00\n", 1),
        (b"7\n", 1),
        (b"{}\n", 1),
        (b'{"run": "tuner-1"}\n', 1),
        (b"[" * 900 + b"]" * 900 + b"\n", 1),
        (HEADER.encode() + b"\n\n", 2),
        (HEADER.encode() + b"\n{}\n", 2),
        (HEADER.encode() + b'\n{"intend": 5}\n', 2),
        (HEADER.encode() + b'\n{"intend": {"step": "CreateCopy", "marker": "no marker"}}\n', 2),
        (HEADER.encode() + b'\n{"intend": {"step": "CreateCopy", "marker": ' + b"9" * 400 + b"}}\n", 2),
        (HEADER.encode() + b'\n{"done": {"step": "SetLatest"}}\nhalf\n{"done": {"step": "SetLatest"}}\n', 3),
    ],
)
def test_a_damaged_journal_names_file_line_and_remedy_and_stops_no_clean(
    damage: bytes, line: int, tmp_path: Path
) -> None:
    file = JournalFile(tmp_path, ARN)
    file.path.write_bytes(damage)
    with pytest.raises(DamagedJournalError, match=f"line {line}: ") as refused:
        file.acquire()
    assert str(file.path) in refused.value.message
    assert "tuner clean" in refused.value.hint
    file.lock()
    assert not file.empty
    file.release(remove=True)
    assert left_of(tmp_path, ARN) == []


def test_a_journal_whose_last_line_was_cut_is_whole_until_then(tmp_path: Path) -> None:
    file, journal = begin(tmp_path)
    journal.intend(CREATE)
    with file.path.open("ab") as raw:
        raw.write(b'{"intend": {"st')
    file.release(remove=False)
    assert left_of(tmp_path, ARN) == [Leftover(RUN, (CREATE.marker.name,))]


def test_a_journal_is_for_its_owner_alone_and_follows_no_link(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    file, _ = begin(folder)
    assert (file.path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    file.release(remove=True)
    target = tmp_path / "precious"
    target.write_text("precious")
    file.path.symlink_to(target)
    with pytest.raises(BackendError, match="symbolic link"):
        JournalFile(folder, ARN).acquire()
    assert target.read_text() == "precious"
    file.path.unlink()
    os.mkfifo(file.path)
    with pytest.raises(BackendError, match="no regular file"):
        JournalFile(folder, ARN).acquire()
