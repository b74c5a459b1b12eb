"""The command that goes on with a run: what was given, with `--resume` in the place of `--output`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tuner.errors import Fault, InterruptedAtOnceError
from tuner.redaction import HIDDEN
from tuner.shell_lines import with_command

GO_ON = "Go on with:"
RESUMED_ELSEWHERE = Fault("--output", "a resumed run goes on in its own folder", "leave out --output or --resume")
_PLACES = ("--output", "--resume")


def resuming(arguments: Sequence[str], folder: Path, *, hide: bool = False) -> str:
    """The command that was given, so that it goes on in a folder.

    Args:
        arguments: words after `tuner`.
        folder: of the run.
        hide: leave a payload that is written out to be filled in.
    """
    return shlex.join(["tuner", *_repeated(arguments, hide=hide), "--resume", str(folder)])


def has_runs(folder: Path) -> bool:
    """Whether runs of functions are kept in the folders of a folder."""
    from tuner.api.records.run_folder import has_record  # when called: most commands go on with nothing

    return folder.is_dir() and any(map(has_record, folder.iterdir()))


@contextmanager
def at_once_told(folder: Path | None, *to_clean: str) -> Iterator[None]:
    """Tell after a second Ctrl-C how to undo what the run may have left in AWS.

    Args:
        folder: of what was measured; None: there is none.
        to_clean: targets of `tuner clean`; empty ones are passed over.

    Raises:
        InterruptedAtOnceError: instead of KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt:
        commands = [shlex.join(["tuner", "clean", target]) for target in to_clean if target]
        hint = with_command("Undo what the run may have left:", *commands) if commands else ""
        kept = f"What was measured is kept in {folder}." if folder else ""
        raise InterruptedAtOnceError(f"Interrupted at once. {kept}".strip(), hint) from None


def _repeated(arguments: Sequence[str], *, hide: bool) -> Iterator[str]:
    before = ""
    for word in arguments:
        flag, equals, value = word.partition("=")
        if hide and before == "--payload" and not word.startswith("@"):
            yield HIDDEN
        elif hide and equals and flag == "--payload" and not value.startswith("@"):
            yield f"--payload={HIDDEN}"
        elif before not in _PLACES and flag not in _PLACES:
            yield word
        before = word
