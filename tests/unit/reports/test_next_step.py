"""What to do next, and its commands: they ask the question of the run again, whole and as it was given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from reports import html, markdown, terminal
from reports.words import snippets, verdict
from reports.words.numbers import money
from reports.words.verdict import Kind
from tests.unit.reports.results import NAMES, result
from tuner.payloads import Payloads
from tuner.vocabulary import DEFAULT_MAX_ERROR_RATE


@pytest.mark.parametrize(
    ("types", "named"),
    [
        ({"Upstream": 3, "Gone": 9}, "--allowed-exceptions Gone,Upstream, "),
        (
            {"com.acme.NotFound": 1, "Runtime.ExitError": 9, "Sandbox.Timedout": 9},
            "--allowed-exceptions com.acme.NotFound, ",
        ),
        ({"Runtime.ExitError": 9, "a; rm -rf": 2, "": 1}, "--allowed-exceptions with their types, "),
    ],
)
def test_errors_that_may_be_normal_are_named_for_the_command(types: dict[str, int], named: str) -> None:
    document = result("flaky")
    errors = [{"type": kind, "message": "", "stack": [], "count": count} for kind, count in types.items()]
    for measurement in document["measurements"]:
        measurement["errors"] = []
    document["measurements"][0]["errors"] = errors
    assert f"Where such errors are normal, add {named}or a higher --max-error-rate:" in verdict.next_step(document).text


def test_low_confidence_asks_for_more_measuring_and_tells_its_price() -> None:
    document: dict[str, Any] = result("aws")
    document["recommendation"]["expected_regret"] = 0.3
    step = verdict.next_step(document)
    assert verdict.kind(document) is Kind.MEASURE_MORE
    assert money(document["tuning"]["cost_usd"], "USD") in step.text
    assert "--tolerance 1%" in step.command
    assert not step.applies


@pytest.mark.parametrize("name", ["partial", "unmet", "all-failed", "throttled", "flaky"])
def test_no_form_applies_under_an_unmet_bound_or_from_a_partial_weak_or_failed_run(name: str) -> None:
    document = result(name)
    step = verdict.next_step(document)
    assert not step.applies
    for form in (step.text, terminal.render(document), markdown.render(document)):
        assert not re.search(r"\bapply\b|--memory-size|MemorySize", form, re.IGNORECASE)
    assert 'name="tool"' not in html.render(document)


@pytest.mark.parametrize(
    ("name", "command"),
    [("aws", "tuner apply 'my runs/result.json' --dry-run"), ("partial", "--resume 'my runs'")],
)
def test_the_commands_of_a_terminal_name_the_file_that_the_result_is_in(name: str, command: str) -> None:
    assert command in terminal.render(result(name), file="my runs/result.json")


def test_what_a_user_named_as_commands_name_this_result_stays_as_it_was() -> None:
    command = "tuner tune FUNCTION --payload @result.json --resume FOLDER_OF_THIS_RESULT"
    assert (
        snippets.placed(command, "runs/1/result.json") == "tuner tune FUNCTION --payload @result.json --resume runs/1"
    )
    given = snippets.placed(f"tuner tune f {snippets.PAYLOAD}", "runs/1/result.json", '["result.json"]')
    assert given == """tuner tune f --payload '["result.json"]'"""


def test_a_partial_run_goes_on_with_the_command_that_is_known_of_it() -> None:
    known = "tuner tune app.py:handler --resume runs/1"
    assert known in terminal.render(result("partial"), go_on=known)
    assert "FOLDER_OF_THIS_RESULT" not in terminal.render(result("partial"), go_on=known)
    assert known not in terminal.render(result("aws"), go_on=known), "a whole one does not"


COMMANDS = (snippets.again, snippets.reproduce, snippets.resume)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["a b/app.py:handler", "--root", "a b"], ["tuner", "tune", "a b/app.py:handler", "--root", "a b"]),
        (["--handler", "x", "--", "java", "Main"], ["tuner", "tune", "--handler", "x"]),
    ],
)
def test_a_command_names_the_handler_and_the_payload_as_they_were_given(
    command: Callable[[Any], str], given: list[str], words: list[str]
) -> None:
    document: dict[str, Any] = result("local")
    document["function"]["details"] = {"arguments": given}
    document["request"]["payload"] = {"count": 1, "sha256": "0" * 64, "file": "my events/a.json"}
    told = shlex.split(command(document).replace("\\\n", ""))
    assert told[: len(words) + 2] == [*words, "--payload", "@my events/a.json"]
    assert "--" not in given or told[-3:] == given[-3:]


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (None, True),
        ({"count": 1, "sha256": "0" * 64}, True),
        ({"count": 1, "sha256": Payloads.decode({}).digest()}, False),
    ],
)
def test_a_payload_that_is_not_kept_has_to_be_filled_in(payload: Any, told: bool) -> None:
    document: dict[str, Any] = result("aws")
    document["request"]["payload"] = payload
    document["recommendation"]["expected_regret"] = 0.3
    assert ("--payload '…'" in snippets.again(document)) == told
    for form in (terminal.render(document), markdown.render(document), html.render(document)):
        assert ("Fill in what stands as …" in " ".join(form.split())) == told


def test_a_terminal_repeats_the_payload_that_it_was_given() -> None:
    document: dict[str, Any] = result("aws")
    document["request"]["payload"] = None
    document["recommendation"]["expected_regret"] = 0.3
    assert """--payload '{"n": 1}'""" in terminal.render(document, payload='{"n": 1}')


def test_where_the_size_in_use_is_unknown_a_confirming_run_has_the_measured_sizes_beside_the_best() -> None:
    document: dict[str, Any] = result("local")
    sizes = sorted({m["memory_mb"] for m in document["measurements"]})
    document["recommendation"] |= {"memory_mb": sizes[1]}
    assert f"--power-values {','.join(map(str, sizes[:3]))}" in snippets.confirm(document)
    document["recommendation"] |= {"memory_mb": sizes[0]}
    assert f"--power-values {sizes[0]},{sizes[1]}" in snippets.confirm(document)


def test_no_step_says_where_on_a_page_something_is_since_every_form_has_its_own_order() -> None:
    steps = [verdict.next_step(result(name)).text for name in NAMES]
    assert [text for text in steps if re.search(r"\b(above(?! the \d)|below|beside)\b", text)] == []


def test_what_failed_is_pointed_at_only_where_something_did() -> None:
    document = result("all-failed")
    assert "Look at what failed" in verdict.next_step(document).text
    document["measurements"], document["stopped_by"] = [], "max_seconds"
    step = verdict.next_step(document)
    assert step.text.startswith("No test call ended. Go on with a higher --max-seconds")
    assert "--resume" in step.command


def test_a_tuning_that_more_calls_do_not_decide_is_not_told_to_make_more() -> None:
    document: dict[str, Any] = result("aws")
    document["recommendation"]["expected_regret"], document["stopped_by"] = 0.3, "cannot_tell"
    step = verdict.next_step(document)
    assert step.text.startswith("More test calls of this payload would hardly decide.")
    assert "--tolerance" not in step.command


def test_where_more_calls_do_not_decide_that_stands_beside_every_other_objection() -> None:
    document: dict[str, Any] = result("throttled")
    document["stopped_by"] = "cannot_tell"
    text = verdict.next_step(document).text
    assert text.startswith("More test calls of this payload would hardly decide: the confidence is low")
    assert "Measure more" not in text


def test_a_tuning_whose_calls_cost_more_than_they_save_is_not_told_to_make_more() -> None:
    document: dict[str, Any] = result("aws")
    document["recommendation"]["expected_regret"], document["stopped_by"] = 0.3, "economy"
    step = verdict.next_step(document)
    assert step.text.startswith("Leave the function as it is, or measure more than it is expected to save:")


@pytest.mark.parametrize("command", [snippets.again, snippets.confirm, snippets.reproduce])
def test_a_command_accepts_as_many_failures_as_the_run_did(command: Callable[[Any], str]) -> None:
    document: dict[str, Any] = result("throttled")
    assert "--max-error-rate 20%" in command(document)
    document["request"]["max_error_rate"] = DEFAULT_MAX_ERROR_RATE
    assert "--max-error-rate" not in command(document)
    del document["request"]["max_error_rate"]
    assert "--max-error-rate" not in command(document)


def asked_by(text: str) -> dict[str, str]:
    """The flags of the command that tunes, with their values."""
    words = shlex.split(text[text.index("tuner tune") :].replace("\\\n", ""))
    follows = [*words[1:], "--"]
    return {word: "" if then.startswith("--") else then for word, then in zip(words, follows, strict=True)}


QUESTION = {
    "--strategy": "balanced",
    "--balanced-weight": "0.25",
    "--max-p95-ms": "20.5",
    "--max-cost-per-million": "0.7",
    "--min-memory": "256",
    "--invocations-per-month": "20000000",
    "--tolerance": "5%",
    "--max-error-rate": "20%",
    "--cold-start-share": "1%",
    "--discount": "12%",
    "--allowed-exceptions": "NotFound,Gone",
    "--only-cold-starts": "",
}


def with_question(document: dict[str, Any]) -> dict[str, Any]:
    """A result of a run that was asked for everything that a question can have."""
    document["request"] |= {
        "strategy": "balanced",
        "balanced_weight": 0.25,
        "constraints": {"max_p95_ms": 20.5, "max_cost_per_million_usd": 0.7, "min_memory_mb": 256},
        "invocations_per_month": 20e6,
        "tolerance": 0.05,
        "max_error_rate": 0.2,
        "cold_start_share": 0.01,
        "discount": 0.12,
        "allowed_exceptions": ["NotFound", "Gone"],
        "only_cold_starts": True,
    }
    return document


def drift(document: Any) -> str:
    """The command that looks later whether a size is still good."""
    return next(snippet.text for snippet in snippets.snippets(document) if snippet.tool == "tuner")


@pytest.mark.parametrize("command", [snippets.again, snippets.confirm, snippets.reproduce, drift])
def test_every_command_that_tunes_anew_asks_the_whole_question_of_the_run(command: Callable[[Any], str]) -> None:
    asked = asked_by(command(with_question(result("aws"))))
    assert {flag: value for flag, value in asked.items() if flag in QUESTION} == QUESTION
    plain = result("aws")
    plain["request"]["invocations_per_month"] = None
    assert not set(asked_by(command(plain))) & set(QUESTION), "defaults are left out"


INVOKED = {
    "--pre-processor": "before",
    "--post-processor": "after",
    "--sleep-between-runs-ms": "250",
    "--code-for": "arm64=s3://code/a.zip",
    "--isolation": "copy",
    "--disable-payload-logs": "",
}


@pytest.mark.parametrize("command", [snippets.again, snippets.confirm, snippets.reproduce, drift])
def test_every_command_that_tunes_anew_invokes_the_function_as_the_run_did(command: Callable[[Any], str]) -> None:
    document: dict[str, Any] = result("aws")
    assert not set(asked_by(command(document))) & set(INVOKED), "defaults are left out"
    document["request"] |= {
        "pre_processor": "before",
        "post_processor": "after",
        "sleep_between_runs_ms": 250,
        "code_for": {"arm64": "s3://code/a.zip"},
        "isolation": "copy",
        "payload": None,
    }
    elsewhere = {"--pre-processor": "PRE_PROCESSOR", "--post-processor": "POST_PROCESSOR"}
    told = INVOKED | (elsewhere if command is snippets.confirm else {})
    asked = asked_by(command(document))
    assert {flag: value for flag, value in asked.items() if flag in INVOKED} == told


def test_a_payload_in_s3_is_named_where_it_lies() -> None:
    document: dict[str, Any] = result("aws")
    document["request"]["payload"] = {"count": 1, "sha256": "0" * 64, "s3": "s3://events/a b.json"}
    asked = asked_by(snippets.reproduce(document))
    assert asked["--payload-s3"] == "s3://events/a b.json"
    assert "--payload" not in asked


def test_a_command_on_this_machine_names_the_region_whose_prices_decided() -> None:
    document: dict[str, Any] = result("local")
    document["function"]["region"] = "eu-central-1"
    for command in COMMANDS:
        assert asked_by(command(document))["--region"] == "eu-central-1"
    assert "--region" not in asked_by(snippets.reproduce(result("aws"))), "the ARN has it"


def test_more_certainty_halves_the_tolerance_and_changes_nothing_else_of_the_question() -> None:
    asked = asked_by(snippets.again(with_question(result("aws")), halve_tolerance=True))
    assert {flag: value for flag, value in asked.items() if flag in QUESTION} == QUESTION | {"--tolerance": "2.5%"}


@pytest.mark.parametrize(
    ("stopped_by", "budget", "spent", "told"),
    [
        ("max_seconds", 40, {"seconds": 41.2}, ("--max-seconds", "80")),
        ("max_seconds", 5, {"seconds": 11.2}, ("--max-seconds", "20")),
        ("max_seconds", None, {"seconds": 600.4}, ("--max-seconds", "1201")),
        ("max_invocations", 3_000_000, {"invocations": 3_000_000}, ("--max-invocations", "6000000")),
        ("max_usd", 0.05, {"cost_usd": 0.049}, ("--max-usd", "0.1")),
    ],
)
def test_a_run_that_a_budget_ended_goes_on_with_more_of_it_than_it_has_spent(
    stopped_by: str, budget: float | None, spent: dict[str, float], told: tuple[str, str]
) -> None:
    document = result("partial")
    document["stopped_by"] = stopped_by
    document["request"]["budget"][stopped_by] = budget
    document["tuning"] |= spent
    step = verdict.next_step(document)
    assert f"Go on with a higher {told[0]}" in step.text
    assert asked_by(step.command)[told[0]] == told[1]
    for form in (markdown.render(document), terminal.render(document), text_with_code(html.render(document))):
        assert " ".join(told) in " ".join(form.split())
    document["stopped_by"] = "interrupted"
    assert "--max" not in verdict.next_step(document).command


def text_with_code(page: str) -> str:
    """The text of a page with its commands."""
    return re.sub(r"<[^>]*>", "", page)


def test_the_command_that_tunes_again_asks_the_same_question() -> None:
    document = result("aws")
    document["request"] |= {"listed": True, "memory_sizes_mb": [512, 1024], "architectures": ["x86_64", "arm64"]}
    assert "--power-values 512,1024 \\\n  --arch both" in snippets.again(document)
    assert "--power-values" not in snippets.again(document, same_sizes=False)
    document["request"] |= {"listed": False, "architectures": [document["current"]["architecture"]]}
    assert "--power-values 512-1024" in snippets.again(document)
    document["request"]["memory_sizes_mb"] = [128, 1024, 10240]
    assert "--power-values" not in snippets.again(document)
    assert "--arch" not in snippets.again(document)
