"""The page explains a score: pair panel, calibration strip, cuts, prefixes, second model, map, links, model tab."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from koe5_demo.share import SharedState, to_link

Fill = Callable[[str, str], None]
PASSAGES = "서울은 대한민국의 수도이다.\n부산은 항구 도시이다.\n김치는 발효 음식이다."
TABS = ("순위·유사도", "성능 평가", "모델")
EIGHT = "\n".join(f"{word}에 관한 글" for word in ("서울", "부산", "대구", "인천", "광주", "대전", "울산", "세종"))


def unfold(page: Page, place: str) -> None:
    page.locator(place).get_by_role("button").first.click()


def rank(page: Page, n: int) -> None:
    page.locator("#run").click()
    expect(page.locator("#ranking tbody tr")).to_have_count(n)


def open_options(page: Page) -> None:
    page.locator("#options").get_by_role("button").first.click()


def test_why_opens_a_pair_whose_contributions_add_up_to_its_score(opened: Page, fill: Fill) -> None:
    fill("대한민국의 수도", PASSAGES)
    rank(opened, 3)
    opened.get_by_role("button", name="2번 문단의 점수").click()
    expect(opened.locator("#pair-view h3")).to_contain_text("Q1 × P2")
    row = opened.locator("#ranking tr", has_text="부산").locator(".k-score .k-number")
    score = float(row.inner_text())
    values = [
        float(text.replace("−", "-")) for text in opened.locator("#pair-view tbody td.k-number").all_inner_texts()
    ]
    *parts, total = values
    assert total == pytest.approx(score, abs=1e-4)
    assert sum(parts) == pytest.approx(total, abs=1e-3)  # twelve numbers of four decimals each
    unfold(opened, "#words-box")
    expect(opened.locator("#pair-plot .js-plotly-plot")).to_be_visible()


def test_a_click_on_the_heatmap_opens_the_pair_of_that_cell(opened: Page, fill: Fill) -> None:
    fill("대한민국의 수도\n발효", PASSAGES)
    rank(opened, 3)
    opened.locator("#heatmap [data-pick='q1:p1']").click()
    expect(opened.locator("#pair-view h3")).to_contain_text("Q2 × P2")


def test_plotly_is_loaded_when_a_chart_is_asked_for_and_no_earlier(app: str, page: Page) -> None:
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url) if "plotly" in request.url.lower() else None)
    page.goto(app)
    expect(page.locator("#made-by")).to_be_visible()
    page.locator("#example-law").click()
    expect(page.locator("#ranking tbody tr").first).to_contain_text("임대차")
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    assert loaded == []
    unfold(page, "#high-box")
    expect(page.locator("#strip .js-plotly-plot")).to_be_visible()
    assert len(loaded) == 1


def test_the_strip_places_the_scores_among_measured_pairs(opened: Page, fill: Fill) -> None:
    fill("대한민국의 수도", PASSAGES)
    rank(opened, 3)
    unfold(opened, "#high-box")
    expect(opened.locator("#calibration")).to_contain_text(re.compile(r"무작위 쌍의 [\d.]+%"))
    expect(opened.locator("#calibration")).to_contain_text("mini")
    expect(opened.locator("#strip .js-plotly-plot")).to_be_visible()
    old = opened.locator("#strip-table tbody").inner_text()
    fill("발효 음식", PASSAGES)
    rank(opened, 3)
    expect(opened.locator("#strip-table tbody")).not_to_have_text(old)
    expect(opened.locator("#strip .js-plotly-plot")).to_be_visible()  # an open chart follows the next ranking


def test_the_token_meter_warns_while_typing_and_the_lost_tail_is_struck(opened: Page, fill: Fill) -> None:
    fill("끝말", "가나다 " * 200 + "끝말")
    expect(opened.locator("#count")).to_contain_text("608/512토큰: 문단 1개가 잘립니다")
    rank(opened, 1)
    opened.locator("#sent-box").get_by_role("button").first.click()
    expect(opened.locator("#sent .k-lost")).to_contain_text("끝말")


def test_windows_find_what_the_cut_lost_and_show_where(opened: Page, fill: Fill) -> None:
    fill("세종대왕이 만든 글자", "가나다 " * 200 + "세종대왕이 만든 글자는 훈민정음이다.")
    rank(opened, 1)
    before = float(opened.locator(".k-score .k-number").inner_text())
    open_options(opened)
    opened.locator("#windows input").check()
    opened.locator("#run").click()
    expect(opened.locator(".k-window")).to_contain_text("가장 높은 구간 2/2")
    assert float(opened.locator(".k-score .k-number").first.inner_text()) > before
    expect(opened.locator("#notices")).to_contain_text("구간")


def test_prefixes_can_be_left_out_to_compare(opened: Page, fill: Fill) -> None:
    fill("대한민국의 수도", PASSAGES)
    open_options(opened)
    opened.locator("#bare input").check()
    rank(opened, 3)
    expect(opened.locator("#ranking thead")).to_contain_text("접두사 없음")
    expect(opened.locator("#ranking .k-change")).to_have_count(3)


def test_a_typed_prefix_is_recognised(opened: Page, fill: Fill) -> None:
    fill("query: 수도", PASSAGES)
    rank(opened, 3)
    expect(opened.locator("#notices")).to_contain_text("접두사가 이미 적혀 있어")


def test_bm25_beside_the_model_shows_changes_agreement_and_scatter(opened: Page, fill: Fill) -> None:
    fill("대한민국의 수도", PASSAGES)
    opened.locator("#rival input").click()
    opened.get_by_role("option", name="bm25").click()
    rank(opened, 3)
    expect(opened.locator("#ranking thead")).to_contain_text("bm25")
    expect(opened.locator("#rival-view")).to_contain_text("켄달 타우")
    expect(opened.locator("#scatter .js-plotly-plot")).to_be_visible()


def test_the_map_appears_from_eight_texts_on(opened: Page, fill: Fill) -> None:
    fill("수도", PASSAGES)
    rank(opened, 3)
    expect(opened.locator("#map-box")).to_be_hidden()
    fill("수도", EIGHT)
    rank(opened, 8)
    opened.locator("#map-box").get_by_role("button").first.click()
    expect(opened.locator("#map .js-plotly-plot")).to_be_visible()


def test_a_link_restores_everything_in_another_browser(opened: Page, fill: Fill, browser: Browser, app: str) -> None:
    fill("대한민국의 수도", PASSAGES)
    open_options(opened)
    opened.locator("#bare input").check()
    rank(opened, 3)
    opened.locator("#share-link").click()
    expect(opened.locator("#share-told")).to_contain_text("링크를 복사했습니다")
    link = opened.evaluate("location.href")
    assert link.startswith(app + "#s=")
    other = browser.new_context(locale="ko-KR").new_page()
    other.goto(link)
    expect(other.locator("#ranking tbody tr")).to_have_count(3)
    expect(other.locator("#queries textarea")).to_have_value("대한민국의 수도")
    expect(other.locator("#ranking thead")).to_contain_text("접두사 없음")
    other.context.close()


def test_a_long_state_goes_into_a_file_that_restores_it(opened: Page, fill: Fill, tmp_path: Path) -> None:
    passages = [
        f"{n}번 {n * 7919 % 10007}" + "".join(chr(0xAC00 + (n * 131 + k * 977) % 11000) for k in range(200))
        for n in range(60)
    ]
    fill("찾을 글", "\n".join(passages))
    with opened.expect_download() as caught:
        opened.locator("#share-link").click()
    state = tmp_path / "state.json"
    caught.value.save_as(state)
    assert json.loads(state.read_text("utf-8"))["passages"] == passages
    fill("다른 질의", "다른 글")
    with opened.expect_file_chooser() as chooser:
        opened.locator("#share-open").click()
    chooser.value.set_files(str(state))
    expect(opened.locator("#queries textarea")).to_have_value("찾을 글")
    expect(opened.locator("#ranking tbody tr")).to_have_count(60, timeout=240_000)  # 30,000 tokens in float32


def test_a_broken_link_gets_a_message_and_the_page_works(page: Page, app: str) -> None:
    page.goto(app + "#s=AAAA")
    expect(page.locator(".toast-wrap")).to_contain_text(re.compile("링크|상태"))
    expect(page.locator("#ranking tbody tr")).to_have_count(6)


def test_a_link_with_a_model_that_is_refused_keeps_its_texts(page: Page, app: str) -> None:
    state = SharedState(("대한민국의 수도",), tuple(PASSAGES.splitlines()), model="someone/else")
    page.goto(f"{app}#s={to_link(state)}")
    expect(page.locator(".toast-wrap")).to_contain_text("KOE5_ALLOW_CUSTOM_MODELS")
    expect(page.locator(".toast-title")).to_have_text("알림")
    expect(page.locator("#ranking tbody tr")).to_have_count(3)
    expect(page.locator("#queries textarea")).to_have_value("대한민국의 수도")


def test_the_model_tab_tells_what_runs_and_measures_it(opened: Page) -> None:
    opened.get_by_role("tab", name="모델").click()
    page = opened.locator("#model-page")
    for words in (
        "bc6d284c60fe5a973e74c1751b92594c9f581213",
        "CachedMultipleNegativesRankingLoss",
        "700,000",
        "512",
    ):
        expect(page).to_contain_text(words)
    expect(opened.locator("#model-now")).to_contain_text("지금 답하는 모델: mini")
    here = opened.locator("#models-here")
    expect(here).to_contain_text("assets/mini")
    expect(here.get_by_role("button", name="쓰고 있는 모델")).to_be_disabled()
    expect(here).to_contain_text("지금은 받을 수 없음")  # KoE5, without a hub
    expect(opened.locator("#citation-text")).to_contain_text("@misc{KoE5")
    expect(opened.locator("#paper-table .k-row-koe5")).to_contain_text("76.69")
    opened.locator("#citation-copy").click()
    expect(opened.locator("#citation-copied")).to_have_text("복사했습니다")
    expect(opened.locator("#speed-line")).to_contain_text("초당 글")  # without a click
    opened.locator("#speed-run").click()
    expect(opened.locator("#speed-line")).to_contain_text(re.compile(r"mini @ [0-9a-f]{12} · .* · float32 · cpu"))


def test_axe_finds_no_serious_violation(opened: Page) -> None:
    for n, tab in enumerate(TABS * 2):
        if n == len(TABS):  # the second round is a dark one
            opened.locator("#dark").click()
        opened.get_by_role("tab", name=tab, exact=True).click()
        expect(opened.locator("[aria-label='Empty value']:visible")).to_have_count(0)  # every chart is drawn
        opened.wait_for_function("document.getAnimations().every((one) => one.playState !== 'running')")
        found = Axe().run(opened).response["violations"]
        serious = [
            f"{tab}: {item['id']}: {node['html'][:160]}"
            for item in found
            if item["impact"] in {"serious", "critical"}
            for node in item["nodes"]
        ]
        assert serious == []


def test_every_tab_fits_a_phone(opened: Page) -> None:
    opened.set_viewport_size({"width": 360, "height": 780})
    for tab in TABS:
        opened.get_by_role("tab", name=tab, exact=True).click()
        expect(opened.get_by_role("tab", name=tab, exact=True)).to_have_attribute("aria-selected", "true")
        assert opened.evaluate("document.documentElement.scrollWidth") <= 360, tab


def test_everything_is_reached_by_keyboard_with_a_visible_focus(opened: Page) -> None:
    seen, unseen = set(), set()
    for _ in range(60):
        opened.keyboard.press("Tab")
        place, outline = opened.evaluate(
            "[document.activeElement.closest('[id]')?.id ?? '', getComputedStyle(document.activeElement).outlineStyle]"
        )
        seen.add(place)
        if outline == "none" and place:  # past the last element it is the page itself that has the focus
            unseen.add(place)
    assert {"queries", "passages", "run", "dark", "language"} <= {name.split("-")[0] for name in seen} | seen
    assert unseen == set()
