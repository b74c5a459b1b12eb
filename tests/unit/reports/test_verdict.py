"""The answer in words: claims only where intervals support them, and something sensible in every situation."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from reports import html, markdown, terminal
from reports.first_screen import savings
from reports.words import verdict
from reports.words.confidence import confidence, spent_for
from reports.words.flat_zone import worth_knowing
from reports.words.numbers import configuration, milliseconds, money, per_million
from reports.words.origin import origin
from reports.words.rows import key, own_errors
from reports.words.verdict import Kind
from tests.unit.reports.results import result
from tests.unit.reports.shown import text_of
from tuner.documents.decision import backend_kind
from tuner.search.decision import Confidence
from tuner.vocabulary import NOISY_HOST, BackendKind


def interval(mean: float, low: float, high: float) -> dict[str, float]:
    return {"mean": mean, "low": low, "high": high}


@pytest.mark.parametrize(
    ("cost", "duration", "told"),
    [
        ((0.38, 0.35, 0.41), (0.12, 0.1, 0.14), "38% cheaper (35 to 41%) and 12% faster (10 to 14%) than now"),
        ((0.38, 0.35, 0.41), (-0.2, -0.3, -0.1), "38% cheaper (35 to 41%) but 20% slower (10 to 30%) than now"),
        (
            (0.38, 0.35, 0.41),
            (0.01, -0.02, 0.03),
            "38% cheaper (35 to 41%) than now, about as fast (2.0% slower to 3.0% faster)",
        ),
        (
            (0.38, 0.35, 0.41),
            (-3.1, -4.3, -2.1),
            "38% cheaper (35 to 41%) than now, at 4.1 times the duration (3.1 to 5.3)",
        ),
        (
            (0.01, -0.02, 0.03),
            (0.01, -0.02, 0.03),
            (
                "no clear difference from now in cost (2.0% more expensive to 3.0% cheaper) "
                "or duration (2.0% slower to 3.0% faster)"
            ),
        ),
        (
            (0.14, -2.0, 0.3),
            (0.2, -2.4, 0.74),
            (
                "no clear difference from now in cost (3.0 times as expensive to 30% cheaper) "
                "or duration (3.4 times as slow to 3.8 times as fast)"
            ),
        ),
        (
            (-1.6, -2, -1.2),
            (0.5, 0.4, 0.6),
            "2.0 times as fast (1.7 to 2.5) as now, at 2.6 times the cost (2.2 to 3.0)",
        ),
        (
            (0.38, 0.35, 0.41),
            (0.855, 0.8, 0.89),
            "38% cheaper (35 to 41%) and 6.9 times as fast (5.0 to 9.1) as now",
        ),
        (
            (-0.1, -0.12, -0.08),
            (0.855, 0.8, 0.89),
            "10% more expensive (8 to 12%) but 6.9 times as fast (5.0 to 9.1) as now",
        ),
        (
            (0.01, -0.02, 0.03),
            (0.855, 0.8, 0.89),
            "6.9 times as fast (5.0 to 9.1) as now, at about the same cost (2.0% more expensive to 3.0% cheaper)",
        ),
        (
            (0.38, 0.35, 0.41),
            (0.3, -0.1, 0.6),
            "38% cheaper (35 to 41%) than now, duration unclear (10% slower to 2.5 times as fast)",
        ),
    ],
)
def test_savings_are_told_as_their_intervals_allow(
    cost: tuple[float, float, float], duration: tuple[float, float, float], told: str
) -> None:
    saving = {"ratio": interval(*cost), "duration_ratio": interval(*duration)}
    assert verdict.versus_now(saving) == told


def test_the_headline_has_choice_saving_and_monthly_cost() -> None:
    document = result("aws")
    told = str(verdict.headline(document))
    assert told.startswith(f"{document['recommendation']['memory_mb']:,} MB on arm64: ")
    assert "cheaper" in told
    saved = money(document["saving"]["per_month_usd"]["mean"])
    assert told.endswith(f" as now; saves {saved} a month at 20 million invocations.")


def test_where_no_saving_is_proved_the_headline_tells_the_cost() -> None:
    document = result("aws")
    document["saving"]["per_month_usd"]["low"] = -1.0
    cost = money(document["recommendation"]["cost_usd"]["mean"] * document["request"]["invocations_per_month"])
    assert f"; costs {cost} a month at " in str(verdict.headline(document))


def test_the_best_configuration_is_kept() -> None:
    document = result("already-best")
    assert str(verdict.headline(document)).startswith("Keep 128 MB on x86_64: already the cheapest choice")
    assert verdict.next_step(document).text.startswith("Nothing to change")


def test_without_any_usable_run_nothing_is_recommended() -> None:
    document = result("all-failed")
    assert str(verdict.headline(document)) == "No recommendation: all 6 configurations failed."
    assert confidence(document).level == "none"


def test_a_current_configuration_that_fails_is_named_with_the_reason() -> None:
    assert "512 MB on x86_64" in verdict.trouble(result("throttled"))
    assert "timed out" in verdict.trouble(result("throttled"))
    assert verdict.trouble(result("aws")) == ""


def test_local_and_simulated_results_say_that_they_are_estimates() -> None:
    assert origin(result("local"))[0] == "Local estimate"
    assert "not in AWS" in origin(result("local"))[1]
    assert "no real call" in origin(result("simulated"))[1]
    assert origin(result("aws"))[1] == ""


def test_errors_that_count_as_normal_runs_are_told_as_such() -> None:
    document = result("flaky")
    (kind,) = {error["type"] for m in document["measurements"] for error in m["errors"]}
    assert {where.endswith(", allowed") for where, *_ in own_errors(document)} == {False}
    document["request"]["allowed_exceptions"] = [kind]
    assert {where.endswith(", allowed") for where, *_ in own_errors(document)} == {True}
    assert kind not in verdict.next_step(document).text


def test_a_partial_result_says_so_and_never_has_high_confidence() -> None:
    document = result("partial")
    assert "interrupted" in verdict.partial(document)
    assert confidence(document).level is not Confidence.HIGH
    document["recommendation"] |= {"expected_regret": 0.001, "given_to_ties": 0.0, "chance_of_miss": 0.0}
    assert confidence(document).level is Confidence.MEDIUM


def test_a_constraint_that_nothing_meets_is_the_headline_and_said_once() -> None:
    document = result("unmet")
    nearest = document["recommendation"]
    comes = f"{nearest['memory_mb']:,} MB on {nearest['architecture']} comes nearest"
    reached = f"a p95 of {milliseconds(nearest['p95_ms']['mean'])}"
    assert str(verdict.headline(document)) == f"Nothing meets p95 ≤ 50 ms; {comes}, with {reached}."
    assert verdict.next_step(document).text == (
        f"Relax the bound, or make the function faster. {comes}, with {reached}."
    )
    document["request"]["constraints"]["max_cost_per_million_usd"] = 0.1
    price = per_million(nearest["cost_usd"]["mean"], "USD")
    told = f"Nothing meets p95 ≤ 50 ms and cost ≤ $0.1 a million; {comes}, with {reached} and {price} a million."
    assert str(verdict.headline(document)) == told
    assert verdict.next_step(document).text.startswith("Relax one of the bounds, ")
    document = result("unmet")
    assert confidence(document).level is Confidence.LOW
    assert not any("constraint" in reason for reason in confidence(document).reasons)
    assert verdict.recommended_name(document) == "nearest"
    (chosen,) = [line for line in terminal.render(document, width=160).splitlines() if line.startswith("→")]
    assert chosen.endswith("nearest")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"max_p95_ms": 20.0}, "with p95 of at most 20 ms"),
        ({"max_cost_per_million_usd": 0.655}, "with cost of at most $0.655 per million"),
        ({"min_memory_mb": 1536}, "with memory of at least 1,536 MB"),
        (
            {"max_p95_ms": 1500.5, "max_cost_per_million_usd": 40.0, "min_memory_mb": 512},
            "with p95 of at most 1,500.5 ms, cost of at most $40 per million and memory of at least 512 MB",
        ),
        ({"memory_sizes_mb": [512, 768, 1024]}, "with memory of 512 to 1,024 MB"),
        ({"memory_sizes_mb": [512, 768, 10240]}, "with memory of at least 512 MB"),
        ({"memory_sizes_mb": [128, 768, 1024], "min_memory_mb": 256}, "with memory of 256 to 1,024 MB"),
        ({"memory_sizes_mb": [128, 768, 1024]}, "with memory of at most 1,024 MB"),
    ],
    ids=str,
)
@pytest.mark.parametrize("strategy", ["cost", "speed", "balanced"])
@pytest.mark.parametrize("saving", ["saving", ""])
def test_a_verdict_names_the_bounds_that_it_was_chosen_under(
    asked: dict[str, Any], told: str, strategy: str, saving: str
) -> None:
    document: dict[str, Any] = result("aws")
    for name, value in asked.items():
        request = document["request"]
        (request if name in request else request["constraints"])[name] = value
    document["recommendation"] |= {"strategy": strategy, "expected_regret": 0.0001, "given_to_ties": 0.0}
    document |= {} if saving else {"saving": None}
    goal = {"cost": "cheapest", "speed": "fastest", "balanced": "best balanced"}[strategy]
    claim = f"; the {goal} {told}; " if saving else f"the {goal} choice {told}, at "
    for form in (terminal.render(document, width=1000), markdown.render(document), text_of(html.render(document))):
        assert claim in form
        assert f"No other configuration {told} is likely to " in form
    document["recommendation"]["expected_regret"] = 0.02
    assert any(f" the best possible {told}" in reason for reason in confidence(document).reasons)


def test_a_range_that_the_account_or_the_machine_cuts_off_is_no_bound_of_the_question() -> None:
    document: dict[str, Any] = result("aws")
    document["request"]["memory_sizes_mb"] = [128, 1024, 3008]
    document["warnings"].append({"code": "sizes_left_out", "message": "More than 3,008 MB cannot be measured here."})
    assert "with memory" not in str(verdict.headline(document))


def test_what_misses_the_bounds_was_not_passed_over_on_purpose() -> None:
    document: dict[str, Any] = result("aws")
    document["recommendation"] |= {"expected_regret": 0.01, "given_to_ties": 0.002}
    beside(document, duration=1.3, cost=0.99)
    assert spent_for(document) == "to be faster"
    document["curve"][1]["p95_ms"]["mean"] *= 1.3
    document["request"]["constraints"]["max_p95_ms"] = document["recommendation"]["p95_ms"]["mean"] * 1.1
    assert spent_for(document) == ""


def test_the_only_candidate_is_told_as_such() -> None:
    sure = confidence(result("one-left"))
    assert sure.level is Confidence.MEDIUM
    assert "only configuration" in sure.reasons[0]


@pytest.mark.parametrize(
    ("regret", "level"), [(0.01, Confidence.HIGH), (0.05, Confidence.MEDIUM), (0.2, Confidence.LOW)]
)
def test_confidence_follows_the_expected_regret(regret: float, level: Confidence) -> None:
    document: dict[str, Any] = result("aws")
    document["recommendation"]["expected_regret"] = regret
    assert confidence(document).level is level


@pytest.mark.parametrize(
    ("strategy", "chance", "told"),
    [
        ("cost", 0.0, "No other configuration is likely to cost less."),
        ("speed", 0.0, "No other configuration is likely to be faster."),
        ("balanced", 0.0, "No other configuration is likely to balance cost and speed better."),
        ("own", 0.0, "No other configuration is likely to score better."),
        ("cost", 0.2, "By these runs no other configuration would cost less."),
        ("speed", 0.4, "By these runs no other configuration would be faster."),
    ],
)
def test_that_nothing_better_is_expected_is_said_as_firmly_as_the_confidence_allows(
    strategy: str, chance: float, told: str
) -> None:
    document: dict[str, Any] = result("aws")
    document["recommendation"] |= {"strategy": strategy, "expected_regret": 0.0, "given_to_ties": 0.0}
    document["recommendation"]["chance_of_miss"] = chance
    sure = confidence(document)
    assert (sure.level is Confidence.HIGH) is (chance == 0)
    assert sure.reasons[0] == told


@pytest.mark.parametrize(
    ("name", "regret", "chance", "ended"),
    [
        ("aws", 0.01, 0.0, "the expected loss is within the tolerance"),
        ("aws", 0.0, 0.2, "the expected loss is within the tolerance"),
        ("aws", 0.05, 0.0, "the expected loss was within the tolerance then"),
        ("unmet", 0.0, 0.0, "more test calls are unlikely to find one that comes nearer"),
    ],
)
def test_why_a_search_ended_agrees_with_how_sure_it_is(name: str, regret: float, chance: float, ended: str) -> None:
    document: dict[str, Any] = result(name)
    assert document["stopped_by"] == "tolerance"
    document["recommendation"] |= {"expected_regret": regret, "given_to_ties": 0.0, "chance_of_miss": chance}
    assert confidence(document).reasons[-1] == f"Stopped: {ended}."
    assert ended in html.render(document)


def test_the_loss_that_lowers_the_confidence_is_the_one_that_is_told_less_what_ties_gave_away() -> None:
    document: dict[str, Any] = result("aws")
    document["recommendation"] |= {"strategy": "balanced", "expected_regret": 0.046, "given_to_ties": 0.002}
    distance, doubts = (reason for reason in confidence(document).reasons if "4." in reason)
    assert distance.endswith("4.6% from the best possible; 0.2 points of that lie between sizes that count as alike.")
    assert "the expected loss is 4.4%" in doubts


def test_where_nothing_meets_a_constraint_it_is_not_called_the_best() -> None:
    document: dict[str, Any] = result("unmet")
    for regret in (0.0, 0.1):
        document["recommendation"]["expected_regret"] = regret
        assert confidence(document).reasons[0] == (
            "No other configuration is likely to come nearer to what was asked for."
        )


def test_what_was_spent_on_purpose_is_told_in_points_and_lowers_no_confidence() -> None:
    document: dict[str, Any] = result("aws")
    document["recommendation"] |= {"strategy": "speed", "expected_regret": 0.07, "given_to_ties": 0.06}
    beside(document, duration=0.94, cost=1.2)
    sure = confidence(document)
    assert sure.level is Confidence.HIGH
    told = "It is expected to take 7.0% longer than the best possible; 6.0 points of that were spent on purpose to be"
    assert any(reason.startswith(told) for reason in sure.reasons), sure.reasons


@pytest.mark.parametrize(
    ("strategy", "duration", "cost", "measured", "purpose"),
    [
        ("cost", 1.3, 0.99, True, "to be faster"),
        ("speed", 0.99, 1.3, True, "to be cheaper"),
        ("cost", 0.9, 0.99, False, "for a configuration with runs of its own"),
        ("cost", 0.9, 0.99, True, ""),
        ("cost", 1.3, 1.3, True, ""),
        ("balanced", 1.3, 0.99, True, ""),
    ],
)
def test_nothing_is_told_as_spent_on_purpose_that_bought_nothing(
    strategy: str, duration: float, cost: float, measured: bool, purpose: str
) -> None:
    document: dict[str, Any] = result("aws")
    document["recommendation"] |= {"strategy": strategy, "expected_regret": 0.01, "given_to_ties": 0.002}
    beside(document, duration=duration, cost=cost, measured=measured)
    (told,) = (reason for reason in confidence(document).reasons if "is expected to" in reason)
    assert told.endswith(f"; 0.2 points of that were spent on purpose {purpose}." if purpose else "the best possible.")


def beside(document: dict[str, Any], *, duration: float, cost: float, measured: bool = True) -> None:
    """Leave one other candidate, with so many times the duration and the cost of the recommended one."""
    own = {name: document["recommendation"][name] for name in document["curve"][0]}
    other = copy.deepcopy(own) | {"memory_mb": own["memory_mb"] + 1, "measured": measured}
    other["duration_ms"]["mean"] *= duration
    other["cost_usd"]["mean"] *= cost
    document["curve"] = [own, other]


def test_the_effort_is_counted_in_test_calls() -> None:
    document = result("aws")
    measured = document["measurements"]
    calls, cold = (sum(m[count] for m in measured) for count in ("runs", "cold_starts"))
    told = f"{calls} test calls ({cold} cold, {calls - cold} warm) at {len(measured)} configurations."
    assert told in confidence(document).reasons


def test_all_counts_of_failures_are_of_the_runs_that_the_table_shows() -> None:
    document = result("throttled")
    runs = {(m["memory_mb"], m["architecture"]): m["runs"] for m in document["measurements"]}
    now, best = document["current"], document["recommendation"]
    told = " ".join(text_of(html.render(document)).split())
    for item in document["excluded"]:
        assert item["reason"].endswith(f" of {runs[item['memory_mb'], item['architecture']]} runs")
    own = runs[best["memory_mb"], best["architecture"]]
    assert f"1 of its {own} runs failed" in told
    assert f"1 of {own} test calls" in told
    assert f"usable of {runs[now['memory_mb'], now['architecture']]} runs and 1 throttled call" in told
    assert f"{sum(runs.values())} test calls (11 cold, 40 warm) at 6 sizes; 9 more were throttled." in told


KINDS = {
    "aws": (Kind.APPLY, "{best}: ", "Build for arm64, then apply it."),
    "no-current": (
        Kind.APPLY,
        "1,024 MB on x86_64: the cheapest choice at ",
        "Apply it. The current configuration is not known",
    ),
    "local": (Kind.CONFIRM, "1,024 MB on x86_64: the cheapest choice at ", "Confirm it with a short run in AWS"),
    "simulated": (
        Kind.CONFIRM,
        "1,024 MB on x86_64: the cheapest choice at ",
        "Nothing to apply: tune a real function next.",
    ),
    "flaky": (Kind.MEND, "{best}: the cheapest choice at ", "Mend the function first: 16 of 48 runs failed, "),
    "throttled": (Kind.MEASURE_MORE, "1,024 MB on x86_64: ", "Measure more before you decide: the confidence is low"),
    "partial": (Kind.RESUME, "{best}: ", "Go on; what was measured is kept:"),
    "already-best": (Kind.NOTHING, "Keep 128 MB on x86_64: already the cheapest choice", "Nothing to change."),
    "unmet": (Kind.UNMET, "Nothing meets p95 ≤ 50 ms; ", "Relax the bound, or make the function faster."),
    "one-left": (Kind.ONE_LEFT, "3,008 MB on x86_64: the only one that works", "Look at why the other sizes failed"),
    "all-failed": (Kind.FAILED, "No recommendation: all 6 configurations failed.", "Look at what failed"),
}
"""Golden pages of every kind of verdict: how the headline and the next step begin. `{best}` is what is recommended."""
WITH_COMMAND = {Kind.MEND: "tuner tune ", Kind.MEASURE_MORE: "tuner tune ", Kind.RESUME: "--resume "}


@pytest.mark.parametrize("name", KINDS)
def test_headline_and_next_step_follow_the_kind_of_verdict(name: str) -> None:
    kind, headline, told = KINDS[name]
    document = result(name)
    step = verdict.next_step(document)
    assert verdict.kind(document) is kind
    best = configuration(document["recommendation"]) if document["recommendation"] else ""
    assert str(verdict.headline(document)).startswith(headline.format(best=best))
    assert step.text.startswith(told)
    assert WITH_COMMAND.get(kind, "") in step.command


def test_every_kind_of_verdict_has_a_golden_page() -> None:
    assert {kind for kind, _, _ in KINDS.values()} == set(Kind)


def test_a_single_size_that_was_asked_for_is_called_neither_the_best_nor_the_last_that_works() -> None:
    document: dict[str, Any] = result("one-left")
    best = document["recommendation"]
    document["excluded"] = []
    document["measurements"] = [m for m in document["measurements"] if m["memory_mb"] == best["memory_mb"]]
    assert verdict.kind(document) is Kind.APPLY
    assert str(verdict.headline(document)).startswith("3,008 MB on x86_64: the only one that was tried, at ")
    document["current"] = dict(best)
    assert verdict.kind(document) is Kind.NOTHING
    assert "Tune with other sizes" in verdict.next_step(document).text


def test_a_busy_machine_lowers_the_confidence_of_what_it_measured() -> None:
    document: dict[str, Any] = result("local")
    assert NOISY_HOST in [warning["code"] for warning in document["warnings"]]
    assert confidence(document).level is Confidence.MEDIUM
    document["warnings"] = []
    assert confidence(document).level is Confidence.HIGH


def test_a_bargain_and_a_flat_zone_are_told_in_a_sentence_each() -> None:
    document: dict[str, Any] = result("aws")
    document["plateau"] = {"low_mb": 160, "high_mb": 1536, "duration_at_low_ms": 1000.0, "duration_at_high_ms": 100.0}
    document["bargain"] = {"memory_mb": 1769, "architecture": "arm64", "cost_ratio": 1.06, "duration_ratio": 0.3125}
    document["request"]["tolerance"] = 0.04
    assert worth_knowing(document) == (
        "160 to 1,536 MB cost the same within 4.0%; 1,536 MB is 10 times as fast as 160 MB.",
        "6.0% more buys 3.2 times the speed: 1,769 MB on arm64.",
    )
    for form in (terminal, markdown, html):
        assert "6.0% more buys 3.2 times the speed: 1,769 MB on arm64." in form.render(document)
    document["bargain"] |= {"cost_ratio": 0.56, "duration_ratio": 1.07}
    assert worth_knowing(document)[1] == "7.0% more time saves 44% of the cost: 1,769 MB on arm64."
    document["plateau"] = document["bargain"] = None
    assert worth_knowing(document) == ()


def test_what_else_is_offered_names_the_bounds_that_it_was_chosen_under() -> None:
    document: dict[str, Any] = result("aws")
    document["bargain"] = {"memory_mb": 1769, "architecture": "arm64", "cost_ratio": 1.06, "duration_ratio": 0.3125}
    document["request"]["constraints"] |= {"max_p95_ms": 9000.5, "min_memory_mb": 256}
    bounds = "with p95 of at most 9,000.5 ms and memory of at least 256 MB"
    page = text_of(html.render(document))
    for form in (terminal.render(document, width=1000), markdown.render(document), page):
        assert f"1,769 MB on arm64, {bounds}." in form
    for form in (markdown.render(document), page):
        assert f"What each strategy recommends {bounds}" in form
    assert f"best trade-offs {bounds}: no other such configuration is both" in page
    document["recommendation"]["unmet"] = "No configuration meets the constraints."
    page = text_of(html.render(document))
    for form in (markdown.render(document), page):
        assert f"No configuration {bounds}: what comes nearest under each strategy" in form
    assert "best trade-offs: no other configuration is both" in page


def test_without_bounds_what_else_is_offered_names_none() -> None:
    page = text_of(html.render(result("aws")))
    assert "What each strategy recommends " in page
    assert "What each strategy recommends with" not in page
    assert "best trade-offs: no other configuration is both" in page


@pytest.mark.parametrize(("best", "fitted", "told"), [(None, "It misses.", "misses"), ("It misses.", None, "meets")])
def test_a_choice_of_the_fitted_curve_says_where_it_keeps_the_bounds_and_the_measured_one_does_not(
    best: str | None, fitted: str | None, told: str
) -> None:
    document: dict[str, Any] = result("grid")
    document["request"]["constraints"]["max_p95_ms"] = 20.0
    for item in (document["recommendation"], *document["alternatives"]):
        item["unmet"] = best
    document["curve_choice"]["unmet"] = fitted
    assert text_of(html.render(document)).count(f", which {told} the bounds") == 1


@pytest.mark.parametrize("name", KINDS)
def test_markdown_tells_the_next_step_of_the_verdict_with_its_command(name: str) -> None:
    step, form = verdict.next_step(result(name)), markdown.render(result(name))
    assert f"**What to do next:** {step.text}" in form
    assert step.command in form
    assert ("<summary>Apply it" in form) == (step.applies and "--memory-size" in form)


@pytest.mark.parametrize("name", KINDS)
def test_the_terminal_tells_the_next_step_of_the_verdict_with_a_command_to_paste(name: str) -> None:
    step, form = verdict.next_step(result(name)), terminal.render(result(name), width=60)
    shown = " ".join(form.replace(" \\\n", " ").split())
    command = " ".join(step.command.replace(" \\\n", " ").split())
    assert f"What to do next: {step.text} {command}".strip() in shown
    applied = "tuner apply result.json --dry-run tuner apply result.json" in shown
    assert applied == (step.applies and not step.command and backend_kind(result(name)) is BackendKind.AWS)


def test_a_change_that_is_not_proved_is_only_called_the_same_when_it_is_small() -> None:
    cost = interval(0.5, 0.4, 0.6)
    assert "about as fast" in verdict.versus_now({"ratio": cost, "duration_ratio": interval(0.01, -0.02, 0.03)})
    assert "duration unclear" in verdict.versus_now({"ratio": cost, "duration_ratio": interval(0.18, -0.02, 0.3)})


@pytest.mark.parametrize(("mean", "told"), [(-0.02, "the cost stays about the same"), (-0.2, "the cost is unclear")])
def test_the_next_step_calls_a_cost_the_same_only_where_the_headline_does(mean: float, told: str) -> None:
    document: dict[str, Any] = result("aws")
    document["saving"] |= {"ratio": interval(mean, mean - 0.1, 0.1)}
    assert verdict.kind(document) is Kind.APPLY
    assert f"for the speed; {told}:" in verdict.next_step(document).text


@pytest.mark.parametrize(
    ("ends", "label", "meaning"),
    [
        ((5.0, 9.0), "saves a month", "saves"),
        ((-9.0, -5.0), "costs more a month", "loses"),
        ((-1.0, 9.0), "saves, if anything, a month", "unclear"),
        ((-9.0, 1.0), "costs more, if anything, a month", "unclear"),
    ],
)
def test_the_colour_of_a_saving_follows_its_meaning(ends: tuple[float, float], label: str, meaning: str) -> None:
    document = result("aws")
    low, high = ends
    document["saving"]["per_month_usd"] |= {"low": low, "mean": (low + high) / 2, "high": high}
    found = savings(document)[0]
    assert (found.label, found.meaning) == (label, meaning)
    page = html.render(document)
    assert f'<tr class="saved {meaning}">' in page
    assert ".pair .loses b { color: var(--bad); }" in page
    assert ".pair b { color" not in page


def test_the_headline_says_that_runs_of_the_recommended_size_fail() -> None:
    document: dict[str, Any] = result("aws")
    best = document["recommendation"]
    (own,) = [m for m in document["measurements"] if (m["memory_mb"], m["architecture"]) == key(best)]
    assert verdict.failing(document) == ""
    runs = len(own["data"]["outcome"])
    own["runs"] = runs
    own["data"] |= {"outcome": ["ok", *["error"] * (runs - 1)], "usable": [True, *[False] * (runs - 1)]}
    own["outcomes"] = {**dict.fromkeys(own["outcomes"], 0), "ok": 1, "error": runs - 1}
    document["request"]["max_error_rate"] = 0.3  # all sizes together fail less often
    assert f"but {runs - 1} of its {runs} runs failed" in str(verdict.headline(document))


def test_the_only_size_that_is_left_does_not_work_where_its_runs_fail() -> None:
    document = result("one-left")
    assert "the only one that works, at" in str(verdict.headline(document))
    best = key(document["recommendation"])
    own = next(m for m in document["measurements"] if key(m) == best)
    runs = len(own["data"]["outcome"])
    own["data"] |= {"outcome": ["ok", *["error"] * (runs - 1)], "usable": [True, *[False] * (runs - 1)]}
    own["outcomes"] = {**dict.fromkeys(own["outcomes"], 0), "ok": 1, "error": runs - 1}
    assert "the only one that is left, at" in str(verdict.headline(document))


@pytest.mark.parametrize(
    ("name", "strategy", "told"),
    [
        ("local", "cost", "1,024 MB on x86_64: among the cheapest choices, at "),
        ("local", "speed", "1,024 MB on x86_64: among the fastest choices, at "),
        ("local", "balanced", "1,024 MB on x86_64: the best balanced choice at "),
        ("already-best", "cost", "Keep 128 MB on x86_64: already among the cheapest choices, at "),
    ],
)
def test_a_size_that_gives_a_little_for_the_other_goal_is_among_the_best(name: str, strategy: str, told: str) -> None:
    document = result(name)
    document["recommendation"] |= {"strategy": strategy, "given_to_ties": 0.002}
    duration, cost = (1.2, 0.99) if strategy == "cost" else (0.99, 1.2)
    beside(document, duration=duration, cost=cost)
    assert str(verdict.headline(document)).startswith(told)
    document["recommendation"]["given_to_ties"] = 0.0
    assert "among" not in str(verdict.headline(document))
