"""Progress on stderr: what is measured, how far the run is, what it has spent, and the best guess.

On a terminal a few lines that are redrawn, below what must stay. Elsewhere a line a round, and one every
half minute. Whoever stops reading does not stop the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from reports.words.lines import labelled
from tuner.cli.progress.live_view import LINE_EVERY_S, LiveView
from tuner.cli.progress.pace import RoundPace, earlier_run_kept, named_sizes, pace, time_span
from tuner.cli.progress.tuning_lines import Standing, confidence_line, curve_lines, standing_of
from tuner.model import Outcome, Sample, Trial
from tuner.pricing.currency import currency_sign
from tuner.search.study import Study


class Progress(LiveView):
    """Shows a study as it goes; an observer of the loop.

    Args:
        quiet: show nothing.
        title: what is tuned, where that is one of several functions.
        clock: seconds, from any beginning.
    """

    def __init__(self, *, quiet: bool, title: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(quiet=quiet, clock=clock)
        self._title = f"{title}  " if title else ""
        self._study: Study | None = None
        self._round = 0
        self._round_began = self._began
        self._rounds_s = 0.0
        self._round_pace = RoundPace()
        self._waiting: dict[int, Trial] = {}
        self._missing: dict[int, int] = {}
        self._standing = Standing()

    def set_aside(self, place: Path) -> None:
        """Say where the earlier run of the same folder is."""
        self.keep(earlier_run_kept(place))

    def asked(self, study: Study, trials: Sequence[Trial]) -> None:
        """Say which sizes are measured now, and what would be recommended so far."""
        now = self._clock()
        if self._round:
            self._rounds_s += now - self._round_began
        self._study = study
        self._round += 1
        self._round_began = now
        self._round_pace.begin(now, sum(trial.invocations for trial in trials))
        self._waiting = {trial.id: trial for trial in trials}
        self._missing = {trial.id: trial.invocations for trial in trials}
        if study.samples and not self._quiet:
            self._standing = standing_of(study)
        if self._live is None:
            self.write(f"{self._head()}{self._best()}  measuring {_sizes(trials)}{self._pace()}")

    def told(self, study: Study, sample: Sample) -> None:
        """Count a sample in, and say what went wrong in it."""
        self._count(sample)
        failed = [run for run in sample.invocations if run.outcome is not Outcome.OK and not run.allowed]
        if failed:
            kinds = ", ".join(sorted({run.outcome.value.replace("_", " ") for run in failed}))
            self.keep(f"         {sample.configuration}: {len(failed)} of {len(sample.invocations)} runs: {kinds}")
        if self._live is None and self._clock() - self._said_at >= LINE_EVERY_S:
            self.write(self.heartbeat())

    def lines(self, width: int) -> list[str]:
        """What a terminal of this width shows now; no line is longer."""
        if self._study is None:
            return labelled(f"{self._title}reading the function", width, whole=False).splitlines()
        study = self._study
        expected = study.rounds[-1].expected_regret if study.rounds else None
        now = self._clock()
        found = [
            f"{self._head()}  {time_span(now - self._began)}{self._pace(self._round_pace.left_s(now))}",
            confidence_line(expected, study.objective.tolerance, width),
        ]
        if self._standing.best is not None:
            found.append(f"  best guess {self._standing.best}{self._figures()}")
        if self._standing.curve is not None:
            found += curve_lines(self._standing.curve, width)
        found.append(f"  waiting for {_sizes(list(self._waiting.values()))}")
        return labelled("\n".join(filter(None, found)), width, whole=False).splitlines()

    def _head(self) -> str:
        if self._study is None:
            return ""
        study, used = self._study, self._study.spent
        asked = sum(trial.invocations for round_ in study.rounds for trial in round_.trials)
        text = f"{self._title}round {self._round}  {used.invocations:,}/{study.budget.max_invocations or asked:,} runs"
        return text if study.free else f"{text}  {currency_sign(study.prices.currency)}{used.usd:.6f}"

    def _best(self) -> str:
        return f"  best guess {self._standing.best}" if self._standing.best else ""

    def _figures(self) -> str:
        from reports.words.numbers import milliseconds, per_million

        currency = self._study.prices.currency if self._study else "USD"
        standing = self._standing
        return f": {milliseconds(standing.duration_ms)}, {per_million(standing.cost_usd, currency)} per million"

    def _count(self, sample: Sample) -> None:
        """Count the runs of a sample in: those of one environment of a trial, or some of them."""
        self._round_pace.told(self._clock(), len(sample.invocations))
        if sample.trial_id in self._missing:
            self._missing[sample.trial_id] -= len(sample.invocations)
            if self._missing[sample.trial_id] <= 0:
                self._waiting.pop(sample.trial_id, None)

    def _pace(self, left_s: float | None = None) -> str:
        """What is left of this round, or how long one has taken. Free runs go on until they are sure."""
        study = self._study
        expected = study.rounds[-1].expected_regret if study and study.rounds and not study.free else None
        tolerance = study.objective.tolerance if study else 0.0
        return pace(self._round - 1, self._rounds_s, expected, tolerance, left_s)

    def heartbeat(self) -> str:
        """What the round still waits for."""
        if self._study is None:
            return ""
        return f"{self._head()}  waiting for {_sizes(list(self._waiting.values()))}"

    def style_of(self, line: str) -> str:
        """The best guess and the curve stand out."""
        return "bold" if line.startswith("  best") else "cyan" if "█" in line else ""


def _sizes(trials: Sequence[Trial]) -> str:
    if not trials:
        return "the last runs"
    return named_sizes(list(dict.fromkeys(str(trial.configuration) for trial in trials)))
