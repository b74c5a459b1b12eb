"""The output of an execution: the confidence of its result, unless it recommends another configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from statemachine.output import Chosen, choose_by_result, encode_output
from tests.unit.reports.results import NAMES, result
from tuner.documents.result import ResultDocument
from tuner.model import Architecture, Configuration

RECOMMENDING = [name for name in NAMES if result(name)["recommendation"]]


def output(document: ResultDocument, chosen: Chosen) -> dict[str, object]:
    """The output for a result and what was chosen."""
    return dict(
        encode_output(
            document,
            chosen,
            execution_cost=0.001,
            result_address="s3://results/result.json",
            include_stats=False,
            visualization_page="https://example.com/#",
        )
    )


@pytest.mark.parametrize("name", RECOMMENDING)
def test_the_confidence_is_that_of_the_result(name: str) -> None:
    document: ResultDocument = result(name)  # type: ignore[assignment]
    assert output(document, choose_by_result(document))["confidence"] == document["confidence"]["level"]


def test_another_configuration_has_no_confidence() -> None:
    document: ResultDocument = result("aws")  # type: ignore[assignment]
    other = replace(choose_by_result(document), configuration=Configuration(3008, Architecture.X86_64))
    told = output(document, other)
    assert told["confidence"] is None
    assert told["expectedRegret"] is None
