"""What the panel of a pair and the strip are made of, without a browser."""

from __future__ import annotations

import re

import numpy as np
import pytest

from koe5_demo.encoding.opening import load_encoder
from koe5_demo.figures.of_ranking import HeatmapLook, HeatmapView, ScaleChoice, draw_heatmap, draw_pair, place_scores
from koe5_demo.inputs import Layout
from koe5_demo.ranking import RankingResult, TextRef, calibration, rank_all
from koe5_demo.ranking.form import FilledForm, ranking_request
from koe5_demo.records import Encoder, Role
from koe5_demo.settings import Limits
from koe5_demo.ui import ranking_html
from koe5_demo.words import Language

QUERY, PASSAGE = TextRef(Role.QUERY, 0), TextRef(Role.PASSAGE, 1)
LONG = "가나다 " * 200 + "세종대왕이 만든 글자는 훈민정음이다."


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini")


def ranked(mini: Encoder, *, windows: bool = False) -> RankingResult:
    form = FilledForm("세종대왕이 만든 글자", f"서울은 수도이다.\n{LONG}", Layout.LINES, windows=windows)
    return rank_all(ranking_request(form, Limits()), mini, calibration=calibration.load_calibration(mini.info))


def test_with_windows_the_contributions_add_up_to_the_best_windows_score(mini: Encoder) -> None:
    result = ranked(mini, windows=True)
    shown = float(result.comparison.scores[0, 1])
    assert shown > float(ranked(mini).comparison.scores[0, 1])
    view = draw_pair(result, QUERY, PASSAGE, mini, Language.KO)
    assert view.score == pytest.approx(shown, abs=1e-4)
    assert view.right_window is not None
    assert view.right_window.of == 2
    assert (view.right_window.n, view.n_cut) == (2, 0)


def test_with_windows_every_view_of_a_pair_shows_the_same_score(mini: Encoder) -> None:
    result = ranked(mini, windows=True)
    drawn = draw_heatmap(result, HeatmapLook(view=HeatmapView.PAIRS, scale=ScaleChoice.FIXED), 0)
    assert drawn.scores[0, 2] == drawn.scores[2, 0] == result.comparison.scores[0, 1]


def test_the_table_of_a_pair_holds_the_cells_of_its_heatmap(mini: Encoder) -> None:
    view = draw_pair(ranked(mini), QUERY, TextRef(Role.PASSAGE, 0), mini, Language.EN)
    cells = [
        float(text) for text in re.findall(r'k-number">([+-][\d.]+)<', ranking_html.words_table(view, Language.EN))
    ]
    assert cells == pytest.approx(np.asarray(view.figure.data[0]["z"]).ravel().tolist(), abs=5e-5)
    assert sum(cells) == pytest.approx(view.score, abs=1e-2)


def test_the_table_of_the_strip_has_a_row_a_mark(mini: Encoder) -> None:
    result = ranked(mini)
    high = place_scores(result, 0, Language.EN)
    html = ranking_html.strip_table(high, Language.EN)
    assert html.count("<tr>") == 1 + 2
    best = result.comparison.hits(0)[0]
    found = calibration.load_calibration(result.info)
    assert found is not None
    assert f"{found.percentile(best.score).random:.1f}%" in html
    assert f"{best.score:.4f}" in html
