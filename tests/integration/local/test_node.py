"""Node.js handlers run under the limits and switches that Lambda gives Node.js.

NODES may name further programs to try, separated by colons.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.integration.local.workers import NODES
from tuner.local.backend import open_local
from tuner.local.host import architecture
from tuner.local.limits.governor import Governor
from tuner.local.worker.environment import ExecutionEnvironment
from tuner.local.worker.runtimes import NODE
from tuner.local.worker.spec import LocalInvocationResult, WorkerSpec
from tuner.model import Architecture, Configuration, Outcome, Trial
from tuner.settings import Settings

pytestmark = pytest.mark.skipif(not NODES, reason="there is no Node.js in PATH")
ABOUT = """
const v8 = require('node:v8');
exports.handler = async () => ({
  heapMb: v8.getHeapStatistics().heap_size_limit / 1048576, headerBytes: require('node:http').maxHeaderSize,
  collects: typeof gc, tuner: Object.keys(process.env).filter((name) => name.startsWith('_TUNER')) });
"""
ROWS = """
const row = (i) => ({ id: i, name: `item ${i}`, tags: ['a', 'b', String(i)], price: i * 1.5 });
exports.handler = async () => {
  let count = 0;
  for (let round = 0; round < 20; round++) {  // each time 25 MB of garbage, of which nothing is kept
    count += JSON.parse(JSON.stringify(Array.from({ length: 20000 }, (_, i) => row(i + round)))).length;
  }
  return count;
};
"""


def invoked(governor: Governor, folder: Path, node: str, *, memory_mb: int = 1769, options: str = "") -> Any:
    variables = (("NODE_OPTIONS", options),) if options else ()
    command = NODE.command(node)
    spec = WorkerSpec(
        "function", "index.handler", "nodejs", command, folder, memory_mb, 60.0, environment=variables, throttled=False
    )
    with ExecutionEnvironment(spec, governor) as environment:
        return environment.invoke(b"{}")


def returned(result: LocalInvocationResult) -> Any:
    assert result.error is None, result.error
    return json.loads(result.payload)


def test_garbage_of_a_handler_is_collected_within_its_memory_size(
    tmp_path: Path, governor: Governor, node: str
) -> None:
    (tmp_path / "index.js").write_text(ROWS)
    result = invoked(governor, tmp_path, node, memory_mb=128)
    assert returned(result) == 400_000
    assert result.max_memory_used_mb < 115
    large = "--max-semi-space-size=64 --max-old-space-size=4000"
    error = invoked(governor, tmp_path, node, memory_mb=128, options=large).error
    assert error is not None
    assert error.type == "Runtime.OutOfMemory"


def test_node_has_the_heap_of_its_memory_size_unless_the_function_says_otherwise(
    tmp_path: Path, governor: Governor, node: str
) -> None:
    (tmp_path / "index.js").write_text(ABOUT)
    about = returned(invoked(governor, tmp_path, node, memory_mb=1024))
    assert 922 < about.pop("heapMb") < 1150  # old objects, and what V8 adds for young ones by its version
    assert about == {"headerBytes": 81920, "collects": "function", "tuner": []}
    own = returned(invoked(governor, tmp_path, node, memory_mb=1024, options="--max-old-space-size=300"))
    assert 300 < own["heapMb"] < 600


@pytest.mark.parametrize(("held_mb", "outcome"), [(200, Outcome.OUT_OF_MEMORY), (100, Outcome.ERROR)])
def test_node_that_aborts_near_its_memory_size_is_out_of_memory(tmp_path: Path, held_mb: int, outcome: Outcome) -> None:
    """V8 aborts so where the heap is full before the memory is: at 1 GB and above."""
    text = f"exports.handler = async () => {{ const held = Buffer.alloc({held_mb} << 20, 1); process.abort(held); }}"
    (tmp_path / "index.js").write_text(text)
    trial = Trial(0, Configuration(256, architecture() or Architecture.X86_64), 1, 1)
    with open_local(Settings(f"{tmp_path}/index.js:handler")) as backend:
        (sample,) = backend.measure([trial], threading.Event())
    assert [run.outcome for run in sample.invocations] == [outcome]


def test_modules_load_as_lambda_lets_them(tmp_path: Path, governor: Governor, node: str) -> None:
    (tmp_path / "index.js").write_text("exports.handler = async () => require('./module.mjs').number")
    (tmp_path / "module.mjs").write_text("export const number = 7")
    error = invoked(governor, tmp_path, node).error
    assert error is not None
    assert "require() of ES Module" in error.message
    if (NODE.version_of(node) or (0, 0)) >= (20, 17):
        assert returned(invoked(governor, tmp_path, node, options="--experimental-require-module")) == 7

    (tmp_path / "index.js").write_text("export const handler = async () => 7")
    error = invoked(governor, tmp_path, node).error
    assert error is not None
    assert error.type == "Runtime.UserCodeSyntaxError"
