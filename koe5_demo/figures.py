"""Plotly figures from arrays and texts; knows no model and no page."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from koe5_demo import plain_plotly as go
from koe5_demo.records import FloatArray

DoubleArray = npt.NDArray[np.float64]

LABEL_CHARS: Final = 18
SHORT_LABEL_CHARS: Final = 12
"""Of rows and of several columns: on a phone the cells need the width."""
HOVER_WIDTH: Final = 56
HOVER_CHARS: Final = 900
MOST_CELLS_WITH_TEXT: Final = 150
CELL_PIXELS: Final = 30
MOST_LABELLED_COLUMNS: Final = 12
MOST_TICKS: Final = 60
MOST_COLUMN_TICKS: Final = 15
SLANTED_PIXELS: Final = 64
"""Room at the right for the last slanted label: plotly leaves out a label that does not fit."""
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
    figure.layout = _layout(
        **_quiet(_matrix_height(len(rows), labelled=few_columns), right=SLANTED_PIXELS if few_columns else 8),
        xaxis=_axis(column_labels, 1 if few_columns else -(-len(columns) // MOST_COLUMN_TICKS))
        | {"side": "top", "tickangle": -35 if few_columns else -90},
        yaxis=_axis(row_labels, max(1, len(rows) // MOST_TICKS)) | {"autorange": "reversed"},
    )
    return figure


def shown_name(name: str) -> str:
    """Return the name of a text as a person reads it: q0 is Q1, the first query.

    >>> shown_name("p3")
    'P4'
    """
    return f"{name[0].upper()}{int(name[1:]) + 1}"


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


BAR_COLOURS: Final = ("#3f6fb5", "#d97706", "#2f9e6e", "#9b59b6", "#c0392b", "#607d8b", "#b59a2f", "#1b9aaa")
KIND_COLOURS: Final = {"published": "#9aa7bb", "reference": "#3f6fb5", "run": "#d97706"}
MOST_BARS_WITH_NUMBERS: Final = 24
BAR_PIXELS: Final = 22
NAME_CHARS: Final = 30


def grouped_bars(groups: Sequence[tuple[str, str]], series: Mapping[str, Sequence[float | None]]) -> go.Figure:
    """Draw one bar a series in each group, from 0 to 100.

    Args:
        groups: (data set, measure) of each group, in order; the axis leaves out what they have in common.
        series: Name -> one value a group, None where there is none.
    """
    datasets, measures = ([group[side] for group in groups] for side in (0, 1))
    several, alike = len(set(datasets)) > 1, len(set(measures)) == 1
    places = datasets if alike else [datasets, measures] if several else measures
    with_numbers = len(groups) * len(series) <= MOST_BARS_WITH_NUMBERS
    figure = go.Figure(
        [
            go.Bar(
                name=html.escape(name),
                x=places,
                y=list(values),
                marker={"color": BAR_COLOURS[place % len(BAR_COLOURS)]},
                texttemplate="%{y:.1f}" if with_numbers else None,
                textposition="outside",
                cliponaxis=False,
                hovertemplate=f"{html.escape(name)}<br>%{{x}}<br><b>%{{y:.2f}}</b><extra></extra>",
            )
            for place, (name, values) in enumerate(series.items())
        ]
    )
    figure.layout = _layout(
        **_bar_layout(),
        barmode="group",
        bargap=0.25,
        height=380,
        xaxis={"fixedrange": True, "automargin": True, "dividercolor": "#9aa7bb"},
        yaxis={
            "range": [0, 105],
            "fixedrange": True,
            "automargin": True,
            "gridcolor": "rgba(128,140,160,.25)",
            "zeroline": False,
        },
    )
    return figure


def ranked_bars(bars: Sequence[tuple[str, float, str]], kinds: Mapping[str, str]) -> go.Figure:
    """Draw values as lying bars, the first on top, coloured by kind.

    Args:
        bars: (name of a model, value from 0 to 100, a key of `KIND_COLOURS`), in order.
        kinds: What the legend calls each kind.
    """
    figure = go.Figure(
        [
            go.Bar(
                name=html.escape(kinds[kind]),
                orientation="h",
                y=[place for place, bar in enumerate(bars) if bar[2] == kind],
                x=[value for _, value, of in bars if of == kind],
                customdata=[hover_text(kinds[kind], name) for name, _, of in bars if of == kind],
                marker={"color": colour},
                texttemplate="%{x:.2f}",
                textposition="inside",
                insidetextanchor="end",
                textfont={"color": "#10151f" if kind == "published" else "#ffffff"},
                hovertemplate="<b>%{x:.2f}</b><br>%{customdata}<extra></extra>",
            )
            for kind, colour in KIND_COLOURS.items()
            if any(of == kind for _, _, of in bars)
        ]
    )
    names = [html.escape(_model_label(place, name)) for place, (name, _, _) in enumerate(bars, start=1)]
    figure.layout = _layout(
        **_bar_layout(),
        bargap=0.2,
        height=90 + BAR_PIXELS * max(4, len(bars)),
        xaxis={
            "range": [0, 100],
            "fixedrange": True,
            "automargin": True,
            "gridcolor": "rgba(128,140,160,.25)",
            "zeroline": False,
        },
        yaxis=_axis(names, 1) | {"autorange": "reversed"},
    )
    return figure


def _model_label(place: int, name: str) -> str:
    """Return a rank and a model's name; a long name loses its owner first, which is what such names share."""
    short = name if len(name) <= NAME_CHARS else name.rpartition("/")[2]
    return f"{place}. {short if len(short) <= NAME_CHARS else short[: NAME_CHARS - 1] + '…'}"


def _bar_layout() -> dict[str, object]:
    return {
        "template": "none",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8, "autoexpand": True},
        "font": {"family": "KoE5 Sans, Noto Sans KR, sans-serif", "size": 12},
        "hoverlabel": {"align": "left"},
        "showlegend": True,
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
    }


DIVERGING: Final = ((0.0, "#8a4b08"), (0.25, "#dba463"), (0.5, "#f5f5f2"), (0.75, "#86a9dc"), (1.0, "#12305f"))
"""Brown below zero, blue above: told apart also by people who do not see red and green."""
RELEVANT_COLOUR: Final = "#3f6fb5"
RANDOM_COLOUR: Final = "#8a8f98"
MARK_COLOUR: Final = "#b4570b"
FAINT_LINE: Final = "rgba(128,128,128,0.35)"
N_BINS: Final = 60
LABEL_WIDTH: Final = 0.06
"""Of the strip: marks that lie nearer together stand in different rows, so that their names can be read."""
MARK_ROWS: Final = 3
SYMBOLS: Final = ("diamond", "circle", "square", "x")


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
    hover_rows = [_short(name, HOVER_WIDTH) for name in rows]
    hover_columns = [_short(name, HOVER_WIDTH) for name in columns]
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
    column_labels, row_labels = ([_short(name, LABEL_CHARS) for name in names] for names in (columns, rows))
    figure.layout = _layout(
        **_quiet(_matrix_height(len(rows), labelled=True), right=SLANTED_PIXELS),
        xaxis=_axis(column_labels, max(1, len(columns) // MOST_TICKS)) | {"side": "top", "tickangle": -45},
        yaxis=_axis(row_labels, max(1, len(rows) // MOST_TICKS)) | {"autorange": "reversed"},
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
    figure.layout = _layout(
        **_quiet(260),
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis=_numbers(x_title, ".2f"),
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
    figure.layout = _layout(
        **_quiet(380), xaxis=_numbers(x_title, "~g"), yaxis=_numbers(y_title, "~g"), showlegend=False
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
                + "".join(f"<br>{_short(line, HOVER_WIDTH)}" for line in hovers[place][1:])
                for place in members
            ],
            hovertemplate="%{customdata}<extra></extra>",
            marker={
                "size": 10,
                "color": (MARK_COLOUR, RELEVANT_COLOUR, RANDOM_COLOUR, "#4f7a3a")[n % len(SYMBOLS)],
                "symbol": SYMBOLS[n % len(SYMBOLS)],
            },
        )
    figure.layout = _layout(
        **_quiet(460),
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis=_numbers(x_title, ".2f"),
        # Equal units on both axes: a distance means the same in every direction.
        yaxis=_numbers(y_title, ".2f") | {"scaleanchor": "x"},
    )
    return figure


def _layout(**values: object) -> dict[str, object]:
    """Return a whole layout to assign: plotly checks it once, where `update_layout` compares and merges key by key."""
    return values


def _short(text: str, chars: int) -> str:
    """Return one line of at most `chars` characters, markup escaped."""
    line = " ".join(text.split())
    return html.escape(line if len(line) <= chars else line[: chars - 1] + "…")


def _quiet(height: int, *, right: int = 8) -> dict[str, object]:
    """Return the layout that all figures share: no colours of their own, so that they fit light and dark."""
    return {
        "template": "none",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "height": height,
        "margin": {"l": 8, "r": right, "t": 8, "b": 8},
        "font": {"family": "inherit", "size": 12},
        "hoverlabel": {"align": "left"},
    }


def _numbers(title: str, tick_format: str) -> dict[str, object]:
    return {
        "title": {"text": html.escape(title)},
        "tickformat": tick_format,
        "automargin": True,
        "gridcolor": FAINT_LINE,
        "zeroline": False,
        "fixedrange": True,
    }
