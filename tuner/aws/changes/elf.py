"""Decides from a package whether its binaries run on an architecture.

Reads the first bytes of each file in a zip. A package without binaries, or with binaries for both
architectures, counts as able to run on either.
"""

from __future__ import annotations

import io
import zipfile

from tuner.model import Architecture

_MACHINES = {b"\x3e\x00": Architecture.X86_64, b"\xb7\x00": Architecture.ARM64}
"""e_machine of an ELF header: EM_X86_64 is 62, EM_AARCH64 is 183 (System V ABI)."""


def foreign_binary(package: bytes, architecture: Architecture) -> str:
    """The name of a binary that is built only for another architecture; empty when there is none.

    A `bootstrap` for another architecture counts even when other binaries fit, because it starts first.
    """
    found: dict[Architecture, str] = {}
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            with archive.open(entry) as file:
                machine = _machine(file.read(20))
            if machine is None:
                continue
            if entry.filename == "bootstrap" and machine is not architecture:
                return entry.filename
            found.setdefault(machine, entry.filename)
    return "" if architecture in found else next(iter(found.values()), "")


def _machine(head: bytes) -> Architecture | None:
    return _MACHINES.get(head[18:20]) if head.startswith(b"\x7fELF") else None
