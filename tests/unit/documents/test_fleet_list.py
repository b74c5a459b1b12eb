"""Faults of a fleet's list: each that is there, and none that is not."""

from __future__ import annotations

import pytest

from tuner.documents.fleet_list import read_fleet_list
from tuner.errors import InputError


def test_a_function_that_is_named_twice_is_a_fault() -> None:
    with pytest.raises(InputError, match="orders is entry 0 as well"):
        read_fleet_list('["orders", "orders"]', {}, in_csv=False)


def test_functions_without_a_name_are_not_called_the_same() -> None:
    with pytest.raises(InputError) as refused:
        read_fleet_list("function\norders\nbilling\n", {"num": 10}, in_csv=True)
    assert {fault.path for fault in refused.value.faults} == {"$.list[0].lambdaARN", "$.list[1].lambdaARN"}
    assert "as well" not in refused.value.message
