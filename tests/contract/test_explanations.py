"""Explanations of real models: on any texts the contributions add up to the score that the ranking shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from koe5_demo.encoding.cache import CachingEncoder, VectorCache
from koe5_demo.encoding.opening import load_encoder
from koe5_demo.encoding.sentence_transformer import SentenceTransformerEncoder
from koe5_demo.prompts import holds_only_prompt
from koe5_demo.ranking import rank
from koe5_demo.ranking.explain import UnitKind, explain, strongest
from koe5_demo.records import ModelInfo, Prompts, Role
from tiny_models import build_tiny_bert, build_tiny_xlmr, fast_encoder

MOST_ERROR = 1e-4
E5 = Prompts("query: ", "passage: ")
WORDS = st.sampled_from(
    ["서울은", "수도이다.", "KoE5", "2026년", "값이 30%", "</s>", "①②", "e\u0301te\u0301", "👍🏽", "한국어\n", "a,b"]
)
TEXTS = st.one_of(
    st.lists(WORDS, min_size=1, max_size=40).map(" ".join),
    # Blank texts are refused, a soft hyphen alone among them.
    st.text(min_size=1, max_size=80).filter(lambda text: not holds_only_prompt(text, E5)),
)


def load(folder) -> SentenceTransformer:
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def describe(model: SentenceTransformer, max_tokens: int) -> ModelInfo:
    width = model.get_embedding_dimension()
    return ModelInfo("tiny", None, "1", "?", "float32", "cpu", width, max_tokens, E5, "f")


def reference(model: SentenceTransformer, max_tokens: int) -> SentenceTransformerEncoder:
    model.max_seq_length = max_tokens
    return SentenceTransformerEncoder(model, describe(model, max_tokens))


def build(name: str, folder):
    if name == "bert":
        return reference(load(build_tiny_bert(folder)), 40)
    if name == "mini":
        return load_encoder("mini")
    model = load(build_tiny_xlmr(folder, normalize=name != "without normalize"))
    if name == "padding-free":
        return fast_encoder(folder, describe(model, 40))
    return reference(model, 40)


NAMES = ("xlmr", "without normalize", "bert", "padding-free", "mini")


@pytest.fixture(scope="module", params=NAMES)
def encoder(request, tmp_path_factory):
    return CachingEncoder(build(request.param, tmp_path_factory.mktemp("explain") / "model"), VectorCache(10**6))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=TEXTS, passage=TEXTS)
def test_contributions_add_up_to_the_score(encoder, query: str, passage: str) -> None:
    score = rank(query, [passage], encoder)[0].score
    found = explain(query, passage, encoder)
    assert found.exact
    assert found.score == pytest.approx(score, abs=MOST_ERROR)
    assert found.query_values.sum() == pytest.approx(score, abs=MOST_ERROR)
    assert found.passage_values.sum() == pytest.approx(score, abs=MOST_ERROR)
    assert strongest(found, 3, 4).matrix.sum() == pytest.approx(score, abs=MOST_ERROR)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS, role=st.sampled_from(list(Role)))
def test_the_rows_sum_is_the_vector(encoder, text: str, role: Role) -> None:
    tokens = encoder.encode_tokens(text, role)
    total = tokens.vectors.sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(total / np.linalg.norm(total), encoder.encode([text], role).vectors[0], atol=2e-6)
    assert len(tokens.spans) == len(tokens.vectors) > 0
    assert tokens.spans.max() <= tokens.n_seen_chars <= len(tokens.sent)


def test_the_words_of_a_passage_are_its_eojeol(encoder) -> None:
    found = explain("수도는?", "서울은 한국의 수도이다.", encoder)
    words = [unit.text for unit in found.passage_units if unit.kind is UnitKind.WORD]
    assert words == ["서울은", "한국의", "수도이다."]
    assert all(unit.n_tokens for unit in found.passage_units)


def test_a_long_passage_has_words_that_were_cut_off(tmp_path) -> None:
    # A token a character and one a word: <s> ▁passage: has 4 of 40 tokens with </s>; each word 서울은 takes 4.
    encoder = build("xlmr", tmp_path / "model")
    passage = "서울은 " * 20
    found = explain("서울은", passage, encoder)
    flags = [unit.cut for unit in found.passage_units if unit.kind is UnitKind.WORD]
    n_kept = flags.index(True)
    assert flags == [False] * n_kept + [True] * (20 - n_kept)
    assert 7 <= n_kept <= 9
    assert found.passage_values[n_kept:20].tolist() == [0.0] * (20 - n_kept)
    tokens = encoder.encode_tokens(passage, Role.PASSAGE)
    assert len(tokens.vectors) == 40
    assert tokens.sent[: tokens.n_seen_chars].count("서울은") <= n_kept


@pytest.mark.parametrize("padding_free", [False, True])
def test_cls_pooling_gives_an_approximation(tmp_path, padding_free) -> None:
    folder = build_tiny_xlmr(tmp_path / "cls", pooling="cls")
    model = load(folder)
    info = describe(model, 512)
    encoder = fast_encoder(folder, info) if padding_free else SentenceTransformerEncoder(model, info)
    found = explain("수도는?", "서울은 한국의 수도이다.", encoder)
    assert (found.exact, found.score) == (False, None)
    assert [unit.text for unit in found.passage_units] == ["서울은", "한국의", "수도이다."]
    assert np.abs(found.matrix).max() <= 1
