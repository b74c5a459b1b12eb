"""How sure a recommendation is, in words: its level, and what that rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from reports.words.bounds import meets, within_bounds
from reports.words.numbers import percent, sentence
from reports.words.rows import Result
from reports.words.stops import ended
from tuner.documents.decision import decision_evidence
from tuner.plain_numbers import plural
from tuner.search import decision
from tuner.search.decision import Confidence, Doubt

_Metric = Literal["cost_usd", "duration_ms"]
LEAST_TOLD = 0.0005
"""An expected regret below this is not told as a number: it would read as 0%."""
WORTH_TELLING = 0.001
"""A smaller part of the expected regret is not told apart."""


_LABELS = {
    Confidence.HIGH: "High confidence",
    Confidence.MEDIUM: "Medium confidence",
    Confidence.LOW: "Low confidence",
    Confidence.NONE: "No answer",
}
_AWAY = {
    "cost": "It is expected to cost {} more than the best possible",
    "speed": "It is expected to take {} longer than the best possible",
    "balanced": "Its balanced score is expected to be {} from the best possible",
}
_BETTER = {"cost": "cost less", "speed": "be faster", "balanced": "balance cost and speed better"}
"""What another configuration would have to do. Under another strategy it would score better."""
_GIVEN: Mapping[str, tuple[_Metric, _Metric, str]] = {
    "cost": ("cost_usd", "duration_ms", "to be faster"),
    "speed": ("duration_ms", "cost_usd", "to be cheaper"),
}
"""What a strategy spends, what that buys, and the purpose in words."""


class Certainty(NamedTuple):
    """A level with its label, and the sentences that it rests on."""

    level: Confidence
    label: str
    reasons: tuple[str, ...]


def confidence(result: Result) -> Certainty:
    """How sure the recommendation is, and what that rests on."""
    recommended, stopped = result["recommendation"], f"Stopped: {ended(result)}."
    if recommended is None:
        return Certainty(Confidence.NONE, _LABELS[Confidence.NONE], (effort(result), stopped))
    alone = len(result["curve"]) == 1
    evidence = decision_evidence(result)
    level = decision.confidence(evidence)
    reasons = ["It is the only configuration that can be recommended at all." if alone else _distance(result, level)]
    if not recommended["measured"]:
        reasons.append("This very configuration was not measured: its figures come from the fitted curve.")
    # The headline tells the constraint, and the sentences above and below tell the two others.
    told = (Doubt.UNMET_CONSTRAINT, Doubt.ONLY_CANDIDATE, Doubt.UNFINISHED)
    if recommended["unmet"]:
        reasons.append("The confidence is low because what was asked for is not met")
    doubts = [decision.explain(doubt, evidence) for doubt in decision.doubts(evidence) if doubt not in told]
    if doubts:
        reasons.append(f"Not high, because {'; '.join(doubts)}")
    reasons += [effort(result), stopped]
    return Certainty(level, _LABELS[level], tuple(map(sentence, reasons)))


def effort(result: Result) -> str:
    """`51 test calls (30 cold, 21 warm) at 14 sizes.` Throttled ones did not run, and are told apart."""
    measured = [m for m in result["measurements"] if m["runs"]]
    calls = sum(m["runs"] for m in measured)
    cold = sum(m["cold_starts"] for m in measured)
    kinds = f" ({cold:,} cold, {calls - cold:,} warm)" if 0 < cold < calls else " (all cold)" if cold else ""
    both = len({m["architecture"] for m in measured}) > 1
    sizes = plural(len(measured), "configuration" if both else "size")
    throttled = sum(m["outcomes"]["throttled"] for m in result["measurements"])
    more = f"; {throttled:,} more {'was' if throttled == 1 else 'were'} throttled" if throttled else ""
    return f"{plural(calls, 'test call')}{kinds} at {sizes}{more}."


def _distance(result: Result, level: Confidence) -> str:
    """How far the recommendation may be from the best, and which part of that was spent on purpose.

    Where nothing better is expected, that is said as firmly as the confidence allows. What keeps it from being high is
    told apart.
    """
    recommended = result["recommendation"]
    assert recommended is not None
    strategy = recommended["strategy"]
    if recommended["unmet"]:
        return "No other configuration is likely to come nearer to what was asked for"
    if recommended["expected_regret"] < LEAST_TOLD:
        better, other = _BETTER.get(strategy, "score better"), _bounded(result, "other configuration")
        if level is Confidence.HIGH:
            return f"No {other} is likely to {better}"
        return f"By these runs no {other} would {better}"
    away = _AWAY.get(strategy, "It is expected to be {} from the best possible")
    away = _bounded(result, away.format(percent(recommended["expected_regret"])))
    purpose, given = spent_for(result), recommended["given_to_ties"]
    if purpose:
        return f"{away}; {_points(given)} of that were spent on purpose {purpose}"
    if given >= WORTH_TELLING and Doubt.EXPECTED_LOSS in decision.doubts(decision_evidence(result)):
        # The loss that lowers the confidence is without this part: alone, the two numbers would not agree.
        return f"{away}; {_points(given)} of that lie between sizes that count as alike"
    return away


def _bounded(result: Result, told: str) -> str:
    """Words for a part of all configurations: of those that meet the bounds, where there are any."""
    return " ".join(filter(None, [told, within_bounds(result)]))


def spent_for(result: Result) -> str:
    """Why a size that is a little better was not taken: `to be faster`; empty where none was passed over on purpose.

    A size that does better under the goal and worse under the other one was. So was one without runs of its own.
    """
    recommended = result["recommendation"]
    if recommended is None or recommended["given_to_ties"] < WORTH_TELLING:
        return ""
    strategy = recommended["strategy"]
    if strategy not in _GIVEN:
        return ""
    spent, bought, purpose = _GIVEN[strategy]
    better = [
        point for point in result["curve"] if point[spent]["mean"] < recommended[spent]["mean"] and meets(result, point)
    ]
    if any(point[bought]["mean"] > recommended[bought]["mean"] for point in better):
        return purpose
    estimated = any(not point["measured"] for point in better)
    return "for a configuration with runs of its own" if estimated and recommended["measured"] else ""


def _points(share: float) -> str:
    """A difference of percentages: `0.4 points`, never read as a share of another percentage."""
    return f"{percent(share).removesuffix('%')} points"
