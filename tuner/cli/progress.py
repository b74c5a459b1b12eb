"""Progress on stderr: what is measured, how far, spent so far, the best yet.

On a terminal one line that is redrawn, below what must stay; elsewhere a line a round, and one every
half minute. Whoever stops reading does not stop the run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tuner.estimation.measured_belief import measured_belief
from tuner.model import Outcome, Sample, Trial
from tuner.pricing.price_list import currency_sign
from tuner.search.recommendation import recommend
from tuner.search.study import Study

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

LINE_EVERY_S = 30.0
"""How often a round that goes on is told where lines cannot be redrawn."""


class Progress:
    """Shows a study as it goes; an observer of the loop.

    Args:
        quiet: show nothing.
        clock: seconds, from any beginning.
    """

    def __init__(self, *, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet = quiet
        self._clock = clock
        self._said_at = clock()
        self._live: Live | None = None
        self._round = 0
        self._waiting: dict[int, Trial] = {}

    def __enter__(self) -> Progress:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._live:
            self._live.stop()

    def asked(self, study: Study, trials: Sequence[Trial]) -> None:
        """Say which sizes are measured now."""
        self._round += 1
        self._waiting = {trial.id: trial for trial in trials}
        self._show(f"{self._head(study)}  measuring {_sizes(trials)}")

    def told(self, study: Study, sample: Sample) -> None:
        """Count a sample in, and say what went wrong in it."""
        self._waiting.pop(sample.trial_id, None)
        failed = [run for run in sample.invocations if run.outcome is not Outcome.OK and not run.allowed]
        if failed:
            kinds = ", ".join(sorted({run.outcome.value.replace("_", " ") for run in failed}))
            self._keep(f"         {sample.configuration}: {len(failed)} of {len(sample.invocations)} runs: {kinds}")
        if self._live or self._clock() - self._said_at >= LINE_EVERY_S:
            self._show(f"{self._head(study)}  waiting for {_sizes(list(self._waiting.values()))}")

    def _head(self, study: Study) -> str:
        used = study.spent
        best = _best(study)
        asked = sum(trial.invocations for round_ in study.rounds for trial in round_.trials)
        text = f"round {self._round}  {used.invocations}/{study.budget.max_invocations or asked} runs"
        if not study.free:
            text += f"  {currency_sign(study.prices.currency)}{used.usd:.6f}"
        return f"{text}  best yet {best}" if best else text

    def _show(self, text: str) -> None:
        """Say what holds until the next time."""
        if self._live is None:
            self._write(text)
        else:
            self._live.update(_line(text))

    def _keep(self, text: str) -> None:
        """Say what must stay."""
        if self._live is None:
            self._write(text)
        else:
            self._live.console.print(_line(text))

    def _write(self, text: str) -> None:
        if self._quiet:
            return
        self._said_at = self._clock()
        try:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        except BrokenPipeError:
            self._quiet = True


def _line(text: str) -> Text:
    from rich.text import Text

    return Text(text, no_wrap=True, overflow="ellipsis")


def _best(study: Study) -> str:
    """The best measured configuration so far; plain statistics are quick enough for every round."""
    belief = measured_belief(study.samples, study.prices, seed=study.seed, draws=50)
    if not belief.candidates:
        return ""
    return str(recommend(belief, study.objective, study.prices).configuration)


def _sizes(trials: Sequence[Trial]) -> str:
    if not trials:
        return "the last runs"
    names = list(dict.fromkeys(str(trial.configuration) for trial in trials))
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
