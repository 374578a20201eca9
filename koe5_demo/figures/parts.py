"""What figures share: colours, layout, axes, and texts with their markup escaped, since plotly obeys some of it."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import Final

MOST_LABELLED_COLUMNS: Final = 12
MOST_TICKS: Final = 60
RELEVANT_COLOUR: Final = "#3f6fb5"
RANDOM_COLOUR: Final = "#8a8f98"
MARK_COLOUR: Final = "#b4570b"
FAINT_LINE: Final = "rgba(128,128,128,0.35)"
HOVER_WIDTH: Final = 56
HOVER_CHARS: Final = 900


def quiet_layout(height: int, *, right: int = 8) -> dict[str, object]:
    """Return the layout that figures share: no colours of their own, so that they fit light and dark."""
    return {
        "template": "none",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "height": height,
        "margin": {"l": 8, "r": right, "t": 8, "b": 8},
        "font": {"family": "inherit", "size": 12},
        "hoverlabel": {"align": "left"},
    }


def label_axis(labels: Sequence[str], step: int) -> dict[str, object]:
    """Return an axis of rows or columns that are counted from 0; each `step`-th one has its label."""
    places = list(range(0, len(labels), step))
    return {
        "tickmode": "array",
        "tickvals": places,
        "ticktext": [labels[place] for place in places],
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }


def number_axis(title: str, tick_format: str) -> dict[str, object]:
    """Return an axis of numbers; `tick_format` is d3's, and markup in the title is escaped."""
    return {
        "title": {"text": html.escape(title)},
        "tickformat": tick_format,
        "automargin": True,
        "gridcolor": FAINT_LINE,
        "zeroline": False,
        "fixedrange": True,
    }


def one_line(text: str, chars: int) -> str:
    """Return one line of at most `chars` characters, markup escaped."""
    line = " ".join(text.split())
    return html.escape(line if len(line) <= chars else line[: chars - 1] + "…")


def hover_text(name: str, text: str) -> str:
    """Return a text broken into lines for a hover box."""
    cut = text if len(text) <= HOVER_CHARS else text[:HOVER_CHARS] + " …"
    lines = textwrap.wrap(cut, HOVER_WIDTH, break_long_words=True) or [""]
    return f"{name} · " + "<br>".join(html.escape(line) for line in lines)
