"""Exact search, lexical search, fusion and measures, against answers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from koe5_demo.benchmark.lexical import best_with_a_term, kiwi_morphemes
from koe5_demo.benchmark.metrics import average, harmonic_mean, score_queries
from koe5_demo.benchmark.rankings import Rankings, fused, padded, ranked, tie_priority
from koe5_demo.benchmark.search import search
from koe5_demo.errors import MissingExtraError
from koe5_demo.ranking.lexical import Bm25Scores, character_bigrams
from toy_encoder import letter_vectors


def chunked(vectors: np.ndarray, size: int):
    for start in range(0, len(vectors), size):
        stop = min(start + size, len(vectors))
        yield np.arange(start, stop), vectors[start:stop]


def brute_force(queries: np.ndarray, vectors: np.ndarray, ids: list[str], depth: int) -> list[list[int]]:
    scores = queries @ vectors.T
    return [
        sorted(range(len(ids)), key=lambda i: (row[i], ids[i]), reverse=True)[:depth]  # score, then id, descending
        for row in scores
    ]


def rankings_of(*rows: list[tuple[int, float]]) -> Rankings:
    depth = max(len(row) for row in rows)
    return padded([(np.array([p for p, _ in row]), np.array([s for _, s in row], np.float32)) for row in rows], depth)


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
@pytest.mark.parametrize("depth", [1, 10, 100])
def test_search_in_chunks_equals_sorting_everything(size, depth):
    rng = np.random.default_rng(0)
    vectors = rng.integers(-2, 3, (300, 4)).astype(np.float32)  # whole numbers: exact products and many ties
    queries = rng.integers(-2, 3, (17, 4)).astype(np.float32)
    ids = [f"d{n}" for n in rng.permutation(300)]
    found = search(queries, chunked(vectors, size), tie_priority(ids), depth)
    assert found.positions.tolist() == brute_force(queries, vectors, ids, depth)
    assert np.array_equal(found.scores, np.take_along_axis(queries @ vectors.T, found.positions, axis=1))


def test_search_takes_chunks_in_any_order_of_positions():
    vectors = letter_vectors(["a", "b", "ab", "a"])
    chunks = [(np.array([3, 1]), vectors[[3, 1]]), (np.array([2, 0]), vectors[[2, 0]])]
    found = search(letter_vectors(["a"]), chunks, tie_priority(["d0", "d1", "d2", "d3"]), 4)
    assert found.positions.tolist() == [[3, 0, 2, 1]]  # cosines 1, 1, .707, 0; d3 before d0 at equal scores


def test_search_gives_no_more_places_than_documents_and_takes_no_queries():
    vectors = letter_vectors(["a", "b"])
    assert search(letter_vectors(["a"]), chunked(vectors, 5), tie_priority(["x", "y"]), 10).positions.shape == (1, 2)
    none = search(np.empty((0, 9), np.float32), chunked(vectors, 5), tie_priority(["x", "y"]), 10)
    assert none.positions.shape == (0, 2)


def test_more_equal_documents_than_places_are_cut_by_id():
    vectors = letter_vectors(["a"] * 50)
    ids = [f"d{n:02}" for n in range(50)]
    found = search(letter_vectors(["a"]), chunked(vectors, 8), tie_priority(ids), 3)
    assert found.positions.tolist() == [[49, 48, 47]]


def test_ids_compare_by_code_points_as_trec_eval_compares_bytes():
    # U+FFFD sorts below U+10000 in UTF-8 and by code point; UTF-16 would say otherwise
    assert tie_priority(["a", "가", "\ufffd", "\U00010000"]).tolist() == [3, 2, 1, 0]


def test_one_ranking_puts_the_larger_id_first_at_equal_scores():
    positions, scores = ranked(np.array([1, 2, 1], np.float32), np.array([0, 1, 2]), tie_priority(["b", "a", "c"]), 2)
    assert positions.tolist() == [1, 2]
    assert scores.tolist() == [2, 1]


def test_character_bigrams_keep_words_of_one_letter():
    assert character_bigrams(["학교에서 Ab 는", " "]) == [["학교", "교에", "에서", "ab", "는"], []]


def bm25(documents, queries, priority, depth):
    depth = min(depth, len(documents))
    rows = [best_with_a_term(scores, priority, depth) for scores in Bm25Scores(documents).of(queries)]
    return padded(rows, depth)


def test_bm25_finds_what_shares_a_bigram_and_nothing_else():
    documents = ["한강은 서울에 있다", "부산은 항구다", "서울의 산"]
    found = bm25(documents, ["서울은", "zz", ""], tie_priority(["a", "b", "c"]), 10)
    # 서울은 = 서울, 울은: documents 0 and 2 have 서울 and the shorter one wins; document 1 has 산은, which is not 울은
    assert found.positions.tolist() == [[2, 0, -1], [-1, -1, -1], [-1, -1, -1]]
    assert found.scores[0, 0] > found.scores[0, 1] > 0


def test_bm25_over_empty_documents_finds_nothing():
    assert bm25(["", " "], ["a"], tie_priority(["a", "b"]), 5).positions.tolist() == [[-1, -1]]


def test_bm25_puts_the_larger_id_first_at_equal_scores():
    found = bm25(["ab", "ab", "ab", "cd"], ["ab"], tie_priority(["1", "3", "2", "4"]), 2)
    assert found.positions.tolist() == [[1, 2]]


def test_kiwi_is_asked_for_by_its_requirements_when_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "kiwipiepy", None)
    with pytest.raises(MissingExtraError, match=r"requirements-kiwi\.txt"):
        kiwi_morphemes(["a"])


def test_reciprocal_ranks_add_up():
    dense = rankings_of([(0, 0.9), (1, 0.8), (2, 0.7)])
    lexical = rankings_of([(2, 5.0), (1, 4.0)])
    both = fused("rrf", dense, lexical, tie_priority(["a", "b", "c"]), 10)
    # 0: 1/61 = .016393; 1: 1/62 + 1/62 = .032258; 2: 1/63 + 1/61 = .032266
    assert both.positions.tolist() == [[2, 1, 0]]
    assert both.scores[0] == pytest.approx([0.032266, 0.032258, 0.016393], abs=1e-6)


def test_weighted_scores_are_scaled_per_query():
    dense = rankings_of([(0, 0.9), (1, 0.7), (2, 0.5)])
    lexical = rankings_of([(2, 6.0), (1, 4.0), (0, 2.0)])
    both = fused("weighted", dense, lexical, tie_priority(["a", "b", "c"]), 2)
    # each is .5 * scaled: 0: .5 + 0; 1: .25 + .25; 2: 0 + .5; all .5, so the larger ids come first
    assert both.positions.tolist() == [[2, 1]]
    assert both.scores[0] == pytest.approx([0.5, 0.5])


def test_fusion_takes_what_only_one_ranking_found():
    nothing = Rankings(np.full((1, 2), -1), np.full((1, 2), -np.inf, np.float32))
    dense = rankings_of([(0, 0.9), (1, 0.8)])
    for method in ("rrf", "weighted"):
        assert fused(method, dense, nothing, tie_priority(["a", "b"]), 2).positions.tolist() == [[0, 1]]
        assert fused(method, nothing, nothing, tie_priority(["a", "b"]), 2).positions.tolist() == [[-1, -1]]


def test_measures_of_one_query_by_hand():
    rankings = rankings_of([(0, 0.9), (1, 0.8), (2, 0.7)])
    values = average(score_queries(rankings, ["q"], ["a", "b", "c"], {"q": {"b": 1, "c": 1, "gone": 1}}))
    assert values["ndcg_at_1"] == 0
    # DCG@3 = 1/log2(3) + 1/log2(4) = .63093 + .5; ideal, three relevant: 1 + .63093 + .5
    assert values["ndcg_at_3"] == pytest.approx((0.630930 + 0.5) / 2.130930, abs=1e-6)
    assert values["precision_at_3"] == pytest.approx(2 / 3)
    assert values["recall_at_3"] == pytest.approx(2 / 3)
    assert values["f1_at_3"] == pytest.approx(2 / 3)
    assert values["mrr_at_10"] == pytest.approx(0.5)
    assert values["precision_at_10"] == pytest.approx(0.2)  # two of ten, though only three came back


def test_f1_is_the_harmonic_mean_of_the_means_and_not_the_mean_of_f1():
    rankings = rankings_of([(0, 0.9)], [(0, 0.9)])
    qrels = {"q1": {"a": 1}, "q2": {"b": 1, "c": 1}}
    values = average(score_queries(rankings, ["q1", "q2"], ["a", "b", "c"], qrels))
    # P@1 = (1 + 0) / 2, R@1 = (1 + 0) / 2, F1 = .5; with q2 = {a, b}: P = 1, R = (1 + .5) / 2 = .75, F1 = 1.5 / 1.75
    assert values["f1_at_1"] == pytest.approx(0.5)
    qrels["q2"] = {"a": 1, "b": 1}
    values = average(score_queries(rankings, ["q1", "q2"], ["a", "b", "c"], qrels))
    assert values["f1_at_1"] == pytest.approx(1.5 / 1.75)  # the mean of F1 would be (1 + 2/3) / 2 = .8333


def test_f1_reproduces_the_published_value_of_koe5_on_ko_strategyqa():
    assert harmonic_mean(0.76689, 0.50224) == pytest.approx(0.60697, abs=5e-6)
    assert harmonic_mean(0, 0) == 0


def test_a_query_for_which_nothing_came_back_counts_as_zero():
    rankings = Rankings(np.array([[0], [-1]]), np.array([[1.0], [-np.inf]], np.float32))
    values = average(score_queries(rankings, ["q1", "q2"], ["a"], {"q1": {"a": 1}, "q2": {"a": 1}}))
    assert values["ndcg_at_10"] == pytest.approx(0.5)
    assert values["mrr_at_10"] == pytest.approx(0.5)


def test_the_reciprocal_rank_stops_at_ten():
    row = [(n, 1 - n / 100) for n in range(12)]
    ids = [f"d{n}" for n in range(12)]
    for place, expected in ((9, 0.1), (10, 0.0)):
        values = average(score_queries(rankings_of(row), ["q"], ids, {"q": {ids[place]: 1}}))
        assert values["mrr_at_10"] == pytest.approx(expected)


def test_the_search_of_autorag_by_bm25_is_as_good_as_known(shared):
    from koe5_demo.benchmark.datasets.folder import read_folder

    data = read_folder(shared / "benchmarks" / "autorag")
    assert (len(data.documents), len(data.queries)) == (720, 114)
    found = bm25(data.documents, data.queries, tie_priority(data.document_ids), 100)
    values = average(score_queries(found, data.query_ids, data.document_ids, data.qrels))
    assert values["ndcg_at_1"] == pytest.approx(0.81, abs=0.02)
    assert values["ndcg_at_10"] == pytest.approx(0.913, abs=0.005)


def test_ids_that_trec_eval_cannot_hold_are_measured_like_others():
    """Half a surrogate pair ended the whole process, and ids that differ behind a NUL were one."""
    ids = ["a\x00b", "a\x00c", "\ud800", ""]
    qrels = {"q\ud800": {"a\x00b": 1, "\ud800": 1}}
    found = rankings_of([(0, 0.9), (1, 0.8), (2, 0.7), (3, 0.6)])
    scores = score_queries(found, list(qrels), ids, qrels)
    assert [scores[f"precision_at_{k}"][0] for k in (1, 3)] == pytest.approx([1, 2 / 3])
    tied = rankings_of([(3, 0.5), (0, 0.5), (1, 0.5), (2, 0.5)])  # the larger id first: \ud800, a\x00c, a\x00b, ""
    assert score_queries(tied, list(qrels), ids, qrels)["mrr_at_10"].tolist() == [1]
