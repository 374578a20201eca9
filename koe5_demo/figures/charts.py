"""The charts: scores of two models as points, the map of texts, the strip of scores, word by word.

Texts have their markup escaped, since plotly obeys some of it. Knows arrays and texts only.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from koe5_demo.figures import plain_plotly as go
from koe5_demo.records import DoubleArray, FloatArray

MOST_LABELLED_COLUMNS: Final = 12
MOST_TICKS: Final = 60
RELEVANT_COLOUR: Final = "#3f6fb5"
RANDOM_COLOUR: Final = "#8a8f98"
MARK_COLOUR: Final = "#b4570b"
FAINT_LINE: Final = "rgba(128,128,128,0.35)"
HOVER_WIDTH: Final = 56
HOVER_CHARS: Final = 900
LEGEND: Final = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
SYMBOLS: Final = ("diamond", "circle", "square", "x")
N_BINS: Final = 60
LABEL_WIDTH: Final = 0.06
"""Of the strip: marks that lie nearer together stand in different rows, so that their names can be read."""
MARK_ROWS: Final = 3
LABEL_CHARS: Final = 18
MOST_CELLS_WITH_TEXT: Final = 150
CELL_PIXELS: Final = 30
SLANTED_PIXELS: Final = 64
"""Room at the right for the last slanted label: plotly leaves out a label that does not fit."""
DIVERGING: Final = ((0.0, "#8a4b08"), (0.25, "#dba463"), (0.5, "#f5f5f2"), (0.75, "#86a9dc"), (1.0, "#12305f"))
"""Brown below zero, blue above: told apart also by people who do not see red and green."""


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


def score_scatter(
    x: FloatArray, y: FloatArray, names: Sequence[str], texts: Sequence[str], *, x_title: str, y_title: str
) -> go.Figure:
    """Draw the scores of two models for the same pairs, a point a pair.

    Args:
        x, y: (n,) scores; the two may be in different units.
        names: (n,) short names of the pairs, "Q1 P3" say.
        texts: (n,) what hover shows; shortened.
        x_title, y_title: Names of the models.
    """
    figure = go.Figure(
        go.Scatter(
            x=x,
            y=y,
            mode="markers",
            customdata=[hover_text(html.escape(name), text) for name, text in zip(names, texts, strict=True)],
            hovertemplate="<b>%{x:.4f} · %{y:.4f}</b><br>%{customdata}<extra></extra>",
            marker={"size": 9, "color": RELEVANT_COLOUR, "opacity": 0.75},
        )
    )
    figure.set_layout(
        **quiet_layout(380), xaxis=number_axis(x_title, "~g"), yaxis=number_axis(y_title, "~g"), showlegend=False
    )
    return figure


def text_map_figure(
    points: DoubleArray,
    groups: Sequence[str],
    names: Sequence[str],
    hovers: Sequence[Sequence[str]],
    *,
    x_title: str,
    y_title: str,
) -> go.Figure:
    """Draw texts as points, one colour and shape a group.

    Args:
        points: (n, 2).
        groups: (n,) name of each text's group, "queries" say, for the legend; at most four different ones.
        names: (n,) short names.
        hovers: (n,) lines of hover text for each point: its text, then its neighbours.
        x_title, y_title: What the axes are, with the variance that they explain.
    """
    figure = go.Figure()
    labelled = len(points) <= MOST_TICKS
    for n, group in enumerate(dict.fromkeys(groups)):
        members = [place for place, name in enumerate(groups) if name == group]
        figure.add_scatter(
            x=points[members, 0],
            y=points[members, 1],
            name=html.escape(group),
            mode="markers+text" if labelled else "markers",
            text=[html.escape(names[place]) for place in members],
            textposition="top center",
            customdata=[
                hover_text(html.escape(names[place]), hovers[place][0])
                + "".join(f"<br>{one_line(line, HOVER_WIDTH)}" for line in hovers[place][1:])
                for place in members
            ],
            hovertemplate="%{customdata}<extra></extra>",
            marker={
                "size": 10,
                "color": (MARK_COLOUR, RELEVANT_COLOUR, RANDOM_COLOUR, "#4f7a3a")[n % len(SYMBOLS)],
                "symbol": SYMBOLS[n % len(SYMBOLS)],
            },
        )
    figure.set_layout(
        **quiet_layout(460),
        legend=LEGEND,
        xaxis=number_axis(x_title, ".2f"),
        # Equal units on both axes: a distance means the same in every direction.
        yaxis=number_axis(y_title, ".2f") | {"scaleanchor": "x"},
    )
    return figure


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
        legend=LEGEND,
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


def word_heatmap(matrix: DoubleArray, rows: Sequence[str], columns: Sequence[str]) -> go.Figure:
    """Draw what each word of a query gives with each word of a passage; zero is the middle of the colours.

    Args:
        matrix: (n_rows, n_columns) contributions to a score, or cosines.
        rows, columns: Names of the units: words, and what the page calls prompts, special tokens and the rest.
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
            hovertemplate="<b>%{z:+.4f}</b><br>%{customdata[0]} × %{customdata[1]}<extra></extra>",
            texttemplate="%{z:.3f}" if matrix.size <= MOST_CELLS_WITH_TEXT else None,
            xgap=1,
            ygap=1,
            # It lies under the cells, so that they keep the whole width.
            colorbar={
                "orientation": "h",
                "y": 0,
                "yanchor": "top",
                "ypad": 6,
                "thickness": 10,
                "outlinewidth": 0,
                "tickformat": ".2f",
            },
        )
    )
    column_labels, row_labels = ([one_line(name, LABEL_CHARS) for name in names] for names in (columns, rows))
    figure.set_layout(
        **quiet_layout(min(1_400, 150 + CELL_PIXELS * max(2, len(rows))), right=SLANTED_PIXELS),
        xaxis=label_axis(column_labels, max(1, len(columns) // MOST_TICKS)) | {"side": "top", "tickangle": -45},
        yaxis=label_axis(row_labels, max(1, len(rows) // MOST_TICKS)) | {"autorange": "reversed"},
    )
    return figure


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
