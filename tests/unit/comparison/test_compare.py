"""Two result documents compared: what is called worse, better, the same, and what is refused."""

from __future__ import annotations

import json
from statistics import fmean, geometric_mean, median

import pytest

from benchmarks.regression.simulation import documents
from reports.words.comparison import headline
from tests.unit.comparison.documents import over_all, result
from tuner.comparison.comparison_document import comparison_document
from tuner.comparison.failures import failure_finding
from tuner.comparison.question import Metric, Question
from tuner.comparison.results import compare, usual_drift
from tuner.comparison.run_series import Tally
from tuner.comparison.verdicts import Verdict
from tuner.documents.comparison import comparison_schema
from tuner.documents.decision import configuration_of
from tuner.documents.validation import find_faults
from tuner.errors import InputError
from tuner.simulated.noise import SimulatedFaults

QUESTION = Question()
WORSE, SAME, OPEN = Verdict.WORSE, Verdict.SAME, Verdict.NOT_DECIDED


def test_a_slowdown_of_a_quarter_is_worse_in_duration_and_cost_at_every_configuration() -> None:
    found = compare(result(), result(0.25, seed=1), QUESTION)
    assert found.verdict is WORSE
    assert over_all(found, Metric.DURATION).verdict is WORSE
    effect = over_all(found, Metric.DURATION).effect
    assert effect is not None
    assert effect.low < 0.25 < effect.high
    assert sum(f.metric is Metric.DURATION and f.configuration is not None for f in found.findings) == 3


def test_a_duration_is_the_median_in_each_environment_and_a_cost_the_mean_of_all_its_runs() -> None:
    document = result(outlier_share=0.2, environments=3, runs=12)
    found = {(f.metric, f.configuration): f for f in compare(document, document, QUESTION).findings}
    for measurement in document["measurements"]:
        data, where = measurement["data"], configuration_of(measurement)
        runs: dict[int, list[tuple[float, float]]] = {}
        rows = zip(data["environment"], data["cold"], data["duration_ms"], data["billed_duration_ms"], strict=True)
        for environment, cold, ms, billed_ms in rows:
            if not cold:
                runs.setdefault(environment, []).append((ms, billed_ms))
        usd = document["prices"]["gb_second_usd"][where.architecture] * where.memory_mb / 1024 / 1000
        typical = [median(ms for ms, _ in own) for own in runs.values()]
        bills = [fmean(billed * usd + document["prices"]["request_usd"] for _, billed in own) for own in runs.values()]
        assert found[Metric.DURATION, where].baseline == pytest.approx(geometric_mean(typical))
        assert found[Metric.COST, where].baseline == pytest.approx(geometric_mean(bills))


def test_the_other_way_round_it_is_better() -> None:
    assert compare(result(0.25, seed=1), result(), QUESTION).verdict is Verdict.BETTER


def test_the_same_function_is_proved_the_same_with_enough_environments() -> None:
    steady = {"environments": 17, "runs": 68, "outlier_share": 0.0}
    assert compare(result(**steady), result(seed=1, **steady), QUESTION).verdict is SAME


def test_few_environments_leave_it_open_and_tell_how_many_runs_would_decide() -> None:
    found = compare(result(environments=3, runs=6), result(seed=2, environments=3, runs=6), QUESTION)
    finding = over_all(found, Metric.DURATION)
    assert finding.verdict is OPEN
    assert finding.runs_to_decide is not None
    assert finding.runs_to_decide > finding.runs
    p95 = over_all(found, Metric.P95)
    assert p95.verdict is OPEN
    assert "a 95th percentile needs about" in p95.reason


def test_a_slower_start_is_worse_in_init_alone() -> None:
    found = compare(result(), result(seed=1, init_ms=400.0), QUESTION)
    assert over_all(found, Metric.INIT).verdict is WORSE
    assert over_all(found, Metric.DURATION).verdict is not WORSE


def test_more_memory_used_is_worse_in_memory_although_the_figures_do_not_spread() -> None:
    found = compare(result(), result(seed=1, used_mb=80), QUESTION)
    assert over_all(found, Metric.MEMORY).verdict is WORSE
    assert over_all(compare(result(), result(seed=1), QUESTION), Metric.MEMORY).verdict is SAME


def test_a_named_metric_alone_decides() -> None:
    question = Question.of(0.05, 0.95, [Metric.MEMORY])
    found = compare(result(), result(0.25, seed=1), question)
    assert found.verdict is SAME
    assert {f.metric for f in found.findings} == {Metric.MEMORY, Metric.FAILURES}


def test_a_new_price_is_no_regression() -> None:
    candidate = result(seed=1)
    candidate["prices"]["gb_second_usd"]["x86_64"] *= 2
    assert over_all(compare(result(), candidate, QUESTION), Metric.COST).verdict is not WORSE


def test_a_candidate_that_always_fails_is_worse_with_its_own_error() -> None:
    found = compare(result(), result(seed=1, faults=SimulatedFaults(error_share=1.0)), QUESTION)
    assert found.verdict is WORSE
    failures = [f for f in found.findings if f.metric is Metric.FAILURES]
    assert all(f.verdict is WORSE for f in failures)
    assert "SimulatedError" in failures[0].reason


def test_a_candidate_that_runs_out_of_memory_at_one_size_is_worse_there() -> None:
    found = compare(result(), result(seed=1, faults=SimulatedFaults(out_of_memory_below_mb=512)), QUESTION)
    assert found.verdict is WORSE
    broken = [f for f in found.findings if f.metric is Metric.FAILURES and f.verdict is WORSE]
    assert [f.configuration.memory_mb for f in broken if f.configuration] == [256]


def test_a_few_failures_more_leave_it_open_and_never_pass_as_the_same() -> None:
    candidate = result(seed=3, environments=16, runs=64, faults=SimulatedFaults(error_share=0.01))
    found = compare(result(environments=16, runs=64), candidate, QUESTION)
    assert over_all(found, Metric.FAILURES).verdict is OPEN
    assert found.verdict is OPEN


def test_a_candidate_that_fails_in_every_warm_run_is_worse_with_its_own_error() -> None:
    candidate = result(seed=1)
    for measurement in candidate["measurements"]:
        data = measurement["data"]
        for index, cold in enumerate(data["cold"]):
            if not cold:
                data["usable"][index], data["outcome"][index] = False, "error"
        measurement["errors"] = [{"type": "StaleConnection", "message": "closed", "count": 1}]
    found = compare(result(), candidate, QUESTION)
    assert found.verdict is WORSE
    assert "StaleConnection: closed" in over_all(found, Metric.FAILURES).reason
    assert over_all(found, Metric.DURATION).verdict is OPEN


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (Tally(4, 4, 0), Tally(4, 0, 4, "KeyError"), WORSE),
        (Tally(3, 3, 0), Tally(3, 0, 3, "KeyError"), OPEN),
        (Tally(4, 2, 2), Tally(4, 0, 4, "KeyError"), OPEN),
        (Tally(100, 100, 0), Tally(100, 99, 1, "KeyError"), OPEN),
        (Tally(100, 99, 1), Tally(100, 98, 2, "KeyError"), SAME),
        (Tally(100, 99, 1), Tally(100, 94, 6, "KeyError"), OPEN),
        (Tally(100, 99, 1), Tally(100, 80, 20, "KeyError"), WORSE),
    ],
)
def test_more_failures_are_worse_beyond_chance_and_the_same_within_it_where_there_were_some_before(
    before: Tally, after: Tally, verdict: Verdict
) -> None:
    assert failure_finding(None, before, after, alpha=0.001).verdict is verdict


def test_a_baseline_without_a_usable_run_is_refused() -> None:
    with pytest.raises(InputError, match="no usable run"):
        compare(result(faults=SimulatedFaults(error_share=1.0)), result(), QUESTION)


def test_documents_without_a_configuration_in_common_are_refused() -> None:
    with pytest.raises(InputError, match=r"no configuration was measured in both \(256 MB x86_64; 512 MB x86_64\)"):
        compare(result(sizes=(256,)), result(sizes=(512,)), QUESTION)


def test_what_only_one_side_measured_is_told() -> None:
    found = compare(result(sizes=(256, 512)), result(sizes=(512, 1024), seed=1), QUESTION)
    assert {n.message.split(":")[0] for n in found.notices} >= {
        "Only the baseline measured 256 MB x86_64",
        "Only the candidate measured 1,024 MB x86_64",
    }


def test_the_shares_of_the_false_alarm_rate_add_up_to_it() -> None:
    for named in ([], [Metric.INIT], [Metric.DURATION, Metric.P95]):
        question = Question.of(0.05, 0.95, named)
        assert sum(question.alpha(m) for m in (*question.metrics, Metric.FAILURES)) == pytest.approx(0.05)


def test_a_change_of_the_threshold_itself_is_hardly_ever_called_worse() -> None:
    repetitions = 50
    allowed = 0.05 + 3 * (0.05 * 0.95 / repetitions) ** 0.5
    assert documents(0.05, environments=2, repetitions=repetitions, question=QUESTION)["worse"] <= allowed


def test_the_document_of_a_comparison_fits_its_schema() -> None:
    for candidate in (result(0.25, seed=1), result(seed=1, faults=SimulatedFaults(error_share=1.0))):
        document = comparison_document(compare(result(), candidate, QUESTION))
        assert find_faults(document, comparison_schema()) == ()


def test_the_document_tells_what_the_headline_says_may_be_worse() -> None:
    found = compare(result(), result(0.25, seed=1), QUESTION, drift_sd=0.2)
    leaning = {f["metric"] for f in comparison_document(found)["findings"] if f["leans_worse"] and not f["memory_mb"]}
    assert headline(found) == f"Not decided (threshold 5%); {', '.join(sorted(leaning))} may be worse"


def test_a_candidate_that_always_fails_is_worse_although_the_baseline_failed_once() -> None:
    before = result(sizes=(256,), runs=40, environments=4)
    data = before["measurements"][0]["data"]
    data["usable"][7], data["outcome"][7] = False, "error"
    after = result(seed=1, sizes=(256,), runs=40, environments=4, faults=SimulatedFaults(error_share=1.0))
    found = compare(before, after, QUESTION)
    assert found.verdict is WORSE
    assert "40 of 40 runs failed" in over_all(found, Metric.FAILURES).reason


@pytest.mark.parametrize("environments", [1, 2])
def test_one_configuration_with_fewer_than_three_environments_decides_nothing(environments: int) -> None:
    runs = {"sizes": (256,), "environments": environments, "runs": 8}
    found = compare(result(**runs), result(1.0, seed=1, **runs), QUESTION)
    duration = over_all(found, Metric.DURATION)
    assert duration.verdict is OPEN
    assert "3 environments" in duration.reason


def test_two_documents_far_apart_are_compared_with_the_drift_that_is_usual() -> None:
    old = result(created_at="2026-03-05T10:00:00Z")
    found = compare(old, result(0.15, seed=1), QUESTION)
    assert found.drift is not None
    assert found.drift.days == pytest.approx(180)
    assert found.drift.sd == pytest.approx(0.1, abs=0.003)
    assert over_all(found, Metric.DURATION).verdict is OPEN
    assert compare(old, result(0.15, seed=1), QUESTION, drift_sd=0.0).verdict is WORSE
    assert usual_drift(30) == pytest.approx(0.03)


def test_a_result_compared_with_itself_is_told() -> None:
    assert [n.code for n in compare(result(), result(), QUESTION).notices] == ["same_document"]
    assert not compare(result(), result(seed=1), QUESTION).notices


def test_a_candidate_that_is_older_than_the_baseline_is_told() -> None:
    found = compare(result(), result(seed=1, created_at="2026-03-05T10:00:00Z"), QUESTION)
    assert [n.code for n in found.notices] == ["candidate_is_older"]


def test_two_documents_of_one_day_have_the_drift_of_the_halves_of_a_day() -> None:
    found = compare(result(), result(seed=1), QUESTION)
    assert found.drift is not None
    assert (found.drift.days, found.drift.sd) == (0.0, 0.01)
    assert usual_drift(2) == 0.01
    assert usual_drift(10) > 0.01


@pytest.mark.parametrize("threshold", [0.05, 0.5, 9.0])
def test_a_slower_tail_is_found_over_all_configurations(threshold: float) -> None:
    after = result(seed=1)
    for measurement in after["measurements"]:
        data = measurement["data"]
        data["duration_ms"] = [ms * (3 if index % 4 == 1 else 1) for index, ms in enumerate(data["duration_ms"])]
    tail = over_all(compare(result(), after, Question(threshold)), Metric.TAIL)
    assert tail.verdict is WORSE
    assert tail.candidate == pytest.approx(0.25, abs=0.05)


def test_what_the_drift_of_a_year_leaves_open_tells_so() -> None:
    many = {"sizes": (512, 1024), "environments": 12, "runs": 48, "outlier_share": 0.0}
    before = result(created_at="2025-09-01T10:00:00Z", **many)
    found = compare(before, result(0.12, seed=1, created_at="2026-09-01T10:00:00Z", **many), Question())
    duration = found.findings[0]
    assert (duration.verdict, duration.runs_to_decide) == (Verdict.NOT_DECIDED, None)
    assert "a duet has no such drift" in duration.reason
    close = compare(before, result(0.12, seed=1, created_at="2025-09-01T12:00:00Z", **many), Question())
    assert "drift" not in close.findings[0].reason


def test_runs_that_cost_nothing_leave_the_cost_open_and_the_rest_is_compared() -> None:
    free = result(0.25, seed=1)
    free["prices"]["request_usd"] = 0
    free["prices"]["gb_second_usd"] = dict.fromkeys(free["prices"]["gb_second_usd"], 0)
    found = compare(result(), free, QUESTION)
    assert over_all(found, Metric.COST).reason == "the runs of one of the sides cost nothing"
    assert over_all(found, Metric.DURATION).verdict is WORSE


def test_a_candidate_without_a_usable_run_says_so_of_every_metric() -> None:
    found = compare(result(), result(seed=1, faults=SimulatedFaults(error_share=1.0)), QUESTION)
    reasons = {f.reason for f in found.findings if f.metric is not Metric.FAILURES}
    assert reasons == {"no usable runs on one of the sides"}


def test_durations_of_any_size_make_a_document_of_finite_numbers() -> None:
    vast = result(seed=1)
    for measurement in vast["measurements"]:
        measurement["data"]["duration_ms"] = [1e308 for _ in measurement["data"]["duration_ms"]]
    before = result()
    for measurement in before["measurements"]:
        measurement["data"]["duration_ms"] = [1e-9 for _ in measurement["data"]["duration_ms"]]
    found = compare(before, vast, QUESTION)
    assert over_all(found, Metric.DURATION).verdict is WORSE
    json.dumps(comparison_document(found), allow_nan=False)


@pytest.mark.parametrize(("environments", "verdict"), [(1, OPEN), (2, OPEN), (4, SAME)])
def test_however_many_runs_of_few_environments_do_not_prove_a_tail_the_same(
    environments: int, verdict: Verdict
) -> None:
    asked = {"environments": environments, "runs": 220, "sizes": (512,), "outlier_share": 0.0}
    found = compare(result(seed=3, **asked), result(seed=4, **asked), Question.of(0.05, 0.95, [Metric.TAIL]))
    assert found.verdict is verdict
    assert ("3 environments on each side" in over_all(found, Metric.TAIL).reason) is (verdict is OPEN)
