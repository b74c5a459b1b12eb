"""`tune_workflow` answers from a definition, results and figures on disk, and says what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tuner
from tests.unit.evidence.logs import tailed
from tests.unit.evidence.test_advice import runs_at
from tests.unit.workflows.examples import DEFINITION, FIGURES, FUNCTIONS, write_results
from tests.unit.workflows.test_history import execution
from tuner.api.workflows.files import read_results, read_undo, write_undo
from tuner.api.workflows.logs import Logs
from tuner.api.workflows.tuning import tune_workflow
from tuner.aws.api.connection import Connection
from tuner.errors import InputError, TunerError
from tuner.model import Architecture, Configuration
from tuner.pricing.price_list import price_list
from tuner.search.decision import WeakEvidenceError
from tuner.workflows.figures import Figures, read_figures
from tuner.workflows.plan import Binding

DEADLINE_MS = 3000.0
EUROPE = Connection(region="eu-central-1")
"""Where the results come from."""


def answer(folder: Path, **options: Any) -> tuner.WorkflowResult:
    figures = read_figures(FIGURES, name="figures")
    return tune_workflow(DEFINITION, **{"deadline_ms": DEADLINE_MS, "figures": figures, "results": [folder], **options})


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_results(tmp_path_factory.mktemp("results"))


def test_a_definition_and_results_on_disk_are_enough(results: Path, tmp_path: Path) -> None:
    found = answer(results, output=tmp_path)
    assert set(found.configurations) == {f"checkout-{name}" for name in FUNCTIONS}
    assert found.plan.met
    assert found.plan.share_met is not None
    assert found.plan.share_met >= 0.94
    assert json.loads((tmp_path / "workflow.json").read_text("utf-8")) == json.loads(found.to_json())
    assert (tmp_path / "report.html").read_text("utf-8") == found.to_html()


def test_the_front_holds_the_answer_to_every_deadline(results: Path) -> None:
    found = answer(results)
    front = found.document["front"]
    times = [point["duration_ms"] for point in front]
    costs = [point["cost_per_million_usd"] for point in front]
    assert times == sorted(times)
    assert costs == sorted(costs, reverse=True)
    assert found.document["chosen"] in front


def test_a_tighter_deadline_costs_more(results: Path) -> None:
    loose, tight = (answer(results, deadline_ms=ms).plan for ms in (6000.0, DEADLINE_MS))
    assert loose.chosen.cost_usd < tight.chosen.cost_usd
    assert tight.binding is Binding.DEADLINE


def test_what_a_later_run_has_set_aside_is_no_result_of_the_folder(tmp_path: Path) -> None:
    folder = write_results(tmp_path)
    place = folder / f"checkout-{FUNCTIONS[0]}" / "earlier" / "20261130T120000Z"
    place.mkdir(parents=True)
    (place / "result.json").write_text((place.parents[1] / "result.json").read_text("utf-8"), "utf-8")
    assert place.name in read_results([place])
    assert place.name not in read_results([folder])


def test_a_folder_of_a_fleet_or_of_a_workflow_holds_results_beside_its_own_files(tmp_path: Path) -> None:
    folder = write_results(tmp_path)
    for name in ("summary.json", "workflow.json", "undo.json"):
        (folder / name).write_text("{}")
    assert f"checkout-{FUNCTIONS[0]}" in read_results([folder])


def test_a_plan_replaces_no_earlier_one_and_leaves_what_takes_a_change_back(results: Path, tmp_path: Path) -> None:
    places: list[Path] = []
    (tmp_path / "payloads").mkdir()
    (tmp_path / "payloads" / "orders.json").write_text("payload")
    (tmp_path / "undo.json").write_text("undo")
    first = answer(results, output=tmp_path, earlier_kept=places.append)
    assert [path.relative_to(places[0]).as_posix() for path in places[0].rglob("*.json")] == ["payloads/orders.json"]
    second = answer(results, output=tmp_path, deadline_ms=6000.0, earlier_kept=places.append)
    assert (places[1] / "workflow.json").read_text("utf-8") == first.to_json()
    assert (places[1] / "report.html").read_text("utf-8") == first.to_html()
    assert (tmp_path / "workflow.json").read_text("utf-8") == second.to_json()
    assert (tmp_path / "undo.json").read_text() == "undo"


def test_a_plan_that_cannot_be_kept_changes_nothing(results: Path, tmp_path: Path) -> None:
    before = answer(results, output=tmp_path)
    (tmp_path / "earlier").write_text("mine")
    with pytest.raises(TunerError, match="earlier is not a folder"):
        answer(results, output=tmp_path, apply=True, force=True, connection=EUROPE)
    assert (tmp_path / "workflow.json").read_text("utf-8") == before.to_json()


def test_sizes_are_not_applied_where_the_bound_is_not_met(results: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the bound is not met"):
        answer(results, deadline_ms=1.0, output=tmp_path, apply=True, force=True, connection=EUROPE)
    assert list(tmp_path.iterdir()) == []


def test_what_takes_a_change_back_replaces_no_earlier_one(tmp_path: Path) -> None:
    sizes = [{"orders": Configuration(mb, Architecture.ARM64)} for mb in (256, 512)]
    assert write_undo("eu-central-1", sizes[0], tmp_path) is None
    place = write_undo("eu-central-1", sizes[1], tmp_path)
    assert place is not None
    assert read_undo(place / "undo.json") == ("eu-central-1", sizes[0])
    assert read_undo(tmp_path / "undo.json") == ("eu-central-1", sizes[1])


def test_what_takes_a_change_back_is_told_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TunerError, match="orders had 256 MB arm64") as caught:
        write_undo("eu-central-1", {"orders": Configuration(256, Architecture.ARM64)}, tmp_path / "file")
    assert "file is not a folder" in caught.value.message


def test_sizes_that_rest_on_weak_evidence_are_not_applied_and_every_such_function_is_named(tmp_path: Path) -> None:
    folder = write_results(tmp_path)
    for name in FUNCTIONS[:2]:
        file = folder / f"checkout-{name}" / "result.json"
        file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"stopped_by": "interrupted"}), "utf-8")
    with pytest.raises(WeakEvidenceError) as refused:
        answer(folder, apply=True)
    assert "checkout-check: the run was interrupted" in refused.value.message
    assert "checkout-fraud: the run was interrupted" in refused.value.message
    assert "checkout-post" not in refused.value.message


def test_a_budget_is_for_a_million_executions(results: Path) -> None:
    found = answer(results, deadline_ms=None, budget_per_million=70.0).document
    assert found["bound"]["budget_per_million_usd"] == pytest.approx(70.0)
    assert found["met"]
    assert found["chosen"]["cost_per_million_usd"] <= 70.0


def test_a_placeholder_of_a_template_may_stand_for_a_number(tmp_path: Path) -> None:
    file = tmp_path / "definition.asl.json"
    task = '{"Type": "Task", "Resource": "${Arn}", "TimeoutSeconds": ${Limit}, "Comment": "a: ${b}, \\"", "Next": "W"}'
    file.write_text(
        f'{{"StartAt": "A", "States": {{"A": {task}, "W": {{"Type": "Wait", "Seconds": ${{S}}, "End": true}}}}}}'
    )
    with pytest.raises(InputError, match="state W: how long it waits is not known"):
        tune_workflow(str(file), deadline_ms=1000)


def test_functions_without_a_result_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="checkout-post: has no result"):
        answer(write_results(tmp_path, but="post"))


def test_results_of_other_functions_are_named_where_a_function_has_none(tmp_path: Path) -> None:
    task = {"Type": "Task", "Resource": "${CheckArn}", "End": True}
    with pytest.raises(InputError, match="function CheckArn: has no result") as caught:
        tune_workflow({"StartAt": "A", "States": {"A": task}}, deadline_ms=1e3, results=[write_results(tmp_path)])
    assert "checkout-check" in caught.value.hint
    assert "--function STATE=NAME" in caught.value.hint


def test_functions_without_a_result_are_tuned_with_recorded_payloads(tmp_path: Path) -> None:
    folder = write_results(tmp_path)
    asked = json.loads((folder / "checkout-check" / "result.json").read_text("utf-8"))
    tuned: dict[str, Any] = {}

    def tune_one(function: str, payloads: Any, _: Path | None) -> Any:
        tuned[function] = payloads
        return {**asked, "function": {**asked["function"], "name": function}}

    history = tmp_path / "history.json"
    history.write_text(json.dumps({"events": execution(slow=False)}), "utf-8")
    task = {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:a-fn", "End": True}
    machine = {"StartAt": "A", "States": {"A": task}}
    tune_workflow(machine, deadline_ms=1e6, histories=[history], tune_missing=tune_one)
    assert tuned == {"a-fn": [{"payload": {"n": 1}, "weight": 1}]}


def test_payloads_are_kept_before_anything_is_tuned_and_a_run_that_goes_on_takes_them(tmp_path: Path) -> None:
    document = json.loads((write_results(tmp_path) / "checkout-check" / "result.json").read_text("utf-8"))
    history, out, tuned = tmp_path / "history.json", tmp_path / "out", []
    history.write_text(json.dumps({"events": execution(slow=False)}), "utf-8")
    task = {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:a-fn", "End": True}

    def tune_one(function: str, payloads: Any, folder: Path | None) -> Any:
        kept = json.loads((out / "payloads" / f"{function}.json").read_text())
        tuned.append((payloads, kept, folder))
        return {**document, "function": {**document["function"], "name": function}}

    for resume in (False, True):
        machine = {"StartAt": "A", "States": {"A": task}}
        given: dict[str, Any] = {"histories": [history], "tune_missing": tune_one, "output": out, "resume": resume}
        tune_workflow(machine, deadline_ms=1e6, **given)
        history.write_text(json.dumps({"events": execution(slow=True)}).replace('\\"n\\": 1', '\\"n\\": 2'), "utf-8")
    first = [{"payload": {"n": 1}, "weight": 1}]
    assert tuned == [(first, first, out / "a-fn")] * 2


def test_a_function_of_a_definition_gets_no_file_outside_the_folder(tmp_path: Path) -> None:
    document = json.loads((write_results(tmp_path) / "checkout-check" / "result.json").read_text("utf-8"))
    history, out = tmp_path / "history.json", tmp_path / "out" / "deep"
    history.write_text(json.dumps({"events": execution(slow=False)}).replace("a-fn", "../../evil"), "utf-8")
    task = {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:../../evil", "End": True}
    folders: list[Path | None] = []

    def tune_one(function: str, _: Any, folder: Path | None) -> Any:
        folders.append(folder)
        return {**document, "function": {**document["function"], "name": function}}

    given: dict[str, Any] = {"histories": [history], "tune_missing": tune_one, "output": out}
    tune_workflow({"StartAt": "A", "States": {"A": task}}, deadline_ms=1e6, **given)
    assert folders == [out / "-..-evil"]
    assert [file.name for file in (out / "payloads").iterdir()] == ["-..-evil.json"]
    assert not list(tmp_path.glob("evil*"))


def test_what_the_definition_leaves_open_is_asked_for_at_once(results: Path) -> None:
    with pytest.raises(InputError) as caught:
        answer(results, figures=Figures())
    assert "--chance" in caught.value.message
    assert "--items" in caught.value.message


def test_of_several_results_the_newest_counts(tmp_path: Path) -> None:
    folder = write_results(tmp_path)
    file = folder / "checkout-price" / "result.json"
    old = json.loads(file.read_text("utf-8")) | {"created_at": "2020-01-01T00:00:00Z"}
    assert read_results([folder, old])["checkout-price"]["created_at"] > old["created_at"]


def test_a_measurement_in_aws_counts_before_a_newer_estimate_of_that_name(tmp_path: Path) -> None:
    folder, file = write_results(tmp_path / "aws"), tmp_path / "here" / "checkout-price" / "result.json"
    measured = json.loads((folder / "checkout-price" / "result.json").read_text("utf-8"))
    estimate = measured | {"created_at": "2099-01-01T00:00:00Z", "function": of_this_machine(measured)}
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(estimate), "utf-8")
    assert read_results([folder, file])["checkout-price"] == measured
    assert read_results([file, folder])["checkout-price"] == measured
    assert read_results([file])["checkout-price"] == estimate


def test_a_curve_of_this_machine_is_told_and_is_not_applied(tmp_path: Path) -> None:
    folder = write_results(tmp_path)
    file = folder / "checkout-price" / "result.json"
    document = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(document | {"function": of_this_machine(document)}), "utf-8")
    told = {notice.code: notice.message for notice in answer(folder).plan.notices}["curve_not_of_aws"]
    assert told == "checkout-price: its curve was not measured in AWS, but is that of src/app.py:price."
    with pytest.raises(WeakEvidenceError, match="checkout-price: its curve was not measured in AWS"):
        answer(folder, apply=True)


def of_this_machine(document: dict[str, Any]) -> dict[str, Any]:
    """The function of a result as if a handler on this machine had been measured."""
    return document["function"] | {"backend": "local", "name": "src/app.py:price"}


def test_what_was_not_known_is_told(results: Path) -> None:
    assert {notice.code for notice in answer(results).plan.notices} == {"no_executions", "failures_not_known"}


def test_a_confirmation_needs_a_state_machine_in_aws(results: Path) -> None:
    with pytest.raises(InputError, match="needs a state machine in AWS"):
        answer(results, confirm=3)


def log_of(folder: Path) -> Path:
    """The exported log of a function at two sizes."""
    runs = [*runs_at(512, 80.0), *runs_at(1024, 42.0, first=200)]
    file = folder / "post.log"
    file.write_text(tailed(runs), "utf-8")
    return file


def test_a_function_without_a_result_is_predicted_from_its_log(tmp_path: Path) -> None:
    logs = Logs({"checkout-post": log_of(tmp_path)})
    folder = write_results(tmp_path / "results", but="post")
    found = answer(folder, logs=logs, prices=lambda _: price_list("eu-central-1"), connection=EUROPE)
    curve = {notice.code: notice.message for notice in found.plan.notices}["curve_from_logs"]
    assert curve == "checkout-post: its curve is predicted from 120 runs at 1,024 MB x86_64 in its log, not measured."
    assert found.plan.current is not None
    assert found.plan.current.configurations["checkout-post"].memory_mb == 1024
    with pytest.raises(WeakEvidenceError, match="checkout-post: its curve is predicted from its log"):
        answer(folder, logs=logs, apply=True, prices=lambda _: price_list("eu-central-1"), connection=EUROPE)


def test_a_log_of_a_function_that_is_not_in_the_workflow_is_refused(results: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--logs orders: the workflow has no such function"):
        answer(results, logs=Logs({"orders": log_of(tmp_path)}))


def test_a_log_without_reports_is_refused_by_its_function(tmp_path: Path) -> None:
    file = tmp_path / "empty.log"
    file.write_text("hello\n", "utf-8")
    with pytest.raises(InputError, match="--logs checkout-post: "):
        answer(write_results(tmp_path / "results", but="post"), logs=Logs({"checkout-post": file}))


def test_recorded_executions_without_any_result_end_in_the_same_message(tmp_path: Path) -> None:
    history = tmp_path / "history.json"
    history.write_text(json.dumps({"events": execution(slow=False)}), "utf-8")
    task = {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:a-fn", "End": True}
    with pytest.raises(InputError, match="function a-fn: has no result") as caught:
        tune_workflow({"StartAt": "A", "States": {"A": task}}, deadline_ms=1e3, histories=[history])
    assert "--evidence logs" in caught.value.hint
    assert "--tune" in caught.value.hint
