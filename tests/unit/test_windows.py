"""Windows over long passages: they fit the model, cover the text, and the best one gives the score."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles import WordCountEncoder
from koe5_demo.errors import InputError
from koe5_demo.ranking import compare
from koe5_demo.ranking.windows import compare_windows, split_passages
from koe5_demo.records import Role
from koe5_demo.words import Language

# The double counts blank-separated words, "passage:" included: of 8 tokens 7 are left for words.
ENCODER = WordCountEncoder()


def words_of(passage: str, windows) -> list[str]:
    return [passage[window.start : window.end] for window in windows]


def test_a_passage_that_fits_is_one_window_and_scores_as_ever() -> None:
    passages = ["서울 수도", "부산 바다 산", "a b c d e f g"]
    found = compare_windows(["서울 수도", "바다"], passages, ENCODER)
    plain = compare(["서울 수도", "바다"], passages, ENCODER)
    np.testing.assert_array_equal(found.comparison.scores, plain.scores)
    assert [(window.start, window.end) for window in found.windows] == [(0, 5), (0, 7), (0, 13)]


def test_windows_hold_as_many_words_as_the_model_reads() -> None:
    passage = " ".join("abcdefghijklmnop")  # 16 words: 7 + 7 + 2 without overlap
    windows = split_passages([passage], ENCODER, overlap=0)
    assert words_of(passage, windows) == ["a b c d e f g", "h i j k l m n", "o p"]
    assert [window.n_tokens for window in windows] == [8, 8, 3]


def test_the_next_window_repeats_the_share_asked_for() -> None:
    passage = " ".join("abcdefghijklmnop")
    windows = split_passages([passage], ENCODER, overlap=0.5)
    # A window is 13 characters, half of it 6.5: the words that begin at 6.5 or later, "e f g", come again.
    assert words_of(passage, windows) == ["a b c d e f g", "e f g h i j k", "i j k l m n o", "m n o p"]


def test_a_window_ends_with_a_sentence_where_one_is_near() -> None:
    passage = "가 나 다 라 마. 바 사 아 자 차 카 타"
    # Seven words would end at 사; the sentence ends two words earlier, within the last 40 %.
    assert words_of(passage, split_passages([passage], ENCODER, overlap=0)) == [
        "가 나 다 라 마.",
        "바 사 아 자 차 카 타",
    ]


def test_a_line_break_ends_a_sentence_too() -> None:
    passage = "제목 하나 둘 셋 넷\n다섯 여섯 일곱 여덟 아홉"
    assert words_of(passage, split_passages([passage], ENCODER, overlap=0))[0] == "제목 하나 둘 셋 넷"


def test_the_best_window_gives_the_score_and_is_named() -> None:
    passage = "서울 서울 수도 서울 수도 서울 서울 부산 바다 부산 바다 산"
    found = compare_windows(["바다 부산", "수도"], [passage, "산"], ENCODER, overlap=0)
    best = found.best_window(0, 0)
    assert passage[best.start : best.end] == "부산 바다 부산 바다 산"
    # 산 is in 부산 too: (1, 1, 1)/sqrt(3) . (2, 2, 3)/sqrt(17) = 7 / sqrt(51) = 0.9802; the whole would give less.
    assert found.comparison.scores[0, 0] == pytest.approx(0.9802, abs=1e-4)
    assert found.comparison.scores[0, 0] > compare(["바다 부산"], [passage], ENCODER).scores[0, 0]
    assert found.best_window(1, 0).start == 0
    assert found.comparison.hits(0)[0].index == 0


def test_nothing_counts_as_cut_and_tokens_are_those_of_the_whole_passage() -> None:
    found = compare_windows(["산"], [" ".join(["산"] * 30)], ENCODER)
    hit = found.comparison.hits(0)[0]
    assert (hit.tokens, hit.truncated) == (31, False)


def test_the_result_names_the_way_of_scoring() -> None:
    found = compare_windows(["산"], [" ".join(["산"] * 14), "바다"], ENCODER, overlap=0)
    assert found.notice().values == {"n": 1, "windows": 2, "overlap": 0}
    assert "2" in found.notice().text(Language.KO)


def test_a_prompt_that_was_typed_goes_before_every_window() -> None:
    encoder = WordCountEncoder()
    passage = "query: " + " ".join(["바다"] * 20)
    found = compare_windows(["바다"], [passage], encoder, overlap=0)
    assert all(text.startswith("query: ") and text.count("query:") == 1 for text in encoder.calls[-1])
    assert found.windows[0].start == 7


@pytest.mark.parametrize("overlap", [-0.1, 0.81, 5])
def test_an_overlap_out_of_range_is_refused(overlap: float) -> None:
    with pytest.raises(InputError) as refused:
        compare_windows(["산"], ["산"], ENCODER, overlap=overlap)
    assert refused.value.key == "bad_overlap"


@pytest.mark.parametrize(("queries", "passages", "key"), [([], ["a"], "no_query"), (["a"], [], "no_passage")])
def test_no_text_is_refused(queries, passages, key: str) -> None:
    with pytest.raises(InputError) as refused:
        compare_windows(queries, passages, ENCODER)
    assert refused.value.key == key


class CharacterEncoder(WordCountEncoder):
    """Counts characters and three around the text, so that a word can be longer than the limit."""

    def count_tokens(self, texts, role):
        return np.array([len("".join(text.split())) + 3 for text in texts], dtype=np.int64)


WORDS = st.text(alphabet="가나다ab .\n!?", min_size=1, max_size=400).filter(lambda text: bool(text.strip()))


@settings(max_examples=150, deadline=None)
@given(WORDS, st.sampled_from([0.0, 0.2, 0.5, 0.8]), st.sampled_from([28, 40, 100]))
def test_windows_fit_go_forward_and_leave_no_character_out(text: str, overlap: float, limit: int) -> None:
    encoder = CharacterEncoder(max_tokens=limit)
    windows = split_passages([text], encoder, overlap=overlap)
    read = np.zeros(len(text), dtype=bool)
    for window in windows:
        read[window.start : window.end] = True
        n_tokens = int(encoder.count_tokens([text[window.start : window.end]], Role.PASSAGE)[0])
        assert n_tokens == window.n_tokens <= limit
    assert all(char.isspace() for char, seen in zip(text, read, strict=True) if not seen)
    assert all(a.start < b.start and a.end < b.end for a, b in itertools.pairwise(windows))


def test_a_very_long_text_without_blanks_is_cut_inside() -> None:
    encoder = CharacterEncoder(max_tokens=100)
    windows = split_passages(["가" * 1000], encoder, overlap=0)
    assert max(window.n_tokens for window in windows) <= 100
    assert sum(window.end - window.start for window in windows) == 1000
