"""What runs the code of a function: real workers of the local backend, or a simulated function.

Knows how a function's configuration becomes a worker; decides no outcome.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.cloud import logs
from tests.cloud.lambda_service.functions import Function, Version
from tests.cloud.lambda_service.invocation import Run, stream_name
from tests.cloud.settings import Settings
from tests.cloud.simulated import Model, SimulatedFunction

if TYPE_CHECKING:
    from tests.cloud.lambda_service.service import LambdaService


@dataclass(slots=True)
class Runtimes:
    """Chooses by the function's name: simulated where a model was given, else a real worker."""

    settings: Settings
    endpoint: str
    lambdas: LambdaService | None = None
    _simulated: dict[str, SimulatedFunction] = field(default_factory=dict)
    _by_code: dict[str, SimulatedFunction | None] = field(default_factory=dict)
    """What the code of copies behaves like, kept when the function has been given another one."""
    _invocations: list[dict[str, Any]] = field(default_factory=list)
    _workers: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def simulate(self, function: str, model: dict[str, Any]) -> None:
        """From now on `function` is a formula, and so is every function that has its code: a copy."""
        self._simulated[function] = SimulatedFunction(Model(**model))
        self._by_code.clear()

    def run(self, function: Function, version: Version, event: bytes, request_id: str, qualified_arn: str) -> Run:
        """Run one invocation to its end."""
        simulated = self._model_of(function, version)
        if simulated:
            run = _simulate(simulated, function, version, event, request_id)
        else:
            run = self._worker_pool().run(function, version, event, request_id, qualified_arn)
        self._invocations.append(
            {
                "function": function.name.name,
                "version": version.number,
                "memory_mb": version.configuration["MemorySize"],
                "architecture": version.configuration["Architectures"][0],
                "error": run.function_error,
                "request_id": request_id,
                "billed_ms": _billed_ms(run.log),
            }
        )
        return run

    def invocations(self) -> list[dict[str, Any]]:
        """Every invocation that ran, in the order of their ends."""
        return list(self._invocations)

    def reset(self) -> None:
        """No simulated functions, no workers, nothing run."""
        self._simulated.clear()
        self._by_code.clear()
        self._invocations.clear()
        self.close()

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            if self._workers is not None:
                self._workers.close()
            self._workers = None

    def _model_of(self, function: Function, version: Version) -> SimulatedFunction | None:
        if function.name.name in self._simulated:
            return self._simulated[function.name.name]
        code = version.package.sha256
        if code not in self._by_code:
            self._by_code[code] = self._owner_of(function, version)
        return self._by_code[code]

    def _owner_of(self, function: Function, version: Version) -> SimulatedFunction | None:
        assert self.lambdas is not None
        store = self.lambdas.store(function.name.account, function.name.region)
        with store.lock:
            owners = [name for name in self._simulated if name in store.functions]
            found = [name for name in owners if store.functions[name].has_code(version.package)]
        return self._simulated[found[0]] if found else None

    def _worker_pool(self) -> Any:
        with self._lock:
            if self._workers is None:
                from tests.cloud.workers import Workers

                assert self.lambdas is not None
                self._workers = Workers(self.settings, self.endpoint, self.lambdas)
            return self._workers


def _billed_ms(log: bytes) -> int:
    """What the report line bills; 0 where there is none."""
    found = re.findall(rb'(?:Billed Duration: |"billedDurationMs": )(\d+)', log)
    return int(found[-1]) if found else 0


def _simulate(simulated: SimulatedFunction, function: Function, version: Version, event: bytes, request_id: str) -> Run:
    configuration = version.configuration
    payload, error, measured, output, environment = simulated.run(
        f"{function.name.name}:{version.number}:{configuration['MemorySize']}:{version.package.sha256}",
        configuration["MemorySize"],
        configuration["Architectures"][0],
        configuration["Timeout"],
        event,
        request_id,
        snapstart=configuration["SnapStart"]["ApplyOn"] != "None" and version.number != "$LATEST",
    )
    log = logs.written(measured, output, request_id, version.number, configuration["LoggingConfig"])
    return Run(payload, error, log, stream_name(function.name.name, version, environment))
