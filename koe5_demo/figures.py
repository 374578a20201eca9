"""Plotly figures from arrays and texts. The only module that imports plotly; knows no model and no page."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import plotly.graph_objects as go

from koe5_demo.records import FloatArray

LABEL_CHARS: Final = 18
HOVER_WIDTH: Final = 56
HOVER_CHARS: Final = 900
MOST_CELLS_WITH_TEXT: Final = 150
CELL_PIXELS: Final = 30
MOST_LABELLED_COLUMNS: Final = 12
MOST_TICKS: Final = 60
COLOURS: Final = ((0.0, "#f2f5fb"), (0.25, "#c9d8f0"), (0.5, "#86a9dc"), (0.75, "#3f6fb5"), (1.0, "#12305f"))


@dataclass(frozen=True)
class Scale:
    """The range of a colour scale.

    Attributes:
        low, high: Scores at its ends.
        stretched: Whether it was fitted to the scores.
    """

    low: float
    high: float
    stretched: bool


FIXED_SCALE: Final = Scale(0.0, 1.0, stretched=False)
"""From 0 to 1 whatever the scores: two heatmaps on it can be compared. Scores below 0 get its lowest colour."""


def stretched_scale(scores: FloatArray) -> Scale:
    """Return the scale from the lowest to the highest score; cosines of a text with itself do not count.

    A matrix of equal scores gets a width of 0.01, since a scale of width 0 has no colours.
    """
    others = scores
    if scores.shape[0] == scores.shape[1] > 1 and np.allclose(np.diag(scores), 1):
        others = scores[~np.eye(len(scores), dtype=bool)]
    low, high = float(others.min()), float(others.max())
    return Scale(low, max(high, low + 0.01), stretched=True)


def heatmap(
    scores: FloatArray, rows: Sequence[str], columns: Sequence[str], scale: Scale, *, row_mark: str, column_mark: str
) -> go.Figure:
    """Draw scores as a heatmap: numbers in the cells while they fit, whole texts on hover.

    Args:
        scores: (n_rows, n_columns) cosines.
        rows, columns: The texts; labels are shortened, hover shows up to 900 characters.
        scale: Range of the colours.
        row_mark, column_mark: Letters before the numbers of rows and columns, "Q" and "P" say.
    """
    with_text = scores.size <= MOST_CELLS_WITH_TEXT
    row_names = [f"{row_mark}{n}" for n in range(1, len(rows) + 1)]
    column_names = [f"{column_mark}{n}" for n in range(1, len(columns) + 1)]
    row_hover = [hover_text(name, text) for name, text in zip(row_names, rows, strict=True)]
    column_hover = [hover_text(name, text) for name, text in zip(column_names, columns, strict=True)]
    figure = go.Figure(
        go.Heatmap(
            z=scores,
            x=list(range(len(columns))),
            y=list(range(len(rows))),
            zmin=scale.low,
            zmax=scale.high,
            colorscale=[list(stop) for stop in COLOURS],
            customdata=[[[left, top] for top in column_hover] for left in row_hover],
            hovertemplate="<b>%{z:.4f}</b><br>%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
            texttemplate="%{z:.2f}" if with_text else None,
            xgap=1,
            ygap=1,
            colorbar={"thickness": 12, "outlinewidth": 0, "tickformat": ".2f"},
        )
    )
    few_columns = len(columns) <= MOST_LABELLED_COLUMNS
    column_labels = [
        label(name, text, LABEL_CHARS if few_columns else 0) for name, text in zip(column_names, columns, strict=True)
    ]
    row_labels = [label(name, text, LABEL_CHARS) for name, text in zip(row_names, rows, strict=True)]
    step = max(1, len(columns) // MOST_TICKS)
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=min(1_400, 150 + CELL_PIXELS * max(3, len(rows))),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font={"family": "inherit", "size": 12},
        hoverlabel={"align": "left"},
        xaxis=_axis(column_labels, step) | {"side": "top", "tickangle": -35 if few_columns else 0},
        yaxis=_axis(row_labels, max(1, len(rows) // MOST_TICKS)) | {"autorange": "reversed"},
    )
    return figure


def label(name: str, text: str, chars: int) -> str:
    """Return an axis label: the number, and the start of the text when `chars` is not 0. Markup is escaped."""
    if chars == 0:
        return name
    line = " ".join(text.split())
    short = line if len(line) <= chars else line[: chars - 1] + "…"
    return f"{name} {html.escape(short)}"


def hover_text(name: str, text: str) -> str:
    """Return a text broken into lines for a hover box. Markup is escaped: plotly would obey some of it."""
    cut = text if len(text) <= HOVER_CHARS else text[:HOVER_CHARS] + " …"
    lines = textwrap.wrap(cut, HOVER_WIDTH, break_long_words=True) or [""]
    return f"{name} · " + "<br>".join(html.escape(line) for line in lines)


def _axis(labels: Sequence[str], step: int) -> dict[str, object]:
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
