"""The n-grams of many words at once against their definition, word by word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from koe5_demo.encoding.ngram_lookup import UNKNOWN, NgramLookup, normalise_words
from koe5_demo.encoding.ngram_tokenizer import (
    hash_gram,
    lexical_grams,
    normalise_word,
    semantic_grams,
    surface_words,
)

VOCABULARY = [
    "법",
    "원",
    "법원",
    "<법",
    "<법원",
    "<법원>",
    "원>",
    "<법>",
    "법원조직",
    "<법원조직>",
    "a",
    "<a>",
    "é",
    "𠮷",
]
LETTERS = "법원조직가aAbéΣσςİ½ﬃ１_\u0301\u1112\u1161\u11ab𠮷😀\ud800"
TEXTS = st.text(alphabet=LETTERS + " ", max_size=40)


def one_by_one(surface: str) -> tuple[list[int], list[int]]:
    word = normalise_word(surface)
    rows = sorted(VOCABULARY.index(gram) for gram in semantic_grams(word) if gram in VOCABULARY)
    return rows, [hash_gram(gram) for gram in lexical_grams(word)]


def all_at_once(surfaces: list[str]) -> list[tuple[list[int], list[int]]]:
    grams = NgramLookup(VOCABULARY).of(surfaces)
    rows = np.split(grams.rows, np.cumsum(grams.n_rows))[: len(surfaces)]
    hashes = np.split(grams.hashes, np.cumsum(grams.n_hashes))[: len(surfaces)]
    return [(sorted(row.tolist()), each.tolist()) for row, each in zip(rows, hashes, strict=True)]


@given(TEXTS)
def test_all_words_at_once_have_the_ngrams_of_each_alone(text: str) -> None:
    words = surface_words(text)
    assert all_at_once(words) == [one_by_one(word) for word in words]


@given(st.lists(st.text(max_size=6).flatmap(lambda text: st.sampled_from(surface_words(text) or ["가"]))))
def test_words_are_folded_together_as_they_are_alone(words: list[str]) -> None:
    assert normalise_words(words) == [normalise_word(word) for word in words]


def test_the_rows_of_these_words_are_these() -> None:
    found = all_at_once(["법원", "법", "가", "법원조직"])
    assert [rows for rows, _ in found] == [
        [0, 1, 2, 3, 4, 5, 6],  # both letters, the pair, both edges, "<법원" and "<법원>"
        [3, 7, 7],  # one letter: "<법>" is its 3-gram and the whole word
        [],
        [0, 1, 2, 3, 4, 8, 9],
    ]


def test_a_letter_that_the_vocabulary_has_not_matches_nothing() -> None:
    # "각" is unknown: "각법" must not be taken for "법", whose number has the same low bits.
    assert all_at_once(["각법"])[0][0] == [0]


def test_no_word_has_no_ngrams() -> None:
    grams = NgramLookup(VOCABULARY).of([])
    assert [len(part) for part in (grams.rows, grams.n_rows, grams.hashes, grams.n_hashes)] == [0, 0, 0, 0]


def test_more_letters_than_can_be_numbered_are_refused() -> None:
    letters = [chr(0x10000 + i) for i in range(UNKNOWN)]
    with pytest.raises(ValueError, match="has 65535 different letters, at most 65534"):
        NgramLookup(letters)
