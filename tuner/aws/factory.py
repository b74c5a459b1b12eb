"""Opens the backend for functions in AWS, named by their name or ARN."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tuner.aws.api.connection import Connection
from tuner.backend import Backend
from tuner.comparison.duets.plan import Duet
from tuner.errors import Fault, InputError
from tuner.model import BackendKind
from tuner.pricing.price_list import PriceList
from tuner.settings import Settings


@dataclass(frozen=True, slots=True)
class AwsFactory:
    """Opens functions in AWS.

    Attributes:
        connection: how to reach AWS.
        prices: the price list of a region.
    """

    connection: Connection
    prices: Callable[[str], PriceList]
    kind: BackendKind = BackendKind.AWS

    def accepts(self, target: str) -> bool:
        """Every target: whether a name means a function is for AWS to say."""
        return True

    def faults(self, document: Mapping[str, Any], settings: Settings | None) -> Iterator[Fault]:
        """Judge the name alone. All else is read from AWS when the backend is entered."""
        from tuner.aws.api.function_reference import parse_function_reference

        try:
            parse_function_reference(document["lambdaARN"])
        except InputError as exc:
            yield from (Fault("$.lambdaARN", fault.problem, fault.remedy) for fault in exc.faults)

    def plan(self, settings: Settings) -> str:
        """What a run would do, the permissions it needs, and its cost at most."""
        from tuner.aws.backend import open_aws

        return open_aws(settings, self.connection, self.prices).plan()

    def open(self, settings: Settings) -> Backend:
        """The backend for a function.

        Raises:
            InputError: the target is no function name or ARN, or the region or profile is missing.
            AwsError: the role cannot be assumed.
        """
        from tuner.aws.backend import open_aws

        return open_aws(settings, self.connection, self.prices)

    def open_duet(self, settings: Settings, versions: tuple[str, str]) -> AbstractContextManager[Duet]:
        """Both versions of a function: version numbers or aliases."""
        from tuner.aws.duet import aws_duet

        return aws_duet(settings, self.connection, versions, self.prices)
