"""Node.js is started as Lambda's managed runtimes start it."""

from __future__ import annotations

import pytest

from tuner.local.worker.node_options import node_options
from tuner.local.worker.runtimes import PYTHON, command_at

REQUIRE, DETECT = "--no-experimental-require-module", "--no-experimental-detect-module"


@pytest.mark.parametrize(
    ("version", "memory_mb", "semi_mb", "old_mb"),
    [
        ((18, 20), 128, 6, 116),
        ((18, 20), 1024, 51, 922),
        ((20, 20), 128, 2, 116),
        ((20, 20), 1024, 17, 922),  # as users saw it in Lambda
        ((24, 1), 10240, 170, 9216),
        (None, 1769, 29, 1593),
        ((24, 1), 16, 1, 15),
    ],
)
def test_the_heap_has_nine_tenths_of_the_memory_size_and_a_twentieth_for_young_objects(
    version: tuple[int, int] | None, memory_mb: int, semi_mb: int, old_mb: int
) -> None:
    assert node_options(version, memory_mb, {})[:4] == (
        "--expose-gc",
        "--max-http-header-size=81920",
        f"--max-semi-space-size={semi_mb}",
        f"--max-old-space-size={old_mb}",
    )


@pytest.mark.parametrize("given", ["--max-old-space-size=400", "--no-warnings --max_semi_space_size=8"])
def test_what_a_function_says_of_its_heap_is_left_to_it(given: str) -> None:
    assert not any("space-size" in option for option in node_options((22, 1), 128, {"NODE_OPTIONS": given}))


@pytest.mark.parametrize(
    ("version", "off"),
    [
        ((18, 20), []),
        ((20, 16), []),
        ((20, 17), [REQUIRE]),
        ((22, 0), [REQUIRE, DETECT]),
        ((24, 22), [REQUIRE]),
        (None, []),
    ],
)
def test_features_that_lambda_switches_off_are_off_where_node_knows_them(
    version: tuple[int, int] | None, off: list[str]
) -> None:
    assert [option for option in node_options(version, 128, {}) if "experimental" in option] == off


@pytest.mark.parametrize(
    ("given", "off"),
    [
        ("--experimental-require-module", [DETECT]),
        ("--experimental_detect_module", [REQUIRE]),
        ("--experimental-require-module --experimental-detect-module", []),
        ("--no-experimental-require-module", [REQUIRE, DETECT]),
    ],
)
def test_a_function_switches_features_on_again(given: str, off: list[str]) -> None:
    options = node_options((22, 12), 128, {"NODE_OPTIONS": given})
    assert [option for option in options if "experimental" in option] == off


def test_a_command_that_is_no_loop_of_node_stays_as_it_is() -> None:
    for command in (PYTHON.command(), ("/nowhere/node", "index.js"), ("/var/task/bootstrap",)):
        assert command_at(command, 128, {}) == command
