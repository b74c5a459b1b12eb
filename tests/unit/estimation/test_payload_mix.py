"""Sizes that saw different payloads compare, and a mixture of payloads is no scatter."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.studies import PRICES, SIZES, X86, study_of
from tuner.estimation.adjustment.payload_mix import PayloadMix
from tuner.estimation.estimate import fit
from tuner.model import Architecture, Configuration, Invocation, Outcome, Sample, SearchSpace
from tuner.payloads import Payloads
from tuner.search.grid import GridSampler

SHORT, LONG = 0, 1


def run(payload: int, duration_ms: float, *, environment: str = "a", cold: bool = False) -> Invocation:
    billed_ms = math.ceil(duration_ms)
    init_ms = 100.0 if cold else None
    return Invocation(
        Outcome.OK,
        environment,
        duration_ms=duration_ms,
        billed_duration_ms=billed_ms,
        init_duration_ms=init_ms,
        max_memory_used_mb=50,
        payload=payload,
    )


def sample(trial_id: int, memory_mb: int, runs: Sequence[Invocation], *, free: bool = False) -> Sample:
    return Sample(trial_id, Configuration(memory_mb, Architecture.X86_64), tuple(runs), free=free)


def durations(one: Sample) -> list[float]:
    return [invocation.duration_ms for invocation in one.invocations if invocation.duration_ms is not None]


def test_runs_of_one_payload_stay_as_they_are() -> None:
    samples = (sample(0, 512, [run(SHORT, 10.0), run(SHORT, 12.0)]),)
    mix = PayloadMix.of(samples)
    assert mix.at_mean_payload(samples) == samples
    assert mix == PayloadMix()


@given(longer=st.floats(0.05, 20.0), shares=st.lists(st.integers(1, 9), min_size=2, max_size=5))
def test_sizes_that_saw_other_shares_of_the_payloads_compare(longer: float, shares: list[int]) -> None:
    """Each size takes as long with the mean payload, whichever runs it had; so do sizes of equal durations."""
    samples = tuple(
        sample(i, 256 * (i + 1), [run(SHORT, 100.0)] * share + [run(LONG, 100.0 * longer)] * (10 - share))
        for i, share in enumerate(shares)
    )
    brought = [duration for one in PayloadMix.of(samples).at_mean_payload(samples) for duration in durations(one)]
    part = sum(shares) / (10 * len(shares))
    assert brought == pytest.approx([100.0 * (part + (1 - part) * longer)] * len(brought), rel=0.01)


def test_a_payload_that_departs_at_a_size_keeps_that() -> None:
    """Work within one quota of the CPU share is not slowed down at a small size, and longer work is."""
    samples = tuple(
        sample(i, memory_mb, [run(SHORT, 4.0)] * 20 + [run(LONG, long_ms)] * 20)
        for i, (memory_mb, long_ms) in enumerate({512: 90.0, 1024: 46.0, 1769: 27.0}.items())
    )
    means = [np.mean(durations(one)) for one in PayloadMix.of(samples).at_mean_payload(samples)]
    assert means == pytest.approx([47.0, 25.0, 15.5], rel=0.05)


def test_percentiles_are_those_of_all_payloads_together() -> None:
    rng = np.random.default_rng(5)
    runs = [run(i % 2, float((100.0, 300.0)[i % 2] * rng.lognormal(0, 0.02))) for i in range(400)]
    over_p95, over_p99 = PayloadMix.of([sample(0, 512, runs)]).over[Configuration(512, Architecture.X86_64)]
    assert over_p95 * 200 == pytest.approx(300.0, rel=0.03)
    assert over_p99 * 200 == pytest.approx(300.0, rel=0.03)


def test_each_size_has_the_percentiles_of_its_own_payloads() -> None:
    """One run in ten is long. At a small size it is slowed down, and the others are not."""
    longest_ms = {512: 305.0, 1024: 160.0, 1769: 92.0}
    samples = tuple(
        sample(i, memory_mb, ([run(SHORT, 4.6)] * 9 + [run(LONG, long_ms)]) * 3)
        for i, (memory_mb, long_ms) in enumerate(longest_ms.items())
    )
    mix = PayloadMix.of(samples)
    for one, long_ms in zip(samples, longest_ms.values(), strict=True):
        mean_ms = 0.9 * 4.6 + 0.1 * long_ms
        assert mix.over[one.configuration][0] * mean_ms == pytest.approx(long_ms, rel=0.05)


@given(seed=st.integers(0, 40), unseen=st.sampled_from([256, 1769]))
def test_a_size_that_never_saw_a_payload_may_be_as_far_off_as_others_depart(seed: int, unseen: int) -> None:
    """Its mean rests on the factor of other sizes, and the doubt covers what that is off by."""
    rng = np.random.default_rng(seed)
    longest_ms = {256: 600.0, 512: 305.0, 1024: 160.0, 1769: 92.0}
    samples = tuple(
        sample(
            i,
            memory_mb,
            [run(SHORT, 4.6 * rng.lognormal(0, 0.03)) for _ in range(9)]
            + [run(LONG, long_ms * rng.lognormal(0, 0.03)) for _ in range(memory_mb != unseen)],
        )
        for i, (memory_mb, long_ms) in enumerate(longest_ms.items())
    )
    mix = PayloadMix.of(samples)
    (brought,) = (one for one in mix.at_mean_payload(samples) if one.configuration.memory_mb == unseen)
    true_ms = (36 * 4.6 + 3 * longest_ms[unseen]) / 39
    off = abs(math.log(float(np.mean(durations(brought))) / true_ms))
    assert off < 2 * mix.doubts[brought.configuration]
    assert all(mix.doubts[one.configuration] < 0.1 for one in samples if one.configuration.memory_mb != unseen)


@given(runs=st.integers(1, 20), longer=st.floats(0.2, 5.0))
def test_sizes_that_saw_all_payloads_alike_leave_hardly_a_doubt(runs: int, longer: float) -> None:
    samples = tuple(
        sample(i, memory_mb, [run(SHORT, 100.0)] * runs + [run(LONG, 100.0 * longer)] * runs)
        for i, memory_mb in enumerate((256, 512, 1024))
    )
    assert max(PayloadMix.of(samples).doubts.values()) < 0.05


@pytest.mark.parametrize("count", [2, 5, 10, 30])
def test_intervals_hold_the_truth_however_few_runs_the_payloads_have(count: int) -> None:
    """Four runs at each of four sizes, and payloads that differ by a factor of e: most sizes saw few of them."""
    payloads = Payloads.decode([{"payload": {"n": n}, "weight": 1} for n in range(count)])
    held = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        longer = rng.lognormal(0, 1, count)
        samples = [
            sample(
                number,
                memory_mb,
                [
                    run(
                        payload,
                        float(1e5 / memory_mb * longer[payload] * rng.lognormal(0, 0.05)),
                        environment=f"{n % 2}",
                    )
                    for n, payload in enumerate(payloads.schedule(4, seed=seed, trial=number))
                ],
            )
            for number, memory_mb in enumerate(SIZES)
        ]
        mix = PayloadMix.of(samples)
        found = fit(
            mix.at_mean_payload(samples),
            SearchSpace(tuple(SIZES), (X86,)),
            PRICES,
            seed=0,
            draws=400,
            doubts=mix.doubts,
        ).belief(tuple(Configuration(memory_mb, X86) for memory_mb in SIZES))
        ratio = found.duration_ms[:, 0] / found.duration_ms[:, 2] * SIZES[0] / SIZES[2]
        held += bool(np.quantile(ratio, 0.025) <= 1 <= np.quantile(ratio, 0.975))
    assert held >= 11


@pytest.mark.parametrize("count", [2, 5, 20])
def test_sizes_that_have_no_payload_in_common_do_not_compare(count: int) -> None:
    samples = [sample(n, 128 + 64 * n, [run(n, 100.0)] * 5) for n in range(count)]
    assert min(PayloadMix.of(samples).doubts.values()) > 1


def test_of_all_payloads_the_99th_percentile_is_never_below_the_95th() -> None:
    rng = np.random.default_rng(1)
    longer = rng.lognormal(0, 1, 30)
    study = study_of(SIZES, GridSampler(4))
    for i, memory_mb in enumerate(SIZES):
        payloads = rng.integers(0, 30, 8)
        study.tell(sample(i, memory_mb, [run(int(p), float(longer[p] * rng.lognormal(0, 0.3))) for p in payloads]))
    belief = study.belief()
    assert (belief.p99_ms >= belief.p95_ms).all()


def test_runs_known_from_a_log_stay_as_they_are() -> None:
    logged = sample(0, 512, [run(SHORT, 77.0)], free=True)
    samples = (logged, sample(1, 512, [run(SHORT, 10.0), run(LONG, 30.0)]))
    assert PayloadMix.of(samples).at_mean_payload(samples)[0] is logged


def test_a_study_believes_in_the_mean_over_the_payloads() -> None:
    study = study_of(SIZES, GridSampler(20))
    for i, memory_mb in enumerate(SIZES):
        base = 4.0 * 1769 / memory_mb
        for environment in ("a", "b"):
            first = run(SHORT, base, environment=environment, cold=True)
            warm = [run(SHORT, base, environment=environment)] * 14 + [run(LONG, 7 * base, environment=environment)] * 5
            study.tell(sample(i, memory_mb, [first, *warm]))
    belief = study.belief()
    for memory_mb in SIZES:
        true_ms = 4.0 * 1769 / memory_mb * (15 + 35) / 20
        index = belief.index(Configuration(memory_mb, Architecture.X86_64))
        assert index is not None
        assert float(np.mean(belief.duration_ms[:, index])) == pytest.approx(true_ms, rel=0.15)
