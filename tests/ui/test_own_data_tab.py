"""The sub-tab 내 데이터로 as a visitor uses it: from a spreadsheet to an answer, and what a second visitor sees."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, expect

from browser import Served, watched

SLOW = 240_000
SHEET = (
    "번호,질문,정답\n01,환불은 며칠 안에 하나요?,비밀환불은 7일 안에 한다.\n02,배송비는요?,배송비는 3천 원이다.\n,,\n"
)


def to_own(page: Page, url: str) -> None:
    page.set_default_timeout(SLOW)
    page.goto(url)
    page.get_by_role("tab", name="성능 평가").click()
    page.get_by_role("tab", name="내 데이터로").click()
    expect(page.locator("#own-start")).to_be_visible(timeout=SLOW)


@pytest.fixture
def tab(app: str, page: Page) -> Iterator[Page]:
    with watched(page, app):
        to_own(page, app)
        yield page


def saved(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download(timeout=SLOW) as caught:
        page.locator(button).click()
    path = folder / caught.value.suggested_filename
    caught.value.save_as(path)
    return path


def test_a_sheet_in_cp949_becomes_an_answer_and_a_report_that_opens_offline(
    tab: Page, browser: Browser, served: Served, tmp_path: Path
) -> None:
    content = SHEET.encode("cp949")
    tab.locator("#own-file-questions input[type=file]").set_input_files(
        {"name": "내표.csv", "mimeType": "text/csv", "buffer": content}
    )
    expect(tab.locator("#own-counts")).to_contain_text("질문 2개, 문단 2개", timeout=SLOW)
    expect(tab.locator("#own-counts")).to_contain_text("빈 행 1개: 4")
    expect(tab.locator("#own-preview")).to_contain_text("비밀환불은")
    expect(tab.locator("#own-passage input")).to_have_value("정답")
    tab.locator("#own-start").click()
    expect(tab.locator("#own-progress [data-ended='1']")).to_be_visible(timeout=SLOW)
    expect(tab.locator("#own-answer")).to_contain_text("질문 2개 가운데", timeout=SLOW)
    report = saved(tab, "#own-save-html", tmp_path)
    assert "비밀환불" not in report.read_text("utf-8")
    book = openpyxl.load_workbook(saved(tab, "#own-save-xlsx", tmp_path))
    assert len(book.sheetnames) >= 3
    offline = browser.new_context(offline=True).new_page()
    with watched(offline, report.as_uri()):
        offline.goto(report.as_uri())
        expect(offline.locator("p.answer")).to_contain_text(re.compile("질문 2개"))
        expect(offline.locator("svg rect").first).to_be_visible()
    assert "비밀환불" not in served.log.read_text("utf-8")
    files = [file for file in served.temporary.rglob("*") if file.is_file()]
    assert [file for file in files if content in file.read_bytes()] == []
    second = browser.new_context(locale="ko-KR").new_page()
    to_own(second, served.url)
    expect(second.locator("#own-counts")).not_to_contain_text("질문 2개")
    expect(second.locator("#own-answer")).not_to_contain_text("질문 2개")
    second.locator("#own-start").click()
    expect(second.get_by_text("먼저 질문 파일을 올리거나").last).to_be_visible(timeout=SLOW)


def workbook() -> bytes:
    """Two sheets: a draft of one pair, and two pairs under other heads."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active.title = "초안"
    for row in (["질문", "정답"], ["옛 질문?", "옛 답"]):
        book.active.append(row)
    final = book.create_sheet("최종")
    for row in (
        ["물음", "근거"],
        ["환불은 며칠 안에 하나요?", "비밀환불은 7일 안에 한다."],
        ["배송비는요?", "3천 원이다."],
    ):
        final.append(row)
    book.save(out)
    return out.getvalue()


def test_the_sheet_of_a_workbook_is_chosen_on_the_page(tab: Page, served: Served) -> None:
    expect(tab.locator("#own-sheet-questions")).to_be_hidden()
    content = workbook()
    tab.locator("#own-file-questions input[type=file]").set_input_files(
        {"name": "내책.xlsx", "mimeType": "application/octet-stream", "buffer": content}
    )
    expect(tab.locator("#own-preview")).to_contain_text("내책.xlsx · 초안 (1)", timeout=SLOW)
    expect(tab.locator("#own-counts")).to_contain_text("질문 1개, 문단 1개")
    menu = tab.locator("#own-sheet-questions input")
    expect(menu).to_have_value("초안")
    expect(tab.locator("#own-sheet-passages")).to_be_hidden()
    menu.click()
    tab.get_by_role("option", name="최종").dispatch_event("mousedown")
    expect(tab.locator("#own-preview")).to_contain_text("내책.xlsx · 최종 (2)", timeout=SLOW)
    expect(tab.locator("#own-preview")).not_to_contain_text("옛 질문")
    expect(tab.locator("#own-counts")).to_contain_text("질문 2개, 문단 2개")
    expect(tab.locator("#own-query input")).to_have_value("물음")
    expect(tab.locator("#own-passage input")).to_have_value("근거")
    tab.locator("#language").get_by_text("English", exact=True).click()
    expect(tab.locator("#own-sheet-questions")).to_contain_text("Sheet of the questions file")
    expect(menu).to_have_value("최종")
    files = [file for file in served.temporary.rglob("*") if file.is_file()]
    assert [file for file in files if content in file.read_bytes()] == []
    tab.locator("#own-clear").click()
    expect(tab.locator("#own-sheet-questions")).to_be_hidden()


def test_answers_marked_in_the_ranking_are_there_as_a_set(app: str, page: Page) -> None:
    page.set_default_timeout(SLOW)
    with watched(page, app):
        page.goto(app)
        expect(page.locator("#made-by")).to_be_visible(timeout=SLOW)
        page.locator("#ranking .k-mark").first.click()
        expect(page.locator("#ranking .k-mark").first).to_have_attribute("aria-pressed", "true")
        page.locator("#marked").click()
        expect(page.locator("#own-counts")).to_contain_text("질문 1개, 문단 6개", timeout=SLOW)
