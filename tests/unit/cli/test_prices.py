"""Prices that were refreshed are used; a damaged cache counts as none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tuner.api.price_cache import cache_file, current_prices, keep_prices
from tuner.cli.main import run
from tuner.pricing.price_list import price_list, shipped_document


def test_refreshed_prices_win(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    keep_prices("eu-west-1", {**shipped_document(), "as_of": "2027-01-01"}, environment)
    assert current_prices("eu-west-1", environment).as_of == "2027-01-01"
    assert current_prices("eu-west-2", environment).as_of == shipped_document()["as_of"]


@pytest.mark.parametrize(
    "damage", ["", "[]", "7", "{}", json.dumps({**shipped_document(), "regions": []}), '{"default": {}, "regions": 5}']
)
def test_a_damaged_cache_counts_as_none(damage: str, tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    path = cache_file("eu-west-1", environment)
    path.parent.mkdir(parents=True)
    path.write_text(damage, "utf-8")
    assert current_prices("eu-west-1", environment) == price_list("eu-west-1")


@pytest.mark.parametrize("listed", [[], [1.0, 2.0, 3.0, 4.0]])
def test_a_cache_with_another_number_of_tiers_counts_as_none(listed: list[float], tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    document = json.loads(json.dumps(shipped_document()))
    document["default"]["gb_second"]["arm64"] = listed
    keep_prices("eu-west-1", document, environment)
    assert current_prices("eu-west-1", environment) == price_list("eu-west-1")


def test_a_region_that_is_not_known_is_told_with_its_prices(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert run(["prices", "eu-sout-1"]) == 0
    assert "not confirmed" in capsys.readouterr().out
