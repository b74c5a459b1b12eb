"""What the 20 ms periods of the CPU share add to the noise of short runs."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.estimation.simulation import X86, measure
from tuner.estimation.estimate import fit
from tuner.estimation.layout import layout_of
from tuner.estimation.noise import LONGEST_JUMPY_MS, throttling_variance
from tuner.estimation.observations import runs_of
from tuner.model import Configuration, Sample, SearchSpace
from tuner.pricing.price_list import price_list

PRICES = price_list("us-east-1")
SPACE = SearchSpace((128, 3008), (X86,))


@pytest.mark.parametrize(
    ("memory_mb", "duration_ms", "may_jump"),
    [
        (512, 4.0, False),  # the quota of a period is 5.8 ms: it was never stopped
        (512, 30.0, True),
        (512, LONGEST_JUMPY_MS + 50, False),
        (1769, 30.0, False),  # a whole core is never taken away
    ],
)
def test_only_short_runs_that_used_up_a_quota_may_jump(memory_mb: int, duration_ms: float, may_jump: bool) -> None:
    samples = measure(lambda _: duration_ms, (memory_mb,), sd=0.0)
    layout = layout_of(SPACE, PRICES, {memory_mb})
    variance = throttling_variance(runs_of(samples, layout), layout)
    assert (variance > 0).all() == may_jump
    assert (variance == 0).all() == (not may_jump)


def test_whether_periods_show_is_learned_from_the_runs() -> None:
    """30 ms runs at 512 MB: steady ones are believed, jumpy ones are not."""

    def width(samples: list[Sample]) -> float:
        location = fit(samples, SPACE, PRICES, seed=1).location((Configuration(512, X86),))
        return float(np.ptp(np.quantile(location, (0.025, 0.975))))

    lengths = np.random.default_rng(3).uniform(24, 38, 6)
    jumpy = [
        sample
        for lane, ms in enumerate(lengths)
        for sample in measure(lambda _, ms=ms: float(ms), (512,), environments=1, sd=0.02, first_id=lane)
    ]
    steady = width(measure(lambda _: 30.0, (512,), environments=6, sd=0.02))
    assert steady < 0.12
    assert width(jumpy) > 1.5 * steady
