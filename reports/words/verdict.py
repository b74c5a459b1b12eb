"""The answer in words: the headline, how sure it is, and what to do next.

Every form of the report tells the same story with these sentences. Claims are made
only where the interval supports them: a saving whose interval spans zero is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.words.numbers import (
    Interval,
    configuration,
    count,
    milliseconds,
    money,
    per_million,
    percent,
    percent_range,
    plural,
    sentence,
)
from reports.words.rows import Result, key
from tuner.documents.decision import decision_evidence
from tuner.documents.result import RecommendationDocument, SavingDocument, backend_kind
from tuner.model import BackendKind
from tuner.search import decision
from tuner.search.decision import Confidence

STOPPED = {
    "complete": "everything that was asked for has been measured",
    "tolerance": "the expected loss fell below the tolerance",
    "economy": "a further trial would have cost more than it could be expected to save",
    "cannot_tell": "the noise is too large for more trials to decide",
    "max_invocations": "the budget of invocations was spent",
    "max_usd": "the budget of money was spent",
    "max_seconds": "the time was up",
    "interrupted": "it was interrupted",
    "all_failed": "no configuration gave a usable run",
    "function_changed": "the function was deployed meanwhile",
}
UNFINISHED = ("max_invocations", "max_usd", "max_seconds", "interrupted", "function_changed")
"""Reasons to stop before the question was settled."""
_LEVELS = {
    Confidence.HIGH: ("good", "Sure"),
    Confidence.MEDIUM: ("fair", "Fairly sure"),
    Confidence.LOW: ("poor", "Uncertain"),
    Confidence.NONE: ("none", "No answer"),
}
"""Badge and label of each level of confidence."""
_GOALS = {"cost": "cheapest", "speed": "fastest", "balanced": "best balanced"}
_LOSS = {
    "cost": "On average it costs {} more than the true best would.",
    "speed": "On average it takes {} longer than the true best would.",
    "balanced": "On average its balanced score is {} above that of the true best.",
}
_OTHER_GOALS = {"cost": "more speed", "speed": "less cost"}
WORTH_TELLING = 0.001
"""A smaller part of the loss is not told apart."""


@dataclass(frozen=True, slots=True)
class Headline:
    """The answer: what to use, what that brings, and what it costs."""

    choice: str
    claim: str
    money: str = ""

    def __str__(self) -> str:
        return sentence("; ".join(part for part in (f"{self.choice}: {self.claim}", self.money) if part))


@dataclass(frozen=True, slots=True)
class Certainty:
    """How sure the answer is: a word for a badge (`good`, `fair`, `poor`, `none`), and why."""

    level: str
    label: str
    reasons: tuple[str, ...]


def headline(result: Result) -> Headline:
    """The answer in one sentence with numbers."""
    recommended, current = result["recommendation"], result["current"]
    if recommended is None:
        return Headline("No recommendation", _nothing(result))
    choice = configuration(recommended)
    price = monthly(result, recommended["cost_usd"]["mean"])
    if current is not None and key(current) == key(recommended):
        goal = _GOALS[recommended["strategy"]]
        figures = milliseconds(recommended["duration_ms"]["mean"])
        return Headline(f"Keep {choice}", f"already the {goal} choice at {figures}", price)
    if result["saving"] is not None:
        return Headline(choice, versus_now(result["saving"]), price)
    goal = f"the {_GOALS[recommended['strategy']]} choice at {milliseconds(recommended['duration_ms']['mean'])}"
    return Headline(choice, goal, price)


def versus_now(saving: SavingDocument) -> str:
    """Cost and duration against the current configuration: `38% cheaper (35 to 41%) and 12% faster (…) than now`."""
    cost, speed = saving["ratio"], saving["duration_ratio"]
    unclear_cost, unclear_speed = _either_way(cost, "dearer", "cheaper"), _either_way(speed, "slower", "faster")
    if _unclear(cost) and _unclear(speed):
        return f"no clear difference from now in cost ({unclear_cost}) or duration ({unclear_speed})"
    told = [
        _change(interval, *words)
        for interval, words in ((cost, ("cheaper", "dearer")), (speed, ("faster", "slower")))
        if not _unclear(interval) and interval["mean"] > -1
    ]
    joint = " and " if (cost["mean"] > 0) == (speed["mean"] > 0) else " but "
    parts = [f"{joint.join(told)} than now"] if told else []
    if _unclear(cost):
        parts.append(f"at about the same cost ({unclear_cost})")
    if _unclear(speed):
        parts.append(f"about as fast ({unclear_speed})")
    parts += [
        _multiple(interval, word)
        for interval, word in ((cost, "cost"), (speed, "duration"))
        if not _unclear(interval) and interval["mean"] <= -1
    ]
    return ", ".join(parts) if told else f"{', '.join(parts)} of now"


def monthly(result: Result, cost: float) -> str:
    """What invocations at this cost come to: a month where the traffic is known, else for a million."""
    currency, invocations = result["prices"]["currency"], result["request"]["invocations_per_month"]
    if invocations:
        return f"{money(cost * invocations, currency)} a month at {count(invocations)} invocations"
    return f"{per_million(cost, currency)} per million invocations"


def confidence(result: Result) -> Certainty:
    """How sure the recommendation is, and what that rests on."""
    recommended, stopped = result["recommendation"], result["stopped_by"]
    ended = f"The search ended because {STOPPED[stopped]}."
    if recommended is None:
        return Certainty("none", "No answer", (ended, _effort(result)))
    level, label = _LEVELS[decision.confidence(decision_evidence(result))]
    if recommended["unmet"]:
        label = "No configuration meets the constraints"
    elif len(result["curve"]) == 1 and level == "fair":
        label = "No choice"
    reasons = [
        _loss(recommended)
        if len(result["curve"]) > 1
        else "It is the only configuration that can be recommended at all.",
        _effort(result),
        ended,
    ]
    if not recommended["measured"]:
        reasons.insert(1, "This very configuration was not measured: its figures come from the fitted curve.")
    if recommended["unmet"]:
        reasons.insert(0, recommended["unmet"])
    return Certainty(level, label, tuple(map(sentence, reasons)))


def origin(result: Result) -> tuple[str, str]:
    """Where it ran: a word for a badge, and what has to be said of it (empty for AWS)."""
    backend = backend_kind(result)
    if backend is BackendKind.LOCAL:
        return "Local estimate", (
            "Measured on this machine under Lambda's CPU share and memory limit, not in AWS. Ratios between sizes "
            "carry over better than milliseconds do; confirm with a short run in AWS before production."
        )
    if backend is BackendKind.SIMULATED:
        return "Simulated", "A simulated function: these numbers come from a known curve, and no real call was made."
    return "Measured in AWS", ""


def kind_of_run(result: Result) -> str:
    """Which runs the believed durations and costs are of."""
    request = result["request"]
    if request["only_cold_starts"]:
        return "a cold run"
    share = request["cold_start_share"]
    return f"a run, {percent(share)} of them cold" if share else "a warm run"


def partial(result: Result) -> str:
    """What to say of a run that ended before its question was settled; empty for others."""
    if result["stopped_by"] not in UNFINISHED:
        return ""
    return f"Partial result: {STOPPED[result['stopped_by']]}. What was measured until then is shown."


def trouble(result: Result) -> str:
    """What is wrong with the configuration in use, or with comparing against it; empty when nothing is."""
    current = result["current"]
    if current is None or current["duration_ms"] is not None or result["recommendation"] is None:
        return ""
    reason = next((item["reason"] for item in result["excluded"] if key(item) == key(current)), "")
    told = f"The configuration in use, {configuration(current)},"
    return f"{told} cannot be recommended: {reason}." if reason else f"{told} was not measured, so nothing is compared."


def next_step(result: Result) -> str:
    """What to do with the answer, in one sentence."""
    recommended, saving, backend = result["recommendation"], result["saving"], backend_kind(result)
    if recommended is None:
        return "Look at the errors below, repair what they name, and tune again."
    if backend is BackendKind.SIMULATED:
        return "Nothing to apply: tune a real function next."
    if result["current"] is not None and key(result["current"]) == key(recommended):
        return "Nothing to change. Tune again after the code or its traffic has changed."
    if saving is not None and saving["ratio"]["low"] <= 0 <= saving["ratio"]["high"]:
        if saving["duration_ratio"]["low"] <= 0:
            return "The difference is within the noise: there is no hurry to change. If you want to, this applies it:"
        return "Apply it for the speed; the cost stays about the same:"
    if backend is BackendKind.LOCAL:
        return "Confirm it in AWS with a short run, or set it in your template right away:"
    if result["current"] is not None and result["current"]["architecture"] != recommended["architecture"]:
        return (
            f"Build for {recommended['architecture']}, then apply it "
            "(pure Python or Node.js code needs no change, native dependencies do):"
        )
    return "Apply it, here or in your template:"


def _nothing(result: Result) -> str:
    failed = sum(1 for m in result["measurements"] if m["duration_ms"] is None)
    if result["measurements"] and failed == len(result["measurements"]):
        return f"all {plural(failed, 'configuration')} failed" if failed > 1 else "the only configuration failed"
    return STOPPED[result["stopped_by"]]


def _change(saved: Interval, better: str, worse: str) -> str:
    """`38% cheaper (35 to 41%)`."""
    if saved["mean"] > 0:
        return f"{percent(saved['mean'])} {better} ({percent_range(saved['low'], saved['high'])})"
    return f"{percent(-saved['mean'])} {worse} ({percent_range(-saved['high'], -saved['low'])})"


def _multiple(saved: Interval, what: str) -> str:
    """`at 4.1 times the duration (3.1 to 5.3)`: from twice on, shares are hard to read."""
    times, low, high = (f"{1 - saved[end]:.1f}" for end in ("mean", "high", "low"))
    return f"at {times} times the {what} ({low} to {high})"


def _unclear(saved: Interval) -> bool:
    """Whether the interval does not tell better from worse."""
    return bool(saved["low"] <= 0 <= saved["high"])


def _either_way(saved: Interval, worse: str, better: str) -> str:
    return f"{percent(abs(saved['low']))} {worse} to {percent(abs(saved['high']))} {better}"


def _effort(result: Result) -> str:
    measured = [m for m in result["measurements"] if m["runs"]]
    runs = plural(sum(m["runs"] for m in measured), "run")
    environments = plural(sum(m["environments"] for m in measured), "environment")
    sizes = plural(len(measured), "configuration")
    cold = sum(m["cold_starts"] for m in measured)
    return f"It rests on {runs} in {environments} at {sizes}" + (f", {cold:,} of them cold starts." if cold else ".")


def _loss(recommended: RecommendationDocument) -> str:
    """What the recommendation is expected to lose, and how much of that was given away for the other goal."""
    strategy, given = recommended["strategy"], recommended["given_to_ties"]
    loss = _LOSS[strategy].format(percent(recommended["expected_regret"]))
    if strategy not in _OTHER_GOALS or given < WORTH_TELLING:
        return loss
    return f"{loss.removesuffix('.')}; {percent(given)} of that is given away for {_OTHER_GOALS[strategy]}."


def why(result: Result) -> str:
    """The recommendation's reason as the search gave it; empty without one."""
    return str(result["recommendation"]["reason"]) if result["recommendation"] else ""
