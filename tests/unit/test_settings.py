"""From settings and what can be measured to the search space, the sampler and the request."""

from __future__ import annotations

import itertools
import json
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.studies import ARM, PRICES, X86
from tuner.documents.input import decode_input
from tuner.documents.request import request_document
from tuner.errors import InputError
from tuner.model import BackendKind, Configuration, Constraints, FunctionIdentity, Objective
from tuner.payloads import Payload, Payloads
from tuner.search.grid import GridSampler
from tuner.search.registry import make_sampler
from tuner.search.setup import make_study
from tuner.search.space import left_out, memory_nodes, search_space
from tuner.settings import MemorySizes, Settings

BOTH = FunctionIdentity("f", BackendKind.SIMULATED, architectures=(X86, ARM), current=Configuration(700, X86))
CAPPED = FunctionIdentity("f", BackendKind.SIMULATED, architectures=(ARM,), max_memory_mb=3008)


def settings_of(**values: Any) -> Settings:
    return Settings("f", **values)


def test_listed_sizes_are_the_space_and_those_above_the_cap_are_left_out() -> None:
    space = search_space(settings_of(memory=MemorySizes(listed=(512, 3008, 4096))), CAPPED)
    assert space.memory_sizes_mb == (512, 3008)
    assert space.listed


def test_all_is_every_64_mb_up_to_the_cap() -> None:
    space = search_space(settings_of(memory=MemorySizes(every_64=True)), CAPPED)
    assert space.memory_sizes_mb == tuple(range(128, 3009, 64))


def test_a_grid_without_sizes_measures_those_of_the_peer() -> None:
    space = search_space(settings_of(sampler="grid"), BOTH)
    assert space.memory_sizes_mb == (128, 256, 512, 1024, 1536, 3008)
    assert space.listed


def test_a_grid_over_a_range_without_any_of_the_peers_sizes_measures_its_ends() -> None:
    space = search_space(settings_of(sampler="grid", memory=MemorySizes(low_mb=1600, high_mb=2800)), BOTH)
    assert space.memory_sizes_mb == (1600, 2800)


def test_a_range_holds_the_size_in_use_and_is_open_between_its_nodes() -> None:
    space = search_space(settings_of(memory=MemorySizes(low_mb=128, high_mb=3008)), BOTH)
    assert not space.listed
    assert {128, 700, 1769, 3008} <= set(space.memory_sizes_mb)


def test_the_current_architecture_is_the_first_that_can_be_measured() -> None:
    assert search_space(settings_of(), CAPPED).architectures == (ARM,)
    assert search_space(settings_of(), BOTH).architectures == (X86,)
    assert search_space(settings_of(architectures=(ARM, X86)), CAPPED).architectures == (ARM,)


@pytest.mark.parametrize(
    "settings",
    [
        settings_of(memory=MemorySizes(listed=(4096, 8192))),
        settings_of(memory=MemorySizes(low_mb=4096, high_mb=8192)),
        settings_of(memory=MemorySizes(low_mb=4096, high_mb=8192), sampler="grid"),
        settings_of(memory=MemorySizes(low_mb=4096, high_mb=8192, every_64=True)),
    ],
)
def test_a_space_without_a_size_is_bad_input_and_says_what_is_allowed(settings: Settings) -> None:
    with pytest.raises(InputError, match="128 to 3,008 MB") as caught:
        search_space(settings, CAPPED)
    assert [fault.path for fault in caught.value.faults] == ["$.powerValues"]


@pytest.mark.parametrize("memory", [MemorySizes(listed=(256, 1024)), MemorySizes(high_mb=1024), MemorySizes()])
def test_a_smallest_memory_above_every_size_is_bad_input_before_anything_runs(memory: MemorySizes) -> None:
    least_mb = min(memory.high_mb, 3008) if memory.listed is None else 1024
    for too_much, refused in ((0, False), (1, True)):
        objective = Objective(constraints=Constraints(min_memory_mb=least_mb + too_much))
        with pytest.raises(InputError, match=f"{least_mb:,} MB at most") if refused else nullcontext():
            search_space(settings_of(memory=memory, objective=objective), CAPPED)


def test_an_architecture_that_cannot_be_measured_is_told_as_such_beside_sizes_that_cannot() -> None:
    with pytest.raises(InputError, match="use arm64") as caught:
        search_space(settings_of(architectures=(X86,)), CAPPED)
    assert [fault.path for fault in caught.value.faults] == ["$.architectures"]
    with pytest.raises(InputError) as caught:
        search_space(settings_of(architectures=(X86,), memory=MemorySizes(listed=(4096,))), CAPPED)
    assert [fault.path for fault in caught.value.faults] == ["$.powerValues", "$.architectures"]


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        (settings_of(memory=MemorySizes(listed=(512, 4096, 8192))), "4,096, 8,192"),
        (settings_of(memory=MemorySizes(every_64=True)), "2,001 to 10,240"),
        (settings_of(), "2,001 to 10,240"),
        (settings_of(memory=MemorySizes(low_mb=128, high_mb=5000)), "2,001 to 5,000"),
        (settings_of(sampler="grid"), "3,008"),
    ],
)
def test_sizes_above_what_can_be_measured_are_said_however_they_were_asked_for(settings: Settings, sizes: str) -> None:
    (notice,) = left_out(settings, FunctionIdentity("f", BackendKind.LOCAL, max_memory_mb=2000))
    assert notice.message == f"More than 2,000 MB cannot be measured here: {sizes} MB are left out."


def test_nothing_is_said_to_be_left_out_where_all_is_measured() -> None:
    assert left_out(settings_of(memory=MemorySizes(low_mb=128, high_mb=3008)), CAPPED) == []
    (notice,) = left_out(settings_of(memory=MemorySizes(listed=(512,)), architectures=(ARM, X86)), CAPPED)
    assert notice.code == "architecture_left_out"


@given(st.integers(128, 10_240), st.integers(128, 10_240))
def test_nodes_of_a_range_are_sorted_hold_its_ends_and_leave_no_wide_gap(one: int, other: int) -> None:
    low, high = sorted((one, other))
    nodes = memory_nodes(low, high)
    assert nodes == sorted(set(nodes))
    assert (nodes[0], nodes[-1]) == (low, high)
    assert all(b / a <= 1.13 for a, b in itertools.pairwise(nodes))


def test_cold_starts_only_reach_the_grid() -> None:
    sampler = make_sampler(settings_of(sampler="grid", runs=7, environments=3, only_cold_starts=True))
    assert sampler == GridSampler(7, 3, fresh=True)
    assert make_sampler(settings_of()).name == "adaptive"


def test_the_study_gets_what_the_settings_say() -> None:
    settings = decode_input({"lambdaARN": "f", "num": 4, "seed": 3, "budget": {"maxInvocations": 9}, "environments": 5})
    study = make_study(settings, BOTH, PRICES)
    assert (study.seed, study.environments, study.budget.max_invocations) == (3, 5, 9)
    assert study.current == BOTH.current


def test_the_request_tells_payloads_apart_without_holding_any_of_them() -> None:
    def request(*bodies: bytes, **values: Any) -> dict[str, Any]:
        payloads = Payloads(tuple(Payload(body) for body in bodies))
        settings = settings_of(payloads=payloads, **values)
        return request_document(settings, search_space(settings, BOTH))

    one, other = request(b'"hunter2"'), request(b'"hunter3"')
    assert "hunter" not in json.dumps(one)
    assert one["payload"]["sha256"] != other["payload"]["sha256"]
    assert request(b"ab", b"c")["payload"]["sha256"] != request(b"a", b"bc")["payload"]["sha256"]
    assert request(b'"hunter2"', disable_payload_logs=True)["payload"] is None
