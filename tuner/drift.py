"""Whether the configuration in use is still close enough to the best one, after this release.

Reads one result document; measures nothing and compares no releases.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.errors import TunerError
from tuner.model import Interval

_UNKNOWN_HINT = "Tune the deployed function (by name or ARN), with a range that holds its size."


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the configuration in use is from the best one.

    Attributes:
        excess: how much more it costs (or takes) than the best, as a fraction, with its interval;
            infinite where it no longer works (it ran out of memory, it was refused).
        crossed: whether the expected excess lies above what is allowed.
        proved: whether its whole interval does.
        message: the same in a sentence.
    """

    excess: Interval
    crossed: bool
    proved: bool
    message: str


def drift(result: Mapping[str, Any], allowed: float) -> Drift:
    """Check the configuration in use against the recommended one of the same result.

    The excess is that of cost, or of duration under the speed strategy; under `balanced` it
    is the larger of the two.

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
    here, best = (f"{c['memory_mb']} MB {c['architecture']}" for c in (current, recommended))
    if here == best:
        return Drift(Interval(0.0, 0.0, 0.0), False, False, f"The configuration in use ({here}) is the best one.")
    for entry in result["excluded"]:
        if f"{entry['memory_mb']} MB {entry['architecture']}" == here:
            message = f"The configuration in use ({here}) no longer works: {entry['reason']}."
            return Drift(Interval(math.inf, math.inf, math.inf), True, True, message)
    if result["saving"] is None:
        raise TunerError(f"The configuration in use ({here}) was not judged.", _UNKNOWN_HINT)
    excess, what = _largest_excess(result["saving"], recommended["strategy"])
    crossed = excess.mean > allowed
    bound = f"{'above' if crossed else 'within'} the {allowed:.0%} allowed"
    message = (
        f"The configuration in use ({here}) {what} {excess.mean:.1%} more than {best} "
        f"({excess.low:.1%} to {excess.high:.1%}): {bound}."
    )
    return Drift(excess, crossed, excess.low > allowed, message)


def _largest_excess(saving: Mapping[str, Any], strategy: str) -> tuple[Interval, str]:
    figures = {"cost": ("ratio", "costs"), "speed": ("duration_ratio", "takes")}
    chosen = [figures[strategy]] if strategy in figures else list(figures.values())
    return max(((_excess(saving[name]), what) for name, what in chosen), key=lambda found: found[0].mean)


def _excess(saved: Mapping[str, float]) -> Interval:
    """Excess over the best from the part s that the best saves: 1/(1 - s) - 1."""
    mean, low, high = (1 / max(1 - saved[name], 1e-9) - 1 for name in ("mean", "low", "high"))
    return Interval(mean, low, high, saved.get("level", 0.95))
