"""Deployment packages for tests: equal content gives equal bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path


def zipped(source: Path | str | Mapping[str, str]) -> bytes:
    """A zip of a folder, or of a mapping of file names to texts."""
    if isinstance(source, Mapping):
        files = {name: text.encode() for name, text in source.items()}
    else:
        base = Path(source)
        found = (path for path in sorted(base.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
        files = {str(path.relative_to(base)): path.read_bytes() for path in found}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            item = zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0))
            item.external_attr = 0o644 << 16
            archive.writestr(item, data)
    return buffer.getvalue()
