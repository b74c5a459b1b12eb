"""What commands load and cost before they do anything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.situations import document_of

ROOT = Path(__file__).parents[2]


def run_python(*arguments: str) -> tuple[str, float]:
    """Output and CPU seconds of a Python started in the root."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    before = os.times()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return done.stdout + done.stderr, cpu_s


def loaded_by(*command: str) -> tuple[str, set[str]]:
    """What a command of the tool prints, and the top-level modules that it loads."""
    program = (
        f"import sys; sys.argv = ['tuner', *{command}]\n"
        "from tuner.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    output, _, modules = run_python("-c", program)[0].rpartition("LOADED")
    return output, set(modules.split())


def test_help_loads_no_library_but_click() -> None:
    output, loaded = loaded_by("--help")
    assert "Usage: tuner" in output
    assert "click" in loaded
    heavy = {"numpy", "scipy", "boto3", "botocore", "jinja2", "rich", "jsonschema", "psutil", "reports", "statemachine"}
    assert loaded & heavy == set()


@pytest.mark.parametrize(
    "command",
    [("report", "RESULT", "--format", "markdown"), ("schema", "result"), ("prices",)],
    ids=" ".join,
)
def test_what_does_not_search_loads_no_numerics(command: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(document_of("grid")), "utf-8")
    output, loaded = loaded_by(*(str(path) if word == "RESULT" else word for word in command))
    assert output
    assert loaded & {"numpy", "scipy", "jsonschema"} == set()


def test_the_flags_of_a_report_load_neither_settings_nor_payloads() -> None:
    """They are a third of what the command line imports, and only a run needs them."""
    program = "import sys, tuner.cli.commands.results.report; print(*sys.modules)"
    loaded = set(run_python("-c", program)[0].split())
    assert loaded & {"tuner.settings", "tuner.payloads", "tuner.backend", "tuner.documents.input"} == set()


def test_a_search_loads_numpy_alone(tmp_path: Path) -> None:
    """Special functions take longer to import than a decision takes; comparisons and timeouts use them."""
    curves = tmp_path / "curves.json"
    curve = {"id": "one", "memory_mb": [128, 512, 1024], "duration_ms": [800, 200, 100], "arch": "x86_64"}
    curves.write_text(json.dumps([curve]), "utf-8")
    output, loaded = loaded_by("simulate", str(curves), "--max-invocations", "8")
    assert "one" in output
    assert "numpy" in loaded
    assert "scipy" not in loaded


def test_the_process_that_holds_workers_to_their_limits_loads_little() -> None:
    """Every run starts one, and waits for it: what describes classes and types takes as long as all else."""
    program = "import sys; sys.path.append('.'); import tuner.local.limits.governor_process; print(*sys.modules)"
    loaded = set(run_python("-BPS", "-c", program)[0].split())
    assert "tuner.local.limits.keeper" in loaded
    assert loaded & {"dataclasses", "inspect", "pathlib", "psutil", "site", "typing", "uuid"} == set()


def test_the_library_loads_nothing_heavy_until_it_is_used() -> None:
    program = "import tuner, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = set(run_python("-c", program)[0].split())
    assert "tuner" in loaded
    assert loaded & {"numpy", "scipy", "boto3", "botocore", "click", "jinja2", "rich", "jsonschema", "psutil"} == set()


def test_help_takes_less_than_a_fifth_of_a_second_of_cpu() -> None:
    # The least of a few: what else the machine does can only add.
    quickest = min(run_python("-m", "tuner", "--help")[1] for _ in range(5))
    bare = min(run_python("-c", "pass")[1] for _ in range(5))
    assert quickest < 0.2 or quickest < 10 * bare


def test_a_page_loads_nothing_heavy_but_jinja2(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(document_of("aws")), "utf-8")
    heavy = "numpy scipy boto3 botocore click rich jsonschema asyncio html.entities tuner.api tuner.aws tuner.settings"
    program = (
        "import json, sys; from reports.html import render\n"
        f"render(json.load(open({str(path)!r})))\n"
        f"print([m for m in {heavy.split()} if m in sys.modules], 'jinja2' in sys.modules)"
    )
    assert run_python("-c", program)[0].strip() == "[] True"


def test_a_ctrl_c_while_the_command_line_loads_shows_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)\n")
    done = python_beside(tmp_path, "tuner", "--help")
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_a_ctrl_c_while_a_command_makes_a_class_ends_it_with_130(tmp_path: Path) -> None:
    """Python remembers a Ctrl-C that came while it ran a text, as for a dataclass, and would end itself by a signal."""
    (tmp_path / "interrupted.py").write_text(
        "from tuner.cli import main\n"
        "main.show_error(main.InterruptedRunError('Loaded.'))\n"  # a text that is run later makes it forget
        "main.cli.main = lambda *_, **__: exec('raise KeyboardInterrupt')\n"
        "main.main([])\n"
    )
    done = python_beside(tmp_path, "interrupted")
    assert done.returncode == 130
    assert "error: Interrupted." in done.stderr


def python_beside(modules: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module, and find those of a folder before all others."""
    environment = {**os.environ, "PYTHONPATH": f"{modules}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
