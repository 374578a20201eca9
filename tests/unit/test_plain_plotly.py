"""Plain figures are what plotly's own classes would make of the same properties."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from koe5_demo.figures import plain_plotly
from koe5_demo.figures.charts import Mark, Spread, calibration_strip, score_scatter, text_map_figure, word_heatmap

SCORES = np.array([[0.5, 0.25], [1.0, -0.5]], dtype=np.float32)
SPREAD = Spread("pairs", (0, 50, 100), (0.1, 0.5, 0.9))
FIGURES = {
    "words": word_heatmap(SCORES.astype(np.float64), ["a", "b"], ["c", "d"]),
    "strip": calibration_strip(SPREAD, SPREAD, [Mark(0.5, "P1", "text")], x_title="score"),
    "scatter": score_scatter(SCORES[0], SCORES[1], ["Q1", "Q2"], ["a", "b"], x_title="x", y_title="y"),
    "map": text_map_figure(
        SCORES.astype(np.float64), ["a", "b"], ["Q1", "P1"], [["t"], ["u"]], x_title="x", y_title="y"
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_plotlys_own_classes_take_every_property_and_change_none(name: str) -> None:
    plain = FIGURES[name]
    checked = go.Figure(data=plain.data, layout=plain.layout)
    assert checked.layout.template == go.layout.Template(go.Figure(layout={"template": "none"}).layout.template)
    theirs, ours = json.loads(checked.to_json(engine="json")), json.loads(plain.to_json())
    theirs["layout"].pop("template")
    assert numbers(ours) == numbers(theirs)


def numbers(value: Any) -> Any:
    """Return JSON with plotly's packed arrays as lists, and all numbers in float32."""
    if isinstance(value, dict) and "bdata" in value:
        import base64

        rows = np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
        shape = [int(side) for side in value.get("shape", str(len(rows))).split(",")]
        return numbers(rows.reshape(shape).tolist())
    if isinstance(value, dict):
        return {key: numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [numbers(inner) for inner in value]
    return float(np.float32(value)) if isinstance(value, float | int) and not isinstance(value, bool) else value


def test_what_is_no_number_is_written_as_nothing() -> None:
    figure = plain_plotly.Figure(plain_plotly.Scatter(x=[1.0, float("nan")], y=np.array([np.inf, 2.0]), name=None))
    (trace,) = json.loads(figure.to_json())["data"]
    assert trace == {"type": "scatter", "x": [1.0, None], "y": [None, 2.0]}
