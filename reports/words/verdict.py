"""The verdict in words: its kind, the headline, and what to do next.

Every form of the report says the same with these sentences. A claim is made only where its interval supports it.
Knows nothing of layouts.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from reports.words.bounds import within_bounds
from reports.words.confidence import spent_for
from reports.words.numbers import (
    Interval,
    configuration,
    count,
    memory,
    milliseconds,
    money,
    per_million,
    percent,
    percent_range,
    sentence,
    sign_of,
)
from reports.words.rows import Result, key
from reports.words.snippets import again, confirm, resume, to_fill_in
from reports.words.stops import STOPPED
from tuner.documents.decision import backend_kind, decision_evidence
from tuner.plain_numbers import as_given, plural
from tuner.question import raised_budget
from tuner.search.decision import UNFINISHED, Doubt, explain, objections
from tuner.vocabulary import BackendKind, StopReason

if TYPE_CHECKING:
    from tuner.documents.result import RecommendationDocument, SavingDocument

ABOUT_THE_SAME = 0.05
"""A mean change up to this may be called about the same."""
MUCH_FASTER = 0.5
"""From this saving of duration on the speed is told as a multiple. `85% faster` reads as less than twice as fast, and
is 6.9 times as fast."""
MOST_TYPES = 3
"""Types of errors that a sentence names."""
_OWN_TYPE = re.compile(r"(?!(?:Runtime|Sandbox|Extension|Function)\.)[A-Za-z_][\w.]{0,99}", re.ASCII)
"""A type of error that the function raised. Those of Lambda itself are never normal."""
_GOALS = {"cost": "cheapest", "speed": "fastest", "balanced": "best balanced"}
"""What to call the choice of a strategy. Another strategy is called by its name."""


class Kind(StrEnum):
    """What a result comes to. Each kind has a headline and a next step of its own."""

    APPLY = "apply"
    CONFIRM = "confirm"
    MEND = "mend"
    MEASURE_MORE = "measure-more"
    RESUME = "resume"
    NOTHING = "nothing"
    UNMET = "unmet"
    ONE_LEFT = "one-left"
    FAILED = "failed"


class Headline(NamedTuple):
    """The answer: what to use, what that brings, and what it costs."""

    choice: str
    claim: str
    money: str = ""

    def __str__(self) -> str:
        said = f"{self.choice}: {self.claim}" if self.choice else self.claim
        return sentence("; ".join(part for part in (said, self.money) if part))


class NextStep(NamedTuple):
    """What to do, and the command that does it; `applies` where the snippets that apply belong to it."""

    text: str
    command: str = ""
    applies: bool = False

    @property
    def to_fill_in(self) -> str:
        """What is left to do before the command works; empty: nothing."""
        return to_fill_in(self.command)


def kind(result: Result) -> Kind:
    """What the result comes to. What speaks against a decision comes before what speaks for one."""
    recommended, current = result["recommendation"], result["current"]
    if recommended is None:
        return Kind.FAILED
    if recommended["unmet"]:
        return Kind.UNMET
    evidence = decision_evidence(result)
    if evidence.fails_alike:
        return Kind.MEND
    if StopReason(result["stopped_by"]) in UNFINISHED:
        return Kind.RESUME
    if _alone(result) and result["excluded"]:
        return Kind.ONE_LEFT
    against = objections(evidence)
    if current is not None and key(current) == key(recommended) and not against:
        return Kind.NOTHING
    if against:
        return Kind.MEASURE_MORE
    return Kind.APPLY if backend_kind(result) is BackendKind.AWS else Kind.CONFIRM


def headline(result: Result) -> Headline:
    """The answer in one sentence with numbers."""
    recommended, current = result["recommendation"], result["current"]
    if recommended is None:
        return Headline("No recommendation", _nothing(result))
    choice = configuration(recommended)
    if recommended["unmet"]:
        return Headline("", f"Nothing meets {_missed(result)}", f"{choice} comes nearest{_nearest(result)}")
    price, fails = _money_of(result, recommended), failing(result)
    goal = f"{_goal(result, 'choice', 'choices')} at"
    if _alone(result):
        works = "is left" if fails else "works"
        goal = f"the only one that {works if result['excluded'] else 'was tried'}, at"
    goal = f"{goal} {milliseconds(recommended['duration_ms']['mean'])}"
    if fails:
        return Headline(choice, f"{goal}, but {fails}", price)
    if current is not None and key(current) == key(recommended) and not _alone(result):
        return Headline(f"Keep {choice}", f"already {goal}", price)
    if result["saving"] is None:
        return Headline(choice, goal, price)
    versus = versus_now(result["saving"])
    bounded = within_bounds(result) and not _alone(result)
    return Headline(choice, f"{versus}; {_goal(result)}" if bounded else versus, price)


def _goal(result: Result, one: str = "", several: str = "") -> str:
    """`the cheapest choice`, with the bounds that it was chosen under; of one that gave a little away, `among …`."""
    recommended, bounds = result["recommendation"], within_bounds(result)
    assert recommended is not None
    given = bool(spent_for(result))
    named = " ".join(filter(None, [goal_of(recommended), several if given else one, bounds]))
    return f"{'among ' if given else ''}the {named}{',' if one and (given or bounds) else ''}"


def failing(result: Result) -> str:
    """That runs fail, where those of all sizes or of the chosen one believably do so too often; else empty."""
    evidence = decision_evidence(result)
    if evidence.fails_alike:
        return explain(Doubt.FAILING_SIZES, evidence)
    own = evidence.own_runs
    too_often = own is not None and own.error_rate.believably_above(evidence.max_error_rate)
    return explain(Doubt.ERRORS, evidence) if too_often else ""


def next_step(result: Result) -> NextStep:
    """What to do with the answer, in one or two sentences, with the command."""
    return _NEXT[kind(result)](result)


def recommended_name(result: Result) -> str:
    """What the chosen configuration is called: where nothing meets the bounds it is the nearest, not recommended."""
    recommended = result["recommendation"]
    return "nearest" if recommended is not None and recommended["unmet"] else "recommended"


def versus_now(saving: SavingDocument) -> str:
    """Cost and duration against the current configuration: `38% cheaper (35 to 41%) and 12% faster (…) than now`."""
    cost, speed = saving["ratio"], saving["duration_ratio"]
    unclear_cost = f"{_at_worst(cost, 'more expensive', 'as expensive')} to {percent(cost['high'])} cheaper"
    unclear_speed = f"{_at_worst(speed, 'slower', 'as slow')} to {_faster(speed['high'])}"
    if _unclear(cost) and _unclear(speed):
        return f"no clear difference from now in cost ({unclear_cost}) or duration ({unclear_speed})"
    told = [
        change(interval)
        for interval, change in ((cost, _change_of_cost), (speed, _change_of_speed))
        if not _unclear(interval) and interval["mean"] > -1
    ]
    joint = " and " if (cost["mean"] > 0) == (speed["mean"] > 0) else " but "
    than = "as" if not _unclear(speed) and _much_faster(speed) else "than"
    parts = [f"{joint.join(told)} {than} now"] if told else []
    if _unclear(cost):
        parts.append(f"{_vaguely(cost, 'at about the same cost', 'cost unclear')} ({unclear_cost})")
    if _unclear(speed):
        parts.append(f"{_vaguely(speed, 'about as fast', 'duration unclear')} ({unclear_speed})")
    parts += [
        _multiple(interval, word)
        for interval, word in ((cost, "cost"), (speed, "duration"))
        if not _unclear(interval) and interval["mean"] <= -1
    ]
    return ", ".join(parts) if told else f"{', '.join(parts)} of now"


def _money_of(result: Result, recommended: RecommendationDocument) -> str:
    """What changing saves a month, where that is proved; else what the recommendation costs."""
    saved = result["saving"] and result["saving"]["per_month_usd"]
    invocations, currency = result["request"]["invocations_per_month"], result["prices"]["currency"]
    if saved and invocations and saved["low"] > 0:
        return f"saves {money(saved['mean'], currency)} a month at {count(invocations)} invocations"
    return f"costs {monthly(result, recommended['cost_usd']['mean'])}"


def monthly(result: Result, cost: float) -> str:
    """What invocations at this cost come to: a month where the traffic is known, else for a million."""
    currency, invocations = result["prices"]["currency"], result["request"]["invocations_per_month"]
    if invocations:
        return f"{money(cost * invocations, currency)} a month at {count(invocations)} invocations"
    return f"{per_million(cost, currency)} per million invocations"


def partial(result: Result) -> str:
    """What to say of a run that ended before its question was settled; empty for others."""
    if StopReason(result["stopped_by"]) not in UNFINISHED:
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


def why(result: Result) -> str:
    """The recommendation's reason as the search gave it; empty without one."""
    return str(result["recommendation"]["reason"]) if result["recommendation"] else ""


def _apply(result: Result) -> NextStep:
    recommended, current, saving = result["recommendation"], result["current"], result["saving"]
    assert recommended is not None
    if saving is not None and _unclear(saving["ratio"]):
        if saving["duration_ratio"]["low"] <= 0:
            return NextStep("The difference is within the noise: there is no hurry. This applies it:", applies=True)
        told = _vaguely(saving["ratio"], "the cost stays about the same", "the cost is unclear")
        return NextStep(f"Apply it for the speed; {told}:", applies=True)
    if current is not None and current["architecture"] != recommended["architecture"]:
        return NextStep(
            f"Build for {recommended['architecture']}, then apply it. "
            "Rebuild native dependencies; pure Python and Node.js code needs no change:",
            applies=True,
        )
    if current is None:
        return NextStep("Apply it. The current configuration is not known, so nothing is compared:", applies=True)
    return NextStep("Apply it, here or in your template:", applies=True)


def _confirm(result: Result) -> NextStep:
    if backend_kind(result) is BackendKind.SIMULATED:
        return NextStep("Nothing to apply: tune a real function next.")
    text = "Confirm it with a short run in AWS, then apply it. FUNCTION is its name there:"
    return NextStep(text, confirm(result), applies=True)


def _mend(result: Result) -> NextStep:
    told = explain(Doubt.FAILING_SIZES, decision_evidence(result))
    named = ",".join(_error_types(result))
    allowed = f"--allowed-exceptions {named}" if named else "--allowed-exceptions with their types"
    normal = f"Where such errors are normal, add {allowed}, or a higher --max-error-rate"
    return NextStep(f"Mend the function first: {told}. Then tune again. {normal}:", again(result))


def _error_types(result: Result) -> list[str]:
    """The most frequent types of the function's own errors that a command can name as they are, and does not yet."""
    times: Counter[str] = Counter()
    known = result["request"]["allowed_exceptions"]
    for error in (error for measurement in result["measurements"] for error in measurement["errors"]):
        if error["type"] not in known and _OWN_TYPE.fullmatch(error["type"]):
            times[error["type"]] += error["count"]
    return [kind for kind, _ in times.most_common(MOST_TYPES)]


def _measure_more(result: Result) -> NextStep:
    stopped, found = StopReason(result["stopped_by"]), objections(decision_evidence(result))
    reasons = "; ".join(found)
    if stopped is StopReason.CANNOT_TELL:
        hardly = "More test calls of this payload would hardly decide"
        more = f": {reasons}" if len(found) > 1 else ""
        return NextStep(
            f"{hardly}{more}. Tune with one that does more work, or find out why its runs vary:", again(result)
        )
    as_many = f"As many test calls again cost about {_price_of_tuning(result)}:"
    if stopped is StopReason.ECONOMY:
        told = f"Leave the function as it is, or measure more than it is expected to save: {reasons}. {as_many}"
    else:
        told = f"Measure more before you decide: {reasons}. {as_many}"
    return NextStep(told, again(result, halve_tolerance=True))


def _resume(result: Result) -> NextStep:
    stopped = result["stopped_by"]
    if stopped == "function_changed":
        return NextStep("The function was deployed while it was measured. Tune the new code:", again(result))
    raised = raised_budget(result)
    more = f" with a higher {raised.flag}" if raised else ""
    return NextStep(f"Go on{more}; what was measured is kept:", resume(result))


def _keep(result: Result) -> NextStep:
    if _alone(result):
        return NextStep(
            "It is in use already. Tune with other sizes to compare it with them:", again(result, same_sizes=False)
        )
    return NextStep("Nothing to change. Tune again after the code or its traffic has changed.")


def _unmet(result: Result) -> NextStep:
    recommended = result["recommendation"]
    assert recommended is not None
    relax = "Relax one of the bounds" if len(_bounds(result)) > 1 else "Relax the bound"
    nearest = f"{configuration(recommended)} comes nearest{_nearest(result)}"
    return NextStep(f"{relax}, or make the function faster. {nearest}.")


def _one_left(_result: Result) -> NextStep:
    return NextStep(
        "Look at why the other sizes failed, and tune again. This is what applies the one that works:", applies=True
    )


def _failed(result: Result) -> NextStep:
    if StopReason(result["stopped_by"]) in UNFINISHED and not any(m["errors"] for m in result["measurements"]):
        return NextStep(f"No test call ended. {_resume(result).text}", _resume(result).command)
    return NextStep("Look at what failed, repair it, and tune again.")


_NEXT = {
    Kind.APPLY: _apply,
    Kind.CONFIRM: _confirm,
    Kind.MEND: _mend,
    Kind.MEASURE_MORE: _measure_more,
    Kind.RESUME: _resume,
    Kind.NOTHING: _keep,
    Kind.UNMET: _unmet,
    Kind.ONE_LEFT: _one_left,
    Kind.FAILED: _failed,
}


def _alone(result: Result) -> bool:
    """Whether nothing else can be recommended: no other size works, or none was asked for."""
    return len(result["curve"]) == 1


def _bounds(result: Result) -> list[tuple[str, str]]:
    """Each bound that the recommendation misses, and what it reaches: `p95 ≤ 50 ms`, `a p95 of 853 ms`."""
    recommended, currency = result["recommendation"], result["prices"]["currency"]
    assert recommended is not None
    asked = result["request"]["constraints"]
    p95, cost, least = asked["max_p95_ms"], asked["max_cost_per_million_usd"], asked["min_memory_mb"]
    reached_p95, reached_cost = recommended["p95_ms"]["mean"], recommended["cost_usd"]["mean"]
    found = []
    if p95 and reached_p95 > p95:
        found.append((f"p95 ≤ {as_given(p95)} ms", f"a p95 of {milliseconds(reached_p95)}"))
    if cost and reached_cost * 1e6 > cost:
        most = f"{sign_of(currency)}{as_given(cost)}"
        found.append((f"cost ≤ {most} a million", f"{per_million(reached_cost, currency)} a million"))
    if least and recommended["memory_mb"] < least:
        found.append((f"memory ≥ {memory(least)}", memory(recommended["memory_mb"])))
    return found


def _missed(result: Result) -> str:
    return " and ".join(bound for bound, _ in _bounds(result)) or "all constraints together"


def _nearest(result: Result) -> str:
    """What the configuration that comes nearest reaches instead; other ones may do better in one of several bounds."""
    reached = " and ".join(reached for _, reached in _bounds(result))
    return f", with {reached}" if reached else ""


def _price_of_tuning(result: Result) -> str:
    tuning, currency = result["tuning"], result["prices"]["currency"]
    if backend_kind(result) is not BackendKind.AWS:
        return f"nothing here, and {tuning['seconds']:.0f} s"
    return money(tuning["cost_usd"], currency)


def _nothing(result: Result) -> str:
    failed = sum(1 for m in result["measurements"] if m["duration_ms"] is None)
    if result["measurements"] and failed == len(result["measurements"]):
        return f"all {plural(failed, 'configuration')} failed" if failed > 1 else "the only configuration failed"
    return STOPPED[result["stopped_by"]]


def _change_of_cost(saved: Interval) -> str:
    return _change(saved, "cheaper", "more expensive")


def _change_of_speed(saved: Interval) -> str:
    """`12% faster (10 to 14%)`, from half the duration on `6.9 times as fast (5.0 to 9.1)`."""
    if not _much_faster(saved):
        return _change(saved, "faster", "slower")
    return f"{_faster(saved['mean'])} ({_times_as_fast(saved['low'])} to {_times_as_fast(saved['high'])})"


def _much_faster(saved: Interval) -> bool:
    return saved["mean"] >= MUCH_FASTER and saved["high"] < 1


def _faster(saved: float) -> str:
    """`3.0% faster`, from half the duration on `2.4 times as fast`."""
    if MUCH_FASTER <= saved < 1:
        return f"{_times_as_fast(saved)} times as fast"
    return f"{percent(saved)} faster"


def _times_as_fast(saved: float) -> str:
    return f"{1 / (1 - saved):.1f}"


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


def _vaguely(saved: Interval, same: str, unclear: str) -> str:
    """Words for a change that is not proved: the same only where its mean is small."""
    return same if abs(saved["mean"]) <= ABOUT_THE_SAME else unclear


def _at_worst(saved: Interval, worse: str, multiple: str) -> str:
    """The low end of a change that is not proved: `2.0% slower`, from twice on `2.4 times as slow`."""
    return f"{1 - saved['low']:.1f} times {multiple}" if saved["low"] <= -1 else f"{percent(-saved['low'])} {worse}"


def goal_of(recommended: RecommendationDocument) -> str:
    """What a recommendation is under its strategy, e.g. cheapest."""
    strategy = recommended["strategy"]
    plain = strategy.isascii() and strategy.isalpha()
    return _GOALS.get(strategy, f"best ({strategy})" if plain else "best")
