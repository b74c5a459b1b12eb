"""Prices that were refreshed are used; a damaged cache counts as none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tuner.api.price_cache import cache_file, current_prices, keep_prices
from tuner.cli.main import run
from tuner.documents.validation import find_faults, published_schema
from tuner.pricing.price_list import price_list, shipped_document


def test_refreshed_prices_win(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    keep_prices("eu-west-1", {**shipped_document(), "as_of": "2027-01-01"}, environment)
    assert current_prices("eu-west-1", environment).as_of == "2027-01-01"
    assert current_prices("eu-west-2", environment).as_of == shipped_document()["as_of"]


def damaged(**changes: Any) -> str:
    return json.dumps({**shipped_document(), **changes})


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("", "line 1"),
        ("[]", "not an object with fields"),
        ("{}", "is missing"),
        (damaged(regions=[]), "$.regions"),
        (damaged(ephemeral_gb_second=-1), "-1 is not above 0"),
        (damaged(ephemeral_gb_second=float("nan")), "not a finite number"),
        (damaged(ephemeral_gb_second=10**400), "too large a number"),
        ("[" * 900 + "]" * 900, "levels of nesting"),
        ('{"as_of": "\\ud800"}', "half a character"),
        (damaged(tier_bounds_gb_seconds={"x86_64": [2.0, 1.0], "arm64": [1.0, 2.0]}), "not ascending"),
        ("\xff", "not text in UTF-8"),
    ],
)
def test_a_damaged_cache_counts_as_none_and_says_so(damage: str, said: str, tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    path = cache_file("eu-west-1", environment)
    path.parent.mkdir(parents=True)
    path.write_bytes(damage.encode("latin-1"))
    told: list[str] = []
    assert current_prices("eu-west-1", environment, tell=told.append) == price_list("eu-west-1")
    (message,) = told
    for words in (str(path), said, "tuner prices eu-west-1 --refresh"):
        assert words in message


@pytest.mark.parametrize("listed", [[], [1.0, 2.0, 3.0, 4.0]])
def test_a_cache_with_another_number_of_tiers_counts_as_none(listed: list[float], tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    document = json.loads(json.dumps(shipped_document()))
    document["default"]["gb_second"]["arm64"] = listed
    keep_prices("eu-west-1", document, environment)
    assert current_prices("eu-west-1", environment, tell=lambda _: None) == price_list("eu-west-1")


def test_the_cache_is_for_its_owner_alone_and_follows_no_link(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    path = keep_prices("eu-west-1", shipped_document(), environment)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    told: list[str] = []
    current_prices("eu-west-1", environment, tell=told.append)
    assert "symbolic link" in told[0]
    keep_prices("eu-west-1", shipped_document(), environment)
    assert not path.is_symlink()


def test_the_shipped_prices_are_valid_by_the_schema_of_caches() -> None:
    assert find_faults(shipped_document(), published_schema("prices-1")) == ()


def test_a_region_that_is_not_known_is_told_with_its_prices(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert run(["prices", "eu-south-9"]) == 0
    assert "not confirmed" in capsys.readouterr().out


def test_a_mistyped_region_gets_the_nearest_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prices", "eu-wst-1"]) == 2
    assert "did you mean eu-west-1" in capsys.readouterr().err
