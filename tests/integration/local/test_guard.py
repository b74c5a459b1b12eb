"""No module of the working tree is measured as that of a revision.

NODES may name further programs of Node.js to try, separated by colons.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.local.workers import NODES, returned
from tuner.local.limits.governor import Governor
from tuner.local.worker.environment import ExecutionEnvironment
from tuner.local.worker.runtimes import guard_variables, runtime_of
from tuner.local.worker.spec import LocalInvocationResult, WorkerSpec

needs_node = pytest.mark.skipif(not NODES, reason="there is no Node.js in PATH")


@dataclass(frozen=True)
class Trees:
    """A working tree, and a folder with a revision of it."""

    working: Path
    revision: Path

    def write(self, files: Mapping[str, str]) -> None:
        """Write files by their names below the folder of both."""
        for name, text in files.items():
            place = self.working.parent / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)

    def link_packages(self) -> None:
        """Install a package of the working tree as a workspace does, and let the revision find what is installed."""
        link = self.working / "node_modules" / "@acme" / "shared"
        link.parent.mkdir(parents=True)
        link.symlink_to("../../packages/shared")
        (self.revision / "node_modules").symlink_to(self.working / "node_modules")

    def run(self, governor: Governor, file: str, program: str, **variables: str) -> LocalInvocationResult:
        """Run the handler of a file of the revision."""
        path = self.revision / file
        runtime = runtime_of(path)
        assert runtime
        guard = guard_variables(str(self.working), str(self.revision))
        spec = WorkerSpec(
            name="guarded",
            handler=f"{path.stem}.handler",
            runtime=runtime.family,
            command=runtime.command(program),
            code_dir=path.parent,
            memory_mb=1769,
            timeout_s=30.0,
            environment=(("_TUNER_OWN_LOOP", "1"), *variables.items(), *guard.items()),
            throttled=False,
            folders_above=(self.revision,),
        )
        with ExecutionEnvironment(spec, governor) as environment:
            return environment.invoke(b"{}")

    def refuses(self, result: LocalInvocationResult, file: str) -> bool:
        """Whether a run failed since it would have loaded a file of the working tree."""
        told = f"would be loaded from {self.working}/{file}, which is the working tree and not this revision"
        return result.error is not None and told in result.error.message


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    both = Trees(tmp_path / "working", tmp_path / "revision")
    both.working.mkdir()
    both.revision.mkdir()
    return both


# ---- Node.js

SHARED = "packages/shared/index.js"
ES_PACKAGE = {
    "working/packages/shared/package.json": '{"name": "@acme/shared", "type": "module", "exports": "./index.js"}',
    f"working/{SHARED}": "export const number = 7",
}
COMMON_PACKAGE = {
    "working/packages/shared/package.json": '{"name": "@acme/shared"}',
    f"working/{SHARED}": "exports.number = 7",
}
LOADS: dict[str, tuple[dict[str, str], str, str]] = {
    "require": (COMMON_PACKAGE, "index.js", "const shared = require('@acme/shared'); exports.handler = () => shared"),
    "import": (ES_PACKAGE, "index.mjs", "import '@acme/shared'; export const handler = async () => 1"),
    "import of CommonJS": (COMMON_PACKAGE, "index.mjs", "import '@acme/shared'; export const handler = async () => 1"),
    "require while invoked": (COMMON_PACKAGE, "index.js", "exports.handler = async () => require('@acme/shared')"),
    "import while invoked": (ES_PACKAGE, "index.js", "exports.handler = async () => { await import('@acme/shared') }"),
}


@needs_node
@pytest.mark.parametrize("name", LOADS)
def test_a_package_of_the_working_tree_is_refused(trees: Trees, governor: Governor, node: str, name: str) -> None:
    files, file, text = LOADS[name]
    trees.write({**files, f"revision/services/{file}": text})
    trees.link_packages()
    result = trees.run(governor, f"services/{file}", node)
    assert trees.refuses(result, SHARED), result
    assert result.error is not None
    assert result.error.type == ("Error" if "while invoked" in name else "Runtime.ImportModuleError")


@needs_node
@pytest.mark.parametrize("variable", ["NODE_PATH", "NODE_OPTIONS"])
def test_neither_paths_nor_links_that_stay_lead_around(
    trees: Trees, governor: Governor, node: str, variable: str
) -> None:
    name = "shared" if variable == "NODE_PATH" else "@acme/shared"
    trees.write({**COMMON_PACKAGE, "revision/index.js": f"exports.handler = async () => require('{name}')"})
    trees.link_packages()
    value = str(trees.working / "packages") if variable == "NODE_PATH" else "--preserve-symlinks"
    result = trees.run(governor, "index.js", node, **{variable: value})
    assert trees.refuses(result, SHARED), result
    assert result.error is not None
    assert result.error.message.startswith(f"{name} would be loaded")


@needs_node
def test_installed_packages_and_what_the_revision_links_are_no_part_of_the_working_tree(
    trees: Trees, governor: Governor, node: str
) -> None:
    trees.write(
        {
            "working/node_modules/installed/index.js": "module.exports = require('nested')",
            "working/node_modules/installed/node_modules/nested/index.js": "module.exports = 1",
            "working/node_modules/modern/package.json": '{"type": "module", "exports": "./index.js"}',
            "working/node_modules/modern/index.js": "export default 2",
            "working/services/vendored/index.js": "module.exports = 3",
            "working/tools/node_modules/tool/index.js": "module.exports = 4",
            "revision/own.mjs": "export default Object.keys(process.env).filter((name) => /_TUNER_[CE]/.test(name))",
            "revision/services/index.mjs": """
import installed from 'installed'; import modern from 'modern'; import vendored from './vendored/index.js';
import { createRequire } from 'node:module'; import own from '../own.mjs';
const tool = createRequire(import.meta.url)('tool');
export const handler = async () => [installed, modern, vendored, tool, own];
""",
        }
    )
    (trees.revision / "node_modules").symlink_to(trees.working / "node_modules")
    (trees.revision / "services" / "vendored").symlink_to(trees.working / "services" / "vendored")
    tools = str(trees.working / "tools" / "node_modules")
    assert returned(trees.run(governor, "services/index.mjs", node, NODE_PATH=tools)) == [1, 2, 3, 4, []]


@needs_node
@pytest.mark.parametrize("file", ["index.js", "index.mjs"])
def test_a_revision_may_lie_in_the_working_tree(trees: Trees, governor: Governor, node: str, file: str) -> None:
    inside = Trees(trees.working, trees.working / "tmp" / "revision")
    inside.write(
        {
            "working/tmp/revision/index.js": "exports.handler = async () => require('./part/one.js')",
            "working/tmp/revision/index.mjs": "import one from './part/one.js'; export const handler = async () => one",
            "working/tmp/revision/part/one.js": "module.exports = 1",
        }
    )
    assert returned(inside.run(governor, file, node)) == 1


# ---- Python


def test_a_python_module_of_the_working_tree_is_refused(trees: Trees, governor: Governor) -> None:
    trees.write({"working/lib/shared.py": "", "revision/app.py": "import shared"})
    result = trees.run(governor, "app.py", sys.executable, PYTHONPATH=str(trees.working / "lib"))
    assert trees.refuses(result, "lib/shared.py"), result


def test_python_modules_of_a_revision_in_the_working_tree_are_its_own(trees: Trees, governor: Governor) -> None:
    inside = Trees(trees.working, trees.working / "tmp" / "revision")
    inside.write(
        {
            "working/tmp/revision/shared.py": "NUMBER = 7",
            "working/tmp/revision/app.py": "import shared\ndef handler(event, context): return shared.NUMBER",
        }
    )
    assert returned(inside.run(governor, "app.py", sys.executable)) == 7


def test_the_library_of_an_interpreter_in_the_working_tree_belongs_to_no_revision(
    trees: Trees, governor: Governor
) -> None:
    """As in an environment of conda, whose standard library lies in its folder."""
    library = Path(os.__file__).parent
    left_out = shutil.ignore_patterns("site-packages", "test", "idlelib", "config-*", "__pycache__", "ensurepip", "*.a")
    home = trees.working / "env"
    shutil.copytree(library, home / "lib" / library.name, ignore=left_out)
    text = """
import datetime, math, os, sysconfig, zoneinfo
def handler(event, context):
    told = [name for name in os.environ if name in ("_TUNER_EXCLUDED", "_TUNER_CHECKOUT")]
    return [datetime.__file__, sysconfig.__file__, told]
"""
    trees.write({"revision/app.py": text})
    interpreter = os.path.realpath(sys.executable)
    found = returned(trees.run(governor, "app.py", interpreter, PYTHONHOME=str(home)))
    assert found == [f"{home}/lib/{library.name}/datetime.py", f"{home}/lib/{library.name}/sysconfig.py", []]
    trees.write({"working/env/lib/own.py": "", "revision/app.py": "import own"})
    paths = {"PYTHONHOME": str(home), "PYTHONPATH": str(home / "lib")}
    assert trees.refuses(trees.run(governor, "app.py", interpreter, **paths), "env/lib/own.py")
