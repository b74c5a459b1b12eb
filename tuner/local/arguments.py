"""The words of a command line that name a handler on this machine, and how it is run: for commands that repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from tuner.local.host import architecture
from tuner.local.worker.runtimes import COMMAND
from tuner.redaction import HIDDEN
from tuner.settings import LocalOptions, Settings


def arguments(settings: Settings) -> list[str]:
    """The target as it was given, and options that differ from the defaults; values of variables are hidden."""
    target, options = settings.target, list(_options(settings.local))
    if target.startswith(COMMAND):
        return [*options, *shlex.split(target)]
    return [target, *options]


def _options(local: LocalOptions) -> Iterator[str]:
    defaults = LocalOptions()
    values = {"--root": local.root, "--handler": local.handler}
    values |= {f"--{runtime}": program for runtime, program in local.interpreters.items()}
    for flag, value in values.items():
        yield from (flag, value) if value else ()
    for name in local.environment:
        yield from ("--env", f"{name}={HIDDEN}")
    if local.timeout_s != defaults.timeout_s:
        yield from ("--timeout", f"{local.timeout_s:g}")
    if local.tmp_mb != defaults.tmp_mb:
        yield from ("--ephemeral-storage", f"{local.tmp_mb}")
    if local.memory_mb is not None and local.architecture in (None, architecture()):
        yield from ("--memory-in-use", f"{local.memory_mb}")
