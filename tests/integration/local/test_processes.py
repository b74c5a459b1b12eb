"""The tree of a worker's processes, read from the process table."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.integration.local.workers import soon
from tuner.local.limits.processes import ProcessTree

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-S", "-c", "import sys; sys.stdin.read()"], start_new_session=True)
print(child.pid, flush=True)
sys.stdin.readline()
"""


def test_a_child_in_a_session_of_its_own_is_a_descendant_until_it_ends() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-S", "-c", PARENT], **pipes) as parent:  # type: ignore[call-overload]
        child = int(parent.stdout.readline())
        tree = ProcessTree(parent.pid, os.getpid())
        tree.refresh()
        assert child in tree.descendants
        assert parent.pid not in tree.descendants
        parent.stdin.close()  # the child's too: it ends
        assert soon(lambda: tree.refresh() or child not in tree.descendants)  # type: ignore[func-returns-value]
