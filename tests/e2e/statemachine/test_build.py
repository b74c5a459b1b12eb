"""What is deployed: small artifacts, the same bytes each time."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from tests.e2e.statemachine.stack import ROOT

HEAVY = {"numpy", "scipy", "jinja2", "jsonschema", "rich", "click", "psutil"}
LIGHT = ("initializer", "publisher", "executor", "cleaner", "optimizer")
IMPORTED = "import json, sys; import {}; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"


def build_tool() -> ModuleType:
    """The script that `sam build` runs; it is part of no package."""
    spec = importlib.util.spec_from_file_location("build_artifacts", ROOT / ".ci" / "build_artifacts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


artifacts = build_tool()


def digest(folder: Path) -> str:
    """Of names, modes, times and contents of a tree."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        status = path.stat()
        total.update(f"{path.relative_to(folder)} {status.st_mode:o} {int(status.st_mtime)} ".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def size(folder: Path) -> int:
    """Bytes of a tree, unzipped."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_two_builds_have_the_same_bytes(build: Path, tmp_path: Path) -> None:
    artifacts.build_code(tmp_path / "code")
    artifacts.build_layer(tmp_path / "layer", "arm64")
    assert digest(tmp_path / "layer") == digest(build / "TunerLayer")
    functions = [folder for folder in build.iterdir() if folder.name.endswith("Function")]
    assert len(functions) == 11
    assert {digest(folder) for folder in functions} == {digest(tmp_path / "code")}


def test_function_and_layer_stay_under_their_bounds(build: Path) -> None:
    code, layer = size(build / "PlannerFunction"), size(build / "TunerLayer")
    assert code < artifacts.MAX_CODE_BYTES
    assert layer < artifacts.MAX_LAYER_BYTES
    assert code + layer < artifacts.MAX_UNZIPPED_BYTES


def test_the_layer_is_built_for_lambda_whatever_builds_it(build: Path) -> None:
    for name, machine in (("TunerLayer", "aarch64"), ("TunerLayerX86", "x86_64")):
        native = list((build / name / "python").rglob("*.cpython-*.so"))
        assert native
        assert all(f"cpython-313-{machine}-linux-gnu" in path.name for path in native)


def test_the_layer_holds_every_module_of_scipy_that_the_special_functions_load(build: Path) -> None:
    """Asked of the scipy that is installed here: the layer's version is held to the same."""
    program = "import scipy.special, sys; print(scipy.__version__, *(name for name in sys.modules if 'scipy' in name))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    version, *modules = found.stdout.split()
    assert f"scipy=={version} " in artifacts.REQUIREMENTS.read_text("utf-8")
    for layer in ("TunerLayer", "TunerLayerX86"):
        files = {path.relative_to(build / layer / "python").as_posix() for path in (build / layer).rglob("*.*")}
        held = {name.partition(".")[0].removesuffix("/__init__").replace("/", ".") for name in files}
        assert not [name for name in modules if name not in held]
        assert any(name.startswith("scipy.libs/libscipy_openblas") for name in files)


def test_light_handlers_import_nothing_heavy(build: Path) -> None:
    """A validator is imported where an input has a fault, never on a cold start."""
    code = build / "PlannerFunction"
    variables = {**os.environ, "PYTHONPATH": str(code)}
    command = [sys.executable, "-c", IMPORTED.format(", ".join(f"statemachine.handlers.{name}" for name in LIGHT))]
    found = subprocess.run(command, cwd=code, env=variables, capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(found.stdout))
