"""`tuner duet` on handlers of this machine: files, git revisions, what is refused, and an interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tuner.cli.main import run
from tuner.local.host import architecture
from tuner.model import Architecture

HANDLER = "import time\nimport helper\n\n\ndef handler(event, context):\n    time.sleep(helper.SECONDS)\n"
FLAGS = ("--metric", "duration", "--power-values", "1769", "--max-invocations", "64", "--runs", "2", "--quiet")
EQUALS = (*FLAGS, "--threshold", "400%")
"""Of versions that do the same: what a busy machine does to runs of half a millisecond decides nothing."""


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose handler became slow by a module beside it: tag `quick`, then `slow`."""
    folder = tmp_path / "repository"
    (folder / "src").mkdir(parents=True)
    git(folder.parent, "init", "-q", str(folder))
    (folder / "src" / "app.py").write_text(HANDLER)
    for tag, seconds in (("quick", 0.01), ("slow", 0.03)):
        (folder / "src" / "helper.py").write_text(f"SECONDS = {seconds}\n")
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", tag)
        git(folder, "tag", tag)
    return folder


def duet(repository: Path, baseline: str, candidate: str, *flags: str) -> int:
    app = str(repository / "src" / "app.py")
    defaults = [*pairwise(FLAGS), ("--samples", str(repository.parent / "samples.jsonl"))]
    replaced = {*flags} - {"--metric"}
    usual = [
        word for flag, value in defaults if flag.startswith("--") and flag not in replaced for word in (flag, value)
    ]
    words = ["duet", f"{app}:handler", "--baseline", baseline, "--candidate", candidate, *usual, "--quiet", *flags]
    return run(words)


def test_a_revision_is_compared_with_the_file_as_it_is(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert duet(repository, "quick", str(repository / "src" / "app.py"), "--format", "json") == 3
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "worse"
    assert document["invocations"] == len(_invocations(repository.parent / "samples.jsonl"))


def test_two_revisions_the_other_way_round_are_better(repository: Path) -> None:
    assert duet(repository, "slow", "quick", "--strict") == 0


def test_two_files_of_node_are_compared(tmp_path: Path) -> None:
    for name, wait_ms in (("old.mjs", 10), ("new.mjs", 30)):
        code = f"export const handler = () => new Promise((done) => setTimeout(done, {wait_ms}));\n"
        (tmp_path / name).write_text(code)
    old, new = (str(tmp_path / name) for name in ("old.mjs", "new.mjs"))
    files = ["--samples", str(tmp_path / "samples.jsonl")]
    assert run(["duet", f"{new}:handler", "--baseline", old, "--candidate", new, *FLAGS, *files]) == 3


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        ("nowhere", "neither a file nor a revision"),
        ("--output=x", "neither a file nor a revision"),
        ("quick", None),
    ],
)
def test_what_is_no_version_is_bad_input(
    repository: Path, candidate: str, reason: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if reason is None:
        git(repository, "rm", "-q", "--cached", "src/app.py")
        git(repository, "commit", "-qm", "gone")
        candidate, reason = "HEAD", "is not in HEAD"
    app = str(repository / "src" / "app.py")
    code = run(["duet", f"{app}:handler", "--baseline", "slow", f"--candidate={candidate}", *FLAGS])
    assert code == 2
    assert reason in capsys.readouterr().err


def test_a_missing_file_outside_of_a_repository_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = tmp_path / "app.py"
    app.write_text("def handler(event, context): return 1\n")
    assert run(["duet", f"{app}:handler", "--baseline", str(app), "--candidate", "new.py", *FLAGS]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "--candidate: 'new.py' is no file" in told


def test_a_candidate_that_does_not_load_is_bad_input_with_its_own_error(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = repository / "src" / "broken.py"
    broken.write_text("import nothing_of_this_name\n\n\ndef handler(event, context): ...\n")
    assert duet(repository, "quick", str(broken)) == 2
    assert "nothing_of_this_name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--power-values", "512-1024"), "a duet measures at one size"),
        (("--arch", "arm64" if architecture() is Architecture.X86_64 else "x86_64"), "cannot be measured"),
        (("--metric", "p95", "--max-invocations", "64"), "64 can never decide on p95"),
    ],
)
def test_what_can_never_be_answered_is_bad_input(
    repository: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], reason: str
) -> None:
    assert duet(repository, "quick", "slow", *flags) == 2
    assert reason in capsys.readouterr().err


def test_a_candidate_that_raises_is_worse(repository: Path) -> None:
    raising = repository / "src" / "raising.py"
    raising.write_text("def handler(event, context):\n    raise KeyError('total')\n")
    assert duet(repository, "quick", str(raising)) == 3


def test_an_interrupted_duet_keeps_its_runs_and_leaves_no_folder_behind(repository: Path, tmp_path: Path) -> None:
    samples, scratch = tmp_path / "kept.jsonl", tmp_path / "scratch"
    scratch.mkdir()
    app = str(repository / "src" / "app.py")
    command = [sys.executable, "-m", "tuner", "duet", f"{app}:handler", "--baseline", "quick", "--candidate", "quick"]
    environment = os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [*command, "--samples", str(samples)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        give_up = time.monotonic() + 60
        while not (samples.exists() and len(_invocations(samples)) >= 8) and time.monotonic() < give_up:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130
    assert f"The runs until then are kept in {samples}" in said
    assert len(_invocations(samples)) >= 8
    assert not list(scratch.glob("tuner-revision-*"))


def test_the_shape_of_a_project_and_its_variables_are_those_of_a_tuning(repository: Path, tmp_path: Path) -> None:
    code = "import os\nimport src.helper\n\ndef handler(event, context):\n    return int(os.environ['SIZE'])\n"
    (repository / "src" / "sized.py").write_text(code)
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "sized")
    (tmp_path / "dev.env").write_text("SIZE=none\n")
    command = ["duet", f"{repository}/src/sized.py:handler", "--baseline", "HEAD", "--candidate", "HEAD", *EQUALS]
    own = ["--root", str(repository), "--env-file", str(tmp_path / "dev.env")]
    samples = ["--samples", str(tmp_path / "samples.jsonl")]
    assert run([*command, *own, "--env", "SIZE=3", *samples]) in (0, 4)
    assert run([*command, *own, *samples]) == 1, "every run fails"


BOOTSTRAP = """#!{python}
import os, urllib.request
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(base + "next") as event:
        name = event.headers["Lambda-Runtime-Aws-Request-Id"]
    urllib.request.urlopen(base + name + "/response", data=b"1").close()
"""


def test_two_builds_in_folders_and_the_build_of_a_revision_are_compared(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (repository / "build", tmp_path / "new"):
        folder.mkdir()
        (folder / "bootstrap").write_text(BOOTSTRAP.format(python=sys.executable))
        (folder / "bootstrap").chmod(0o755)
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "build")
    build, new = str(repository / "build"), str(tmp_path / "new")
    files = ["--samples", str(tmp_path / "samples.jsonl"), "--format", "json"]
    for baseline in (build, "HEAD"):
        assert run(["duet", build, "--baseline", baseline, "--candidate", new, *EQUALS, *files]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["findings"][-1]["candidate"] == 0.0, "no run failed"
        assert document["candidate"].startswith(new)


def test_versions_of_a_module_below_a_root_may_be_revisions_roots_or_files(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "src" / "alone.py").write_text("def handler(event, context):\n    return 1\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "alone")
    target, file = f"{repository}:src.alone.handler", str(repository / "src" / "alone.py")
    files = ["--samples", str(tmp_path / "samples.jsonl"), "--format", "json"]
    for candidate in ("HEAD", target, file):
        assert run(["duet", target, "--baseline", "HEAD", "--candidate", candidate, *EQUALS, *files]) == 0
        assert json.loads(capsys.readouterr().out)["findings"][-1]["candidate"] == 0.0


def test_a_candidate_that_hangs_is_worse_as_soon_as_the_timeout_says(repository: Path) -> None:
    hanging = repository / "src" / "hanging.py"
    hanging.write_text("import time\n\ndef handler(event, context):\n    time.sleep(99)\n")
    assert duet(repository, "quick", str(hanging), "--timeout", "0.5") == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_duet_whose_runs_cannot_be_kept_ends_and_tells_what_it_has(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert duet(repository, "quick", "slow", "--samples", "/dev/full") == 1
    out, err = capsys.readouterr()
    assert "Ended after 4 invocations: it could not go on" in " ".join(out.split())
    assert "cannot keep the runs: No space left on device" in err
    assert duet(repository, "quick", "slow", "--samples", str(tmp_path)) == 1
    assert "Is a directory" in capsys.readouterr().err


def _invocations(samples: Path) -> list[object]:
    return [run for line in samples.read_text().splitlines() for run in json.loads(line)["invocations"]]


@pytest.mark.parametrize(("given", "told"), [((), True), (("--payload", '{"m": 1}'), False)])
def test_a_baseline_that_always_fails_tells_the_event_that_nobody_gave(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], told: bool
) -> None:
    file = tmp_path / "app.py"
    file.write_text("def handler(event, context): return event['n']")
    assert run(["duet", f"{file}:handler", "--baseline", str(file), "--candidate", str(file), *FLAGS, *given]) == 1
    said = capsys.readouterr().err
    assert "KeyError: 'n'" in said
    assert ("The event was {}." in said) is told
