"""How many cores a container, a slice or the whole machine has."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest

from tuner.local.limits.cgroup import granted_cores


@pytest.mark.parametrize(
    ("listed", "files", "cores"),
    [
        ("0::/", {"cpu.max": "150000 100000"}, 1.5),
        (
            "0::/user.slice/run.scope",
            {"user.slice/cpu.max": "50000 100000", "user.slice/run.scope/cpu.max": "max 100000"},
            0.5,
        ),
        ("0::/../other", {"cpu.max": "max 100000"}, inf),
        (
            "4:memory:/\n3:cpu,cpuacct:/docker/ab",
            {"cpu,cpuacct/cpu.cfs_quota_us": "200000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            2.0,
        ),
        ("3:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, inf),
        ("3:cpuacct:/", {"cpuacct/cpu.max": "1 100000"}, inf),
    ],
)
def test_the_smallest_quota_of_all_groups_above_counts(
    tmp_path: Path, listed: str, files: dict[str, str], cores: float
) -> None:
    (tmp_path / "listed").write_text(listed)
    for name, text in files.items():
        (tmp_path / "mount" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mount" / name).write_text(text)
    assert granted_cores(tmp_path / "listed", tmp_path / "mount") == cores


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert granted_cores(tmp_path / "absent", tmp_path) == inf
