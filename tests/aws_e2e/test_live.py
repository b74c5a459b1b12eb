"""The same promises against a real account: `TUNER_LIVE_FUNCTION=NAME pytest -m live tests/aws_e2e/test_live.py`.

Costs a few invocations of that function. It must be one that may be tuned, in the region and
account of the environment's credentials.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import boto3
import pytest

from tuner.cli.main import run

pytestmark = pytest.mark.live
FUNCTION = os.environ["TUNER_LIVE_FUNCTION"]


def snapshot() -> dict[str, Any]:
    """All that a run must leave as it found it."""
    client = boto3.client("lambda")
    configuration = client.get_function_configuration(FunctionName=FUNCTION)
    versions = client.get_paginator("list_versions_by_function").paginate(FunctionName=FUNCTION).build_full_result()
    aliases = client.get_paginator("list_aliases").paginate(FunctionName=FUNCTION).build_full_result()
    for changing in ("RevisionId", "LastModified", "ResponseMetadata"):
        configuration.pop(changing)
    return {
        "configuration": configuration,
        "versions": [version["Version"] for version in versions["Versions"]],
        "aliases": [(alias["Name"], alias["FunctionVersion"]) for alias in aliases["Aliases"]],
    }


@pytest.mark.parametrize("how", [[], ["--isolation", "copy"]], ids=["versions", "copies"])
def test_a_real_function_is_tuned_and_left_as_it_was(how: list[str], tmp_path: Path) -> None:
    before = snapshot()
    arguments = ["--power-values", "512,1024", "--runs", "3", "--max-usd", "0.05", "--output", str(tmp_path / "out")]
    assert run(["tune", FUNCTION, *arguments, *how]) == 0
    document = json.loads((tmp_path / "out" / "result.json").read_text("utf-8"))
    assert all(measurement["outcomes"]["no_report"] == 0 for measurement in document["measurements"])
    assert snapshot() == before
    assert run(["clean", FUNCTION]) == 0
    assert snapshot() == before
