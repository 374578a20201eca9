"""The embedded model's fast engine against sentence-transformers' own `encode` of the same folder."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from koe5_demo.catalog import MINI
from koe5_demo.encoding.embedded import EmbeddedEncoder, WordTable, holds_embedded_model, load_model
from koe5_demo.records import ModelInfo, Role

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


@settings(max_examples=40, deadline=None)
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
    assert len(forgetful._table._places) <= 4


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
