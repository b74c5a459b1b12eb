"""The exit codes of `tuner compare` for results in which runs fail, by the command line itself.

The results hold real runs of one curve; which of them fail is set. Knows nothing of statistics.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.regression.intervals import PRICES, sampled
from benchmarks.regression.real_runs import Curve, configuration
from tuner.cli.main import run
from tuner.documents.result_builder import build_result
from tuner.model import (
    BackendKind,
    FunctionError,
    FunctionIdentity,
    Invocation,
    Objective,
    Outcome,
    SamplerName,
    SearchSpace,
)
from tuner.search.grid import GridSampler
from tuner.search.study import Study
from tuner.settings import Settings

RUNS, ENVIRONMENTS = 40, 4


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed runs of `RUNS` on either side, and the exit code that they should have."""

    baseline: int
    candidate: int
    expected: int


CASES = (Failures(1, RUNS, 3), Failures(0, RUNS, 3), Failures(0, 0, 0), Failures(RUNS, 0, 2))


@dataclass(frozen=True, slots=True)
class ExitCode:
    """What `tuner compare` ended with."""

    baseline: str
    candidate: str
    expected: int
    code: int

    @property
    def right(self) -> bool:
        """Whether it is the expected one."""
        return self.code == self.expected


def exit_codes(curve: Curve, seed: int) -> list[ExitCode]:
    """Compare results of one curve in which so many runs fail."""
    found = []
    for case in CASES:
        rng = np.random.default_rng([seed, case.baseline, case.candidate])
        with tempfile.TemporaryDirectory(prefix="tuner-benchmark-") as folder:
            paths = [Path(folder, name) for name in ("baseline.json", "candidate.json")]
            for path, failed in zip(paths, (case.baseline, case.candidate), strict=True):
                path.write_text(_result(curve, failed, rng))
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                code = run(["compare", *map(str, paths)])
        found.append(ExitCode(_failed(case.baseline), _failed(case.candidate), case.expected, code))
    return found


def _failed(count: int) -> str:
    return f"{count} of {RUNS} fail"


def _result(curve: Curve, failed: int, rng: np.random.Generator) -> str:
    where = configuration(curve)
    space = SearchSpace((where.memory_mb,), (where.architecture,), listed=True)
    study = Study(space, GridSampler(RUNS, ENVIRONMENTS), Objective(), PRICES)
    left = failed
    while trials := study.ask():
        for trial in trials:
            sample = sampled(trial, curve, rng)
            runs = [_failing(one) if index < left else one for index, one in enumerate(sample.invocations)]
            left -= min(left, len(runs))
            study.tell(replace(sample, invocations=tuple(runs)))
    settings = Settings("function", sampler=SamplerName.GRID, runs=RUNS, environments=ENVIRONMENTS)
    identity = FunctionIdentity("function", BackendKind.SIMULATED)
    document = build_result(study, identity, settings, created_at="2026-09-01T10:00:00Z", seconds=1.0)
    return json.dumps(document)


def _failing(one: Invocation) -> Invocation:
    return replace(one, outcome=Outcome.ERROR, error=FunctionError("KeyError", "'total'"))
