"""The command of a report that repeats its run asks for all that the run was asked for, flag by flag."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from reports.words import snippets
from tests.unit.reports.results import result
from tuner.api.options import input_document
from tuner.aws.api.connection import Connection
from tuner.cli.commands.measure.tune import command
from tuner.cli.flags import converted
from tuner.cli.request import read_request
from tuner.documents.input import decode_input
from tuner.documents.request import request_document
from tuner.local.arguments import arguments
from tuner.local.host import architecture
from tuner.model import Architecture, BackendKind, FunctionIdentity
from tuner.payloads import Payloads
from tuner.search.space import search_space
from tuner.settings import Settings

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
HANDLER = "a b/app.py:handler"
HERE = architecture() or Architecture.X86_64
AWS = {
    "--payload": ["@my events/it's.json"],
    "--payload-s3": ["s3://events/a b.json"],
    "--power-values": ["128,512,512,1024"],
    "--arch": ["both"],
    "--strategy": ["balanced"],
    "--balanced-weight": ["0.25"],
    "--max-p95-ms": ["20.5"],
    "--max-cost-per-million": ["0.7"],
    "--min-memory": ["256"],
    "--max-error-rate": ["20%"],
    "--pre-processor": ["arn:aws:lambda:eu-west-1:123456789012:function:before"],
    "--post-processor": ["after; rm -rf $HOME"],
    "--allowed-exceptions": ["NotFound,Gone"],
    "--only-cold-starts": [],
    "--sleep-between-runs-ms": ["250"],
    "--code-for": ["arm64=s3://code/it's.zip"],
    "--sampler": ["grid"],
    "--runs": ["7"],
    "--environments": ["3"],
    "--concurrency": ["4"],
    "--tolerance": ["5%"],
    "--cold-start-share": ["1%"],
    "--discard-top-bottom": ["0.1"],
    "--seed": ["7"],
    "--evidence": ["off"],
    "--max-invocations": ["900"],
    "--max-usd": ["0.25"],
    "--max-seconds": ["60"],
    "--invocations-per-month": ["20000000"],
    "--discount": ["12%"],
    "--isolation": ["versions"],
    "--disable-payload-logs": [],
}
"""Flags of a run in AWS that the command repeats, each with a value that is no default."""
LOCAL = {
    "--root": ["a b"],
    "--handler": ["orders.create"],
    "--python": ["my venv/bin/python"],
    "--node": ["/opt/node 22"],
    "--env": ["TOKEN=hunter2hunter2"],
    "--timeout": ["3"],
    "--ephemeral-storage": ["1024"],
    "--memory-in-use": ["512"],
    "--region": ["eu-central-1"],
}
"""Flags of a handler on this machine that it repeats. In AWS the ARN has the region."""
NOT_REPEATED = {
    "--input": "its fields are repeated as flags",
    "--from": "target, variables, limits and size in use of the function are repeated as flags of their own",
    "--event": "repeated as --payload @FILE",
    "--env-file": "its variables are repeated as --env, without their values",
    "--resume": "the same run from its beginning: what was asked for last is in the result",
    "--dry-run": "measures nothing, so there is no result",
    "--apply": "changes the function after the run",
    "--force": "changes the function after the run",
    "--alias": "changes the function after the run",
    "--fail-above": "judges a result that is the same without it",
    "--strict": "judges a result that is the same without it",
    "--profile": "how whoever runs it reaches AWS",
    "--role-arn": "how whoever runs it reaches AWS",
    "--endpoint-url": "how whoever runs it reaches AWS",
    "--log": "a copy of what the function prints",
    "--output": "where the result goes",
    "--open": "shows the same result",
    "--format": "shows the same result",
    "--quiet": "shows no progress",
    "--debug": "shows more of an error",
}
"""Flags that neither what is measured nor what is decided depends on, and why."""


def identity(kind: BackendKind) -> FunctionIdentity:
    own = (Architecture.X86_64, Architecture.ARM64) if kind is BackendKind.AWS else (HERE,)
    return FunctionIdentity("orders", kind, own, arn=ARN if kind is BackendKind.AWS else None)


def asked(words: Sequence[str]) -> tuple[Settings, dict[str, Any]]:
    """What a command line asks for: the settings, and what no setting holds."""
    given = command.make_context("tune", list(words)).params
    payload = given.pop("payload")
    (target,) = given["words"]
    document, _ = input_document(target, converted(given, []))
    settings = decode_input(document)
    file = payload[1:] if payload and payload.startswith("@") else None
    return replace(settings, payload_file=file), {name: given[name] for name in ("evidence", "region")}


def reproduced(settings: Settings, evidence: Any, region: str | None) -> list[str]:
    """The words of the command that repeats a run of these settings."""
    kind = BackendKind.AWS if settings.target == ARN else BackendKind.LOCAL
    document = result(kind.value)
    space = search_space(settings, identity(kind))
    document["request"] = json.loads(json.dumps(request_document(settings, space, evidence=evidence)))
    document["function"] |= {"arn": identity(kind).arn, "region": region}
    document["function"]["details"] = {"arguments": arguments(settings)} if kind is BackendKind.LOCAL else {}
    return shlex.split(snippets.reproduce(document).replace("\\\n", ""))


def deciding(settings: Settings) -> tuple[Any, ...]:
    """What the measuring and the decision depend on. Values of payloads and variables are not kept."""
    kind = BackendKind.AWS if settings.target == ARN else BackendKind.LOCAL
    local = replace(settings.local, environment=dict.fromkeys(settings.local.environment, ""), log=None)
    nothing: dict[str, Any] = {"document": {}, "notices": (), "payloads": Payloads.decode({}), "architectures": None}
    plain = replace(settings, local=local, memory=Settings("").memory, **nothing)
    more_than_once = {size: times for size, times in settings.memory.repeats.items() if times > 1}
    return plain, search_space(settings, identity(kind)), more_than_once


def line_of(target: str, flags: dict[str, list[str]]) -> list[str]:
    return [target, *(word for flag, values in flags.items() for word in (flag, *values))]


def test_every_flag_of_the_command_is_repeated_or_does_not_matter_for_a_reason() -> None:
    flags = {parameter.opts[0] for parameter in command.params if isinstance(parameter, click.Option)}
    assert flags == {*AWS, *LOCAL, *NOT_REPEATED}
    assert not {*AWS, *LOCAL} & {*NOT_REPEATED}


@pytest.mark.parametrize(
    ("target", "flag", "values"),
    [(target, flag, values) for target, flags in ((ARN, AWS), (HANDLER, LOCAL)) for flag, values in flags.items()],
    ids=lambda value: value if str(value).startswith("--") else "",
)
def test_a_flag_of_a_run_is_repeated_with_its_value(target: str, flag: str, values: list[str]) -> None:
    needed = {"--balanced-weight": {"--strategy": ["balanced"]}, "--runs": {}, "--power-values": {"--runs": ["7"]}}
    words = line_of(target, {**needed.get(flag, {}), flag: values})
    settings, beside = asked(words)
    again = reproduced(settings, beside["evidence"], beside["region"])
    assert again[:3] == ["tuner", "tune", target]
    hidden = [values[0].partition("=")[0] + "=…"] if flag == "--env" else values
    assert again[again.index(flag) + 1 :][: len(hidden)] == hidden
    repeated, beside_again = asked(without_gaps(again))
    assert deciding(repeated) == deciding(settings)
    assert beside_again == beside


@pytest.mark.parametrize(("target", "flags"), [(ARN, AWS), (HANDLER, {**AWS, **LOCAL})], ids=["aws", "local"])
def test_all_flags_together_lead_to_the_same_settings(target: str, flags: dict[str, list[str]]) -> None:
    only_aws = {"--isolation", "--code-for", "--arch"} if target == HANDLER else set()
    for left_out in ("--payload", "--payload-s3"):  # the one wins over the other
        for hidden in ("--disable-payload-logs", ""):
            dropped = {left_out, *only_aws, *({"--disable-payload-logs"} if not hidden else ())}
            given = {flag: values for flag, values in flags.items() if flag not in dropped}
            settings, beside = asked(line_of(target, given))
            repeated, _ = asked(without_gaps(reproduced(settings, beside["evidence"], beside["region"])))
            nothing_told = {"payload_file": None, "payload_s3": None} if hidden else {}
            assert deciding(repeated) == deciding(replace(settings, **nothing_told))


def test_a_share_of_cold_starts_that_is_no_default_of_cold_runs_is_repeated() -> None:
    settings, _ = asked([ARN, "--only-cold-starts", "--cold-start-share", "0%"])
    repeated, _ = asked(without_gaps(reproduced(settings, "logs", None)))
    assert repeated.objective.cold_start_share == settings.objective.cold_start_share == 0
    settings, _ = asked([ARN, "--only-cold-starts"])
    assert "--cold-start-share" not in reproduced(settings, "logs", None)


def test_defaults_are_not_repeated_but_for_what_the_run_was_made_with() -> None:
    settings, _ = asked([ARN])
    told = {word for word in reproduced(settings, "logs", "eu-west-1") if word.startswith("--")}
    assert told == {"--power-values", "--arch", "--sampler", "--environments", "--concurrency", "--seed"}


@pytest.mark.parametrize("given", ['{"token": "hunter2"}', "@hunter2.json"])
def test_without_payload_logs_a_command_tells_nothing_of_the_payload_and_keeps_them_off(given: str) -> None:
    settings, _ = asked([ARN, "--payload", given, "--payload-s3", "s3://hunter2/event.json", "--disable-payload-logs"])
    payloads = Payloads.decode({"token": "hunter2"})
    words = reproduced(replace(settings, payloads=payloads), "logs", None)
    assert "hunter2" not in " ".join(words)
    assert words[words.index("--payload") + 1] == "…"
    assert "--disable-payload-logs" in words


def test_fields_of_an_input_file_are_repeated_as_flags(tmp_path: Path) -> None:
    fields = {
        "lambdaARN": ARN, "powerValues": [128, 128, 256], "num": 20, "parallelInvocation": True, "strategy": "balanced",
        "balancedWeight": 0.3, "preProcessorARN": ARN, "discardTopBottom": 0.05, "sleepBetweenRunsMs": 40,
        "payloadS3": "s3://events/a.json", "allowedExceptions": ["Gone"], "architectures": "both",
    }  # fmt: skip
    (tmp_path / "input.json").write_text(json.dumps(fields))
    given = command.make_context("tune", [ARN, "--input", str(tmp_path / "input.json")]).params
    settings = read_request(ARN, given, Connection()).settings
    repeated, _ = asked(without_gaps(reproduced(settings, "logs", None)))
    assert deciding(repeated) == deciding(settings)


def without_gaps(words: Sequence[str]) -> list[str]:
    """What a command line asks for without the payload that is left to fill in."""
    kept = list(words[2:])
    if "--payload" in kept and kept[kept.index("--payload") + 1] == "…":
        del kept[kept.index("--payload") : kept.index("--payload") + 2]
    return kept
