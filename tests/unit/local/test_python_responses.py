"""The loop of Python writes responses as AWS's runtime client does."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections import namedtuple
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cpu import assert_takes_at_most
from tuner.local.worker.runtime.bootstrap import to_json

needs_client = pytest.mark.skipif(not importlib.util.find_spec("awslambdaric"), reason="awslambdaric is not installed")
Point = namedtuple("Point", ["x", "y"])

texts = st.text() | st.sampled_from(["\0", "\0000\0", '"\0001\0', "\u2028", "\\u0000"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.decimals() | st.text().map(str.encode)
keys = texts | st.integers() | st.booleans() | st.none()


def containers(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Whatever holds other values."""
    lists = st.lists(items)
    return lists | lists.map(tuple) | st.dictionaries(keys, items) | st.builds(Point, items, items)


values = st.recursive(leaves, containers)


@needs_client
@given(value=values)
def test_any_response_is_written_as_by_the_client_of_aws(value: object) -> None:
    version = f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}"
    marshaller = importlib.import_module("awslambdaric.lambda_runtime_marshaller")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_EXECUTION_ENV", version)
        assert to_json(value) == marshaller.to_json(value)


def test_a_response_with_many_decimals_takes_time_in_proportion_to_them() -> None:
    rows = [{"price": Decimal(number) / 8} for number in range(20_000)]
    text = []
    assert_takes_at_most(2, lambda: text.append(to_json(rows)))  # 0.1 s; 12 s if the text were read once for each
    assert text[-1].endswith('{"price": 2499.875}]')
