"""What the panel of a pair and the strip are made of, without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from koe5_demo import calibration
from koe5_demo.encoding.opening import load_encoder
from koe5_demo.inputs import Layout
from koe5_demo.records import Encoder, Role
from koe5_demo.settings import Limits, Settings
from koe5_demo.ui import handlers, twins
from koe5_demo.ui.handlers import Form
from koe5_demo.ui.pair_handlers import calibrate_outcome, view_pair
from koe5_demo.ui.state import HeatmapView, Options, Outcome, Pick, ScaleChoice
from koe5_demo.words import Language

QUERY, PASSAGE = Pick(Role.QUERY, 0), Pick(Role.PASSAGE, 1)
LONG = "가나다 " * 2_100 + "세종대왕이 만든 글자는 훈민정음이다."


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini")


def outcome(mini: Encoder, options: Options) -> Outcome:
    form = Form("세종대왕이 만든 글자", f"서울은 수도이다.\n{LONG}", Layout.LINES)
    return handlers.run(form, mini, Limits(), options=options)


def test_with_windows_the_contributions_add_up_to_the_best_windows_score(mini: Encoder) -> None:
    result = outcome(mini, Options(windows=True))
    shown = float(result.comparison.scores[0, 1])
    assert shown > float(outcome(mini, Options()).comparison.scores[0, 1])
    view, _ = view_pair(result, QUERY, PASSAGE, mini, Language.KO)
    assert view.score == pytest.approx(shown, abs=1e-4)
    assert view.window is not None
    assert view.window.of == 2
    assert (view.window.n, view.n_cut) == (2, 0)


def test_with_windows_every_view_of_a_pair_shows_the_same_score(mini: Encoder) -> None:
    result = outcome(mini, Options(windows=True))
    drawn = handlers.drawing(result, HeatmapView.PAIRS, ScaleChoice.FIXED)
    assert drawn.scores[0, 2] == drawn.scores[2, 0] == result.comparison.scores[0, 1]


def test_the_table_of_a_pair_holds_the_cells_of_its_heatmap(mini: Encoder) -> None:
    view, figure = view_pair(outcome(mini, Options()), QUERY, Pick(Role.PASSAGE, 0), mini, Language.EN)
    cells = [float(text) for text in re.findall(r'k-number">([+-][\d.]+)<', twins.words(view, Language.EN))]
    assert cells == pytest.approx(np.asarray(figure.data[0]["z"]).ravel().tolist(), abs=5e-5)
    assert sum(cells) == pytest.approx(view.score, abs=1e-2)


def test_the_table_of_the_strip_has_a_row_a_mark(mini: Encoder, tmp_path: Path) -> None:
    result = outcome(mini, Options())
    high = calibrate_outcome(result, 0, Settings(data_dir=tmp_path), Language.EN)
    html = twins.strip(high, Language.EN)
    assert html.count("<tr>") == 1 + 2
    best = result.comparison.hits(0)[0]
    found = calibration.load_calibration(result.info)
    assert found is not None
    assert f"{found.percentile(best.score).random:.1f}%" in html
    assert f"{best.score:.4f}" in html
