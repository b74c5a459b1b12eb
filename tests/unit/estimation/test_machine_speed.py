"""Rounds that were measured while the machine was slower compare with the others."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.estimation.adjustment.machine_speed import MachineSpeedMeter, at_other_times
from tuner.estimation.belief import Belief, interval_of
from tuner.model import MB_PER_VCPU, Architecture, Configuration, Invocation, Outcome, Sample
from tuner.pricing.price_list import price_list

PRICES = price_list("us-east-1")
CPU_MS = 50.0


def size(memory_mb: int) -> Configuration:
    return Configuration(memory_mb, Architecture.X86_64)


def warm(duration_ms: float, cpu_ms: float | None) -> Invocation:
    billed_ms = math.ceil(duration_ms)
    return Invocation(Outcome.OK, "a", duration_ms=duration_ms, billed_duration_ms=billed_ms, cpu_ms=cpu_ms)


def computed(trial_id: int, memory_mb: int, slower: float = 1.0, *, own: tuple[float, ...] = (1.0,) * 20) -> Sample:
    """Runs of a function that computes, on a machine that is so much slower than usual."""
    share = min(1.0, memory_mb / MB_PER_VCPU)
    runs = [warm(CPU_MS * slower * one / share, CPU_MS * slower * one) for one in own]
    return Sample(trial_id, size(memory_mb), tuple(runs))


def meter(*rounds: tuple[int, ...]) -> MachineSpeedMeter:
    return MachineSpeedMeter({trial: number for number, trials in enumerate(rounds) for trial in trials})


def mean_ms(sample: Sample) -> float:
    return float(np.mean([run.duration_ms for run in sample.invocations if run.duration_ms is not None]))


@given(st.lists(st.floats(0.6, 1.8), min_size=2, max_size=6))
def test_sizes_of_rounds_with_different_speeds_compare_as_if_there_had_been_one(speeds: list[float]) -> None:
    sizes = (256, 512, 1024, 384, 1769, 832)[: len(speeds)]
    samples = [computed(i, sizes[i], slower) for i, slower in enumerate(speeds)]
    steady = meter(*((i,) for i in range(len(speeds)))).at_mean_speed(samples)
    work = [mean_ms(sample) * sample.configuration.memory_mb for sample in steady]
    # A slope against small shares cannot be told from speeds that happen to fall with the size: that much is left.
    assert max(work) / min(work) < (max(speeds) / min(speeds)) ** 0.65 + 0.02


def test_a_size_of_two_rounds_takes_the_same_in_both() -> None:
    samples = [computed(0, 1024), computed(1, 512), computed(2, 1024, 1.6), computed(3, 832, 1.6)]
    steady = meter((0, 1), (2, 3)).at_mean_speed(samples)
    assert mean_ms(steady[2]) == pytest.approx(mean_ms(steady[0]), rel=0.02)
    assert mean_ms(steady[3]) * 832 == pytest.approx(mean_ms(steady[1]) * 512, rel=0.03)


def test_slow_runs_of_the_function_itself_stay_slow() -> None:
    own = (*(1.0,) * 18, 8.0, 8.0)
    samples = [computed(0, 1024, own=own), computed(1, 512, 1.5, own=own)]
    for sample in meter((0,), (1,)).at_mean_speed(samples):
        durations = sorted(run.duration_ms or 0.0 for run in sample.invocations)
        assert durations[-1] / durations[0] == pytest.approx(8.0)


def test_cpu_time_that_small_shares_need_is_not_taken_for_a_slower_machine() -> None:
    sizes = (128, 320, 512, 1024, 3538)
    needed = [min(1.0, memory_mb / MB_PER_VCPU) ** -0.1 for memory_mb in sizes]
    samples = [computed(i, memory_mb, more) for i, (memory_mb, more) in enumerate(zip(sizes, needed, strict=True))]
    steady = meter(tuple(range(len(sizes)))).at_mean_speed(samples)
    for before, after in zip(samples, steady, strict=True):
        assert mean_ms(after) == pytest.approx(mean_ms(before), rel=0.02)


def test_cpu_time_that_threads_burn_above_one_vcpu_is_not_taken_for_a_slower_machine() -> None:
    burning = Sample(3, size(3538), (warm(CPU_MS / 2, 2 * CPU_MS),) * 20)
    samples = [computed(0, 320), computed(1, 512), computed(2, 1024), burning]
    for before, after in zip(samples, meter((0, 1, 2, 3)).at_mean_speed(samples), strict=True):
        assert mean_ms(after) == pytest.approx(mean_ms(before), rel=0.02)


def test_sizes_whose_few_runs_are_slow_by_chance_compare_better() -> None:
    rng = np.random.default_rng(3)
    sizes = (128, 256, 512, 832, 1280, 1769)
    before, after = [], []
    for _ in range(30):
        runs = [tuple(rng.lognormal(0.0, 0.25, 6).tolist()) for _ in sizes]
        samples = [computed(i, memory_mb, own=own) for i, (memory_mb, own) in enumerate(zip(sizes, runs, strict=True))]
        for spreads, shown in ((before, samples), (after, meter(tuple(range(6))).at_mean_speed(samples))):
            spreads.append(np.std([np.log(mean_ms(sample) * sample.configuration.memory_mb) for sample in shown]))
    assert np.mean(after) < 0.5 * np.mean(before)


@pytest.mark.parametrize("spread", [0.01, 0.1, 0.25])
def test_a_size_that_needs_far_more_cpu_time_than_the_others_keeps_it(spread: float) -> None:
    rng = np.random.default_rng(4)
    sizes = (128, 256, 512, 832, 1280, 1769)
    own = tuple(rng.lognormal(0.0, spread, 40).tolist())
    samples = [computed(i, memory_mb, 1.4 if memory_mb == 256 else 1.0, own=own) for i, memory_mb in enumerate(sizes)]
    steady = meter(tuple(range(6))).at_mean_speed(samples)
    work = [mean_ms(sample) * sample.configuration.memory_mb for sample in steady]
    assert work[1] / np.mean(work[2:]) == pytest.approx(1.4, rel=0.05)


@pytest.mark.parametrize("follows", [0.1, 1.0, 1.5])
def test_durations_of_a_slow_round_follow_cpu_times_as_far_as_runs_of_one_size_do(follows: float) -> None:
    rng = np.random.default_rng(6)

    def sample(trial_id: int, memory_mb: int, slower: float) -> Sample:
        at_mean_ms = CPU_MS / min(1.0, memory_mb / MB_PER_VCPU)
        runs = [warm(at_mean_ms * one**follows, CPU_MS * one) for one in slower * rng.lognormal(0.0, 0.2, 80)]
        return Sample(trial_id, size(memory_mb), tuple(runs))

    samples = [sample(0, 512, 1.0), sample(1, 512, 1.4)]
    one, other = meter((0,), (1,)).at_mean_speed(samples)
    assert mean_ms(samples[1]) / mean_ms(samples[0]) == pytest.approx(1.4**follows, rel=0.06)
    assert mean_ms(other) / mean_ms(one) == pytest.approx(1.0, abs=0.06)


def test_a_function_that_waits_is_hardly_changed() -> None:
    def waited(trial_id: int, memory_mb: int, slower: float) -> Sample:
        runs = (warm(200 + 2 * slower * MB_PER_VCPU / memory_mb, 2 * slower),) * 20
        return Sample(trial_id, size(memory_mb), runs)

    samples = [waited(0, 1024, 1.0), waited(1, 512, 2.0)]
    for before, after in zip(samples, meter((0,), (1,)).at_mean_speed(samples), strict=True):
        assert mean_ms(after) == pytest.approx(mean_ms(before), rel=0.025)


@pytest.mark.parametrize("cpu_ms", [None, 0.2])
def test_nothing_changes_where_cpu_times_are_unknown_or_too_short_to_tell(cpu_ms: float | None) -> None:
    samples = [Sample(i, size(512 * (i + 1)), (warm(10.0 * (i + 1), cpu_ms),) * 5) for i in range(2)]
    speed = meter((0,), (1,)).read(samples)
    assert meter((0,), (1,)).at_mean_speed(samples) == tuple(samples)
    assert speed.spread == 0.0


def test_what_is_billed_follows_the_duration() -> None:
    samples = [computed(0, 1024), computed(1, 1024, 1.5)]
    for sample in meter((0,), (1,)).at_mean_speed(samples):
        for run in sample.invocations:
            assert run.billed_duration_ms == math.ceil(run.duration_ms or 0.0)


def test_failed_runs_stay_as_they_were() -> None:
    failed = Invocation(Outcome.TIMEOUT, "b", duration_ms=3000.0, billed_duration_ms=3000, cpu_ms=300.0)
    slow = computed(1, 512, 1.5)
    samples = [computed(0, 1024), replace(slow, invocations=(*slow.invocations, failed))]
    assert failed in meter((0,), (1,)).at_mean_speed(samples)[1].invocations


def test_the_spread_is_that_of_the_rounds() -> None:
    speeds = np.exp(0.2 * np.array([-1.2, -0.7, -0.2, 0.2, 0.7, 1.2] * 3))
    samples = [computed(i, 1024, float(slower)) for i, slower in enumerate(speeds)]
    steady = [computed(i, 1024) for i in range(len(speeds))]
    rounds = meter(*((i,) for i in range(len(speeds))))
    assert rounds.read(samples).spread == pytest.approx(np.log(speeds).std(), rel=0.15)
    assert rounds.read(steady).spread < 0.02


def test_another_hour_widens_what_a_size_takes_and_leaves_sizes_as_they_compare() -> None:
    rng = np.random.default_rng(1)
    duration = np.exp(rng.normal(np.log([40.0, 20.0]), 0.02, (400, 2)))
    belief = Belief(
        (size(512), size(1024)),
        duration,
        duration * 1e-9 + PRICES.request_usd,
        duration,
        duration,
        np.array([True, True]),
    )
    other = at_other_times(belief, 0.2, PRICES, seed=3)
    assert np.allclose(other.duration_ms[:, 0] / other.duration_ms[:, 1], duration[:, 0] / duration[:, 1])
    before, after = interval_of(duration[:, 0]), interval_of(other.duration_ms[:, 0])
    assert after.mean == pytest.approx(before.mean, rel=0.02)
    assert after.high / after.low > 1.8 > 1.2 > before.high / before.low


def stepped_ms(memory_mb: int, cpu_ms: float) -> float:
    """What work takes under a CPU quota in periods of 20 ms."""
    quota = 20.0 * min(1.0, memory_mb / MB_PER_VCPU)
    periods = math.ceil(cpu_ms / quota) - 1
    return 20.0 * periods + cpu_ms - periods * quota


def stepped(trial_id: int, memory_mb: int, slow_share: float, rng: np.random.Generator, runs: int = 48) -> Sample:
    """Runs on a machine of two speeds, 7 and 12 ms of CPU time, of which it has one more or less often."""
    cpu_ms = [(12.0 if rng.random() < slow_share else 7.0) * rng.lognormal(0.0, 0.02) for _ in range(runs)]
    return Sample(trial_id, size(memory_mb), tuple(warm(stepped_ms(memory_mb, ms), ms) for ms in cpu_ms))


def cpu_times(samples: list[Sample]) -> list[float]:
    return [run.cpu_ms for sample in samples for run in sample.invocations if run.cpu_ms]


def test_sizes_with_steps_compare_at_the_speeds_of_all_rounds() -> None:
    rng = np.random.default_rng(8)
    shares = {768: (0.1, 0.2), 900: (0.8, 0.7), 1024: (0.5, 0.1), 1280: (0.9, 0.6), 1769: (0.4, 0.3)}
    each = [(memory_mb, share) for memory_mb, both in shares.items() for share in both]
    samples = [stepped(i, memory_mb, share, rng) for i, (memory_mb, share) in enumerate(each)]
    rounds = meter(*((i,) for i in range(len(each))))
    everywhere = cpu_times(samples)
    errors: dict[str, list[float]] = {"runs": [], "rounds": []}
    for kind, shown in (("runs", rounds.at_mean_work(samples)), ("rounds", rounds.at_mean_speed(samples))):
        for sample in shown:
            memory_mb = sample.configuration.memory_mb
            truth = np.mean([stepped_ms(memory_mb, ms) for ms in everywhere])
            errors[kind].append(abs(mean_ms(sample) / truth - 1))
    assert max(errors["runs"]) < 0.05
    assert max(errors["rounds"]) < 0.15, "a round compares as a whole, if less exactly"


@pytest.mark.parametrize("runs", [1, 9], ids=["few", "more than there may be moments of"])
def test_sizes_that_ran_in_different_moments_of_a_round_compare(runs: int) -> None:
    """Of two seconds the machine is slow in the second; one size has more of its runs there than the other."""
    rng = np.random.default_rng(11)

    def sample(trial_id: int, memory_mb: int, began_s: np.ndarray) -> Sample:
        cpu_ms = CPU_MS * np.where(began_s % 2 < 1, 1.0, 1.5) * rng.lognormal(0.0, 0.02, len(began_s))
        own = [
            replace(
                warm(ms * MB_PER_VCPU / memory_mb, ms), started_at=datetime.fromtimestamp(1e9 + at, UTC).isoformat()
            )
            for at, ms in zip(began_s, cpu_ms, strict=True)
        ]
        return Sample(trial_id, size(memory_mb), tuple(own))

    everywhere = np.arange(0, 60 * runs, 0.25 * runs)
    mostly_slow = everywhere[(everywhere % 2 >= 1) | (everywhere % 8 < 1)]
    samples = [sample(0, 512, everywhere), sample(1, 1024, mostly_slow), sample(2, 832, everywhere)]
    work = [mean_ms(one) * one.configuration.memory_mb for one in meter((0, 1, 2)).at_mean_work(samples)]
    assert max(work) / min(work) < 1.03


def test_what_cpu_time_explains_is_gone_from_single_runs() -> None:
    rng = np.random.default_rng(9)
    own = tuple(rng.lognormal(0.0, 0.2, 40).tolist())
    samples = [computed(0, 1024, own=own), computed(1, 512, 1.4, own=own)]
    for sample in meter((0,), (1,)).at_mean_work(samples):
        durations = np.array([run.duration_ms for run in sample.invocations])
        assert durations.std() / durations.mean() < 0.02


def test_a_run_that_is_slow_without_more_work_stays_slow() -> None:
    rng = np.random.default_rng(10)
    own = tuple(rng.lognormal(0.0, 0.1, 40).tolist())
    samples = [computed(0, 1024, own=own), computed(1, 512, own=own)]
    paused = replace(samples[0], invocations=(*samples[0].invocations, warm(1000.0, CPU_MS)))
    steady = meter((0,), (1,)).at_mean_work([paused, samples[1]])[0].invocations
    assert (steady[-1].duration_ms or 0.0) > 800.0
    assert all((run.duration_ms or 0.0) < 120.0 for run in steady[:-1])


def test_payloads_of_different_work_keep_their_difference() -> None:
    def sample(trial_id: int, memory_mb: int, slower: float) -> Sample:
        few, much = (computed(trial_id, memory_mb, slower * work, own=(1.0,) * 6).invocations for work in (1.0, 4.0))
        return Sample(trial_id, size(memory_mb), (*few, *(replace(run, payload=1) for run in much)))

    samples = [sample(0, 512, 1.0), sample(1, 1024, 1.5)]
    for steady in meter((0,), (1,)).at_mean_work(samples):
        durations = [run.duration_ms or 0.0 for run in steady.invocations]
        assert durations[-1] / durations[0] == pytest.approx(4.0, rel=0.02)


@given(st.permutations(range(6)), st.integers(0, 99))
def test_the_order_of_samples_changes_nothing(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = [stepped(i, (768, 1024, 1280)[i % 3], rng.random(), rng, runs=8) for i in range(6)]
    rounds = meter((0, 1, 2), (3, 4, 5))
    found = {sample.trial_id: sample for sample in rounds.at_mean_work([samples[i] for i in order])}
    for sample in rounds.at_mean_work(samples):
        other = [run.duration_ms or 0.0 for run in found[sample.trial_id].invocations]
        assert np.allclose([run.duration_ms or 0.0 for run in sample.invocations], other, rtol=1e-9)
