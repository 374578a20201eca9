"""Bars: measures of several models side by side, and models in the order of a measure."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Final

from koe5_demo import plain_plotly as go
from koe5_demo.figures.labels import hover_text
from koe5_demo.figures.layout import label_axis, quiet_layout

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
    figure.set_layout(
        **_bar_layout(380),
        barmode="group",
        bargap=0.25,
        xaxis={"fixedrange": True, "automargin": True, "dividercolor": "#9aa7bb"},
        yaxis=_percent_axis(105),  # room for the numbers above the bars
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
    figure.set_layout(
        **_bar_layout(90 + BAR_PIXELS * max(4, len(bars))),
        bargap=0.2,
        xaxis=_percent_axis(100),
        yaxis=label_axis(names, 1) | {"autorange": "reversed"},
    )
    return figure


def _model_label(place: int, name: str) -> str:
    """Return a rank and a model's name; a long name loses its owner first, which is what such names share."""
    short = name if len(name) <= NAME_CHARS else name.rpartition("/")[2]
    return f"{place}. {short if len(short) <= NAME_CHARS else short[: NAME_CHARS - 1] + '…'}"


def _percent_axis(end: int) -> dict[str, object]:
    return {
        "range": [0, end],
        "fixedrange": True,
        "automargin": True,
        "gridcolor": "rgba(128,140,160,.25)",
        "zeroline": False,
    }


def _bar_layout(height: int) -> dict[str, object]:
    return quiet_layout(height) | {
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8, "autoexpand": True},
        "font": {"family": "KoE5 Sans, Noto Sans KR, sans-serif", "size": 12},
        "showlegend": True,
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
    }
