"""The template of the stack, read once: to parse it takes longer than most tests that look at it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse


@cache
def template() -> dict[str, Any]:
    """The parsed template. Tests leave it as it is."""
    return dict(yaml_parse((Path(__file__).parents[3] / "template.yaml").read_text("utf-8")))
