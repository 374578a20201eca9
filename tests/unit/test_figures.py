"""Heatmaps: labels and hover are text, scales are what is printed."""

from __future__ import annotations

import numpy as np
import pytest

from koe5_demo.figures import Scale, heatmap, label, stretched_scale
from koe5_demo.figures.labels import hover_text

SCORES = np.array([[1.0, 0.3], [0.3, 1.0]], dtype=np.float32)


def draw(n_rows: int, n_columns: int) -> dict:
    scores = np.linspace(0, 1, n_rows * n_columns, dtype=np.float32).reshape(n_rows, n_columns)
    rows, columns = [f"줄 {n}" for n in range(n_rows)], [f"칸 {n}" for n in range(n_columns)]
    names = [f"q{n}" for n in range(n_rows)], [f"p{n}" for n in range(n_columns)]
    return heatmap(scores, rows, columns, Scale(0, 1, stretched=False), names).to_dict()


def test_the_stretched_scale_leaves_out_a_text_with_itself() -> None:
    # All pairs: the two ones of the diagonal do not count, so 0.3 is both ends and the top is lifted by 0.01.
    scale = stretched_scale(SCORES)
    assert (scale.low, scale.high) == pytest.approx((0.3, 0.31))
    cross = stretched_scale(np.array([[0.2, 0.6]], dtype=np.float32))
    assert (cross.low, cross.high) == pytest.approx((0.2, 0.6))


def test_markup_in_texts_is_shown_as_text() -> None:
    assert label("P1", "<a href='x'>가</a>", 99) == "P1 &lt;a href=&#x27;x&#x27;&gt;가&lt;/a&gt;"
    assert "<script>" not in hover_text("P1", "<script>alert(1)</script>")


def test_long_texts_are_shortened_on_the_axis_and_whole_on_hover() -> None:
    text = "가나다라마바사아자차" * 10
    assert label("P1", text, 18) == "P1 " + text[:17] + "…"
    assert hover_text("P1", text).replace("<br>", "").endswith(text)


def test_numbers_stand_in_the_cells_while_they_fit() -> None:
    assert draw(3, 3)["data"][0]["texttemplate"] == "%{z:.2f}"
    assert "texttemplate" not in draw(3, 60)["data"][0]


def test_sixty_passages_get_a_numbered_tick_at_every_fourth() -> None:
    figure = draw(1, 60)
    assert figure["layout"]["xaxis"]["ticktext"][0] == "P1"
    assert list(figure["layout"]["xaxis"]["ticktext"]) == [f"P{n}" for n in range(1, 61, 4)]  # 15 fit side by side


def test_the_first_row_is_on_top() -> None:
    assert draw(2, 2)["layout"]["yaxis"]["autorange"] == "reversed"


def test_a_click_on_a_cell_finds_the_names_of_its_texts() -> None:
    cell = draw(2, 3)["data"][0]["customdata"][1][2]
    assert list(cell[2:]) == ["q1", "p2"]
    assert cell[0].startswith("Q2 · ")
