"""Ranking and similarity, with an encoder that counts words."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from doubles import WordCountEncoder
from koe5_demo.errors import InputError
from koe5_demo.ranking import compare, rank, similarity
from koe5_demo.records import Role

PASSAGES = ["부산 바다", "서울", "서울 수도", "부산 바다"]


def test_passages_come_in_the_order_of_their_cosines() -> None:
    hits = rank("서울 수도", PASSAGES, WordCountEncoder())
    # (1,0,1,0,0)/√2 against: 0; 1/√2; 1; 0. Passages 1 and 4 tie at 0: they share rank 3 and keep their order.
    assert [hit.index for hit in hits] == [2, 1, 0, 3]
    assert [hit.rank for hit in hits] == [1, 2, 3, 3]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 1 / np.sqrt(2), 0.0, 0.0], abs=1e-6)
    assert [hit.passage for hit in hits][:2] == ["서울 수도", "서울"]


def test_top_k_keeps_the_best() -> None:
    assert [hit.index for hit in rank("서울 수도", PASSAGES, WordCountEncoder(), top_k=2)] == [2, 1]
    assert len(rank("서울", PASSAGES, WordCountEncoder(), top_k=99)) == 4


def test_tokens_and_cuts_come_from_the_encoder() -> None:
    encoder = WordCountEncoder(max_tokens=3)
    hits = rank("서울", ["서울", "서울 수도 산"], encoder)
    by_index = {hit.index: hit for hit in hits}
    # "passage: " is one word here: 2 words, and 4 words of which 3 are seen.
    assert (by_index[0].tokens, by_index[0].truncated) == (2, False)
    assert (by_index[1].tokens, by_index[1].truncated) == (3, True)


def test_similarity_is_symmetric_with_ones_on_the_diagonal() -> None:
    matrix = similarity(["서울 수도", "서울", "바다"], WordCountEncoder(), role=Role.NONE)
    expected = [[1, 1 / np.sqrt(2), 0], [1 / np.sqrt(2), 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(matrix, expected, atol=1e-6)


def test_scores_never_leave_the_range_of_a_cosine() -> None:
    texts = ["서울 부산 수도 바다 산"] * 50
    assert float(similarity(texts, WordCountEncoder()).max()) <= 1.0


@pytest.mark.parametrize(
    ("query", "passages", "key"),
    [
        ("", ["서울"], "no_query"),
        (" \n", ["서울"], "no_query"),
        ("서울", [], "no_passage"),
        ("query: ", ["서울"], "no_query"),
        ("Query：\u200b", ["서울"], "no_query"),
        ("서울", ["passage:"], "no_passage"),
        ("서울", ["산", " "], "blank_text"),
        ("서울", ["산", "passage: "], "blank_text"),
    ],
)
def test_blank_input_is_refused_by_name(query: str, passages: list[str], key: str) -> None:
    with pytest.raises(InputError) as caught:
        rank(query, passages, WordCountEncoder())
    assert caught.value.key == key


def test_a_top_k_of_zero_is_refused_with_its_value() -> None:
    with pytest.raises(InputError, match="got 0"):
        rank("서울", ["서울"], WordCountEncoder(), top_k=0)


def test_each_side_is_encoded_in_its_role_once() -> None:
    encoder = WordCountEncoder()
    compare(["서울", "산"], PASSAGES, encoder)
    assert encoder.calls == [("서울", "산"), tuple(PASSAGES)]


def test_ranking_brings_in_neither_torch_nor_gradio() -> None:
    code = "import sys, koe5_demo.ranking; print([m for m in ('torch', 'gradio', 'plotly') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
