"""What exists is valid, and an invocation knows what it stands for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tuner.model import (
    Architecture,
    Configuration,
    FunctionError,
    Invocation,
    Objective,
    Outcome,
    Sample,
    SearchSpace,
    Trial,
    invocations_of,
)

X86, ARM = Architecture.X86_64, Architecture.ARM64
OK = Invocation(Outcome.OK, "e", duration_ms=10.0, billed_duration_ms=10)


@pytest.mark.parametrize("memory_mb", [127, 10_241, 0, -128])
def test_a_memory_size_outside_of_lambdas_is_refused(memory_mb: int) -> None:
    with pytest.raises(ValueError, match=str(memory_mb)):
        Configuration(memory_mb, X86)


def test_configurations_are_ordered_by_memory_first() -> None:
    assert sorted([Configuration(256, ARM), Configuration(128, X86), Configuration(128, ARM)]) == [
        Configuration(128, ARM),
        Configuration(128, X86),
        Configuration(256, ARM),
    ]


def test_a_cold_start_is_told_by_init_or_restore_and_never_by_its_duration() -> None:
    assert not replace(OK, duration_ms=9e5).cold
    assert replace(OK, init_duration_ms=0.0).cold
    assert replace(OK, restore_duration_ms=3.0).start_ms == 3.0
    assert replace(OK, init_duration_ms=4.0, restore_duration_ms=3.0).start_ms == 4.0


@pytest.mark.parametrize(
    ("invocation", "usable"),
    [
        (OK, True),
        (replace(OK, duration_ms=0.0, billed_duration_ms=0), True),
        (replace(OK, outcome=Outcome.ERROR), False),
        (replace(OK, outcome=Outcome.ERROR, allowed=True), True),
        (replace(OK, outcome=Outcome.TIMEOUT, allowed=True), False),
        (replace(OK, outcome=Outcome.OUT_OF_MEMORY), False),
        (replace(OK, duration_ms=None), False),
        (replace(OK, billed_duration_ms=None), False),
        (Invocation(Outcome.NO_REPORT, "e"), False),
    ],
)
def test_only_the_measured_duration_of_a_normal_run_is_usable(invocation: Invocation, usable: bool) -> None:
    assert invocation.usable is usable


def test_what_was_throttled_or_refused_never_ran() -> None:
    assert {outcome for outcome in Outcome if not Invocation(outcome).ran} == {Outcome.THROTTLED, Outcome.REFUSED}


def test_a_trial_asks_for_at_least_one_run() -> None:
    assert Trial(0, Configuration(128, X86), 3, 4).invocations == 12
    for environments, runs in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="at least one"):
            Trial(0, Configuration(128, X86), environments, runs)


@pytest.mark.parametrize("sizes", [(), (256, 128), (128, 128), (64, 128), (128, 20_000)])
def test_a_search_space_is_sorted_and_within_lambdas_sizes(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):
        SearchSpace(sizes, (X86,))


def test_a_range_holds_what_is_between_its_nodes_and_a_list_does_not() -> None:
    between = Configuration(200, X86)
    assert between in SearchSpace((128, 256), (X86,))
    assert between not in SearchSpace((128, 256), (X86,), listed=True)
    assert Configuration(200, ARM) not in SearchSpace((128, 256), (X86,))
    assert Configuration(257, X86) not in SearchSpace((128, 256), (X86,))
    assert "200 MB" not in SearchSpace((128, 256), (X86,))


@pytest.mark.parametrize(
    "values",
    [{"balanced_weight": 1.1}, {"tolerance": 0}, {"cold_start_share": -0.1}, {"balanced_weight": float("nan")}],
)
def test_an_objective_outside_of_its_bounds_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is not within"):
        Objective(**values)  # type: ignore[arg-type]


def test_invocations_are_grouped_by_configuration_in_the_order_they_came() -> None:
    small, large = Configuration(128, X86), Configuration(256, X86)
    first, second, third = (replace(OK, request_id=name) for name in "abc")
    grouped = invocations_of([Sample(0, small, (first,)), Sample(1, large, (second,)), Sample(2, small, (third,))])
    assert grouped == {small: [first, third], large: [second]}


def test_a_functions_error_can_be_written_as_utf_8_whatever_it_held() -> None:
    error = FunctionError("Ty\ud800pe", "cut emoji \ud83d", ("at \udc00",))
    for text in (error.type, error.message, *error.stack):
        assert text.encode()
    assert FunctionError("TypeError", "ünïcode 😀").message == "ünïcode 😀"
