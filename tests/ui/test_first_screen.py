"""The first screen: what stands in it at every size, the heatmap's labels and keys, and a state that never misleads."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from browser import run_app, upload, watched

Fill = Callable[[str, str], None]
DESKTOPS = [(1400, 900), (1366, 641), (1920, 1080)]
PHONE = (390, 844)
SIXTY = "id,제목,본문\n" + "".join(f"d{n},제목 {n},{n}번 글은 {n * 7}쪽에 있는 이야기이다.\n" for n in range(60))
LABELS_OUT_OF_SIGHT = """() => {
  const heat = document.querySelector(".k-heat");
  return [...heat.querySelectorAll(".k-heat-top strong, .k-heat-left strong")].filter((name) => {
    name.scrollIntoView({ block: "nearest", inline: "nearest" });
    const [box, frame] = [name.getBoundingClientRect(), heat.getBoundingClientRect()];
    return box.width === 0 || box.right > frame.right + 1 || box.left < frame.left - 1;
  }).map((name) => name.textContent);
}"""


def visit(browser: Browser, url: str, size: tuple[int, int], *, english: bool = False, dark: bool = False) -> Page:
    width, height = size
    page = browser.new_context(
        viewport={"width": width, "height": height},
        locale="en-US" if english else "ko-KR",
        color_scheme="dark" if dark else "light",
        is_mobile=size == PHONE,
        has_touch=size == PHONE,
    ).new_page()
    page.goto(url)
    expect(page.locator("#made-by")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en" if english else "ko")
    return page


def box(found: Locator) -> dict[str, float]:
    measured = found.bounding_box()
    assert measured is not None
    return dict(measured)


def foot(found: Locator) -> float:
    measured = box(found)
    return measured["y"] + measured["height"]


def rank(page: Page, n: int) -> None:
    page.locator("#run").click()
    expect(page.locator("#ranking tbody tr")).to_have_count(n)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("english", [False, True])
def test_form_heatmap_and_the_top_of_the_ranking_stand_in_the_first_screen(
    browser: Browser, app: str, english: bool, dark: bool
) -> None:
    page = visit(browser, app, DESKTOPS[0], english=english, dark=dark)
    for width, height in DESKTOPS:  # one page for all sizes: opening it is what takes the time
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        for place in ("#header h1", "#banner", "#queries", "#run", "#heatmap", "#ranking tbody tr:nth-child(2)"):
            found = page.locator(place)
            expect(found).to_be_visible()
            assert foot(found) <= height, (place, width, height)
        assert box(page.locator("#heatmap"))["height"] <= 240
        assert box(page.locator("#form-side"))["width"] == 380
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def test_the_button_stays_in_sight_with_all_options_open(browser: Browser, app: str) -> None:
    page = visit(browser, app, (1366, 641))
    for place in ("#options", "#file-box"):
        page.locator(place).get_by_role("button").first.click()
    expect(page.locator("#run")).to_be_in_viewport(ratio=1)
    page.mouse.move(900, 500)
    page.mouse.wheel(0, 2_000)
    expect(page.locator("#run")).to_be_in_viewport(ratio=1)
    page.context.close()


def test_a_phone_has_folded_passages_cells_for_fingers_and_brings_the_result_into_sight(
    browser: Browser, app: str
) -> None:
    page = visit(browser, app, PHONE)
    expect(page.locator("#run")).to_have_text("순위 매기기")  # no keyboard, no hint about its keys
    expect(page.locator("#passages")).to_be_hidden()
    fold = page.locator("#fold button")
    expect(fold).to_contain_text("문단 6개")
    fold.click()
    expect(page.locator("#passages")).to_be_visible()
    fold.click()
    page.locator("#example-law").click()
    expect(page.locator("#ranking tbody tr").first).to_contain_text("임대차")
    expect(page.locator("#heatmap")).to_be_in_viewport()
    cell = box(page.locator("#heatmap [role=gridcell]").first)
    assert cell["height"] >= 44
    assert cell["width"] >= 44
    # Passages are the rows: the second passage stands below the first.
    # Both are measured in one moment: the page may still be moving.
    first, second = page.evaluate(
        "[0, 1].map(n => document.querySelector(`#heatmap [data-pick='q0:p${n}']`).getBoundingClientRect().toJSON())"
    )
    assert first["x"] == second["x"]
    assert first["y"] < second["y"]
    page.get_by_role("button", name="입력 고치기").click()
    expect(page.locator("#queries textarea")).to_be_focused()
    expect(page.locator("#queries")).to_be_in_viewport()
    page.locator("#language").get_by_text("English", exact=True).click()
    expect(page.locator("#run")).to_have_text("Rank")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    page.context.close()


@pytest.mark.parametrize("size", [(1400, 900), PHONE])
def test_every_row_and_column_has_its_label(browser: Browser, app: str, size: tuple[int, int]) -> None:
    page = visit(browser, app, size)
    if size == PHONE:
        page.locator("#fold button").click()
    for n_queries, n_passages in ((3, 6), (5, 12), (1, 60)):
        page.locator("#queries textarea").fill("\n".join(f"{n}번째 물음" for n in range(n_queries)))
        page.locator("#passages textarea").fill("\n\n".join(f"{n}번째 글의 긴 이야기" for n in range(n_passages)))
        rank(page, n_passages)
        expect(page.locator("#heatmap .k-heat-left").first).to_contain_text("0번째 물음")
        if n_passages == 60:
            expect(page.locator("#heatmap .k-heat-top")).to_have_count(20)
            page.locator("#heatmap-tools").get_by_text("모두", exact=True).click()
        names = page.locator("#heatmap .k-heat-top strong")
        expect(names).to_have_text([f"P{n + 1}" for n in range(n_passages)])
        expect(page.locator("#heatmap .k-heat-left strong")).to_have_text([f"Q{n + 1}" for n in range(n_queries)])
        assert page.evaluate(LABELS_OUT_OF_SIGHT) == []
    page.context.close()


def test_by_rank_the_columns_follow_the_chosen_query(opened: Page, fill: Fill) -> None:
    fill("항구 도시\n발효 음식", "서울은 수도이다.\n부산은 항구 도시이다.\n김치는 발효 음식이다.")
    rank(opened, 3)
    opened.locator("#heatmap-tools").get_by_text("순위 순").click()
    first = opened.locator("#heatmap .k-heat-top").first
    expect(first).to_contain_text("P2")
    opened.locator("#query-choice").get_by_role("button", name=re.compile("Q2")).click()
    expect(first).to_contain_text("P3")
    expect(opened.locator("#ranking tbody tr").first).to_contain_text("김치")


def test_the_heatmap_is_reached_and_read_by_keyboard(opened: Page) -> None:
    opened.locator("#heatmap [data-pick='q0:p0']").focus()
    for key in ("ArrowRight", "ArrowDown"):
        opened.keyboard.press(key)
    expect(opened.locator("#heatmap [data-pick='q1:p1']")).to_be_focused()
    expect(opened.locator("#readout")).to_contain_text(re.compile(r"Q2 × P2 = 0\.\d{4} · 섬으로 가는"))
    opened.keyboard.press("Enter")
    expect(opened.locator("#pair-view h3")).to_contain_text("Q2 × P2")
    expect(opened.locator("#heatmap")).to_be_in_viewport(ratio=1)
    opened.keyboard.press("Escape")
    expect(opened.locator("#pair-box")).to_be_hidden()


def test_choosing_a_query_changes_its_reasons_too(opened: Page) -> None:
    opened.locator("#heatmap [data-pick='q0:p0']").click()
    expect(opened.locator("#pair-view h3")).to_contain_text("Q1 × P1")
    opened.locator("#query-choice").get_by_role("button", name=re.compile("Q3")).click()
    expect(opened.locator("#pair-view h3")).to_contain_text("Q3 × P")


def test_the_heatmap_is_saved_as_a_picture_and_as_a_table(opened: Page, tmp_path: Path) -> None:
    saved = {}
    for kind in ("png", "csv"):
        with opened.expect_download() as caught:
            opened.locator(f"#heatmap-{kind}").click()
        caught.value.save_as(tmp_path / kind)
        saved[kind] = (tmp_path / kind).read_bytes()
    assert saved["png"].startswith(b"\x89PNG")
    table = list(csv.reader(io.StringIO(saved["csv"].decode("utf-8-sig"))))
    assert table[0][2:] == [f"P{n}" for n in range(1, 7)]
    assert [row[0] for row in table[2:]] == ["Q1", "Q2", "Q3"]


def test_a_file_shows_what_was_read_of_it_and_can_be_taken_off_again(opened: Page, tmp_path: Path) -> None:
    typed = opened.locator("#passages textarea").input_value()
    file = tmp_path / "책.csv"
    file.write_text(SIXTY, "utf-8")
    upload(opened, str(file))
    card = opened.locator("#file-card")
    for words in ("책.csv", "60개", "본문"):
        expect(card).to_contain_text(words)
    expect(opened.locator("#passages")).to_be_hidden()
    expect(opened.locator("#stale")).to_contain_text("입력이 바뀌었습니다")
    rank(opened, 60)
    expect(opened.locator("#stale")).to_have_text("")
    first = opened.locator("#ranking tbody tr").first
    expect(first).to_contain_text(re.compile(r"id:? *d\d+"))
    expect(first).to_contain_text(re.compile("제목 [0-9]"))
    with opened.expect_download() as caught:
        opened.locator("#download-csv").click()
    caught.value.save_as(tmp_path / "ranking.csv")
    table = list(csv.DictReader(io.StringIO((tmp_path / "ranking.csv").read_text("utf-8-sig"))))
    assert [f"d{int(row['number']) - 1}" for row in table] == [row["id"] for row in table]
    assert first.locator(".k-name").inner_text() == f"P{table[0]['number']}"
    opened.locator("#file-remove").click()
    expect(opened.locator("#passages textarea")).to_have_value(typed)
    expect(opened.locator("#passages")).to_be_visible()
    expect(opened.locator("#count")).to_contain_text("문단 6개")


def test_what_does_not_fit_the_form_any_more_says_so(opened: Page) -> None:
    typed = opened.locator("#queries textarea").input_value()
    opened.locator("#queries textarea").fill("다른 질의")
    expect(opened.locator("#stale")).to_contain_text("바뀌기 전의 결과")
    opened.locator("#queries textarea").fill(typed)
    expect(opened.locator("#stale")).to_have_text("")


def test_an_example_takes_back_what_the_one_before_switched_on_and_typed_text_comes_back(opened: Page) -> None:
    expect(opened.locator("#example-undo")).to_be_hidden()
    opened.locator("#queries textarea").fill("내가 쓴 질의")
    expect(opened.locator("#stale")).to_contain_text("바뀌기 전의 결과")
    opened.locator("#example-lexical").click()
    expect(opened.locator("#rival input")).to_have_value("bm25")
    expect(opened.locator("#ranking tbody tr")).to_have_count(8)
    opened.locator("#example-law").click()
    expect(opened.locator("#ranking tbody tr")).to_have_count(6)
    expect(opened.locator("#rival input")).to_have_value("없음")
    expect(opened.locator("#ranking thead")).not_to_contain_text("bm25")
    opened.locator("#example-undo").click()
    expect(opened.locator("#queries textarea")).to_have_value("내가 쓴 질의")
    expect(opened.locator("#example-undo")).to_be_hidden()


def test_passages_without_a_common_term_are_no_match_under_bm25(opened: Page, fill: Fill) -> None:
    fill("AC-4710", "AC-4710 점검표\n바다\n산\n강\n들\n숲")
    opened.locator("#rival input").click()
    opened.get_by_role("option", name="bm25").click()
    rank(opened, 6)
    expect(opened.locator("#ranking").get_by_text("일치 없음")).to_have_count(5)


def test_the_language_is_the_browsers_at_first_and_then_the_one_that_was_chosen(browser: Browser, app: str) -> None:
    page = visit(browser, app, (1400, 900), english=True)
    # All words come with the first result, not some time after it.
    assert page.locator("#run").inner_text() == "Rank (Ctrl+Enter)"
    assert "Model" in page.locator("#model").inner_text()
    expect(page.locator("#notices")).to_contain_text("These scores come from")
    page.locator("#language").get_by_text("한국어", exact=True).click()
    expect(page.locator("#run")).to_have_text("순위 매기기 (Ctrl+Enter)")
    page.reload()
    expect(page.locator("#made-by")).to_be_visible()
    expect(page.locator("#run")).to_have_text("순위 매기기 (Ctrl+Enter)")
    page.context.close()


@pytest.fixture(scope="module")
def unreachable() -> Iterator[str]:
    """A page whose operator wants KoE5 and whose hub is not there."""
    with run_app(HF_ENDPOINT="http://127.0.0.1:9", KOE5_HUB_TIMEOUT="2", HF_HOME="/nonexistent") as url:
        yield url


def test_a_hub_that_is_not_there_is_told_in_plain_words_and_the_cause_is_folded(unreachable: str, page: Page) -> None:
    with watched(page, unreachable):
        page.goto(unreachable)
        banner = page.locator("#banner")
        expect(banner).to_contain_text("모델 허브에 연결할 수 없어")
        expect(banner).to_contain_text("mini")
        seen = page.locator("body").inner_text()
        assert "Errno" not in seen
        assert "--model" not in seen
        banner.get_by_text("자세히").click()
        expect(banner.locator(".k-cause p")).to_be_visible()
        page.locator("#model input").click()
        expect(page.get_by_role("option", name="koe5 · 지금은 쓸 수 없음")).to_be_visible()
