"""Parses a function reference: a name or an ARN, with or without a version or alias."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from tuner.errors import InputError, each_of

_QUALIFIER = re.compile(r"\$LATEST|[\w-]{1,128}", re.ASCII)
_ALIAS = re.compile(r"(?![0-9]+$)[\w-]{1,128}", re.ASCII)
ALIAS_FORM = "use letters, digits, - and _, and not digits alone"
_ARN = re.compile(
    r"arn:(?P<partition>aws[\w-]*):lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):function:"
    r"(?P<name>[\w-]{1,64})(?::(?P<qualifier>\$LATEST|[\w-]{1,128}))?"
)
_NAME = re.compile(r"(?:(?P<account>\d{12}):function:)?(?P<name>[\w-]{1,64})(?::(?P<qualifier>\$LATEST|[\w-]{1,128}))?")


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """A function as the user named it.

    Attributes:
        name: the FunctionName of calls: the name, or the ARN without qualifier.
        qualifier: a version or alias; None is $LATEST.
        region: the region in the ARN, or None.
    """

    name: str
    qualifier: str | None = None
    region: str | None = None


def parse_function_reference(text: str) -> FunctionReference:
    """Parse a function name or ARN.

    Raises:
        InputError: it is neither.
    """
    if found := _ARN.fullmatch(text):
        unqualified = text if found["qualifier"] is None else text[: found.start("qualifier") - 1]
        return FunctionReference(unqualified, _version(found["qualifier"]), found["region"])
    if found := _NAME.fullmatch(text):
        unqualified = text if found["qualifier"] is None else text[: found.start("qualifier") - 1]
        return FunctionReference(unqualified, _version(found["qualifier"]))
    raise InputError.single(
        "TARGET",
        f"{text!r} is neither a function name nor a function ARN",
        "for example orders, orders:live or arn:aws:lambda:eu-west-1:123456789012:function:orders",
    )


def common_region(targets: Iterable[str]) -> str | None:
    """The region that ARNs among targets name; None: none of them does.

    Raises:
        InputError: some are neither a function name nor a function ARN, or they are in several regions.
    """
    references = each_of(partial(parse_function_reference, target) for target in targets)
    regions = {reference.region for reference in references} - {None}
    if len(regions) > 1:
        raise InputError.single("TARGET", f"functions of {len(regions)} regions are named", "name those of one region")
    return next(iter(regions), None)


def is_alias(text: str) -> bool:
    """Whether a text can be the name of an alias: a number is a version, and $LATEST is none."""
    return bool(_ALIAS.fullmatch(text))


def is_qualifier(text: str) -> bool:
    """Whether a text can be a version or an alias."""
    return bool(_QUALIFIER.fullmatch(text))


def _version(qualifier: str | None) -> str | None:
    return None if qualifier == "$LATEST" else qualifier
