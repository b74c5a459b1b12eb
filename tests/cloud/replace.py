"""Puts functions of ours in the place of another package's: the one way in which moto is changed."""

from __future__ import annotations

from typing import Any


def replace(owner: Any, **members: Any) -> None:
    """Set attributes of a class or module that is not ours."""
    for name, value in members.items():
        setattr(owner, name, value)
