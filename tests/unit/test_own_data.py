"""A visitor's own set: what is read and counted, the answer and its interval, what is handed on, what is mined."""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import math
import re
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import pytrec_eval
from scipy import stats

from koe5_demo.benchmark.commands import add_parsers, run_benchmark
from koe5_demo.benchmark.own.answer import (
    difference_interval,
    duel,
    make_answer,
    mcnemar,
    questions_needed,
    share_interval,
)
from koe5_demo.benchmark.own.columns import Columns, recognise
from koe5_demo.benchmark.own.reading import Form, from_marks, read_own
from koe5_demo.benchmark.own.report import make_report, to_report_html, to_report_xlsx
from koe5_demo.benchmark.own.session import open_upload
from koe5_demo.benchmark.own.triplets import mine_triplets
from koe5_demo.benchmark.run import finished, run_suite
from koe5_demo.benchmark.systems import encoder_source, system_sources
from koe5_demo.errors import DataError, InputError
from koe5_demo.settings import Limits, Settings
from koe5_demo.tables import read_table
from koe5_demo.words import Language
from made_results import result_with
from toy_encoder import LetterCounter

SHEET = """번호,질문,정답 문단
001,환불은 며칠?,환불은 7일 안에 한다.
002,배송비는?,"배송비는 3천 원,
5만 원부터 무료."
,,
003,탈퇴는 어떻게?,
004,배송비는?,"배송비는 3천 원,
5만 원부터 무료."
005,교환은?,교환은 14일 안에 한다.
"""


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def workbook(rows: list[list[object]], *, zeros: str = "") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "빈 시트"
    sheet = book.create_sheet("자료")
    for row in rows:
        sheet.append(row)
    for cell in sheet["A"][1:] if zeros else ():
        cell.number_format = zeros
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def texts_of(own) -> dict[str, str]:
    return dict(zip(own.data.document_ids, own.data.documents, strict=True))


# --- reading -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_pairs_of_a_sheet_are_read_in_any_encoding_and_every_fault_is_counted_with_its_row(tmp_path, encoding):
    own = read_own(written(tmp_path, "faq.csv", SHEET.encode(encoding)))
    assert own.form is Form.PAIRS
    assert own.columns == Columns("질문", "정답 문단", "번호", None)
    assert own.data.queries == ("환불은 며칠?", "배송비는?", "교환은?")
    assert set(texts_of(own)) == {"001", "002", "005"}  # leading zeros stay
    counted = own.counted
    assert (counted.questions, counted.passages, counted.judgements) == (3, 3, 3)
    # the quoted cell takes lines 3 and 4, so the blank row is line 5 and the question without an answer line 6
    assert (counted.blank_rows, counted.unanswered, counted.unanswered_rows) == ((5,), 1, (6,))
    assert counted.duplicate_rows == 1


def test_several_rows_of_one_question_are_several_right_passages(tmp_path):
    own = read_own(written(tmp_path, "a.tsv", "question\tanswer\n수도는?\t서울\n수도는?\t서울시\n"))
    assert own.data.qrels == {"Q1": {"D1": 1, "D2": 1}}


def test_lists_of_right_and_wrong_passages_are_taken_one_by_one(tmp_path):
    lines = '{"query": "가?", "positive": ["하나", "둘"], "negative": ["셋"]}\n{"query": "나?", "positive": "넷"}\n'
    own = read_own(written(tmp_path, "a.jsonl", lines))
    assert own.data.documents == ("하나", "둘", "넷", "셋")
    assert own.data.qrels == {"Q1": {"D1": 1, "D2": 1}, "Q2": {"D3": 1}}
    (told,) = [notice for notice in own.told() if notice.key == "own_wrong_columns"]
    assert told.values == {"columns": "negative", "n": 1}


def test_a_list_of_distractors_is_as_many_passages(tmp_path):
    first = written(tmp_path, "a.csv", "질문,문단\n가?,하나\n")
    own = read_own(first, distractors=written(tmp_path, "d.jsonl", '{"text": ["둘", "셋"]}\n{"text": "하나"}\n'))
    assert own.data.documents == ("하나", "둘", "셋")
    assert (own.counted.distractors, own.counted.duplicate_passages) == (2, 1)


@pytest.mark.parametrize("name", ["negative", "hard_negative_2", "오답", "Negatives"])
def test_wrong_passages_of_a_table_are_searched_too(tmp_path, name):
    own = read_own(written(tmp_path, "a.csv", f"query,positive,{name}\n가?,하나,둘\n나?,둘,\n"))
    assert own.data.documents == ("하나", "둘")
    assert own.data.qrels == {"Q1": {"D1": 1}, "Q2": {"D2": 1}}
    own = read_own(written(tmp_path, "b.csv", f"query,positive,{name}\n가?,하나,셋\n나?,둘,\n"))
    assert own.data.documents == ("하나", "둘", "셋")


def test_the_passage_is_searched_for_where_the_answer_is_there_too(tmp_path):
    own = read_own(written(tmp_path, "a.csv", "질문,답변,근거 문단\n환불?,7일,환불은 7일 안에 한다.\n"))
    assert own.columns.passage == "근거 문단"


def test_a_table_without_names_is_told_that_its_first_line_was_taken_for_them(tmp_path):
    own = read_own(written(tmp_path, "a.csv", "환불은 며칠 안에 하나요?,7일 안에 합니다.\n배송은요?,이틀 걸립니다.\n"))
    assert [notice.values["header"] for notice in own.told() if notice.key == "own_header_is_text"] == [
        "환불은 며칠 안에 하나요?"
    ]
    own = read_own(written(tmp_path, "b.csv", "질문,문단\n가?,하나\n"))
    assert "own_header_is_text" not in {notice.key for notice in own.told()}


def test_hangul_in_parts_is_composed_so_that_equal_texts_are_one(tmp_path):
    import unicodedata

    parts = unicodedata.normalize("NFD", "서울은 수도")
    own = read_own(written(tmp_path, "a.csv", f"질문,문단\n가?,서울은 수도\n나?,{parts}\n"))
    assert own.data.documents == ("서울은 수도",)


def test_labels_and_grades_are_read_and_questions_without_a_right_one_are_left_out(tmp_path):
    text = "query,passage,label\n가?,하나,1\n가?,둘,0\n나?,하나,0\n다?,둘,2\n라?,셋,\n"
    own = read_own(written(tmp_path, "a.csv", text))
    assert own.form is Form.LABELS
    assert own.data.qrels == {"Q1": {"D1": 1, "D2": 0}, "Q3": {"D2": 2}}
    assert (own.counted.unanswered_rows, own.counted.half_rows) == ((4,), (6,))
    assert "셋" in own.data.documents  # it is searched, only nothing is asked for it


def test_the_korean_word_for_answer_is_a_label_where_it_holds_labels(tmp_path):
    own = read_own(written(tmp_path, "a.csv", "질문,문단,정답\n가?,하나,O\n가?,둘,X\n"))
    assert own.columns == Columns("질문", "문단", None, "정답")
    assert own.data.qrels == {"Q1": {"D1": 1, "D2": 0}}


def test_a_column_of_labels_that_holds_no_label_is_none_and_one_can_be_refused(tmp_path):
    own = read_own(written(tmp_path, "a.csv", "질문,문단,라벨\n가?,하나,배송\n"))
    assert (own.form, own.columns.label) == (Form.PAIRS, None)
    path = written(tmp_path, "b.csv", "질문,문단,라벨\n가?,하나,1\n가?,둘,0\n")
    assert read_own(path, Columns(label="")).data.qrels == {"Q1": {"D1": 1, "D2": 1}}


def test_a_label_that_is_none_is_told_with_its_row(tmp_path):
    with pytest.raises(DataError, match=r"row 3.*0\.5|0\.5.*row 3|'0.5' in row 3"):
        read_own(written(tmp_path, "a.csv", "query,passage,label\n가?,하나,1\n나?,둘,0.5\n"))


def test_ids_of_a_second_file_are_looked_up_with_their_zeros(tmp_path):
    questions = written(tmp_path, "q.csv", '질문,문단 id\n가?,007\n나?,"007, 010"\n다?,7\n')
    passages = written(tmp_path, "p.csv", "id,본문\n007,하나\n010,둘\n011,둘\n010,셋\n")
    own = read_own(questions, passages=passages)
    assert own.form is Form.IDS
    assert own.data.qrels == {"Q1": {"007": 1}, "Q2": {"007": 1, "010": 1}}
    assert own.counted.missing_ids == ((4, "7"),)  # not the same as 007
    assert (own.counted.repeated_ids, own.counted.duplicate_passages) == (("010",), 1)
    assert texts_of(own) == {"007": "하나", "010": "둘", "D1": "셋"}


def test_distractors_are_searched_and_those_that_are_there_already_count_once(tmp_path):
    others = written(tmp_path, "d.txt", "하나\n셋\n넷\n")
    own = read_own(written(tmp_path, "a.csv", "질문,문단\n가?,하나\n"), distractors=others)
    assert own.data.documents == ("하나", "셋", "넷")
    assert (own.counted.distractors, own.counted.duplicate_passages) == (2, 1)


def test_a_workbook_is_read_by_sheet_with_the_zeros_that_it_shows(tmp_path):
    rows = [["id", "질문", "문단"], [7, "가?", "=하나"], [None, None, None], [8, "나?", "둘"]]
    path = written(tmp_path, "a.xlsx", workbook(rows, zeros="000"))
    own = read_own(path, sheet="자료")
    assert own.data.document_ids[0] in {"007", "008"}
    assert own.counted.blank_rows == (3,)
    with pytest.raises(DataError, match="자료"):
        read_own(path, sheet="없는 시트")


def test_broken_lines_of_json_are_told_by_their_number(tmp_path):
    good = '{"question": "가?", "passage": "하나"}\n'
    with pytest.raises(DataError, match="Line 2"):
        read_own(written(tmp_path, "a.jsonl", good + '{"question": \n'))
    own = read_own(written(tmp_path, "b.jsonl", good + '\n{"question": null, "passage": "둘"}\n'))
    assert own.counted.half_rows == (3,)


def test_columns_can_be_named_and_a_wrong_name_lists_the_right_ones(tmp_path):
    path = written(tmp_path, "a.csv", "가,나,다\n하나,둘,셋\n")
    own = read_own(path, Columns(query="다", passage="가"))
    assert (own.data.queries, own.data.documents) == (("셋",), ("하나",))
    with pytest.raises(InputError, match="가, 나, 다"):
        read_own(path, Columns(query="라"))
    with pytest.raises(InputError, match="--query-column"):
        read_own(written(tmp_path, "one.csv", "글\n하나\n둘\n"))


def beir_zip(prefix: str = "내 세트/") -> bytes:
    parts = {
        "corpus.jsonl": '{"_id": "d1", "title": "제목", "text": "하나"}\n{"_id": "d2", "text": "둘"}\n',
        "queries.jsonl": '{"_id": "q1", "text": "가?"}\n{"_id": "q2", "text": "나?"}\n',
        "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t0\n",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(prefix + name, text)
        archive.writestr("__MACOSX/corpus.jsonl", "x")
    return out.getvalue()


def test_a_zip_in_beir_layout_is_read_in_memory_like_its_folder(tmp_path):
    own = read_own(written(tmp_path, "set.zip", beir_zip()))
    assert own.form is Form.BEIR
    assert own.data.documents == ("제목 하나", "둘")
    # as in MTEB, a question without a right answer stays and counts 0; it is told
    assert own.data.qrels == {"q1": {"d1": 1}, "q2": {"d2": 0}}
    assert [notice.key for notice in own.notices] == ["data_unanswerable_queries"]
    with zipfile.ZipFile(io.BytesIO(beir_zip(""))) as archive:
        archive.extractall(tmp_path / "set")
    assert read_own(tmp_path / "set").data.content_hash() == own.data.content_hash()
    with pytest.raises(InputError, match="BEIR"):
        read_own(tmp_path / "set.zip", Columns(query="질문"))


def test_limits_on_rows_size_cells_and_what_a_zip_unpacks_to_hold(tmp_path):
    small = Limits(rows=2, file_mb=0.001, cells=4)
    with pytest.raises(DataError, match="3 rows"):
        read_own(written(tmp_path, "a.csv", "질문,문단\n" + "가?,나\n" * 3), limits=Limits(rows=2))
    with pytest.raises(DataError, match="cells"):
        read_table(workbook([["가", "나"]] * 9), "a.xlsx", Limits(cells=4), sheet="자료")
    with pytest.raises(DataError, match="MB"):
        read_own(written(tmp_path, "b.csv", "질문,문단\n" + "가?,나\n" * 200), limits=small)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("corpus.jsonl", b"\0" * 2_000_000)
    with pytest.raises(DataError, match="unpacks"):
        open_upload(out.getvalue(), "bomb.zip", Limits(file_mb=0.1))


def test_marks_of_a_ranking_become_a_set_over_all_passages_that_were_ranked():
    own = from_marks(["가?", "나?"], ["하나", "둘", "셋"], {1: {2}})
    assert own.data.queries == ("나?",)
    assert set(own.data.documents) == {"하나", "둘", "셋"}
    assert [texts_of(own)[id_] for id_ in own.data.qrels["Q1"]] == ["셋"]
    with pytest.raises(DataError, match="no question"):
        from_marks(["가?"], ["하나"], {})


def test_the_first_rows_and_the_mapping_can_be_looked_at_before_anything_runs():
    table = read_table(SHEET.encode(), "faq.csv")
    assert recognise(table) == Columns("질문", "정답 문단", "번호", None)


# --- the answer --------------------------------------------------------------------------------------------------


def pair(only_a: int, only_b: int, both: int, n: int):
    """Two results of n questions: some right for both, some for one alone."""
    a = np.zeros(n)
    b = np.zeros(n)
    a[: both + only_a] = 1
    b[:both] = 1
    b[both + only_a : both + only_a + only_b] = 1
    left, right = result_with(a), result_with(b)

    def named(result, id_):
        manifest = result.manifest
        model = {**manifest.model, "id": id_, "fingerprint": id_}
        return dataclasses.replace(result, manifest=dataclasses.replace(manifest, model=model))

    return named(left, "koe5"), named(right, "bm25")


def made_data(n: int):
    from koe5_demo.benchmark.datasets.assembly import assemble

    return assemble(
        [{"_id": "d", "text": "a"}],
        [{"_id": f"q{i}", "text": "a"} for i in range(n)],
        [{"query-id": f"q{i}", "corpus-id": "d", "score": 1} for i in range(n)],
        name="made",
    )


def test_the_sentence_is_the_one_a_manager_understands():
    answer = make_answer(pair(15, 8, 56, 100), made_data(100))
    assert answer.sentence(Language.EN) == (
        "KoE5 finds the right passage first for 71 of 100 questions, BM25 for 64; the difference could be chance (p = 0.21)"
    )
    assert "질문 100개 가운데 71개" in answer.sentence(Language.KO)
    assert "우연일 수 있습니다 (p = 0.21)" in answer.sentence(Language.KO)
    assert len(answer.standings[0].only) == 15
    assert len(answer.standings[1].only) == 8


def test_a_difference_that_is_none_of_chance_is_told_as_such_and_needs_no_more_questions():
    (found,) = make_answer(pair(20, 3, 50, 100), made_data(100)).duels
    assert found.settled
    assert found.more_questions is None
    assert found.low > 0
    sentence = make_answer(pair(20, 3, 50, 100), made_data(100)).sentence(Language.EN)
    assert "more than chance" in sentence
    assert "p < 0.001" in sentence


def test_equal_systems_are_told_as_equal():
    answer = make_answer(pair(5, 5, 50, 100), made_data(100))
    assert answer.sentence(Language.EN).startswith("KoE5 and BM25 both find the right passage first for 55 of 100")
    assert answer.duels[0].more_questions is None


@pytest.mark.parametrize(("b", "c"), [(15, 8), (8, 15), (1, 0), (0, 7), (20, 3), (5, 5), (300, 250)])
def test_p_and_interval_are_scipys(b, c):
    n = 1000
    exact = stats.binomtest(b, b + c)
    assert mcnemar(b, c) == pytest.approx(exact.pvalue, rel=1e-9)
    share = exact.proportion_ci(method="exact")
    low, high = difference_interval(b, c, n)
    assert low == pytest.approx((2 * share.low - 1) * (b + c) / n, abs=1e-9)
    assert high == pytest.approx((2 * share.high - 1) * (b + c) / n, abs=1e-9)
    assert (low > 0 or high < 0) == (exact.pvalue < 0.05)


def test_the_interval_of_one_share_is_scipys_and_no_disagreement_is_no_certainty():
    share = stats.binomtest(71, 100).proportion_ci(method="exact")
    assert share_interval(71, 100) == pytest.approx((share.low, share.high))
    low, high = difference_interval(0, 0, 100)
    assert high == -low == pytest.approx(stats.binomtest(0, 100).proportion_ci(method="exact").high)


def test_the_interval_is_close_to_the_paired_bootstrap_of_the_suite():
    from koe5_demo.benchmark.compare import compare_results

    a, b = pair(15, 8, 56, 100)
    found = duel(a, b, {"koe5": "KoE5", "bm25": "BM25"})
    (row,) = compare_results(b, a, ("precision_at_1",)).differences
    assert (found.low, found.high) == pytest.approx((row.low, row.high), abs=0.04)


def test_how_many_questions_would_settle_it_is_connors_formula():
    # psi = .23, d = .07: (1.959964 sqrt(.23) + .841621 sqrt(.23 - .0049))^2 / .0049
    by_hand = (1.959964 * math.sqrt(0.23) + 0.841621 * math.sqrt(0.2251)) ** 2 / 0.0049
    assert questions_needed(15, 8, 100) == math.ceil(by_hand) == 367
    assert questions_needed(8, 15, 100) == 367
    assert questions_needed(5, 5, 100) is None
    (found,) = make_answer(pair(15, 8, 56, 100), made_data(100)).duels
    assert found.more_questions == 267


# --- a run -------------------------------------------------------------------------------------------------------

QUESTIONS = "질문,문단\na,aaa\nb,bbb bbb bb c\nzzz,cd ef\nc d,cd ef\n"


@pytest.fixture
def own(tmp_path):
    return read_own(written(tmp_path, "own.csv", QUESTIONS), distractors=written(tmp_path, "d.txt", "ab\ngh\naaa\n"))


@pytest.fixture
def results(own):
    names = ["letters", "bare:letters", "windows:letters", "bm25"]
    return finished(run_suite([own.data], system_sources(names, lambda name: LetterCounter(id_=name)))).results


def test_the_measures_equal_trec_eval_on_the_same_run(own, results):
    for result in results:
        run = {
            query: dict(zip(hits, scores.tolist(), strict=True))
            for query, hits, scores in zip(result.query_ids, result.hits, result.hit_scores, strict=True)
        }
        qrels = {query: dict(grades) for query, grades in own.data.qrels.items()}
        peer = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.1,3,10", "P.1,3", "recall.1,3,10", "recip_rank"})
        rows = list(peer.evaluate(run).values())
        mean = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        for k in (1, 3, 10):
            assert result.metrics[f"ndcg_at_{k}"] == pytest.approx(mean[f"ndcg_cut_{k}"], abs=1e-6)
        assert result.metrics["recall_at_10"] == pytest.approx(mean["recall_10"], abs=1e-6)
        for k in (1, 3):
            p, r = mean[f"P_{k}"], mean[f"recall_{k}"]
            assert result.metrics[f"f1_at_{k}"] == pytest.approx(2 * p * r / (p + r) if p + r else 0, abs=1e-6)


def test_windows_find_what_the_cut_loses_and_prefixes_are_left_out_by_name(own, results):
    # the letter counter counts 12 tokens of "bbb bbb bb c" and cuts at 6; windows part at blanks
    letters, bare, windows, _ = results
    assert letters.manifest.documents_cut == 1
    assert windows.manifest.documents_cut == 0
    assert bare.manifest.model["prompts"] == {"query": "", "passage": ""}
    answer = make_answer(results, own.data)
    assert {standing.model for standing in answer.standings} == {"letters", "bm25"}
    assert {found.b for found in answer.variants} == {"letters (no prefixes)", "letters (windows)"}
    told = "\n".join(answer.lines(Language.KO))
    assert "letters (접두사 없이): " in told
    assert "letters (겹치는 구간): " in told


def test_a_score_of_windows_is_that_of_the_best_one():
    from koe5_demo.benchmark.rankings import best_pieces

    pieces = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    queries = np.array([[0, 1]], np.float32)
    found = best_pieces(queries, [(np.arange(3), pieces)], np.array([0, 0, 1]), np.array([0, 1]), 100)
    assert found.positions.tolist() == [[0, 1]]
    assert found.scores[0].tolist() == pytest.approx([1.0, 0.8])


def test_a_miss_tells_what_came_instead_and_what_is_known_of_the_reason(own, results):
    answer = make_answer(results, own.data)
    letters = next(standing for standing in answer.standings if standing.model == "letters")
    miss = next(miss for miss in letters.misses if miss.question == "zzz")
    assert miss.right == "cd ef"
    assert miss.instead != "cd ef"
    assert "no_words" in miss.why
    assert letters.vector_bytes == 9 * 4
    assert letters.memory_gb == pytest.approx(0.036)


def test_the_report_asks_for_nothing_and_holds_texts_only_on_request(own, results):
    answer = make_answer(results, own.data)
    for with_texts in (False, True):
        html = to_report_html(make_report(answer, own, results, Language.KO, with_texts=with_texts))
        assert not re.search(r"(?:src|href)\s*=|url\(|@import|<script", html)
        assert "<svg" in html
        assert ("zzz" in html) is with_texts
        assert ("cd ef" in html) is with_texts


def test_the_report_escapes_what_people_write(tmp_path):
    own = read_own(written(tmp_path, "x.csv", "질문,문단\n<script>alert(1)</script>,<b>굵게</b>\n"))
    results = finished(run_suite([own.data], [encoder_source(LetterCounter())])).results
    report = make_report(make_answer(results, own.data), own, results, Language.EN, with_texts=True)
    assert "<script>" not in to_report_html(report)


def test_no_cell_of_the_workbook_is_a_formula(tmp_path):
    own = read_own(
        written(tmp_path, "x.csv", "질문,문단\n=1+1,=하나\nzzz,a\n"), distractors=written(tmp_path, "d.txt", "zz")
    )
    results = finished(run_suite([own.data], system_sources(["letters", "bm25"], lambda name: LetterCounter()))).results
    report = make_report(make_answer(results, own.data), own, results, Language.KO, with_texts=True)
    book = openpyxl.load_workbook(io.BytesIO(to_report_xlsx(report)))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert all(cell.data_type in "sn" for cell in cells)
    assert len(book.sheetnames) >= 3


# --- triplets ----------------------------------------------------------------------------------------------------


def test_negatives_keep_a_margin_and_what_is_left_out_is_counted(tmp_path):
    # "a" against "a" 1, "aab" 2/sqrt(5) = .894, "aaaaab" 5/sqrt(26) = .981, "b" 0; the right one scores 1
    own = read_own(
        written(tmp_path, "a.csv", "질문,문단\na,a\n"), distractors=written(tmp_path, "d.txt", "aaaaab\naab\nb\n")
    )
    result = finished(run_suite([own.data], [encoder_source(LetterCounter())])).results[0]
    mined = mine_triplets(result, own.data)
    assert mined.rows == (("a", "a", "aab"),)  # .981 is above .95: too close
    assert (mined.pairs, mined.too_close, mined.no_negative) == (1, 1, 0)
    assert mine_triplets(result, own.data, margin=0.5).rows == (("a", "a", "b"),)
    assert mine_triplets(result, own.data, margin=0).rows == (("a", "a", "aaaaab"),)
    with pytest.raises(InputError, match="margin"):
        mine_triplets(result, own.data, margin=1)


def test_a_passage_that_was_judged_wrong_is_the_first_negative(tmp_path):
    own = read_own(written(tmp_path, "a.csv", "query,passage,label\na,a,1\na,aaaaab,0\n"))
    result = finished(run_suite([own.data], [encoder_source(LetterCounter())])).results[0]
    assert mine_triplets(result, own.data).rows == (("a", "a", "aaaaab"),)


def test_the_triplets_are_what_training_reads(tmp_path, own, results):
    pytest.importorskip("pyarrow")
    from koe5_demo.training.triplets import load_triplets

    mined = mine_triplets(results[0], own.data)
    path = written(tmp_path, "t.jsonl", mined.lines())
    loaded = load_triplets(str(path))
    assert loaded.report.has_negatives
    assert loaded.report.n_kept == len(mined.rows) > 0
    assert loaded.table.column_names == ["query", "document", "hard_negative"]


# --- the command -------------------------------------------------------------------------------------------------


def bench(tmp_path, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_parsers(parser.add_subparsers())
    options = parser.parse_args(["benchmark", *arguments])
    settings = Settings(data_dir=tmp_path / "data", language=Language.EN)
    return run_benchmark(options, settings, lambda name: LetterCounter(id_=name))


def test_the_command_prints_the_answer_first_and_tells_the_counts_before_it_runs(tmp_path, capsys):
    path = written(tmp_path, "own.csv", QUESTIONS)
    assert bench(tmp_path, "--dataset", str(path), "--model", "letters", "bm25") == 0
    out, err = capsys.readouterr()
    assert "find" in out.splitlines()[0]
    assert "of 4 questions" in out.splitlines()[0]
    assert err.index("4 questions, 3 passages") < err.index("loading model")
    assert "1 passages are longer than 6 tokens" in err


def test_the_commands_json_has_answer_counts_and_runs_without_texts(tmp_path, capsys):
    path = written(tmp_path, "own.csv", QUESTIONS)
    assert bench(tmp_path, "--dataset", str(path), "--model", "letters", "bm25", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [run["model"]["id"] for run in found["runs"]] == ["letters", "bm25"]
    assert found["counts"]["questions"] == 4
    assert set(found["answer"]["sentence"]) == {"ko", "en"}
    assert 0 <= found["answer"]["comparisons"][0]["p_value"] <= 1
    assert "cd ef" not in json.dumps(found, ensure_ascii=False)


def test_the_command_writes_report_workbook_triplets_and_runs(tmp_path, capsys):
    path = written(tmp_path, "own.csv", QUESTIONS)
    out = {name: tmp_path / name for name in ("r.html", "r.xlsx", "t.jsonl", "runs")}
    files = ["--report", str(out["r.html"]), "--xlsx", str(out["r.xlsx"]), "--triplets", str(out["t.jsonl"])]
    code = bench(tmp_path, "--dataset", str(path), "--model", "letters", *files, "--output", str(out["runs"]))
    assert code == 0
    assert all(place.exists() for place in out.values())
    assert (out["runs"] / "letters" / "own.trec").is_file()
    assert "triplets of 4 pairs" in capsys.readouterr().err


def test_options_of_an_own_set_are_refused_without_one(tmp_path):
    with pytest.raises(InputError, match="--report"):
        bench(tmp_path, "--dataset", "ours", "--model", "bm25", "--report", str(tmp_path / "r.html"))
    with pytest.raises(InputError, match="--sheet"):
        bench(tmp_path, "--dataset", "ours", "--model", "bm25", "--sheet", "x")


@pytest.mark.parametrize("form", ["csv", "md", "markdown", "table"])
def test_every_format_of_an_own_set_holds_every_system(tmp_path, capsys, form):
    path = written(tmp_path, "own.csv", QUESTIONS)
    assert bench(tmp_path, "--dataset", str(path), "--model", "letters", "bm25", "--format", form) == 0
    out = capsys.readouterr().out
    assert "letters" in out
    assert "bm25" in out.lower()
