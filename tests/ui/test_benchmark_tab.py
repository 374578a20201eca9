"""The benchmark tab as a visitor uses it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from browser import watched

SLOW = 90_000


@pytest.fixture
def tab(app: str, page: Page) -> Iterator[Page]:
    """The tab, opened, with everything in it."""
    with watched(page, app):
        page.goto(app)
        page.get_by_role("tab", name="성능 평가").click()
        expect(rows(page, "#bench-query-view").first).to_be_visible(timeout=SLOW)
        yield page


def rows(page: Page, place: str) -> Locator:
    return page.locator(f"{place} tbody tr")


def start(page: Page) -> None:
    page.locator("#bench-start").click()


def choose(page: Page, place: str, option: str | re.Pattern[str]) -> None:
    page.locator(f"{place} input").click()
    # The list may open past the window's edge, where a real click cannot reach it while it is fixed in place.
    page.get_by_role("option", name=option).dispatch_event("mousedown")


def saved(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as caught:
        page.locator(button).click()
    path = folder / caught.value.suggested_filename
    caught.value.save_as(path)
    return path


def test_the_tab_opens_with_the_shipped_run_and_is_never_empty(tab: Page) -> None:
    expect(tab.locator("#bench-run input")).to_have_value(re.compile("기본 제공 결과.*ours"))
    expect(tab.locator("#bench-results")).to_contain_text("mini")
    expect(tab.locator("#bench-results")).to_contain_text("bm25")
    expect(tab.locator("#bench-chart .js-plotly-plot")).to_be_visible()
    expect(tab.locator("#bench-published-chart .js-plotly-plot")).to_be_visible()
    expect(tab.locator("#bench-manifests")).to_contain_text("mini · ours")


def test_the_papers_table_is_labelled_as_published_and_has_its_footnote(tab: Page) -> None:
    paper = tab.locator("#bench-paper")
    expect(paper.locator(".k-row-paper")).to_contain_text("공개값(논문)")
    expect(paper.locator(".k-row-mteb")).to_contain_text("공개값(MTEB)")
    expect(paper.locator(".k-row-recovered")).to_contain_text("80.46")
    for number in ("69.30", "47.57", "80.46", "71.93", "81.99"):
        expect(tab.locator("#autorag-note")).to_contain_text(number)
    expect(tab.locator("#bench-reversal")).to_contain_text("뒤집은 순서")
    choose(tab, "#bench-reference", "BGE-m3")
    expect(paper.locator(".k-row-paper")).to_contain_text("BGE-m3")


def test_a_run_of_mini_and_bm25_finishes_and_shows_tables_and_charts(tab: Page) -> None:
    start(tab)
    expect(tab.locator("#bench-progress")).to_contain_text("결과 2개를 저장했습니다", timeout=SLOW)
    expect(rows(tab, "#bench-results")).to_have_count(2)
    expect(tab.locator("#bench-run input")).to_have_value(re.compile(r"^\d{4}-\d\d-\d\d .* UTC"))
    expect(tab.locator("#bench-results")).to_contain_text("embedded · float32 · cpu")
    expect(tab.locator("#bench-chart g.bars path").first).to_be_visible()
    expect(tab.locator("#bench-start")).to_be_enabled()
    expect(tab.locator("#bench-stop")).to_be_disabled()
    choose(tab, "#bench-run", re.compile("기본 제공 결과"))
    expect(tab.locator("#bench-run input")).to_have_value(re.compile("기본 제공 결과"))


def test_stop_keeps_the_results_that_were_done(tab: Page) -> None:
    # BM25 is done at once; opening Kiwi's dictionary takes long enough to press stop.
    tab.locator("#bench-lexical").get_by_text("Kiwi").click()
    start(tab)
    expect(tab.locator("#bench-run input")).not_to_have_value(re.compile("기본 제공 결과"), timeout=SLOW)
    tab.locator("#bench-stop").click()
    expect(tab.locator("#bench-progress")).to_contain_text("중지했습니다", timeout=SLOW)
    expect(tab.locator("#bench-results")).to_contain_text("bm25")
    expect(tab.locator("#bench-results")).not_to_contain_text("embedded")
    expect(tab.locator("#bench-start")).to_be_enabled()


def test_a_set_that_cannot_be_had_says_why_and_the_rest_runs(tab: Page) -> None:
    tab.locator("#bench-datasets").get_by_text("AutoRAG-benchmark").click()
    tab.locator("#bench-models").get_by_text("mini").click()
    start(tab)
    expect(tab.locator("#bench-progress")).to_contain_text("결과 1개를 저장했습니다", timeout=SLOW)
    expect(tab.locator("#bench-progress .k-warning")).to_contain_text("AutoRAG-benchmark")
    expect(tab.locator("#bench-progress .k-warning")).to_contain_text("네트워크를 확인하거나")


def test_nothing_chosen_gets_a_message(tab: Page) -> None:
    tab.locator("#bench-datasets").get_by_text("ours").click()
    start(tab)
    expect(tab.locator(".toast-wrap")).to_contain_text("하나 이상 선택하세요")


def test_the_data_sets_tell_size_licence_and_time(tab: Page) -> None:
    tab.locator("#bench-about").get_by_role("button").first.click()
    ours = tab.locator('tr[data-set="ours"]')
    expect(ours).to_contain_text("358 / 133")
    expect(ours).to_contain_text("약")
    expect(tab.locator('tr[data-set="AutoRAG-benchmark"]')).to_contain_text("fd7df84ac089")
    expect(tab.locator("#bench-absent")).to_contain_text("koe5")


def test_the_comparison_has_an_interval_and_a_p_value(tab: Page) -> None:
    expect(tab.locator("#bench-comparison")).to_contain_text("B = ")  # the tab has filled itself: no choice is undone
    choose(tab, "#bench-b", re.compile("^bm25 · ours$"))
    expect(tab.locator("#bench-comparison")).to_contain_text("B = bm25")
    expect(tab.locator("#bench-verdict")).to_contain_text(re.compile(r"p = (0\.\d{4}|1\.0000|< 0\.0001)"))
    expect(tab.locator("#bench-comparison table").first.locator("tbody tr")).to_have_count(7)


def test_the_explorer_shows_only_wrong_queries_and_opens_one_in_the_ranking_tab(tab: Page) -> None:
    tab.locator("#bench-which").get_by_text("틀린 질의만").click()
    expect(tab.locator("#bench-query input")).to_have_value(re.compile("^✗"))
    expect(rows(tab, "#bench-query-view").first).not_to_have_class(re.compile("k-gold"))
    before = tab.locator("#bench-query input").input_value()
    tab.locator("#bench-next").click()
    expect(tab.locator("#bench-query input")).not_to_have_value(before)
    expect(tab.locator("#bench-query input")).to_have_value(re.compile("^✗"))
    query = tab.locator(".k-query").inner_text()
    tab.locator("#bench-open").click()
    expect(tab.locator("#queries textarea")).to_have_value(query.strip())
    expect(tab.locator("#queries textarea")).to_be_visible()
    expect(tab.locator("#ranking")).to_contain_text("10")


def test_published_models_are_filtered(tab: Page) -> None:
    tab.locator("#bench-published-name input, #bench-published-name textarea").fill("koe5")
    expect(tab.locator("#bench-published .k-line")).to_contain_text("공개 결과 52개 중 1개")


def test_downloads_hold_the_run(tab: Page, tmp_path: Path) -> None:
    table = list(csv.DictReader(io.StringIO(saved(tab, "#bench-csv", tmp_path).read_text("utf-8-sig"))))
    assert {"mini", "bm25"} <= {row["model"] for row in table}
    assert "| ours | mini |" in saved(tab, "#bench-markdown", tmp_path).read_text("utf-8")
    result = json.loads(saved(tab, "#bench-json", tmp_path).read_text("utf-8"))
    assert result["task_name"] == "ours"
    assert 0 < result["scores"]["test"][0]["ndcg_at_10"] < 1
    line = saved(tab, "#bench-trec", tmp_path).read_text("utf-8").splitlines()[0].split()
    assert (line[1], line[3], len(line)) == ("Q0", "1", 6)


def test_english_reaches_every_label_of_the_tab(tab: Page) -> None:
    tab.locator("#language").get_by_text("English", exact=True).click()
    expect(tab.locator("#bench-start")).to_have_text("Start")
    expect(tab.locator("#bench-paper .k-row-paper")).to_contain_text("published (paper)")
    expect(tab.locator("#bench-reversal")).to_contain_text("reversed order")
    expect(tab.locator("#bench-run input")).to_have_value(re.compile("Shipped run"))
    for place in ("#bench-results", "#bench-manifests", "#bench-paper", "#bench-published", "#bench-counted"):
        assert not re.search("[가-힣]", tab.locator(place).inner_text()), place


def test_charts_are_readable_in_the_dark(tab: Page) -> None:
    tab.locator("#dark").click()
    expect(tab.locator("body")).to_have_class(re.compile("dark"))
    plot = tab.locator("#bench-chart")
    assert plot.locator("rect.bg").count() == 0 or "rgb(255" not in plot.locator("rect.bg").first.evaluate(
        "node => getComputedStyle(node).fill"
    )
    fill = plot.locator("g.xtick text").first.evaluate("node => getComputedStyle(node).fill")
    assert min(int(number) for number in re.findall(r"\d+", fill)[:3]) > 180


def test_the_tab_fits_a_small_window(tab: Page) -> None:
    tab.set_viewport_size({"width": 360, "height": 800})
    expect(tab.locator("#bench-chart .js-plotly-plot")).to_be_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
