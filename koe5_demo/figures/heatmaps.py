"""Heatmaps: the colours of queries by passages, and the words of one by the words of the other as a figure.

The heatmap of texts is no plotly figure: as cells of the page it has every label, keys, and the page's own colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from koe5_demo.figures import plain_plotly as go
from koe5_demo.figures.parts import (
    HOVER_WIDTH,
    MOST_TICKS,
    label_axis,
    one_line,
    quiet_layout,
)
from koe5_demo.records import DoubleArray, FloatArray

LABEL_CHARS: Final = 18
MOST_CELLS_WITH_TEXT: Final = 150
CELL_PIXELS: Final = 30
SLANTED_PIXELS: Final = 64
"""Room at the right for the last slanted label: plotly leaves out a label that does not fit."""
LIGHT_RAMP: Final = ("#eef3fb", "#c9d8f0", "#86a9dc", "#3f6fb5", "#12305f")
"""Colours of low to high scores on a light page: high ones stand out from the page."""
DARK_RAMP: Final = ("#1d2736", "#27436b", "#3467a8", "#6fa0e0", "#cfe2ff")
"""The same on a dark page."""
RAMP_STEPS: Final = 100
BLACK: Final = "#000000"
WHITE: Final = "#ffffff"
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


@dataclass(frozen=True)
class CellColours:
    """How a cell looks on a light and on a dark page: its colour, and black or white for its number."""

    light: str
    on_light: str
    dark: str
    on_dark: str


def cell_colours(score: float, scale: Scale) -> CellColours:
    """Return the colours of a score; one beyond the scale gets the colour of its end.

    The number on it has a contrast of at least 4.5 : 1 everywhere on both ramps.
    """
    place = min(max((score - scale.low) / (scale.high - scale.low), 0.0), 1.0)
    return _colours_at(round(place * RAMP_STEPS))


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21, as WCAG 2 defines it.

    >>> contrast("#000000", "#ffffff")
    21.0
    """
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@cache
def _colours_at(step: int) -> CellColours:
    light, dark = (_on_ramp(step / RAMP_STEPS, ramp) for ramp in (LIGHT_RAMP, DARK_RAMP))
    return CellColours(light, _readable_on(light), dark, _readable_on(dark))


def _on_ramp(place: float, ramp: Sequence[str]) -> str:
    """Return the colour at a place from 0 to 1 of a ramp, mixed from its two neighbours."""
    step = min(int(place * (len(ramp) - 1)), len(ramp) - 2)
    part = place * (len(ramp) - 1) - step
    mixed = (round(a + (b - a) * part) for a, b in zip(_channels(ramp[step]), _channels(ramp[step + 1]), strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _readable_on(colour: str) -> str:
    return max((BLACK, WHITE), key=lambda text: contrast(text, colour))


def _luminance(colour: str) -> float:
    shares = np.array(_channels(colour)) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 sRGB's curve
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


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
        **quiet_layout(min(1_400, 150 + CELL_PIXELS * max(2, len(rows))), right=SLANTED_PIXELS),
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
