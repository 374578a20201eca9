"""Explanations: contributions add up to the cosine, and words are what a reader calls words."""

from __future__ import annotations

import numpy as np
import pytest

from doubles import WordCountEncoder
from koe5_demo.encoding.cache import CachingEncoder, VectorCache
from koe5_demo.errors import InputError
from koe5_demo.ranking.explain import UnitKind, explain, explain_pair, strongest
from koe5_demo.records import Role, TokenVectors


def tokens(sent: str, n_prompt: int, rows: list[tuple[int, int, tuple[float, float]]], **changes) -> TokenVectors:
    spans = np.array([row[:2] for row in rows], dtype=np.int64)
    vectors = np.array([row[2] for row in rows], dtype=np.float32)
    values = {"n_seen_chars": len(sent), "exact": True} | changes
    return TokenVectors(sent, n_prompt, spans=spans, vectors=vectors, **values)


# The query's rows add up to (3, 4), length 5; the passage's to (8, 6), length 10.
QUERY = tokens("query: 가 나", 7, [(-1, -1, (0, 1)), (0, 5, (1, 0)), (7, 8, (2, 0)), (9, 10, (0, 3))])
PASSAGE = tokens("passage: 다라 마", 9, [(9, 10, (3, 0)), (10, 11, (5, 0)), (12, 13, (0, 6))])


def values_of(units, values) -> dict[str, float]:
    return {unit.text or unit.kind.value: round(float(value), 6) for unit, value in zip(units, values, strict=True)}


def test_contributions_are_products_over_both_lengths_and_add_up_to_the_cosine() -> None:
    found = explain_pair(QUERY, PASSAGE)
    # cos = (3*8 + 4*6) / (5*10) = 48/50.
    assert found.score == pytest.approx(0.96)
    # (2, 0).(8, 6)/50 = 16/50, (0, 3).(8, 6)/50 = 18/50, (1, 0).(8, 6)/50 = 8/50, (0, 1).(8, 6)/50 = 6/50.
    assert values_of(found.query_units, found.query_values) == {"가": 0.32, "나": 0.36, "query:": 0.16, "special": 0.12}
    # (3+5, 0).(3, 4)/50 = 24/50, (0, 6).(3, 4)/50 = 24/50.
    assert values_of(found.passage_units, found.passage_values) == {"다라": 0.48, "마": 0.48}
    # 가 with 다라: (2, 0).(8, 0)/50 = 16/50; 가 with 마: 0.
    np.testing.assert_allclose(found.matrix[0], [0.32, 0.0], atol=1e-9)


def test_sub_words_are_joined_and_prompt_and_special_tokens_are_units_of_their_own() -> None:
    units = explain_pair(QUERY, PASSAGE)
    assert [(unit.kind, unit.text, unit.start, unit.end, unit.n_tokens) for unit in units.query_units] == [
        (UnitKind.WORD, "가", 7, 8, 1),
        (UnitKind.WORD, "나", 9, 10, 1),
        (UnitKind.PROMPT, "query:", 0, 7, 1),
        (UnitKind.SPECIAL, "", 0, 0, 1),
    ]
    assert [(unit.text, unit.n_tokens) for unit in units.passage_units] == [("다라", 2), ("마", 1)]


def test_a_word_mark_that_stands_for_a_blank_opens_the_next_word() -> None:
    # XLM-RoBERTa writes a lone mark for the blank at 11; at the very end there is no next word, so the last one has it.
    rows = [(9, 11, (1, 0)), (11, 12, (0, 1)), (12, 13, (1, 0)), (13, 14, (0, 1)), (13, 13, (1, 0))]
    found = explain_pair(QUERY, tokens("passage: 다라 마 ", 9, rows))
    assert [unit.n_tokens for unit in found.passage_units] == [1, 4]


def test_words_behind_the_cut_contribute_nothing_and_say_so() -> None:
    cut = tokens("passage: 다라 마 바", 9, [(9, 11, (8, 0)), (12, 13, (0, 6))], n_seen_chars=13)
    found = explain_pair(QUERY, cut)
    assert [(unit.text, unit.cut) for unit in found.passage_units] == [("다라", False), ("마", False), ("바", True)]
    assert found.passage_values.round(6).tolist() == [0.48, 0.48, 0.0]
    assert found.score == pytest.approx(0.96)


def test_a_text_of_a_prompt_alone_is_explained_too() -> None:
    alone = tokens("query: ", 7, [(-1, -1, (3, 0)), (0, 5, (0, 4))])
    found = explain_pair(alone, PASSAGE)
    # ((3, 4)/5).((8, 6)/10) = 0.96 again.
    assert found.score == pytest.approx(0.96)
    assert [unit.kind for unit in found.query_units] == [UnitKind.PROMPT, UnitKind.SPECIAL]


def test_without_mean_pooling_words_are_compared_and_no_sum_is_claimed() -> None:
    found = explain_pair(tokens(QUERY.sent, 7, [(7, 8, (3, 4)), (9, 10, (0, 2))], exact=False), PASSAGE)
    # 가 = (.6, .8) with 다라 = (1, 0) and 마 = (0, 1); 나 = (0, 1).
    np.testing.assert_allclose(found.matrix, [[0.6, 0.8], [0.0, 1.0]], atol=1e-6)
    assert (found.exact, found.score) == (False, None)
    assert found.query_values.round(6).tolist() == [0.8, 1.0]
    assert found.passage_values.round(6).tolist() == [0.6, 1.0]


def test_the_strongest_words_stay_and_the_rest_is_one_row_that_keeps_the_sum() -> None:
    rows = [(9, 10, (1, 0)), (11, 12, (4, 0)), (13, 14, (2, 0)), (15, 16, (0, 6)), (0, 8, (1, 0))]
    whole = explain_pair(QUERY, tokens("passage: 가 나 다 라", 9, rows))
    short = strongest(whole, 5, 2)
    # Times (3, 4): 3, 12, 6, 24 in the same unit: 나 and 라 are the strongest, 가 and 다 become the rest.
    assert [unit.text or unit.kind.value for unit in short.passage_units] == ["나", "라", "rest", "passage:"]
    rest = short.passage_units[2]
    assert (rest.n_words, rest.n_tokens) == (2, 2)
    # The sum of the passage is (8, 6) as before: 9/50 for the rest.
    assert short.passage_values.round(6).tolist() == [0.24, 0.48, 0.18, 0.06]
    assert short.score == pytest.approx(whole.score)
    assert short.query_units == whole.query_units


def test_a_rest_of_one_word_is_that_word() -> None:
    whole = explain_pair(QUERY, PASSAGE)
    assert strongest(whole, 1, 1).passage_units == whole.passage_units


def test_the_rest_of_an_approximation_has_the_largest_cosine_of_its_words() -> None:
    rows = [(9, 10, (1, 0)), (11, 12, (3, 4)), (13, 14, (0, 1))]
    whole = explain_pair(QUERY, tokens("passage: 가 나 다", 9, rows, exact=False))
    short = strongest(whole, 2, 0)
    # 가 of the query is (1, 0): its best is 1 with 가; 나 is (0, 1): its best is 1 with 다.
    np.testing.assert_allclose(short.matrix, [[1.0], [1.0]], atol=1e-6)


def test_models_without_token_vectors_and_blank_texts_are_refused() -> None:
    with pytest.raises(InputError) as refused:
        explain("서울", "부산", WordCountEncoder())
    assert refused.value.key == "explain_unsupported"
    with pytest.raises(InputError) as refused:
        CachingEncoder(WordCountEncoder(), VectorCache(100)).encode_tokens("서울", Role.QUERY)
    assert refused.value.key == "explain_unsupported"
    with pytest.raises(InputError) as refused:
        explain("서울", " ", WordCountEncoder())
    assert refused.value.key == "no_passage"


@pytest.mark.parametrize("seed", range(20))
def test_random_token_vectors_add_up(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sides = []
    for prompt in ("query: ", "passage: "):
        words = ["가나다"[: rng.integers(1, 4)] for _ in range(rng.integers(1, 12))]
        sent = prompt + " ".join(words)
        starts = rng.integers(0, len(sent), size=rng.integers(1, 30))
        rows = [(int(s), int(s) + 1, tuple(rng.normal(size=2))) for s in starts] + [(-1, -1, (1.0, 0.5))]
        sides.append(tokens(sent, len(prompt), rows))
    left, right = (side.vectors.sum(axis=0, dtype=np.float64) for side in sides)
    expected = left @ right / np.linalg.norm(left) / np.linalg.norm(right)
    found = explain_pair(*sides)
    assert found.score == pytest.approx(expected, abs=1e-6)
    assert strongest(found, 2, 3).score == pytest.approx(expected, abs=1e-6)
    assert sum(unit.n_tokens for unit in found.query_units) == len(sides[0].spans)
