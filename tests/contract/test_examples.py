"""The ready examples show what their notes say, with the embedded model and BM25 themselves."""

from __future__ import annotations

import pytest

from koe5_demo.encoding.opening import load_encoder
from koe5_demo.ranking import compare
from koe5_demo.ranking.examples import example_note, examples
from koe5_demo.ranking.lexical import BM25, lexical_scores
from koe5_demo.ranking.scores import ranking_of
from koe5_demo.words import Language

EXAMPLES = {example.id: example for example in examples()}


@pytest.fixture(scope="module")
def mini():
    return load_encoder("mini")


def test_the_cards_own_is_second() -> None:
    assert list(EXAMPLES) == ["pear", "card", "law", "health", "lexical"]


def test_the_first_one_has_three_queries_whose_answers_lack_their_word(mini) -> None:
    example = EXAMPLES["pear"]
    assert (len(example.queries), len(example.passages)) == (3, 6)
    assert all("배" in query for query in example.queries)
    assert ["배" in passage for passage in example.passages] == [False, False, False, True, True, False]
    scores = compare(example.queries, example.passages, mini).scores
    assert [int(line.argmax()) for line in scores] == [0, 1, 2]


def test_the_cards_numbers_are_those_that_it_prints() -> None:
    assert EXAMPLES["card"].published == (("q0", "p0", 0.6721), ("q0", "p1", 0.3897), ("p0", "p1", 0.3740))


@pytest.mark.parametrize(("name", "answer"), [("card", 1), ("law", 4), ("health", 4)])
def test_the_answer_that_the_note_names_is_first(mini, name: str, answer: int) -> None:
    example = EXAMPLES[name]
    scores = compare(example.queries, example.passages, mini).scores
    assert ranking_of(scores[0])[1][answer - 1] == 1
    if name != "card":
        assert str(answer) in example.note[Language.KO]


def test_one_near_miss_is_lost_by_bm25_and_two_others_are_nearly_the_same_to_the_embedding(mini) -> None:
    example = EXAMPLES["lexical"]
    dense = compare(example.queries, example.passages, mini).scores
    lexical = lexical_scores(example.queries, example.passages)
    smell, code = 4, 1  # passages no. 5 and no. 2, as the note says
    assert ranking_of(dense[0])[1][smell] == 1
    assert ranking_of(lexical[0])[1][6] == 1  # no. 7, which shares "cold wind"
    assert ranking_of(lexical[1])[1][code] == 1
    assert ranking_of(dense[1])[1][code] == 1
    # The passages with another number or another code come close in cosine, and not in words.
    assert min(dense[1][0], dense[1][2]) > 0.85 * dense[1][code]
    assert min(lexical[1][0], lexical[1][2]) < 0.85 * lexical[1][code]
    assert example.compare_with == BM25


def test_a_note_is_shown_only_while_the_boxes_hold_its_example() -> None:
    example = EXAMPLES["law"]
    texts = (example.text_of_queries, example.text_of_passages)
    assert example_note(*texts, Language.EN) == example.note[Language.EN]
    assert example_note(texts[0] + "?", texts[1], Language.EN) == ""
