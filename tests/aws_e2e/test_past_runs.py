"""`tuner tune` begins with what the log of the function knows, where it may be read and is of the same payload."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.aws_e2e.harness import open_quickly, stand_in
from tests.aws_e2e.test_advise import RUNS, remember
from tests.cloud.fixtures import Cloud
from tuner.api.result import Result
from tuner.api.tuning import tune
from tuner.errors import InputError
from tuner.model import Budget
from tuner.settings import Settings

LASTS_MS = 350.0
"""Duration of the stand-in's function at 512 MB."""
RUNS_AT_MOST = 6


def tuned(cloud: Cloud, folder: Path, evidence: str = "logs") -> Result:
    """A short search of a function that has run in production as version 1."""
    cloud.settings(empty_log_pages=0)
    cloud.simulate_function("orders", memory_mb=512)
    cloud.publish("orders")
    settings = Settings("orders", budget=Budget(max_invocations=RUNS_AT_MOST))
    backend = open_quickly(settings, stand_in(cloud.endpoint), folder)
    return tune(settings, backend=backend, output=folder, evidence=evidence)


def codes(result: Result) -> set[str]:
    return {warning["code"] for warning in result.document["warnings"]}


def test_runs_of_the_log_enter_the_search_and_cost_nothing(cloud: Cloud, tmp_path: Path) -> None:
    remember(cloud, ms=LASTS_MS, version="1")
    result = tuned(cloud, tmp_path)
    assert "past_runs" in codes(result)
    assert result.document["tuning"]["invocations"] <= RUNS_AT_MOST
    (current,) = [m for m in result.document["measurements"] if m["memory_mb"] == 512]
    assert current["runs"] >= RUNS
    assert '"free": true' in (tmp_path / "samples.jsonl").read_text()


def test_runs_of_another_payload_are_left_out_and_told(cloud: Cloud, tmp_path: Path) -> None:
    remember(cloud, ms=3 * LASTS_MS, version="1")
    assert "past_runs_differ" in codes(tuned(cloud, tmp_path))


@pytest.mark.parametrize("evidence", ["off", "logs"])
def test_without_a_log_or_leave_to_read_it_the_search_goes_on(evidence: str, cloud: Cloud, tmp_path: Path) -> None:
    remember(cloud, ms=LASTS_MS, version="1")
    if evidence == "logs":
        cloud.faults.add("deny", "FilterLogEvents", times=None)
    result = tuned(cloud, tmp_path, evidence)
    assert not codes(result) & {"past_runs", "past_runs_differ", "no_logs"}
    assert ("logs:FilterLogEvents" in cloud.operations()) is (evidence == "logs")


def test_another_kind_of_evidence_is_refused() -> None:
    with pytest.raises(InputError, match="evidence"):
        tune("orders", evidence="horoscope")
