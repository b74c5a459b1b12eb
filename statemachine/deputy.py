"""Refuses what a person who may only start executions must not reach through the stack's own rights.

The stack may read its bucket and invoke its handlers. An input must not borrow these rights: it may name objects of
the stack's bucket only below `lists/`, and no handler of the stack. The roles of the template say the same where
IAM can.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tuner.aws.api.s3 import parse_address
from tuner.errors import Fault, InputError
from tuner.settings import Settings

OPEN_FOLDER = "lists/"
"""Where whoever may start executions may read in the stack's own bucket."""


def refuse_borrowed_rights(settings: Settings, *, bucket: str, own_functions: Sequence[str]) -> None:
    """Check that an input reaches nothing by the stack's own rights.

    Args:
        settings: what the input asks for.
        bucket: the stack's bucket.
        own_functions: names of the stack's handlers.

    Raises:
        InputError: every fault at once.
    """
    faults = [*_own_objects(settings, bucket), *_own_handlers(settings, own_functions)]
    if faults:
        raise InputError(faults)


def refuse_own_object(text: str, *, bucket: str, path: str) -> None:
    """Check that an address in the stack's bucket is in the open folder.

    Raises:
        InputError: it is elsewhere in that bucket, or no address.
    """
    if fault := _own_object(text, bucket, path):
        raise InputError([fault])


def _own_objects(settings: Settings, bucket: str) -> Iterator[Fault]:
    named = [("$.payloadS3", settings.payload_s3)] if settings.payload_s3 else []
    named += [(f"$.codeFor.{architecture}", place) for architecture, place in settings.code_for.items()]
    for path, text in named:
        if text is not None and text.startswith("s3://") and (fault := _own_object(text, bucket, path)):
            yield fault


def _own_object(text: str, bucket: str, path: str) -> Fault | None:
    address = parse_address(text, path=path)
    if address.bucket != bucket or address.key.startswith(OPEN_FOLDER):
        return None
    problem = f"{address} holds what executions measured or what others sent"
    return Fault(path, problem, f"put the object below s3://{bucket}/{OPEN_FOLDER}")


def _own_handlers(settings: Settings, own: Sequence[str]) -> Iterator[Fault]:
    named = {
        "$.lambdaARN": settings.target,
        "$.preProcessorARN": settings.pre_processor,
        "$.postProcessorARN": settings.post_processor,
    }
    for path, text in named.items():
        if text and _function_name(text) in own:
            yield Fault(path, f"{text} is a handler of this state machine", "name a function of your own")


def _function_name(text: str) -> str:
    """Return the name of a function: from a name, a partial or a full ARN, with or without a qualifier."""
    _, separator, rest = text.rpartition(":function:")
    return (rest if separator else text.removeprefix("function:")).partition(":")[0]
