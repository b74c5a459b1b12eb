"""Which backend measures a target. A further backend adds its factory to `default_factories`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tuner.aws.api.connection import Connection
from tuner.backend import BackendFactory
from tuner.errors import InputError
from tuner.pricing.price_list import PriceList
from tuner.settings import Settings

Prices = Callable[[str], PriceList]
"""The price list of a region: one serves every amount of a run."""


def discounted(prices: Prices, settings: Settings) -> Prices:
    """The price lists of a run: those given, with the discount that the settings name."""
    return lambda region: prices(region).with_discount(settings.discount)


def default_factories(connection: Connection, prices: Prices) -> tuple[BackendFactory, ...]:
    """The factories of the backends that come with the tool. The first one that accepts a target opens it."""
    from tuner.aws.factory import AwsFactory
    from tuner.local.factory import LocalFactory

    return LocalFactory(prices, connection.region), AwsFactory(connection, prices)


def factory_of(target: object, factories: Sequence[BackendFactory]) -> BackendFactory:
    """The factory that opens a target.

    Raises:
        InputError: no factory accepts it.
    """
    for factory in factories:
        if isinstance(target, str) and factory.accepts(target):
            return factory
    problem = f"{target!r} is nothing that can be measured"
    raise InputError.single("$.lambdaARN", problem, "give FILE:HANDLER, or the name or ARN of a function")
