"""The ready examples show what their notes say, with the embedded model and BM25 themselves."""

from __future__ import annotations

import pytest

from koe5_demo.agreement import lexical_scores, ranks
from koe5_demo.encoding.opening import load_encoder
from koe5_demo.ranking import compare
from koe5_demo.ui import handlers
from koe5_demo.words import Language

EXAMPLES = {example.id: example for example in handlers.examples()}


@pytest.fixture(scope="module")
def mini():
    return load_encoder("mini")


def test_there_are_four_and_the_cards_own_is_first() -> None:
    assert list(EXAMPLES) == ["card", "law", "health", "lexical"]


@pytest.mark.parametrize(("name", "answer"), [("card", 1), ("law", 4), ("health", 4)])
def test_the_answer_that_the_note_names_is_first(mini, name: str, answer: int) -> None:
    example = EXAMPLES[name]
    scores = compare(example.queries, example.passages, mini).scores
    assert ranks(scores[0])[answer - 1] == 1
    if name != "card":
        assert str(answer) in example.note[Language.KO]


def test_one_near_miss_is_lost_by_bm25_and_the_other_by_the_embedding(mini) -> None:
    example = EXAMPLES["lexical"]
    dense = compare(example.queries, example.passages, mini).scores
    lexical = lexical_scores(example.queries, example.passages)
    smell, code = 4, 1  # passages no. 5 and no. 2, as the note says
    assert ranks(dense[0])[smell] == 1
    assert ranks(lexical[0])[6] == 1  # no. 7, which shares "cold wind"
    assert ranks(lexical[1])[code] == 1
    assert ranks(dense[1])[code] > 1
    assert example.rival == handlers.BM25


def test_a_note_is_shown_only_while_the_boxes_hold_its_example() -> None:
    example = EXAMPLES["law"]
    texts = (example.text_of_queries, example.text_of_passages)
    assert handlers.example_note(*texts, Language.EN) == example.note[Language.EN]
    assert handlers.example_note(texts[0] + "?", texts[1], Language.EN) == ""
