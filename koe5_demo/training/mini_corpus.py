"""The embedded model's training data as numbers: texts as bags of words, words as n-grams, what the teacher said."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from koe5_demo.encoding.ngram_lookup import IntArray, NgramLookup
from koe5_demo.training.mini_data import Pairs, Ragged, WordBook, choose_vocabulary, gram_tables
from koe5_demo.training.mini_recipe import MiniRecipe, SourceGroup


@dataclass(frozen=True)
class Taught:
    """Texts and what the teacher said of them; the first `n_everyday` are everyday sentences."""

    texts: list[str]
    vectors: npt.NDArray[np.float16]
    n_everyday: int


@dataclass(frozen=True)
class Lesson:
    """Texts whose vectors the teacher has given; the first `n_everyday` are everyday sentences."""

    texts: Ragged
    vectors: npt.NDArray[np.float16]
    n_everyday: int

    @cached_property
    def pools(self) -> tuple[IntArray, IntArray, IntArray]:
        """Return which texts are everyday sentences, which are single words, and which have several words."""
        lengths = np.diff(self.texts.offsets)
        return np.arange(self.n_everyday), np.flatnonzero(lengths <= 1), np.flatnonzero(lengths > 1)


@dataclass(frozen=True)
class Corpus:
    """The data as numbers."""

    query: Ragged
    passage: Ragged
    negative: Ragged
    query_key: IntArray
    passage_key: IntArray
    groups: tuple[tuple[SourceGroup, IntArray], ...]
    lesson: Lesson | None
    vocabulary: list[str]
    semantic: Ragged
    lexical: Ragged
    n_words: int


def read_corpus(pairs: Pairs, taught: Taught | None, recipe: MiniRecipe) -> Corpus:
    """Number the words of all texts and choose the vocabulary.

    Raises:
        ValueError: If no word occurs often enough to be learned.
    """
    book = WordBook()
    query, passage, negative = (book.read(texts) for texts in (pairs.query, pairs.passage, pairs.negative))
    lesson = None if taught is None else Lesson(book.read(taught.texts), taught.vectors, taught.n_everyday)
    words = book.words
    counts = sum(np.bincount(part.values, minlength=len(words)) for part in (query, passage, negative))
    vocabulary = choose_vocabulary(words, np.asarray(counts), recipe.vocabulary, min_count=recipe.min_word_count)
    if not vocabulary:
        raise ValueError(f"no word occurs {recipe.min_word_count} times in the data: there is nothing to learn from")
    semantic, lexical = gram_tables(words, NgramLookup(vocabulary))
    return Corpus(
        query=query,
        passage=passage,
        negative=negative,
        query_key=_keys(pairs.query),
        passage_key=_keys(pairs.passage),
        groups=_group_rows(pairs.source, recipe.groups),
        lesson=lesson,
        vocabulary=vocabulary,
        semantic=semantic,
        lexical=lexical,
        n_words=len(words),
    )


def _keys(texts: list[str]) -> IntArray:
    """Number texts so that equal texts have equal numbers, (n,) int64."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)


def _group_rows(source: list[str], groups: tuple[SourceGroup, ...]) -> tuple[tuple[SourceGroup, IntArray], ...]:
    """Return the groups that have rows, with their rows."""
    named = {name: group.name for group in groups for name in group.sources}
    rest = next((group.name for group in groups if not group.sources), "")
    owner = np.array([named.get(name, rest) for name in source])
    found = ((group, np.flatnonzero(owner == group.name)) for group in groups)
    return tuple((group, rows) for group, rows in found if len(rows) > 1)
