"""Text from outside in each form of output: one function for each, used by every writer.

Function names, errors, branches and payloads come from strangers. Here they become text that a terminal, a Markdown
renderer, an XML reader or a spreadsheet shows and does nothing else with. The pages escape by their templates.
"""

from __future__ import annotations

import json
import re

from tuner.plain_text import shortened

SHOWN_CHARACTERS = 240
"""How much of a text from outside a page shows before it is folded away. No form shows more than MOST_CHARACTERS."""
_FORMULA = re.compile(r"(^|[;,|])(\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""Where a cell that a spreadsheet reads as a formula can begin: at the start or after a separator."""


def visible(text: str) -> str:
    """Text on one line of a terminal: control and direction characters are spelt out, and line breaks are spaces."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else _spelt_out(c) for c in text)


def visible_lines(text: str) -> str:
    """Text of several lines for a terminal: line breaks stay."""
    return text if text.isprintable() else "\n".join(map(visible, text.split("\n")))


def visible_json(text: str) -> str:
    """JSON for a terminal: what does not print is written as JSON's own escapes, so that it stays the same value."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def code_span(text: str) -> str:
    """Text in Markdown, as a code span that it cannot leave. There it is no link or mention."""
    shown = whole(visible(text))
    fence = _fence(shown, 1)
    pad = " " if shown[:1] in ("`", " ", "") or shown[-1:] in ("`", " ") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def code_cell(text: str) -> str:
    """A code span in a table, whose cell it cannot leave either. Elsewhere the backslashes would be seen."""
    return code_span(text).replace("|", "\\|")


def code_block(text: str, language: str = "text") -> str:
    """Lines in Markdown, as a code block that they cannot leave."""
    shown = visible_lines(text)
    fence = _fence(shown, 3)
    return f"{fence}{language}\n{shown}\n{fence}"


def xml_text(text: str) -> str:
    """Text for an XML document such as JUnit's; whoever writes the document escapes its markup.

    Nothing that XML 1.0 cannot hold is printable, so all of it is spelt out.
    """
    return visible_lines(text)


def csv_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula, whichever separator it expects."""
    return _FORMULA.sub(r"\1\2'", whole(visible(text)))


def whole(text: str) -> str:
    """Text from outside as it is; of one that would flood its form the beginning, and how much was left out."""
    return shortened(text)


def clip(text: str, length: int = SHOWN_CHARACTERS) -> str:
    """The beginning of a text for a label of a chart or a title, with an ellipsis where something was cut off."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _spelt_out(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _fence(text: str, least: int) -> str:
    """Backticks, more than any run of them in the text."""
    return "`" * max(least, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
