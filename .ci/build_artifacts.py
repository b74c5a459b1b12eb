"""Builds what is deployed: the handlers' code, and the layer with the scientific packages.

Runs inside `sam build` under any Python from 3.9 on, with the standard library and pip alone. The wheels
are fetched by platform and checked by hash, so that the builder's own system plays no part; times are
fixed and bytecode is left out, so that two builds give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "statemachine" / "layer-requirements.txt"
CACHE = ROOT / ".cache" / "layer-wheels"

PYTHON_VERSION = "3.13"
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""For each architecture of Lambda, what wheels call it."""
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux2014")
"""What python3.13 on Lambda can load: Amazon Linux 2023 has glibc 2.34."""

MAX_UNZIPPED_BYTES = 250 * 1024 * 1024
"""Function and layers together, unzipped (Lambda quotas, 2026-09)."""
MAX_LAYER_BYTES = 100 * 1024 * 1024
MAX_CODE_BYTES = 2 * 1024 * 1024
"""Bounds of our own, well under Lambda's: what grows beyond them was not meant to."""

PACKAGES = ("tuner", "reports", "statemachine")
LEFT_OUT = ("tuner/cli", "tuner/local", "tuner/projects", "tuner/workflows", "tuner/__main__.py")
"""Parts that no handler uses: the command line, workers of a developer's machine, project files, whole workflows."""
NOT_NEEDED = re.compile(
    r"(^|/)(tests|__pycache__|include)/|\.(pyi|pxd|pyx|pyc|h|a|f90|c)$|\.dist-info/(RECORD|INSTALLER)$"
    r"|^scipy/(?!special/|_lib/)[^/]+/|^scipy/special/(_precompute/|_mptestutils|_testutils|_test_internal|cython_special)"
)
"""What packages ship for developers, and what of scipy is not behind its special functions."""
FIXED_TIME = 315_532_800
"""1980-01-01, the earliest time that a zip file can hold."""


def main() -> None:
    """Build one artifact, or write the hashes of the layer's wheels anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["code", "layer", "lock"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--architecture", choices=sorted(MACHINES), default="arm64")
    arguments = parser.parse_args()
    if arguments.what == "lock":
        lock()
    elif arguments.folder is None:
        parser.error("give the folder to build into")
    elif arguments.what == "code":
        build_code(arguments.folder)
        report("code", arguments.folder, MAX_CODE_BYTES)
    else:
        build_layer(arguments.folder, arguments.architecture)
        report("layer", arguments.folder, MAX_LAYER_BYTES)


def build_code(folder: Path) -> None:
    """Copy the packages that the handlers use."""
    for package in PACKAGES:
        for source in sorted((ROOT / package).rglob("*")):
            name = source.relative_to(ROOT).as_posix()
            if source.is_file() and not NOT_NEEDED.search(name) and not name.startswith(LEFT_OUT):
                _write(folder / name, source.read_bytes())
    _fix_times(folder)


def build_layer(folder: Path, architecture: str) -> None:
    """Unpack the wheels for Lambda's platform into `python/`, which Lambda puts on the path."""
    for wheel in fetch(_requirements(), CACHE, architecture):
        with zipfile.ZipFile(wheel) as archive:
            for name in sorted(archive.namelist()):
                if not name.endswith("/") and not NOT_NEEDED.search(name):
                    _write(folder / "python" / name, archive.read(name))
    _fix_times(folder)


def report(what: str, folder: Path, limit: int) -> None:
    """Print the size of an artifact; exit with an error when it is above its bound."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    # sam shows what its builders write to stderr.
    print(f"{what}: {size / 1024**2:.1f} MB unzipped (bound {limit / 1024**2:.0f} MB)", file=sys.stderr)  # noqa: T201
    if size > limit:
        sys.exit(f"{what} is above its bound of {limit:,} bytes")


def fetch(requirements: list[str], cache: Path, architecture: str) -> list[Path]:
    """Wheels of pinned requirements, from the cache or the package index, sorted by name.

    Args:
        requirements: lines `name==version --hash=sha256:…`, with a hash for each architecture.
        cache: folder of wheels, filled when it lacks one.
        architecture: of the handlers.
    """
    if found := _cached(requirements, cache, architecture):
        return found
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        pinned = Path(scratch, "requirements.txt")
        pinned.write_text("\n".join(requirements), "utf-8")
        _download(["--require-hashes", "--requirement", str(pinned)], Path(scratch), architecture)
        for wheel in Path(scratch).glob("*.whl"):
            # Several builds may run at once: a rename is whole or not at all.
            wheel.replace(cache / wheel.name)
    found = _cached(requirements, cache, architecture)
    if not found:
        sys.exit(f"the wheels of {REQUIREMENTS} could not be fetched")
    return found


def lock() -> None:
    """Resolve the names and versions of the requirements file, and write it with the hashes of today."""
    comments = [line for line in REQUIREMENTS.read_text("utf-8").splitlines() if line.startswith("#")]
    pins: dict[str, set[str]] = {}
    for architecture in MACHINES:
        with tempfile.TemporaryDirectory() as scratch:
            _download([line.split(" ")[0] for line in _requirements()], Path(scratch), architecture)
            for wheel in Path(scratch).glob("*.whl"):
                name, version = wheel.name.split("-")[:2]
                digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
                pins.setdefault(f"{name.replace('_', '-')}=={version}", set()).add(f"--hash=sha256:{digest}")
    lines = [" ".join([pin, *sorted(hashes)]) for pin, hashes in sorted(pins.items())]
    REQUIREMENTS.write_text("\n".join([*comments, *lines]) + "\n", "utf-8")


def _requirements() -> list[str]:
    lines = REQUIREMENTS.read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _cached(requirements: list[str], cache: Path, architecture: str) -> list[Path]:
    """The cached wheel of every requirement, or nothing when one is missing or is not the pinned one."""
    wheels = []
    for requirement in requirements:
        name, version, *digests = re.split("==| --hash=sha256:", requirement)
        matching = [
            wheel
            for wheel in cache.glob(f"{name.replace('-', '_')}-{version}-*.whl")
            if wheel.stem.endswith(("any", MACHINES[architecture]))
            and hashlib.sha256(wheel.read_bytes()).hexdigest() in digests
        ]
        if not matching:
            return []
        wheels.append(matching[0])
    return sorted(wheels)


def _download(what: list[str], folder: Path, architecture: str) -> None:
    machine = MACHINES[architecture]
    platforms = [option for platform in PLATFORMS for option in ("--platform", f"{platform}_{machine}")]
    command = [*_pip(), "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", str(folder)]
    command += ["--only-binary=:all:", *platforms, "--python-version", PYTHON_VERSION, "--implementation", "cp"]
    subprocess.run([*command, *what], check=True)


def _pip() -> list[str]:
    """A pip to call: this interpreter's, or that of a small environment where it has none."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return [sys.executable, "-m", "pip"]
    home = CACHE.parent / "pip"
    if not (home / "bin" / "python").exists():
        venv.create(home, with_pip=True)
    return [str(home / "bin" / "python"), "-m", "pip"]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o644)


def _fix_times(folder: Path) -> None:
    for path in _tree(folder):
        if path.is_dir():
            path.chmod(0o755)
        os.utime(path, (FIXED_TIME, FIXED_TIME))


def _tree(folder: Path) -> Iterator[Path]:
    """A folder's content and the folder itself, contents first."""
    for root, folders, files in os.walk(folder, topdown=False):
        for name in sorted(folders + files):
            yield Path(root, name)
    yield folder


if __name__ == "__main__":
    main()
