"""Heatmaps: queries by passages, and the words of one by the words of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from koe5_demo import plain_plotly as go
from koe5_demo.figures.labels import HOVER_WIDTH, hover_text, label, one_line, shown_name
from koe5_demo.figures.layout import (
    MOST_LABELLED_COLUMNS,
    MOST_TICKS,
    label_axis,
    quiet_layout,
)
from koe5_demo.records import DoubleArray, FloatArray

LABEL_CHARS: Final = 18
SHORT_LABEL_CHARS: Final = 12
"""Of rows and of several columns: on a phone the cells need the width."""
MOST_CELLS_WITH_TEXT: Final = 150
CELL_PIXELS: Final = 30
MOST_COLUMN_TICKS: Final = 15
SLANTED_PIXELS: Final = 64
"""Room at the right for the last slanted label: plotly leaves out a label that does not fit."""
COLOURS: Final = ((0.0, "#f2f5fb"), (0.25, "#c9d8f0"), (0.5, "#86a9dc"), (0.75, "#3f6fb5"), (1.0, "#12305f"))
DIVERGING: Final = ((0.0, "#8a4b08"), (0.25, "#dba463"), (0.5, "#f5f5f2"), (0.75, "#86a9dc"), (1.0, "#12305f"))
"""Brown below zero, blue above: told apart also by people who do not see red and green."""


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
    scores: FloatArray,
    rows: Sequence[str],
    columns: Sequence[str],
    scale: Scale,
    names: tuple[Sequence[str], Sequence[str]],
) -> go.Figure:
    """Draw scores as a heatmap: numbers in the cells while they fit, whole texts on hover.

    Args:
        scores: (n_rows, n_columns) cosines.
        rows, columns: The texts; labels are shortened, hover shows up to 900 characters.
        scale: Range of the colours.
        names: Short names of the rows and of the columns, "q0" and "p3" say; shown as Q1 and P4, and a click on a cell
            finds them as the third and fourth of its custom data.
    """
    with_text = scores.size <= MOST_CELLS_WITH_TEXT
    shown_rows, shown_columns = ([shown_name(name) for name in side] for side in names)
    row_hover = [hover_text(name, text) for name, text in zip(shown_rows, rows, strict=True)]
    column_hover = [hover_text(name, text) for name, text in zip(shown_columns, columns, strict=True)]
    left, top = zip(row_hover, names[0], strict=True), list(zip(column_hover, names[1], strict=True))
    figure = go.Figure(
        go.Heatmap(
            z=scores,
            x=list(range(len(columns))),
            y=list(range(len(rows))),
            zmin=scale.low,
            zmax=scale.high,
            colorscale=[list(stop) for stop in COLOURS],
            customdata=[[[row[0], column[0], row[1], column[1]] for column in top] for row in left],
            hovertemplate="<b>%{z:.4f}</b><br>%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
            texttemplate="%{z:.2f}" if with_text else None,
            xgap=1,
            ygap=1,
            colorbar=_colour_bar(".2f"),
        )
    )
    few_columns = len(columns) <= MOST_LABELLED_COLUMNS
    column_labels = [
        label(name, text, SHORT_LABEL_CHARS if few_columns else 0)
        for name, text in zip(shown_columns, columns, strict=True)
    ]
    row_labels = [label(name, text, SHORT_LABEL_CHARS) for name, text in zip(shown_rows, rows, strict=True)]
    figure.set_layout(
        **quiet_layout(_matrix_height(len(rows), labelled=few_columns), right=SLANTED_PIXELS if few_columns else 8),
        xaxis=label_axis(column_labels, 1 if few_columns else -(-len(columns) // MOST_COLUMN_TICKS))
        | {"side": "top", "tickangle": -35 if few_columns else -90},
        yaxis=label_axis(row_labels, max(1, len(rows) // MOST_TICKS)) | {"autorange": "reversed"},
    )
    return figure


def word_heatmap(
    matrix: DoubleArray, rows: Sequence[str], columns: Sequence[str], *, value_format: str = "+.4f"
) -> go.Figure:
    """Draw what each word of a query gives with each word of a passage; zero is the middle of the colours.

    Args:
        matrix: (n_rows, n_columns) contributions to a score, or cosines.
        rows, columns: Names of the units: words, and what the page calls prompts, special tokens and the rest.
        value_format: d3 format of the numbers on hover; in the cells they have three decimals.
    """
    most = max(float(np.abs(matrix).max(initial=0.0)), 1e-6)
    hover_rows = [one_line(name, HOVER_WIDTH) for name in rows]
    hover_columns = [one_line(name, HOVER_WIDTH) for name in columns]
    figure = go.Figure(
        go.Heatmap(
            z=matrix,
            x=list(range(len(columns))),
            y=list(range(len(rows))),
            zmin=-most,
            zmax=most,
            colorscale=[list(stop) for stop in DIVERGING],
            customdata=[[[left, top] for top in hover_columns] for left in hover_rows],
            hovertemplate=f"<b>%{{z:{value_format}}}</b><br>%{{customdata[0]}} × %{{customdata[1]}}<extra></extra>",
            texttemplate="%{z:.3f}" if matrix.size <= MOST_CELLS_WITH_TEXT else None,
            xgap=1,
            ygap=1,
            colorbar=_colour_bar(".2f"),
        )
    )
    column_labels, row_labels = ([one_line(name, LABEL_CHARS) for name in names] for names in (columns, rows))
    figure.set_layout(
        **quiet_layout(_matrix_height(len(rows), labelled=True), right=SLANTED_PIXELS),
        xaxis=label_axis(column_labels, max(1, len(columns) // MOST_TICKS)) | {"side": "top", "tickangle": -45},
        yaxis=label_axis(row_labels, max(1, len(rows) // MOST_TICKS)) | {"autorange": "reversed"},
    )
    return figure


def _colour_bar(tick_format: str) -> dict[str, object]:
    """Return a lying colour bar under the cells, so that they keep the whole width."""
    return {
        "orientation": "h",
        "y": 0,
        "yanchor": "top",
        "ypad": 6,
        "thickness": 10,
        "outlinewidth": 0,
        "tickformat": tick_format,
    }


def _matrix_height(n_rows: int, *, labelled: bool) -> int:
    return min(1_400, (150 if labelled else 110) + CELL_PIXELS * max(2, n_rows))
