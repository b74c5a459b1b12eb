"""Result documents as baselines: whole, and alike enough to stand beside each other.

Decides what makes two results comparable; whoever calls reads and writes them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

from tuner.documents.result import ResultDocument
from tuner.errors import Fault, InputError
from tuner.model import BackendKind, Notice


class Mismatch(StrEnum):
    """What can make two results incomparable; the names are those of `--allow-different`."""

    BACKEND = "backend"
    REGION = "region"
    PAYLOAD = "payload"
    START = "start"
    HOST = "host"


def refuse_unmeasured(document: ResultDocument, *, name: str) -> None:
    """Refuse a result document without measurements.

    Raises:
        InputError: it holds none.
    """
    if not document["measurements"]:
        raise InputError.single(name, "holds no measurement", "tune again; see its warnings for the cause")


def check_comparable(
    baseline: Mapping[str, Any], candidate: Mapping[str, Any], allowed: Collection[Mismatch]
) -> list[Notice]:
    """Refuse what would compare unlike with unlike.

    Args:
        baseline, candidate: result documents.
        allowed: differences that the user accepts.

    Returns:
        A notice for every accepted difference, and for what cannot be told.

    Raises:
        InputError: with every difference that is not accepted.
    """
    faults, notices = [], []
    for difference, before, after in _differences(baseline, candidate):
        problem = f"{_WORDS[difference]} differs: {before} in the baseline, {after} in the candidate"
        if difference in allowed:
            notices.append(Notice(f"other_{difference}", f"Compared all the same: {problem}."))
        else:
            faults.append(Fault("BASELINE, CANDIDATE", problem, _remedy(difference)))
    if faults:
        raise InputError(faults)
    if None in (baseline["request"]["payload"], candidate["request"]["payload"]):
        notices.append(
            Notice("payload_unknown", "Whether both had the same payload is not known: payload logs are off.")
        )
    return notices


def _remedy(difference: Mismatch) -> str:
    """What to do about a difference. Warm and cold runs are never compared with each other, allowed or not."""
    if difference is Mismatch.START:
        return "tune both in the same way"
    return f"--allow-different {difference} compares all the same"


_WORDS = {
    Mismatch.BACKEND: "where it ran",
    Mismatch.REGION: "the region",
    Mismatch.PAYLOAD: "the payload",
    Mismatch.START: "whether only cold starts were measured",
    Mismatch.HOST: "the machine",
}


def _differences(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> list[tuple[Mismatch, str, str]]:
    """Every difference, with both values in words."""
    return [
        (difference, str(before), str(after))
        for (difference, before), (_, after) in zip(_traits(baseline), _traits(candidate), strict=True)
        if None not in (before, after) and before != after
    ]


def _traits(document: Mapping[str, Any]) -> list[tuple[Mismatch, object]]:
    """What has to agree, in a fixed order; None where it is not known or does not matter."""
    function, request = document["function"], document["request"]
    payload = request["payload"]
    local = BackendKind(function["backend"]) is BackendKind.LOCAL
    host = function["details"] if local else {}
    return [
        (Mismatch.BACKEND, function["backend"]),
        (Mismatch.REGION, None if local else function["region"]),
        (Mismatch.PAYLOAD, payload["sha256"][:12] if payload and payload["sha256"] else None),
        (Mismatch.START, "yes" if request.get("only_cold_starts", False) else "no"),
        (Mismatch.HOST, f"{host['cores']:g} cores" if "cores" in host else None),
        (Mismatch.HOST, host.get("cpu") or None),
    ]
