"""Points: scores of two models against each other, and the map of texts."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final

from koe5_demo.figures import plain_plotly as go
from koe5_demo.figures.parts import (
    HOVER_WIDTH,
    MARK_COLOUR,
    MOST_TICKS,
    RANDOM_COLOUR,
    RELEVANT_COLOUR,
    hover_text,
    number_axis,
    one_line,
    quiet_layout,
)
from koe5_demo.records import DoubleArray, FloatArray

SYMBOLS: Final = ("diamond", "circle", "square", "x")


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
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis=number_axis(x_title, ".2f"),
        # Equal units on both axes: a distance means the same in every direction.
        yaxis=number_axis(y_title, ".2f") | {"scaleanchor": "x"},
    )
    return figure
