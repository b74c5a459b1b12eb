"""What failed cannot be recommended, and rules out what must fail as well."""

from __future__ import annotations

import pytest

from tests.unit.studies import ARM, X86, ran, sample_of
from tuner.estimation.failures.exclusions import ExclusionKind, failed, ruled_out, without_usable_run
from tuner.model import Configuration, FunctionError, Invocation, Outcome
from tuner.vocabulary import REFUSED_ARCHITECTURE

ERROR = Invocation(Outcome.ERROR, "a", 1.0, 1, error=FunctionError("KeyError", "n"))
TIMEOUT = Invocation(Outcome.TIMEOUT, "a", 3000.0, 3000)


def test_one_run_out_of_memory_excludes_every_size_that_is_not_larger() -> None:
    lost = Invocation(Outcome.OUT_OF_MEMORY, "a", 50.0, 50)
    reasons = failed(
        [
            sample_of(128, [ran(100)]),
            sample_of(256, [ran(90), lost]),
            sample_of(512, [ran(80)]),
            sample_of(128, [ran(70)], arch=ARM),
        ]
    )
    assert set(reasons) == {Configuration(128, X86), Configuration(256, X86), Configuration(128, ARM)}
    assert {exclusion.kind for exclusion in reasons.values()} == {ExclusionKind.OUT_OF_MEMORY}
    assert "256 MB" in reasons[Configuration(128, ARM)].reason
    assert "1 of 2" in reasons[Configuration(256, X86)].reason


def test_a_grid_and_a_curve_follow_one_rule_for_memory() -> None:
    told = [sample_of(256, [Invocation(Outcome.OUT_OF_MEMORY, "a", 50.0, 50)]), sample_of(256, [ran(9)], arch=ARM)]
    everything = [Configuration(m, a) for m in (128, 256, 512) for a in (X86, ARM)]
    measured_ones = failed(told)
    assert measured_ones.items() <= ruled_out(told, everything).items()
    assert {c.memory_mb for c in everything if c not in ruled_out(told, everything)} == {512}


@pytest.mark.parametrize(("outcome", "excluded_mb"), [(Outcome.TIMEOUT, {128, 256}), (Outcome.REFUSED, {256, 512})])
def test_a_timeout_excludes_smaller_sizes_and_a_refusal_larger_ones_of_its_architecture(
    outcome: Outcome, excluded_mb: set[int]
) -> None:
    everything = [Configuration(m, a) for m in (128, 256, 512) for a in (X86, ARM)]
    found = ruled_out([sample_of(256, [Invocation(outcome, "a", 5.0, 5)])], everything)
    assert found.keys() == {Configuration(m, X86) for m in excluded_mb}


def test_a_refused_architecture_excludes_all_its_sizes() -> None:
    everything = [Configuration(m, a) for m in (128, 256, 512) for a in (X86, ARM)]
    refused = Invocation(Outcome.REFUSED, error=FunctionError(REFUSED_ARCHITECTURE, "copies are not possible"))
    found = ruled_out([sample_of(256, [refused], arch=ARM), sample_of(256, [ran(9)])], everything)
    assert found.keys() == {Configuration(m, ARM) for m in (128, 256, 512)}
    assert "larger" not in found[Configuration(512, ARM)].reason


def test_a_size_must_leave_room_above_the_memory_in_use() -> None:
    full = Invocation(Outcome.OK, "a", 5.0, 5, max_memory_used_mb=120)
    found = ruled_out([sample_of(512, [full])], [Configuration(128, X86), Configuration(256, X86)])
    assert {c.memory_mb: exclusion.kind for c, exclusion in found.items()} == {128: ExclusionKind.LITTLE_MEMORY}


@pytest.mark.parametrize(
    ("invocations", "reason"),
    [
        ([Invocation(Outcome.REFUSED, error=FunctionError("E", "above the cap"))], "refused: above the cap"),
        ([Invocation(Outcome.REFUSED)], "refused"),
        ([Invocation(Outcome.THROTTLED)] * 2, "throttled: no run was started"),
        ([Invocation(Outcome.NO_REPORT, "a")] * 2, "no run gave a report"),
        ([Invocation(Outcome.ERROR, "a", 1.0, 1, error=FunctionError("KeyError", "n"))], "every run failed (KeyError)"),
        ([Invocation(Outcome.ERROR, "a", 1.0, 1)], "every run failed"),
        ([Invocation(Outcome.TIMEOUT, "a", 3000.0, 3000)] * 2, "timed out in 2 of 2 runs"),
        ([Invocation(Outcome.TIMEOUT, "a", 3000.0, 3000), *[ran(10)] * 3] * 5, ""),
        ([Invocation(Outcome.OK, "a", 5.0, None)], "no run gave a report"),
        ([Invocation(Outcome.TIMEOUT, "a", 3000.0, 3000), *[ran(10)] * 9], ""),
        ([Invocation(Outcome.THROTTLED), ran(10)], ""),
        ([Invocation(Outcome.NO_REPORT, "a"), ran(10)], ""),
        ([Invocation(Outcome.ERROR, "a", 1.0, 1), ran(10)], ""),
    ],
)
def test_what_cannot_run_by_itself_has_a_reason(invocations: list[Invocation], reason: str) -> None:
    found = failed([sample_of(256, invocations)]).get(Configuration(256, X86))
    assert (found.reason if found else "") == reason


@pytest.mark.parametrize(
    ("invocations", "reason"),
    [
        ([TIMEOUT] * 3 + [ran(10)] * 7, "timed out in 3 of 10 runs"),
        (
            [TIMEOUT] * 3 + [ran(10)] * 4 + [Invocation(Outcome.NO_REPORT, "a"), Invocation(Outcome.THROTTLED)],
            "timed out in 3 of 8 runs",
        ),
        ([ERROR] * 3 + [TIMEOUT] + [ran(10)] * 6, "failed in 4 of 10 runs"),
        ([ERROR] * 2, "every run failed (KeyError)"),
        ([ERROR], ""),
        ([TIMEOUT], ""),
    ],
)
def test_what_fails_where_another_size_does_not_has_a_reason_unless_it_is_one_failure(
    invocations: list[Invocation], reason: str
) -> None:
    found = failed([sample_of(256, invocations), sample_of(512, [ran(10)] * 20)]).get(Configuration(256, X86))
    assert (found.reason if found else "") == reason


@pytest.mark.parametrize("failure", [ERROR, TIMEOUT])
def test_a_size_that_fails_rules_out_smaller_ones_unless_they_believably_fail_less(failure: Invocation) -> None:
    larger = [sample_of(512, [failure] * 5 + [ran(10)] * 15), sample_of(1024, [ran(10)] * 20)]
    for good_runs, found_mb in ((1, {128, 256, 512}), (20, {512})):
        samples = [sample_of(256, [ran(10)] * good_runs), *larger]
        assert {c.memory_mb for c in ruled_out(samples, [Configuration(m, X86) for m in (128, 256)])} == found_mb


def test_what_has_no_usable_run_tells_nothing_of_itself() -> None:
    samples = [sample_of(256, [ERROR] * 3), sample_of(512, [ERROR, ran(10)]), sample_of(1024, [])]
    assert failed(samples) == {}
    assert {c.memory_mb: found.reason for c, found in without_usable_run(samples).items()} == {
        256: "every run failed (KeyError)"
    }
