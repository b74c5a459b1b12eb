"""The report as one HTML file that needs nothing else, and what all pages share: template, style, script and policy.

The same values give the same bytes. Styles and scripts are named by their hashes in a content security policy, so that
nothing from a result can run even if it got into the markup. A page makes no request: no font, no library, no picture.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from reports.view import view
from reports.words.escape import SHOWN_CHARACTERS, clip, visible, visible_lines, whole
from reports.words.rows import Result

TEMPLATES = Path(__file__).with_name("templates")
STYLES = ("report.css", "pages.css")
"""The style of all pages beside the report, which needs the first alone."""
COMPILED = 3
"""Counts the changes of `environment` that change what a template compiles to: its file does not tell them."""
SCRIPTS = ("choose.js", "words.js", "report.js")


def render(result: Result) -> str:
    """The page for a result document that is valid under its schema."""
    return page_of("report.html", STYLES[:1], SCRIPTS, view(result))


def page_of(name: str, styles: Sequence[str], scripts: Sequence[str], values: Mapping[str, Any]) -> str:
    """A page of the template `name`. The same values give the same bytes.

    Args:
        name: of the template.
        styles, scripts: names of files beside it.
        values: what the template shows. Text is escaped.
    """
    style, script = "".join(map(asset, styles)), "\n".join(map(asset, scripts))
    allowed = f"script-src '{policy_hash(script)}'; " if scripts else ""
    page = (
        environment()
        .get_template(name)
        .render(
            values,
            policy=Markup(  # noqa: S704 (hashes of the package's own files)
                f"default-src 'none'; style-src '{policy_hash(style)}'; {allowed}"
                "img-src data:; base-uri 'none'; form-action 'none'"
            ),
            style=Markup(style),  # noqa: S704 (the package's own file)
            script=Markup(script),  # noqa: S704
        )
    )
    # Half a surrogate pair is valid in JSON, and in no encoding.
    return page.encode("utf-8", "replace").decode("utf-8")


@cache
def environment() -> Environment:
    """The templates of all pages, with the filters that they share."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible_text,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=_CompiledTemplates(),
    )
    found.filters |= {
        "fold": fold,
        "ranges": ranges,
        "words": words,
        "visible": visible,
        "px": "{:.1f}".format,
        "picture": lambda text: Markup(text),  # noqa: S704 (made, and escaped, by `reports.charts`)
    }
    return found


def _visible_text(value: Any) -> Any:
    """What a template prints: of a text, control and direction characters are spelt out. Markup is as it was made."""
    return visible_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def ranges(text: str) -> Markup:
    """Text whose parts in parentheses, its intervals, step back."""
    return Markup(re.sub(r"\([^()]*\d[^()]* to [^()]*\)", r'<span class="ci">\g<0></span>', str(escape(text))))  # noqa: S704


def words(text: str) -> Markup:
    """A command that breaks between its words alone, not at a hyphen; what is copied is the text as it is.

    A backslash that continues a line stays with the word before it. A word wider than the box breaks behind a slash.
    """
    parts = re.split(r"(\S+(?: \\(?=\n))?)", visible_lines(text))
    return Markup("").join(
        Markup("<span>{}</span>").format(_path(part)) if n % 2 else part for n, part in enumerate(parts)
    )


def _path(word: str) -> Markup:
    """A word that may break behind each slash."""
    return Markup("<wbr>").join(re.split(r"(?<=/)(?=.)", word))


def fold(text: str, length: int = SHOWN_CHARACTERS) -> Markup:
    """Foreign text, made visible and kept apart from the direction of its surroundings; what is long is folded away."""
    text = whole(visible_lines(text))
    if len(text) <= length:
        return Markup("<bdi>{}</bdi>").format(text)
    return Markup(
        "<details class=fold><summary><bdi>{}</bdi> <span class=more>all {} characters</span></summary>"
        "<pre tabindex=0><bdi>{}</bdi></pre></details>"
    ).format(clip(text, length), f"{len(text):,}", text)


@cache
def asset(name: str) -> str:
    """A style or script of the pages."""
    return TEMPLATES.joinpath(name).read_text("utf-8")


def policy_hash(content: str) -> str:
    """How a content security policy names a style or script."""
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


class _CompiledTemplates(FileSystemBytecodeCache):
    """Keeps compiled templates where Python keeps compiled modules, if it keeps any."""

    def __init__(self) -> None:
        super().__init__(
            str(Path(__file__).with_name("__pycache__")), f"%s.{sys.implementation.cache_tag}-{COMPILED}.jinja"
        )

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write a compiled template, unless nothing is written or the folder is not ours."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                super().dump_bytecode(bucket)
