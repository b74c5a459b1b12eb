"""The names of results in folders and under prefixes: which of the files there are results.

The same rule for files and for objects in S3. Reads nothing.
"""

from __future__ import annotations

from pathlib import PurePosixPath

RESULT_FILE = "result.json"
"""The result in the folder of a run. The folder, or a prefix in S3, stands for it."""
SUMMARY_FILE = "summary.json"
"""The summary of a fleet, at the top of its folder. It is no result."""


def is_result_name(name: str) -> bool:
    """Whether a path below a folder of results names one: the folder's own JSON files, and the runs in its folders.

    What begins with a dot is hidden, such as the notes of macOS beside each file, or a file that is being written.
    """
    path = PurePosixPath(name)
    if any(part.startswith(".") for part in path.parts):
        return False
    if len(path.parts) > 1:
        return path.name == RESULT_FILE
    return path.suffix == ".json" and path.name != SUMMARY_FILE
