r"""Free text as data: one filter per file type, so that no answer can break or execute in the file it lands in.

Each filter returns what stands *inside* double quotes, as in ``key = "{{ cookiecutter.description | toml }}"``, so a
template stays a valid file before it is rendered. The formats with escapes (TOML, YAML, Python, JSON) give back exactly
the text; the formats of lines (Markdown, Makefile, Dockerfile, plain text) give back `one_line` of it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FILTERS", "markdown_cell", "one_line"]

_SHORT = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_MARKDOWN = re.compile(r"[\\`*_\[\]<>&|~$]")
_MARKDOWN_START = re.compile(r"^(?:(\d+)([.)])|([#+=:-]))")


def one_line(text: str) -> str:
    """Return ``text`` on one line: whatever does not print, and every run of spaces, becomes one space."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _quoted(text: str) -> str:
    """Escape for a double-quoted string of TOML, YAML or Python, which share these escapes."""
    return "".join(_SHORT.get(char) or (char if char.isprintable() else _code(char)) for char in text)


def _code(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"  # noqa: PLR2004 - the last of the basic plane


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def markdown_cell(text: str) -> str:
    """Escape text that begins no line of GitHub's Markdown: no markup, no HTML, no mathematics, no end of a cell."""
    return _MARKDOWN.sub(r"\\\g<0>", one_line(text))


def _markdown(text: str) -> str:
    """Escape text that begins a line of it, too: no list and no heading."""
    escaped = markdown_cell(text)
    return _MARKDOWN_START.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", escaped)


def _makefile(text: str) -> str:
    """Escape for a double-quoted word of a recipe: first for the shell, then for make."""
    return re.sub(r'[\\"$`]', r"\\\g<0>", one_line(text)).replace("$", "$$")


def _dockerfile(text: str) -> str:
    """Escape for a double-quoted value of ``LABEL`` or ``ENV``."""
    return re.sub(r'[\\"$]', r"\\\g<0>", one_line(text))


FILTERS: Mapping[str, Callable[[str], str]] = {
    "dockerfile": _dockerfile,
    "json": _json,
    "makefile": _makefile,
    "markdown": _markdown,
    "python": _quoted,
    "text": one_line,
    "toml": _quoted,
    "yaml": _quoted,
}
