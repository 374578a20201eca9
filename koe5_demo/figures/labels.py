"""Names and texts as a figure shows them: shortened, broken into lines, markup escaped."""

from __future__ import annotations

import html
import textwrap
from typing import Final

HOVER_WIDTH: Final = 56
HOVER_CHARS: Final = 900


def label(name: str, text: str, chars: int) -> str:
    """Return an axis label: the number, and the start of the text when `chars` is not 0. Markup is escaped."""
    if chars == 0:
        return name
    line = " ".join(text.split())
    short = line if len(line) <= chars else line[: chars - 1] + "…"
    return f"{name} {html.escape(short)}"


def one_line(text: str, chars: int) -> str:
    """Return one line of at most `chars` characters, markup escaped."""
    line = " ".join(text.split())
    return html.escape(line if len(line) <= chars else line[: chars - 1] + "…")


def hover_text(name: str, text: str) -> str:
    """Return a text broken into lines for a hover box. Markup is escaped: plotly would obey some of it."""
    cut = text if len(text) <= HOVER_CHARS else text[:HOVER_CHARS] + " …"
    lines = textwrap.wrap(cut, HOVER_WIDTH, break_long_words=True) or [""]
    return f"{name} · " + "<br>".join(html.escape(line) for line in lines)
