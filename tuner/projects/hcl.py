"""Reads Terraform's language as blocks and expressions that know their positions in the text.

Understands literals, templates, references, objects, lists and calls. Any other expression is kept as text. It computes
nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_BLANK = re.compile(r"(?:[ \t\r]+|/\*.*?\*/)*", re.DOTALL)
_COMMENT = re.compile(r"(?:#|//)[^\n]*")
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_HEREDOC = re.compile(r"<<-?(\w+)[^\n]*\n.*?^[ \t]*\1[ \t\r]*$", re.DOTALL | re.MULTILINE)
_OPEN, _CLOSED = "([{", ")]}"


class HclError(ValueError):
    """A text is not of the language."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression, from `start` to `end`. This class itself stands for one that is kept as text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(Expression):
    """A number, a boolean, null, or a string without a template."""

    value: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Template(Expression):
    """A string with a template: its texts, and the references or None between them."""

    parts: tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True)
class Reference(Expression):
    """A dotted name, e.g. `var.functions["orders"].memory`, as its keys. A key may be an expression itself."""

    keys: tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True)
class Object(Expression):
    """An object: values by key, and where its keys start."""

    items: tuple[tuple[str, Expression, int], ...]

    def get(self, key: str) -> Expression | None:
        """The value of a key."""
        return next((value for name, value, _ in self.items if name == key), None)


@dataclass(frozen=True, slots=True)
class Listing(Expression):
    """A list of expressions."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A call of a function."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """`name = value`; `start` is where the name starts, `equals` where the sign stands."""

    name: str
    value: Expression
    start: int
    equals: int


@dataclass(frozen=True, slots=True)
class Block:
    """`kind "label" { … }`, with the positions of its body."""

    kind: str
    labels: tuple[str, ...]
    start: int
    body_start: int
    body_end: int
    attributes: tuple[Attribute, ...] = ()
    blocks: tuple[Block, ...] = field(default=())

    def get(self, name: str) -> Expression | None:
        """The value of an attribute."""
        return next((attribute.value for attribute in self.attributes if attribute.name == name), None)


def parse_hcl(text: str) -> Block:
    """The file as one block without a name.

    Raises:
        HclError: it is not of the language.
    """
    parser = _Parser(text)
    attributes, blocks = parser.body(top=True)
    return Block("", (), 0, 0, len(text), attributes, blocks)


def parse_json(text: str) -> Block:
    """A file of variables in JSON, whose objects Terraform's language contains, as one block.

    Raises:
        HclError: it is no object.
    """
    parser = _Parser(text)
    found = parser.expression(inside=True)
    if not isinstance(found, Object):
        raise HclError("it is no object")
    attributes = (Attribute(name, value, start, start) for name, value, start in found.items)
    return Block("", (), 0, 0, len(text), tuple(attributes))


def parse_expression(text: str) -> Expression:
    """A text as one expression.

    Raises:
        HclError: it is not of the language.
    """
    return _Parser(text).expression()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 1 if text.startswith("\ufeff") else 0
        self.strings: dict[int, Expression] = {}

    def body(self, *, top: bool = False) -> tuple[tuple[Attribute, ...], tuple[Block, ...]]:
        """Attributes and blocks up to the closing brace, which stays unread."""
        attributes: list[Attribute] = []
        blocks: list[Block] = []
        while True:
            self.skip_lines()
            if self.at >= len(self.text):
                if top:
                    return tuple(attributes), tuple(blocks)
                raise HclError("a block is not closed")
            if self.peek() == "}" and not top:
                return tuple(attributes), tuple(blocks)
            start = self.at
            name = self.name()
            self.skip_blank()
            if self.peek() == "=" and self.text[self.at : self.at + 2] != "==":
                equals = self.at
                self.at += 1
                if any(attribute.name == name for attribute in attributes):
                    raise HclError(f"{name} stands twice in a block")
                attributes.append(Attribute(name, self.expression(), start, equals))
            else:
                blocks.append(self.block(name, start))

    def block(self, kind: str, start: int) -> Block:
        labels = []
        while self.peek() != "{":
            if self.peek() == '"':
                found = self.string()
                labels.append(found.value if isinstance(found, Literal) else "")
            else:
                labels.append(self.name())
            self.skip_blank()
        self.at += 1
        body_start = self.at
        attributes, blocks = self.body()
        body_end = self.at
        self.at += 1
        return Block(kind, tuple(labels), start, body_start, body_end, attributes, blocks)

    def expression(self, *, inside: bool = False) -> Expression:
        """An expression up to the end of its line; `inside` brackets, up to a comma or a closing bracket."""
        (self.skip_lines if inside else self.skip_blank)()
        start = self.at
        found = self.primary()
        end = self.at
        (self.skip_lines if inside else self.skip_blank)()
        if found is not None and self.ends(inside=inside):
            self.at = end
            return found
        self.at = start
        return Expression(start, self.rest(inside=inside))

    def ends(self, *, inside: bool) -> bool:
        rest = self.text[self.at : self.at + 2]
        return not rest or rest[0] in ",)]}" or (not inside and (rest[0] in "\n#" or rest == "//"))

    def primary(self) -> Expression | None:
        start, char = self.at, self.peek()
        if char == '"':
            return self.string()
        if char == "{":
            return self.object()
        if char == "[":
            return self.listing()
        number = _NUMBER.match(self.text, self.at)
        if number:
            self.at = number.end()
            return Literal(start, self.at, number[0], quoted=False)
        name = _NAME.match(self.text, self.at)
        if name is None:
            return None
        self.at = name.end()
        if self.peek() == "(":
            return self.call(name[0], start)
        if name[0] in ("true", "false", "null"):
            return Literal(start, self.at, name[0], quoted=False)
        return self.reference(name[0], start)

    def reference(self, first: str, start: int) -> Expression | None:
        keys: list[str | Expression] = [first]
        while True:
            if self.peek() == ".":
                self.at += 1
                found = _NAME.match(self.text, self.at) or re.compile(r"\d+").match(self.text, self.at)
                if found is None:
                    return None
                keys.append(found[0])
                self.at = found.end()
            elif self.peek() == "[":
                self.at += 1
                key = self.expression(inside=True)
                self.skip_lines()
                if self.peek() != "]":
                    return None
                self.at += 1
                keys.append(key.value if isinstance(key, Literal) else key)
            else:
                return Reference(start, self.at, tuple(keys))

    def string(self) -> Expression:
        """A string. One that is read a second time is known, so that nested templates take linear time."""
        known = self.strings.get(self.at)
        if known is None:
            start = self.at
            known = self.strings[start] = self.template()
        self.at = known.end
        return known

    def template(self) -> Expression:
        start = self.at
        self.at += 1
        parts: list[str | Expression] = [""]
        while (char := self.peek()) != '"':
            if not char or char == "\n":
                raise HclError("a string is not closed")
            if char in "$%" and self.text[self.at + 1 : self.at + 2] == "{" and self.text[self.at - 1] != char:
                self.at += 2
                parts += [self.expression(inside=True), ""]
                self.skip_lines()
                if self.peek() != "}":
                    raise HclError("a template is not closed")
                self.at += 1
                continue
            width = 2 if char == "\\" else 1
            parts[-1] = f"{parts[-1]}{self.text[self.at : self.at + width]}"
            self.at += width
        self.at += 1
        if len(parts) == 1:
            return Literal(start, self.at, str(parts[0]), quoted=True)
        return Template(start, self.at, tuple(parts))

    def object(self) -> Expression | None:
        start = self.at
        self.at += 1
        items: list[tuple[str, Expression, int]] = []
        while True:
            self.skip_lines(commas=True)
            if self.peek() == "}":
                self.at += 1
                return Object(start, self.at, tuple(items))
            key_start = self.at
            key = self.primary()
            self.skip_blank()
            if key is None or self.peek() not in ("=", ":"):
                return None
            self.at += 1
            name = key.value if isinstance(key, Literal) else self.text[key.start : key.end]
            items.append((name, self.expression(), key_start))

    def listing(self) -> Expression:
        start = self.at
        found = self.arguments("]")
        return Listing(start, self.at, found)

    def call(self, name: str, start: int) -> Expression:
        found = self.arguments(")")
        return Call(start, self.at, name, found)

    def arguments(self, closing: str) -> tuple[Expression, ...]:
        self.at += 1
        found: list[Expression] = []
        while True:
            self.skip_lines(commas=True)
            if self.peek() == closing:
                self.at += 1
                return tuple(found)
            if not self.peek():
                raise HclError("a bracket is not closed")
            before = self.at
            found.append(self.expression(inside=True))
            if self.at == before:
                raise HclError(f"nothing is expected before {self.peek()!r}")

    def rest(self, *, inside: bool) -> int:
        """Skip what is not understood; where it ends."""
        depth, end = 0, self.at
        while char := self.peek():
            if char == '"':
                self.string()
            elif heredoc := _HEREDOC.match(self.text, self.at):
                self.at = heredoc.end()
            elif depth == 0 and (char in _CLOSED or (inside and char == ",") or (not inside and char in "\n,")):
                return end
            else:
                depth += (char in _OPEN) - (char in _CLOSED)
                comment = _COMMENT.match(self.text, self.at)
                self.at = comment.end() if comment else self.at + 1
                if comment or char.isspace():
                    continue
            end = self.at
        return end

    def name(self) -> str:
        found = _NAME.match(self.text, self.at)
        if found is None:
            raise HclError(f"a name is expected at {self.text[self.at : self.at + 20]!r}")
        self.at = found.end()
        return found[0]

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def skip_blank(self) -> None:
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def skip_lines(self, *, commas: bool = False) -> None:
        """Skip blanks, comments and line ends; commas too where they separate."""
        while True:
            self.skip_blank()
            comment = _COMMENT.match(self.text, self.at)
            if comment:
                self.at = comment.end()
            elif self.peek() == "\n" or (commas and self.peek() == ","):
                self.at += 1
            else:
                return
