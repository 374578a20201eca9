from __future__ import annotations

import math
import threading
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from koe5_demo.encoding.ngram import NgramEmbedding
from koe5_demo.encoding.ngram_lookup import NgramLookup
from koe5_demo.encoding.ngram_model import NgramConfig, NgramModel, project
from koe5_demo.encoding.ngram_sums import count_words, number_words
from koe5_demo.encoding.ngram_tokenizer import (
    MAX_WORD_CHARS,
    hash_gram,
    lexical_grams,
    normalise_word,
    semantic_grams,
    surface_words,
    word_spans,
)
from koe5_demo.encoding.ngram_weights import NgramWeights, pack_nibbles, quantise_rows, unpack_nibbles

PROMPTS = {"query": "query: ", "passage": "passage: "}
SHARES = {"query": 0.36, "passage": 0.36, "none": 0.36}
AWKWARD = {
    "empty": "",
    "blank": " \n\t",
    "nul": "\x00",
    "nul inside": "법원\x00헌법",
    "emoji": "😀👍🏽",
    "half jamo": "ㅋㅋㅋ ㅎㅏㄴ",
    "decomposed": "\u1112\u1161\u11ab\u1100\u1173\u11af",
    "lone surrogate": "\ud800",
    "right to left": "مرحبا بالعالم",
    "hanja": "大韓民國 憲法",
    "markup": "<script>alert(1)</script>",
    "underscores": "___",
    "only a prompt": "query: ",
    "a fraction": "½ ㎏ ﬃ İ",
}


def make_model(*, max_words: int = 5, query_weight: float = 1.0) -> NgramEmbedding:
    """Rows of length 127 along one axis each (so that 8 bits hold them exactly); every lexical weight is 1."""
    table = np.array([[127, 0], [0, 127]], dtype=np.float32)
    lexical = np.ones((2, 16), dtype=np.float32)
    lexical[1, 3] = query_weight
    weights = NgramWeights.from_floats(table, lexical, bits=8)
    config = NgramConfig(lexical_dim=64, hashes=2, max_words=max_words, lexical_share=SHARES, prompts=PROMPTS)
    return NgramEmbedding(NgramModel(NgramLookup(["가나", "다라"]), weights, config))


def encode(model: NgramEmbedding, texts: list[str], prompt: str | None = None) -> np.ndarray:
    return model(model.preprocess(texts, prompt=prompt))["sentence_embedding"].numpy()


def test_a_word_is_a_run_of_letters_and_digits() -> None:
    assert surface_words("헌법과 ｢법원조직 법｣은, 제169조!") == ["헌법과", "법원조직", "법", "은", "제169조"]
    assert surface_words("foo_bar C++") == ["foo", "bar", "C"]


def test_spans_point_at_the_same_words_in_the_original_text() -> None:
    text = "ＫｏＥ５는 ㎏ 단위,\x00 e\u0301te\u0301 " + "가" * 50
    assert [text[a:b] for a, b in word_spans(text)] == surface_words(text)


def test_a_run_longer_than_the_limit_is_cut_into_words() -> None:
    assert [b - a for a, b in word_spans("가" * 50)] == [MAX_WORD_CHARS, MAX_WORD_CHARS, 50 - 2 * MAX_WORD_CHARS]


def test_a_text_without_letters_is_read_as_its_runs_of_symbols() -> None:
    assert surface_words("😀 👍👍") == ["😀", "👍👍"]
    assert surface_words(" \x00\n") == []


def test_words_are_folded_in_width_composition_and_case() -> None:
    assert normalise_word("ＫｏＥ５") == "koe5"
    assert normalise_word("\u1112\u1161\u11ab") == "한"
    assert normalise_word("½") == "12"


def test_the_grams_of_a_two_letter_word_are_these() -> None:
    assert semantic_grams("가나") == ["<가", "가나", "나>", "<가나", "가나>", "<가나>", "가", "나"]
    assert lexical_grams("가나") == ["<가", "가나", "나>", "<가나>#"]


def test_a_whole_word_longer_than_its_grams_is_one_gram_more() -> None:
    # 4 letters and 2 edges: 1 whole + 5 pairs + 4 triples + 3 fours + 4 letters
    assert len(semantic_grams("법원조직")) == 17
    assert semantic_grams("법원조직")[0] == "<법원조직>"


def test_the_hash_is_crc32() -> None:
    assert hash_gram("123456789") == 0xCBF43926  # the check value of CRC-32


def test_projection_stays_in_range_and_spreads_evenly() -> None:
    coordinates, signs = project(np.arange(6400, dtype=np.uint32), 64, 2)
    assert coordinates.min() == 0
    assert coordinates.max() == 63
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert abs(signs.mean()) < 0.03
    assert np.bincount(coordinates.ravel()).min() > 140  # 200 expected, standard deviation 14


def test_projection_is_splitmix64() -> None:
    # The first output of splitmix64 with seed 0 is 0xE220A8397B1DCDAF: its lowest 16 bits are 0xCDAF.
    coordinates, signs = project(np.zeros(1, dtype=np.uint32), 1 << 15, 2)
    assert coordinates.tolist() == [[0xCDAF >> 1, 0x7B1D >> 1]]
    assert signs.tolist() == [[-1.0, -1.0]]


def test_a_vocabulary_with_repeats_is_refused() -> None:
    with pytest.raises(ValueError, match="3 listed, 2 differ"):
        NgramLookup(["가", "나", "가"])


def test_a_vector_is_the_sum_of_its_words() -> None:
    vector = encode(make_model(), ["가나 다라"])[0]
    # One known n-gram a word: (127, 127), of length 127 * sqrt(2); the semantic half has length sqrt(1 - 0.36) = 0.8.
    np.testing.assert_allclose(vector[:2], [0.8 / math.sqrt(2)] * 2, rtol=1e-6)
    assert np.linalg.norm(vector[2:]) == pytest.approx(0.6, rel=1e-6)


def test_a_repeated_word_counts_the_square_root_of_its_occurrences() -> None:
    vector = encode(make_model(), ["가나 가나 가나 가나 다라"])[0]
    np.testing.assert_allclose(vector[:2], [0.8 * 2 / math.sqrt(5), 0.8 / math.sqrt(5)], rtol=1e-6)


def test_a_text_without_known_ngrams_lives_in_the_lexical_half_alone() -> None:
    vector = encode(make_model(), ["xyz"])[0]
    assert np.linalg.norm(vector[2:]) == pytest.approx(1, rel=1e-6)
    assert not vector[:2].any()


def test_equal_spelling_gives_equal_lexical_halves_whatever_the_order() -> None:
    first, second = encode(make_model(), ["abc def", "DEF, abc!"])
    np.testing.assert_allclose(first, second, atol=1e-7)


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_texts_give_finite_unit_vectors(name: str) -> None:
    vector = encode(make_model(), [AWKWARD[name]])[0]
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, rel=1e-6)


def test_a_text_without_words_points_along_the_first_coordinate() -> None:
    assert encode(make_model(), ["", "가나"])[0].tolist() == [1.0] + [0.0] * 65


def test_a_text_of_200000_characters_is_cut_at_the_word_limit() -> None:
    model = make_model(max_words=5)
    assert model.core.count_words(["가" * 200_000]) == [math.ceil(200_000 / MAX_WORD_CHARS)]
    assert len(model.core.word_spans("가" * 200_000)) == 5
    np.testing.assert_array_equal(*encode(model, ["가" * 200_000, "가" * 5 * MAX_WORD_CHARS]))


def test_a_prompt_is_a_role_and_not_content() -> None:
    model = make_model()
    assert model.core.split_prompt("query: 가나") == ("query", "query: ")
    assert model.core.count_words(["query: 가나 다라", "가나", ""]) == [2, 1, 0]
    assert model.core.word_spans("passage: 가나 다라") == [(9, 11), (12, 14)]
    np.testing.assert_array_equal(encode(model, ["passage: 가나"]), encode(model, ["가나"]))
    np.testing.assert_array_equal(encode(model, ["query: 가나"]), encode(model, ["가나"], prompt="query: "))


def test_queries_have_lexical_weights_of_their_own() -> None:
    grams = "".join(chr(0xAC00 + i) for i in range(20))  # its 22 n-grams fall into all kinds of the 16 buckets
    same = encode(make_model(), [f"query: {grams}", f"passage: {grams}"])
    other = encode(make_model(query_weight=9.0), [f"query: {grams}", f"passage: {grams}"])
    assert same[0] @ same[1] == pytest.approx(1, rel=1e-6)
    assert other[0] @ other[1] < 0.99


@pytest.mark.parametrize(
    "text", ["가나 다라 가나 xyz", "query: 가나 abc 가나 가나", "xyz", "가나 다라 마바 사아 자차 카타 파하"]
)
def test_word_vectors_add_up_to_the_sentence_vector(text: str) -> None:
    model = make_model()
    parts = model.core.word_vectors(text)
    assert parts.shape == (len(model.core.word_spans(text)), model.get_embedding_dimension())
    np.testing.assert_allclose(parts.sum(axis=0), encode(model, [text])[0], atol=1e-6)


def test_a_text_without_words_has_no_word_vectors() -> None:
    assert make_model().core.word_vectors("query: ").shape == (0, 66)


def test_a_vector_does_not_depend_on_its_batch() -> None:
    model = make_model()
    texts = ["가나 xyz", "query: 다라 다라", "", "abc " * 4]
    np.testing.assert_allclose(encode(model, texts), np.vstack([encode(model, [text]) for text in texts]), atol=1e-7)


def test_threads_that_share_a_model_get_the_same_vectors() -> None:
    model, texts = make_model(), [f"가나 {i} 다라 {i + 1}" for i in range(60)]
    expected, found = encode(make_model(), texts), {}

    def work(name: int) -> None:
        found[name] = np.vstack([encode(model, [text]) for text in texts])

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for vectors in found.values():
        np.testing.assert_allclose(vectors, expected, atol=1e-7)
    assert len(found) == 4


def test_no_text_at_all_gives_no_rows() -> None:
    assert encode(make_model(), []).shape == (0, 66)


def test_eight_bits_hold_a_row_up_to_half_a_step() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 16)).astype(np.float32)
    codes, scales = quantise_rows(rows, 8)
    assert np.abs(codes * scales[:, None] - rows).max() <= 0.51 * scales.max()


def test_four_bits_use_codes_from_minus_seven_to_seven() -> None:
    codes, scales = quantise_rows(np.array([[7.0, -7.0, 1.2, 0.0], [0.0, 0.0, 0.0, 0.0]], dtype=np.float32), 4)
    assert codes.tolist() == [[7, -7, 1, 0], [0, 0, 0, 0]]
    assert scales.tolist() == [1.0, 1.0]


def test_other_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="4 or 8, got 3"):
        quantise_rows(np.zeros((1, 2), dtype=np.float32), 3)


def test_nibbles_come_back_as_they_went() -> None:
    codes = np.array([[-8, 7, 0, -1], [1, 2, 3, 4]], dtype=np.int8)
    assert pack_nibbles(codes).tolist() == [[0xF0, 0x78], [0xA9, 0xCB]]  # each code plus 8, even column low
    np.testing.assert_array_equal(unpack_nibbles(pack_nibbles(codes)), codes)


@pytest.mark.parametrize("bits", [4, 8])
def test_weights_read_back_are_the_weights_saved(tmp_path: Path, bits: int) -> None:
    rng = np.random.default_rng(1)
    lexical = np.exp(rng.normal(size=(2, 16))).astype(np.float32)
    weights = NgramWeights.from_floats(rng.normal(size=(5, 6)).astype(np.float32), lexical, bits=bits)
    weights.save(tmp_path)
    back = NgramWeights.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(back.codes, weights.codes)
    np.testing.assert_array_equal(back.table(), weights.table())
    np.testing.assert_allclose(back.lexical, weights.lexical, rtol=1e-5)
    assert (back.bits, back.semantic_dim) == (bits, 6)


@pytest.mark.parametrize("bits", [4, 8])
def test_a_words_row_is_the_sum_of_its_known_ngrams_over_the_root_of_their_number(bits: int) -> None:
    rng = np.random.default_rng(2)
    names = [chr(0xAC00 + i) for i in range(40)]  # one letter each: the only n-gram of a word that is known
    lexical = np.ones((2, 16), dtype=np.float32)
    weights = NgramWeights.from_floats(rng.normal(size=(40, 6)).astype(np.float32), lexical, bits=bits)
    model = NgramModel(NgramLookup(names), weights, NgramConfig(8, 2, 5, SHARES, PROMPTS))
    table = weights.table()
    expected = [(table[i] + table[j]) / math.sqrt(2) for i in range(40) for j in range(40)]
    rows = model.halves([a + b for a in names for b in names]).rows
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-6)
    assert not model.halves(["모름"]).rows.any()


def test_words_are_counted_by_text() -> None:
    different, ids = number_words(["나", "가", "나", "가"])
    assert different == ["나", "가"]
    counts = count_words(ids, [3, 0, 1])
    assert counts.n_texts == 3
    assert counts.text.tolist() == [0, 0, 2]
    assert counts.word.tolist() == [0, 1, 1]
    np.testing.assert_allclose(counts.weight, [math.sqrt(2), 1, 1])


def test_sentence_transformers_loads_the_saved_folder(tmp_path: Path) -> None:
    model = SentenceTransformer(modules=[make_model()], device="cpu", prompts=PROMPTS)
    model.save(str(tmp_path), create_model_card=False)
    back = SentenceTransformer(str(tmp_path), device="cpu")
    texts = ["가나 다라", "", "xyz 가나"]
    np.testing.assert_allclose(
        back.encode(texts, prompt_name="query"), model.encode(texts, prompt_name="query"), atol=1e-6
    )
    assert back.max_seq_length == 5
    assert back.get_embedding_dimension() == 66


def test_a_folder_without_weights_says_what_is_missing(tmp_path: Path) -> None:
    make_model().save(str(tmp_path))
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no model\.safetensors"):
        NgramEmbedding.load(str(tmp_path))


def test_a_table_that_does_not_fit_the_vocabulary_is_refused() -> None:
    weights = NgramWeights.from_floats(np.ones((3, 2), dtype=np.float32), np.ones((2, 16), dtype=np.float32), bits=8)
    config = NgramConfig(64, 2, 5, SHARES, PROMPTS)
    with pytest.raises(ValueError, match="1 n-grams but 3 rows"):
        NgramModel(NgramLookup(["가"]), weights, config)
