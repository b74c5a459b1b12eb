"""A size is ruled out for its failures only where it fails more often than others beyond chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.studies import ARM, X86, ran, sample_of
from tuner.estimation.failures.differences import EVIDENCE, chances_to_differ, is_above, rates_elsewhere
from tuner.estimation.failures.error_rates import ErrorRate
from tuner.estimation.failures.exclusions import failed
from tuner.model import Configuration, Invocation, Outcome, Sample

MEMORY_MB = (128, 256, 512, 1024, 1769, 3008)
FUNCTIONS = 200
"""Functions that a share of them is told of."""
counts = st.integers(0, 30).flatmap(lambda runs: st.tuples(st.integers(0, runs), st.just(runs)))
configurations = st.builds(Configuration, st.sampled_from(MEMORY_MB), st.sampled_from([X86, ARM]))
measured = st.dictionaries(configurations, st.builds(lambda told: ErrorRate(*told), counts), max_size=8)


def runs_of(failures: int, runs: int) -> list[Invocation]:
    return [Invocation(Outcome.ERROR, "e", 5.0, 5)] * failures + [ran(10)] * (runs - failures)


def samples_of(rates: Mapping[Configuration, ErrorRate]) -> list[Sample]:
    return [sample_of(c.memory_mb, runs_of(r.failures, r.runs), arch=c.architecture) for c, r in rates.items()]


def excluded_at(shares: Sequence[float], runs: int, rng: np.random.Generator) -> list[int]:
    """The places of the sizes that are ruled out, of a function that fails in these shares of its runs."""
    told = [ErrorRate(int(rng.binomial(runs, share)), runs) for share in shares]
    sizes = [Configuration(memory_mb, X86) for memory_mb in MEMORY_MB]
    return [sizes.index(c) for c in failed(samples_of(dict(zip(sizes, told, strict=True))))]


@pytest.mark.parametrize("share", [0.03, 0.1, 0.3, 0.875])
@pytest.mark.parametrize("runs", [3, 8, 20])
def test_few_functions_that_fail_alike_at_every_size_have_one_ruled_out(share: float, runs: int) -> None:
    rng = np.random.default_rng(1)
    found = sum(bool(excluded_at([share] * len(MEMORY_MB), runs, rng)) for _ in range(FUNCTIONS))
    assert found <= 0.1 * FUNCTIONS


@pytest.mark.parametrize("failing", [1, 3, 5])
def test_sizes_that_fail_where_larger_ones_never_do_are_ruled_out(failing: int) -> None:
    rng = np.random.default_rng(1)
    shares = [0.25] * failing + [0.0] * (len(MEMORY_MB) - failing)
    found = [place for _ in range(FUNCTIONS) for place in excluded_at(shares, 20, rng)]
    assert len(found) >= 0.85 * failing * FUNCTIONS
    assert max(found) < failing


def test_an_architecture_that_always_fails_is_ruled_out_after_a_few_runs() -> None:
    rates = {Configuration(m, a): ErrorRate(2 * (a is ARM), 2) for m in (256, 1024) for a in (X86, ARM)}
    assert {c.architecture for c in failed(samples_of(rates))} == {ARM}
    assert len(failed(samples_of(rates))) == 2


def test_sizes_are_compared_with_the_others_that_fail_least() -> None:
    rates = {256: ErrorRate(18, 20), 512: ErrorRate(10, 20), 1024: ErrorRate(0, 20)}
    found = rates_elsewhere({Configuration(m, X86): rate for m, rate in rates.items()})
    assert found == {Configuration(m, X86): ErrorRate(0, 20).mean for m in (256, 512)}


def test_a_rate_is_above_another_only_with_enough_runs_of_both() -> None:
    assert is_above(ErrorRate(5, 20), ErrorRate(0, 20))
    assert not is_above(ErrorRate(5, 20), ErrorRate(0, 2))
    assert not is_above(ErrorRate(1, 4), ErrorRate(0, 4))
    assert not is_above(ErrorRate(0, 20), ErrorRate(5, 20))


def test_of_many_sizes_one_that_differs_alone_takes_more_failures() -> None:
    for failures, others, found in ((5, 2, True), (5, 40, False), (9, 40, True)):
        around = range(512 - others // 2, 513 + others // 2)
        rates = {Configuration(m, X86): ErrorRate(0, 40 // others) for m in around}
        suspect = Configuration(512, X86)
        assert (suspect in rates_elsewhere({**rates, suspect: ErrorRate(failures, 20)})) is found


def test_sizes_that_were_measured_close_together_hide_no_others() -> None:
    few = {Configuration(256, X86): ErrorRate(3, 8), Configuration(1024, X86): ErrorRate(0, 20)}
    many = {Configuration(m, X86): ErrorRate(0, 1) for m in range(1025, 1100)}
    assert rates_elsewhere(few).keys() == rates_elsewhere(few | many).keys() == {Configuration(256, X86)}


def test_looking_again_and_again_rules_out_no_more_sizes_by_luck_than_the_evidence_says() -> None:
    """Of functions that fail alike, whatever their rate, evidence E is reached at any look by one in E at most."""
    rng = np.random.default_rng(1)
    shares = rng.beta(0.5, 0.5, size=FUNCTIONS // 2)
    lost = sum(_differs_at_a_look(share, rng) for share in shares)
    assert lost <= len(shares) / EVIDENCE


def _differs_at_a_look(share: float, rng: np.random.Generator) -> bool:
    """Whether a size ever seems to fail more often while trials of 5 runs are made of one or another."""
    rates = {Configuration(memory_mb, X86): ErrorRate(0, 0) for memory_mb in MEMORY_MB}
    for memory_mb in rng.choice(MEMORY_MB, size=40):
        looked_at = Configuration(int(memory_mb), X86)
        seen = rates[looked_at]
        rates[looked_at] = ErrorRate(seen.failures + int(rng.binomial(5, share)), seen.runs + 5)
        if rates_elsewhere(rates):
            return True
    return False


@given(st.lists(configurations, unique=True, max_size=8), counts)
def test_what_fails_alike_never_differs(where: list[Configuration], told: tuple[int, int]) -> None:
    assert rates_elsewhere(dict.fromkeys(where, ErrorRate(*told))) == {}


@given(measured)
def test_what_is_ruled_out_is_believably_above_the_limit_and_another_is_not_above_it(
    rates: dict[Configuration, ErrorRate],
) -> None:
    found = failed(samples_of(rates))
    if any(rate.failures < rate.runs for rate in rates.values()):
        assert all(rates[c].believably_above(0.05) for c in found)
        worst_kept = max((rate.mean for c, rate in rates.items() if c not in found), default=0.0)
        assert not found or min(rate.mean for rate in rates.values()) <= worst_kept


@given(st.lists(counts, min_size=2, max_size=len(MEMORY_MB)), st.integers(1, 50))
def test_good_runs_of_the_largest_size_acquit_no_smaller_one(told: list[tuple[int, int]], more: int) -> None:
    rates = {Configuration(m, X86): ErrorRate(*one) for m, one in zip(MEMORY_MB, told, strict=False)}
    largest = max(rates)
    better = {**rates, largest: ErrorRate(rates[largest].failures, rates[largest].runs + more)}
    assert rates_elsewhere(rates).keys() - {largest} <= rates_elsewhere(better).keys()


def test_a_size_with_few_runs_beside_failing_ones_may_fail_too_and_one_with_many_hardly() -> None:
    small = {Configuration(m, X86): ErrorRate(5, 15) for m in (256, 512)}
    chances = [
        chances_to_differ({**small, Configuration(1024, X86): ErrorRate(0, runs)})[Configuration(1024, X86)]
        for runs in (2, 20, 60)
    ]
    assert chances == sorted(chances, reverse=True)
    largest = {**small, Configuration(2048, X86): ErrorRate(0, 20)}
    beside = [
        chances_to_differ({**largest, Configuration(1024, X86): ErrorRate(0, runs)})[Configuration(1024, X86)]
        for runs in (2, 20)
    ]
    assert beside[0] > 0.25
    assert beside[1] < 0.02


@given(st.dictionaries(configurations, counts, max_size=8))
def test_chances_to_differ_are_chances(told: dict[Configuration, tuple[int, int]]) -> None:
    rates = {c: ErrorRate(*of) for c, of in told.items()}
    found = chances_to_differ(rates)
    assert found.keys() == rates.keys()
    assert all(0 <= chance < 1 for chance in found.values())
    assert any(rate.failures for rate in rates.values()) or not any(found.values())


def test_an_architecture_that_fails_is_as_surely_apart_as_small_sizes_are() -> None:
    rates = {Configuration(m, X86): ErrorRate(0, 20) for m in (256, 1024)}
    rates |= {Configuration(m, ARM): ErrorRate(8, 20) for m in (256, 1024)}
    chances = chances_to_differ(rates)
    assert all(chance > 0.9 for c, chance in chances.items() if c.architecture is ARM)
    assert all(chance < 0.1 for c, chance in chances.items() if c.architecture is X86)
