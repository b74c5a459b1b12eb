"""The arrows of docs/architecture.md point down: what each package may import, and what the core may not do."""

from __future__ import annotations

import ast
import functools
import graphlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("tuner", "statemachine", "reports")
ROOMS = (
    "tuner.pricing",
    "tuner.estimation.cpu_quota",
    "tuner.estimation.failures",
    "tuner.estimation",
    "tuner.search",
    "tuner.documents",
    "tuner.comparison.statistics",
    "tuner.comparison.duets",
    "tuner.comparison",
    "tuner.evidence",
    "tuner.workflows.tradeoffs",
    "tuner.workflows",
    "tuner.watch",
    "tuner.projects",
    "tuner.simulated",
    "tuner.aws.api",
    "tuner.aws.changes",
    "tuner.aws.measure",
    "tuner.aws.evidence",
    "tuner.aws",
    "tuner.local.limits",
    "tuner.local.worker",
    "tuner.local",
    "reports.words",
    "reports.charts",
    "reports",
    "tuner.api.fleets",
    "tuner.api.write_back",
    "tuner.api",
    "tuner.cli.commands.measure",
    "tuner.cli.commands.evidence",
    "tuner.cli.commands.results",
    "tuner.cli.commands.changes",
    "tuner.cli.commands.reference",
    "tuner.cli.commands",
    "tuner.cli",
    "statemachine.handlers",
    "statemachine.fleet",
    "statemachine.watch",
    "statemachine",
)
"""Every package, the innermost first; a module in none of them belongs to the root of `tuner`."""

CORE_ROOMS = {
    "root",
    "tuner.pricing",
    "tuner.estimation.cpu_quota",
    "tuner.estimation.failures",
    "tuner.estimation",
    "tuner.search",
    "tuner.documents",
    "tuner.comparison.statistics",
    "tuner.comparison.duets",
    "tuner.comparison",
    "tuner.evidence",
    "tuner.workflows.tradeoffs",
    "tuner.workflows",
    "tuner.watch",
}

FRONT = CORE_ROOMS | {
    "tuner.projects",
    "tuner.simulated",
    "tuner.aws.api",
    "tuner.aws.changes",
    "tuner.aws.measure",
    "tuner.aws.evidence",
    "tuner.aws",
    "tuner.local.limits",
    "tuner.local.worker",
    "tuner.local",
    "reports.words",
    "reports.charts",
    "reports",
}

MAY_IMPORT: dict[str, set[str]] = {
    "root": {"root"},
    "tuner.pricing": {"root"},
    "tuner.estimation.cpu_quota": {"root"},
    "tuner.estimation.failures": {"root"},
    "tuner.estimation": {"root", "tuner.pricing", "tuner.estimation.cpu_quota", "tuner.estimation.failures"},
    "tuner.search": {"root", "tuner.pricing", "tuner.estimation", "tuner.estimation.failures"},
    "tuner.documents": {"root", "tuner.pricing", "tuner.estimation", "tuner.estimation.failures", "tuner.search"},
    "tuner.comparison.statistics": {"root"},
    "tuner.comparison": CORE_ROOMS
    - {"tuner.workflows", "tuner.workflows.tradeoffs", "tuner.watch", "tuner.evidence", "tuner.comparison.duets"},
    "tuner.comparison.duets": CORE_ROOMS
    - {"tuner.workflows", "tuner.workflows.tradeoffs", "tuner.watch", "tuner.evidence"},
    "tuner.evidence": {"root", "tuner.pricing", "tuner.estimation", "tuner.search", "tuner.documents"},
    "tuner.workflows.tradeoffs": set(),
    "tuner.workflows": {
        "root",
        "tuner.pricing",
        "tuner.estimation",
        "tuner.search",
        "tuner.documents",
        "tuner.workflows.tradeoffs",
    },
    "tuner.watch": {"root", "tuner.evidence"},
    "tuner.projects": {"root"},
    "tuner.simulated": CORE_ROOMS,
    "tuner.aws.api": CORE_ROOMS,
    "tuner.aws.changes": CORE_ROOMS | {"tuner.aws.api"},
    "tuner.aws.measure": CORE_ROOMS | {"tuner.aws.api", "tuner.aws.changes"},
    "tuner.aws.evidence": CORE_ROOMS | {"tuner.aws.api"},
    "tuner.aws": CORE_ROOMS | {"tuner.aws.api", "tuner.aws.changes", "tuner.aws.measure", "tuner.aws.evidence"},
    "tuner.local.limits": CORE_ROOMS,
    "tuner.local.worker": CORE_ROOMS | {"tuner.local.limits"},
    "tuner.local": CORE_ROOMS | {"tuner.projects", "tuner.local.limits", "tuner.local.worker"},
    "reports.words": CORE_ROOMS,
    "reports.charts": CORE_ROOMS | {"reports.words"},
    "reports": CORE_ROOMS | {"reports.words", "reports.charts"},
    "tuner.api": FRONT,
    "tuner.api.fleets": FRONT | {"tuner.api"},
    "tuner.api.write_back": FRONT | {"tuner.api"},
    "tuner.cli": FRONT | {"tuner.api", "tuner.api.fleets", "tuner.api.write_back"},
    "tuner.cli.commands": FRONT | {"tuner.api", "tuner.cli"},
    "tuner.cli.commands.measure": FRONT | {"tuner.api", "tuner.api.fleets", "tuner.cli"},
    "tuner.cli.commands.evidence": FRONT | {"tuner.api", "tuner.api.fleets", "tuner.cli"},
    "tuner.cli.commands.results": FRONT | {"tuner.api", "tuner.cli"},
    "tuner.cli.commands.changes": FRONT | {"tuner.api", "tuner.api.write_back", "tuner.cli"},
    "tuner.cli.commands.reference": FRONT | {"tuner.api", "tuner.cli"},
    "statemachine": FRONT | {"tuner.api"},
    "statemachine.fleet": FRONT,
    "statemachine.watch": FRONT | {"statemachine", "statemachine.fleet"},
    "statemachine.handlers": FRONT | {"tuner.api", "statemachine", "statemachine.fleet", "statemachine.watch"},
}
"""For each package, the packages beside itself that it may import."""

HOME = {
    "boto3": ("tuner.aws",),
    "botocore": ("tuner.aws",),
    "s3transfer": ("tuner.aws",),
    "click": ("tuner.cli",),
    "rich": ("tuner.cli",),
    "mcp": ("tuner.cli.assistant",),
    "jinja2": ("reports",),
    "markupsafe": ("reports",),
    "jsonschema": ("tuner.documents.validation",),
    "psutil": ("tuner.local",),
    "yaml": ("tuner.projects",),
    "scipy": ("tuner.estimation", "tuner.search", "tuner.comparison"),
    "threadpoolctl": ("tuner.estimation.threads",),
}
"""For each library that has one, the only places that may import it."""

NOT_IN_THE_CORE = frozenset(
    [
        "asyncio",
        "concurrent",
        "ctypes",
        "glob",
        "http",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "select",
        "shutil",
        "signal",
        "socket",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "time",
        "urllib.request",
        "uuid",
        "secrets",
    ]
)
"""Modules of the standard library that act on the world, read its clock or its environment."""
NOT_CALLED_IN_THE_CORE = frozenset(["open", "print", "input", "breakpoint", "exec", "eval"])
CLOCKS = frozenset({"now", "utcnow", "today"})


@functools.cache
def modules() -> dict[str, Path]:
    """The file of every module of the distribution, by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if any(part.startswith(".") for part in parts):
                continue
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache
def syntax(name: str) -> ast.Module:
    """What a module says, parsed."""
    return ast.parse(modules()[name].read_text("utf-8"), str(modules()[name]))


@functools.cache
def imports(name: str) -> frozenset[str]:
    """Dotted names that a module imports, anywhere in it, for types too."""
    found: set[str] = set()
    for node in ast.walk(syntax(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def is_within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places)


def room_of(name: str) -> str:
    if name == "tuner.__main__":
        return "tuner.cli"
    if name == "tuner":
        return "tuner.api"  # the public face, which names what is below when it is asked for
    return next((room for room in ROOMS if is_within(name, (room,))), "root")


CORE = sorted(name for name in modules() if room_of(name) in CORE_ROOMS)


def test_a_module_imports_only_what_lies_below_it() -> None:
    found = {f"{name} imports {module}" for name in modules() for module in imported_from_above(name)}
    assert found == set()


def imported_from_above(name: str) -> set[str]:
    """What a module imports that its package may not."""
    below = MAY_IMPORT[room_of(name)] | {room_of(name)}
    own = {found for found in imports(name) if is_within(found, PACKAGES)} - {"tuner", "tuner.__version__"}
    homes = {found: found if found in modules() else found.rpartition(".")[0] for found in own}
    return {found for found, home in homes.items() if room_of(home) not in below}


def test_the_allowed_arrows_form_no_circle() -> None:
    graphlib.TopologicalSorter({room: below - {room} for room, below in MAY_IMPORT.items()}).prepare()


def test_the_rule_names_only_what_exists() -> None:
    rooms = {room_of(name) for name in modules()}
    assert set(MAY_IMPORT) == rooms
    assert {place for places in HOME.values() for place in places if place not in modules()} == set()


@pytest.mark.parametrize("room", ROOMS)
def test_a_package_has_at_most_fifteen_modules_side_by_side(room: str) -> None:
    beside = [name for name in modules() if name.rpartition(".")[0] == room and name not in ROOMS]
    assert len(beside) <= 15, sorted(beside)


def test_no_handler_of_the_state_machine_knows_another() -> None:
    handlers = {name for name in modules() if is_within(name, ("statemachine.handlers",))}
    assert {name for name in handlers if handlers & imports(name)} == set()


@pytest.mark.parametrize("library", sorted(HOME))
def test_a_library_is_imported_in_its_own_place_alone(library: str) -> None:
    users = {name for name in modules() if any(is_within(imported, (library,)) for imported in imports(name))}
    assert {name for name in users if not is_within(name, HOME[library])} == set()


def test_the_core_imports_nothing_that_acts() -> None:
    acting = tuple(NOT_IN_THE_CORE)
    assert {(name, found) for name in CORE for found in imports(name) if is_within(found, acting)} == set()


def test_the_core_opens_nothing_reads_no_clock_and_draws_from_seeds_alone() -> None:
    calls = [(name, node) for name in CORE for node in ast.walk(syntax(name)) if isinstance(node, ast.Call)]
    assert {f"{name}:{node.lineno} calls {ast.unparse(node.func)}" for name, node in calls if acts(node)} == set()


def acts(node: ast.Call) -> bool:
    """Whether a call opens, reads a clock, or draws without a seed."""
    called = ast.unparse(node.func)
    last = called.rpartition(".")[2]
    if called == "random.Random" or last == "default_rng":
        return not (node.args or node.keywords)
    drawn = re.fullmatch(r"(np\.|numpy\.)?random\.\w+", called)
    return called in NOT_CALLED_IN_THE_CORE or last in CLOCKS or drawn is not None


STANDALONE = ("tuner.local.worker.runtime",)
"""Scripts that run in the handler's own interpreter, where nothing of the package can be imported."""


def test_no_two_classes_share_a_name() -> None:
    homes: dict[str, list[str]] = {}
    for name in modules():
        if not is_within(name, STANDALONE):
            for node in syntax(name).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    homes.setdefault(node.name, []).append(name)
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}
