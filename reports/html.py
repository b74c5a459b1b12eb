"""The report as one HTML file that needs nothing else: no request, no font, no library.

The same result gives the same bytes. Styles and scripts are named by their hashes in a
content security policy, so that nothing from a result can run even if it got into the markup.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from reports.view import view
from reports.words.escape import SHOWN_CHARACTERS, clip
from reports.words.rows import Result

SCRIPTS = ("choose.js", "report.js")


def render(result: Result) -> str:
    """The page for a result document that is valid under its schema."""
    style, script = _asset("report.css"), "\n".join(map(_asset, SCRIPTS))
    page = _template().render(
        view(result),
        policy=(
            f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
            "img-src data:; base-uri 'none'; form-action 'none'"
        ),
        style=Markup(style),  # noqa: S704 (the package's own file)
        script=Markup(script),  # noqa: S704
    )
    # Half a surrogate pair is valid in JSON, and in no encoding.
    return page.encode("utf-8", "replace").decode("utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["fold"] = fold
    environment.filters["ranges"] = ranges
    environment.filters["picture"] = lambda text: Markup(text)  # noqa: S704 (made, and escaped, by reports.charts.svg)
    return environment.get_template("report.html")


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
def _asset(name: str) -> str:
    return files("reports").joinpath("templates", name).read_text("utf-8")


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
