"""Curve files: what can be used becomes functions, what cannot is named."""

from __future__ import annotations

from typing import Any

import pytest

from tuner.errors import InputError
from tuner.model import Architecture
from tuner.simulated.curve_file import decode_records, paired_functions, single_functions
from tuner.simulated.curves import TruthKind

POINTS = {"memory_mb": [128, 256, 512], "duration_ms": [400.0, 200.0, 100.0], "family": "f"}


def record(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, **POINTS, **fields}


def test_a_record_without_an_architecture_is_one_of_x86_64() -> None:
    (decoded,), faults = decode_records([record("a")])
    assert decoded.architecture is Architecture.X86_64
    assert not faults


def test_a_record_that_cannot_be_used_is_named_and_the_others_stand() -> None:
    records, faults = decode_records(
        [record("a"), record("b", duration_ms=[1.0]), "no record", record("c", memory_mb=[64, 128, 256])]
    )
    assert [r.id for r in records] == ["a"]
    assert [fault.path for fault in faults] == ["$[1].duration_ms", "$[2]", "$[3].memory_mb[0]"]


@pytest.mark.parametrize("document", [[], {"curves": []}, None, [record("a", arch="mips")]])
def test_a_file_without_a_usable_record_is_bad_input(document: object) -> None:
    with pytest.raises(InputError):
        decode_records(document)


def test_an_architecture_that_is_asked_for_keeps_its_own_records() -> None:
    records, _ = decode_records([record("a", arch="arm64"), record("b", arch="x86_64")])
    (function,) = single_functions(records, TruthKind.SMOOTHED, architecture=Architecture.ARM64)
    assert function.name == "a"
    assert function.bounds_mb == (128, 512)


def test_curves_of_one_function_pair_up_and_others_get_a_partner() -> None:
    records, _ = decode_records(
        [record("sort-arm64", arch="arm64"), record("sort-x86_64", arch="x86_64"), record("alone", arch="arm64")]
    )
    functions = paired_functions(records, TruthKind.SMOOTHED, seed=0)
    assert len(functions) == 2
    assert all(set(function.curves) == set(Architecture) for function in functions)


def test_curves_that_share_no_size_are_not_paired() -> None:
    far = {"memory_mb": [1024, 2048], "duration_ms": [50.0, 40.0]}
    records, _ = decode_records([record("sort-arm64", arch="arm64"), record("sort-x86_64", arch="x86_64", **far)])
    (function,) = paired_functions(records, TruthKind.SMOOTHED, seed=0)
    assert function.bounds_mb == (128, 512)
