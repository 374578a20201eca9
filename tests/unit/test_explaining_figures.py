"""Figures beside a score: whole texts on hover, markup as text, no colours of a page of their own."""

from __future__ import annotations

import numpy as np
import pytest

from koe5_demo.figures.charts import (
    Mark,
    Spread,
    calibration_strip,
    mark_rows,
    score_scatter,
    text_map_figure,
    word_heatmap,
)
from koe5_demo.figures.plain_plotly import Figure

EVEN = Spread("무작위 쌍", tuple(range(101)), tuple(n / 100 for n in range(101)))
HIGH = Spread("관련 쌍", (0, 50, 100), (0.5, 0.8, 0.9))
MARKUP = "<script>alert(1)</script>"


def figures() -> dict[str, Figure]:
    points = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    scores = np.array([0.1, 0.2], dtype=np.float32)
    return {
        "words": word_heatmap(np.array([[0.2, -0.1]]), [MARKUP], ["가", MARKUP]),
        "strip": calibration_strip(HIGH, EVEN, [Mark(0.7, "P1", MARKUP)], x_title=MARKUP),
        "scatter": score_scatter(scores, scores, ["Q1", "Q2"], [MARKUP, "b"], x_title=MARKUP, y_title="b"),
        "map": text_map_figure(
            points,
            ["질의", "문단", "문단"],
            ["Q1", "P1", "P2"],
            [[MARKUP, MARKUP], ["b"], ["c"]],
            x_title="x",
            y_title="y",
        ),
    }


@pytest.mark.parametrize("name", ["words", "strip", "scatter", "map"])
def test_markup_is_text_and_the_page_shows_through(name: str) -> None:
    figure = figures()[name]
    assert "<script>" not in str((figure.data, figure.layout))
    assert "&lt;script&gt;" in str((figure.data, figure.layout))
    assert figure.layout["paper_bgcolor"] == figure.layout["plot_bgcolor"] == "rgba(0,0,0,0)"
    assert figure.layout["template"] == "none"  # no colours of plotly's own


def test_zero_is_the_middle_of_the_colours_of_contributions() -> None:
    trace = figures()["words"].data[0]
    assert (trace["zmin"], trace["zmax"]) == (-0.2, 0.2)
    assert trace["texttemplate"] == "%{z:.3f}"


def test_a_matrix_of_zeros_still_has_a_scale() -> None:
    trace = word_heatmap(np.zeros((1, 2)), ["a"], ["b", "c"]).data[0]
    assert trace["zmin"] < 0 < trace["zmax"]


def test_a_histogram_from_percentiles_has_the_right_shares() -> None:
    # Even from 0 to 1: a tenth in each tenth; nothing outside.
    np.testing.assert_allclose(EVEN.shares(np.linspace(0, 1, 11)), [10] * 10)
    # Half lies from .5 to .8 (a third of that below .6), half from .8 to .9.
    np.testing.assert_allclose(HIGH.shares(np.array([0.4, 0.6, 0.8, 1.0])), [50 / 3, 100 / 3, 50])
    # A quarter of all scores is one value: it is in one bin.
    steep = Spread("x", (0, 25, 50, 100), (0.0, 0.5, 0.5, 1.0))
    assert steep.shares(np.array([-0.01, 0.25, 0.51, 1.01])).sum() == pytest.approx(100)


def test_marks_outside_all_measured_scores_are_on_the_strip() -> None:
    marks = [Mark(-0.4, "P1", "a"), Mark(1.2, "P2", "b")]
    random, relevant, scores = calibration_strip(HIGH, EVEN, marks, x_title="x").data
    assert min(random["x"]) < -0.3
    assert max(random["x"]) > 1.1
    assert list(scores["x"]) == [-0.4, 1.2]
    assert [sum(trace["y"]) for trace in (random, relevant)] == pytest.approx([100, 100])


def test_the_map_has_one_trace_a_group_with_its_own_shape() -> None:
    traces = figures()["map"].data
    assert [trace["name"] for trace in traces] == ["질의", "문단"]
    assert len({trace["marker"]["symbol"] for trace in traces}) == 2
    assert [list(trace["text"]) for trace in traces] == [["Q1"], ["P1", "P2"]]


def test_marks_that_lie_close_stand_in_different_rows() -> None:
    # In order: .10 first row; .12 and .13 are too near for it; .14 is farthest from the first row's .10; .25 is free.
    assert mark_rows([0.25, 0.10, 0.13, 0.12, 0.14], 0.06) == [0, 0, 2, 1, 0]
