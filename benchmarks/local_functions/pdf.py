"""Writes a document of several pages: text laid out line by line, each page compressed."""

import zlib

WORDS = ("Lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt " * 160).split()


def _pages(words: list[str], width: int = 90, height: int = 60) -> list[list[str]]:
    lines: list[str] = []
    line = ""
    for number, word in enumerate(words):
        word = f"{word}{number}"
        if len(line) + len(word) > width:
            lines.append(line)
            line = ""
        line += f"{word} "
    return [lines[start : start + height] for start in range(0, len(lines), height)]


def handler(event: dict[str, int], context: object) -> object:
    parts = [b"%PDF-1.4\n"]
    for page in _pages(WORDS * event.get("copies", 30)):
        text = "\n".join(f"BT /F1 10 Tf 40 {780 - 12 * n} Td ({line}) Tj ET" for n, line in enumerate(page))
        stream = zlib.compress(text.encode())
        parts.append(b"obj << /Length %d >> stream\n%b\nendstream endobj\n" % (len(stream), stream))
    return len(b"".join(parts))
