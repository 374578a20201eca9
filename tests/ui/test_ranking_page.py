"""The ranking tab as a visitor uses it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook
from playwright.sync_api import Locator, Page, expect

from browser import upload

Fill = Callable[[str, str], None]
PASSAGES = "서울은 대한민국의 수도이다.\n부산은 항구 도시이다.\n김치는 발효 음식이다."


def rows(page: Page) -> Locator:
    return page.locator("#ranking tbody tr")


def rank(page: Page, n: int) -> None:
    page.locator("#run").click()
    expect(rows(page)).to_have_count(n)


def switch_language(page: Page, name: str) -> None:
    page.locator("#language").get_by_text(name, exact=True).click()


def test_a_stranger_sees_the_first_example_computed_at_once(opened: Page) -> None:
    expect(rows(opened)).to_have_count(6)
    expect(opened.locator("#queries textarea")).to_have_value(re.compile("배가 살살"))
    expect(opened.locator("#heatmap [role=gridcell]")).to_have_count(18)


def test_the_cards_example_puts_its_first_passage_first(opened: Page) -> None:
    opened.locator("#example-card").click()
    expect(rows(opened)).to_have_count(2)
    expect(rows(opened).first).to_contain_text("시사점과 개선방향")
    expect(opened.locator("#heatmap [role=gridcell]")).to_have_count(2)
    expect(opened.locator("#card-check")).to_contain_text(re.compile(r"0\.6721.*0\.3897.*0\.3740"))
    expect(opened.locator("#made-by")).to_contain_text("mini")
    expect(opened.locator("#notices")).to_contain_text("KoE5의 점수가 아닙니다")


def test_typing_and_ctrl_enter_rank_the_passages(opened: Page, fill: Fill) -> None:
    fill("대한민국의 수도는 어디인가요?", PASSAGES)
    expect(opened.locator("#count")).to_contain_text("문단 3개")
    opened.locator("#passages textarea").press("Control+Enter")
    expect(rows(opened)).to_have_count(3)
    expect(rows(opened).first).to_contain_text("서울은 대한민국의 수도이다.")
    expect(rows(opened).first.locator(".k-score")).to_have_text(re.compile(r"0\.\d{4}"))


def test_an_edit_computes_only_what_changed(opened: Page, fill: Fill) -> None:
    passages = [f"{n}번째 후보 문단이며 서로 다르다." for n in range(10)]
    fill("후보 문단", "\n".join(passages))
    rank(opened, 10)
    passages[3] = "고친 문단이다."
    fill("후보 문단", "\n".join(passages))
    opened.locator("#run").click()
    expect(opened.locator("#made-by")).to_contain_text("새로 계산 1개, 캐시 10개")


def test_several_queries_offer_a_choice(opened: Page, fill: Fill) -> None:
    fill("수도\n발효 음식", PASSAGES)
    rank(opened, 3)
    opened.locator("#query-choice").get_by_role("button", name=re.compile("Q2")).click()
    expect(rows(opened).first).to_contain_text("김치")
    expect(opened.locator("#query-choice [aria-pressed=true]")).to_contain_text("Q2")


def test_too_many_queries_are_told_while_they_are_typed(opened: Page, fill: Fill) -> None:
    fill("\n".join(f"{n}번째 질의" for n in range(51)), PASSAGES)
    expect(opened.locator("#count")).to_contain_text("질의가 51개입니다. 한 번에 50개까지")
    fill("수도", PASSAGES)
    expect(opened.locator("#count")).to_contain_text("질의 1개")


def test_blocks_keep_lines_together(opened: Page, fill: Fill) -> None:
    fill("수도", "서울은\n수도이다.\n\n부산은\n항구이다.")
    opened.locator("#layout").get_by_text("빈 줄", exact=True).click()
    expect(opened.locator("#count")).to_contain_text("문단 2개")
    rank(opened, 2)


def test_headings_sort_the_table_both_ways(opened: Page, fill: Fill) -> None:
    fill("수도", PASSAGES)
    rank(opened, 3)
    number = opened.get_by_role("button", name="번호")
    for expected in (["P1", "P2", "P3"], ["P3", "P2", "P1"]):
        number.click()
        expect(opened.locator("#ranking tbody td:last-child .k-name")).to_have_text(expected)


def test_the_heatmap_shows_all_pairs_and_a_fitted_scale(opened: Page, fill: Fill) -> None:
    fill("수도", PASSAGES)
    rank(opened, 3)
    tools, ends = opened.locator("#heatmap-tools"), re.compile(r"0\.0000\s*1\.0000")
    expect(tools).not_to_contain_text(ends)  # fitted to the scores at first
    tools.get_by_text("모든 쌍").click()
    expect(opened.locator("#heatmap [role=rowheader]")).to_have_count(4)
    tools.get_by_text("0–1 고정").click()
    expect(tools).to_contain_text(ends)
    tools.get_by_text("점수에 맞춤").click()
    expect(tools).not_to_contain_text(ends)


def test_sixty_passages_are_ranked_and_drawn(opened: Page, fill: Fill) -> None:
    fill("3번 글", "\n".join(f"{n}번 글은 {n * 7}쪽에 있다." for n in range(60)))
    rank(opened, 60)
    expect(opened.locator("#heatmap .k-heat-top")).to_have_count(20)
    expect(opened.locator("#readout")).to_contain_text("문단 60개 가운데 20개")
    opened.locator("#heatmap-tools").get_by_text("모두", exact=True).click()
    expect(opened.locator("#heatmap .k-heat-top strong")).to_have_text([f"P{n}" for n in range(1, 61)])
    expect(opened.locator("#ranking tbody tr:visible")).to_have_count(10)
    opened.get_by_role("button", name="나머지 50개 보기").click()
    expect(opened.locator("#ranking tbody tr:visible")).to_have_count(60)


def test_what_was_sent_shows_the_prefix(opened: Page, fill: Fill) -> None:
    fill("수도", PASSAGES)
    rank(opened, 3)
    opened.locator("#sent-box").get_by_role("button").first.click()
    expect(opened.locator("#sent mark").first).to_have_text("query:")
    expect(opened.locator("#sent")).to_contain_text("passage: 서울은")
    opened.locator("#code-box").get_by_role("button").first.click()
    expect(opened.locator("#code")).to_contain_text("SentenceTransformer(")
    expect(opened.locator("#code")).to_contain_text("passage: 서울은")


def test_both_downloads_hold_the_ranking(opened: Page, fill: Fill, tmp_path: Path) -> None:
    fill("수도", PASSAGES + "\n=위험한 셀")
    rank(opened, 4)
    with opened.expect_download() as caught:
        opened.locator("#download-csv").click()
    caught.value.save_as(tmp_path / "ranking.csv")
    content = (tmp_path / "ranking.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    table = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert {row["passage"] for row in table} >= {"'=위험한 셀", "서울은 대한민국의 수도이다."}
    assert {row["model"] for row in table} == {"mini"}
    with opened.expect_download() as caught:
        opened.locator("#download-json").click()
    caught.value.save_as(tmp_path / "ranking.json")
    data = json.loads((tmp_path / "ranking.json").read_text("utf-8"))
    assert [hit["rank"] for hit in data["results"][0]["hits"]] == [1, 2, 3, 4]


def test_the_sheet_of_a_workbook_is_chosen(opened: Page, tmp_path: Path) -> None:
    book = Workbook()
    book.active.title = "목차"
    book.active.append(["쪽"])
    book.active.append(["표지"])
    for row in (["번호", "본문"], ["1", "서울은 대한민국의 수도이다."], ["2", "부산은 항구 도시이다."]):
        (book["자료"] if "자료" in book.sheetnames else book.create_sheet("자료")).append(row)
    book.save(tmp_path / "책.xlsx")
    upload(opened, str(tmp_path / "책.xlsx"))
    expect(opened.locator("#sheet input")).to_have_value("목차")
    expect(opened.locator("#count")).to_contain_text("문단 1개")
    opened.locator("#sheet input").click()
    opened.get_by_role("option", name="자료").click()
    expect(opened.locator("#column input")).to_have_value("본문")
    expect(opened.locator("#count")).to_contain_text("문단 2개")
    opened.locator("#run").click()
    expect(opened.locator("#ranking")).to_contain_text("부산은 항구 도시이다.")
    opened.locator("#file-remove").click()
    expect(opened.locator("#sheet")).to_be_hidden()


def test_a_cp949_csv_is_read_and_its_column_can_be_chosen(opened: Page, tmp_path: Path) -> None:
    file = tmp_path / "문단.csv"
    file.write_bytes("제목,본문\n수도,서울은 대한민국의 수도이다.\n항구,부산은 항구 도시이다.\n".encode("cp949"))
    opened.locator("#queries textarea").fill("수도")
    upload(opened, str(file))
    expect(opened.locator("#column")).to_be_visible()
    expect(opened.locator("#column input")).to_have_value("본문")
    expect(opened.locator("#passages")).to_be_hidden()
    expect(opened.locator("#file-card")).to_contain_text("문단.csv")
    expect(opened.locator("#count")).to_contain_text("문단 2개")
    rank(opened, 2)
    expect(opened.locator("#ranking")).to_contain_text("서울은 대한민국의 수도이다.")
    expect(opened.locator("#notices")).to_contain_text("cp949")
    opened.locator("#column input").click()
    opened.get_by_role("option", name="제목").click()
    opened.locator("#run").click()
    expect(rows(opened).first.locator(".k-text")).to_have_text("수도")


def test_bad_input_gets_a_message_and_nothing_is_lost(opened: Page, fill: Fill) -> None:
    for queries, passages, words in (
        ("", PASSAGES, "질의가 비어 있습니다"),
        ("수도", "", "후보 문단이 비어 있습니다"),
        ("수도", "\n".join(f"문단 {n}" for n in range(1_001)), "1,001개"),
        ("수도", "가" * 200_000, "200,000자"),
    ):
        fill(queries, passages)
        opened.locator("#run").click()
        expect(opened.locator(".toast-wrap")).to_contain_text(words)
        expect(opened.locator(".toast-title")).to_have_text("다시 확인해 주세요")
        expect(opened.locator("#queries textarea")).to_have_value(queries)
        expect(opened.locator("#passages textarea")).to_have_value(passages)
        opened.locator(".toast-close").click()
        expect(opened.locator(".toast-title")).to_have_count(0)


def test_an_unreadable_file_gets_a_message(opened: Page, tmp_path: Path) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_text('{"text": "가"}\n{broken', "utf-8")
    upload(opened, str(file))
    expect(opened.locator(".toast-wrap").first).to_contain_text("2번째 줄")


def test_markup_is_shown_as_text_and_never_run(opened: Page, fill: Fill) -> None:
    nasty = (
        "<script>window.hacked=1</script>",
        "<img src=x onerror='window.hacked=1'>",
        "${window.hacked=1}",
        "{{#each value}}x{{/each}}",
        "<svg onload='window.hacked=1'>",
        "[x](javascript:window.hacked=1)",
    )
    fill("\n".join(f"{one} 질의" for one in nasty), "\n".join(nasty))
    rank(opened, len(nasty))
    opened.locator("#sent-box").get_by_role("button").first.click()
    for one in nasty:
        expect(opened.locator("#ranking")).to_contain_text(one)
        expect(opened.locator("#query-choice")).to_contain_text(one[:12])
        expect(opened.locator("#sent")).to_contain_text(f"passage: {one}")
    assert opened.evaluate("window.hacked") is None


def test_unusual_characters_survive(opened: Page, fill: Fill) -> None:
    lines = ["🙂👨‍👩‍👧 이모지", "漢字 大韓民國", "ㄱㄴ ㅏㅑ ㅋㅋㅋ", "שלום עולם"]
    fill("이모지", "\n".join(lines))
    rank(opened, 4)
    for line in lines:
        expect(opened.locator("#ranking")).to_contain_text(line)


def test_english_changes_every_label_and_keeps_the_results(opened: Page, fill: Fill) -> None:
    fill("대한민국의 수도", PASSAGES)
    rank(opened, 3)
    switch_language(opened, "English")
    expect(opened.locator("#header")).to_contain_text("Korean retrieval embedding demo")
    expect(opened.locator("#run")).to_have_text("Rank (Ctrl+Enter)")
    expect(rows(opened)).to_have_count(3)
    expect(opened.locator("#ranking thead")).to_contain_text("Score (cosine)")
    expect(opened.locator("html")).to_have_attribute("lang", "en")
    # What gradio reads out now and then while an event runs ("loading") follows the browser's language, not the page's.
    opened.add_style_tag(content=".sr-only[role=status] { display: none }")
    visible = opened.locator("body").inner_text()
    typed = "대한민국|수도|서울|부산|항구|도시|김치|발효|음식"
    ours = re.sub(rf"한국어|언어|[가-힣]*({typed})[가-힣]*|\b[가-힣]+…", "", visible)
    assert not re.search("[가-힣]", ours), ours
    switch_language(opened, "한국어")
    expect(opened.locator("#run")).to_have_text("순위 매기기 (Ctrl+Enter)")
    expect(opened.locator("html")).to_have_attribute("lang", "ko")


def test_the_dark_button_turns_the_page_dark_and_it_stays_so(opened: Page) -> None:
    before = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    opened.locator("#dark").click()
    expect(opened.locator("body")).to_have_class(re.compile("dark"))
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") != before
    opened.reload()
    expect(opened.locator("body")).to_have_class(re.compile("dark"))


def test_the_page_fits_its_window(opened: Page, fill: Fill) -> None:
    for width in (360, 768, 2560):
        opened.set_viewport_size({"width": width, "height": 800})
        fill("수도", PASSAGES + "\n" + "긴문단" * 200)
        rank(opened, 4)
        assert opened.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("가" * 100_001, "1번째 문단이 100,001자입니다. 글 하나는 100,000자까지"),
        ("\n\n".join(f"{n}번째 문단" for n in range(1001)), "후보 문단이 1,001개입니다. 한 번에 1,000개까지"),
    ],
)
def test_a_file_with_too_much_is_told_at_once_and_stays_named(
    opened: Page, tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "긴 글.txt"
    file.write_text(text, "utf-8")
    upload(opened, str(file))
    expect(opened.locator("#count")).to_contain_text(told)
    expect(opened.locator("#file-card")).to_contain_text("긴 글.txt")
    opened.locator("#file-remove").click()
    expect(opened.locator("#count")).to_contain_text("문단 6개")
