"""The panel 내 데이터로: what a visitor hands in is read, run and handed out, and is nobody else's."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import gradio as gr
import openpyxl
import pytest

from koe5_demo.benchmark.live import LiveBenchmarks, RunChoice
from koe5_demo.benchmark.own.reading import from_marks, read_own
from koe5_demo.benchmark.own.session import OwnState, of_set
from koe5_demo.benchmark.progress import RunQueue
from koe5_demo.errors import DemoError, InputError
from koe5_demo.records import Notice
from koe5_demo.settings import Limits, Settings
from koe5_demo.ui.boundary import Words
from koe5_demo.ui.own_data_tab import OwnDataPanel, build_own_data_tab
from koe5_demo.ui.sessions import weight
from koe5_demo.words import Language
from toy_encoder import ReadyHost

SECRET = "아무도 모르는 문단 abc"
SHEET = f"질문,정답 문단\na 비밀 질문,{SECRET}\nb,bb\n"


@pytest.fixture
def live(tmp_path: Path) -> LiveBenchmarks:
    return LiveBenchmarks(ReadyHost(), Settings(data_dir=tmp_path / "data"), RunQueue())  # type: ignore[arg-type]


@pytest.fixture
def panel(live: LiveBenchmarks, tmp_path: Path) -> OwnDataPanel:
    with gr.Blocks():
        return build_own_data_tab(
            live, Settings(data_dir=tmp_path / "data"), Words(Language.KO), gr.Radio(["ko", "en"], value="ko")
        )


class Visitor:
    """One session: the values of its components."""

    def __init__(self, panel: OwnDataPanel) -> None:
        self.panel = panel
        parts = [panel.desk, panel.token, panel.with_texts, *panel.choice_inputs, *panel.columns.values()]
        parts += [panel.arrived, panel.spoken, panel.last_step]
        self.values: dict[Any, Any] = {part: deepcopy(part.value) for part in (*parts, *panel.uploads.values())}
        self.values[panel.systems.models] = ["letters"]

    def do(self, compute: Any, **changed: Any) -> dict[Any, Any]:
        answer = compute(self.values, Language.KO)
        self.take(answer)
        return answer

    def take(self, answer: dict[Any, Any]) -> None:
        for part, value in answer.items():
            if not isinstance(value, dict):
                self.values[part] = value
            elif "value" in value:
                self.values[part] = value["value"]

    def upload(self, part: str, path: Path) -> dict[Any, Any]:
        self.values[self.panel.uploads[part]] = str(path)
        return self.do(lambda values, language: self.panel.take_file(part, values, language))

    def run(self, after_first: Callable[[], object] = lambda: None) -> list[dict[Any, Any]]:
        self.do(self.panel.begin)
        steps = []
        for step in self.panel.run(dict(self.values), Language.KO):
            self.take(step)
            steps.append(step)
            if self.panel.arrived in step:
                steps.append(self.do(self.panel.take_results))
                after_first()
                after_first = lambda: None  # noqa: E731
        return steps


def test_a_file_is_shown_counted_and_deleted_and_its_run_answers_in_one_sentence(panel, tmp_path):
    path = tmp_path / "faq.csv"
    path.write_bytes(SHEET.encode("cp949"))
    visitor = Visitor(panel)
    shown = visitor.upload("questions", path)
    assert not path.exists()
    assert SECRET in shown[panel.preview]
    assert "질문 2개, 문단 2개" in shown[panel.counts]
    assert "문단 1개. 뒤가 잘립니다" in shown[panel.counts]  # before anything runs
    assert visitor.values[panel.columns["passage"]] == "정답 문단"
    last = visitor.run()[-1]
    assert [result.model for result in visitor.values[panel.desk].state.results] == [
        "bm25",
        "letters",
        "bare:letters",
        "windows:letters",
    ]
    assert "질문 2개 가운데" in visitor.values[panel.answer]
    assert last[panel.start]["interactive"] is True


def test_nothing_of_a_visitors_texts_is_written_and_no_run_is_there_for_others(panel, live, tmp_path, caplog):
    path = tmp_path / "faq.csv"
    path.write_text(SHEET, "utf-8")
    visitor = Visitor(panel)
    with caplog.at_level("DEBUG"):
        visitor.upload("questions", path)
        visitor.run()
    written = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert written
    assert {file.suffix for file in written} == {".npz"}
    assert not any(SECRET.encode() in file.read_bytes() for file in written)
    assert "비밀" not in caplog.text
    assert "faq" not in caplog.text
    assert [run.id for run in live.saved.runs() if run.id != "shipped"] == []
    other = Visitor(panel)
    assert other.values[panel.desk].state == OwnState()
    assert SECRET not in str(other.do(lambda values, language: panel.show(values[panel.desk], values, language)))


def test_menus_change_the_mapping_and_a_mapping_that_makes_no_set_is_told(panel, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("가,나\n하나 둘,셋\n", "utf-8")
    visitor = Visitor(panel)
    visitor.upload("questions", path)
    visitor.values[panel.columns["query"]] = "가"
    visitor.values[panel.columns["passage"]] = "나"
    visitor.do(panel.remap)
    assert visitor.values[panel.desk].state.own.data.queries == ("하나 둘",)
    visitor.values[panel.columns["label"]] = "나"
    shown = visitor.do(panel.remap)
    assert "라벨" in shown[panel.counts]
    assert visitor.values[panel.desk].state.own is None


def test_a_file_whose_columns_nobody_knows_waits_for_the_menus(panel, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("글\n하나\n둘\n", "utf-8")
    shown = Visitor(panel).upload("questions", path)
    assert "열을 알아볼 수 없습니다" in shown[panel.counts]
    assert shown[panel.mapping]["visible"] is True


def test_a_broken_file_is_told_and_deleted(panel, tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"PK no workbook")
    with pytest.raises(DemoError):
        Visitor(panel).upload("questions", path)
    assert not path.exists()


def two_sheets(path: Path) -> bytes:
    """A workbook whose first sheet holds one pair and whose second two, under other heads; a third is empty."""
    book = openpyxl.Workbook()
    book.active.title = "초안"
    for row in (["질문", "정답"], ["가?", "하나"]):
        book.active.append(row)
    final = book.create_sheet("최종")
    for row in (["물음", "근거"], ["나?", SECRET], ["다?", "둘"]):
        final.append(row)
    book.create_sheet("빈 것")
    book.save(path)
    return path.read_bytes()


def turned(visitor: Visitor, part: str, sheet: str) -> dict[Any, Any]:
    visitor.values[visitor.panel.sheets[part]] = sheet
    return visitor.do(lambda values, language: visitor.panel.turn_to(part, values, language))


def test_another_sheet_of_a_workbook_is_read_anew_though_the_upload_is_gone(panel, tmp_path):
    visitor, path = Visitor(panel), tmp_path / "faq.xlsx"
    content = two_sheets(path)
    shown = visitor.upload("questions", path)
    assert not path.exists()
    assert shown[panel.sheet_row]["visible"] is True
    menu = shown[panel.sheets["questions"]]
    assert (menu["visible"], menu["choices"], menu["value"]) == (True, ["초안", "최종", "빈 것"], "초안")
    assert shown[panel.sheets["distractors"]]["visible"] is False
    assert "faq.xlsx · 초안 (1)" in shown[panel.preview]
    assert "질문 1개, 문단 1개" in shown[panel.counts]
    shown = turned(visitor, "questions", "최종")
    assert "faq.xlsx · 최종 (2)" in shown[panel.preview]
    assert SECRET in shown[panel.preview]
    assert "질문 2개, 문단 2개" in shown[panel.counts]
    assert (visitor.values[panel.columns["query"]], visitor.values[panel.columns["passage"]]) == ("물음", "근거")
    kept = visitor.values[panel.desk].state.books["questions"]
    assert (kept.content, kept.sheet) == (content, "최종")
    assert weight(visitor.values[panel.desk]) >= len(content)  # counted among what sessions may hold
    visitor.do(panel.forget)
    assert visitor.values[panel.desk].state == OwnState()


def test_an_empty_sheet_is_told_and_another_one_can_still_be_chosen(panel, tmp_path):
    visitor, path = Visitor(panel), tmp_path / "faq.xlsx"
    two_sheets(path)
    visitor.upload("questions", path)
    shown = turned(visitor, "questions", "빈 것")
    assert "&#39;빈 것&#39; 시트가 비어" in shown[panel.counts]
    assert visitor.values[panel.desk].state.own is None
    assert shown[panel.sheets["questions"]]["value"] == "빈 것"
    assert "질문 2개" in turned(visitor, "questions", "최종")[panel.counts]


def test_a_workbook_that_begins_with_an_empty_sheet_offers_the_others(panel, tmp_path):
    book, path = openpyxl.Workbook(), tmp_path / "more.xlsx"
    sheet = book.create_sheet("자료")
    for row in (["문단"], ["셋"], ["넷"]):
        sheet.append(row)
    book.save(path)
    visitor, questions = Visitor(panel), tmp_path / "faq.csv"
    questions.write_text(SHEET, "utf-8")
    visitor.upload("questions", questions)
    shown = visitor.upload("distractors", path)
    assert "시트가 비어" in shown[panel.counts]
    shown = turned(visitor, "distractors", "자료")
    assert "질문 2개, 문단 4개" in shown[panel.counts]
    questions.write_text(SHEET, "utf-8")
    shown = visitor.upload("questions", questions)  # the other file's sheet stays chosen
    assert "more.xlsx · 자료 (2)" in shown[panel.preview]


def test_a_workbook_of_one_sheet_asks_nothing_and_is_not_kept(panel, tmp_path):
    book, path = openpyxl.Workbook(), tmp_path / "faq.xlsx"
    for row in (["질문", "정답"], ["가?", "하나"]):
        book.active.append(row)
    book.save(path)
    visitor = Visitor(panel)
    shown = visitor.upload("questions", path)
    assert shown[panel.sheet_row]["visible"] is False
    assert visitor.values[panel.desk].state.books == {}
    assert "faq.xlsx (1)" in shown[panel.preview]


def test_files_to_take_away_hold_texts_only_on_request(panel, tmp_path):
    path = tmp_path / "faq.csv"
    path.write_text(SHEET, "utf-8")
    visitor = Visitor(panel)
    with pytest.raises(InputError, match="no result"):
        panel.file("csv", OwnState(), Language.KO, with_texts=False)
    visitor.upload("questions", path)
    visitor.run()
    state = visitor.values[panel.desk].state
    files = {kind: panel.file(kind, state, Language.KO, with_texts=False) for kind in panel.saves}
    assert {name for name, _, _ in files.values()} == {f"faq.{kind}" for kind in panel.saves}
    assert all("비밀" not in text for _, text, _ in files.values())
    book = openpyxl.load_workbook(io.BytesIO(base64.b64decode(files["xlsx"][1])))
    assert len(book.sheetnames) >= 3
    assert [form["koe5_demo"]["manifest"]["model"]["id"] for form in json.loads(files["json"][1])][:2] == [
        "bm25",
        "letters",
    ]
    assert {line.split()[-1] for line in files["trec"][1].splitlines()} >= {"letters", "bare-letters"}


def test_the_example_and_marks_of_a_ranking_are_sets_like_uploaded_ones(panel):
    visitor = Visitor(panel)
    shown = visitor.do(panel.take_example)
    assert "질문 20개, 문단 28개" in shown[panel.counts]
    own = from_marks(["a?"], ["a", "b"], {0: {0}})
    visitor.do(lambda values, language: panel.take(of_set(own), values, language))
    assert "정답으로 표시한" in visitor.values[panel.counts]
    visitor.run()
    assert visitor.values[panel.desk].state.results
    visitor.do(panel.forget)
    assert visitor.values[panel.desk].state == OwnState()


@pytest.mark.parametrize("by", ["another file", "clear"])
def test_a_run_ends_and_tells_nothing_more_when_its_set_has_gone(panel: OwnDataPanel, tmp_path: Path, by: str) -> None:
    first, second = tmp_path / "faq.csv", tmp_path / "other.csv"
    first.write_text(SHEET, "utf-8")
    second.write_text("질문,정답 문단\n다른 질문,다른 문단\n", "utf-8")
    visitor = Visitor(panel)
    visitor.upload("questions", first)

    def changes_it() -> None:
        if by == "clear":
            visitor.do(panel.forget)
        else:
            visitor.upload("questions", second)

    steps = visitor.run(changes_it)
    state = visitor.values[panel.desk].state
    assert state.results == ()
    assert visitor.values[panel.answer] == ""
    assert (state == OwnState()) is (by == "clear")
    assert SECRET not in str(state)
    assert steps[-1][panel.start]["interactive"] is True
    assert len(visitor.values[panel.arrived].results) < 4  # it was stopped


def test_what_is_cleared_while_the_panel_is_shown_anew_does_not_come_back(panel, live, tmp_path, monkeypatch):
    path = tmp_path / "faq.csv"
    path.write_text(SHEET, "utf-8")
    visitor = Visitor(panel)
    visitor.upload("questions", path)

    def clears(*_: object) -> list[Notice]:
        visitor.do(panel.forget)
        return []

    monkeypatch.setattr(live, "too_long", clears)
    shown = panel.show(visitor.values[panel.desk], visitor.values, Language.EN)
    assert SECRET not in str(shown)
    assert shown[panel.mapping]["visible"] is False


def test_two_files_that_are_handed_in_at_once_are_both_kept(panel, tmp_path):
    visitor = Visitor(panel)
    before = dict(visitor.values)
    for part, text in (("questions", SHEET), ("passages", "번호,문단\n1,다른 문단\n")):
        path = tmp_path / f"{part}.csv"
        path.write_text(text, "utf-8")
        panel.take_file(part, {**before, panel.uploads[part]: str(path)}, Language.KO)
    assert set(visitor.values[panel.desk].state.files) == {"questions", "passages"}


def test_how_far_a_run_is_comes_in_the_language_that_is_chosen_meanwhile(panel: OwnDataPanel, tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text(SHEET, "utf-8")
    visitor = Visitor(panel)
    visitor.upload("questions", path)

    def switches() -> None:
        visitor.values[panel.spoken].language = Language.EN

    steps = [step[panel.progress] for step in visitor.run(switches) if panel.progress in step]
    assert re.search("[가-힣]", steps[0])
    assert not re.search("[가-힣]", steps[-1])


def test_a_visitor_has_one_run_at_a_time_and_can_stop_it(live, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(SHEET, "utf-8")
    data = read_own(path).data
    choice, token = RunChoice(("own",), ("letters",), ("bm25",)), live.open_run()
    run = live.run_own(data, choice, token)
    next(run)
    with pytest.raises(InputError, match="under way"):
        next(live.run_own(data, choice, token))
    assert live.stop(token)
    assert list(run)[-1].stopped


def test_limits_hold_on_the_page(live, tmp_path):
    with gr.Blocks():
        settings = Settings(data_dir=tmp_path, limits=Limits(rows=1))
        panel = build_own_data_tab(live, settings, Words(Language.KO), gr.Radio(["ko", "en"], value="ko"))
    path = tmp_path / "a.csv"
    path.write_text(SHEET, "utf-8")
    shown = Visitor(panel).upload("questions", path)
    assert "1행까지" in shown[panel.counts]


def test_what_a_file_holds_comes_in_the_language_that_is_chosen_while_it_is_told(panel, tmp_path, monkeypatch):
    path = tmp_path / "faq.csv"
    path.write_text(SHEET, "utf-8")
    visitor = Visitor(panel)
    tell = panel.tell

    def switches(*told):
        visitor.values[panel.spoken].language = Language.EN
        return tell(*told)

    monkeypatch.setattr(panel, "tell", switches)
    shown = visitor.upload("questions", path)
    assert not re.search("[가-힣]", re.sub("<[^>]*>", "", shown[panel.counts]))
    assert len(visitor.values[panel.desk].state.files) == 1  # the file was read once
