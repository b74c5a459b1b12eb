"""Step Functions: moto's interpreter of the Amazon States Language, where it differs from AWS.

Each function named `_fix_…` mends one difference; `install` applies them all, once, before the first use.
"""

from __future__ import annotations

import copy
import json
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tests.cloud import policies, states_definition
from tests.cloud.iam import Permission
from tests.cloud.replace import replace
from tests.cloud.settings import DEFAULT_ACCOUNT, Settings
from tests.cloud.wire import STATES_KEY_PREFIX, register_principal

MAX_DATA_BYTES = 262_144
"""Input, output and parameters of a state or an execution (Step Functions quotas)."""
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
    _fix_errors_of_lambda()
    _fix_data_limit()
    _fix_integration_parameters()
    _fix_credentials(endpoint)
    _fix_pauses(settings)


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
    """A dangling Next is accepted, and a whole number as ToleratedFailurePercentage is not."""
    from moto.stepfunctions.parser.api import InvalidDefinition
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
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

    replace(AmazonStateLanguageParser, parse=staticmethod(lambda text: parse(states_definition.for_parser(text))))
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
        if len((given or "").encode()) > MAX_DATA_BYTES:
            raise InvalidExecutionInput(
                "1 validation error detected: Value at 'input' failed to satisfy constraint: "
                f"Member must have length less than or equal to {MAX_DATA_BYTES}"
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

    terminated = BaseExecutionWorkerCommunication.terminated

    def end(self: Any) -> None:
        if self.execution.exec_status is ExecutionStatus.RUNNING:
            terminated(self)

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


def _fix_errors_of_lambda() -> None:
    """A refusal by Lambda is called "Exception" where a Task names the function's ARN; AWS says Lambda.<code>."""
    from botocore.exceptions import ClientError
    from moto.stepfunctions.parser.api import HistoryEventType
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
        StateTaskServiceLambda,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda

    from_error = StateTaskLambda._from_error

    def named(self: Any, env: Any, ex: Exception) -> Any:
        if not isinstance(ex, ClientError):
            return from_error(self, env=env, ex=ex)
        error, cause = StateTaskServiceLambda._error_cause_from_client_error(ex)
        details = _details(lambdaFunctionFailedEventDetails={"error": error, "cause": cause})
        return FailureEvent(
            env=env,
            error_name=CustomErrorName(error),
            event_type=HistoryEventType.LambdaFunctionFailed,
            event_details=details,
        )

    replace(StateTaskLambda, _from_error=named)


def _fix_data_limit() -> None:
    """What a Task sends may be of any size, and exactly 262,144 bytes are refused."""
    from moto.stepfunctions.parser import quotas
    from moto.stepfunctions.parser.asl.component.state import state
    from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_lambda
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

    def fits(value: Any) -> bool:
        text = value if isinstance(value, str) else to_json_str(value, separators=(",", ":"))
        return len(text.encode()) <= MAX_DATA_BYTES

    for module in (quotas, state, state_task_lambda, state_task_service):
        replace(module, is_within_size_quota=fits)
    for task in (state_task_lambda.StateTaskLambda, state_task_service.StateTaskService):
        _check_parameters(task)


def _check_parameters(task: Any) -> None:
    evaluate = task._eval_parameters

    def checked(self: Any, env: Any) -> Any:
        parameters = evaluate(self, env=env)
        self._verify_size_quota(env=env, value=parameters)
        return parameters

    replace(task, _eval_parameters=checked)


def _fix_integration_parameters() -> None:
    """Parameters of aws-sdk and states tasks keep Step Functions' spelling; responses keep dates and streams."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
        StateTaskService,
    )

    def request(self: Any, parameters: Any, boto_service_name: Any = None, service_action_name: Any = None) -> None:
        shape = _operation(self, boto_service_name, service_action_name).input_shape
        if shape is not None:
            self._to_boto_request(parameters, shape)

    def response(self: Any, response: Any, boto_service_name: Any = None, service_action_name: Any = None) -> None:
        shape = _operation(self, boto_service_name, service_action_name).output_shape
        if shape is not None:
            self._from_boto_response(response, shape)
        _dates_as_text(response)

    replace(StateTaskService, _normalise_parameters=request, _normalise_response=response)


def _operation(task: Any, service: str | None, action: str | None) -> Any:
    from botocore import xform_name
    from moto.core.utils import get_service_model

    model = get_service_model(task._get_boto_service_name(service))
    wanted = task._get_boto_service_action(action)
    return next(model.operation_model(name) for name in model.operation_names if xform_name(name) == wanted)


def _dates_as_text(value: Any) -> None:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        if isinstance(item, datetime):
            value[key] = item.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        else:
            _dates_as_text(item)


def _fix_credentials(endpoint: str) -> None:
    """Every task makes a new client with nameless credentials; here calls are known as the state machine role's."""
    import boto3
    from botocore.config import Config
    from moto.stepfunctions.parser.asl.utils import boto_client

    clients: dict[tuple[str, str, str], Any] = {}

    def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        role = state_credentials.role_arn if state_credentials else ""
        if (service, region, role) not in clients:
            account = role.split(":")[4] if role.count(":") >= 4 else DEFAULT_ACCOUNT
            clients[service, region, role] = boto3.Session().client(
                service,
                region_name=region,
                endpoint_url=endpoint,
                aws_access_key_id=register_principal(STATES_KEY_PREFIX, account, role or "role/unknown", "states"),
                aws_secret_access_key="secret",
                config=Config(
                    parameter_validation=False,
                    retries={"total_max_attempts": 1},
                    read_timeout=1000,
                    max_pool_connections=100,
                ),
            )
        return clients[service, region, role]

    _replace_everywhere(boto_client.boto_client_for, client_for)


def _replace_everywhere(old: Any, new: Any) -> None:
    """Put `new` wherever a module of the interpreter has imported `old` by name."""
    import sys

    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("moto.stepfunctions"):
            for name, value in list(vars(module).items()):
                if value is old:
                    setattr(module, name, new)


def _fix_pauses(settings: Settings) -> None:
    """Wait states and pauses before retries last as long as in AWS; tests want a fraction of it."""
    from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

    class Clock:
        def __getattr__(self, name: str) -> Any:
            return getattr(time, name)

        def sleep(self, seconds: float) -> None:
            time.sleep(seconds * settings.states_pace)

    def wait(self: Any, env: Any, wait_seconds: float) -> None:
        until = time.monotonic() + wait_seconds * settings.states_pace
        while env.is_running() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))

    replace(retrier_decl, time=Clock())
    replace(WaitFunction, _wait_interval=wait)
    replace(state_task_service_callback, _DELAY_SECONDS_SYNC_CONDITION_CHECK=0.05)


def _details(**event: Any) -> Any:
    return event


def _result(document: dict[str, Any]) -> Any:
    from moto.core.responses import ActionResult

    return ActionResult(copy.deepcopy(document))
