"""Asks the Planner what comes next, from within the handler that measures.

An answer that does not come is left to the state machine: it enters the Planner, and repeats it by its own rules.
Asked twice, the Planner gives the same answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from statemachine.messages import Document, NextState, encode_begun, encode_plan
from statemachine.services import Services
from tuner.aws.api.errors import AwsError, aws_errors

PLANNER = "TUNER_PLANNER"
"""The environment variable that names the Planner's function."""
LONGEST_S = 60.0
"""Seconds to wait for an answer. It takes one or two, and an environment that is new some more."""
MARGIN_S = 30.0
"""Seconds that the handler keeps for its own end."""


def ask_planner(folder: str, services: Services, remaining_s: Callable[[], float]) -> Document:
    """Return the Planner's next plan for an execution; a plan to enter the Planner where it cannot be asked from here.

    Args:
        folder: folder of the execution.
        services: what handlers are given. Without a name of the Planner in the environment it is not asked.
        remaining_s: seconds until the handler ends.
    """
    name = services.environment.get(PLANNER)
    if not name or remaining_s() < LONGEST_S + MARGIN_S:
        return encode_plan(NextState.PLAN)
    client = services.clients.invoker(timeout_s=LONGEST_S, concurrency=1)
    try:
        with aws_errors("ask the Planner"):
            reply = client.invoke(FunctionName=name, Payload=json.dumps(encode_begun(folder)).encode())
            answer = reply["Payload"].read()
    except AwsError:
        return encode_plan(NextState.PLAN)
    if reply.get("FunctionError"):
        return encode_plan(NextState.PLAN)
    plan: Document = json.loads(answer)
    return plan
