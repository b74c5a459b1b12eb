"""Inputs that Power Tuning's own handlers have run are accepted here, and send the same payloads.

What the processors and the function itself make of them is in `tests/integration/statemachine`.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.deployment import Deployment
from statemachine.execution_input import read_execution_input
from tuner.documents.input import input_schema
from tuner.documents.power_tuning import read_object
from tuner.errors import InputError
from tuner.model import Architecture, BackendKind, FunctionIdentity
from tuner.payloads import Payloads
from tuner.pricing.price_list import price_list
from tuner.search.setup import make_study
from tuner.settings import Settings

OBSERVED = json.loads((Path(__file__).parents[2] / "events" / "power-tuning-inputs.json").read_text("utf-8"))
RULES = json.loads((Path(__file__).parents[2] / "events" / "power-tuning-rules.json").read_text("utf-8"))
ARN = "arn:aws:lambda:us-east-1:123456789012:function:orders"
DEPLOYED = Deployment(power_values=(128, 256, 512, 1024, 1536, 3008))
REFUSED_AFTER_A_RUN = {"pre-boom", "exc-not"}
"""Power Tuning fails in the middle of these, when a processor or the function fails."""
MORE_THAN_THERE = {"arn-name", "arn-latest"}
"""Power Tuning takes neither names nor qualifiers."""


def document_of(case: dict[str, Any]) -> dict[str, Any]:
    """The whole input of a case."""
    document = {**OBSERVED["base"], **case["input"]}
    text = json.dumps({name: value for name, value in document.items() if name not in case["without"]})
    text = text.replace('"NAME"', '"orders"').replace("ARN:$LATEST", f"{ARN}:$LATEST").replace('"ARN"', f'"{ARN}"')
    found: dict[str, Any] = json.loads(text)
    return found


def sent(asked: Settings) -> Counter[str]:
    """How often each payload is sent to the function over all sizes, as the study of this input plans it."""
    payloads = asked.payloads
    if asked.payload_s3:
        content = {**OBSERVED["objects"], **RULES["objects"]}[asked.payload_s3.removeprefix("s3://")]
        payloads = Payloads.decode(read_object(content.encode(), runs=asked.runs))
    found: Counter[str] = Counter()
    for trial in make_study(asked, FunctionIdentity("orders", BackendKind.AWS), price_list("us-east-1")).ask():
        for index in payloads.schedule(trial.invocations, seed=asked.seed, trial=trial.id):
            found[canonical(payloads.items[index].body)] += 1
    return found


def canonical(body: str | bytes) -> str:
    """A payload as the function gets it."""
    return json.dumps(json.loads(body))


@pytest.mark.parametrize("case", OBSERVED["cases"], ids=[case["name"] for case in OBSERVED["cases"]])
def test_an_input_is_accepted_or_refused_as_there(case: dict[str, Any]) -> None:
    name = case["name"]
    if not case["accepted"] and name not in MORE_THAN_THERE | REFUSED_AFTER_A_RUN:
        with pytest.raises(InputError):
            read_execution_input(document_of(case), DEPLOYED)
        return
    read = read_execution_input(document_of(case), DEPLOYED)
    if case["accepted"] and "preProcessorARN" not in case["input"]:
        assert sent(read.settings) == {json.dumps(body): count for body, count in case["sent"]}


def differs(case: dict[str, Any]) -> str | None:
    """What is different from Power Tuning for an input that its rules accept."""
    try:
        asked = read_execution_input(document_of(case), DEPLOYED).settings
    except InputError as refused:
        return f"{case['name']} is refused: {refused}"
    found, expected = sent(asked), {canonical(body): count for body, count in case["sent"]}
    return None if found == expected else f"{case['name']}: {dict(found)} is sent and not {expected}"


def test_every_input_that_the_rules_of_power_tuning_accept_sends_the_same_payloads() -> None:
    assert len(RULES["cases"]) > 150
    assert not list(filter(None, map(differs, RULES["cases"])))


CEILING_USD = 0.25
FIELDS = sorted(input_schema()["properties"])
EXTREME = st.sampled_from(
    [None, 0, -1, 1, 10**9, 10**400, 1e308,
     -1e308, 0.5, "", "0", "1e9", "null", True, False, [], {}, [None], {"a": None},
     {"maxUsd": None}, {"maxUsd": 10**9}, {"maxUsd": 1e-9}, {"maxUsd": "9"}, {"maxUsd": -1}, {"maxUsd": True},
     {"maxInvocations": None}, {"maxSeconds": 10**9, "maxUsd": None}]
)  # fmt: skip


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(FIELDS), EXTREME, max_size=6), st.sets(st.sampled_from(FIELDS)))
def test_no_value_of_any_field_gets_around_the_ceiling(changed: dict[str, Any], without: set[str]) -> None:
    """Whatever is null, missing or extreme: an input is refused, or the stack's ceiling and defaults hold."""
    deployed = Deployment(power_values=(128, 256), architectures="arm64", budget_usd=CEILING_USD)
    document = {name: value for name, value in {**OBSERVED["base"], **changed}.items() if name not in without}
    try:
        read = read_execution_input(document, deployed)
    except InputError:
        return
    limit = read.settings.budget.max_usd
    assert limit is not None
    assert 0 < limit <= CEILING_USD
    if read.settings.sampler == "grid" and not document.get("powerValues") and "num" in read.document:
        assert read.settings.memory.listed == (128, 256)
    if document.get("architectures") is None:
        assert read.settings.architectures == (Architecture.ARM64,)
