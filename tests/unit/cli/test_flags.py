"""Flags are fields of the input document, and faults come back under the flag's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from tuner.api.options import FIELDS, Options, input_document, renamed
from tuner.cli.commands.measure.tune import command
from tuner.cli.flags import FLAGS, GroupedOption, converted, flag_names
from tuner.cli.main import COMMANDS, cli, run
from tuner.cli.values import as_share, read_json_file, read_payload, read_variables
from tuner.documents.input import decode_input, input_faults, input_schema
from tuner.documents.validation import as_number
from tuner.errors import Fault


def document_of(base: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return input_document("f", converted(options, []), base)[0]


def faults_of(base: dict[str, Any] | None = None, **options: Any) -> list[str]:
    faults: list[Fault] = []
    document, parameters = input_document("f", converted(options, faults), base)
    return list(map(str, [*faults, *renamed(input_faults(document), flag_names(parameters))]))


def schema_at(field: str) -> dict[str, Any]:
    schema = input_schema()
    for part in field.split("."):
        schema = schema["properties"][part]
    return schema


def test_every_flag_sets_a_field_that_the_schema_knows_and_the_command_has_it() -> None:
    options = {name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts}
    for flag in FLAGS:
        assert schema_at(FIELDS[flag.parameter])
        assert flag.name in options


def test_every_flag_of_the_settings_is_a_keyword_of_the_library_and_the_other_way_round() -> None:
    keywords = {"payload", *Options.__annotations__}
    assert {flag.parameter for flag in FLAGS} == keywords == set(FIELDS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("128,512,1024", [128, 512, 1024]),
        ("128", [128]),
        (" 128 , 512", [128, 512]),
        ("128-3008", "128-3008"),
        ("all", "all"),
        ("ALL", "ALL"),
    ],
)
def test_memory_sizes_are_written_as_a_list_a_range_or_all(text: str, value: Any) -> None:
    assert document_of(power_values=text)["powerValues"] == value
    assert faults_of(power_values=text) == []


@pytest.mark.parametrize(
    ("text", "value"), [("5%", 0.05), ("5", 0.05), ("12.5%", 0.125), ("0.5%", 0.005), (" 2 %", 0.02), ("0", 0.0)]
)
def test_a_share_is_a_percentage(text: str, value: float) -> None:
    assert as_share(text) == pytest.approx(value)


def test_a_share_that_can_be_read_in_two_ways_is_refused_with_both() -> None:
    assert faults_of(tolerance="0.5") == ["--tolerance: 0.5 can mean 0.5% or 50% (write 0.5% or 50%)"]


def test_flags_win_over_the_document_and_leave_the_rest_of_it() -> None:
    base = {"num": 50, "strategy": "speed", "constraints": {"minMemory": 256}, "budget": {"maxUsd": 1}}
    document = document_of(base, runs="5", max_p95_ms="300", max_invocations="7")
    assert document["num"] == 5
    assert document["strategy"] == "speed"
    assert document["constraints"] == {"minMemory": 256, "maxP95Ms": 300}
    assert document["budget"] == {"maxUsd": 1, "maxInvocations": 7}
    assert base["constraints"] == {"minMemory": 256}
    assert decode_input(document).runs == 5


def test_flags_that_were_not_given_set_nothing() -> None:
    unset = {
        flag.parameter: False if flag.parameter in ("only_cold_starts", "disable_payload_logs") else None
        for flag in FLAGS
    }
    assert document_of(**unset) == {"lambdaARN": "f"}
    assert document_of(only_cold_starts=True)["onlyColdStarts"] is True


def test_every_fault_is_told_under_its_flag() -> None:
    found = faults_of(
        {"discardTopBottom": 2, "surprise": 1},
        power_values="96,abc",
        strategy="fast",
        balanced_weight="2",
        runs="many",
        tolerance="x",
        max_p95_ms="-5",
        seed="1.5",
        max_usd="nan",
    )
    assert {fault.partition(":")[0] for fault in found} == {
        "$.discardTopBottom",
        "$.surprise",
        "--power-values[0]",
        "--power-values[1]",
        "--strategy",
        "--balanced-weight",
        "--runs",
        "--tolerance",
        "--max-p95-ms",
        "--seed",
        "--max-usd",
    }
    assert "--power-values[0]: 96 is below 128 (use a value from 128 to 10240)" in found
    assert all(fault.endswith(")") for fault in found)


def test_names_of_exceptions_are_separated_by_commas() -> None:
    assert document_of(allowed_exceptions="A, B,")["allowedExceptions"] == ["A", "B"]


def test_a_payload_is_json_or_a_file_of_it(tmp_path: Path) -> None:
    faults: list[Fault] = []
    path = tmp_path / "event.json"
    path.write_text('{"n": 1}')
    assert read_payload('{"n": 1}', faults) == read_payload(f"@{path}", faults) == {"n": 1}
    assert faults == []


@pytest.mark.parametrize("text", ["{n: 1}", "", "@missing.json", "@."])
def test_a_payload_that_cannot_be_read_is_a_fault_of_its_flag(text: str) -> None:
    faults: list[Fault] = []
    assert read_payload(text, faults) is None
    (fault,) = faults
    assert fault.path == "--payload"
    assert fault.remedy


def test_a_payload_that_a_command_leaves_to_fill_in_is_never_taken_as_one() -> None:
    faults: list[Fault] = []
    assert read_payload("…", faults) is None
    assert faults[0].problem == "the payload is not filled in"


def test_a_file_that_is_not_utf_8_is_a_fault(tmp_path: Path) -> None:
    faults: list[Fault] = []
    path = tmp_path / "event.json"
    path.write_bytes(b'"\xff"')
    assert read_json_file(path, "--input", faults) is None
    assert "is not JSON" in faults[0].problem


def test_a_flag_does_not_hide_that_its_place_in_the_input_is_no_object() -> None:
    document, _ = input_document("f", {"max_p95_ms": 5}, {"constraints": 5})
    assert [fault.path for fault in input_faults(document) if fault.path.startswith("$.constraints")]


def test_a_bad_payload_is_not_quoted_where_payload_logs_are_off() -> None:
    faults: list[Fault] = []
    assert read_payload('{"token": "s3cret"', faults, show=False) is None
    assert "s3cret" not in str(faults[0])


def test_a_payload_nested_too_deeply_is_a_fault() -> None:
    faults: list[Fault] = []
    assert read_payload("[" * 100_000, faults) is None
    assert "is not JSON: it has too many levels of nesting" in faults[0].problem
    assert len(faults) == 1


@pytest.mark.parametrize("flag", ["--max-usd", "--max-seconds"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0", "much"])
def test_a_budget_of_a_duet_is_a_finite_number_above_zero(flag: str, value: str) -> None:
    assert run(["duet", "f", "--baseline", "1", "--candidate", "2", flag, value]) == 2


@pytest.mark.parametrize("field", [flag.parameter for flag in FLAGS if flag.convert in (as_share, as_number)])
@pytest.mark.parametrize("value", ["nan", "inf", "-1"])
def test_a_number_of_a_flag_is_finite_and_not_negative(field: str, value: str) -> None:
    assert faults_of(**{field: value})


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400"])
def test_a_number_that_is_not_finite_is_told_once_with_what_is_allowed(value: str) -> None:
    (told,) = faults_of(runs=value)
    assert told.startswith(f"--runs: {float(value)} is not a finite number (use ")
    assert "from 1 to 10000" in told


def test_a_file_that_windows_wrote_is_read_without_its_mark(tmp_path: Path) -> None:
    event, variables = tmp_path / "event.json", tmp_path / "dev.env"
    event.write_bytes(b'\xef\xbb\xbf{"n": 1}\r\n')
    variables.write_bytes(b"\xef\xbb\xbfA=1\r\nB=2\r\n")
    faults: list[Fault] = []
    assert read_payload(f"@{event}", faults) == {"n": 1}
    assert read_variables(variables, faults) == {"A": "1", "B": "2"}
    assert faults == []


def test_a_file_larger_than_every_document_is_a_fault_and_is_not_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.api.files.LARGEST_FILE", 1 << 20)
    faults: list[Fault] = []
    assert read_json_file(Path("/dev/zero"), "--input", faults) is None
    assert read_variables(Path("/dev/zero"), faults) == {}
    assert [fault.problem for fault in faults] == [
        "/dev/zero is not JSON: it has more than 1 MB",
        "/dev/zero cannot be read: it has more than 1 MB",
    ]


def test_a_variable_that_no_program_can_have_is_a_fault_of_its_line(tmp_path: Path) -> None:
    file = tmp_path / "dev.env"
    file.write_text("A=1\nB=\0\n")
    faults: list[Fault] = []
    read_variables(file, faults)
    assert [fault.problem for fault in faults] == [f"line 2 of {file} has a NUL character"]


def test_variables_of_a_file_are_read_with_every_fault(tmp_path: Path) -> None:
    file = tmp_path / "dev.env"
    file.write_text("# comment\n\nexport A=1\nB='two words'\nC=\nnothing\n")
    faults: list[Fault] = []
    assert read_variables(file, faults) == {"A": "1", "B": "two words", "C": "", "nothing": ""}
    assert [fault.problem for fault in faults] == [f"line 6 of {file} is not KEY=VALUE"]


def test_a_payload_that_is_given_twice_is_an_error_that_says_how_to_give_both(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["tune", "f", "--payload", "1", "--payload", "2", "--dry-run"]) == 2
    assert "--payload: is given 2 times (give several as one list, [{payload, weight}, …])" in capsys.readouterr().err


def options_of_all_commands(*, multiple: bool) -> list[tuple[click.Command, GroupedOption]]:
    commands = [cli.get_command(click.Context(cli), name) for name in COMMANDS]
    return [
        (one, parameter)
        for one in commands
        if one is not None
        for parameter in one.params
        if isinstance(parameter, GroupedOption) and not parameter.is_flag and parameter.multiple is multiple
    ]


def told_of(one: click.Command, *given: str) -> list[str]:
    """The faults of options, as a command finds them."""
    parent = cli.make_context("tuner", [], resilient_parsing=True)
    context = one.make_context(one.name, list(given), parent=parent, resilient_parsing=True)
    return [str(fault) for fault in context.meta["tuner.faults"]]


def test_no_option_of_any_command_takes_the_last_of_several_values_in_silence() -> None:
    for one, option in options_of_all_commands(multiple=False):
        name = option.opts[0]
        assert f"{name}: is given 2 times ({option.several})" in told_of(one, name, "1", name, "2"), one.name


def test_every_option_with_names_refuses_a_name_that_is_given_twice() -> None:
    named = [
        (one, option)
        for one, option in options_of_all_commands(multiple=True)
        if "=" in (option.metavar or "") and option.name != "env"  # of a variable the last value counts
    ]
    assert {option.opts[0] for _, option in named} >= {"--event", "--logs", "--chance", "--code-for"}
    for one, option in named:
        name = option.opts[0]
        (told,) = told_of(one, name, "a:b=1", name, "a:b=2")
        assert told.startswith(f"{name}: a"), one.name
        assert told.endswith("is given 2 times (give it once)")


def test_options_that_are_repeated_are_told_with_all_other_faults(capsys: pytest.CaptureFixture[str]) -> None:
    packages = ["--code-for", "arm64=s3://a/b", "--code-for", "arm64=s3://a/c"]
    assert run(["tune", "f", "--arch", "x86_64", "--arch", "arm64", *packages, "--runs", "0"]) == 2
    told = capsys.readouterr().err
    assert "--arch: is given 2 times (both measures x86_64 and arm64)" in told
    assert "--code-for: arm64 is given 2 times (give it once)" in told
    assert "--runs" in told


def test_of_a_variable_the_last_value_counts() -> None:
    assert document_of(env=("A=1", "A=2"))["local"]["environment"] == {"A": "2"}


def test_a_payload_that_is_the_name_of_a_file_is_told_with_the_at_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "event.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    faults: list[Fault] = []
    assert read_payload("event.json", faults) is None
    assert faults[0].remedy == "did you mean @event.json?"
