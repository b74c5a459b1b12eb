"""A target finds the backend that measures it by its form alone."""

from __future__ import annotations

import pytest

from tuner.api.backends import default_factories, factory_of
from tuner.api.price_cache import current_prices
from tuner.aws.api.connection import Connection
from tuner.errors import InputError
from tuner.model import BackendKind

FACTORIES = default_factories(Connection(), current_prices)


@pytest.mark.parametrize(
    ("target", "local"),
    [
        ("app.py:handler", True),
        ("src/index.mjs:api.handler", True),
        ("app.py:my-handler", True),
        ("app.py", True),
        ("a.b/c.cjs:h", True),
        ("orders", False),
        ("orders:live", False),
        ("py:js", False),
        ("arn:aws:lambda:eu-west-1:123456789012:function:orders:live", False),
    ],
)
def test_a_target_is_local_when_it_names_a_file_with_handlers(target: str, *, local: bool) -> None:
    assert (factory_of(target, FACTORIES).kind is BackendKind.LOCAL) is local


def test_what_no_backend_accepts_is_told() -> None:
    with pytest.raises(InputError, match="nothing that can be measured"):
        factory_of(7, FACTORIES)
