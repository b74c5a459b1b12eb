"""Right-size AWS Lambda functions: measure, estimate, decide.

    import tuner
    result = tuner.tune("app.py:handler", payload={"n": 1}, strategy="balanced")
    print(result.recommendation, result.saving)

Names are imported when they are first used, so that `import tuner` is quick. See docs/python.md.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

TYPE_CHECKING = False  # the module `typing` is not imported: it would lengthen the start of the local helper process
if TYPE_CHECKING:
    from typing import Any

    from tuner.api.advising import advise as advise
    from tuner.api.advising import advise_functions as advise_functions
    from tuner.api.comparing.duet import duet as duet
    from tuner.api.comparing.results import ComparisonResult as ComparisonResult
    from tuner.api.comparing.results import compare as compare
    from tuner.api.concurrency import concurrency as concurrency
    from tuner.api.options import Options as Options
    from tuner.api.result import Estimate as Estimate
    from tuner.api.result import Measurement as Measurement
    from tuner.api.result import Recommendation as Recommendation
    from tuner.api.result import Result as Result
    from tuner.api.result import Saving as Saving
    from tuner.api.result_store import load_result as load_result
    from tuner.api.tuning import tune as tune
    from tuner.api.workflows.result import WorkflowResult as WorkflowResult
    from tuner.api.workflows.tuning import tune_workflow as tune_workflow
    from tuner.aws.api.connection import Connection as Connection
    from tuner.backend import Backend as Backend
    from tuner.backend import BackendFactory as BackendFactory
    from tuner.comparison.question import Metric as Metric
    from tuner.comparison.verdicts import Finding as Finding
    from tuner.comparison.verdicts import Verdict as Verdict
    from tuner.errors import AllFailedError as AllFailedError
    from tuner.errors import BackendError as BackendError
    from tuner.errors import Fault as Fault
    from tuner.errors import InputError as InputError
    from tuner.errors import InterruptedRunError as InterruptedRunError
    from tuner.errors import LeftBehindError as LeftBehindError
    from tuner.errors import TunerError as TunerError
    from tuner.evidence.advice import Advice as Advice
    from tuner.model import Architecture as Architecture
    from tuner.model import BackendKind as BackendKind
    from tuner.model import Configuration as Configuration
    from tuner.model import Interval as Interval
    from tuner.model import Notice as Notice
    from tuner.model import StopReason as StopReason
    from tuner.model import StrategyName as StrategyName
    from tuner.search.loop import Observer as Observer
    from tuner.settings import Settings as Settings

_HOMES = {
    "tuner.api.advising": ("advise", "advise_functions"),
    "tuner.api.concurrency": ("concurrency",),
    "tuner.api.comparing.results": ("ComparisonResult", "compare"),
    "tuner.api.comparing.duet": ("duet",),
    "tuner.api.options": ("Options",),
    "tuner.api.result": ("Estimate", "Measurement", "Recommendation", "Result", "Saving"),
    "tuner.api.result_store": ("load_result",),
    "tuner.api.tuning": ("tune",),
    "tuner.api.workflows.result": ("WorkflowResult",),
    "tuner.api.workflows.tuning": ("tune_workflow",),
    "tuner.aws.api.connection": ("Connection",),
    "tuner.backend": ("Backend", "BackendFactory"),
    "tuner.comparison.question": ("Metric",),
    "tuner.comparison.verdicts": ("Finding", "Verdict"),
    "tuner.errors": (
        "AllFailedError",
        "BackendError",
        "Fault",
        "InputError",
        "InterruptedRunError",
        "LeftBehindError",
        "TunerError",
    ),
    "tuner.evidence.advice": ("Advice",),
    "tuner.model": (
        "Architecture",
        "BackendKind",
        "Configuration",
        "Interval",
        "Notice",
        "StopReason",
        "StrategyName",
    ),
    "tuner.search.loop": ("Observer",),
    "tuner.settings": ("Settings",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME_OF, "__version__"])


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
