"""The texts that are measured: what a visitor sends, and what a corpus looks like, by number of tokens.

Real Korean from `../shared/benchmarks` when that folder is present, else generated with the same lengths.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

SHARED: Final = Path(__file__).resolve().parents[2] / "shared" / "benchmarks"
PAGE_TEXTS, PAGE_SHORTEST, PAGE_LONGEST = 32, 20, 512
CORPUS_TEXTS: Final = 256
# Deciles of the tokens of AutoRAG's 720 documents, prompt included, cut at 512; counted with the tokenizer of
# `random_model` (0.48 tokens a character).
CORPUS_DECILES: Final = (8, 124, 238, 322, 377, 415, 442, 476, 512, 512, 512)
GENERATED_DOCUMENTS: Final = 400
SYLLABLES: Final = (
    "가나다라마바사아자차카타파하고는을이의에서로지기도한국어말글사람나라물시간하다되다있없보리수정문학생"
)

Count = Callable[[Sequence[str]], Sequence[int]]
"""Counts the tokens of texts."""


@lru_cache
def korean_documents() -> tuple[str, ...]:
    """Return Korean documents: AutoRAG's if they are at hand, else generated ones."""
    corpus = SHARED / "autorag" / "corpus.jsonl"
    if not corpus.is_file():
        return generated_documents()
    with corpus.open(encoding="utf-8") as lines:
        return tuple(json.loads(line)["text"] for line in lines)


def generated_documents(seed: int = 7) -> tuple[str, ...]:
    """Return word-like Korean without meaning, the same each time."""
    random = Random(seed)

    def word() -> str:
        return "".join(random.choices(SYLLABLES, k=random.randint(1, 5)))

    return tuple(" ".join(word() for _ in range(random.randint(40, 400))) for _ in range(GENERATED_DOCUMENTS))


def page_lengths() -> list[int]:
    """Return the token counts of one visitor's batch: 32 texts from 20 to 512 tokens, evenly spread."""
    return [round(n) for n in np.linspace(PAGE_SHORTEST, PAGE_LONGEST, PAGE_TEXTS)]


def corpus_lengths(n_texts: int = CORPUS_TEXTS) -> list[int]:
    """Return the token counts of a corpus with AutoRAG's length statistics."""
    places = (np.arange(n_texts) + 0.5) / n_texts * (len(CORPUS_DECILES) - 1)
    return [round(n) for n in np.interp(places, np.arange(len(CORPUS_DECILES)), CORPUS_DECILES)]


def within(lengths: Sequence[int], tokens: int) -> list[int]:
    """Drop texts evenly over all lengths until the rest has at most `tokens` tokens; 0 keeps all."""
    ordered = sorted(lengths)
    if tokens <= 0 or sum(ordered) <= tokens:
        return ordered
    for n_texts in range(len(ordered) - 1, 0, -1):
        places = np.linspace(0, len(ordered) - 1, n_texts).round().astype(int)
        if sum(ordered[place] for place in places) <= tokens:
            return [ordered[place] for place in places]
    return ordered[:1]


def texts_of_lengths(lengths: Sequence[int], count: Count, seed: int = 3) -> list[str]:
    """Cut Korean texts to given token counts, in random order.

    Args:
        lengths: Tokens wanted, special tokens and prompt included.
        count: Counts tokens as the model does.
        seed: Of the order and the choice of documents.
    """
    random = Random(seed)
    words = " ".join(random.sample(korean_documents(), k=min(200, len(korean_documents())))).split()
    return [_cut(words, length, count, random) for length in random.sample(list(lengths), k=len(lengths))]


def _cut(words: list[str], length: int, count: Count, random: Random) -> str:
    start = random.randrange(max(1, len(words) - length))
    low, high = 1, length
    while low < high:  # the largest number of words with at most `length` tokens
        middle = (low + high + 1) // 2
        fits = count([" ".join(words[start : start + middle])])[0] <= length
        low, high = (middle, high) if fits else (low, middle - 1)
    return " ".join(words[start : start + low])
