"""Reads damaged texts of every kind: each is refused by a clear error, or gives values that can be used."""

from __future__ import annotations

import json
import math
import random
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from reports import markdown, terminal
from tests.attack.mutations import damaged_bytes, damaged_json, damaged_value
from tests.attack.workflow_fuzzers import fuzz_history, fuzz_workflow
from tests.golden.situations import document_of
from tuner.api.price_cache import read_prices
from tuner.api.records.run_folder import read_record_to_resume
from tuner.aws.changes.journal import DamagedJournalError, read_leftover
from tuner.documents.fleet_list import read_fleet_list
from tuner.documents.input import decode_valid, input_faults
from tuner.documents.power_tuning import translate
from tuner.documents.result import loads
from tuner.errors import InputError
from tuner.model import Architecture, Configuration, FunctionError, Outcome
from tuner.pricing.price_list import decode_prices, shipped_document
from tuner.projects.patch import Wanted, make_patch
from tuner.report_line import classify, parse_log

WHOLE, SHORT = 0.05, 2
"""Share of results and price lists that are damaged as a whole, and the entries of each list in the others."""
REQUEST_ID = "8f5e2c1a-6d3b-4e7f-9a0c-5b4d3e2f1a0b"
RUN = "20260918t041200z-3f2a9c"
INPUT = {
    "lambdaARN": "orders",
    "powerValues": [128, 256, 512],
    "num": 5,
    "payload": [{"payload": {"n": 1}, "weight": 2}, {"payload": {"n": 2}, "weight": 1}],
    "parallelInvocation": True,
    "strategy": "balanced",
    "balancedWeight": 0.5,
    "budget": {"maxInvocations": 100, "maxUsd": 1, "maxSeconds": 60},
    "constraints": {"maxP95Ms": 100},
    "tolerance": 0.02,
}
TRIAL = {"id": 0, "memory_mb": 128, "architecture": "x86_64", "environments": 2, "runs_per_environment": 2}
RECORD = (
    {"kind": "header", "version": 1, "input": INPUT, "target": "orders", "code_sha256": "a"},
    {"kind": "round", "trials": [{**TRIAL, "fresh": False}], "expected_regret": None, "elapsed_s": 0.1},
    {
        "kind": "sample",
        "trial_id": 0,
        "memory_mb": 128,
        "architecture": "x86_64",
        "invocations": [{"outcome": "ok", "request_id": "a", "duration_ms": 5.0, "billed_duration_ms": 6}],
        "elapsed_s": 0.2,
    },
)
JOURNAL = (
    {"run": RUN, "function": "arn", "began": "2026-09-18T04:12:00Z", "pid": 1, "host": "h"},
    {"intend": {"step": "CreateCopy", "marker": f"tuner:{RUN} 512 MB arm64 #1 copy of orders"}},
    {"done": {"step": "DeleteCopy", "copy": f"tuner_{RUN}-512-arm-1-orders"}, "version": ""},
)
LIST_CSV = b'lambdaARN,powerValues,num,payload,budget.maxUsd\norders,128;256,5,{},1\nbilling,ALL,2,"[1]",\n'
TEMPLATES = (
    (
        "template.yaml",
        """\
Globals: {Function: {MemorySize: &size 512}}
Parameters: {Size: {Default: "256", AllowedValues: [256, 1024]}}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: orders  # by hand
      MemorySize: !Ref Size
      Environment: {Variables: {A: !Sub "${Size}", B: *size}}
""",
    ),
    (
        "serverless.yml",
        """\
service: shop
provider: {name: aws, memorySize: "${self:custom.size}"}
custom: {size: 512}
functions: {orders: {name: orders, handler: app.handler}}
""",
    ),
    (
        "main.tf",
        """\
locals { sizes = { orders = 512, "billing" = 256 } }
variable "kind" { default = "x86_64" }
resource "aws_lambda_function" "all" {
  for_each      = local.sizes
  function_name = each.key # ${name}
  memory_size   = each.value
  architectures = [var.kind]
  description   = "a ${each.key} %{ if true }b%{ endif }"
}
""",
    ),
)
LOG_PIECES = (
    f"REPORT RequestId: {REQUEST_ID}\tDuration: 5.00 ms\tBilled Duration: 6 ms\tMemory Size: 128 MB\t\n",
    f"REPORT RequestId: {REQUEST_ID}\tDuration: 5 ms\tBilled Duration: 6 ms\tMemory Size: 1 MB\tMax Memory Used: 6 MB",
    '{"time":"t","type":"platform.report","record":{"requestId":"' + REQUEST_ID + '","metrics":{"durationMs":5.0}}}\n',
    f"REPORT RequestId: {REQUEST_ID}",
    "Billed Duration: ",
    "platform.report",
    "\n",
    f"END RequestId: {REQUEST_ID}\n",
)


def fuzz_log(rng: random.Random) -> None:
    """A log gives a report with finite values, or none."""
    pieces = "".join(rng.choice(LOG_PIECES) for _ in range(rng.randint(1, 6)))
    report = parse_log(damaged_bytes(rng, pieces.encode()).decode("utf-8", "replace"), REQUEST_ID)
    assert classify(report, rng.choice((None, FunctionError("E", "m")))) in Outcome
    assert report is None or (report.request_id == REQUEST_ID and 0 <= report.duration_ms < math.inf)


def fuzz_input(rng: random.Random) -> None:
    """An input has faults, or is decoded, also as one of Power Tuning."""
    damaged = damaged_value(rng, INPUT)
    translated = translate(damaged)
    for document in (damaged, translated.document):
        if not translated.faults and not input_faults(document):
            decode_valid(document)


def fuzz_result(rng: random.Random) -> None:
    """A result is refused with its name, or can be reported."""
    try:
        whole = rng.random() < WHOLE
        document = loads(damaged_json(rng, _result(whole)).decode("utf-8", "replace"), name="result.json")
    except InputError as error:
        assert "result.json" in error.message
        return
    terminal.render(document)
    markdown.render(document)


def fuzz_samples(rng: random.Random) -> None:
    """A record is refused with its file, or every sample in it was asked for."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.jsonl"
        path.write_bytes(_damaged_lines(rng, RECORD))
        try:
            found = read_record_to_resume(Path(folder))
        except InputError as error:
            assert str(path) in error.message
            return
    asked = {trial.id: trial.configuration for round_ in found.rounds for trial in round_.trials}
    for sample in found.samples:
        assert asked[sample.trial_id] == sample.configuration
        assert all(0 <= (run.duration_ms or 0) < math.inf for run in sample.invocations)


def fuzz_journal(rng: random.Random) -> None:
    """A journal is refused with file and line, or names copies of its own run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.jsonl"
        path.write_bytes(_damaged_lines(rng, JOURNAL))
        try:
            left = read_leftover(path)
        except DamagedJournalError as error:
            assert f"{path} is damaged: line " in error.message
            return
    assert left is None or all(left.run in name for name in left.copies)


def fuzz_prices(rng: random.Random) -> None:
    """A price cache is refused, or has prices above 0."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prices-us-east-1.json"
        path.write_bytes(damaged_json(rng, _prices(rng.random() < WHOLE)))
        try:
            prices = decode_prices(read_prices(path), "us-east-1")
        except (ValueError, LookupError) as error:
            assert str(error)
            return
    usd = [tier.usd_per_gb_second for tiers in prices.tiers.values() for tier in tiers]
    assert all(0 < price < math.inf for price in (*usd, prices.request_usd, prices.ephemeral_usd_per_gb_second))


def fuzz_list(rng: random.Random) -> None:
    """A list of functions is refused, or gives inputs that can be decoded."""
    in_csv = rng.random() < 0.5
    content = damaged_bytes(rng, LIST_CSV) if in_csv else damaged_json(rng, [INPUT, "billing"])
    try:
        found = read_fleet_list(content.decode("utf-8", "replace"), {}, in_csv=in_csv)
    except InputError:
        return
    for document in found:
        decode_valid(translate(document).document)


def fuzz_template(rng: random.Random) -> None:
    """A project's file is refused, or a change of it alters texts where it says so."""
    name, text = rng.choice(TEMPLATES)
    content = damaged_bytes(rng, text.encode()).decode("utf-8", "replace")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content.encode())
        try:
            patch = make_patch(path, [Wanted("orders", Configuration(1024, Architecture.ARM64))])
        except InputError:
            return
        assert bool(patch.sources.changed) == any(found.changes for found in patch.functions)
        assert path.read_bytes() == content.encode()


FUZZERS: dict[str, Callable[[random.Random], None]] = {
    "logs": fuzz_log,
    "inputs": fuzz_input,
    "results": fuzz_result,
    "samples": fuzz_samples,
    "journals": fuzz_journal,
    "caches": fuzz_prices,
    "workflows": fuzz_workflow,
    "histories": fuzz_history,
    "lists": fuzz_list,
    "templates": fuzz_template,
}


def attack(name: str, seed: str) -> None:
    """One text of a kind from one seed; a failure names the seed that repeats it."""
    try:
        FUZZERS[name](random.Random(seed))
    except Exception as exc:
        exc.add_note(f"repeat with: python -m tests.attack --only {name} --repeat {seed}")
        raise


def _damaged_lines(rng: random.Random, documents: tuple[dict[str, Any], ...]) -> bytes:
    lines = [json.dumps(document).encode() for document in documents]
    number = rng.randrange(len(lines))
    choice = rng.randrange(4)
    if choice == 0:
        lines.insert(number, lines[number])
    elif choice == 1:
        del lines[number]
    else:
        lines[number] = damaged_json(rng, documents[number])
    return b"\n".join(lines) + rng.choice((b"\n", b"\n", b""))


@cache
def _result(whole: bool) -> Any:
    document = document_of("already-best")
    return document if whole else _short(document)


@cache
def _prices(whole: bool) -> Any:
    document = shipped_document()
    return document if whole else {**document, "regions": dict(list(document["regions"].items())[:SHORT])}


def _short(value: Any) -> Any:
    """The same structure with short lists, which is damaged and read many times as fast."""
    if isinstance(value, dict):
        return {name: _short(item) for name, item in value.items()}
    return [_short(item) for item in value[:SHORT]] if isinstance(value, list) else value
