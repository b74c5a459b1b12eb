"""A log that holds several functions is taken apart by name, and told where nothing names them."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tuner
from tests.unit.evidence.logs import BEGIN_S, Run, live, plain, tailed
from tuner.api.advising import advise_log
from tuner.aws.changes.markers import CopyMarker, VersionMarker
from tuner.evidence.advice import Advice, advise_on_rows
from tuner.evidence.findings import FindingCode
from tuner.evidence.logs.log_functions import LEAST_TURNS, by_function, function_of, turns_of_sizes
from tuner.evidence.logs.log_rows import read_log
from tuner.evidence.logs.test_calls import NONE, without_test_calls
from tuner.model import Architecture, Configuration
from tuner.pricing.price_list import price_list

PRICES, X86 = price_list("us-east-1"), Architecture.X86_64


def runs_of(
    function: str, memory_mb: int, *, count: int = 40, first_s: float = 0.0, version: str = "$LATEST"
) -> list[Run]:
    stream = f"2026/11/02/{function}[{version}]a1" if function else f"2026/11/02/[{version}]{memory_mb}"
    return [
        Run(f"{function}-{memory_mb}-{n}", 100.0 + n % 7, first_s + 60.0 * n + memory_mb / 1000, stream, memory_mb)
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("stream", "group", "function"),
    [
        ("2026/11/02/[$LATEST]a1", "/aws/lambda/orders", "orders"),
        ("2026/11/02/[$LATEST]a1", "123456789012:/aws/lambda/orders", "orders"),
        ("", "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/orders:*", "orders"),
        ("2026/11/02/orders[7]a1", "everything", "orders"),
        ("2026/11/02/[7]a1", "everything", ""),
        ("2026/11/02/[7]a1", "", ""),
        ("", "", ""),
    ],
)
def test_the_log_group_or_the_stream_of_a_shared_group_names_the_function(
    stream: str, group: str, function: str
) -> None:
    assert function_of(stream, group) == function


@pytest.mark.parametrize("export", [tailed, live])
def test_each_function_of_a_log_has_its_own_advice(export) -> None:  # type: ignore[no-untyped-def]
    text = export([*runs_of("orders", 512), *runs_of("invoices", 1024, count=30)])
    found = advise_log(io.StringIO(text), prices=price_list)
    assert {
        (advice.function, advice.current.memory_mb, advice.evidence.runs) for advice in found if advice.evidence
    } == {
        ("orders", 512, 40),
        ("invoices", 1024, 30),
    }


def test_a_function_that_is_named_has_its_own_runs_alone_and_the_others_are_told() -> None:
    text = tailed([*runs_of("orders", 512), *runs_of("invoices", 1024, count=30)])
    advice = tuner.advise(io.StringIO(text), function="orders", prices=price_list)
    assert advice.evidence.runs == 40
    (told,) = (finding for finding in advice.findings if finding.code is FindingCode.MIXED_LOG)
    assert told.evidence == "40 runs of orders count, with 30 other runs left out."


def test_several_functions_need_a_name_where_one_is_asked_for() -> None:
    text = tailed([*runs_of("orders", 512), *runs_of("invoices", 1024)])
    with pytest.raises(tuner.InputError, match="invoices, orders"):
        tuner.advise(io.StringIO(text), prices=price_list)
    with pytest.raises(tuner.InputError, match="none of users"):
        tuner.advise(io.StringIO(text), function="users", prices=price_list)


def test_the_only_function_that_a_log_names_has_all_its_runs() -> None:
    rows = read_log(tailed([*runs_of("orders", 512), *runs_of("", 512, first_s=30.0)])).rows
    (found,) = by_function(rows).items()
    assert found == ("orders", rows)


def test_test_calls_of_copies_in_the_log_of_their_function_count_for_nothing() -> None:
    users = runs_of("", 512)
    made = [VersionMarker("20261102t080000z-3f2a9c", Configuration(size, X86), 1) for size in (256, 512, 1024)]
    copies = [run for one in made for run in runs_of(CopyMarker(one, "orders").name, one.configuration.memory_mb)]
    with_them, without = (
        tuner.advise(io.StringIO(tailed(runs)), function="orders", prices=price_list)
        for runs in ([*users, *copies], users)
    )
    assert with_them.document() == without.document()


def test_a_log_of_test_calls_alone_says_so() -> None:
    copy = CopyMarker(VersionMarker("20261102t080000z-3f2a9c", Configuration(512, X86), 1), "orders").name
    text = tailed(runs_of(copy, 512))
    for read in (tuner.advise, lambda log, **options: tuner.concurrency(logs=log, cold_share=0.01, **options)):
        with pytest.raises(tuner.InputError, match="holds no requests, but 40 test calls of `tuner tune` alone"):
            read(io.StringIO(text), prices=price_list)


def tuning(first_version: int = 7, *, sizes: tuple[int, ...] = (256, 512, 1024), first_s: float = 600.0) -> list[Run]:
    """What a tuning with versions leaves in the log: a version of each size, six runs each."""
    return [
        run
        for number, memory_mb in enumerate(sizes, first_version)
        for run in runs_of("", memory_mb, count=6, first_s=first_s, version=str(number))
    ]


def findings_on(runs: list[Run]) -> tuple[Advice, list[str]]:
    """Advice on the runs of one function, and what it says of test calls."""
    advice = advise_on_rows("orders", read_log(tailed(runs)).rows, PRICES)
    assert advice is not None
    return advice, [finding.evidence for finding in advice.findings if finding.code is FindingCode.TEST_CALLS]


def test_runs_that_look_like_a_tuning_with_versions_are_left_out_and_told() -> None:
    advice, (told,) = findings_on([*runs_of("", 512), *tuning(), *tuning(10, first_s=90_000.0)])
    assert advice.evidence is not None
    assert (advice.current.memory_mb, advice.evidence.runs, advice.evidence.other_sizes) == (512, 40, {})
    assert told.startswith("36 runs of 6 versions at 3 memory sizes came within hours")
    assert "They are left out." in told


def test_a_log_that_holds_nothing_but_a_tuning_counts_and_says_so() -> None:
    advice, (told,) = findings_on(tuning())
    assert advice.evidence is not None
    assert advice.evidence.runs + sum(advice.evidence.other_sizes.values()) == 18
    assert "They count" in told


def test_versions_that_the_function_still_has_are_of_no_tuning() -> None:
    rows = read_log(tailed([*runs_of("", 512), *tuning()])).rows
    assert without_test_calls(rows, {"$LATEST", "7"}) == (rows, NONE)


@pytest.mark.parametrize(
    "runs",
    [
        tuning(sizes=(512, 512, 512, 1024)),
        [run for day in range(3) for run in tuning(7 + day, sizes=(256 << day,), first_s=86_400.0 * day)],
        [run for day in range(2) for run in tuning(first_s=86_400.0 * day)],
    ],
    ids=["a release at two sizes", "a size a day", "versions that users invoke every day"],
)
def test_versions_that_users_invoke_are_no_tuning(runs: list[Run]) -> None:
    rows = read_log(tailed([*runs_of("", 512), *runs])).rows
    assert without_test_calls(rows) == (rows, NONE)


def test_sizes_that_take_turns_are_told_and_only_those_of_the_newest_count() -> None:
    rows = read_log(tailed([*runs_of("", 512), *runs_of("", 1024)])).rows
    advice = advise_on_rows("orders", rows, PRICES)
    assert advice is not None
    assert advice.evidence is not None
    assert advice.findings[0].code is FindingCode.MIXED_LOG
    assert (advice.evidence.runs, advice.evidence.other_sizes) == (40, {})


@pytest.mark.parametrize("changes", [1, 2, 5])
def test_a_size_that_was_changed_now_and_then_is_of_one_function(changes: int) -> None:
    runs = [run for n in range(changes + 1) for run in runs_of("", (512, 1024)[n % 2], first_s=5000.0 * n)]
    assert turns_of_sizes(read_log(tailed(runs)).rows) == 0


def test_versions_of_several_sizes_may_run_side_by_side() -> None:
    runs = [*runs_of("", 512, version="7"), *runs_of("", 1024, version="8")]
    assert turns_of_sizes(read_log(tailed(runs)).rows) == 0


def test_sizes_without_times_take_turns_in_the_order_of_the_lines() -> None:
    both = [run for pair in zip(runs_of("", 512), runs_of("", 1024), strict=True) for run in pair]
    assert turns_of_sizes(read_log(plain(both)).rows) == 2 * 40 - 1


@given(st.lists(st.sampled_from([128, 512, 2048]), max_size=LEAST_TURNS + 1))
def test_few_runs_are_never_said_to_be_mixed(sizes: list[int]) -> None:
    runs = [Run(f"r{n}", 100.0, 60.0 * n, memory_mb=size) for n, size in enumerate(sizes)]
    assert turns_of_sizes(read_log(tailed(runs)).rows) == 0


@given(st.text())
def test_any_group_is_read_without_an_error(group: str) -> None:
    text = json.dumps({"logGroup": group, "logEvents": [{"timestamp": 1000 * BEGIN_S, "message": Run("a").text()}]})
    (row,) = read_log(text).rows
    assert row.function == function_of("", group)
