"""The calibration strip: how scores of relevant and of random pairs spread, and where the visitor's scores stand."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from koe5_demo.figures import plain_plotly as go
from koe5_demo.figures.parts import (
    MARK_COLOUR,
    MOST_LABELLED_COLUMNS,
    RANDOM_COLOUR,
    RELEVANT_COLOUR,
    hover_text,
    number_axis,
    quiet_layout,
)
from koe5_demo.records import DoubleArray

N_BINS: Final = 60
LABEL_WIDTH: Final = 0.06
"""Of the strip: marks that lie nearer together stand in different rows, so that their names can be read."""
MARK_ROWS: Final = 3


@dataclass(frozen=True)
class Spread:
    """A distribution by its percentiles.

    Attributes:
        name: As the legend shows it.
        levels: Percentages, rising from 0 to 100.
        values: The value at each level, not falling.
    """

    name: str
    levels: Sequence[float]
    values: Sequence[float]

    def shares(self, edges: DoubleArray) -> DoubleArray:
        """Return (n - 1,) percent of the distribution between neighbouring edges."""
        values = np.asarray(self.values, dtype=np.float64)
        below = np.interp(edges, values, self.levels, left=0.0, right=100.0)
        # Where values repeat, `interp` may name any of their levels; an edge below all or above all is certain.
        below[edges > values[-1]] = 100.0
        return np.diff(below)


@dataclass(frozen=True)
class Mark:
    """One of the visitor's scores on a strip.

    Attributes:
        score: Where it stands.
        name: Short, "P3" say.
        text: Whole text for hover.
    """

    score: float
    name: str
    text: str


def calibration_strip(relevant: Spread, random: Spread, marks: Sequence[Mark], *, x_title: str) -> go.Figure:
    """Draw two distributions of scores one over the other, and scores as marks under them.

    Args:
        relevant, random: What was measured.
        marks: The visitor's scores.
        x_title: What the axis shows.
    """
    lows, highs = [relevant.values[0], random.values[0]], [relevant.values[-1], random.values[-1]]
    scores = [mark.score for mark in marks]
    edges = np.linspace(min([*lows, *scores]) - 1e-6, max([*highs, *scores]) + 1e-6, N_BINS + 1)
    figure = go.Figure()
    tallest = 1.0
    for spread, colour in ((random, RANDOM_COLOUR), (relevant, RELEVANT_COLOUR)):
        shares = spread.shares(edges)
        tallest = max(tallest, float(shares.max()))
        figure.add_scatter(
            x=(edges[:-1] + edges[1:]) / 2,
            y=shares,
            name=html.escape(spread.name),
            mode="lines",
            line={"color": colour, "width": 2, "shape": "hvh"},
            fill="tozeroy",
            opacity=0.85,
            hovertemplate="%{x:.3f} · %{y:.1f} %<extra></extra>",
        )
    figure.add_scatter(
        x=scores,
        y=[-(0.08 + 0.17 * row) * tallest for row in mark_rows(scores, float(edges[-1] - edges[0]) * LABEL_WIDTH)],
        mode="markers+text" if len(marks) <= MOST_LABELLED_COLUMNS else "markers",
        text=[html.escape(mark.name) for mark in marks],
        textposition="bottom center",
        customdata=[hover_text(html.escape(mark.name), mark.text) for mark in marks],
        hovertemplate="<b>%{x:.4f}</b><br>%{customdata}<extra></extra>",
        marker={"symbol": "triangle-up", "size": 11, "color": MARK_COLOUR},
        showlegend=False,
    )
    figure.set_layout(
        **quiet_layout(260),
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis=number_axis(x_title, ".2f"),
        yaxis={"visible": False, "fixedrange": True, "range": [-0.6 * tallest, 1.08 * tallest]},
    )
    return figure


def mark_rows(scores: Sequence[float], width: float) -> list[int]:
    """Return in which of three rows each mark stands: the first in which none lies nearer than `width` on its left."""
    rows = [0] * len(scores)
    last = [-np.inf] * MARK_ROWS
    for place in np.argsort(scores, kind="stable").tolist():
        free = (row for row in range(MARK_ROWS) if scores[place] - last[row] >= width)
        rows[place] = next(free, int(np.argmin(last)))
        last[rows[place]] = scores[place]
    return rows
