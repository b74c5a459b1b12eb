"""Runs the AWS backend against the stand-in without waiting for anybody: small pauses, no pace."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.cloud.fixtures import Cloud
from tuner.aws.api.client import LambdaApi
from tuner.aws.api.connection import Connection
from tuner.aws.api.function_reference import parse_function_reference
from tuner.aws.api.retry import Pacer, Retrier
from tuner.aws.api.session import Clients, connect
from tuner.aws.backend import AwsBackend
from tuner.aws.evidence.reader import EvidenceReader, ReadingLimits
from tuner.aws.measure.payloads import read_payloads
from tuner.model import Architecture, Notice, Outcome
from tuner.pricing.price_list import price_list
from tuner.search.loop import run
from tuner.search.registry import make_sampler
from tuner.search.space import search_space
from tuner.search.study import Study
from tuner.settings import Isolation, MemorySizes, Settings

BOTH = (Architecture.X86_64, Architecture.ARM64)


def stand_in(endpoint_url: str | None, **options: str) -> Connection:
    """How to reach the stand-in."""
    return Connection("us-east-1", endpoint_url=endpoint_url, **options)


@dataclass(slots=True)
class Tuned:
    """What a run came to."""

    study: Study
    notices: tuple[Notice, ...]
    backend: AwsBackend

    def outcomes(self, memory_mb: int, architecture: Architecture = Architecture.X86_64) -> list[Outcome]:
        """Outcomes of one configuration."""
        return [
            invocation.outcome
            for sample in self.study.samples
            if sample.configuration.memory_mb == memory_mb and sample.configuration.architecture is architecture
            for invocation in sample.invocations
        ]


def settings(target: str = "orders", sizes: tuple[int, ...] = (128, 256), **changes: Any) -> Settings:
    """A small grid."""
    options = {"sampler": "grid", "runs": 1, "environments": 1, "isolation": Isolation.VERSIONS, **changes}
    options["isolation"] = Isolation(options["isolation"])
    return Settings(target, memory=MemorySizes(listed=sizes), **options)


@cache
def _clients(endpoint_url: str | None) -> Clients:
    """Clients are made once: that takes longer than a run. They open connections anew after `close`."""
    return connect(stand_in(endpoint_url))


def quick_api(client: Any) -> LambdaApi:
    """The control plane without a pace, with pauses of a few ms."""
    return LambdaApi(client, Retrier(Pacer(1_000_000), base_s=0.002, cap_s=0.02), first_poll_s=0.01, creation_s=0.0)


def quick_reader(cloud: Cloud, limits: ReadingLimits, *, later_s: float = 0.0) -> EvidenceReader:
    """A reader of logs and metrics without a pace and without pauses, whose clock may be ahead."""
    clients = _clients(cloud.endpoint)
    retry = Retrier(Pacer(1_000_000), base_s=0.002, cap_s=0.02)
    return EvidenceReader(
        clients, quick_api(clients.control), limits, time.time() + later_s, lambda _: None, lambda _: None, retry
    )


def open_quickly(settings: Settings, connection: Connection, state: Path, *, candidate: bool = False) -> AwsBackend:
    """The backend as `open_aws` makes it, with pauses of a few ms."""
    reference = parse_function_reference(settings.target)
    clients = _clients(connection.endpoint_url)
    settings = replace(settings, payloads=read_payloads(settings, clients))
    prices = price_list(clients.region).with_discount(settings.discount)
    return AwsBackend(settings, reference, clients, quick_api(clients.control), state, prices, candidate=candidate)


def tune(cloud: Cloud, state: Path, settings: Settings, stop: threading.Event | None = None) -> Tuned:
    """Tune a function of the stand-in from beginning to end."""
    return tune_at(cloud.endpoint, state, settings, stop)


def tune_at(endpoint: str, state: Path, settings: Settings, stop: threading.Event | None = None) -> Tuned:
    """Tune a function at an address."""
    with open_quickly(settings, stand_in(endpoint), state) as backend:
        identity = backend.describe()
        space = search_space(settings, identity)
        study = Study(space, make_sampler(settings), settings.objective, price_list("us-east-1"))
        run(study, backend, stop=stop or threading.Event(), clock=time.monotonic)
    return Tuned(study, tuple(backend.notices()), backend)
