"""The fast engines against sentence-transformers' own `encode` on any mix of lengths, and the guard that picks them."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer

from koe5_demo.encoding.fast import choice
from koe5_demo.encoding.fast.choice import ModelFiles, open_fast, probe_queries, probe_vectors
from koe5_demo.encoding.fast.dense import LAYOUTS, int8_works, prepacking_works
from koe5_demo.encoding.fast.packed import PackedNetwork
from koe5_demo.encoding.fast.precision import Hardware, Precision, Verdict
from koe5_demo.encoding.fast.speeds import Speed
from koe5_demo.encoding.fast.threads import usable_threads
from koe5_demo.encoding.fast.verdicts import Verdicts
from koe5_demo.encoding.fast.weights import SAFETENSORS
from koe5_demo.records import ModelInfo, Prompts, Role
from koe5_demo.words import Language
from profiles import examples
from tiny_models import build_tiny_bert, build_tiny_roberta, build_tiny_xlmr, fast_encoder

SHAPES = {
    "e5": lambda path: build_tiny_xlmr(path, pooling="mean"),
    "bge-m3": lambda path: build_tiny_xlmr(path, pooling="cls", hidden=64, layers=3, normalize=False),
    "small-e5": lambda path: build_tiny_bert(path, pooling="mean", hidden=48),
    "roberta": lambda path: build_tiny_roberta(path, pooling="cls"),
}
# Lengths in characters: a token each, so up to 512 tokens and beyond, with many short ones.
LENGTHS = st.lists(st.one_of(st.integers(0, 12), st.integers(0, 511), st.integers(500, 600)), min_size=1, max_size=12)
MOST_COSINE_ERROR = 1e-5


def describe(dimensions, limit=512, registered=None):
    return ModelInfo("tiny", None, "1", "?", "?", "cpu", dimensions, limit, Prompts("query: ", "passage: "), "f")


def load(folder, dtype=torch.float32):
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": dtype})


@pytest.fixture(scope="module", params=SHAPES)
def pair(request, tmp_path_factory):
    folder = SHAPES[request.param](tmp_path_factory.mktemp(request.param) / "model")
    model = load(folder)
    info = describe(model.get_embedding_dimension())
    return model, fast_encoder(folder, info, tokens_per_batch=300)


def written(lengths):
    story = "서울은 한국의 수도이고 부산은 바다가 가까운 도시이다 가나다 abc 12 <pad> " * 12
    return [story[3 * place :][:length] for place, length in enumerate(lengths)]


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=LENGTHS)
def test_vectors_equal_the_reference_on_any_mix_of_lengths(pair, lengths):
    reference, encoder = pair
    texts = written(lengths)
    expected = reference.encode(texts, prompt="passage: ", normalize_embeddings=True)
    got = encoder.encode(texts, Role.PASSAGE)
    assert np.abs(got.vectors @ got.vectors.T - expected @ expected.T).max() <= MOST_COSINE_ERROR
    np.testing.assert_allclose(got.vectors, expected, atol=MOST_COSINE_ERROR)
    np.testing.assert_allclose(np.linalg.norm(got.vectors, axis=1), 1, atol=1e-6)
    uncut = reference.tokenizer(["passage: " + text for text in texts], truncation=False)["input_ids"]
    assert got.n_tokens.tolist() == [len(ids) for ids in uncut]


# --- the guard -------------------------------------------------------------------------------------------------------


def files_of(folder: Path) -> ModelFiles:
    return ModelFiles(folder, describe, lambda info: replace(info, fingerprint=f"{info.engine}-{info.dtype}"))


@pytest.fixture
def bf16_processor(monkeypatch):
    monkeypatch.setattr("koe5_demo.encoding.fast.precision.detect", lambda _: Hardware("cpu", bf16=True))
    monkeypatch.setattr("koe5_demo.encoding.fast.choice.known_speeds", lambda *_: {})  # the hardware decides


def spoil(folder: Path) -> None:
    """Make bf16 lose what tells texts apart: a large constant in every word vector swallows the differences."""
    weights = load_file(folder / SAFETENSORS)
    name = next(name for name in weights if name.endswith("word_embeddings.weight"))
    weights[name] = weights[name] + 64.0
    save_file(weights, folder / SAFETENSORS, metadata={"format": "pt"})


def test_the_guard_refuses_weights_that_bf16_breaks(tmp_path, bf16_processor):
    folder = build_tiny_xlmr(tmp_path / "model")
    spoil(folder)
    encoder = open_fast(files_of(folder), "cpu")
    assert encoder.info.dtype == "float32"
    assert "bf16" in encoder.info.remarks(Language.EN)
    expected = load(folder).encode(["passage: 서울"], normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode(["서울"], Role.PASSAGE).vectors, expected, atol=1e-5)


def test_auto_takes_bf16_where_it_changes_nothing(tmp_path, bf16_processor):
    encoder = open_fast(files_of(build_tiny_xlmr(tmp_path / "model")), "cpu")
    assert encoder.info.dtype == "bfloat16"
    assert encoder.info.engine == "padding-free"
    assert encoder.info.remarks(Language.KO) == ""
    assert encoder.info.fingerprint == "padding-free-bfloat16"


@pytest.mark.parametrize(("spoilt", "dtype"), [(True, "float32"), (False, "bfloat16")])
def test_what_the_guard_said_is_remembered_for_this_model(tmp_path, bf16_processor, monkeypatch, spoilt, dtype):
    folder = build_tiny_xlmr(tmp_path / "model")
    if spoilt:
        spoil(folder)
    files = replace(files_of(folder), kept=tmp_path / "data")
    first = open_fast(files, "cpu")
    asked = []
    real = choice.probe_vectors
    monkeypatch.setattr(choice, "probe_vectors", lambda encoder: asked.append(encoder.info.dtype) or real(encoder))
    again = open_fast(files, "cpu")
    assert asked == []
    assert first.info.dtype == again.info.dtype == dtype
    assert again.info == first.info  # the reason why not, too
    another = replace(files, stamp=lambda info: replace(info, fingerprint="another"))
    open_fast(another, "cpu")
    assert asked == ["bfloat16"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', "null"])
def test_a_file_of_verdicts_that_is_none_is_done_without(tmp_path, content):
    file = tmp_path / "data" / "verdicts.json"
    file.parent.mkdir()
    file.write_text(content, "utf-8")
    verdicts = Verdicts(file, lambda precision: precision.value)
    assert verdicts.of(Precision.BF16) is None
    verdicts.remember(Precision.BF16, Verdict(0.002, 0))
    assert verdicts.of(Precision.BF16) == Verdict(0.002, 0)
    assert verdicts.of(Precision.INT8) is None


@pytest.mark.parametrize("value", ['"x"', "[1]", "[null, 0]", '["a", 0]', "[0.1, 0, 0]"])
def test_a_verdict_that_is_none_is_asked_for_again(tmp_path, value):
    file = tmp_path / "verdicts.json"
    verdicts = Verdicts(file, lambda precision: precision.value)
    verdicts.remember(Precision.BF16, Verdict(0.002, 0))
    key = next(iter(json.loads(file.read_text("utf-8"))))
    file.write_text(json.dumps({key: json.loads(value)}), "utf-8")
    assert verdicts.of(Precision.BF16) is None


def test_the_streamed_reference_is_the_float32_model(tmp_path, bf16_processor, monkeypatch):
    seen = []

    def judge(reference, cheaper, queries):
        seen.append(reference)
        return real(reference, cheaper, queries)

    from koe5_demo.encoding.fast import precision

    real = precision.judge
    monkeypatch.setattr(precision, "judge", judge)
    folder = build_tiny_xlmr(tmp_path / "model", pooling="cls")
    open_fast(files_of(folder), "cpu")
    exact = fast_encoder(folder, describe(32))
    np.testing.assert_allclose(seen[0], probe_vectors(exact), atol=1e-6)
    assert probe_queries().sum() == 4


@pytest.mark.parametrize("layout", LAYOUTS)
def test_vectors_equal_the_reference_in_every_layout_of_the_weights(tmp_path, monkeypatch, layout):
    if "prepacked" in layout and not prepacking_works(torch.float32):
        pytest.skip("no oneDNN here")
    monkeypatch.setattr("koe5_demo.encoding.fast.choice.known_speeds", lambda *_: {Precision.FP32: Speed(layout, 1.0)})
    folder = build_tiny_xlmr(tmp_path / "model")
    texts = ["서울은 대한민국의 수도이다.", "부산", "바다 " * 30]
    expected = load(folder).encode(texts, prompt="passage: ", normalize_embeddings=True)
    got = open_fast(files_of(folder), "cpu", dtype="fp32").encode(texts, Role.PASSAGE).vectors
    np.testing.assert_allclose(got, expected, atol=MOST_COSINE_ERROR)


def test_auto_leaves_out_an_arithmetic_that_is_not_faster_here(tmp_path, bf16_processor, monkeypatch):
    speeds = {Precision.BF16: Speed("plain", 9.5), Precision.FP32: Speed("plain", 10.0)}
    monkeypatch.setattr("koe5_demo.encoding.fast.choice.known_speeds", lambda *_: speeds)
    assert open_fast(files_of(build_tiny_xlmr(tmp_path / "model")), "cpu").info.dtype == "float32"


def test_float32_needs_no_guard(tmp_path, bf16_processor, monkeypatch):
    monkeypatch.setattr("koe5_demo.encoding.fast.choice.probe_vectors", None)
    encoder = open_fast(files_of(build_tiny_xlmr(tmp_path / "model")), "cpu", dtype="fp32")
    assert encoder.info.dtype == "float32"


def test_a_model_that_does_not_fit_runs_in_sentence_transformers_and_says_so(tmp_path, bf16_processor):
    folder = build_tiny_xlmr(tmp_path / "model", pooling="max")
    encoder = open_fast(files_of(folder), "cpu")
    assert encoder.info.engine == "sentence-transformers"
    assert encoder.info.dtype == "float32"
    assert "pooling max" in encoder.info.remarks(Language.EN)
    expected = load(folder).encode(["passage: 서울"], normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode(["서울"], Role.PASSAGE).vectors, expected, atol=1e-5)


def test_a_model_outside_the_fast_engine_is_guarded_too(tmp_path):
    folder = build_tiny_xlmr(tmp_path / "model", pooling="max")
    spoil(folder)
    encoder = open_fast(files_of(folder), "cpu", dtype="bf16")
    assert encoder.info.dtype == "float32"
    assert "pooling max" in encoder.info.remarks(Language.EN)
    assert "bf16 연산은 이 모델의 점수를 바꾸므로 쓰지 않습니다" in encoder.info.remarks(Language.KO)


def test_a_model_outside_the_fast_engine_runs_in_16_bits_if_the_guard_lets_it(tmp_path, monkeypatch):
    monkeypatch.setattr("koe5_demo.encoding.fast.precision.judge", lambda *_: Verdict(0.0, 0))
    encoder = open_fast(files_of(build_tiny_xlmr(tmp_path / "model", pooling="max")), "cpu", dtype="bf16")
    assert (encoder.info.engine, encoder.info.dtype) == ("sentence-transformers", "bfloat16")


def test_an_arithmetic_asked_for_by_name_that_is_not_there_is_told(tmp_path, bf16_processor):
    encoder = open_fast(files_of(build_tiny_xlmr(tmp_path / "model")), "cpu", dtype="int8")
    assert encoder.info.dtype == "float32"
    assert "int8" in encoder.info.remarks(Language.EN)


def test_int8_falls_back_step_by_step(tmp_path, monkeypatch):
    if not int8_works():
        pytest.skip("no int8 here")
    monkeypatch.setattr("koe5_demo.encoding.fast.precision.detect", lambda _: Hardware("cpu", bf16=True, int8=True))
    monkeypatch.setattr("koe5_demo.encoding.fast.choice.known_speeds", lambda *_: {})
    folder = build_tiny_xlmr(tmp_path / "model")
    spoil(folder)
    encoder = open_fast(files_of(folder), "cpu")
    assert encoder.info.dtype == "float32"
    assert encoder.info.remarks(Language.EN).index("int8") < encoder.info.remarks(Language.EN).index("bf16")


@pytest.mark.parametrize(("coarse", "told"), [(True, True), (False, False)])
def test_weights_of_7_bits_are_told(tmp_path, monkeypatch, coarse, told):
    if not int8_works():
        pytest.skip("no int8 here")
    hardware = Hardware("cpu", int8=True, weights_of_7_bits=coarse)
    monkeypatch.setattr("koe5_demo.encoding.fast.precision.detect", lambda _: hardware)
    monkeypatch.setattr("koe5_demo.encoding.fast.precision.judge", lambda *_: Verdict(0.0, 0))
    info = open_fast(files_of(build_tiny_xlmr(tmp_path / "model")), "cpu", dtype="int8").info
    assert info.dtype == "int8"
    assert ("7 bits" in info.remarks(Language.EN)) is told
    assert ("7비트" in info.remarks(Language.KO)) is told


def test_a_pickled_checkpoint_is_read_too(tmp_path, bf16_processor):
    folder = build_tiny_xlmr(tmp_path / "model")
    expected = load(folder).encode(["passage: 서울"], normalize_embeddings=True)
    torch.save(load_file(folder / SAFETENSORS), folder / "pytorch_model.bin")
    (folder / SAFETENSORS).unlink()
    encoder = open_fast(files_of(folder), "cpu", dtype="fp32")
    assert encoder.info.engine == "padding-free"
    np.testing.assert_allclose(encoder.encode(["서울"], Role.PASSAGE).vectors, expected, atol=1e-5)


def test_threads_get_their_own_results(pair):
    from concurrent.futures import ThreadPoolExecutor

    _, encoder = pair
    texts = [["가" * (n + 1)] * 3 for n in range(16)]
    expected = [encoder.encode(each, Role.QUERY).vectors for each in texts]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda each: encoder.encode(each, Role.QUERY).vectors, texts))
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_precision_labels_are_torch_names():
    assert [precision.label for precision in Precision] == ["float32", "bfloat16", "float16", "int8"]


def test_the_thread_that_opens_a_model_computes_nothing(tmp_path, monkeypatch):
    # It would keep a team of OpenMP's threads, and two teams send each other to sleep.
    computed_in = set()
    real = PackedNetwork.hidden

    def hidden(self, tokens):
        computed_in.add(threading.get_ident())
        return real(self, tokens)

    monkeypatch.setattr(PackedNetwork, "hidden", hidden)
    monkeypatch.setattr("koe5_demo.encoding.fast.precision.detect", lambda _: Hardware("cpu", bf16=True))
    encoder = open_fast(files_of(build_tiny_xlmr(tmp_path / "model")), "cpu", dtype="bf16")
    encoder.encode(["서울"], Role.PASSAGE)
    assert computed_in
    assert threading.get_ident() not in computed_in


def test_the_thread_that_opens_a_model_has_the_threads_that_this_machine_grants(tmp_path):
    # torch keeps their number for each thread; what sentence-transformers computes, it computes in the caller's.
    torch.set_num_threads(usable_threads() + 1)
    open_fast(files_of(build_tiny_xlmr(tmp_path / "model")), "cpu", dtype="fp32")
    assert torch.get_num_threads() == usable_threads()
