"""Data sets: folders, the hub, and what is wrong with broken ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from huggingface_hub import constants

from data_stand_in import Repository, data_hub, suite_repositories
from koe5_demo.benchmark.datasets import assembly
from koe5_demo.benchmark.datasets.assembly import StoredTexts, assemble, document_text
from koe5_demo.benchmark.datasets.folder import read_folder
from koe5_demo.benchmark.datasets.hub import from_belebele, from_question_answer
from koe5_demo.benchmark.datasets.registry import (
    DATASETS,
    SUITE,
    find_dataset,
    kept_dataset,
    on_this_machine,
    read_dataset,
)
from koe5_demo.errors import DataError
from koe5_demo.tables import reading
from koe5_demo.words import WORDS, Language


@pytest.fixture
def use_hub(tmp_path, monkeypatch):
    """Point huggingface_hub, which reads its environment only once, at another hub and an empty cache."""

    def use(url):
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    return use


def write_beir(folder: Path, qrels: str = "query-id\tcorpus-id\tscore\nq1\td1\t1\n") -> Path:
    (folder / "qrels").mkdir(parents=True)
    rows = [{"_id": "d1", "title": "제목", "text": "본문"}, {"_id": "d2", "title": "", "text": " 둘째 "}]
    (folder / "corpus.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q1", "text": "질의"}) + "\n\n", encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text(qrels, encoding="utf-8")
    return folder


def test_a_beir_folder_is_read_with_title_and_text_joined_by_a_blank(tmp_path):
    data = read_folder(write_beir(tmp_path / "set"))
    assert data.document_ids == ("d1", "d2")
    assert data.documents == ("제목 본문", "둘째")
    assert data.queries == ("질의",)
    assert data.qrels == {"q1": {"d1": 1}}
    assert (data.name, data.split) == ("set", "test")
    assert data.problems.counts() == {}


@pytest.mark.parametrize(
    "qrels",
    [
        "q1\td2\t2\n",
        "q1\td2\t2.0\n",
        "q1\t0\td2\t2\n",
        "q1 0 d2 2\n",
        "query_id\tdoc_id\trelevance\nq1\td2\t2\n",
        "score\tcorpus-id\tquery-id\n2\td2\tq1\n",
        'query-id\tcorpus-id\tscore\n"q1"\t"d2"\t2\n',
    ],
    ids=["no header", "a grade with a point", "TREC", "TREC with blanks", "BEIR by place", "by name", "quoted"],
)
def test_judgements_are_read_in_every_usual_form(tmp_path, qrels):
    assert read_folder(write_beir(tmp_path, qrels)).qrels == {"q1": {"d2": 2}}


def test_judgements_of_trec_may_lie_in_a_text_file_beside_gzipped_tables(tmp_path):
    folder = write_beir(tmp_path)
    (folder / "qrels" / "test.tsv").replace(folder / "qrels" / "val.txt")
    for name in ("corpus", "queries"):
        file = folder / f"{name}.jsonl"
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    data = read_folder(folder)
    assert (data.split, data.documents, data.queries) == ("val", ("제목 본문", "둘째"), ("질의",))


def test_a_table_may_be_one_json_list(tmp_path):
    folder = write_beir(tmp_path)
    (folder / "queries.jsonl").unlink()
    (folder / "queries.json").write_text('[{"_id": "q1",\n "text": "a"}]', encoding="utf-8")
    assert read_folder(folder).queries == ("a",)
    (folder / "queries.json").write_text('[{"_id": "q1",\n "text": a}]', encoding="utf-8")
    with pytest.raises(DataError, match=r"Line 2 of queries\.json"):
        read_folder(folder)


def test_a_folder_with_a_byte_order_mark_and_windows_line_ends_is_read(tmp_path):
    folder = write_beir(tmp_path / "set")
    (folder / "queries.jsonl").write_bytes(b"\xef\xbb\xbf" + b'{"_id": "q1", "text": "a"}\r\n')
    (folder / "qrels" / "test.tsv").write_bytes(b"\xef\xbb\xbfquery-id\tcorpus-id\tscore\r\nq1\td1\t1\r\n")
    assert read_folder(folder).queries == ("a",)


def test_a_title_of_none_or_nothing_adds_no_blank():
    assert document_text(None, " a ") == "a"
    assert document_text("", " a ") == "a"
    assert document_text("t", " a ") == "t  a"  # MTEB strips the joined text only
    assert document_text("t", None) == "t"


def test_every_kind_of_broken_data_is_counted():
    corpus = [{"_id": "d1", "text": "x"}, {"_id": "d1", "text": "y"}, {"_id": "d2", "text": "  "}]
    texts = [("q1", "a"), ("q1", ""), ("q2", "b"), ("q3", "c")]
    queries = [{"_id": id_, "text": text} for id_, text in texts]
    judgements = [
        {"query-id": "q1", "corpus-id": "d1", "score": 1},
        {"query-id": "q1", "corpus-id": "d1", "score": 2},
        {"query-id": "q1", "corpus-id": "gone", "score": 1},
        {"query-id": "q3", "corpus-id": "d2", "score": 0},
        {"query-id": "nowhere", "corpus-id": "d1", "score": 1},
    ]
    data = assemble(corpus, queries, judgements, name="broken")
    assert data.problems.counts() == {
        "duplicate_documents": 1,
        "duplicate_queries": 1,
        "duplicate_judgements": 1,
        "missing_documents": 1,
        "missing_queries": 1,
        "unjudged_queries": 1,
        "unanswerable_queries": 1,
        "empty_documents": 1,
        "empty_queries": 1,
    }
    assert data.query_ids == ("q1", "q3")
    assert data.documents == ("y", "")
    assert data.qrels["q1"] == {"d1": 2, "gone": 1}
    for notice in data.problems.notices():
        assert notice.text(Language.KO)
        assert "1" in notice.text(Language.EN)


@pytest.mark.parametrize(
    ("break_it", "part"),
    [
        (lambda folder: (folder / "corpus.jsonl").unlink(), "corpus"),
        (lambda folder: (folder / "corpus.jsonl").write_text("{oops"), "Line 1"),
        (lambda folder: (folder / "corpus.jsonl").write_text('{"_id": "d1"}'), "text"),
        (lambda folder: (folder / "corpus.jsonl").write_text(""), "corpus.jsonl is empty"),
        (
            lambda folder: (folder / "corpus.jsonl").write_bytes(b'{"_id": "d1", "text": "\xff"}'),
            r"encoding of corpus.jsonl is unknown \(line 1",
        ),
        (lambda folder: (folder / "qrels" / "test.tsv").write_text("q1\td1\tmany\nq1\td1\t1\n"), "lacks the column"),
        (lambda folder: (folder / "qrels" / "test.tsv").write_text("q1\td1\t1\nq1\td1\tmany\n"), "'many'"),
        (lambda folder: (folder / "qrels" / "test.tsv").write_text("q1\td1\t1\nq1\td1\n"), "line 2"),
        (lambda folder: (folder / "qrels" / "test.tsv").write_text("other\td1\t1\n"), "None of the 1"),
    ],
)
def test_a_broken_folder_says_what_is_broken(tmp_path, break_it, part):
    folder = write_beir(tmp_path / "set")
    break_it(folder)
    with pytest.raises(DataError, match=part):
        read_folder(folder)


def test_the_splits_of_a_folder_are_tried_test_first_and_named_when_none_fits(tmp_path):
    folder = write_beir(tmp_path / "set")
    (folder / "qrels" / "dev.tsv").write_text("q1\td2\t1\n")
    assert read_folder(folder).split == "test"
    assert read_folder(folder, split="dev").qrels == {"q1": {"d2": 1}}
    with pytest.raises(DataError, match="dev, test"):
        read_folder(folder, split="train")


def test_equal_questions_and_answers_share_an_id_and_half_rows_give_no_judgement():
    rows = [
        {"question": "a?", "answer": "A"},
        {"question": "b?", "answer": None},
        {"question": "c?", "answer": "A"},
        {"question": "a?", "answer": "B"},
    ]
    corpus, queries, judgements = from_question_answer(rows)
    assert corpus == [{"_id": "D0", "text": "A"}, {"_id": "D1", "text": "B"}]
    assert queries == [{"_id": "Q0", "text": "a?"}, {"_id": "Q2", "text": "c?"}]
    pairs = [(row["query-id"], row["corpus-id"]) for row in judgements]
    assert pairs == [("Q0", "D0"), ("Q2", "D0"), ("Q0", "D1")]


def test_belebele_has_one_document_a_link_and_one_query_a_question():
    rows = [
        {"link": "x", "flores_passage": "P", "question": "1?"},
        {"link": "x", "flores_passage": "P again", "question": "2?"},
        {"link": "y", "flores_passage": "R", "question": "1?"},
    ]
    corpus, queries, judgements = from_belebele(rows)
    assert corpus == [{"_id": "C0", "text": "P"}, {"_id": "C1", "text": "R"}]
    assert [row["_id"] for row in queries] == ["Q0", "Q1"]
    assert [(row["query-id"], row["corpus-id"]) for row in judgements] == [("Q0", "C0"), ("Q1", "C0"), ("Q0", "C1")]


def test_the_three_sets_are_read_from_the_hub_in_their_real_layouts(tmp_path, use_hub):
    with data_hub(suite_repositories(tmp_path)) as hub:
        use_hub(hub.url)
        strategy, autorag, health = (read_dataset(spec) for spec in SUITE)
        assert all(on_this_machine(spec) for spec in SUITE)
    assert strategy.documents[0] == "김치  배추를 소금에 절여 만든 음식이다."
    assert strategy.query_ids == ("q1", "q2")
    assert strategy.qrels["q1"] == {"김치#1": 1, "김치#2": 1}
    assert strategy.problems.counts() == {"unjudged_queries": 1}
    assert autorag.qrels == {"0_finance": {"finance - 1.pdf": 1}, "1_law": {"finance - 2.pdf": 1}}
    assert health.document_ids == ("D0", "D1", "D2")
    assert health.query_ids == ("Q0", "Q1", "Q2", "Q4")
    assert health.revision == "3b67b6b0000000000000000000000000000000ab"


def test_an_earlier_download_serves_when_the_hub_is_gone(tmp_path, use_hub):
    with data_hub(suite_repositories(tmp_path)) as hub:
        use_hub(hub.url)
        before = [read_dataset(spec) for spec in SUITE]
    assert [data.content_hash() for data in map(read_dataset, SUITE)] == [data.content_hash() for data in before]


def test_an_unreachable_hub_is_named_with_what_to_do(use_hub):
    use_hub("http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"127\.0\.0\.1:9.*ours"):
        read_dataset("AutoRAG-benchmark")


def test_a_repository_that_is_not_on_the_hub_is_named(use_hub):
    with data_hub({}) as hub:
        use_hub(hub.url)
        with pytest.raises(DataError, match="yjoonjang/markers_bm"):
            read_dataset("AutoRAG-benchmark")


def test_a_repository_without_the_table_says_what_it_has(tmp_path, use_hub):
    whole = suite_repositories(tmp_path)["yjoonjang/markers_bm"]
    files = {name: file for name, file in whole.files.items() if not name.startswith("queries")}
    partial = Repository(files, whole.commit)
    with data_hub({"yjoonjang/markers_bm": partial}) as hub:
        use_hub(hub.url)
        with pytest.raises(DataError, match="queries"):
            read_dataset("AutoRAG-benchmark")


def test_names_are_found_in_any_case_and_unknown_ones_answer_with_the_valid():
    assert find_dataset("autoragretrieval") is DATASETS["AutoRAG-benchmark"]
    assert find_dataset("KO-STRATEGYQA") is DATASETS["Ko-StrategyQA"]
    with pytest.raises(DataError, match="PublicHealthQA"):
        find_dataset("no such set")


def test_our_own_set_is_large_enough_and_clean():
    data = read_dataset("ours")
    assert len(data.queries) >= 60
    assert len(data.documents) >= 300
    assert data.problems.counts() == {}
    assert kept_dataset("ours").documents == data.documents


def test_the_time_estimate_follows_from_bytes_and_speed():
    # 1,369,481 bytes / 5 = 273,896 tokens; at 1,000 tokens a second 273.9 s
    assert DATASETS["AutoRAG-benchmark"].estimated_seconds(1000, 512) == pytest.approx(273.8962)
    # no more than 512 tokens a text: 834 texts x 10 = 8,340 tokens
    assert DATASETS["AutoRAG-benchmark"].estimated_seconds(1000, 10) == pytest.approx(8.34)


def test_every_problem_has_its_message():
    from dataclasses import fields

    from koe5_demo.benchmark.datasets.records import Problems

    assert all(f"data_{field.name}" in WORDS for field in fields(Problems))


# --- large corpora ---------------------------------------------------------------------------------------------------


def large_folder(folder: Path, rows: list[dict[str, str]]) -> Path:
    (folder / "qrels").mkdir(parents=True)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "질의"}) + "\n", "utf-8")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td1\t1\n", "utf-8")
    return folder


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(reading, "PIECE_BYTES", 120)
    monkeypatch.setattr(assembly, "MOST_IN_MEMORY", 50)


def test_a_corpus_read_in_pieces_and_kept_on_disk_is_the_one_in_memory(tmp_path, monkeypatch):
    rows = [{"_id": f"d{n}", "title": "제목" * (n % 2), "text": f"본문 {n} 😀" * (n % 5)} for n in range(60)]
    rows.append({"_id": "d3", "title": "", "text": "나중에 온 것"})  # the last of equal ids, at the place of the first
    folder = large_folder(tmp_path / "set", rows)
    whole = read_folder(folder)
    monkeypatch.setattr(reading, "PIECE_BYTES", 120)
    monkeypatch.setattr(assembly, "MOST_IN_MEMORY", 50)
    pieces = read_folder(folder)
    assert isinstance(whole.documents, tuple)
    assert isinstance(pieces.documents, StoredTexts)
    assert tuple(pieces.documents) == whole.documents
    assert pieces.documents[3] == pieces.documents[-57] == "나중에 온 것"
    assert pieces.documents[1:3] == whole.documents[1:3]
    assert (pieces.document_ids, pieces.problems, pieces.qrels) == (whole.document_ids, whole.problems, whole.qrels)
    assert pieces.content_hash() == whole.content_hash()
    assert whole.problems.duplicate_documents == 1
    # Every tenth text is blank: those of an odd number have a title.
    assert whole.problems.empty_documents == 6


def test_a_broken_line_of_a_later_piece_is_told_by_its_own_number(tmp_path, small_pieces):
    folder = large_folder(tmp_path / "set", [{"_id": f"d{n}", "text": "본문 " * 9} for n in range(20)])
    with (folder / "corpus.jsonl").open("a") as corpus:
        corpus.write("{broken\n")
    with pytest.raises(DataError) as refused:
        read_folder(folder)
    assert refused.value.values["line"] == 21


def test_a_list_of_objects_in_one_line_is_still_one_table(tmp_path, small_pieces):
    folder = large_folder(tmp_path / "set", [])
    rows = [{"_id": f"d{n}", "text": "본문 " * 9} for n in range(20)]
    (folder / "corpus.jsonl").write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    assert len(read_folder(folder).documents) == 20
