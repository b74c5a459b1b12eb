"""Applies sizes to all functions of a workflow as one change: all of them, or none.

Every function is checked before the first is changed. When one cannot be changed, those before it get
their earlier sizes back. What was in use before is returned: applying that undoes the change.
"""

from __future__ import annotations

from collections.abc import Mapping

from tuner.aws.api.client import LambdaApi
from tuner.aws.changes.apply import Applier, make_apply_plan
from tuner.errors import LeftBehindError, TunerError
from tuner.model import Configuration

Sizes = Mapping[str, Configuration]


def apply_sizes(api: LambdaApi, sizes: Sizes) -> dict[str, Configuration]:
    """Give every function its size.

    Args:
        api: Lambda's control plane.
        sizes: by name or ARN of a function.

    Returns:
        The sizes that were in use before, of the functions that changed.

    Raises:
        TunerError: a function cannot be changed; none is.
        LeftBehindError: one could not be changed, and another not be changed back.
    """
    plans = {name: make_apply_plan(api, name, size, None) for name, size in sizes.items()}
    changing = {name: plan for name, plan in plans.items() if plan.lines}
    before: dict[str, Configuration] = {}
    for name, plan in changing.items():
        try:
            Applier(api, plan).run()
        except BaseException as exc:
            _change_back(api, before, exc)
            raise
        before[name] = plan.before.configuration
    return before


def changes(api: LambdaApi, sizes: Sizes) -> list[str]:
    """What applying sizes would change, in words. Changes nothing."""
    return [line for name, size in sizes.items() for line in make_apply_plan(api, name, size, None).lines]


def _change_back(api: LambdaApi, before: Sizes, cause: BaseException) -> None:
    left: list[str] = []
    for name, size in before.items():
        try:
            Applier(api, make_apply_plan(api, name, size, None)).run()
        except TunerError as exc:
            left.append(f"{name} is still changed; it had {size}: {exc.message}")
    if left:
        said = cause.message if isinstance(cause, TunerError) else "Applying was interrupted"
        raise LeftBehindError("\n".join([said, *left]), "Set these sizes by hand.") from cause
