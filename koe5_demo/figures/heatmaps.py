"""The colours of the heatmap of queries by passages, on light and on dark pages.

It is no plotly figure: as cells of the page it has every label, keys, and the page's own colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from koe5_demo.records import FloatArray

LIGHT_RAMP: Final = ("#eef3fb", "#c9d8f0", "#86a9dc", "#3f6fb5", "#12305f")
"""Colours of low to high scores on a light page: high ones stand out from the page."""
DARK_RAMP: Final = ("#1d2736", "#27436b", "#3467a8", "#6fa0e0", "#cfe2ff")
"""The same on a dark page."""
RAMP_STEPS: Final = 100
BLACK: Final = "#000000"
WHITE: Final = "#ffffff"


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
