"""Whether the configuration in use is still close enough to the best one, after this release.

Reads one result document; measures nothing and compares no releases.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tuner.documents.result import IntervalDocument, ResultDocument
from tuner.errors import TunerError
from tuner.model import Interval

_VERBS = {"cost": "costs", "speed": "takes", "balanced": "scores"}
_UNKNOWN_HINT = "Tune the deployed function (by name or ARN), with a range that holds its size."


@dataclass(frozen=True, slots=True)
class Excess:
    """How far the configuration in use is from the best one.

    Attributes:
        interval: how much more it costs (or takes) than the best, as a fraction, with its interval;
            infinite where it no longer works (it ran out of memory, it was refused).
        allowed: excess that is still accepted.
        message: the same in a sentence.
    """

    interval: Interval
    allowed: float
    message: str

    @property
    def crossed(self) -> bool:
        """Whether its whole interval lies above what is allowed."""
        return self.interval.low > self.allowed

    @property
    def decided(self) -> bool:
        """Whether its whole interval lies on one side of what is allowed."""
        return self.crossed or self.interval.high <= self.allowed


def excess_over_best(result: ResultDocument, allowed: float) -> Excess:
    """Check the configuration in use against the recommended one of the same result.

    The excess is that of what the strategy minimises: the cost, the duration, or the balanced score.

    Args:
        result: a result document.
        allowed: excess that is still accepted, as a fraction.

    Raises:
        TunerError: no configuration in use is known or judged, or nothing is recommended: that
            is no pass.
    """
    current, recommended = result["current"], result["recommendation"]
    if current is None or recommended is None:
        missing = "no configuration in use is known" if current is None else "nothing is recommended"
        raise TunerError(f"The configuration in use cannot be checked: {missing}.", _UNKNOWN_HINT)
    here, best = (f"{c['memory_mb']:,} MB {c['architecture']}" for c in (current, recommended))
    if here == best:
        return Excess(Interval(0.0, 0.0, 0.0), allowed, f"The configuration in use ({here}) is the best one.")
    for entry in result["excluded"]:
        if f"{entry['memory_mb']:,} MB {entry['architecture']}" == here:
            message = f"The configuration in use ({here}) no longer works: {entry['reason']}."
            return Excess(Interval(math.inf, math.inf, math.inf), allowed, message)
    if result["saving"] is None:
        raise TunerError(f"The configuration in use ({here}) was not judged.", _UNKNOWN_HINT)
    excess = _excess(result["saving"]["objective_ratio"])
    verb = _VERBS.get(recommended["strategy"], "loses")
    message = (
        f"The configuration in use ({here}) {verb} {excess.mean:.1%} more than {best} "
        f"({excess.low:.1%} to {excess.high:.1%})"
    )
    found = Excess(excess, allowed, message)
    return replace(found, message=f"{message}: {_judgement(found)}.")


def _judgement(found: Excess) -> str:
    if not found.decided:
        return f"not decided whether that is above the {found.allowed:.0%} allowed; a smaller --tolerance tells more"
    return f"{'above' if found.crossed else 'within'} the {found.allowed:.0%} allowed"


def _excess(saved: IntervalDocument) -> Interval:
    """Excess over the best from the part s that the best saves: 1/(1 - s) - 1."""
    mean, low, high = (1 / max(1 - value, 1e-9) - 1 for value in (saved["mean"], saved["low"], saved["high"]))
    return Interval(mean, low, high, saved["level"])
