"""The live view of a search of a simulated function on this terminal, once for each width that is asked for.

Not a test: `test_terminal.py` starts it. Its output is every word that the view may show.
"""

from __future__ import annotations

import fcntl
import struct
import sys
import termios
import threading
import time
from collections.abc import Sequence

from tests.unit.studies import SIZES, function_of, study_of
from tuner.cli.progress.tuning import Progress
from tuner.model import Budget
from tuner.search.adaptive import AdaptiveSampler
from tuner.search.loop import run
from tuner.search.study import Study
from tuner.simulated.backend import SimulatedBackend
from tuner.simulated.noise import SimulatedFaults, SimulatedNoise

MARK = "WORDS"
WIDE = 1000
FRAME_S = 0.3
"""The view is redrawn four times a second."""


def searched() -> Study:
    """A short search, whose smallest size is too small."""
    backend = SimulatedBackend(function_of(SimulatedNoise(), SimulatedFaults(out_of_memory_below_mb=200)), seed=1)
    study = study_of(SIZES, AdaptiveSampler(), budget=Budget(max_invocations=16))
    run(study, backend, stop=threading.Event(), clock=lambda: 0.0)
    return study


def show(study: Study, width: int) -> set[str]:
    """Show the last round of a search as it goes on; the words that a screen for every line shows."""
    if sys.stderr.isatty():
        fcntl.ioctl(sys.stderr, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    progress = Progress(quiet=False, clock=lambda: 0.0)
    found = set()
    sys.stderr.write(f"\nCOLUMNS {width}\n")
    with progress:
        found |= _words(progress)
        progress.asked(study, study.rounds[0].trials)
        for sample in study.samples[:2]:
            found |= _words(progress)
            progress.told(study, sample)
        time.sleep(FRAME_S)
        found |= _words(progress)
    return found


def _words(progress: Progress) -> set[str]:
    return {word for line in progress.lines(WIDE) for word in line.split()}


def main(widths: Sequence[int]) -> None:
    """Show the same search on a terminal of each width."""
    study = searched()
    found = {word for width in widths for word in show(study, width)}
    sys.stderr.write(f"\n{MARK}\n")
    sys.stdout.write(" ".join(sorted(found)))


if __name__ == "__main__":
    main([int(width) for width in sys.argv[1:]])
