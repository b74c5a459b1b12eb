"""Runs the uploaded code of a function for real, in the local backend's execution environments.

Turns a version into a worker's specification, and a worker's result into what Lambda shows.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from tests.cloud import logs
from tests.cloud.lambda_service import errors
from tests.cloud.lambda_service.code import Folders
from tests.cloud.lambda_service.functions import Function, Version
from tests.cloud.lambda_service.invocation import Run, stream_name
from tests.cloud.lambda_service.names import LATEST
from tests.cloud.lambda_service.service import LambdaService
from tests.cloud.settings import Settings
from tests.cloud.simulated import Measured
from tests.cloud.wire import FUNCTION_KEY_PREFIX, register_principal
from tuner.local.pool import Pool
from tuner.local.worker.runtimes import PYTHON, runtime_named
from tuner.local.worker.spec import LocalInvocationResult, WorkerSpec

_ENDED_BY_PLATFORM = {"Sandbox.Timedout": "timeout", "Runtime.OutOfMemory": "error", "Runtime.ExitError": "error"}
"""What REPORT gives as status, by the type of the error."""

MAX_BUSY = 4
"""Functions that run at once: branches of a workflow run side by side in Lambda, however few cores are here."""
MAX_IDLE = 64
"""Environments that stay warm: all handlers of a stack, and what they invoke."""


class Workers:
    """A pool of workers and the unpacked code they run."""

    def __init__(self, settings: Settings, endpoint: str, lambdas: LambdaService) -> None:
        self._settings, self._endpoint, self._lambdas = settings, endpoint, lambdas
        self._pool, self._folders = Pool(max_busy=MAX_BUSY, max_idle=MAX_IDLE), Folders()

    def run(self, function: Function, version: Version, event: bytes, request_id: str, qualified_arn: str) -> Run:
        """Run one invocation to its end.

        Raises:
            AwsError: a container image, which cannot run here.
        """
        if version.package.data is None:
            raise errors.invalid("Container images cannot run in the local stand-in: use a simulated function.")
        result = self._pool.invoke(self._spec(function, version), event, request_id=request_id, arn=qualified_arn)
        configuration = version.configuration
        snapstart = configuration["SnapStart"]["ApplyOn"] != "None" and version.number != LATEST
        log = logs.written(
            _measured(result, configuration["MemorySize"], snapstart=snapstart),
            _own_output(result),
            request_id,
            version.number,
            configuration["LoggingConfig"],
        )
        environment = result.environment.rpartition("]")[2]
        return Run(result.payload, result.function_error, log, stream_name(function.name.name, version, environment))

    def close(self) -> None:
        """End all workers and remove their code."""
        self._pool.close()
        self._folders.close()

    def _spec(self, function: Function, version: Version) -> WorkerSpec:
        configuration, name = version.configuration, function.name
        return WorkerSpec(
            name=name.name,
            handler=configuration["Handler"],
            runtime=configuration["Runtime"],
            command=(runtime_named(configuration["Runtime"]) or PYTHON).command(),
            code_dir=self._folders.of(version.package),
            memory_mb=configuration["MemorySize"],
            timeout_s=configuration["Timeout"],
            version=version.number,
            region=name.region,
            arn=name.arn,
            environment=tuple(sorted(self._environment(function, version).items())),
            throttled=self._settings.limit_cpu and not self._is_unthrottled(function),
        )

    def _environment(self, function: Function, version: Version) -> dict[str, str]:
        """The function's variables, credentials that tell whose calls they make, and the layers' path."""
        role = version.configuration["Role"]
        folders = [str(folder) for arn in self._layers(version) if (folder := self._layer_folder(function, arn))]
        return {
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_ACCESS_KEY_ID": register_principal(
                FUNCTION_KEY_PREFIX, function.name.account, role, function.name.name
            ),
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
            "AWS_EC2_METADATA_DISABLED": "true",
            "_TUNER_OWN_LOOP": "1",  # behaves as AWS's client does (test_conformance), and starts in half the time
            **({"PYTHONPATH": ":".join(folders)} if folders else {}),
            **version.configuration.get("Environment", {}).get("Variables", {}),
        }

    def _layers(self, version: Version) -> list[str]:
        """ARNs of the layers that can run here."""
        arns = [layer["Arn"] for layer in version.configuration.get("Layers", [])]
        return [a for a in arns if not any(fnmatchcase(a.split(":")[-2], p) for p in self._settings.skip_layers)]

    def _layer_folder(self, function: Function, arn: str) -> str:
        store = self._lambdas.store(function.name.account, function.name.region)
        return str(self._folders.of(store.layer(arn).package) / "python")

    def _is_unthrottled(self, function: Function) -> bool:
        if self._settings.unthrottled_stacks and "aws:cloudformation:stack-name" in function.tags:
            return True
        return any(fnmatchcase(function.name.name, pattern) for pattern in self._settings.unthrottled)


def _measured(result: LocalInvocationResult, memory_mb: int, *, snapstart: bool) -> Measured:
    """The figures of REPORT; what would be an init is a restore where a snapshot was made."""
    init = result.init_duration_ms
    return Measured(
        duration_ms=result.duration_ms,
        billed_ms=result.billed_duration_ms,
        memory_mb=memory_mb,
        used_mb=result.max_memory_used_mb,
        init_ms=None if snapstart else init,
        restore_ms=init if snapstart else None,
        status=_ENDED_BY_PLATFORM.get(result.error.type) if result.error else None,
        error_type=result.error.type if result.error else None,
    )


def _own_output(result: LocalInvocationResult) -> bytes:
    """What the function printed: the log without the platform's lines."""
    marks = tuple(f"{word} RequestId: {result.request_id}".encode() for word in ("START", "END", "REPORT"))
    return b"".join(line for line in result.log.splitlines(keepends=True) if not line.startswith(marks))
