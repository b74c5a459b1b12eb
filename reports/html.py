"""The report as one HTML file that needs nothing else: no request, no font, no library.

The same result gives the same bytes. Styles and scripts are named by their hashes in a
content security policy, so that nothing from a result can run even if it got into the markup.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from reports.view import view
from reports.words.escape import SHOWN_CHARACTERS, clip, visible
from reports.words.rows import Result

SCRIPTS = ("choose.js", "report.js")


def render(result: Result) -> str:
    """The page for a result document that is valid under its schema."""
    return page_of("report.html", ["report.css"], SCRIPTS, view(result))


@cache
def template(name: str) -> Template:
    """A page's template, with the filters that all pages share."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["fold"] = fold
    environment.filters["ranges"] = ranges
    environment.filters["visible"] = visible
    environment.filters["picture"] = lambda text: Markup(text)  # noqa: S704 (made, and escaped, by reports.charts.svg)
    return environment.get_template(name)


def page_of(name: str, styles: Sequence[str], scripts: Sequence[str], values: Mapping[str, Any]) -> str:
    """A page in one file: its template filled with values, its styles and scripts, and a policy that names both."""
    style, script = "".join(map(asset, styles)), "\n".join(map(asset, scripts))
    allowed = f"script-src '{policy_hash(script)}'; " if scripts else ""
    page = template(name).render(
        values,
        policy=Markup(  # noqa: S704 (hashes of the package's own files)
            f"default-src 'none'; style-src '{policy_hash(style)}'; {allowed}"
            "img-src data:; base-uri 'none'; form-action 'none'"
        ),
        style=Markup(style),  # noqa: S704 (the package's own file)
        script=Markup(script),  # noqa: S704
    )
    # Half a surrogate pair is valid in JSON, and in no encoding.
    return page.encode("utf-8", "replace").decode("utf-8")


def ranges(text: str) -> Markup:
    """Text whose parts in parentheses, its intervals, step back."""
    return Markup(re.sub(r"\([^()]*\d[^()]* to [^()]*\)", r'<span class="ci">\g<0></span>', str(escape(text))))  # noqa: S704


def fold(text: str, length: int = SHOWN_CHARACTERS) -> Markup:
    """Foreign text, kept apart from the direction of its surroundings; what is long is folded away."""
    if len(text) <= length:
        return Markup("<bdi>{}</bdi>").format(text)
    return Markup(
        "<details class=fold><summary><bdi>{}</bdi> <span class=more>all {} characters</span></summary>"
        "<pre tabindex=0><bdi>{}</bdi></pre></details>"
    ).format(clip(text, length), f"{len(text):,}", text)


@cache
def asset(name: str) -> str:
    """A style or script of the pages."""
    return files("reports").joinpath("templates", name).read_text("utf-8")


def policy_hash(content: str) -> str:
    """How a content security policy names a style or script."""
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
