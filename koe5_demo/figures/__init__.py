"""Plotly figures from arrays and texts; knows no model and no page."""

from __future__ import annotations

from koe5_demo.figures.calibration import Mark, Spread, calibration_strip
from koe5_demo.figures.heatmaps import FIXED_SCALE, Scale, cell_colours, contrast, stretched_scale, word_heatmap
from koe5_demo.figures.labels import label
from koe5_demo.figures.scatter import score_scatter, text_map_figure

__all__ = [
    "FIXED_SCALE",
    "Mark",
    "Scale",
    "Spread",
    "calibration_strip",
    "cell_colours",
    "contrast",
    "label",
    "score_scatter",
    "stretched_scale",
    "text_map_figure",
    "word_heatmap",
]
