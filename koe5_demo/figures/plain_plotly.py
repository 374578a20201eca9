"""Figures as the plain JSON that plotly's own classes would make, under the same names.

plotly.graph_objects checks and copies each property of a figure several times: that was nearly half of what a ranking
cost a busy server. The properties here are this project's own, and the tests hold them against graph_objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import plotly.io

Trace = dict[str, Any]
NO_TEMPLATE: Final = "none"


class Figure:
    """Traces and their layout.

    Args:
        data: One trace or several.
    """

    def __init__(self, data: Trace | Sequence[Trace] = ()) -> None:
        self.data: list[Trace] = [data] if isinstance(data, dict) else list(data)
        self.layout: dict[str, Any] = {}

    def add_scatter(self, **properties: Any) -> None:
        """Draw one more `Scatter` over the traces so far."""
        self.data.append(Scatter(**properties))

    def set_layout(self, **properties: Any) -> None:
        """Replace the layout: a property that is not named here goes back to plotly.js's default."""
        self.layout = properties

    def to_json(self) -> str:
        """Return the figure as plotly.js reads it; gradio's plot component asks for it under this name."""
        layout = {name: value for name, value in self.layout.items() if (name, value) != ("template", NO_TEMPLATE)}
        text: str = plotly.io.to_json({"data": self.data, "layout": layout}, validate=False)
        return text


def _trace(kind: str, /, **properties: Any) -> Trace:
    return {"type": kind, **{name: value for name, value in properties.items() if value is not None}}


Heatmap = partial(_trace, "heatmap")
Scatter = partial(_trace, "scatter")
