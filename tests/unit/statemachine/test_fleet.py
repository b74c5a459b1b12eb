"""Lists of functions are read with all their faults at once, and summaries rank what can be saved."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from reports.fleet import render
from statemachine.fleet.request import (
    DEFAULT_CONCURRENCY,
    DEFAULT_TOLERATED_PERCENT,
    FleetInput,
    decode_fleet,
    read_list,
)
from statemachine.fleet.summary import summarize
from tuner.errors import InputError

ROOT = Path(__file__).parents[3]
CSV = FleetInput("s3://b/list.csv", {"strategy": "speed"}, 5, 20.0)
JSON = FleetInput("s3://b/list.json", {"num": 5}, 5, 20.0)


def paths(error: pytest.ExceptionInfo[InputError]) -> set[str]:
    return {fault.path for fault in error.value.faults}


def output(per_month: float | None, ratio: float = 0.1, error: float = 1.0) -> dict[str, Any]:
    interval = None if per_month is None else [per_month - error, per_month + error]
    saving = {"ratio": ratio, "interval": [0.01, 0.2], "durationRatio": 0.3, "durationInterval": [0.2, 0.4]}
    return {
        "power": 512,
        "architecture": "arm64",
        "current": {"power": 1024, "architecture": "arm64"},
        "saving": {**saving, "perMonth": per_month, "perMonthInterval": interval},
        "currency": "USD",
        "stateMachine": {"executionCost": 0.1, "lambdaCost": 0.2},
        "result": "s3://b/result.json",
        "report": "s3://b/report.html",
    }


def failure(status: str, cause: str, error: str = "") -> dict[str, Any]:
    return {
        "error": {"Error": "States.TaskFailed", "Cause": json.dumps({"Status": status, "Error": error, "Cause": cause})}
    }


def test_a_csv_gives_typed_fields_nested_by_dots_and_leaves_empty_cells_to_the_defaults() -> None:
    text = 'lambdaARN,powerValues,budget.maxUsd,strategy,payload\nf,"128, 256",0.5,,"{""n"": 1}"\ng,ALL,,cost,\n'
    assert read_list(text, CSV) == [
        {
            "lambdaARN": "f",
            "powerValues": [128, 256],
            "budget": {"maxUsd": 0.5},
            "strategy": "speed",
            "payload": {"n": 1},
        },
        {"lambdaARN": "g", "powerValues": "ALL", "strategy": "cost"},
    ]


def test_the_examples_of_the_documentation_are_valid() -> None:
    section = (ROOT / "docs" / "deploy.md").read_text("utf-8").partition("## Many functions")[2]
    document, listed = re.findall(r"```(?:json|csv)\n(.+?)```", section, re.DOTALL)
    fleet = decode_fleet(json.loads(document))
    orders, billing = read_list(listed, fleet)
    assert orders["payload"] == {"id": 1}
    assert orders["constraints"] == {"maxP95Ms": 800}
    assert billing["powerValues"] == [512, 1024, 2048]
    assert billing["budget"] == {"maxUsd": 0.2}
    assert (fleet.concurrency, fleet.tolerated_percent) == (DEFAULT_CONCURRENCY, DEFAULT_TOLERATED_PERCENT)


def test_a_json_list_may_hold_names_alone() -> None:
    assert read_list('["f", {"lambdaARN": "g", "num": 7}]', JSON) == [
        {"num": 5, "lambdaARN": "f"},
        {"num": 7, "lambdaARN": "g"},
    ]


def test_every_fault_of_every_entry_is_told_at_once() -> None:
    with pytest.raises(InputError) as raised:
        read_list('[{"lambdaARN": "f", "num": 0}, {"nun": 1}, 3, "f"]', JSON)
    named = {"[0].num", "[1].lambdaARN", "[2]", "[3].lambdaARN"}
    assert paths(raised) == {f"$.list{name}" for name in named}


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have_are_refused(number: str) -> None:
    for text, fleet in (
        (f'[{{"lambdaARN": "f", "payload": [{number}]}}]', JSON),
        (f'[{{"lambdaARN": "f", "num": {number}}}]', JSON),
        (f"lambdaARN,payload\nf,{number}", CSV),
    ):
        with pytest.raises(InputError, match="not a finite number") as raised:
            read_list(text, fleet)
        assert len(raised.value.faults) == 1


def test_a_parent_may_start_a_fleet_as_a_nested_workflow() -> None:
    parent = {"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn:aws:states:us-east-1:123456789012:execution:m:1"}
    assert decode_fleet({"list": "s3://b/list.csv", **parent}).address == "s3://b/list.csv"


@pytest.mark.parametrize("text", ["[]", "{", "{}"])
def test_a_list_without_functions_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_list(text, JSON)


def test_every_fault_of_the_fleets_own_input_is_told_at_once() -> None:
    with pytest.raises(InputError) as raised:
        decode_fleet({"list": "x.txt", "concurrency": 0, "toleratedFailurePercentage": 101, "defaults": [], "more": 1})
    assert paths(raised) == {"$.list", "$.concurrency", "$.toleratedFailurePercentage", "$.defaults", "$.more"}


def test_savings_are_ranked_failures_have_their_causes_and_the_rest_was_not_begun() -> None:
    inputs = [{"lambdaARN": name} for name in "abcde"]
    own = json.dumps({"errorMessage": "no such function", "stackTrace": []})
    outcomes = {
        0: {"output": output(10.0)},
        1: {"output": output(None, ratio=0.5)},
        2: {"output": output(90.0)},
        3: failure("FAILED", own, "NotFoundError"),
    }
    summary = summarize(inputs, outcomes)
    assert [item["function"] for item in summary["savings"]] == ["c", "a", "b"]
    assert summary["failures"] == [{"function": "d", "error": "NotFoundError", "cause": "no such function"}]
    assert summary["notStarted"] == ["e"]
    assert summary["savingPerMonth"] == 100.0
    assert (summary["tuned"], summary["failed"]) == (3, 1)


def test_the_sum_counts_proved_savings_alone_and_has_an_interval() -> None:
    inputs = [{"lambdaARN": name} for name in "abcd"]
    found = [output(100.0, error=30.0), output(50.0, error=40.0), output(20.0, error=21.0), output(-70.0, error=1.0)]
    summary = summarize(inputs, {index: {"output": item} for index, item in enumerate(found)})
    assert summary["savingPerMonth"] == 150.0
    assert summary["savingPerMonthInterval"] == [100.0, 200.0]
    assert "$150 a month</span> can be saved ($100 to 200)" in render(summary)
    assert summarize(inputs, {0: {"output": found[2]}})["savingPerMonth"] is None


def test_a_function_without_a_saving_is_said_to_be_right_only_when_it_is() -> None:
    inputs = [{"lambdaARN": name} for name in "abc"]
    uncompared = {**output(None), "saving": None}
    in_place = {**uncompared, "current": {"power": 512, "architecture": "arm64"}}
    found = [in_place, uncompared, {**uncompared, "current": None}]
    page = render(summarize(inputs, {index: {"output": item} for index, item in enumerate(found)}))
    assert page.count("is what it has now") == 1
    assert "1,024 MB on arm64, in use now, failed or was not measured" in page
    assert "not known" in page


def test_a_saving_that_is_not_clear_is_not_claimed() -> None:
    found = output(10.0, error=20.0)
    found["saving"] |= {"interval": [-0.1, 0.3], "durationInterval": [-0.2, 0.6]}
    page = render(summarize([{"lambdaARN": "a"}], {0: {"output": found}}))
    assert page.count("not clear") == 2
    assert "-10 to 30%" in page
    assert "$10.00" not in page


def test_the_page_tells_money_in_the_currency_of_the_prices() -> None:
    page = render(summarize([{"lambdaARN": "a"}], {0: {"output": {**output(10.0), "currency": "CNY"}}}))
    assert "CN¥10.00 a month" in page
    assert "$" not in page


def test_an_aborted_execution_is_told_by_its_status() -> None:
    summary = summarize([{"lambdaARN": "a"}], {0: failure("ABORTED", "")})
    assert summary["failures"][0]["error"] == "ABORTED"


def test_the_page_shows_hostile_names_and_causes_as_text() -> None:
    outcomes = {0: {"output": output(1.0)}, 1: failure("FAILED", "</script><script>alert(1)</script>", "<b>")}
    summary = summarize([{"lambdaARN": "<img src=x>"}, {"lambdaARN": "b"}], outcomes)
    page = render(summary)
    assert "<img" not in page
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert render(summary) == page
