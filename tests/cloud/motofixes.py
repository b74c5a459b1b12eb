"""Prepares moto, and mends each of its services when the first call for it arrives (imports take a second).

Where moto differs from AWS in a way that would hide a fault of ours, one function mends one difference:
Step Functions in `states.py`, CloudFormation in `stacks.py`, the small ones of other services here.
"""

from __future__ import annotations

import re
import threading
from typing import Any

from tests.cloud import policies
from tests.cloud.iam import Permission
from tests.cloud.replace import replace
from tests.cloud.settings import Settings


class MotoFixes:
    """What has been mended so far."""

    def __init__(self, settings: Settings, endpoint: str) -> None:
        self._settings, self._endpoint = settings, endpoint
        self._done: set[str] = set()
        self._lock = threading.Lock()

    def before(self, service: str) -> None:
        """Mend what a call of `service` needs."""
        with self._lock:
            if "moto" not in self._done:
                _configure()
            for part in {"cloudformation": ("stepfunctions", "cloudformation")}.get(service, (service,)):
                if part not in self._done:
                    self._mend(part)
            self._done.update(("moto", service))

    def _mend(self, part: str) -> None:
        self._done.add(part)
        if part == "stepfunctions":
            from tests.cloud import states

            states.install(self._settings, self._endpoint)
        elif part == "cloudformation":
            from tests.cloud import stacks

            stacks.install(self._endpoint)
        elif part == "logs":
            _fix_filter_patterns()
            _fix_log_pages(self._settings)
        elif part == "s3":
            _fix_bucket_policies()

    def reset(self) -> None:
        """Forget all of moto's resources; running executions end."""
        from moto.core.base_backend import BackendDict

        if "stepfunctions" in self._done:
            from tests.cloud import states

            states.stop_all()
        BackendDict.reset()


def _configure() -> None:
    from moto import backends
    from moto.core.config import default_user_config

    # Each call asks whether its host is one of moto's folders, and lists them for that: 1 ms of CPU.
    folders = frozenset(backends.list_of_moto_modules())
    replace(backends, list_of_moto_modules=lambda: folders)
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    default_user_config["iam"] = {"load_aws_managed_policies": False}


def _fix_bucket_policies() -> None:
    """A statement whose condition or principal does not hold denies everything."""
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    def permission(self: Any, action: str, resource: str) -> Any:
        asked = Permission(action, resource)
        found = policies.statements(self.policy.decode()) if self.policy else []
        named = [item for item in found if item.get("Principal") in ("*", {"AWS": "*"})]
        if policies.is_denied(named, asked):
            return PermissionResult.DENIED
        return PermissionResult.PERMITTED if policies.is_allowed(named, asked) else PermissionResult.NEUTRAL

    replace(FakeBucket, get_permission=permission)


def _fix_log_pages(settings: Settings) -> None:
    """FilterLogEvents finds everything at once; in AWS pages may be empty, with a token for the next."""
    from moto.logs.models import LogsBackend

    search, prefix = LogsBackend.filter_log_events, "empty-page-"

    def filtered(self: Any, group: str, names: Any, start: Any, end: Any, limit: Any, token: Any, *rest: Any) -> Any:
        page = int((token or prefix + "0").removeprefix(prefix)) if (token or prefix).startswith(prefix) else None
        if page is None:
            return search(self, group, names, start, end, limit, token, *rest)
        found = search(self, group, names, start, end, limit, None, *rest)  # also refuses what is wrong
        return found if page >= settings.empty_log_pages else ([], f"{prefix}{page + 1}", [])

    replace(LogsBackend, filter_log_events=filtered)


def _fix_filter_patterns() -> None:
    """Patterns that FilterLogEvents cannot read match everything; AWS refuses terms with a dash but no quotes."""
    from moto.logs import models
    from moto.logs.exceptions import InvalidParameterException

    term = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')

    class Pattern:
        def __init__(self, pattern: str | None) -> None:
            self._terms: list[str] = []
            for quoted, bare in term.findall((pattern or "").strip()):
                if bare and not re.fullmatch(r"\w+", bare):
                    raise InvalidParameterException("Invalid filter pattern")
                self._terms.append(bare or quoted)

        def matches(self, message: str) -> bool:
            return all(term in message for term in self._terms)

    replace(models, EventMessageFilter=Pattern)
