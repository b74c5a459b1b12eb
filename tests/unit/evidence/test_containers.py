"""The volume from which Fargate or Managed Instances cost less: with its interval and its terms, never a bare yes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.unit.evidence.test_advice import one_size
from tuner.evidence.containers import billed_duration_ms, fargate, managed_instances, peak_over_mean, requests_at_once
from tuner.evidence.function_evidence import FunctionEvidence, Traffic
from tuner.model import Interval
from tuner.pricing.containers import SECONDS_PER_MONTH, ContainerInputs
from tuner.pricing.price_list import price_list

PRICES = price_list("us-east-1")
TRAFFIC = Traffic(14.0, Interval(1e6, 0.9e6, 1.1e6), 0, 100.0, 2)


def known() -> FunctionEvidence:
    evidence = one_size().evidence
    assert evidence is not None
    return evidence


def test_the_billed_duration_is_that_of_the_cost() -> None:
    billed = billed_duration_ms(known(), PRICES)
    usd = 0.5 * billed.mean / 1000 * 1.66667e-5 + 0.2e-6
    assert 1e6 * usd == pytest.approx(known().cost_per_million_usd.mean)
    assert billed.low < billed.mean < billed.high


def test_the_peak_is_held_against_the_mean() -> None:
    busy_s = 1e6 * 0.1
    assert peak_over_mean(TRAFFIC, 100.0) == pytest.approx(2 / (busy_s / SECONDS_PER_MONTH), rel=1e-3)
    assert peak_over_mean(None, 100.0) == 1.0


def test_a_volume_has_its_interval_its_terms_and_the_traffic() -> None:
    steady = replace(TRAFFIC, per_month=Interval(6e7, 5e7, 7e7), peak_concurrency=3)
    found = fargate(replace(known(), traffic=steady), PRICES, ContainerInputs(4.0, 0.7, 20.0))
    assert found is not None
    assert "invocations a month" in found.title
    assert "and $20.00 a month for what is fixed. Prices: AWS" in found.evidence
    assert "Now it is 60,000,000 (50,000,000 to 70,000,000)" in found.evidence
    volume = re.search(r"from about ([\d,]+) invocations", found.title)
    assert volume
    assert len(volume[1].replace(",", "").rstrip("0")) <= 3, "nobody knows it to the invocation"
    free = fargate(replace(known(), traffic=steady), PRICES, ContainerInputs(4.0, 0.7, 0.0))
    assert free is not None
    assert "fixed" not in free.evidence
    assert "60,000,000" in found.evidence
    assert " to " in found.evidence.split(".")[0]


def test_without_a_duration_nothing_is_said() -> None:
    assert fargate(replace(known(), duration_ms=None), PRICES, ContainerInputs()) is None


def test_a_volume_of_very_few_runs_has_no_interval() -> None:
    found = fargate(replace(known(), runs=2), PRICES, ContainerInputs(4.0, 0.7, 20.0))
    assert found is not None
    assert "Too few runs for an interval: 2" in found.evidence


def test_an_interval_whose_end_is_never_reached_says_so() -> None:
    usd = known().cost_per_million_usd
    evidence = replace(known(), cost_per_million_usd=replace(usd, high=1.9))
    found = fargate(evidence, PRICES, ContainerInputs(1.0, 0.8))
    assert found is not None
    assert found.title.startswith("Fargate would cost less from about")
    assert "at the other Fargate would cost more at every volume" in found.evidence


def test_managed_instances_say_their_fee_and_how_many_run_at_least() -> None:
    found = managed_instances(known(), PRICES, ContainerInputs(4.0, 0.7, 0.0, 0.2))
    assert found is not None
    assert found.title.startswith("Managed Instances would cost less from about")
    for said in ("At least 3 instances of 2 vCPU and 8 GB", "20% off by a Savings Plan", "fee of 15%", "m7i"):
        assert said in found.evidence


def test_requests_at_once_follow_from_the_cpu_time() -> None:
    """A function of 512 MB has 0.29 vCPU. With 80 ms of which 4 ms are CPU it leaves room for 5.8 requests."""
    evidence = replace(known(), duration_ms=Interval(80.0, 79.0, 81.0), cpu_ms=4.0)
    assert requests_at_once(evidence) == pytest.approx(512 / 1769 * 80 / 4)
    found = fargate(evidence, PRICES, ContainerInputs())
    assert found is not None
    assert "5.79 requests at once on the CPU share of the function, as its CPU time tells" in found.evidence


def test_what_the_user_says_of_requests_at_once_goes_before_what_is_measured() -> None:
    evidence = replace(known(), cpu_ms=4.0)
    found = fargate(evidence, PRICES, ContainerInputs(2.0))
    assert found is not None
    assert "2 requests at once on the CPU share of the function," in found.evidence
    assert requests_at_once(replace(known(), cpu_ms=None)) is None


def test_a_busy_function_serves_one_request_at_a_time() -> None:
    assert requests_at_once(replace(known(), cpu_ms=1e6)) == 1.0
