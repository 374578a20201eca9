"""The one reader of tables: every kind, encoding and way of writing gives the same text, in its place, or one line."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from doubles import WordCountEncoder
from koe5_demo import exports
from koe5_demo.benchmark.datasets.folder import read_card, read_folder
from koe5_demo.benchmark.lexical import best_with_a_term
from koe5_demo.benchmark.result_tables import to_csv
from koe5_demo.errors import DataError, InputError, TableError
from koe5_demo.ranking import RankingRequest, rank_all
from koe5_demo.ranking.lexical import Bm25Scores
from koe5_demo.settings import Limits
from koe5_demo.tables import Table, clean, read_file, read_table, sheet_names, typed
from koe5_demo.training.triplets import load_triplets
from koe5_demo.words import Language

LIMITS = Limits()
NFD_TEXT = "\u1107\u1169\u11ab\u1106\u116e\u11ab"  # 본문 in parts, as macOS writes it


def table(content: str | bytes, name: str = "a.csv") -> Table:
    return read_table(content.encode() if isinstance(content, str) else content, name, LIMITS)


def workbook(rows: list[list[object]], *more: str, **formats: str) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, number_format in formats.items():
        book.active[cell].number_format = number_format
    for title in more:
        book.create_sheet(title).append(["본문"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def parquet(columns: dict[str, list[object]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def told(content: bytes, name: str, limits: Limits = LIMITS) -> str:
    with pytest.raises(TableError) as refused:
        read_table(content, name, limits)
    assert name in refused.value.text(Language.KO)
    return refused.value.key


# --- one table, whatever it is stored in ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,본문\n001,서울\n,\n003,부산\n".encode()),
        ("a.csv", "id;본문\r\n001;서울\r\n;\r\n003;부산\r\n".encode("utf-16")),
        ("a.csv", "id|본문\n001|서울\n\n003|부산\n".encode("cp949")),
        ("a.tsv", "id\t본문\n001\t서울\n\t\n003\t부산\n".encode("utf-8-sig")),
        ("a.csv.gz", gzip.compress("id,본문\n001,서울\n,\n003,부산\n".encode(), mtime=0)),
        ("a.jsonl", '{"id": "001", "본문": "서울"}\n{"id": null}\n\n{"id": "003", "본문": "부산"}'.encode()),
        ("a.json", '[{"id": "001", "본문": "서울"}, {"id": NaN}, {"id": "003", "본문": "부산"}]'.encode()),
        ("a.parquet", parquet({"id": ["001", None, "003"], "본문": ["서울", None, "부산"]})),
        ("a.xlsx", workbook([["id", "본문"], [1, "서울"], [], [3, "부산"]], A2="000", A4="000")),
    ],
)
def test_every_kind_gives_the_same_text_and_a_blank_row_keeps_its_place(name: str, content: bytes) -> None:
    read = read_table(content, name, LIMITS)
    assert read.columns == ("id", "본문")
    assert read.rows == (("001", "서울"), ("", ""), ("003", "부산"))
    parsed = read.texts()
    assert (parsed.texts, parsed.places, parsed.n_given) == (("서울", "부산"), (0, 2), 3)
    (blank,) = (notice for notice in parsed.notices if notice.key == "notice_blank_rows")
    assert blank.values == {"name": name, "n": 1, "rows": "2"}


def test_lines_tell_where_a_row_stands_in_its_file() -> None:
    assert table('본문\n"두\n줄"\n\n넷째\n').lines == (2, 4, 5)
    assert table('{"a": 1}\n\n{"a": 2}\n', "a.jsonl").lines == (1, 3)
    assert table(workbook([[], ["본문"], ["가"]]), "a.xlsx").lines == (3,)


def test_blank_lines_of_a_text_file_are_places_but_not_those_at_its_end() -> None:
    assert table("\n가\n\n나\n\n", "a.txt").texts().places == (1, 3)
    assert table('본문\n가\n""\n').rows == (("가",), ("",))


def test_numbers_are_written_as_a_person_sees_them() -> None:
    assert table('{"a": 1.10, "b": 007.5}'.replace("007", "7"), "a.jsonl").rows == (("1.10", "7.5"),)
    assert table('{"a": [1, 2.50, {"b": null}], "c": true}', "a.jsonl").rows == (('[1, 2.50, {"b": null}]', "true"),)
    assert table(f'{{"a": {"9" * 5_000}}}', "a.jsonl").rows == (("9" * 5_000,),)
    assert table(parquet({"a": [2024.0, float("nan"), 0.5]}), "a.parquet").rows == (("2024",), ("",), ("0.5",))
    day = datetime.datetime(2024, 3, 1)
    shown = table(workbook([["a", "b", "c", "d"], [2024, 0.1 + 0.2, day, True]]), "a.xlsx").rows
    assert shown == (("2024", "0.3", "2024-03-01", "TRUE"),)


def test_a_sheet_can_be_named_and_several_are_told() -> None:
    content = workbook([["본문"], ["가"]], "둘째")
    assert [notice.key for notice in table(content, "a.xlsx").texts().notices] == ["notice_sheet"]
    assert read_table(content, "a.xlsx", sheet="둘째").rows == ()
    with pytest.raises(TableError, match="Sheets: Sheet, 둘째"):
        read_table(content, "a.xlsx", sheet="셋째")


def test_a_workbook_tells_its_sheets_and_which_one_was_read() -> None:
    content = workbook([["본문"], ["가"]], "둘째")
    assert sheet_names(content, "a.xlsx") == ("Sheet", "둘째")
    assert sheet_names(gzip.compress(content), "a.xlsx.gz") == ("Sheet", "둘째")
    assert sheet_names("본문\n가\n".encode(), "a.csv") == ()
    read = read_table(content, "a.xlsx", sheet="둘째")
    assert (read.sheet, read.sheets) == ("둘째", ("Sheet", "둘째"))
    assert (table("본문\n가\n").sheet, table("본문\n가\n").sheets) == ("", ())


def test_an_empty_sheet_among_others_is_told_with_their_names() -> None:
    content = workbook([], "둘째")
    with pytest.raises(TableError, match=r"sheet 'Sheet' of a\.xlsx is empty.*Sheets: Sheet, 둘째"):
        read_table(content, "a.xlsx")
    assert told(workbook([]), "a.xlsx") == "file_empty"


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [NFD_TEXT, "\ufeff\ufeff본문", "본\u200b문 ", "본문"])
def test_a_column_is_found_however_its_name_is_encoded(header: str) -> None:
    read = table(f"번호,{header}\n1,서울\n")
    assert read.texts("본문").texts == read.texts(NFD_TEXT).texts == ("서울",)
    assert read.suggested_column == read.columns[1]


def test_a_column_is_found_in_any_case_and_its_own_name_is_shown() -> None:
    read = table("ID,Text,text\n1,가,나\n")
    assert (read.texts("id").texts, read.texts("TEXT").texts, read.texts("text").texts) == (("1",), ("가",), ("나",))
    assert {notice.values["column"] for notice in read.texts("TEXT").notices} == {"Text"}


# --- separators and quotes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "columns", "first"),
    [
        (
            "번호;본문 (한국어, 영어, 일본어)\n1;서울, 정말로\n2;부산\n",
            ("번호", "본문 (한국어, 영어, 일본어)"),
            "서울, 정말로",
        ),
        ("번호;본문 (한, 영)\n1;서울, 수도\n2;부산, 항구\n", ("번호", "본문 (한, 영)"), "서울, 수도"),
        ("번호;본문(한,영)\n1;가,나\n2;다,라\n", ("번호", "본문(한,영)"), "가,나"),
        ("번호;본문\n1;1,5톤의 배, 큰 배\n2;서울\n", ("번호", "본문"), "1,5톤의 배, 큰 배"),
        ("번호,본문;요약\n1,서울; 수도\n2,부산\n", ("번호", "본문;요약"), "서울; 수도"),
        ('번호\t본문\n1\t"가, 나; 다"\n', ("번호", "본문"), "가, 나; 다"),
        ("sep=;\r\n번호;본문\r\n1;가, 나\r\n", ("번호", "본문"), "가, 나"),
    ],
)
def test_the_separator_is_the_one_that_parts_all_rows_alike(content: str, columns: tuple[str, ...], first: str) -> None:
    read = table(content)
    assert read.columns == columns
    assert read.rows[0][1] == first


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("a.tsv", "\t")])
def test_a_cell_that_begins_with_a_quoted_word_keeps_its_quotes(name: str, separator: str) -> None:
    rows = [
        ["번호", "본문"],
        ["1", '"한국"의 수도'],
        ["2", '"가 "나" 다"'],
        ["3", '"두\n줄, ""인용"""'],
        ["4", '"쉼표"'],
    ]
    content = "\n".join(separator.join(row) for row in rows)
    assert [row[1] for row in table(content, name).rows] == ['"한국"의 수도', '"가 "나" 다"', '두\n줄, "인용"', "쉼표"]


def test_a_lone_quote_takes_no_rows_with_it() -> None:
    assert table('번호\t본문\n1\t"그는\n2\t그녀"\n', "a.tsv").rows == (("1", '"그는'), ("2", '그녀"'))
    assert told('번호,본문\n1,"그는\n2,부산\n'.encode(), "a.csv") == "file_broken_csv"


def test_a_row_with_more_texts_than_columns_is_refused_and_empty_cells_at_its_end_are_not() -> None:
    assert table("a,b\n1,2,,\n").rows == (("1", "2"),)
    with pytest.raises(TableError, match=r"Line 2 of .* has 3 cells for 2 columns"):
        table("a,b\n1,2,3\n")


@pytest.mark.parametrize(
    ("content", "columns", "rows"),
    [
        ('{"text": ["가", "나"]}', ("text",), (("가",), ("나",))),
        ('{"id": [1, 2],\n "text": ["가", null]}', ("id", "text"), (("1", "가"), ("2", ""))),
        ('{"data": [{"text": "가"}, {"text": "나"}]}', ("text",), (("가",), ("나",))),
        ('{"text": "가", "tags": ["x", "y"]}', ("text", "tags"), (("가", '["x", "y"]'),)),
        ('{"text": ["가", "나"], "id": [1]}', ("text", "id"), (('["가", "나"]', "[1]"),)),
        ('{"text": "가"}\n{"text": "나"}\n', ("text",), (("가",), ("나",))),
    ],
)
def test_json_may_be_a_list_of_rows_an_object_of_columns_or_lines(
    content: str, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]
) -> None:
    read = table(content, "a.json")
    assert (read.columns, read.rows) == (columns, rows)


def test_what_has_no_header_is_not_told_of_one() -> None:
    said = {
        name: table(text, name).texts().notices
        for name, text in (("a.csv", "번호,글\n1,가\n"), ("a.jsonl", '{"글": "가"}'))
    }
    assert [notice.key for notice in said["a.csv"]] == ["notice_column"]
    assert [notice.key for notice in said["a.jsonl"]] == ["notice_named_column"]


def test_a_cell_merged_over_rows_belongs_to_each_of_them() -> None:
    book = openpyxl.Workbook()
    for row in (
        ["질문", "근거"],
        ["환불은?", "7일 안에 한다."],
        [None, "영수증이 든다."],
        ["배송은?", "이틀."],
        ["끝", None],
    ):
        book.active.append(row)
    for merged in ("A2:A3", "A5:B5"):
        book.active.merge_cells(merged)
    file = io.BytesIO()
    book.save(file)
    read = table(file.getvalue(), "a.xlsx")
    assert read.rows == (
        ("환불은?", "7일 안에 한다."),
        ("환불은?", "영수증이 든다."),
        ("배송은?", "이틀."),
        ("끝", ""),
    )
    assert [(notice.key, notice.values["n"]) for notice in read.notices] == [("notice_merged", 1)]


@pytest.mark.parametrize("before", [0, 3, typed.PIECE_BYTES - 20, typed.PIECE_BYTES - 5, 2 * typed.PIECE_BYTES])
@pytest.mark.parametrize("end", [b"</sheetData>", b"</x:sheetData>"])
def test_what_follows_the_rows_is_found_wherever_the_pieces_part(before: int, end: bytes) -> None:
    part = io.BytesIO(b"<sheetData>" + b"r" * before + end + b'<mergeCell ref="A2:A3"/>')
    assert typed._behind_the_rows(part) == b'<mergeCell ref="A2:A3"/>'


# --- our own files come back -----------------------------------------------------------------------------------------


def test_a_ranking_saved_as_csv_comes_back_as_it_was() -> None:
    passages = ["-3도의 날", "@사용자 알림", "'-인용", "＝1+1", "－3도", "''@둘", "그냥 글", "'작은따옴표'"]
    encoder = WordCountEncoder()
    saved = exports.ranking_csv(rank_all(RankingRequest(("=질의",), tuple(passages)), encoder))
    cells = [row["passage"] for row in csv.DictReader(io.StringIO(saved))]
    assert not any(cell.startswith(tuple("=+-@＝＋－＠")) for cell in cells)
    back = table(exports.BYTE_ORDER_MARK + saved)
    assert sorted(back.texts().texts) == sorted(passages)
    assert set(back.texts("query").texts) == {"=질의"}


def test_a_matrix_saved_as_csv_comes_back_and_a_foreign_apostrophe_stays() -> None:
    encoder = WordCountEncoder()
    saved = exports.similarity_csv(["-가", "나"], np.eye(2, dtype=np.float32), encoder.info)
    back = table(saved)
    assert (back.columns[1:], [row[0] for row in back.rows]) == (("-가", "나"), ["-가", "나"])
    assert table("본문\n'-3도\n").rows == (("'-3도",),)


def test_the_benchmarks_csv_is_defused_and_keeps_its_numbers() -> None:
    assert to_csv([["data set", "A"], ["=x", "+1.25"], ["-", "-0.50"]]) == "data set,A\n'=x,+1.25\n'-,-0.50\n"


# --- what nobody sees ------------------------------------------------------------------------------------------------


def test_soft_hyphens_and_zero_width_spaces_inside_words_are_removed_and_told_but_no_joiners() -> None:
    parsed = clean(["서\u00ad울은 수\u200b도", "\ufeffquery: 가", "👨\u200d👩"])
    assert parsed.texts == ("서울은 수도", "query: 가", "👨\u200d👩")
    assert [(notice.key, notice.values["n"]) for notice in parsed.notices] == [("notice_invisible_removed", 3)]


# --- sizes and broken files ------------------------------------------------------------------------------------------


def test_a_workbook_that_unpacks_to_more_than_it_may_is_refused_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/worksheets/sheet1.xml", bytes(2_100_000))
    assert len(out.getvalue()) < 200_000
    assert told(out.getvalue(), "a.xlsx", Limits(file_mb=0.2)) == "file_unpacks"


def test_a_workbook_whose_entities_grow_without_end_is_refused() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "{"x" * 1_000}">{entities}]>'
    whole, out = io.BytesIO(workbook([["본문"], ["가"]])), io.BytesIO()
    with zipfile.ZipFile(whole) as held, zipfile.ZipFile(out, "w") as parts:
        for name in held.namelist():
            content = held.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = bomb.encode() + content[content.index(b"<worksheet") :].replace("가".encode(), b"&e9;")
                assert b"&e9;</t>" in content
            parts.writestr(name, content)
    assert told(out.getvalue(), "a.xlsx") == "data_broken_file"


def test_gzip_is_not_unpacked_beyond_the_limit() -> None:
    assert told(gzip.compress(bytes(300_000), mtime=0), "a.txt.gz", Limits(file_mb=0.2)) == "file_too_big"


def test_too_many_texts_are_refused_by_number() -> None:
    many = table("본문\n" + "글\n" * 1_001)
    with pytest.raises(InputError, match="1,001 passages; the limit is 1,000"):
        many.texts(None, LIMITS)
    with pytest.raises(InputError, match="2,000,001 characters"):
        table("가" * 2_000_001, "a.txt").texts(None, LIMITS)


@pytest.mark.parametrize(
    ("name", "content", "key"),
    [
        ("a.jsonl", b'{"text": ' + b"[" * 985 + b"]" * 985 + b"}", None),
        ("a.jsonl", b"[" * 50_000, "file_broken_jsonl"),
        ("a.json", b"7", "file_broken_jsonl"),
        ("a.json", b'{"text": "a"} x', "file_broken_jsonl"),
        ("a.jsonl", b"{}", "file_broken_jsonl"),
        ("a.csv.gz", gzip.compress("본문\n가\n".encode(), mtime=0)[:-9], "data_broken_file"),
        ("a.csv.gz", b"no gzip", "data_broken_file"),
        ("a.parquet", b"PAR1", "data_broken_file"),
        ("a.xlsx", b"PK\x03\x04", "data_broken_file"),
        ("a.xlsx", b"", "file_empty"),
        ("a.csv", "본문\n".encode() + b"\xff\n", "file_encoding"),
        ("a.zip", b"PK", "file_kind"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(name: str, content: bytes, key: str | None) -> None:
    try:
        read_table(content, name, LIMITS)
    except TableError as error:
        assert key in (None, error.key)
        assert all(len(error.text(language).splitlines()) == 1 for language in Language)
    else:
        assert key is None  # 985 brackets are more or less than this Python reads


def test_a_workbook_with_a_broken_part_is_refused() -> None:
    whole = workbook([["본문"], ["가"]])
    with zipfile.ZipFile(io.BytesIO(whole)) as parts:
        held = {name: parts.read(name) for name in parts.namelist()}
    for name in held:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as parts:
            for other, content in held.items():
                parts.writestr(other, b"<broken" if other == name else content)
        try:
            read_table(out.getvalue(), "a.xlsx", LIMITS)
        except TableError as error:
            assert error.key in {"data_broken_file", "file_no_sheet", "file_empty"}


def test_a_file_that_is_not_there_is_told() -> None:
    for path in (Path("/nowhere/a.csv"), Path("/nowhere/\x00.csv")):
        with pytest.raises(TableError, match="Cannot open the file"):
            read_file(path)


# --- benchmark -------------------------------------------------------------------------------------------------------


def beir(folder: Path, corpus: tuple[str, bytes], queries: tuple[str, bytes], qrels: tuple[str, bytes]) -> Path:
    (folder / "qrels").mkdir(parents=True)
    for place, (name, content) in ((folder, corpus), (folder, queries), (folder / "qrels", qrels)):
        (place / name).write_bytes(content)
    return folder


CORPUS = "_id,title,text\n001,,서울은 수도이다\n002,,부산은 항구이다\n".encode()
QUERIES = '{"_id": "q1", "text": "수도"}\n'.encode()
QRELS = b"query-id\tcorpus-id\tscore\nq1\t001\t1\n"


@pytest.mark.parametrize(
    ("corpus", "qrels"),
    [
        (("corpus.csv", CORPUS), ("test.tsv", QRELS)),
        (("corpus.csv", CORPUS.decode().replace(",", ";").encode("cp949")), ("test.csv", QRELS.replace(b"\t", b";"))),
        (("corpus.tsv", CORPUS.decode().replace(",", "\t").encode("utf-16")), ("test.txt", b"q1 0 001 1\n")),
        (
            ("corpus.csv", CORPUS.replace(b"_id", b"\xef\xbb\xbf\xef\xbb\xbf_ID")),
            ("test.csv", QRELS.replace(b"\t", b",")),
        ),
        (("corpus.csv", CORPUS), ("test.jsonl", b'{"query-id": "q1", "corpus-id": "001", "score": 1}')),
        (
            (
                "corpus.xlsx",
                workbook([["_id", "text"], [1, "서울은 수도이다"], [2, "부산은 항구이다"]], A2="000", A3="000"),
            ),
            ("test.tsv", QRELS),
        ),
    ],
)
def test_a_set_is_read_in_every_kind_with_the_zeros_of_its_ids(tmp_path: Path, corpus, qrels) -> None:
    data = read_folder(beir(tmp_path / "set", corpus, ("queries.jsonl", QUERIES), qrels))
    assert (data.document_ids, data.documents) == (("001", "002"), ("서울은 수도이다", "부산은 항구이다"))
    assert data.qrels == {"q1": {"001": 1}}


def test_ids_meet_however_they_are_encoded_and_are_shown_as_the_corpus_has_them(tmp_path: Path) -> None:
    corpus = f"_id,text\n{NFD_TEXT},서울\n".encode()
    qrels = "query-id\tcorpus-id\tscore\nq1\u200b\t본문\t1\n".encode()
    data = read_folder(beir(tmp_path / "set", ("corpus.csv", corpus), ("queries.jsonl", QUERIES), ("test.tsv", qrels)))
    assert data.qrels == {"q1": {NFD_TEXT: 1}}


def test_ids_that_do_not_meet_are_an_error_and_not_a_score_of_nothing(tmp_path: Path) -> None:
    qrels = ("test.tsv", b"query-id\tcorpus-id\tscore\nq1\t1\t1\n")
    with pytest.raises(DataError, match=r"None of the 1 relevant documents .*'1'.*'001', '002'"):
        read_folder(beir(tmp_path / "set", ("corpus.csv", CORPUS), ("queries.jsonl", QUERIES), qrels))


def test_numbers_and_lists_are_texts_and_null_is_blank(tmp_path: Path) -> None:
    rows = [{"_id": "d1", "text": 2024}, {"_id": "d2", "text": ["부산", 1]}, {"_id": 3, "text": None}]
    corpus = "\n".join(map(json.dumps, rows)).encode()
    qrels = ("test.tsv", b"q1\td1\t1\n")
    data = read_folder(beir(tmp_path / "set", ("corpus.jsonl", corpus), ("queries.jsonl", QUERIES), qrels))
    assert (data.document_ids, data.documents) == (("d1", "d2", "3"), ("2024", '["부산", 1]', ""))
    assert data.problems.counts() == {"empty_documents": 1}


def test_a_blank_row_is_left_out_and_told_and_a_row_without_id_is_refused(tmp_path: Path) -> None:
    queries = ("queries.csv", "_id,text\n,\nq1,수도\n".encode())
    data = read_folder(beir(tmp_path / "a", ("corpus.csv", CORPUS), queries, ("test.tsv", QRELS)))
    assert (data.query_ids, data.problems.counts()) == (("q1",), {"blank_rows": 1})
    nameless = ("queries.csv", "_id,text\nq1,수도\n,항구\n".encode())
    with pytest.raises(DataError, match="queries: row 2 has no id"):
        read_folder(beir(tmp_path / "b", ("corpus.csv", CORPUS), nameless, ("test.tsv", QRELS)))


@pytest.mark.parametrize(
    "grade", ["nan", "inf", "1e999", "99999999999999999999", "-1000001", "9" * 5_000, "1.5", "", "[1]"]
)
def test_a_grade_that_is_no_whole_number_is_refused(tmp_path: Path, grade: str) -> None:
    qrels = ("test.tsv", f"query-id\tcorpus-id\tscore\nq1\t001\t{grade}\n".encode())
    with pytest.raises(DataError, match="no whole number"):
        read_folder(beir(tmp_path / "set", ("corpus.csv", CORPUS), ("queries.jsonl", QUERIES), qrels))


def test_a_composed_query_finds_a_document_in_parts() -> None:
    (scores,) = Bm25Scores([NFD_TEXT, "다른 글"]).of(["본\u00ad문"])
    assert best_with_a_term(scores, np.array([0, 1]), 2)[0].tolist() == [0]


@pytest.mark.parametrize(
    "block",
    [
        "configs: 7",
        "configs:\n- 7\n- config_name: corpus\n  data_files: 7",
        "configs:\n- config_name: corpus\n  data_files:\n  - path: 7",
        "date: 2024-13-45",
        "a: " + "[" * 700,
        "# " + "]" * 700 + "\na: " + "[" * 700,
        "a: " + "[" * 700 + "]" * 700,
        "a: &a [*a]",
    ],
)
def test_a_card_that_makes_no_sense_is_as_none(tmp_path: Path, block: str) -> None:
    folder = beir(tmp_path / "set", ("corpus.csv", CORPUS), ("queries.jsonl", QUERIES), ("test.tsv", QRELS))
    (folder / "README.md").write_text(f"---\n{block}\n---\n", "utf-8")
    assert read_folder(folder).documents == ("서울은 수도이다", "부산은 항구이다")
    assert isinstance(read_card(folder / "README.md"), dict)


# --- training --------------------------------------------------------------------------------------------------------

TRIPLET = {"query": "수도는", "document": "서울이다", "hard_negative": "부산은 항구다"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "query;document;hard_negative\r\n수도는;서울이다;부산은 항구다\r\n".encode("utf-8-sig")),
        ("t.csv", "Query,Document,Hard_Negative\n수도는,서울이다,부산은 항구다\n".encode("utf-16")),
        ("t.tsv", "query\tpassage\tnegative\n수도는\t서울이다\t부산은 항구다\n".encode("cp949")),
        ("t.xlsx", workbook([["query", "positive", "negative_1"], ["수도는", "서울이다", "부산은 항구다"]])),
    ],
)
def test_training_reads_what_ranking_reads(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert load_triplets(str(tmp_path / name)).table.to_pylist() == [TRIPLET]


def test_negatives_beyond_one_a_row_are_told_with_their_number(tmp_path: Path) -> None:
    rows = [
        {
            "query": f"q{n}",
            "positive": f"p{n}",
            "negative_10": "x",
            "negative_2": "b" if n else "",
            "negative_1": f"a{n}",
        }
        for n in range(3)
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    triplets = load_triplets(str(tmp_path / "t.jsonl"))
    assert triplets.table["hard_negative"].to_pylist() == ["a0", "a1", "a2"]
    (notice,) = (each for each in triplets.report.notices() if each.key == "train_notice_further_negatives")
    assert notice.values == {"n": 5, "columns": "negative_2, negative_10"}


def test_unpaired_surrogates_do_not_stop_training_data(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"query": "a\\ud800", "document": "b"}', "utf-8")
    assert load_triplets(str(tmp_path / "t.jsonl")).table["query"].to_pylist() == ["a\N{REPLACEMENT CHARACTER}"]
