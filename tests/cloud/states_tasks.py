"""Tasks of Step Functions: what moto's interpreter sends, checks and calls differently from AWS.

Each function named `_fix_…` mends one difference, as in `states.py`.
"""

from __future__ import annotations

import copy
import time
from datetime import UTC, datetime
from typing import Any

from tests.cloud.replace import replace
from tests.cloud.settings import DEFAULT_ACCOUNT, Settings
from tests.cloud.wire import STATES_KEY_PREFIX, register_principal

MAX_DATA_BYTES = 262_144
"""Input, output and parameters of a state or an execution (Step Functions quotas)."""


def install(settings: Settings, endpoint: str) -> None:
    """Mend the tasks."""
    _fix_errors_of_lambda()
    _fix_replies_of_lambda()
    _fix_names_of_errors()
    _fix_terminal_errors()
    _fix_result_writer()
    _fix_tolerated_failures()
    _fix_data_limit(settings)
    _fix_integration_parameters()
    _fix_credentials(endpoint)
    _fix_pauses(settings)


def time_as_text(moment: datetime) -> str:
    """A time as Step Functions writes it: UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
        details: Any = {"lambdaFunctionFailedEventDetails": {"error": error, "cause": cause}}
        return FailureEvent(
            env=env,
            error_name=CustomErrorName(error),
            event_type=HistoryEventType.LambdaFunctionFailed,
            event_details=details,
        )

    replace(StateTaskLambda, _from_error=named)


def _fix_replies_of_lambda() -> None:
    """The reply of `lambda:invoke` lacks the request's id, which AWS gives as SdkResponseMetadata."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

    select = lambda_eval_utils.select_from_typed_dict

    def with_metadata(typed_dict: Any, obj: Any) -> Any:
        request_id = obj.get("ResponseMetadata", {}).get("RequestId", "")
        return {**select(typed_dict=typed_dict, obj=obj), "SdkResponseMetadata": {"RequestId": request_id}}

    replace(lambda_eval_utils, select_from_typed_dict=with_metadata)


def _fix_names_of_errors() -> None:
    """A Fail state that passes on an error of Step Functions' own (States.…) breaks the interpreter."""
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName

    replace(CustomErrorName, __init__=ErrorName.__init__)


def _fix_terminal_errors() -> None:
    """States.ALL catches everything. In AWS it leaves States.DataLimitExceeded out, and nothing catches States.Runtime.

    Error handling in Step Functions, developer guide, 2026-09.
    """
    from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl

    evaluate = ErrorEqualsDecl._eval_body
    wildcard = ErrorEqualsDecl._STATE_ALL_ERROR

    def checked(self: Any, env: Any) -> None:
        name = getattr(env.stack[-1], "error_name", "")
        if name == "States.Runtime" or (name == "States.DataLimitExceeded" and wildcard in self.error_names):
            env.stack.pop()
            env.stack.append(False)
            return
        evaluate(self, env)

    replace(ErrorEqualsDecl, _eval_body=checked)


def _fix_result_writer() -> None:
    """Paths of a ResultWriter's parameters are looked for in the Map's results; in AWS, in its input."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.result_writer_decl import (
        ResultWriter,
    )

    def evaluate(self: Any, env: Any) -> None:
        depth = len(env.stack)
        env.stack.append(copy.deepcopy(env.states.get_input()))
        self.parargs.eval(env=env)
        parameters = env.stack.pop()
        del env.stack[depth:]
        env.stack.append(parameters)
        self.resource_eval.eval_resource(env=env)

    replace(ResultWriter, _eval_body=evaluate)


def _fix_tolerated_failures() -> None:
    """A distributed Map succeeds however many items fail; AWS fails it above what is tolerated (default: none)."""
    from moto.stepfunctions.parser.api import HistoryEventType
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
        FailureEvent,
        FailureEventException,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
        DistributedIterationComponent,
    )

    run = DistributedIterationComponent._map_run
    kind = StatesErrorNameType.StatesExceedToleratedFailureThreshold

    def checked(self: Any, env: Any, eval_input: Any) -> None:
        run(self, env=env, eval_input=eval_input)
        record = eval_input.map_run_record
        counts = record.item_counter
        failed, total = counts.failed.get() + counts.timed_out.get(), counts.total.get()
        if not _is_exceeded(failed, total, record.tolerated_failure_count, record.tolerated_failure_percentage):
            return
        details: Any = {
            "error": kind.to_name(),
            "cause": f"The specified tolerated failure threshold was exceeded: {failed}",
        }
        event: Any = {"mapRunFailedEventDetails": details}
        failure = FailureEvent(env, StatesErrorName(typ=kind), HistoryEventType.MapStateFailed, event)
        raise FailureEventException(failure_event=failure)

    replace(DistributedIterationComponent, _map_run=checked)


def _is_exceeded(failed: int, total: int, count: int, percentage: float) -> bool:
    """Whether more items failed than either bound tolerates; a bound of zero is none, unless both are."""
    bounds = [failed > count] if count else []
    if percentage:
        bounds.append(100 * failed > percentage * total)
    return any(bounds) if bounds else failed > 0


def _fix_data_limit(settings: Settings) -> None:
    """What a Task sends may be of any size, and exactly 262,144 bytes are refused."""
    from moto.stepfunctions.parser import quotas
    from moto.stepfunctions.parser.asl.component.state import state
    from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_lambda
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

    def fits(value: Any) -> bool:
        text = value if isinstance(value, str) else to_json_str(value, separators=(",", ":"))
        return len(text.encode()) <= settings.largest_state_bytes

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
            value[key] = time_as_text(item)
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
