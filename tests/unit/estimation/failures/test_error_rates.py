"""Failures weigh: often enough to exclude a size, never for one of them, and not where all sizes fail alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc, betaincinv

from tests.unit.studies import ARM, X86, ran, sample_of
from tuner.estimation.failures.error_rates import PRIOR, ErrorRate, JeffreysRate, error_rate
from tuner.estimation.failures.exclusions import ExclusionKind, failed, ruled_out
from tuner.model import Configuration, FunctionError, Invocation, Outcome, Sample

ERROR = Invocation(Outcome.ERROR, "e", 5.0, 5, error=FunctionError("TimeoutError", "missed"))
TIMEOUT = Invocation(Outcome.TIMEOUT, "t", 3000.0, 3000)


def told(memory_mb: int, failures: int, runs: int, failure: Invocation = ERROR) -> Sample:
    good = [ran(10, f"{memory_mb}/{i}") for i in range(runs - failures)]
    return sample_of(memory_mb, [failure] * failures + good, trial=memory_mb)


def test_allowed_errors_and_runs_that_never_ended_are_no_failures() -> None:
    allowed = Invocation(Outcome.ERROR, "a", 5.0, 5, allowed=True)
    lost = [Invocation(Outcome.THROTTLED), Invocation(Outcome.NO_REPORT, "a"), Invocation(Outcome.REFUSED)]
    assert error_rate([ran(5), allowed, ERROR, TIMEOUT, *lost]) == ErrorRate(2, 4)


def test_an_interval_holds_the_observed_rate_and_narrows_with_runs() -> None:
    few, many = ErrorRate(1, 4).interval, ErrorRate(25, 100).interval
    assert few.low < few.mean == 0.25 < few.high
    assert many.high - many.low < (few.high - few.low) / 2
    none = ErrorRate(0, 10).interval
    assert none.low == none.mean == 0
    assert 0.1 < none.high < 0.3


@pytest.mark.parametrize(("failures", "runs", "above"), [(1, 1, False), (1, 3, False), (2, 4, True), (2, 40, False)])
def test_a_rate_is_believably_above_a_limit_only_with_several_failures(failures: int, runs: int, above: bool) -> None:
    assert ErrorRate(failures, runs).believably_above(0.05) is above


def test_one_random_failure_excludes_no_size() -> None:
    for failure in (ERROR, TIMEOUT):
        assert failed([told(256, 1, 4, failure), told(512, 0, 4)]) == {}


def test_a_size_that_fails_more_often_than_the_others_is_excluded_and_smaller_ones_with_it() -> None:
    samples = [told(512, 5, 20), told(1024, 0, 20)]
    assert failed(samples)[Configuration(512, X86)].reason == "failed in 5 of 20 runs"
    found = ruled_out(samples, [Configuration(m, a) for m in (256, 512, 768, 1024) for a in (X86, ARM)])
    assert found.keys() == {Configuration(256, X86), Configuration(512, X86)}
    assert {exclusion.kind for exclusion in found.values()} == {ExclusionKind.ERRORS}


def test_errors_exclude_no_smaller_size_where_one_of_those_runs_well() -> None:
    samples = [told(256, 0, 20), told(512, 5, 20), told(1024, 0, 20)]
    assert ruled_out(samples, [Configuration(m, X86) for m in (128, 384)]).keys() == {Configuration(512, X86)}


def test_where_every_size_fails_alike_none_is_excluded() -> None:
    assert failed([told(256, 18, 20), told(1024, 17, 20)]) == {}


def test_the_limit_is_the_users() -> None:
    samples = [told(512, 5, 20), told(1024, 0, 20)]
    assert failed(samples, max_error_rate=0.5) == {}


def test_very_many_runs_are_believed_as_fast_as_few() -> None:
    assert ErrorRate(10**19, 10**20).believably_above(0.09)
    assert not ErrorRate(10**19, 10**20).believably_above(0.11)


@given(st.integers(0, 300), st.integers(0, 3000), st.floats(0, 1), st.sampled_from([0.025, 0.5, 0.975]))
def test_what_is_believed_of_a_rate_is_the_beta_distribution(
    events: int, others: int, rate: float, chance: float
) -> None:
    belief = JeffreysRate(events, others)
    assert belief.below(rate) == pytest.approx(betainc(events + PRIOR, others + PRIOR, rate), abs=1e-10)
    assert belief.quantile(chance) == pytest.approx(betaincinv(events + PRIOR, others + PRIOR, chance), rel=1e-6)
