import gc
import json
import os
import platform
import subprocess
import sys
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense

from doubles import until
from koe5_demo.encoding import zero_gpu
from koe5_demo.encoding.fast import attention, dense, packed, padding_free
from koe5_demo.encoding.fast.attention import (
    AttendProducts,
    Segments,
    agrees_with_runs,
    attend_nested,
    attend_runs,
    attend_varlen,
    choose_attention,
)
from koe5_demo.encoding.fast.dense import (
    LAYOUTS,
    Int8Dense,
    PlainDense,
    int8_works,
    prepacking_works,
    quantize_rows,
)
from koe5_demo.encoding.fast.memory import LARGE_PAGES, close_gaps
from koe5_demo.encoding.fast.model_folder import OtherShapeError, read_model_folder
from koe5_demo.encoding.fast.packed import WORDS, token_positions, usual_rows
from koe5_demo.encoding.fast.padding_free import TokensPerBatch, usual_tokens_per_batch
from koe5_demo.encoding.fast.precision import Precision
from koe5_demo.encoding.fast.threads import cgroup_cores, usable_threads
from koe5_demo.encoding.fast.weights import FileWeights
from koe5_demo.encoding.few_bits import CODES, SCALES
from koe5_demo.encoding.text_tokens import TextTokenizer
from koe5_demo.encoding.token_batches import Run, cut_batches, equal_runs
from koe5_demo.records import ModelInfo, Prompts, Role
from tiny_models import FEW_BITS_FILES, build_tiny_bert, build_tiny_mini, build_tiny_xlmr, fast_encoder

E5 = Prompts("query: ", "passage: ")


def describe(prompts=E5, max_tokens=512):
    return ModelInfo("tiny", None, "1", "padding-free", "float32", "cpu", 32, max_tokens, prompts, "f")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build_tiny_xlmr(tmp_path_factory.mktemp("xlmr") / "model")


def load(folder):
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


@pytest.fixture(scope="module")
def encoder(folder):
    return fast_encoder(folder, describe(), tokens_per_batch=64)


# --- batches ---------------------------------------------------------------------------------------------------------


def test_batches_hold_every_place_once_and_at_most_the_bound():
    lengths = np.array([5, 60, 1, 33, 64, 7, 7, 12])
    batches = cut_batches(lengths, 64)
    assert sorted(np.concatenate(batches).tolist()) == list(range(8))
    assert all(lengths[batch].sum() <= 64 for batch in batches)


def test_a_text_longer_than_a_batch_gets_its_own():
    assert [batch.tolist() for batch in cut_batches(np.array([3, 100, 4]), 10)] == [[1], [2, 0]]


@pytest.mark.parametrize(
    ("device", "width", "shared", "alone", "lane"),
    [("cpu", 384, 1024, 4096, 2048), ("cpu", 1024, 768, 768, 768), ("cuda", 384, 32_768, 32_768, 32_768)],
)
def test_a_narrow_network_gets_larger_batches_for_a_large_job_alone(device, width, shared, alone, lane):
    assert usual_tokens_per_batch(torch.device(device), width) == TokensPerBatch(shared, alone, lane)


@pytest.mark.parametrize(
    ("n_texts", "others", "expected"),
    # Texts of 512 tokens: more than two are more than a batch.
    [(20, False, [7, 7, 6]), (20, True, [2] * 10), (4, False, [4]), (4, True, [2, 2])],
)
def test_only_a_large_job_that_nobody_waits_for_is_cut_into_large_batches(
    tmp_path, monkeypatch, n_texts, others, expected
):
    encoder = fast_encoder(build_tiny_bert(tmp_path / "model"), describe())
    monkeypatch.setattr(encoder._batches, "others_want_little", lambda: others)
    monkeypatch.setattr(encoder._batches, "n_parts", lambda _: 1)
    orders = []
    rows = encoder._batches.rows
    monkeypatch.setattr(encoder._batches, "rows", lambda ids, **how: orders.append(len(ids)) or rows(ids, **how))
    encoder.encode(["가 " * 600] * n_texts, Role.PASSAGE)
    assert orders == expected


def in_two_lanes(folder, monkeypatch, **how):
    monkeypatch.setattr(padding_free, "n_lanes", lambda *_, **__: 2)
    return fast_encoder(folder, describe(), **how)


def test_a_large_job_alone_runs_in_lanes_and_gives_the_same_rows(folder, encoder, monkeypatch):
    laned = in_two_lanes(folder, monkeypatch, tokens_per_batch=64)
    begun = []
    begin = laned._lanes.begin
    monkeypatch.setattr(laned._lanes, "begin", lambda ids: begun.append(sum(map(len, ids))) or begin(ids))
    texts = ["가" * (n % 40 + 1) for n in range(0, 300, 7)]
    seen = []
    got = laned.encode(texts, Role.PASSAGE, on_progress=lambda *step: seen.append(step))
    expected = encoder.encode(texts, Role.PASSAGE)
    np.testing.assert_allclose(got.vectors, expected.vectors, atol=1e-6)
    assert sum(begun) == expected.n_tokens.sum() == seen[-1][0]
    assert len(begun) > 4
    assert max(begun) <= 64
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_what_fits_a_batch_needs_no_lanes(folder, monkeypatch):
    laned = in_two_lanes(folder, monkeypatch, tokens_per_batch=64)
    monkeypatch.setattr(laned._lanes, "begin", lambda _: pytest.fail("in a lane"))
    assert laned.encode(["가나다"] * 3, Role.PASSAGE).vectors.shape == (3, 32)


def test_a_job_in_lanes_goes_back_to_shared_batches_when_somebody_comes(folder, encoder, monkeypatch):
    laned = in_two_lanes(folder, monkeypatch, tokens_per_batch=64)
    begun, shared = [], []
    begin, rows = laned._lanes.begin, laned._batches.rows
    monkeypatch.setattr(laned._batches, "others_want_little", lambda: len(begun) >= 3)
    monkeypatch.setattr(laned._lanes, "begin", lambda ids: begun.append(ids) or begin(ids))
    monkeypatch.setattr(laned._batches, "rows", lambda ids, **how: shared.append(how["n_before"]) or rows(ids, **how))
    texts = ["가" * (n % 40 + 1) for n in range(0, 150, 7)]
    got = laned.encode(texts, Role.PASSAGE)
    np.testing.assert_allclose(got.vectors, encoder.encode(texts, Role.PASSAGE).vectors, atol=1e-6)
    assert len(begun) == 3
    assert shared[0] == sum(len(text) for ids in begun for text in ids)  # what it had there counts for its rest


def test_batches_side_by_side_are_as_many_as_run_at_once():
    # 30 tokens in batches of 10 would be three; for two lanes four of 8, 8, 8 and 6.
    batches = cut_batches(np.ones(30, dtype=np.int64), 10, at_once=2)
    assert [len(batch) for batch in batches] == [8, 8, 8, 6]


@pytest.mark.parametrize(
    ("n_tokens", "rows"),
    [(1, 16), (16, 16), (17, 32), (255, 256), (257, 272), (513, 544), (1000, 1024), (2048, 2048), (2049, 2176)],
)
def test_a_batch_runs_with_one_of_a_few_numbers_of_rows(n_tokens, rows):
    assert usual_rows(n_tokens) == rows


def test_rows_without_a_text_change_nothing_and_are_not_returned(encoder, monkeypatch):
    network = encoder._network
    tokens = network.pack([[2, 7, 9], [2, 8, 3, 3]])
    filled = network.hidden(tokens)
    seen = []
    layer = network._layers[0]
    monkeypatch.setattr(network, "_layers", [replace(layer, up=lambda x: seen.append(len(x)) or layer.up(x))])
    network.hidden(tokens)
    monkeypatch.undo()
    monkeypatch.setattr(packed, "usual_rows", lambda n: n)
    assert filled.shape == (7, 32)
    assert seen == [16]
    torch.testing.assert_close(filled, network.hidden(tokens), atol=1e-6, rtol=0)


def test_no_text_makes_no_batch():
    assert cut_batches(np.zeros(0, dtype=np.int64), 10) == []


def test_batches_are_about_equally_full():
    # 11 tokens in batches of 10: 6 + 5 rather than 10 + 1.
    batches = cut_batches(np.ones(11, dtype=np.int64), 10)
    assert [len(batch) for batch in batches] == [6, 5]


def test_runs_join_neighbours_of_equal_length():
    runs = list(equal_runs(np.array([4, 4, 4, 2, 1, 1]), max_scores=1000))
    assert runs == [Run(0, 3, 4), Run(12, 1, 2), Run(14, 2, 1)]


def test_a_run_is_cut_where_its_scores_would_leave_the_cache():
    # 3 texts of 4 tokens have 48 scores; 32 allow two texts.
    assert list(equal_runs(np.array([4, 4, 4]), max_scores=32)) == [Run(0, 2, 4), Run(8, 1, 4)]


# --- parts of the network --------------------------------------------------------------------------------------------


def test_bert_positions_start_anew_with_each_text():
    assert token_positions(np.array([9, 9, 9, 9, 9]), np.array([2, 3]), None).tolist() == [0, 1, 0, 1, 2]


def test_roberta_positions_skip_a_padding_token_that_was_typed():
    # transformers: cumsum(id != pad) * (id != pad) + pad. Texts [9, 1, 9] and [1, 9].
    assert token_positions(np.array([9, 1, 9, 1, 9]), np.array([3, 2]), 1).tolist() == [2, 1, 3, 1, 2]


def test_attention_written_out_is_the_fused_one():
    torch.manual_seed(0)
    qkv = torch.randn(3 * 5 + 400, 3 * 32)
    segments = Segments((Run(0, 3, 5), Run(15, 1, 400)), torch.tensor([0, 5, 10, 15, 415], dtype=torch.int32), 400)
    torch.testing.assert_close(AttendProducts()(qkv, segments, 4), attend_runs(qkv, segments, 4), atol=1e-5, rtol=1e-4)


def test_attention_of_nested_tensors_is_that_of_each_text():
    torch.manual_seed(0)
    qkv = torch.randn(3 * 5 + 40, 3 * 32)
    segments = Segments((Run(0, 3, 5), Run(15, 1, 40)), torch.tensor([0, 5, 10, 15, 55], dtype=torch.int32), 40)
    with torch.inference_mode():
        got, expected = attend_nested(qkv, segments, 4), attend_runs(qkv, segments, 4)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("dtype", "works", "expected"),
    [
        (torch.bfloat16, {attend_varlen, attend_nested}, attend_varlen),
        (torch.bfloat16, {attend_nested}, attend_nested),  # torch before 2.10
        (torch.float32, {attend_varlen, attend_nested}, attend_nested),  # flash attention has no float32
        (torch.float16, set(), attend_runs),
    ],
)
def test_a_gpu_gets_the_first_attention_that_passes_its_trial(monkeypatch, dtype, works, expected):
    monkeypatch.setattr(attention, "agrees_with_runs", lambda attend, *_: attend in works)
    assert choose_attention(torch.device("cuda"), dtype, 64) is expected


def test_nothing_is_tried_where_the_gpu_comes_later(monkeypatch):
    monkeypatch.setattr(zero_gpu, "ACTIVE", True)
    monkeypatch.setattr(attention, "agrees_with_runs", None)
    assert choose_attention(torch.device("cuda"), torch.float32, 64) is attend_runs


def test_an_attention_that_fails_or_errs_does_not_pass_its_trial():
    def missing(*_):
        raise ImportError("no such operator")

    cpu = torch.device("cpu")
    assert agrees_with_runs(attend_nested, cpu, torch.float32, 16)
    assert not agrees_with_runs(missing, cpu, torch.float32, 16)
    assert not agrees_with_runs(lambda *given: attend_runs(*given) + 0.001, cpu, torch.float32, 16)


def test_texts_do_not_see_each_other():
    torch.manual_seed(0)
    qkv = torch.randn(10, 3 * 32)
    alone = attend_runs(qkv[:4], Segments((Run(0, 1, 4),), torch.tensor([0, 4]), 4), 4)
    both = attend_runs(qkv, Segments((Run(0, 1, 4), Run(4, 1, 6)), torch.tensor([0, 4, 10]), 6), 4)
    torch.testing.assert_close(both[:4], alone)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("gelu", [True, False])
def test_a_layer_gives_what_torch_gives_however_its_weight_is_kept(gelu, layout):
    if "prepacked" in layout and not prepacking_works(torch.float32):
        pytest.skip("no oneDNN here")
    torch.manual_seed(0)
    weight, bias, x = torch.randn(48, 64), torch.randn(48), torch.randn(7, 64)
    with torch.inference_mode():
        got, expected = LAYOUTS[layout](weight, bias, gelu)(x), PlainDense(weight, bias, gelu)(x)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


def test_rows_are_rounded_each_with_its_own_scale():
    quantized, scales = quantize_rows(torch.tensor([[127.0, -127.0, 0.0], [0.5, 0.25, 0.0]]))
    # Second row: scale 0.5 / 127, so 0.25 is 63.5 steps, which rounds to even, 64.
    assert quantized.tolist() == [[255, 1, 128], [255, 192, 128]]
    assert scales.flatten().tolist() == pytest.approx([1.0, 0.5 / 127])


def test_a_row_of_zeros_stays_zero():
    quantized, scales = quantize_rows(torch.zeros(1, 4))
    assert quantized.tolist() == [[128] * 4]
    assert torch.isfinite(scales).all()


@pytest.mark.parametrize(("largest", "error"), [(127, 0.02), (63, 0.03)])
def test_an_int8_layer_is_close_whatever_the_size_of_a_row(monkeypatch, largest, error):
    if not int8_works():
        pytest.skip("no int8 here")
    monkeypatch.setattr(dense, "largest_weight", lambda: largest)
    torch.manual_seed(0)
    weight, bias = torch.randn(64, 128), torch.zeros(64)
    x = torch.randn(5, 128) * torch.tensor([1e-3, 1.0, 10.0, 1e3, 1.0])[:, None]
    with torch.inference_mode():
        got, expected = Int8Dense(weight, bias, gelu=False)(x), PlainDense(weight, bias, gelu=False)(x)
    assert ((got - expected).norm(dim=1) / expected.norm(dim=1)).max() < error


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_a_long_text_is_cut_as_the_tokenizer_cuts_it(folder):
    tokenizer = load(folder).tokenizer
    text = "서울은 한국의 수도이다. " * 60
    tokens = TextTokenizer(tokenizer, 100).tokenize([text])
    assert tokens.ids == [tokenizer(text, truncation=True, max_length=100)["input_ids"]]
    assert tokens.n_tokens.tolist() == [len(tokenizer(text)["input_ids"])]


def test_tokens_can_be_counted_by_hand(encoder):
    # <s> ▁ query : ▁ 서 울 </s>
    assert encoder.count_tokens(["서울"], Role.QUERY).tolist() == [8]
    # <s> ▁ 서 울 </s>
    assert encoder.count_tokens(["서울"], Role.NONE).tolist() == [5]


# --- the encoder -----------------------------------------------------------------------------------------------------


def test_results_come_in_input_order(encoder):
    texts = ["서울", "부산은 바다가 있는 도시이다", "한 글", "아주 긴 글 " * 30, "둘"]
    together = encoder.encode(texts, Role.PASSAGE).vectors
    alone = np.concatenate([encoder.encode([text], Role.PASSAGE).vectors for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_gaps_of_the_heaps_are_given_back_after_a_large_job_alone(encoder, monkeypatch):
    calls = []
    monkeypatch.setattr(padding_free, "close_gaps", lambda: calls.append(1))
    monkeypatch.setattr(padding_free, "LARGE_JOB_TOKENS", 100)
    encoder.encode(["서울"], Role.PASSAGE)
    assert calls == []
    encoder.encode(["부산은 바다가 있는 도시이다"] * 40, Role.PASSAGE)
    assert calls == [1]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries part memory in their own way")
def test_gaps_go_back_to_the_system_while_what_lies_between_them_stays():
    def resident_mb():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    pieces = [np.ones(60_000, np.uint8) for _ in range(2_000)]  # 120 MB
    kept = pieces[::20]
    del pieces
    before = resident_mb()
    close_gaps()
    assert before - resident_mb() > 60
    assert all(piece.sum() == 60_000 for piece in kept)


WHEN_LARGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
IN_LARGE_PAGES = """
import sys
from pathlib import Path
from koe5_demo.encoding.fast.memory import prepare_memory
import torch
prepare_memory(large_pages=sys.argv[1] == "asked for")
tensor = torch.ones(16_000_000)
lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
print(next(int(line.split()[1]) // 1024 for line in lines if line.startswith("AnonHugePages")))
"""


@pytest.mark.skipif(
    not WHEN_LARGE.is_file() or "[madvise]" not in WHEN_LARGE.read_text(),
    reason="here the system gives pages of 2 MB always or never, whatever is asked for",
)
@pytest.mark.parametrize(
    ("asked", "before", "least", "most"),
    [("asked for", {}, 50, 61), ("not asked for", {}, 0, 2), ("asked for", {LARGE_PAGES: "0"}, 0, 2)],
)
def test_large_tensors_lie_in_large_pages_where_they_are_asked_for(asked, before, least, most):
    environ = {name: value for name, value in os.environ.items() if name != LARGE_PAGES} | before
    done = subprocess.run(
        [sys.executable, "-c", IN_LARGE_PAGES, asked], env=environ, capture_output=True, text=True, check=True
    )
    assert least <= int(done.stdout) <= most  # of 61 MB


def test_queries_and_passages_encoded_together_are_those_encoded_apart(encoder):
    queries, passages = ["수도는?", "passage: 서울"], ["서울은 수도이다", "부산은 바다가 있는 도시이다 " * 20]
    both = encoder.encode_both((queries, Role.QUERY), (passages, Role.PASSAGE))
    for got, texts, role in zip(both, (queries, passages), (Role.QUERY, Role.PASSAGE), strict=True):
        apart = encoder.encode(texts, role)
        np.testing.assert_allclose(got.vectors, apart.vectors, atol=1e-6)
        assert got.n_tokens.tolist() == apart.n_tokens.tolist()


def test_a_model_that_is_let_go_leaves_neither_memory_nor_a_thread(folder):
    encoder = fast_encoder(folder, describe())
    encoder.encode(["서울"], Role.QUERY)
    network = weakref.ref(encoder._network)
    n_threads = threading.active_count()
    gc.disable()  # memory must come back with the last batch's end, not some day
    try:
        del encoder
        until(lambda: network() is None)
    finally:
        gc.enable()
    until(lambda: threading.active_count() < n_threads)


def test_on_a_gpu_rows_are_read_only_after_they_have_arrived(folder, encoder, monkeypatch):
    class Event:
        def __init__(self, rows, vectors):
            self.rows, self.vectors = rows, vectors

        def synchronize(self):
            self.rows.copy_(self.vectors)

    def begin_to_bring(vectors):
        rows = torch.full_like(vectors, torch.nan)
        return rows, Event(rows, vectors)

    monkeypatch.setattr(padding_free, "TEXTS_PER_WINDOW", 3)
    monkeypatch.setattr(padding_free, "bring_now", begin_to_bring)
    like_a_gpu = fast_encoder(folder, describe(), tokens_per_batch=64)
    like_a_gpu._on_gpu = True
    texts = ["가" * (n % 50 + 1) for n in range(0, 300, 7)]  # 43 texts: 15 windows, more than are tokenized ahead
    seen = []
    got = like_a_gpu.encode(texts, Role.PASSAGE, on_progress=lambda *step: seen.append(step))
    expected = encoder.encode(texts, Role.PASSAGE)
    np.testing.assert_allclose(got.vectors, expected.vectors, atol=1e-6)
    assert got.n_tokens.tolist() == expected.n_tokens.tolist()
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (got.n_tokens.sum(), got.n_tokens.sum())


def test_no_text_gives_no_rows(encoder):
    encoded = encoder.encode([], Role.QUERY)
    assert encoded.vectors.shape == (0, 32)
    assert encoded.n_tokens.shape == (0,)


def test_the_prompt_is_added_once(encoder):
    bare, typed = encoder.encode(["서울", "query: 서울"], Role.QUERY).vectors
    np.testing.assert_allclose(bare, typed, atol=1e-6)
    assert np.abs(bare - encoder.encode(["서울"], Role.PASSAGE).vectors[0]).max() > 1e-3


def test_truncation_is_told(encoder):
    encoded = encoder.encode(["가" * 600, "가"], Role.NONE)
    assert encoded.n_tokens.tolist() == [603, 4]
    assert encoded.truncated.tolist() == [True, False]


def test_progress_counts_tokens_and_never_goes_back(encoder):
    seen = []
    texts = ["가" * n for n in (60, 3, 17, 41, 8, 25)]
    encoder.encode(texts, Role.NONE, on_progress=lambda done, total: seen.append((done, total)))
    total = sum(n + 3 for n in (60, 3, 17, 41, 8, 25))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (total, total)
    assert len(seen) > 2


def test_the_mean_of_the_token_vectors_is_the_vector(encoder):
    pieces, hidden = encoder.token_vectors("서울", Role.QUERY)
    assert pieces == ["<s>", "▁", "query", ":", "▁", "서", "울", "</s>"]
    mean = hidden.mean(axis=0)
    vector = encoder.encode(["서울"], Role.QUERY).vectors[0]
    np.testing.assert_allclose(mean / np.linalg.norm(mean), vector, atol=1e-6)


def test_weights_in_few_bits_are_the_ones_that_were_stored(tmp_path):
    folder = build_tiny_mini(tmp_path / "mini", bits=8)
    weights, name = FileWeights.find(folder, torch.device("cpu")), "encoder.layer.1.output.dense.weight"
    with safe_open(folder / FEW_BITS_FILES[1], "np") as file:
        codes, scales = (file.get_tensor(name + kind) for kind in (CODES, SCALES))
    by_hand = (codes.astype(np.float32) - 128) * np.repeat(scales, 32, axis=1).astype(np.float32)
    np.testing.assert_array_equal(weights.all(torch.float32)(name).numpy(), by_hand)
    words = weights.all(torch.float32)(WORDS)
    assert torch.equal(weights.with_words([3, 70])(WORDS), words[[3, 70]])
    assert words.shape == (2452, 64)
    assert weights.all(torch.bfloat16)(WORDS).dtype == torch.bfloat16
    assert set(weights.names()) >= {WORDS, name, "embeddings.LayerNorm.bias"}
    assert not [stored for stored in weights.names() if stored.endswith((CODES, SCALES))]


def test_bf16_is_loaded_straight_and_stays_close(folder):
    exact = fast_encoder(folder, describe())
    cheap = fast_encoder(folder, describe(), precision=Precision.BF16)
    texts = ["서울", "부산은 바다가 있는 도시이다"]
    got, expected = (engine.encode(texts, Role.PASSAGE).vectors for engine in (cheap, exact))
    assert np.abs(got @ got.T - expected @ expected.T).max() < 0.01


# --- which models ----------------------------------------------------------------------------------------------------


def change(folder, file, **values):
    path = folder / file
    content = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    path.write_text(json.dumps(content | values), "utf-8")


@pytest.mark.parametrize(
    ("file", "values", "reason"),
    [
        ("1_Pooling/config.json", {"pooling_mode": "max"}, "pooling max"),
        ("1_Pooling/config.json", {"pooling_mode": ["mean", "cls"]}, r"pooling mean\+cls"),
        ("1_Pooling/config.json", {"include_prompt": False}, "pooling mean"),
        ("config.json", {"hidden_act": "relu"}, "hidden_act relu"),
        ("config.json", {"position_embedding_type": "relative_key"}, "relative_key"),
        ("config.json", {"is_decoder": True}, "is_decoder"),
        ("config.json", {"model_type": "modernbert"}, "architecture modernbert"),
        ("sentence_bert_config.json", {"do_lower_case": True}, "do_lower_case"),
        ("adapter_config.json", {}, "an adapter"),
        ("tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True}, "two files differ"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"9": {"content": "<new>"}}}, "two files differ"),
    ],
)
def test_a_model_of_another_shape_is_refused_with_the_reason(tmp_path, file, values, reason):
    folder = build_tiny_bert(tmp_path / "bert")
    read_model_folder(folder)
    change(folder, file, **values)
    with pytest.raises(OtherShapeError, match=reason):
        read_model_folder(folder)


def test_other_modules_are_refused_with_the_reason(tmp_path, folder):
    model = load(folder)
    SentenceTransformer(modules=[model[0], model[1], Dense(32, 16)], device="cpu").save(str(tmp_path / "widened"))
    with pytest.raises(OtherShapeError, match="modules Transformer, Pooling, Dense"):
        read_model_folder(tmp_path / "widened")


def test_a_model_without_a_fast_tokenizer_is_refused(tmp_path):
    folder = build_tiny_bert(tmp_path / "bert")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(OtherShapeError, match="fast form"):
        read_model_folder(folder)


def test_the_limit_is_what_the_files_say_and_never_beyond_the_positions(tmp_path):
    folder = build_tiny_xlmr(tmp_path / "model", max_tokens=64)
    assert read_model_folder(folder).max_tokens == 64
    change(folder, "sentence_bert_config.json", max_seq_length=40)
    assert read_model_folder(folder).max_tokens == 40
    change(folder, "sentence_bert_config.json", max_seq_length=None)
    change(folder, "tokenizer_config.json", model_max_length=10**30)
    # XLM-RoBERTa counts positions from 2: of 66 the first two are nobody's.
    assert read_model_folder(folder).max_tokens == 64


def test_the_older_names_of_poolings_are_understood(tmp_path):
    folder = build_tiny_xlmr(tmp_path / "model")
    (folder / "1_Pooling/config.json").write_text('{"word_embedding_dimension": 32, "pooling_mode_cls_token": true}')
    assert read_model_folder(folder).cls


# --- threads ---------------------------------------------------------------------------------------------------------


def test_the_container_limit_is_read(tmp_path):
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert cgroup_cores(tmp_path) == 1.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cgroup_cores(tmp_path) is None


def test_the_old_kind_of_container_limit_is_read(tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("50000")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000")
    assert cgroup_cores(tmp_path) == 0.5
    assert usable_threads(tmp_path, {}) == 1


def test_an_explicit_number_of_threads_is_obeyed(tmp_path):
    assert usable_threads(tmp_path, {"OMP_NUM_THREADS": "3"}) == 3
