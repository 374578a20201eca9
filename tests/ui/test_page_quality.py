"""The page as a piece of design: no jumps, readable charts in the dark, a table for every chart, honest examples."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from browser import run_app, watched
from doubles import until
from tiny_models import build_tiny_xlmr

Fill = Callable[[str, str], None]
WATCH_SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts.push(entry.value);
}).observe({ type: "layout-shift", buffered: true });"""
GOOD_SHIFT = 0.1
"""What the Web Vitals call good."""
UNREADABLE = """(dark) => [...document.querySelectorAll(".js-plotly-plot text")].filter((text) => {
  if (!text.getClientRects().length || text.closest(".heatmaplayer, .hm, .barlayer")) return false;
  const [r, g, b] = getComputedStyle(text).fill.match(/[\\d.]+/g).map(Number);
  const light = (0.299 * r + 0.587 * g + 0.114 * b) / 255;
  return dark ? light < 0.6 : light > 0.5;
}).map((text) => text.textContent)"""


def show_everything(page: Page) -> None:
    """Run the example that has two queries, eight passages and a second model, and open the map."""
    page.locator("#example-lexical").click()
    expect(page.locator("#ranking tbody tr")).to_have_count(8)
    expect(page.locator("#scatter .js-plotly-plot")).to_be_visible()
    page.locator("#map-box").get_by_role("button").first.click()
    expect(page.locator("#map .js-plotly-plot")).to_be_visible()
    page.locator("#high-box").get_by_role("button").first.click()
    expect(page.locator("#strip .js-plotly-plot")).to_be_visible()


@pytest.mark.parametrize("seconds_a_script", [0, 0.03])
def test_nothing_jumps_while_the_page_opens_and_when_results_come(
    app: str, page: Page, seconds_a_script: float
) -> None:
    def come_late(route: Route) -> None:
        time.sleep(seconds_a_script)
        route.continue_()

    page.route(re.compile(r"\.(js|css)(\?|$)"), come_late)
    page.add_init_script(WATCH_SHIFTS)
    page.goto(app)
    expect(page.locator("#heatmap [role=gridcell]").first).to_be_visible()
    expect(page.locator("#made-by")).to_be_visible()
    assert page.evaluate("window.shifts.reduce((a, b) => a + b, 0)") < GOOD_SHIFT
    page.evaluate("window.shifts = []")
    page.locator("#run").click()
    expect(page.locator("#made-by")).to_contain_text("캐시 9개")
    assert page.evaluate("window.shifts.reduce((a, b) => a + b, 0)") < GOOD_SHIFT


def test_an_event_keeps_a_status_of_what_shows_its_progress_alone(app: str) -> None:
    # gradio's page copies, several times a click, all components of which it ever kept one.
    with urllib.request.urlopen(f"{app}config") as answer:
        config = json.load(answer)
    names = {component["id"]: component["props"].get("elem_id") for component in config["components"]}
    kept = [one["show_progress_on"] for one in config["dependencies"] if one["backend_fn"] and one["targets"]]
    assert None not in kept
    assert {tuple(map(names.get, ids)) for ids in kept} == {(), ("ranking",), ("pair",)}


def test_what_was_chosen_or_typed_last_counts(app: str) -> None:
    # gradio drops a choice that falls into the one before it, and answers of two events come in any order.
    with urllib.request.urlopen(f"{app}config") as answer:
        config = json.load(answer)
    ids = {component["props"].get("elem_id"): component["id"] for component in config["components"]}
    chosen = [one for one in config["dependencies"] if {"change", "input"} & {event for _, event in one["targets"]}]
    assert {one["trigger_mode"] for one in chosen if one["backend_fn"]} == {"always_last"}
    (telling,) = (one for one in config["dependencies"] if ids["count"] in one["outputs"])
    assert {ids["queries"], ids["passages"], ids["layout"], ids["recount"]} <= {part for part, _ in telling["targets"]}


def test_the_form_and_the_first_result_stand_in_the_first_window(opened: Page) -> None:
    for place in ("#header h1", "#queries", "#run", "#heatmap", "#ranking tbody tr:nth-child(3)"):
        box = opened.locator(place).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900, place


@pytest.mark.parametrize("dark", [False, True])
def test_every_word_of_every_chart_can_be_read(opened: Page, dark: bool) -> None:
    if dark:
        opened.locator("#dark").click()
    expect(opened.locator("#dark")).to_have_attribute("aria-pressed", str(dark).lower())
    show_everything(opened)
    assert opened.locator("#strip .textpoint text, #strip .g-xtitle text").count() > 1
    assert opened.evaluate(UNREADABLE, dark) == []


def test_every_chart_has_its_numbers_in_a_table(opened: Page) -> None:
    show_everything(opened)
    rows = {"#strip-table": 8, "#scatter-table": 16, "#map-table": 10}
    for place, n in rows.items():
        expect(opened.locator(f"{place} tbody tr")).to_have_count(n)
    expect(opened.locator("#heatmap [role=row]")).to_have_count(3)
    opened.locator("#heatmap [data-pick='q0:p0']").click()
    opened.locator("#words-box").get_by_role("button").first.click()
    expect(opened.locator("#pair-table tbody tr").nth(2)).to_be_attached()
    opened.get_by_role("tab", name="모델", exact=True).click()
    expect(opened.locator("#paper-table tbody tr")).to_have_count(5)
    expect(opened.locator("#paper-table tbody tr").first).to_contain_text("KoE5")
    expect(opened.locator("#paper-table tbody tr").first).to_contain_text("69.30")


def test_the_note_follows_the_example_and_the_language_and_goes_with_an_edit(opened: Page) -> None:
    opened.locator("#example-law").click()
    expect(opened.locator("#example-note")).to_contain_text("4번뿐입니다")
    opened.locator("#language").get_by_text("English", exact=True).click()
    expect(opened.locator("#example-note")).to_contain_text("All six passages are about leases")
    opened.locator("#queries textarea").fill("another question")
    expect(opened.locator("#example-note")).to_have_text("")


def test_the_example_of_bm25_brings_it_along_and_says_what_computed_it(opened: Page) -> None:
    show_everything(opened)
    expect(opened.locator("#rival-view")).to_contain_text("켄달 타우")
    expect(opened.locator("#rival-view")).to_contain_text("Lucene BM25 · k1=1.5 · b=0.75")
    first = opened.locator("#ranking tbody tr").first
    expect(first).to_contain_text("곰팡이가 번식한")
    expect(first.locator(".k-change")).to_have_text("▼1")


def test_a_picked_pair_comes_into_sight_with_the_focus(opened: Page, fill: Fill) -> None:
    fill("수도", "\n".join(f"{n}번 글에는 수도 이야기가 있다. " * 8 for n in range(12)))
    opened.locator("#run").click()
    expect(opened.locator("#ranking tbody tr")).to_have_count(12)
    opened.locator("#ranking [data-pick='q0:p0']").focus()
    opened.keyboard.press("Enter")
    expect(opened.locator("#pair-view h3")).to_contain_text("Q1 × P1 ")
    expect(opened.locator("#pair-view h3")).to_be_in_viewport()
    assert opened.evaluate("document.activeElement.id") == "pair-box"


def test_the_form_stays_in_sight_beside_long_results(opened: Page) -> None:
    opened.locator("#code-box").scroll_into_view_if_needed()
    expect(opened.locator("#run")).to_be_in_viewport()


def test_without_a_clipboard_the_visitor_is_told_where_the_link_is(opened: Page) -> None:
    opened.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    opened.locator("#share-link").click()
    expect(opened.locator("#share-told")).to_contain_text("주소창")
    assert "#s=" in opened.url


def test_a_phone_sees_the_passages_without_scrolling_the_table(browser: Browser, app: str) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 780}, is_mobile=True, has_touch=True, locale="ko-KR"
    )
    page = context.new_page()
    page.goto(app)
    expect(page.locator("#made-by")).to_be_visible()
    box = page.locator("#ranking td.k-text").first.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 360
    context.close()


@pytest.fixture(scope="module")
def cls_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with a model that is pooled by its first token, open, and of which nothing has been measured."""
    folder = build_tiny_xlmr(tmp_path_factory.mktemp("wanted") / "by-first-token", pooling="cls")
    with run_app(KOE5_MODEL=str(folder), HF_HUB_OFFLINE="1", KOE5_DATA_DIR=str(folder.parent)) as url:
        until(lambda: health(url)["wanted_phase"] == "ready")
        yield url


def health(url: str) -> dict[str, object]:
    try:
        with urllib.request.urlopen(f"{url}healthz") as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:  # 503 as long as no model is there to answer
        return dict(json.load(error))


def test_a_model_pooled_by_its_first_token_says_that_the_view_is_approximate(cls_url: str, page: Page) -> None:
    with watched(page, cls_url):
        page.goto(cls_url)
        expect(page.locator("#model input")).to_have_value(re.compile("by-first-token$"))
        page.locator("#run").click()
        expect(page.locator("#made-by")).to_contain_text("cpu")
        page.locator("#heatmap [data-pick='q0:p0']").click()
        expect(page.locator("#pair-view")).to_contain_text("근사")
        expect(page.locator("#pair-view h3")).not_to_contain_text("=")
        expect(page.locator("#pair-view")).not_to_contain_text("합계")


def test_a_model_is_calibrated_by_its_first_benchmark_run(cls_url: str, page: Page) -> None:
    page.goto(cls_url)
    expect(page.locator("#model input")).to_have_value(re.compile("by-first-token$"))
    page.locator("#run").click()
    page.locator("#high-box").get_by_role("button").first.click()
    expect(page.locator("#calibration")).to_contain_text("아직 측정하지 않았습니다")
    expect(page.locator("#strip")).to_be_hidden()
    page.get_by_role("tab", name="성능 평가").click()
    page.locator("#bench-form").get_by_role("button").first.click()
    page.locator("#bench-models").get_by_text("by-first-token").first.check()
    page.locator("#bench-start").click()
    expect(page.locator("#bench-progress")).to_contain_text("저장했습니다", timeout=120_000)
    page.get_by_role("tab", name="순위·유사도").click()
    page.locator("#run").click()
    expect(page.locator("#calibration")).to_contain_text(re.compile(r"무작위 쌍의 [\d.]+%"))
    expect(page.locator("#strip .js-plotly-plot")).to_be_visible()
