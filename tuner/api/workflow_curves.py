"""Tunes one function of a workflow with the payloads that the workflow sends it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tuner.aws.api.connection import Connection
from tuner.documents.request import request_document
from tuner.documents.result import ResultDocument, dumps
from tuner.documents.result_builder import build_result
from tuner.errors import TunerError
from tuner.payloads import Payload, Payloads
from tuner.pricing.price_list import DEFAULT_REGION, PriceList
from tuner.search.loop import run
from tuner.search.setup import make_study
from tuner.settings import Settings


def tune_with_payloads(
    connection: Connection,
    prices: Callable[[str], PriceList],
    *,
    stop: threading.Event | None = None,
    settings: Settings | None = None,
) -> Callable[[str, Sequence[Mapping[str, Any]], Path | None], ResultDocument]:
    """What tunes a function in AWS with weighted payloads, and leaves its result in a folder.

    Args:
        connection: how to reach AWS.
        prices: the price list of a region.
        stop: ends a run in order.
        settings: how to measure; the target and the payloads are those of the function.
    """

    def tune(function: str, payloads: Sequence[Mapping[str, Any]], folder: Path | None) -> ResultDocument:
        from tuner.aws.backend import open_aws

        weighted = Payloads(tuple(Payload(json.dumps(p["payload"]).encode(), p["weight"]) for p in payloads))
        asked = replace(settings or Settings(function), target=function, payloads=weighted)
        with open_aws(asked, connection, prices) as backend:
            identity = backend.describe()
            study = make_study(asked, identity, prices(identity.region or DEFAULT_REGION))
            began = time.monotonic()
            run(study, backend, stop=stop or threading.Event(), clock=lambda: time.monotonic() - began)
            if study.all_failed:
                raise TunerError(f"No run of {function} succeeded.", f"Look at it with: tuner tune {function}")
            document = build_result(
                study,
                identity,
                request_document(asked, study.space),
                created_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                seconds=time.monotonic() - began,
                notices=backend.notices(),
            )
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "result.json").write_text(dumps(document), "utf-8")
        return document

    return tune
