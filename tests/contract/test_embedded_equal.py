"""The embedded model's fast engine against sentence-transformers' own `encode` of the same folder."""

import subprocess
import sys
from collections import Counter
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from koe5_demo.catalog import MINI
from koe5_demo.encoding import embedded
from koe5_demo.encoding.embedded import EmbeddedEncoder, WordTable, holds_embedded_model, load_model
from koe5_demo.encoding.ngram_model import project
from koe5_demo.encoding.ngram_tokenizer import hash_gram, lexical_grams, normalise_word, semantic_grams, surface_words
from koe5_demo.records import ModelInfo, Role
from profiles import examples

WORDS = st.text(alphabet="가나다라 마바 abcAB1２é́!.,\n_😀", max_size=60)


@pytest.fixture(scope="module")
def model():
    if MINI.folder is None or not (MINI.folder / "modules.json").is_file():
        pytest.skip("the embedded model is not built")
    return SentenceTransformer(str(MINI.folder), device="cpu", local_files_only=True)


@pytest.fixture(scope="module")
def encoder(model):
    width, limit = model.get_embedding_dimension(), model[0].max_seq_length
    info = ModelInfo("mini", None, "1", "embedded", "float32", "cpu", width, limit, MINI.prompts, "f")
    return EmbeddedEncoder(load_model(MINI.folder), info)


@settings(max_examples=examples(40), deadline=None)
@given(texts=st.lists(WORDS, min_size=1, max_size=8), role=st.sampled_from(list(Role)))
def test_vectors_equal_the_reference(model, encoder, texts, role):
    expected = model.encode([MINI.prompts.of(role) + text for text in texts])
    np.testing.assert_allclose(encoder.encode(texts, role).vectors, expected, atol=1e-6)


def test_roles_typed_by_the_visitor_may_mix(model, encoder):
    texts = ["query: 서울의 인구", "서울의 인구", "passage: 서울의 인구"]
    expected = model.encode(["query: 서울의 인구", "passage: 서울의 인구", "passage: 서울의 인구"])
    np.testing.assert_allclose(encoder.encode(texts, Role.PASSAGE).vectors, expected, atol=1e-6)


def test_long_texts_are_cut_and_counted(model, encoder):
    limit = encoder.info.max_tokens
    text = " ".join(f"낱말{n}" for n in range(limit + 10))
    encoded = encoder.encode([text], Role.NONE)
    assert encoded.n_tokens.tolist() == [limit + 10]
    assert encoder.count_tokens([text], Role.NONE).tolist() == [limit + 10]
    np.testing.assert_allclose(encoded.vectors, model.encode([text]), atol=1e-6)


def test_a_small_table_of_words_gives_the_same(model, encoder):
    texts = [f"서울 부산 낱말{n} 글{n}" for n in range(50)]
    info = encoder.info
    forgetful = EmbeddedEncoder(load_model(MINI.folder), info)
    forgetful._table = WordTable(forgetful._model, capacity=3)
    for text in texts:
        expected = encoder.encode([text], Role.PASSAGE).vectors
        np.testing.assert_allclose(forgetful.encode([text], Role.PASSAGE).vectors, expected, atol=1e-6)
    assert len(forgetful._table) <= 4


def test_texts_of_several_chunks_stay_in_their_places(model, encoder, monkeypatch):
    monkeypatch.setattr(embedded, "WORDS_PER_CHUNK", 7)
    texts = [f"서울 부산 낱말{n} 글{n}" * (n % 5) for n in range(50)]
    encoded = encoder.encode(texts, Role.PASSAGE)
    np.testing.assert_allclose(encoded.vectors, model.encode(texts, prompt_name="passage"), atol=1e-6)
    assert encoded.n_tokens.tolist() == encoder.count_tokens(texts, Role.PASSAGE).tolist()


def by_definition(module, text: str, role: Role) -> np.ndarray:
    """The module's docstring, word by word, in float64."""
    rows = {gram: row for row, gram in enumerate(module.core.lookup.vocabulary)}
    table, config = module.core.weights.table(), module.core.config
    semantic, lexical = np.zeros(table.shape[1]), np.zeros(config.lexical_dim)
    for surface, n_times in Counter(surface_words(text)).items():
        word = normalise_word(surface)
        known = [rows[gram] for gram in semantic_grams(word) if gram in rows]
        semantic += sqrt(n_times) * table[known].sum(axis=0) / sqrt(len(known) or 1)
        for number in map(hash_gram, lexical_grams(word)):
            (places,), (signs,) = project(np.array([number], dtype=np.uint32), config.lexical_dim, config.hashes)
            buckets = module.core.weights.lexical[1 if role is Role.QUERY else 0]
            np.add.at(lexical, places, sqrt(n_times) * buckets[number % len(buckets)] * signs)
    share = config.lexical_share[role.value]
    halves = (semantic, sqrt(1 - share)), (lexical, sqrt(share))
    return np.concatenate([part * half / np.linalg.norm(half) for half, part in halves])


@pytest.mark.parametrize("role", list(Role))
def test_vectors_are_what_the_definition_says(model, encoder, role):
    text = (
        "헌법재판소는 법률의 위헌 여부를, 헌법재판소는 ＫｏＥ５와 e\u0301te\u0301를 1234567890123456789012345 심판한다"
    )
    np.testing.assert_allclose(encoder.encode([text], role).vectors[0], by_definition(model[0], text, role), atol=1e-6)


def test_no_text_gives_no_rows(encoder):
    assert encoder.encode([], Role.QUERY).vectors.shape == (0, encoder.info.dimensions)


def test_progress_counts_texts(encoder):
    seen = []
    encoder.encode(["하나", "둘"], Role.QUERY, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2, 2)


def test_only_the_embedded_model_is_taken_for_it(tiny_folder, tmp_path):
    assert MINI.folder is not None
    assert holds_embedded_model(MINI.folder)
    assert not holds_embedded_model(tiny_folder)
    assert not holds_embedded_model(tmp_path)
    (tmp_path / "modules.json").write_text('["koe5_demo.encoding.ngram.NgramEmbedding"]')
    assert not holds_embedded_model(tmp_path)


def test_it_opens_and_answers_without_torch():
    script = (
        "import sys; from koe5_demo import load_encoder, rank; rank('서울', ['부산', '서울'], load_encoder('mini')); "
        "sys.exit(' '.join({'torch', 'transformers', 'sentence_transformers', 'gradio'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.stderr == b""
