"""The benchmark tab as a visitor uses it: what is there at once, what a run brings, and what can be looked at."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from browser import run_app, watched
from data_stand_in import data_hub, suite_repositories

SLOW = 90_000


PHONE: ViewportSize = {"width": 390, "height": 844}
SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((entry) => entry.value)))
    .observe({ type: "layout-shift" });
}"""


@pytest.fixture
def tab(app: str, page: Page) -> Iterator[Page]:
    """The tab, opened; it has told anew what there is, so that no choice is undone."""
    with watched(page, app):
        page.goto(app)
        open_tab(page)
        expect(page.locator("#bench-plan")).to_contain_text("float32", timeout=SLOW)
        yield page


def open_tab(page: Page) -> None:
    page.get_by_role("tab", name="성능 평가").click()


def part(page: Page, name: str) -> None:
    """Open a sub-tab; where there is no room for all of them, from the list of the rest."""
    page.locator("#bench-parts").get_by_role("tab", name=name, exact=True).click()


def unfold(page: Page) -> None:
    """Open the form in which data sets and models are chosen."""
    page.locator("#bench-form").get_by_role("button").first.click()
    expect(page.locator("#bench-start")).to_be_visible()


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


def test_the_papers_table_is_there_without_a_click_and_nothing_jumps(app: str, page: Page) -> None:
    with watched(page, app):
        page.goto(app)
        expect(page.locator("#made-by")).to_be_visible(timeout=SLOW)  # the ranking has come to rest
        page.evaluate(SHIFTS)
        open_tab(page)
        paper = page.locator("#bench-paper")
        expect(paper.locator(".k-row-paper").first).to_contain_text("논문 공개값")
        expect(paper.locator(".k-row-mteb").first).to_contain_text("MTEB 공개값")
        expect(page.locator("#bench-run input")).to_have_value(re.compile("미리 재어 둔 결과.*데모 자체 세트"))
        expect(page.locator("#bench-results")).to_contain_text("mini")
        expect(page.locator("#bench-results")).to_contain_text("BM25")
        expect(page.locator("#bench-manifests")).to_contain_text("mini · 데모 자체 세트 (질의 133개)")
        expect(page.locator("#bench-plan")).to_contain_text("float32")
        assert page.locator("#bench-reproduce").bounding_box()["y"] < 300
        assert paper.bounding_box()["y"] < 450
        assert page.locator("[aria-label='Empty value']:visible").count() == 0
        assert sum(page.evaluate("window.shifts")) < 0.1


def test_the_papers_table_has_what_its_order_hid_and_says_why(tab: Page) -> None:
    paper = tab.locator("#bench-paper")
    expect(paper.locator(".k-row-paper").first.locator(".k-delta-recovered")).to_have_text("80.46")
    tab.locator("#autorag-note summary").click()
    for number in ("69.30", "47.57", "80.46", "71.93", "81.99"):
        expect(tab.locator("#autorag-note")).to_contain_text(number)
    part(tab, "A·B 비교")
    tab.locator("#bench-reversal summary").first.click()
    expect(tab.locator("#bench-reversal")).to_contain_text("뒤집은 순서")


def test_a_term_is_explained_at_a_tap_and_by_keyboard(tab: Page) -> None:
    told = tab.locator("#term-f1")
    expect(told).to_be_hidden()
    tab.get_by_role("button", name="F1@k").focus()
    tab.keyboard.press("Enter")
    expect(told).to_contain_text("조화 평균")
    expect(told).to_be_visible()
    tab.keyboard.press("Escape")
    expect(told).to_be_hidden()


def test_reproducing_the_paper_without_its_data_says_why_and_hides_no_reason(tab: Page) -> None:
    expect(tab.locator("#bench-plan")).to_contain_text("mini로 대신")
    tab.locator("#bench-reproduce").click()
    expect(tab.locator("#bench-progress .k-warning")).to_have_count(3, timeout=SLOW)
    expect(tab.locator("#bench-progress")).to_contain_text("아직 결과가 없습니다")
    expect(tab.locator("#bench-reproduce")).to_be_enabled()
    expect(tab.locator("#bench-paper")).to_contain_text("아직 이 컴퓨터에서 재지 않았습니다")


@pytest.fixture
def with_data(tmp_path: Path) -> Iterator[str]:
    """A page whose hub has the paper's data sets, three to five texts each, and no KoE5."""
    with data_hub(suite_repositories(tmp_path)) as hub:
        places = {"HF_HOME": str(tmp_path / "hub"), "KOE5_DATA_DIR": str(tmp_path / "data")}
        with run_app(KOE5_MODEL="mini", HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="0", **places) as url:
            yield url


def test_one_button_fills_the_papers_table_with_mini_where_koe5_cannot_be_had(with_data: str, page: Page) -> None:
    page.goto(with_data)
    open_tab(page)
    expect(page.locator("#bench-plan")).to_contain_text("KoE5를 내려받아(2,257MB)", timeout=SLOW)
    page.locator("#bench-reproduce").click()
    expect(page.locator("#bench-progress")).to_contain_text("결과 6개를 저장했습니다", timeout=2 * SLOW)
    measured = page.locator("#bench-paper .k-row-run")
    expect(measured).to_have_count(2)
    for n, name in enumerate(("mini", "BM25")):
        expect(measured.nth(n)).to_contain_text(f"{name} 측정값")
        expect(measured.nth(n)).to_contain_text("cpu ·")
        expect(measured.nth(n).locator(".k-average .k-databar")).to_be_visible()  # all twelve numbers are there
        expect(measured.nth(n).locator(".k-delta-difference")).to_have_count(12)
    expect(page.locator("#bench-paper")).not_to_contain_text("아직 이 컴퓨터에서 재지 않았습니다")
    expect(rows(page, "#bench-results")).to_have_count(6)
    page.reload()
    open_tab(page)
    expect(page.locator("#bench-paper .k-row-run")).to_have_count(2)


def test_a_run_of_mini_and_bm25_finishes_and_shows_its_table(tab: Page) -> None:
    unfold(tab)
    start(tab)
    expect(tab.locator("#bench-progress")).to_contain_text("결과 2개를 저장했습니다", timeout=SLOW)
    expect(rows(tab, "#bench-results")).to_have_count(2)
    expect(tab.locator("#bench-run input")).to_have_value(re.compile(r"^\d{4}-\d\d-\d\d .* UTC"))
    expect(tab.locator("#bench-results")).to_contain_text("· float32 · cpu")
    expect(tab.locator("#bench-results .k-databar").first).to_be_visible()
    expect(tab.locator("#bench-start")).to_be_enabled()
    expect(tab.locator("#bench-stop")).to_be_hidden()
    choose(tab, "#bench-run", re.compile("미리 재어 둔 결과"))
    expect(tab.locator("#bench-run input")).to_have_value(re.compile("미리 재어 둔 결과"))


def test_stop_keeps_the_results_that_were_done(tab: Page) -> None:
    # BM25 is done at once; Kiwi's dictionary, and a network in an arithmetic whose vectors nobody has yet, take long
    # enough to press stop.
    unfold(tab)
    tab.locator("#bench-lexical").get_by_text("Kiwi").click()
    choose(tab, "#bench-dtype", re.compile("int8"))
    start(tab)
    expect(tab.locator("#bench-stop")).to_be_visible(timeout=SLOW)
    expect(tab.locator("#bench-run input")).to_have_value(re.compile(r"^\d{4}-\d\d-\d\d .* UTC"), timeout=SLOW)
    tab.locator("#bench-stop").dispatch_event("click")  # a real click waits until nothing moves: the run may be over
    expect(tab.locator("#bench-progress")).to_contain_text("중지했습니다", timeout=SLOW)
    expect(tab.locator("#bench-results")).to_contain_text("BM25")
    expect(tab.locator("#bench-results")).not_to_contain_text("mini")
    expect(tab.locator("#bench-start")).to_be_enabled()


def test_a_set_that_cannot_be_had_says_why_and_the_rest_runs(tab: Page) -> None:
    unfold(tab)
    tab.locator("#bench-datasets").get_by_text("AutoRAG-benchmark").click()
    tab.locator("#bench-models").get_by_text("mini").click()
    start(tab)
    expect(tab.locator("#bench-progress")).to_contain_text("결과 1개를 저장했습니다", timeout=SLOW)
    expect(tab.locator("#bench-progress .k-warning")).to_contain_text("AutoRAG-benchmark")
    expect(tab.locator("#bench-progress .k-warning")).to_contain_text("네트워크를 확인하거나")


def test_nothing_chosen_gets_a_message(tab: Page) -> None:
    unfold(tab)
    tab.locator("#bench-datasets").get_by_text("데모 자체 세트").click()
    start(tab)
    expect(tab.locator(".toast-wrap")).to_contain_text("하나 이상 선택하세요")


def test_the_data_sets_tell_size_licence_and_time(tab: Page) -> None:
    unfold(tab)
    tab.locator("#bench-about").get_by_role("button").first.click()
    ours = tab.locator('#bench-about tr[data-set="ours"]')
    expect(ours).to_contain_text("358 / 133")
    expect(ours).to_contain_text("약")
    expect(tab.locator('#bench-about tr[data-set="AutoRAG-benchmark"]')).to_contain_text("fd7df84ac089")
    expect(tab.locator("#bench-absent")).to_contain_text("KoE5")


KOR_V2 = (
    *("PublicHealthQA", "BelebeleRetrieval", "AutoRAG-benchmark", "SQuADKorV1Retrieval", "LawIRKo"),
    *("Ko-StrategyQA", "MultiLongDocRetrieval", "MIRACLRetrieval", "MrTidyRetrieval"),
)
"""The sets of MTEB's Korean benchmark, those with the least text first."""


@pytest.mark.parametrize("size", [{"width": 1400, "height": 900}, PHONE], ids=["wide", "phone"])
def test_one_tap_chooses_the_suite_of_today_and_tells_what_its_sets_are(tab: Page, size: ViewportSize) -> None:
    tab.set_viewport_size(size)
    unfold(tab)
    boxes, sets = tab.locator("#bench-datasets"), tab.locator("#bench-chosen tbody tr")
    expect(sets).to_have_count(1)
    tab.locator("#bench-suite").get_by_text("MTEB(kor, v2) · 9개").click()
    expect(sets).to_have_count(9)
    assert [row.get_attribute("data-set") for row in sets.all()] == list(KOR_V2)
    expect(boxes.locator("input:checked")).to_have_count(9)
    for name in KOR_V2:
        expect(boxes.get_by_label(name, exact=True)).to_be_checked()
    miracl = tab.locator('#bench-chosen tr[data-set="MIRACLRetrieval"]')
    for told in ("1,486,752 / 213", "받아야 함 · 허브 연결 안 됨", "62.35"):
        expect(miracl).to_contain_text(told)
    expect(tab.locator("#bench-chosen .k-line").first).to_contain_text("지금 허브에 연결되지 않습니다")
    assert tab.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert tab.locator("#bench-chosen").evaluate("node => node.scrollWidth <= node.clientWidth")


def test_sets_that_are_chosen_one_by_one_leave_the_suite_or_make_one(tab: Page) -> None:
    unfold(tab)
    suites = tab.locator("#bench-suite")
    suites.get_by_text("KoE5 논문 · 3개").click()
    expect(tab.locator("#bench-chosen tbody tr")).to_have_count(3)
    tab.locator("#bench-datasets").get_by_label("PublicHealthQA").uncheck()
    expect(tab.locator("#bench-chosen tbody tr")).to_have_count(2)
    expect(suites.locator("input:checked")).to_have_count(0)
    tab.locator("#bench-datasets").get_by_label("PublicHealthQA").check()
    expect(suites.get_by_label("KoE5 논문 · 3개")).to_be_checked()
    tab.locator("#language").get_by_text("English", exact=True).click()
    expect(tab.locator("#bench-chosen .k-line").first).to_contain_text("3 chosen")
    expect(suites.get_by_label("KoE5 paper · 3 datasets")).to_be_checked()
    expect(tab.locator("#bench-form")).not_to_contain_text(re.compile("[가-힣]"))


def test_the_comparison_has_an_interval_and_a_p_value(tab: Page) -> None:
    part(tab, "A·B 비교")
    expect(tab.locator("#bench-comparison")).to_contain_text("B = ")  # the tab has filled itself: no choice is undone
    choose(tab, "#bench-b", re.compile(r"^BM25 · 데모 자체 세트 \(질의 133개\)$"))
    expect(tab.locator("#bench-comparison")).to_contain_text("B = BM25")
    expect(tab.locator("#bench-verdict")).to_contain_text(re.compile(r"p = (0\.\d{4}|1\.0000|< 0\.0001)"))
    expect(tab.locator("#bench-comparison table").first.locator("tbody tr")).to_have_count(7)


def test_the_explorer_shows_only_wrong_queries_and_opens_one_in_the_ranking_tab(tab: Page) -> None:
    part(tab, "질문별")
    expect(rows(tab, "#bench-query-view")).to_have_count(10)
    tab.locator("#bench-which").get_by_text("1위가 틀린 것만").click()
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
    part(tab, "공개 모델")
    expect(rows(tab, "#bench-published")).to_have_count(52)
    choose(tab, "#bench-reference", "BGE-m3")
    expect(tab.locator("#bench-published .k-row-reference")).to_contain_text("BAAI/bge-m3")
    tab.locator("#bench-published-name input, #bench-published-name textarea").fill("koe5")
    expect(tab.locator("#bench-published .k-line")).to_contain_text("공개된 결과 52개 가운데 1개")


def test_downloads_hold_the_run(tab: Page, tmp_path: Path) -> None:
    table = list(csv.DictReader(io.StringIO(saved(tab, "#bench-csv", tmp_path).read_text("utf-8-sig"))))
    assert {"mini", "bm25"} <= {row["model"] for row in table}
    assert "| ours | mini |" in saved(tab, "#bench-markdown", tmp_path).read_text("utf-8")
    part(tab, "A·B 비교")
    result = json.loads(saved(tab, "#bench-json", tmp_path).read_text("utf-8"))
    assert result["task_name"] == "ours"
    assert 0 < result["scores"]["test"][0]["ndcg_at_10"] < 1
    line = saved(tab, "#bench-trec", tmp_path).read_text("utf-8").splitlines()[0].split()
    assert (line[1], line[3], len(line)) == ("Q0", "1", 6)


def test_english_reaches_every_label_of_the_tab(tab: Page) -> None:
    tab.locator("#language").get_by_text("English", exact=True).click()
    expect(tab.locator("#bench-reproduce")).to_have_text("Reproduce the paper's table · 3 datasets")
    expect(tab.locator("#bench-paper .k-row-paper").first).to_contain_text("published · paper")
    expect(tab.locator("#bench-run input")).to_have_value(re.compile("Shipped with this demo"))
    for name, places in {
        "Results": ("#bench-results", "#bench-manifests", "#bench-paper", "#bench-plan"),
        "Published models": ("#bench-published",),
        "A against B": ("#bench-comparison .k-table >> nth=0", "#bench-verdict"),
        "By query": ("#bench-counted",),
    }.items():
        part(tab, name)
        for place in places:
            expect(tab.locator(place)).not_to_contain_text(re.compile("[가-힣]"))


def test_bars_are_seen_in_the_dark(tab: Page) -> None:
    tab.locator("#dark").click()
    expect(tab.locator("body")).to_have_class(re.compile("dark"))
    part(tab, "공개 모델")
    bar = tab.locator("#bench-published .k-row-reference .k-track > span")
    fill = bar.evaluate("node => getComputedStyle(node).backgroundColor")
    assert max(int(number) for number in re.findall(r"\d+", fill)[:3]) > 180


def test_on_a_phone_every_part_fits_and_rows_are_cards(tab: Page) -> None:
    wide = tab.viewport_size
    assert wide is not None
    for name in ("결과", "공개 모델", "A·B 비교", "질문별"):
        tab.set_viewport_size(wide)
        part(tab, name)
        tab.set_viewport_size(PHONE)
        card = tab.locator("#bench-paper .k-row-paper").first
        expect(card).to_have_css("display", "grid")
        box = card.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= PHONE["width"], name
        assert card.evaluate("node => [...node.cells].every((cell) => cell.scrollWidth <= cell.clientWidth + 1)"), name
        assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
