"""Advice from a log: findings that its figures support, and no others."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.unit.evidence.logs import Run, tailed
from tuner.evidence import account_findings
from tuner.evidence.advice import Advice, advise_on_rows
from tuner.evidence.containers import COMPARISONS
from tuner.evidence.findings import RULES, FindingCode
from tuner.evidence.logs.log_rows import read_log
from tuner.model import Architecture
from tuner.pricing.price_list import price_list

PRICES = price_list("us-east-1")
FIELDS = {
    *("function", "memory_mb", "runs", "memory_floor_mb", "max_memory_used_mb", "cold_start_share"),
    *("init_duration_ms", "p99_ms", "timeout_advice_s", "error_share", "cost_usd_per_million", "recommendation"),
    *("chance_of_saving", "findings"),
}


def runs_at(memory_mb: int, ms: float, *, first: int = 0, count: int = 120, **fields: object) -> list[Run]:
    rng = np.random.default_rng(first)
    return [
        Run(
            f"r{first + n}",
            round(ms * float(rng.lognormal(0, 0.05)), 2),
            60.0 * (first + n),
            f"2026/11/02/[$LATEST]{(first + n) // 12}",
            memory_mb,
            init_ms=150.0 if n % 12 == 0 else None,
            **fields,  # type: ignore[arg-type]
        )
        for n in range(count)
    ]


@cache
def one_size() -> Advice:
    """Advice from 120 good runs at 512 MB."""
    return advise(runs_at(512, 80.0))


def advise(runs: list[Run], architecture: Architecture = Architecture.X86_64) -> Advice:
    found = advise_on_rows("orders", read_log(tailed(runs)).rows, PRICES, architecture=architecture)
    assert found is not None
    return found


def codes(advice: Advice) -> set[FindingCode]:
    return {finding.code for finding in advice.findings}


def test_two_sizes_that_take_the_same_time_recommend_the_smaller() -> None:
    advice = advise([*runs_at(512, 200.0, count=40), *runs_at(2048, 200.0, first=200, count=40)])
    assert advice.prediction is not None
    assert advice.prediction.recommended is not None
    assert advice.prediction.recommended.memory_mb <= 512
    first = advice.findings[0]
    assert first.code is FindingCode.SIZE
    assert first.command == "tuner tune orders"
    assert "40 runs at 2,048 MB and 40 at other sizes" in first.evidence


def test_one_size_says_what_it_cannot_tell() -> None:
    advice = one_size()
    assert advice.prediction is not None
    assert advice.prediction.recommended is None
    told = next(f for f in advice.findings if f.code is FindingCode.CANNOT_TELL)
    assert "how its duration changes with memory" in told.evidence
    assert advice.findings[0].title == "No size is recommended without a trial"


def test_a_log_without_log_streams_says_that_environments_are_not_known_and_what_follows() -> None:
    runs = runs_at(512, 80.0, count=24)
    known, unknown = advise(runs), advise([replace(run, stream="-") for run in runs])
    assert (known.document()["environments"], unknown.document()["environments"]) == (2, None)
    (told,) = (finding.evidence for finding in known.findings if finding.code is FindingCode.CANNOT_TELL)
    assert "environment" not in told
    (told,) = (finding.evidence for finding in unknown.findings if finding.code is FindingCode.CANNOT_TELL)
    assert "they name no log stream, and each counts as one of its own" in told


def test_every_document_has_the_fields_of_the_contract() -> None:
    document = one_size().document()
    assert set(document) >= FIELDS
    assert json.loads(json.dumps(document)) == document
    assert all(set(f) == {"code", "title", "evidence", "command"} for f in document["findings"])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"status": "error"}, FindingCode.ERRORS),
        ({"status": "timeout"}, FindingCode.TIMEOUT),
        ({"status": "error", "used_mb": 512}, FindingCode.OUT_OF_MEMORY),
        ({"used_mb": 490}, FindingCode.MEMORY_FLOOR),
    ],
)
def test_what_goes_wrong_is_a_finding_with_its_count(fields: dict[str, object], code: FindingCode) -> None:
    advice = advise([*runs_at(512, 80.0, count=20), *runs_at(512, 80.0, first=500, count=10, **fields)])
    finding = next(f for f in advice.findings if f.code is code)
    assert "30 runs" in finding.evidence


def test_arm64_is_offered_to_x86_64_alone() -> None:
    assert FindingCode.ARM64 in codes(one_size())
    assert FindingCode.ARM64 not in codes(advise(runs_at(512, 80.0, count=20), Architecture.ARM64))


def test_every_kind_of_finding_has_one_rule() -> None:
    rules = [rule.__name__ for rule in RULES] + [rule.__name__ for rule in account_findings.RULES]
    compared = [rule.__name__ for rule in COMPARISONS.values()]
    assert sorted([*rules, *compared]) == sorted(code.value for code in FindingCode)


def test_a_log_without_reports_gives_no_advice() -> None:
    assert advise_on_rows("orders", read_log("nothing here").rows, PRICES) is None


def test_a_command_is_told_once() -> None:
    commands = [finding.command for finding in one_size().findings if finding.command]
    assert "tuner tune orders" in commands
    assert len(set(commands)) == len(commands)
