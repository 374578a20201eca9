"""Training and evaluation data: what is read, what is left out and what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

from koe5_demo.errors import DataError  # noqa: E402
from koe5_demo.training.evaluation import load_retrieval_set  # noqa: E402
from koe5_demo.training.sources import Columns  # noqa: E402
from koe5_demo.training.triplets import Negatives, load_triplets  # noqa: E402

GOOD = [
    {"query": "수도는", "document": "서울이다", "hard_negative": "부산은 항구다"},
    {"query": "항구는", "document": "부산이다", "hard_negative": "서울은 수도다"},
]


def jsonl(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return str(path)


def parquet(path: Path, rows: list[dict[str, Any]], **kinds: Any) -> str:
    table = pa.Table.from_pylist(rows)
    for name, kind in kinds.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(kind))
    pq.write_table(table, path)
    return str(path)


def csv_file(path: Path, rows: list[dict[str, Any]]) -> str:
    lines = [",".join(rows[0])] + [",".join(f'"{value}"' for value in row.values()) for row in rows]
    path.write_text("\n".join(lines), "utf-8-sig")
    return str(path)


@pytest.mark.parametrize(("write", "name"), [(jsonl, "a.jsonl"), (parquet, "a.parquet"), (csv_file, "a.csv")])
def test_every_kind_of_file_gives_the_same_rows(tmp_path, write, name):
    triplets = load_triplets(write(tmp_path / name, GOOD))
    assert triplets.table.to_pylist() == GOOD
    assert triplets.table.column_names == ["query", "document", "hard_negative"]
    assert triplets.report.n_kept == triplets.report.n_read == 2
    assert triplets.report.fingerprint == load_triplets(jsonl(tmp_path / "b.jsonl", GOOD)).report.fingerprint


def test_a_spreadsheet_in_the_old_korean_encoding_is_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("query,document\n수도는,서울이다\n".encode("cp949"))
    assert load_triplets(str(path)).table.to_pylist() == [{"query": "수도는", "document": "서울이다"}]


def test_columns_of_the_local_training_file_are_found_by_name(tmp_path):
    row = {"source": "wiki", "query": "a", "passage": "b", "negative": "c", "title": "", "heading": ""}
    triplets = load_triplets(parquet(tmp_path / "t.parquet", [row]))
    assert triplets.report.columns == Columns("query", "passage", "negative")
    assert triplets.table.to_pylist() == [{"query": "a", "document": "b", "hard_negative": "c"}]


@pytest.mark.parametrize(
    "header", ["anchor,positive,negative", "질문,정답 문단,오답", "Query,Document,Hard_Negative", "질의,문서,오답 문단"]
)
def test_columns_are_found_by_the_names_that_others_use(tmp_path, header):
    path = tmp_path / "t.csv"
    path.write_text(f"{header}\na,b,c\n", "utf-8")
    assert load_triplets(str(path)).table.to_pylist() == [{"query": "a", "document": "b", "hard_negative": "c"}]


@pytest.mark.parametrize("name", ["t.json", "t.jsonl.gz", "t.csv.gz"])
def test_what_a_ranking_reads_can_be_trained_on(tmp_path, name):
    row = {"query": "a", "document": "b"}
    text = "query,document\na,b\n" if ".csv" in name else json.dumps([row] if name == "t.json" else row)
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    assert load_triplets(str(path)).table.to_pylist() == [row]
    (tmp_path / "dataset_info.json").write_text("{}", "utf-8")  # about the data, in the same folder
    (tmp_path / "train.jsonl").write_text(json.dumps(row), "utf-8")
    assert load_triplets(str(tmp_path)).table.to_pylist() == [row]


def test_columns_can_be_named(tmp_path):
    source = jsonl(tmp_path / "t.jsonl", [{"질문": "a", "답": "b", "title": "x"}])
    triplets = load_triplets(source, columns=Columns("질문", "답", None))
    assert triplets.table.to_pylist() == [{"query": "a", "document": "b"}]


def test_a_missing_column_is_named_beside_those_that_are_there(tmp_path):
    source = jsonl(tmp_path / "t.jsonl", [{"question": "a", "answer": "b"}])
    with pytest.raises(DataError, match=r"no column query\. Columns: question, answer"):
        load_triplets(source)
    with pytest.raises(DataError, match=r"no column passages\. Columns: question, answer"):
        load_triplets(source, columns=Columns("question", "passages", None))
    with pytest.raises(DataError, match=r"no column hard_negative \| negative"):
        load_triplets(jsonl(tmp_path / "p.jsonl", [{"query": "a", "document": "b"}]), negatives=Negatives.REQUIRE)


def test_blank_rows_duplicates_and_contradictions_are_counted_and_left_out(tmp_path):
    rows = [
        *GOOD,
        {"query": " \t", "document": "글", "hard_negative": "글 아님"},
        {"query": "글", "document": None, "hard_negative": "글 아님"},
        {"query": "글", "document": "같은 글", "hard_negative": "같은 글"},
        {"query": "글", "document": "있다", "hard_negative": ""},
        dict(GOOD[0]),
    ]
    report = load_triplets(jsonl(tmp_path / "t.jsonl", rows)).report
    assert (report.n_read, report.n_kept) == (7, 2)
    assert (report.n_blank, report.n_contradictions, report.n_without_negative, report.n_duplicates) == (2, 1, 1, 1)
    told = {notice.key: notice.values["n"] for notice in report.notices()}
    assert told == {
        "train_notice_blank": 2,
        "train_notice_without_negative": 1,
        "train_notice_contradictions": 1,
        "train_notice_duplicates": 1,
        "train_notice_triplets": 2,
    }


def test_every_notice_reads_in_both_languages(tmp_path):
    from koe5_demo.words import Language

    rows = [
        *GOOD,
        {"query": "query: 접두사", "document": "있다", "hard_negative": "없다"},
        {"query": "", "document": "b"},
    ]
    report = load_triplets(jsonl(tmp_path / "t.jsonl", rows), evaluation_queries=frozenset({"수도는"})).report
    assert (report.n_prefixed, report.n_in_evaluation) == (1, 1)
    for notice in report.notices():
        assert all(notice.text(language) for language in Language)


def test_rows_of_two_different_triplets_are_no_duplicates_however_their_texts_join(tmp_path):
    rows = [{"query": "a", "document": "bc"}, {"query": "ab", "document": "c"}]
    assert load_triplets(jsonl(tmp_path / "t.jsonl", rows)).report.n_duplicates == 0


def test_a_set_without_a_usable_row_is_refused_with_its_counts(tmp_path):
    rows = [{"query": "", "document": "b"}, {"query": "a", "document": " "}]
    with pytest.raises(DataError, match="Of 2 rows 2 are blank"):
        load_triplets(jsonl(tmp_path / "t.jsonl", rows))
    with pytest.raises(DataError, match="Of 0 rows"):
        load_triplets(_empty(tmp_path))


def _empty(tmp_path: Path) -> str:
    pq.write_table(
        pa.table({"query": pa.array([], pa.string()), "document": pa.array([], pa.string())}), tmp_path / "e.parquet"
    )
    return str(tmp_path / "e.parquet")


def test_few_negatives_make_a_set_of_pairs_unless_they_are_required(tmp_path):
    rows = [{"query": f"q{i}", "passage": f"p{i}", "negative": "n" if i == 0 else ""} for i in range(4)]
    source = jsonl(tmp_path / "t.jsonl", rows)
    pairs = load_triplets(source)
    assert pairs.table.column_names == ["query", "document"]
    assert (pairs.report.n_kept, pairs.report.n_negatives_unused, pairs.report.has_negatives) == (4, 1, False)
    triplets = load_triplets(source, negatives=Negatives.REQUIRE)
    assert (triplets.report.n_kept, triplets.report.n_without_negative) == (1, 3)
    assert load_triplets(jsonl(tmp_path / "g.jsonl", GOOD), negatives=Negatives.IGNORE).table.num_columns == 2


def test_a_column_that_holds_no_text_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"'document' of .* holds int64, not text"):
        load_triplets(parquet(tmp_path / "t.parquet", [{"query": "a", "document": 1}]))
    with pytest.raises(DataError, match=r"'query' of t\.jsonl:2 holds int, not text"):
        load_triplets(jsonl(tmp_path / "t.jsonl", [{"query": "a", "document": "b"}, {"query": 3, "document": "b"}]))


def test_texts_that_look_like_dates_stay_texts(tmp_path):
    rows = [{"query": "2024-01-01", "document": "2024-01-01T00:00:00"}]
    assert load_triplets(jsonl(tmp_path / "t.jsonl", rows)).table.to_pylist() == rows


def test_a_broken_file_is_told_with_its_line(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"query": "a", "document": "b"}\n{"query": "a", \n', "utf-8")
    with pytest.raises(DataError, match=r"Line 2 of t\.jsonl"):
        load_triplets(str(path))
    (tmp_path / "t.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(DataError, match=r"The file t\.parquet is broken"):
        load_triplets(str(tmp_path / "t.parquet"))


def test_a_source_that_is_nothing_is_refused_with_what_would_do(tmp_path):
    for source in (str(tmp_path / "none.parquet"), "only-a-name", str(tmp_path)):
        with pytest.raises(DataError, match=r"hub id .*\.parquet, \.jsonl"):
            load_triplets(source)


def test_a_folder_gives_the_rows_of_its_train_files_in_order_of_name(tmp_path):
    (tmp_path / "data").mkdir()
    parquet(tmp_path / "data" / "train-00001.parquet", GOOD[1:], document=pa.large_string())
    parquet(tmp_path / "data" / "train-00000.parquet", GOOD[:1])
    jsonl(tmp_path / "data" / "validation.jsonl", [{"query": "x", "document": "y", "hard_negative": "z"}])
    triplets = load_triplets(str(tmp_path))
    assert triplets.table.to_pylist() == GOOD
    assert triplets.report.files == ("train-00000.parquet", "train-00001.parquet")


def test_the_fingerprint_tells_order_and_content(tmp_path):
    prints = {
        load_triplets(jsonl(tmp_path / f"{i}.jsonl", rows)).report.fingerprint
        for i, rows in enumerate((GOOD, GOOD[::-1], GOOD[:1]))
    }
    assert len(prints) == 3


def benchmark(folder: Path, qrels: str) -> Path:
    (folder / "qrels").mkdir(parents=True)
    jsonl(folder / "corpus.jsonl", [{"_id": "d1", "title": "제목", "text": "본문"}, {"_id": "d2", "text": "다른 글"}])
    jsonl(folder / "queries.jsonl", [{"_id": "q1", "text": "질의"}, {"_id": "q2", "text": "답 없는 질의"}])
    (folder / "qrels" / "test.tsv").write_text(qrels, "utf-8")
    return folder


def test_a_benchmark_folder_is_read_with_titles_and_without_unanswered_queries(tmp_path):
    read = load_retrieval_set(
        benchmark(tmp_path / "bm", "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq2\tgone\t1\n")
    )
    assert (read.name, read.split) == ("bm", "test")
    assert read.corpus == {"d1": "제목 본문", "d2": "다른 글"}
    assert read.queries == {"q1": "질의"}
    assert read.relevant == {"q1": {"d1"}}


def test_a_benchmark_without_judgements_is_refused(tmp_path):
    with pytest.raises(DataError, match="no query with a relevant document"):
        load_retrieval_set(benchmark(tmp_path / "bm", "query-id\tcorpus-id\tscore\n"))
    with pytest.raises(DataError, match=r"line 3"):
        load_retrieval_set(benchmark(tmp_path / "broken", "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1 d1 1\n"))
    with pytest.raises(DataError, match=r"corpus\.jsonl"):
        load_retrieval_set(tmp_path / "nowhere")
