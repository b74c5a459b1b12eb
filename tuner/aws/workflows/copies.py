"""Makes temporary copies of functions for a confirmation, through the same backend that measures functions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

from tuner.aws.api.connection import Connection
from tuner.aws.backend import open_aws
from tuner.errors import BackendError
from tuner.model import Configuration
from tuner.pricing.price_list import PriceList
from tuner.settings import Isolation, Settings

OpenCopy = Callable[[str, Configuration, ExitStack], str]


def open_copy(connection: Connection, prices: Callable[[str], PriceList], stop: threading.Event) -> OpenCopy:
    """What makes a copy of a function at a configuration and returns its ARN; the stack removes it again."""

    def make(name: str, configuration: Configuration, resources: ExitStack) -> str:
        settings = Settings(name, architectures=(configuration.architecture,), isolation=Isolation.COPY)
        backend = resources.enter_context(open_aws(settings, connection, prices))
        arn = backend.target_arn(configuration, stop)
        if arn is None:
            raise BackendError(f"{name} cannot run at {configuration}", "Nothing was changed.")
        return arn

    return make
