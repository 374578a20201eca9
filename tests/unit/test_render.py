"""HTML of the results: texts are shown, never run, whichever template language might read them."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path

import jinja2
import pytest

from doubles import WordCountEncoder
from koe5_demo.catalog import KOE5
from koe5_demo.figures.of_ranking import (
    HeatmapExtent,
    HeatmapLook,
    HeatmapOrder,
    HeatmapView,
    ScaleChoice,
    draw_heatmap,
    heatmap_rows,
)
from koe5_demo.inputs import Layout
from koe5_demo.ranking import RankingResult, rank_all
from koe5_demo.ranking.form import FilledForm, ranking_request, read_texts, told_of_reading
from koe5_demo.records import Notice
from koe5_demo.settings import Limits
from koe5_demo.training.recipe import KOE5_RECIPE
from koe5_demo.ui import model_handlers, ranking_html, render
from koe5_demo.words import Language

NASTY = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "${alert(1)}", "{{value}}", "`${1}`", "\"' <b>"]


def ranked(passages: list[str], *, max_tokens: int = 8) -> RankingResult:
    form = FilledForm("서울\n산", "\n".join(passages), Layout.LINES)
    return rank_all(ranking_request(form, Limits()), WordCountEncoder(max_tokens=max_tokens))


@pytest.mark.parametrize("language", Language)
def test_markup_and_template_signs_in_texts_are_escaped(language: Language) -> None:
    result = ranked(NASTY)
    look = HeatmapLook(view=HeatmapView.PAIRS, scale=ScaleChoice.FIXED)
    drawing = draw_heatmap(result, look, 0)
    for html in (
        ranking_html.ranking(result, 0, language),
        ranking_html.sent(result, language),
        ranking_html.heatmap(result, drawing, 0, language),
        ranking_html.heatmap_tools(drawing, look, language),
        ranking_html.queries(result, 0, language),
        render.notices(result.notices, language, warning=NASTY[0]),
    ):
        assert "<script" not in html
        assert "<img" not in html
        assert "<b>" not in html
        assert not re.search(r"[{}$`]", html)


def test_a_cut_passage_is_marked_with_what_was_lost() -> None:
    html = ranking_html.ranking(ranked(["서울", "서울 산 산 산 산"], max_tokens=4), 0, Language.KO)
    # "passage: 서울 산 산 산 산" has 6 words of which the model sees 4.
    assert "4 / 4" in html
    assert "잘림 −2" in html
    assert html.count("k-cut") == 1


def test_scores_have_four_decimals() -> None:
    assert re.search(r">1\.0000<", ranking_html.ranking(ranked(["서울"]), 0, Language.EN))


def test_the_made_by_line_names_model_engine_and_counts() -> None:
    line = ranking_html.made_by(ranked(["서울", "산"]), Language.EN)
    for part in ("words", "counting", "float32", "cpu", "4 texts", "4 computed", "0 from the cache"):
        assert part in line


def test_what_was_sent_shows_the_prefix_apart_from_the_text() -> None:
    html = ranking_html.sent(ranked(["서울"]), Language.KO)
    assert "<mark>query: </mark>서울" in html
    assert "<mark>passage: </mark>서울" in html


def test_the_heatmap_draws_the_best_twenty_of_many_and_says_so_and_all_when_asked() -> None:
    result = ranked([f"글 {n}" for n in range(150)] + ["서울"])
    cross = draw_heatmap(result, HeatmapLook(), 0)
    assert cross.scores.shape == (2, 20)
    assert 150 in [ref.index for ref in cross.column_refs]
    assert "20 of 151" in ranking_html.readout(cross, Language.EN)
    everything = draw_heatmap(result, HeatmapLook(extent=HeatmapExtent.ALL), 0)
    assert everything.scores.shape == (2, 151)
    assert "of 151" not in ranking_html.readout(everything, Language.EN)
    pairs = draw_heatmap(result, HeatmapLook(view=HeatmapView.PAIRS, extent=HeatmapExtent.ALL), 0)
    assert pairs.scores.shape == (100, 100)


def test_up_to_twenty_nine_passages_are_all_drawn() -> None:
    result = ranked([f"글 {n}" for n in range(29)])
    assert draw_heatmap(result, HeatmapLook(), 0).scores.shape == (2, 29)
    assert not draw_heatmap(result, HeatmapLook(), 0).can_draw_more


def test_by_rank_the_passages_stand_as_in_the_ranking_of_the_chosen_query() -> None:
    result = ranked(["바다", "산", "서울 강", "서울"])
    given = draw_heatmap(result, HeatmapLook(), 0)
    assert [ref.index for ref in given.column_refs] == [0, 1, 2, 3]
    for query in (0, 1):
        ordered = draw_heatmap(result, HeatmapLook(order=HeatmapOrder.RANK), query)
        assert [ref.index for ref in ordered.column_refs] == [hit.index for hit in result.hits(query)]
        assert ordered.scores[query].tolist() == sorted(ordered.scores[query].tolist(), reverse=True)


def test_the_heatmap_as_a_file_has_names_texts_and_scores() -> None:
    result = ranked(["서울", "=산"])
    corner, texts, first, _ = heatmap_rows(result, draw_heatmap(result, HeatmapLook(), 0))
    assert corner[2:] == ["P1", "P2"]
    assert texts[2:] == ["서울", "'=산"]
    assert first[:2] == ["Q1", "서울"]
    assert first[2] == f"{float(result.comparison.scores[0, 0]):.6f}"


def test_every_row_and_column_of_the_heatmap_is_labelled_and_one_cell_is_in_the_order_of_keys() -> None:
    result = ranked([f"글 {n}" for n in range(60)])
    drawing = draw_heatmap(result, HeatmapLook(extent=HeatmapExtent.ALL), 0)
    html = ranking_html.heatmap(result, drawing, 0, Language.KO)
    names = re.findall(r"k-heat-top[^>]*><strong>(P\d+)</strong>", html)
    assert names == [f"P{n}" for n in range(1, 61)]
    assert html.count('role="gridcell"') == 120
    assert html.count('tabindex="0"') == 1


def test_a_typed_prefix_and_a_cut_are_told() -> None:
    form = FilledForm("query: 서울", "passage: 서울 산 산 산 산 산 산 산 산", Layout.LINES)
    keys = [notice.key for notice in rank_all(ranking_request(form, Limits()), WordCountEncoder()).notices]
    assert keys == ["notice_one_passage", "notice_truncated", "notice_prefix_typed"]


@pytest.mark.parametrize(
    ("passages", "layout", "told"),
    [
        ("서울\n산\n강", Layout.BLOCKS, True),
        ("서울\n산\n강", Layout.LINES, False),
        ("서울\n산\n\n강", Layout.BLOCKS, False),
        ("서울", Layout.BLOCKS, False),
    ],
)
def test_lines_that_became_one_passage_are_told_before_and_after_the_ranking(
    passages: str, layout: Layout, told: bool
) -> None:
    form = FilledForm("서울", passages, layout)
    result = rank_all(ranking_request(form, Limits()), WordCountEncoder())
    assert ("notice_lines_in_one" in [notice.key for notice in result.notices]) is told
    counted = told_of_reading(form, read_texts(form, Limits()), None, Language.EN)
    assert any("3 lines were read as one passage" in line for line in counted) is told


@pytest.mark.parametrize("language", Language)
def test_the_model_tab_tells_why_a_model_runs_otherwise_than_was_asked(language: Language) -> None:
    fallback = Notice("notice_engine_fallback", {"reason": "its pooling is max"})
    info = replace(WordCountEncoder().info, notices=(fallback,))
    card = model_handlers.ModelCard(KOE5, "ready", info, "folder", answers=True)
    page = model_handlers.ModelPage(KOE5, KOE5_RECIPE, card, (card,), 0.0)
    assert fallback.text(language) in model_handlers.now_html(page, language)


@pytest.mark.parametrize(
    ("state", "told", "pressed"),
    [
        ("here", "이 컴퓨터에 있음", True),
        ("download", "내려받아야 함 · 2,257MB", True),
        ("absent", "지금은 받을 수 없음", False),
    ],
)
def test_a_model_says_what_it_takes_to_use_it(state: str, told: str, pressed: bool) -> None:
    card = model_handlers.ModelCard(KOE5, state, None, "", answers=False)  # type: ignore[arg-type]
    assert told in model_handlers.card_html(card, Language.KO)
    assert model_handlers.button_state(card, Language.KO)["interactive"] is pressed
    assert not model_handlers.button_state(replace(card, answers=True), Language.KO)["interactive"]


@pytest.mark.parametrize("broken", ["folder", "disk"])
def test_templates_are_rendered_where_nothing_compiled_can_be_kept(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing" if broken == "folder" else tmp_path))
    monkeypatch.setattr(jinja2.FileSystemBytecodeCache, "dump_bytecode", full)
    render._environment.cache_clear()
    assert "<b>" not in render.line("<b>", Language.KO)
    render._environment.cache_clear()
