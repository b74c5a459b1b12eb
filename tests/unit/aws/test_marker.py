"""Descriptions that a run writes are read back exactly, and nobody else's are taken for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.aws.changes.markers import (
    MAX_DESCRIPTION,
    MAX_FUNCTION_NAME,
    CopyMarker,
    LatestMarker,
    VersionMarker,
    fits,
    parse_copy,
    parse_latest,
    parse_version,
)
from tuner.model import Architecture, Configuration

RUN = "20260918t041200z-1aed18"
CONFIGURATIONS = st.builds(Configuration, st.integers(128, 10_240), st.sampled_from(Architecture))
VERSIONS = st.builds(VersionMarker, st.just(RUN), CONFIGURATIONS, st.integers(1, 99_999))
NAMES = st.from_regex(r"[a-zA-Z0-9-_]{1,64}", fullmatch=True)


@given(VERSIONS, st.integers(128, 10_240), st.text(max_size=40) | st.sampled_from(["é" * 190, "x" * 256]))
def test_how_latest_was_is_read_back_whatever_its_description(
    version: VersionMarker, memory_mb: int, description: str
) -> None:
    marker = LatestMarker(version, memory_mb, description)
    assert parse_latest(str(marker)) == marker
    if fits(description, RUN):
        assert len(str(marker)) <= MAX_DESCRIPTION


@given(VERSIONS, NAMES)
def test_versions_and_copies_are_told_apart(version: VersionMarker, function: str) -> None:
    copy = CopyMarker(version, function)
    assert parse_version(str(version)) == version
    assert parse_copy(str(copy)) == copy
    assert len(copy.name) <= MAX_FUNCTION_NAME
    assert parse_version(str(copy)) is parse_copy(str(version)) is parse_latest(str(version)) is None


@given(VERSIONS, VERSIONS, NAMES)
def test_copies_of_a_run_never_share_a_name(one: VersionMarker, other: VersionMarker, function: str) -> None:
    assert (one == other) == (CopyMarker(one, function).name == CopyMarker(other, function).name)


@given(st.text(max_size=40))
def test_a_description_of_the_user_is_no_marker(description: str) -> None:
    assert parse_latest(description) is parse_version(description) is parse_copy(description) is None


def test_what_a_user_publishes_during_a_run_is_not_taken_for_a_version_of_the_run() -> None:
    """It inherits the description of $LATEST."""
    version = VersionMarker(RUN, Configuration(512, Architecture.ARM64), 1)
    assert parse_version(str(LatestMarker(version, 1024, "All orders"))) is None


def test_a_description_that_lambda_has_trimmed_is_still_read() -> None:
    version = VersionMarker(RUN, Configuration(512, Architecture.ARM64), 1)
    assert parse_latest(str(LatestMarker(version, 1024, "")).rstrip()) == LatestMarker(version, 1024, "")


def test_a_run_id_tells_when_it_began() -> None:
    assert RUN.startswith("20260918t041200z-")


@pytest.mark.parametrize(
    "description",
    [
        f"tuner:{RUN} 51 MB x86_64 #1",
        f"tuner:{RUN} 99999 MB x86_64 #1",
        f"tuner:{RUN} {'9' * 200} MB x86_64 #1",
        f"tuner:{RUN} ٥١٢ MB x86_64 #1",
    ],
)
def test_a_description_that_no_run_can_have_written_is_the_users_own(description: str) -> None:
    assert parse_version(description) is None
    assert parse_copy(f"{description} copy of orders") is None
    assert parse_latest(f"{description} was 512 MB: text") is None
