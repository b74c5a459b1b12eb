"""Analyzer: writes the result document, and returns the output of the execution or the reason of its failure.

The result of a failed execution holds what was measured until then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from statemachine.execution import Execution
from statemachine.execution_store import RESULT, ExecutionStore
from statemachine.execution_study import asked_rounds, elapsed_s, rebuild_study
from statemachine.handler_time import executor_count, waiting_gb_s
from statemachine.messages import (
    Document,
    decode_errors,
    decode_folder,
    encode_analyzed,
    encode_failed,
)
from statemachine.output import Chosen, choose_by_result, choose_by_statistic, encode_output
from statemachine.services import Services, shared_services, with_readable_errors
from statemachine.transitions import count_execution
from tuner.aws.api.executions import readable_cause
from tuner.documents.result import ResultDocument, dumps, function_errors
from tuner.documents.result_builder import build_result
from tuner.documents.visualization import VISUALIZATION_PAGE
from tuner.estimation.power_tuning import choose, trimmed_metrics
from tuner.model import Constraints, Notice, StopReason
from tuner.pricing.bill import Bill, handlers_usd, logs_usd, storage_usd
from tuner.pricing.price_list import state_transition_usd
from tuner.search.registry import measures_every_size
from tuner.search.study import Study

MAX_CAUSE_CHARACTERS = 8_000
"""A quarter of the longest cause that Step Functions keeps (32,768 characters, Step Functions API reference)."""

STATES_PREFIX = "States."
CHINA = "cn-"
"""Prefix of the regions of China, whose prices are in CNY."""


@with_readable_errors
def handler(event: Mapping[str, Any], _context: Any) -> Document:
    """Decide, and write the result of an execution."""
    return analyze(decode_folder(event), decode_errors(event), shared_services())


def analyze(folder: str, errors: Sequence[tuple[str, str]], services: Services) -> Document:
    """Write the result of what was measured.

    Args:
        folder: folder of the execution.
        errors: names and causes of the failures, in order.
        services: what handlers are given.
    """
    store = services.store(folder)
    error = _told(errors)
    study, notices = _ended(store, failed=error is not None)
    if not study.samples:
        said = " ".join(["Nothing was measured.", *(notice.message for notice in notices)])
        return encode_failed(folder, *(error or ("NothingMeasuredError", said)))
    bill = _bill(study, store, services)
    document = _document(study, store, notices, services, bill)
    address = store.write_text(RESULT, dumps(document), content_type="application/json")
    if error is not None:
        return encode_failed(folder, error[0], f"{error[1]}\nWhat was measured is in {address}")
    if document["recommendation"] is None:
        cause = "No configuration gave a usable run.\n" + function_errors(document)
        return encode_failed(folder, "AllFailedError", f"{_cut(cause)}\nThe runs are in {address}")
    settings = store.execution.settings
    output = encode_output(
        document,
        _choose(document, study, store.execution),
        execution_cost=bill.transitions_usd,
        result_address=str(address),
        include_stats=settings.include_output_results,
        visualization_page=_visualization_page(services),
    )
    return encode_analyzed(folder, output, optimize=settings.auto_optimize)


def _ended(store: ExecutionStore, *, failed: bool) -> tuple[Study, list[Notice]]:
    """Return the study with the reason why it ended, and all notices."""
    measured = store.measured()
    study = rebuild_study(store, measured.samples)
    stop = store.stop()
    if study.all_failed:
        study.interrupt(StopReason.ALL_FAILED)
    elif stop is not None and not failed:
        study.interrupt(stop.reason)
    else:
        study.interrupt()
    noticed = [*store.execution.notices, *measured.notices, *([stop.notice] if stop and stop.notice else [])]
    return study, list(dict.fromkeys(noticed))


def _document(
    study: Study, store: ExecutionStore, notices: list[Notice], services: Services, bill: Bill
) -> ResultDocument:
    execution, now = store.execution, services.now()
    return build_result(
        study,
        execution.identity,
        replace(execution.settings, payloads=store.payloads()),
        created_at=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        seconds=elapsed_s(execution, now),
        notices=notices,
        bill=bill,
        evidence="off",
    )


def _choose(result: ResultDocument, study: Study, execution: Execution) -> Chosen:
    """Return Power Tuning's choice when the input gives `num`, and else the recommendation of the result.

    Its choice knows no constraints, so the recommendation also decides where there are any.
    """
    settings, excluded = execution.settings, {(item["memory_mb"], item["architecture"]) for item in result["excluded"]}
    metrics = [
        found
        for found in trimmed_metrics(
            study.samples,
            execution.prices,
            discard=settings.discard_top_bottom,
            only_cold_starts=settings.only_cold_starts,
        )
        if (found.configuration.memory_mb, found.configuration.architecture.value) not in excluded
    ]
    if not measures_every_size(settings) or settings.objective.constraints != Constraints() or not metrics:
        return choose_by_result(result)
    listed = execution.document.get("powerValues")
    return choose_by_statistic(metrics, choose(metrics, settings.objective), listed if isinstance(listed, list) else ())


def _bill(study: Study, store: ExecutionStore, services: Services) -> Bill:
    """Return the bill of this execution. Transitions have the price of the state machine's region."""
    rounds = asked_rounds(study)
    passes = store.passes() if store.execution.long else {}
    count = count_execution(rounds, store.execution, passes, entries=store.entries())
    used, executors = study.spent, executor_count(rounds, store.execution, passes)
    return Bill(
        used.usd,
        count.transitions * state_transition_usd(services.clients.region),
        handlers_usd(
            len(rounds),
            executors=executors,
            waiting_gb_s=waiting_gb_s(rounds, study.samples, store.execution),
        ),
        logs_usd(used.invocations),
        storage_usd(len(rounds), executors=executors),
    )


def _visualization_page(services: Services) -> str:
    """Return the page of the visualization, with the currency of the regions of China."""
    page = services.deployment.visualization_url or VISUALIZATION_PAGE
    return f"{page}?currency=CNY" if services.clients.region.startswith(CHINA) else page


def _told(errors: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """Return the name of the first error, and the causes of all."""
    if not errors:
        return None
    name = errors[0][0]
    # A Fail state may not use an error name of Step Functions itself.
    name = name.replace(STATES_PREFIX, "StateMachine.", 1) if name.startswith(STATES_PREFIX) else name
    return name, "\n".join(_cut(readable_cause(cause)) for _, cause in errors)


def _cut(cause: str) -> str:
    return cause.strip()[:MAX_CAUSE_CHARACTERS]
