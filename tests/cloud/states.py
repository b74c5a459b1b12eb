"""Step Functions: moto's interpreter of the Amazon States Language, where it differs from AWS.

Each function named `_fix_…` mends one difference; `install` applies them all, once, before the first use.
"""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from tests.cloud import policies, states_definition, states_events, states_tasks
from tests.cloud.iam import Permission
from tests.cloud.replace import replace
from tests.cloud.settings import Settings

PAGE = 100
"""Events in a page of the history unless the caller says otherwise."""


def install(settings: Settings, endpoint: str) -> None:
    """Mend moto's Step Functions."""
    _fix_backend()
    _fix_definitions()
    _fix_roles(settings)
    _fix_start()
    _fix_stop()
    _fix_history(settings)
    _fix_descriptions()
    _fix_times()
    states_tasks.install(settings, endpoint)


def stop_all() -> None:
    """Abort what runs, so that a reset finds nothing that goes on."""
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    backend: Any
    for _, _, backend in stepfunctions_parser_backends.iter_backends():
        for machine in backend.state_machines:
            for execution in machine.executions:
                execution.stop(stop_date=datetime.now(UTC), error=None, cause=None)


def _fix_backend() -> None:
    """CloudFormation's state machines go to a backend that never executes."""
    from moto.stepfunctions import models
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    replace(models, stepfunctions_backends=stepfunctions_parser_backends)


def _fix_definitions() -> None:
    """A dangling Next is accepted, and a whole number as ToleratedFailurePercentage is not.

    A definition's syntax tree is kept: each execution of a machine would read it again, at 0.15 s of CPU.
    """
    from moto.stepfunctions.parser.api import InvalidDefinition
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
    from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    parse, validate = AmazonStateLanguageParser.parse, StepFunctionsParserBackend._validate_definition

    def checked(definition: str) -> None:
        try:
            faults = states_definition.faults(json.loads(definition))
        except ValueError as exc:
            raise InvalidDefinition(
                message=f"Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: {exc}'"
            ) from None
        if faults:
            raise InvalidDefinition(message=f"Invalid State Machine Definition: '{', '.join(faults)}'")
        validate(definition=definition)

    @lru_cache(maxsize=64)
    def tree_of(definition: str) -> Any:
        return parse(states_definition.for_parser(definition))[1]

    def parsed(definition: str) -> tuple[Any, Any]:
        tree = tree_of(definition)
        return Preprocessor().visit(tree), tree  # the parts keep what one execution does: each has its own

    replace(AmazonStateLanguageParser, parse=staticmethod(parsed))
    replace(StepFunctionsParserBackend, _validate_definition=staticmethod(checked))


def _fix_roles(settings: Settings) -> None:
    """A role that may not wait for executions, or start those of a distributed Map, is found out by nobody."""
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    create, start = StepFunctionsParserBackend.create_state_machine, StepFunctionsParserBackend.start_execution

    def check(backend: Any, role_arn: str, asked: Iterable[Permission]) -> None:
        from moto.core.exceptions import JsonRESTError

        held = policies.statements_of_role(backend.account_id, role_arn.rsplit("/", 1)[-1])
        for permission in asked if held is not None and settings.enforce_policies else ():
            if not policies.is_allowed(held or [], permission):
                text = f"'{role_arn}' is not authorized to perform {permission.action} on {permission.resource}."
                raise JsonRESTError("AccessDeniedException", text)

    def created(self: Any, name: str, definition: str, roleArn: str, **options: Any) -> Any:  # noqa: N803 - moto's name
        check(self, roleArn, states_definition.waiting_permissions(definition, self.region_name, self.account_id))
        return create(self, name=name, definition=definition, roleArn=roleArn, **options)

    def started(self: Any, state_machine_arn: str, *arguments: Any) -> Any:
        machine = self.describe_state_machine(state_machine_arn)
        check(self, machine.roleArn, states_definition.starting_permissions(machine.definition, state_machine_arn))
        return start(self, state_machine_arn, *arguments)

    replace(StepFunctionsParserBackend, create_state_machine=created, start_execution=started)


def _fix_start() -> None:
    """Executions without a name are all called "None", and an input may be of any size."""
    from moto.stepfunctions.parser.api import InvalidExecutionInput
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    start = StepFunctionsParserBackend.start_execution

    def start_execution(
        self: Any, arn: str, name: str | None = None, given: str | None = None, trace: Any = None
    ) -> Any:
        if len((given or "").encode()) > states_tasks.MAX_DATA_BYTES:
            raise InvalidExecutionInput(
                "1 validation error detected: Value at 'input' failed to satisfy constraint: "
                f"Member must have length less than or equal to {states_tasks.MAX_DATA_BYTES}"
            )
        return start(self, arn, name or str(uuid.uuid4()), given or "{}", trace)

    replace(StepFunctionsParserBackend, start_execution=start_execution)


def _fix_stop() -> None:
    """An abort waits for the running task, and forgets error and cause; in AWS it is immediate."""
    from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
    from moto.stepfunctions.responses import StepFunctionResponse

    def stop(self: Any, stop_date: Any, error: str | None, cause: str | None) -> None:
        if self.exec_status is not ExecutionStatus.RUNNING:
            return
        self.exec_status, self.stop_date, self.error, self.cause = ExecutionStatus.ABORTED, stop_date, error, cause
        environment = self.exec_worker.env
        if environment is None:
            return
        details = _details(executionAbortedEventDetails={"error": error, "cause": cause})
        manager = environment.event_manager
        manager.add_event(environment.event_history_context, HistoryEventType.ExecutionAborted, details)
        manager.closed = True
        self.exec_worker.stop(stop_date=stop_date, cause=cause, error=error)
        states_events.tell(self)

    terminated = BaseExecutionWorkerCommunication.terminated

    def end(self: Any) -> None:
        if self.execution.exec_status is ExecutionStatus.RUNNING:
            terminated(self)
            states_events.tell(self.execution)

    def respond(self: Any) -> Any:
        arn = self._get_param("executionArn")
        execution = self.stepfunction_backend.describe_execution(arn)
        error, cause = self._get_param("error"), self._get_param("cause")
        execution.stop(stop_date=datetime.now(UTC), error=error, cause=cause)
        return _result({"stopDate": execution.stop_date})

    replace(Execution, stop=stop)
    replace(BaseExecutionWorkerCommunication, terminated=end)
    replace(StepFunctionResponse, stop_execution=respond)


def _fix_history(settings: Settings) -> None:
    """The history is neither bounded nor paged nor reversible, and goes on after an abort."""
    from moto.stepfunctions.parser.api import HistoryEventType
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
    from moto.stepfunctions.responses import StepFunctionResponse

    add, make = EventManager.add_event, Environment.__init__

    def made(self: Any, *arguments: Any, **options: Any) -> None:
        make(self, *arguments, **options)
        if not hasattr(self.event_manager, "environment"):
            self.event_manager.environment = self

    def added(self: Any, context: Any, event_type: Any, event_details: Any = None, **options: Any) -> int:
        if getattr(self, "closed", False):
            return 0
        number = int(add(self, context, event_type, event_details, **options))
        if number == settings.history_limit - 1:
            self.closed = True
            cause = f"The execution reached the maximum number of history events ({settings.history_limit})."
            failed: Any = {"error": "States.Runtime", "cause": cause}
            add(self, context, HistoryEventType.ExecutionFailed, _details(executionFailedEventDetails=failed))
            self.environment.set_error(failed)
        return number

    def respond(self: Any) -> Any:
        arn = self._get_param("executionArn")
        events = self.stepfunction_backend.get_execution_history(arn)["events"]
        if self._get_param("reverseOrder"):
            events = list(reversed(events))
        start, size = int(self._get_param("nextToken") or 0), int(self._get_param("maxResults") or PAGE)
        document: dict[str, Any] = {"events": events[start : start + size]}
        if start + size < len(events):
            document["nextToken"] = str(start + size)
        return _result(document)

    replace(Environment, __init__=made)
    replace(EventManager, add_event=added)
    replace(StepFunctionResponse, get_execution_history=respond)


def _fix_descriptions() -> None:
    """A timed-out execution has no stopDate."""
    from moto.stepfunctions.responses import StepFunctionResponse

    describe = StepFunctionResponse.describe_execution

    def respond(self: Any) -> Any:
        answer: Any = describe(self)
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        if execution.stop_date is not None:
            answer.result["stopDate"] = execution.stop_date
        return answer

    replace(StepFunctionResponse, describe_execution=respond)


def _fix_times() -> None:
    """Times in the context object carry microseconds and an offset; in AWS they end in milliseconds and Z."""
    from moto.stepfunctions.parser.asl.component.state import state
    from moto.stepfunctions.parser.backend.execution import Execution

    details: Any = Execution.get_start_execution_details
    entered: Any = vars(state)["StateData"]

    def started(self: Any) -> Any:
        found: Any = details(self)
        found.start_time = states_tasks.time_as_text(self.start_date)
        return found

    def data(EnteredTime: str, **fields: Any) -> Any:  # noqa: N803 - moto's name
        return entered(EnteredTime=states_tasks.time_as_text(datetime.fromisoformat(EnteredTime)), **fields)

    replace(Execution, get_start_execution_details=started)
    replace(state, StateData=data)


def _details(**event: Any) -> Any:
    return event


def _result(document: dict[str, Any]) -> Any:
    from moto.core.responses import ActionResult

    return ActionResult(copy.deepcopy(document))
