"""Heatmaps: labels and hover are text, scales are what is printed, numbers can be read on their cells."""

from __future__ import annotations

import numpy as np
import pytest

from koe5_demo.figures.charts import hover_text, one_line
from koe5_demo.figures.heatmaps import Scale, cell_colours, contrast, stretched_scale

SCORES = np.array([[1.0, 0.3], [0.3, 1.0]], dtype=np.float32)
READABLE = 4.5
"""What WCAG 2 asks of text, level AA."""


def test_the_stretched_scale_leaves_out_a_text_with_itself() -> None:
    # All pairs: the two ones of the diagonal do not count, so 0.3 is both ends and the top is lifted by 0.01.
    scale = stretched_scale(SCORES)
    assert (scale.low, scale.high) == pytest.approx((0.3, 0.31))
    cross = stretched_scale(np.array([[0.2, 0.6]], dtype=np.float32))
    assert (cross.low, cross.high) == pytest.approx((0.2, 0.6))


def test_markup_in_texts_is_shown_as_text() -> None:
    assert one_line("<a href='x'>가</a>", 99) == "&lt;a href=&#x27;x&#x27;&gt;가&lt;/a&gt;"
    assert "<script>" not in hover_text("P1", "<script>alert(1)</script>")


def test_long_texts_are_shortened_on_the_axis_and_whole_on_hover() -> None:
    text = "가나다라마바사아자차" * 10
    assert one_line(text, 18) == text[:17] + "…"
    assert hover_text("P1", text).replace("<br>", "").endswith(text)


@pytest.mark.parametrize("score", np.linspace(-0.2, 1.2, 141).tolist())
def test_the_number_of_every_cell_can_be_read_on_a_light_and_on_a_dark_page(score: float) -> None:
    found = cell_colours(score, Scale(0, 1, stretched=False))
    assert contrast(found.light, found.on_light) >= READABLE
    assert contrast(found.dark, found.on_dark) >= READABLE


def test_the_ends_of_the_scale_have_the_ends_of_the_ramp_and_so_has_what_lies_beyond() -> None:
    scale = Scale(0.2, 0.6, stretched=True)
    assert cell_colours(0.2, scale).light == cell_colours(-1, scale).light == "#eef3fb"
    assert cell_colours(0.6, scale).light == cell_colours(1, scale).light == "#12305f"
    # The middle of five colours is the third.
    assert cell_colours(0.4, scale).light == "#86a9dc"


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    # 0.2126 x ((0.4667 + 0.055) / 1.055) ^ 2.4 and so on: #777777 has the luminance 0.1845, and 1.05 / 0.2345 = 4.48.
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
