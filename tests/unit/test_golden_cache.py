"""Golden results are made once for a state of the sources, also while another run of the tests has other sources."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.golden.cache import UNUSED_S, folder_of


def test_a_run_of_other_sources_keeps_what_a_run_still_reads(tmp_path: Path) -> None:
    first = folder_of("first", tmp_path)
    (first / "aws.json").write_text("{}")
    folder_of("second", tmp_path)
    assert (first / "aws.json").exists()


def test_what_no_run_has_used_for_a_day_is_forgotten(tmp_path: Path) -> None:
    first, day_ago = folder_of("first", tmp_path), time.time() - UNUSED_S - 1
    os.utime(first, (day_ago, day_ago))
    folder_of("second", tmp_path)
    assert not first.exists()
