"""How fast the machine was while each run was measured, told by its CPU time.

The same work takes more or less CPU time when other programs, or other guests of the same host, share caches and
cores. A machine changes its speed within seconds, and from minute to minute, so that sizes that were measured in
different rounds do not compare. And work that just fits the CPU quota of a period waits for the next one when it is a
little slower: a size then takes three times as long in some seconds. So the runs of each size tell how long it takes at
each CPU time, and all sizes are compared at the CPU times of all runs of the study. CPU time serves as a control
variate.

Where the runs of a size take what the CPU limit makes of their CPU time, as work without a pause does, the limit
itself is that curve: few runs tell of cliffs that none of them has met.

Two forms follow. `at_mean_speed` moves all runs of a size in a round by one factor, so that they differ as they did:
for what is shown of runs, and for percentiles. `at_mean_work` moves each run by its own, so that what is left is
what CPU time does not explain: for means and for comparing sizes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tuner.estimation.belief import Belief
from tuner.estimation.cpu_quota.limit import limited_ms
from tuner.model import MB_PER_VCPU, Configuration, Invocation, Round, Sample
from tuner.pricing.price_list import PriceList

Floats = NDArray[np.float64]

SHORTEST_CPU_MS = 1.0
"""Mean CPU time below which clocks tell too little of the speed."""
ROUND_SD = 0.3
"""Speed of one round against another, log units (two functions on a virtual machine: 0.16 to 0.28)."""
MOMENT_S, MOST_MOMENTS = 0.25, 400
"""Runs of a size that begin within so many seconds count as one. The time that a reading takes grows with the cube of
their number, so that they are longer where there would be more."""
MOMENT_SD, MOMENT_LASTS_S = 0.2, 0.7
"""Speed of one moment of a round against another, log units, and after how long little is left of it. On a virtual
machine that changed its speed within seconds turns of all sizes spread by 0.23 to 0.29, and of that 0.5 was left after
0.4 s, 0.3 after 1 s."""
SIZE_SD = 0.01
"""CPU time that a size needs against the others, beside the law of small shares, log units. Grids of 14 sizes of three
functions scatter by 0.004 to 0.009, which is their error."""
SIZE_FREEDOM, SIZE_STEPS = 4, 20
"""Few sizes need far more, as where memory is scarce: Student's t, of so many degrees of freedom, fitted in so many
steps."""
RUN_SD, USUAL_RUNS = 0.1, 4
"""CPU time of runs of one size in one round over its mean, expected beforehand, and how many runs that is worth."""
SMALL_SHARE_SD, STOPS_SD = 0.03, 0.015
"""Work that is stopped and continued often needs more CPU time, for instance to fill caches again: by (1 / share) to
the power of the first, and by the second for each stop, of which there are 1 / share - 1 to a vCPU; give or take. Of
grids of six functions the stops were 0.005 to 0.021, and the powers -0.02 to 0.04: at 128 MB 6 to 45% more, at 512 MB 1
to 10%, at 1,024 MB up to 4%. A function that goes through much memory needs most."""
THREADS_SD = 0.5
"""CPU time above one vCPU against below, log units: threads that wait for each other may burn it."""
FOLLOWS_SD = 0.3
"""A duration may follow the CPU time of its run less than the share of work in it says, one sd of a factor."""
BANDWIDTH = 0.05
"""Runs whose CPU times differ by so much tell of each other: standard deviation of the kernel, log units. A step of the
CPU quota is as sharp as that."""
LINE_RUNS = 1.0
"""Runs that the line through all runs of a size is worth beside those of about the same CPU time."""
MOST_BESIDE_LINE = 3.0
"""A run counts as at most so far from the line: further away it is slow for another reason."""
LIMITED = 0.02
"""Durations of a size follow the CPU limit where half of its runs are as close to it, log units. Runs of two functions
that compute were within 0.001 to 0.006."""
MOST_PLACES = 500
"""CPU times of the study at which a size is read: more runs are represented by so many of them."""
USUAL_SPREAD, USUAL_ROUNDS = 0.03, 4
"""Spread of the speed that is expected beforehand, log units, and how many rounds that is worth."""

Group = tuple[int, Configuration]
"""A round and a size that was measured in it."""
Law = Callable[[Floats], Floats]
"""Durations at CPU times, which are told as how much more than usual they are, log units."""


class Run(NamedTuple):
    """A warm run: its CPU time and duration, its payload, and when it began (s; 0: not known)."""

    cpu_ms: float
    duration_ms: float
    payload: int
    began_s: float


@dataclass(frozen=True, slots=True)
class MachineSpeed:
    """What the CPU times of a study say of the machine.

    Attributes:
        slower: for each round and size, how much more CPU time than on average its runs took by speed and chance, log
            units.
        longer: what that did to their durations, log units. Less where the function waits.
        longer_runs: what their own CPU times did to the durations of its warm runs, in their order, log units.
        spread: standard deviation of what one round does to durations, log units. 0: not known.
    """

    slower: Mapping[Group, float] = field(default_factory=dict)
    longer: Mapping[Group, float] = field(default_factory=dict)
    longer_runs: Mapping[Group, Sequence[float]] = field(default_factory=dict)
    spread: float = 0.0


@dataclass(frozen=True, slots=True)
class MachineSpeedMeter:
    """Reads the speed of the machine from samples.

    Attributes:
        round_of: the round of each trial. Trials that are in none are a round of their own.
    """

    round_of: Mapping[int, int]

    @classmethod
    def of(cls, rounds: Iterable[Round]) -> MachineSpeedMeter:
        """Of the rounds of a study."""
        return cls({trial.id: number for number, round_ in enumerate(rounds) for trial in round_.trials})

    def read(self, samples: Iterable[Sample]) -> MachineSpeed:
        """The speed in each round. Nothing is told where CPU times are not known, or of a single round and size."""
        groups: dict[Group, list[Run]] = defaultdict(list)
        for sample in samples:
            groups[self._group(sample)] += [_run(run) for run in sample.invocations if _tells(run)]
        keys = sorted(key for key, runs in groups.items() if runs)
        if len(keys) < 2 or _mean(run.cpu_ms for key in keys for run in groups[key]) < SHORTEST_CPU_MS:
            return MachineSpeed()
        told = [groups[key] for key in keys]
        usual = _usual_cpu_ms(told)
        slower = _slower(keys, told, usual)
        longer, longer_runs = _longer(keys, told, slower, usual)
        spread = _spread(keys, longer, [len(runs) for runs in told])
        return MachineSpeed(
            dict(zip(keys, slower.tolist(), strict=True)),
            dict(zip(keys, longer.tolist(), strict=True)),
            dict(zip(keys, longer_runs, strict=True)),
            spread,
        )

    def at_mean_speed(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """The samples as they would have been, had the machine always had its mean speed; runs differ as they did."""
        speed = self.read(samples)
        return tuple(self._faster(sample, speed, {}) for sample in samples)

    def at_mean_work(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """The samples, had every run taken what its size takes on average over the CPU times of all runs.

        Only means may be read from them: the runs of a function whose work varies differ much less than they did.
        """
        speed = self.read(samples)
        left = {group: iter(values) for group, values in speed.longer_runs.items()}
        return tuple(self._faster(sample, speed, left) for sample in samples)

    def _faster(self, sample: Sample, speed: MachineSpeed, of_runs: Mapping[Group, Iterator[float]]) -> Sample:
        group = self._group(sample)
        if group not in speed.slower:
            return sample
        slower, longer = speed.slower[group], speed.longer[group]
        own = of_runs.get(group)
        return replace(
            sample,
            invocations=tuple(
                _faster(run, slower, next(own) if own and _tells(run) else longer) for run in sample.invocations
            ),
        )

    def _group(self, sample: Sample) -> Group:
        return self.round_of.get(sample.trial_id, -1 - sample.trial_id), sample.configuration


def at_other_times(belief: Belief, spread: float, prices: PriceList, *, seed: int) -> Belief:
    """A belief in the durations of another hour, in which the machine is slower or faster for all sizes alike.

    Args:
        belief: in the durations at the mean speed.
        spread: standard deviation of the speed, log units.
        prices: of the belief's costs.
        seed: of the order of the speeds.
    """
    from scipy.special import ndtri

    draws = len(belief.duration_ms)
    shocks = np.random.default_rng(seed).permutation(ndtri((np.arange(draws) + 0.5) / draws))
    factor = np.exp(spread * shocks)[:, None]
    factor /= factor.mean()
    return replace(
        belief,
        duration_ms=belief.duration_ms * factor,
        cost_usd=prices.request_usd + (belief.cost_usd - prices.request_usd) * factor,
        p95_ms=belief.p95_ms * factor,
        p99_ms=belief.p99_ms * factor,
    )


def _tells(run: Invocation) -> bool:
    """Whether a run tells of the speed: it is warm, and its CPU time is known."""
    return bool(run.usable and not run.cold and run.cpu_ms and run.duration_ms)


def _run(run: Invocation) -> Run:
    assert run.cpu_ms is not None
    assert run.duration_ms is not None
    began_s = datetime.fromisoformat(run.started_at).timestamp() if run.started_at else 0.0
    return Run(run.cpu_ms, run.duration_ms, run.payload, began_s)


def _usual_cpu_ms(groups: Sequence[Sequence[Run]]) -> dict[int, float]:
    """Mean CPU time of each payload."""
    of_payload: dict[int, list[float]] = defaultdict(list)
    for runs in groups:
        for run in runs:
            of_payload[run.payload].append(run.cpu_ms)
    return {payload: _mean(values) for payload, values in of_payload.items()}


def _slower(keys: Sequence[Group], groups: Sequence[Sequence[Run]], usual: Mapping[int, float]) -> Floats:
    """How much more CPU time than on average each group took by its round and by chance, not its size, shape (n,)."""
    needs = _needs(keys, groups, usual)
    chance = [
        _mean(math.log(run.cpu_ms / usual[run.payload]) for run in runs) - needs[configuration]
        for (_, configuration), runs in zip(keys, groups, strict=True)
    ]
    return np.asarray(np.array(chance) - np.average(chance, weights=[len(runs) for runs in groups]))


def _needs(
    keys: Sequence[Group], groups: Sequence[Sequence[Run]], usual: Mapping[int, float]
) -> dict[Configuration, float]:
    """CPU time that each size needs beside the speed of the machine, log units.

    A linear model with priors: a level, what small shares need, a step above one vCPU, where threads come in, what each
    size needs beside that, what rounds and moments have in common, and chance. So sizes compare by runs that were made
    at about the same time.
    """
    moments = _moments(keys, groups)
    relative = [[run.cpu_ms / usual[run.payload] for run in runs] for runs in moments.values()]
    log_cpu = np.array([_mean(map(math.log, one)) for one in relative])
    counts = np.array([len(runs) for runs in relative], dtype=np.float64)
    rounds = np.array([round_ for round_, _, _ in moments])
    began_s = np.array([_mean(run.began_s for run in runs) for runs in moments.values()])
    sizes = np.array([configuration.memory_mb for _, configuration, _ in moments])
    shares = np.array([_share(configuration) for _, configuration, _ in moments])
    design = np.stack([np.ones(len(sizes)), -np.log(shares), 1 / shares - 1, sizes > MB_PER_VCPU], axis=1)
    prior = np.diag([0.0, SMALL_SHARE_SD**-2, STOPS_SD**-2, THREADS_SD**-2])
    alike = np.exp(-np.abs(began_s[:, None] - began_s[None, :]) / MOMENT_LASTS_S)
    in_common = (ROUND_SD**2 + MOMENT_SD**2 * alike) * (rounds[:, None] == rounds[None, :])
    without_sizes = np.linalg.inv(in_common + np.diag(_run_variance(relative) / counts))
    different = list(dict.fromkeys(configuration for _, configuration, _ in moments))
    is_of = np.array([[configuration == one for one in different] for _, configuration, _ in moments], dtype=np.float64)
    # Both matrices are projected on the sizes once: what follows is as small as they are few.
    seen, told = is_of.T @ without_sizes @ is_of, is_of.T @ without_sizes
    size_variance = np.full(len(different), SIZE_SD**2)
    for _ in range(SIZE_STEPS):
        shrunk = np.linalg.inv(np.diag(1 / size_variance) + seen)
        precision = without_sizes - told.T @ shrunk @ told
        fitted = np.linalg.solve(design.T @ precision @ design + prior, design.T @ precision @ log_cpu)
        of_size = shrunk @ (told @ (log_cpu - design @ fitted))
        unsure = np.diag(shrunk)
        size_variance = (SIZE_FREEDOM * SIZE_SD**2 + of_size**2 + unsure) / (SIZE_FREEDOM + 1)
    by_law = {configuration: float(row @ fitted) for (_, configuration, _), row in zip(moments, design, strict=True)}
    return {
        configuration: by_law[configuration] + float(own) for configuration, own in zip(different, of_size, strict=True)
    }


def _moments(keys: Sequence[Group], groups: Sequence[Sequence[Run]]) -> dict[tuple[int, Configuration, int], list[Run]]:
    """Runs by round, size and the moment at which they began; longer moments where there would be too many."""
    length_s = MOMENT_S
    while True:
        moments: dict[tuple[int, Configuration, int], list[Run]] = defaultdict(list)
        for (round_, configuration), runs in zip(keys, groups, strict=True):
            for run in runs:
                moments[round_, configuration, int(run.began_s / length_s)].append(run)
        if len(moments) <= max(MOST_MOMENTS, len(keys)):
            return moments
        length_s *= 2


def _run_variance(relative: Sequence[Sequence[float]]) -> float:
    """Variance of the CPU time of single runs, over their mean, from runs of one size in one round."""
    squares = sum(sum((run / _mean(runs) - 1) ** 2 for run in runs) for runs in relative)
    free = sum(len(runs) - 1 for runs in relative)
    return (squares + USUAL_RUNS * RUN_SD**2) / (free + USUAL_RUNS)


def _longer(
    keys: Sequence[Group], groups: Sequence[Sequence[Run]], slower: Floats, usual: Mapping[int, float]
) -> tuple[Floats, list[list[float]]]:
    """What speed and chance did to the durations of each group, shape (n,), and to each of its runs, log units.

    Each size has a curve of duration against CPU time, for each payload. It says what the size takes on average at the
    CPU times of all runs, and what it takes at that of one run.
    """
    working = [_working(key[1], runs) for key, runs in zip(keys, groups, strict=True)]
    follows = _follows(working, groups)
    of_group = []
    for runs, much in zip(groups, slower, strict=True):
        relative = np.log([run.cpu_ms / usual[run.payload] for run in runs])
        of_group.append(relative - relative.mean() + much)  # beside what the size itself needs
    everywhere = _evenly(np.sort(np.concatenate(of_group)), MOST_PLACES)
    expected = [np.zeros(len(runs)) for runs in groups]
    at_mean = [np.zeros(len(runs)) for runs in groups]
    curves: dict[tuple[Configuration, int], list[tuple[int, int]]] = defaultdict(list)
    for number, (key, runs) in enumerate(zip(keys, groups, strict=True)):
        for place, run in enumerate(runs):
            curves[key[1], run.payload].append((number, place))
    for (configuration, _), places in curves.items():
        slow = np.array([of_group[number][place] for number, place in places])
        cpu_ms, durations = np.array([groups[number][place][:2] for number, place in places]).T
        law = _limit(configuration, slow, cpu_ms, durations)
        if law is None:
            law = _line(_mean(working[number] for number, _ in places) * follows)
        curve = _DurationCurve.through(slow, durations, law)
        mean_ms = float(curve.at(everywhere).mean())
        for (number, place), own_ms in zip(places, curve.without_each(), strict=True):
            expected[number][place], at_mean[number][place] = own_ms, mean_ms
    longer = np.log([one.sum() / mean.sum() for one, mean in zip(expected, at_mean, strict=True)])
    runs_of = [np.log(one / mean).tolist() for one, mean in zip(expected, at_mean, strict=True)]
    return np.asarray(longer), runs_of


@dataclass(frozen=True, slots=True, eq=False)
class _DurationCurve:
    """Duration of a size against CPU time: a law, and what runs of about that CPU time say beside it.

    Attributes:
        slow: how much more CPU time than usual the runs took, log units, shape (n,).
        beside: their durations over those of the law, shape (n,).
        level: mean duration of the runs over that of the law.
        law: the line, or the CPU limit.
    """

    slow: Floats
    beside: Floats
    level: float
    law: Law

    @classmethod
    def through(cls, slow: Floats, durations: Floats, law: Law) -> _DurationCurve:
        """The curve of runs, given the law."""
        usual = durations / law(slow)
        level = math.fsum(usual) / len(usual)
        return cls(slow, np.clip(usual / level, 1 / MOST_BESIDE_LINE, MOST_BESIDE_LINE), level, law)

    def at(self, slow: Floats) -> Floats:
        """Duration in ms at CPU times, shape (m,)."""
        return self._from(slow, _kernel(slow, self.slow))

    def without_each(self) -> Floats:
        """Duration in ms at the CPU time of each run, as the other runs tell it, shape (n,)."""
        weights = _kernel(self.slow, self.slow)
        np.fill_diagonal(weights, 0.0)
        return self._from(self.slow, weights)

    def _from(self, slow: Floats, weights: Floats) -> Floats:
        beside = (LINE_RUNS + weights @ self.beside) / (LINE_RUNS + weights.sum(axis=1))
        return np.asarray(self.level * self.law(slow) * beside)


def _evenly(ordered: Floats, most: int) -> Floats:
    """Values that represent all, at most so many."""
    if len(ordered) <= most:
        return ordered
    return np.asarray(ordered[((np.arange(most) + 0.5) / most * len(ordered)).astype(int)])


def _line(part: float) -> Law:
    """What grows with the CPU time and what does not, over the whole at the usual CPU time."""
    return lambda slow: np.asarray(1 + part * np.expm1(slow))


def _limit(configuration: Configuration, slow: Floats, cpu_ms: Floats, durations: Floats) -> Law | None:
    """Durations in ms under the CPU limit alone; None: the runs take another time, as where they wait."""
    share = _share(configuration)
    if np.median(np.abs(np.log(durations / limited_ms(cpu_ms, share)))) > LIMITED:
        return None
    usual_ms = math.exp(float(np.mean(np.log(cpu_ms) - slow)))
    return lambda slow: limited_ms(usual_ms * np.exp(slow), share)


def _kernel(at: Floats, runs: Floats) -> Floats:
    """How much each run tells at each place, shape (places, runs)."""
    return np.asarray(np.exp(-0.5 * ((at[:, None] - runs[None, :]) / BANDWIDTH) ** 2))


def _follows(working: Sequence[float], groups: Sequence[Sequence[Run]]) -> float:
    """How much of what the share of work says a duration grows with the CPU time of its run: a line within groups.

    Less where a CPU share that is not used while the function waits is used afterwards.
    """
    across = squares = left = 0.0
    free = 0
    for part, runs in zip(working, groups, strict=True):
        logs = np.log([[run.cpu_ms, run.duration_ms] for run in runs])
        x, y = part * (logs[:, 0] - logs[:, 0].mean()), logs[:, 1] - logs[:, 1].mean()
        across, squares, left = across + float(x @ y), squares + float(x @ x), left + float((y - x) @ (y - x))
        free += len(runs) - 1
    variance = (left + USUAL_RUNS * RUN_SD**2) / (free + USUAL_RUNS)
    return min(1.0, max(0.0, (across + variance / FOLLOWS_SD**2) / (squares + variance / FOLLOWS_SD**2)))


def _spread(keys: Sequence[Group], longer: Floats, counts: Sequence[int]) -> float:
    """Standard deviation of the rounds, with a few usual rounds beside them."""
    rounds = sorted({round_ for round_, _ in keys})
    weights = np.array(
        [[count * (key[0] == round_) for key, count in zip(keys, counts, strict=True)] for round_ in rounds]
    )
    means = weights @ longer / weights.sum(axis=1)
    squares = float(np.sum((means - means.mean()) ** 2)) + USUAL_ROUNDS * USUAL_SPREAD**2
    return math.sqrt(squares / (len(rounds) - 1 + USUAL_ROUNDS))


def _working(configuration: Configuration, runs: Sequence[Run]) -> float:
    """Part of the duration in which the function works or is held back by its CPU share, rather than waits."""
    cpu_ms, duration_ms = _mean(run.cpu_ms for run in runs), _mean(run.duration_ms for run in runs)
    return min(1.0, cpu_ms / _share(configuration) / duration_ms)


def _faster(run: Invocation, slower: float, longer: float) -> Invocation:
    """A run, had the machine been at its mean speed."""
    if run.duration_ms is None or run.billed_duration_ms is None or not run.usable:
        return run
    duration_ms = run.duration_ms * math.exp(-longer)
    billed_ms = run.billed_duration_ms + math.ceil(duration_ms) - math.ceil(run.duration_ms)
    cpu_ms = None if run.cpu_ms is None else run.cpu_ms * math.exp(-slower)
    return replace(run, duration_ms=duration_ms, billed_duration_ms=billed_ms, cpu_ms=cpu_ms)


def _share(configuration: Configuration) -> float:
    return min(1.0, configuration.memory_mb / MB_PER_VCPU)


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return math.fsum(listed) / len(listed)
